"""The built pages: complete, linked, described, and whole without the network."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from embgan_edu import figures
from embgan_edu.chapters import checkout, list_chapters

pytestmark = pytest.mark.site

ROOT = checkout()
SITE = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(entry["file"] for part in TOC["parts"] for entry in part["chapters"])]
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "google-chrome"])), None)


class Page(HTMLParser):
    """The tags of a page, and the names that links can point to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.ids = {a[key] for _, a in self.tags for key in ("id", "name") if key in a}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    assert SITE.is_dir(), "build the site first: make site"
    return {name: Page(SITE / f"{name}.html") for name in PAGES}


def test_the_front_page_leads_to_the_book(pages: dict[str, Page]) -> None:
    assert f"url={TOC['root']}.html" in (SITE / "index.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_the_network(pages: dict[str, Page]) -> None:
    sources = [(tag, "src") for tag in ("script", "img", "iframe", "source", "video", "embed")]
    loading = {*sources, ("link", "href"), ("object", "data")}
    for path in SITE.rglob("*.html"):
        for tag, attributes in Page(path).tags:
            for name, value in attributes.items():
                if (tag, name) in loading and attributes.get("rel") != "canonical":
                    assert not re.match(r"(https?:)?//", value), f"{path.name} loads {value}"
    for path in SITE.rglob("*.css"):
        loaded = re.findall(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')]+)", path.read_text())
        assert not loaded, f"{path.name} loads {loaded}"


def test_every_link_within_the_book_leads_somewhere(pages: dict[str, Page]) -> None:
    known = {path.resolve() for path in SITE.rglob("*") if path.is_file()}
    read: dict[Path, Page] = {}
    broken = []
    for name, page in pages.items():
        here = (SITE / f"{name}.html").resolve()
        for tag, attributes in page.tags:
            link = attributes.get("href" if tag in {"a", "link"} else "src", "")
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link in {"", "#"}:
                continue
            target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
            if target not in known:
                broken.append(f"{name}: {link}")
            elif parts.fragment and target.suffix == ".html":
                if target not in read:
                    read[target] = Page(target)
                if unquote(parts.fragment) not in read[target].ids:
                    broken.append(f"{name}: {link}")
    assert broken == []


def test_every_picture_has_a_description(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for tag, attributes in page.tags:
            of_the_theme = "_static/" in attributes.get("src", "")
            if tag == "img" and not of_the_theme:
                assert len(attributes.get("alt", "")) >= 20, f"{name}: {attributes.get('src')}"


@pytest.mark.parametrize("chapter", list_chapters(ROOT), ids=lambda chapter: chapter.name)
def test_a_chapter_can_be_opened_elsewhere_and_downloaded(chapter, pages: dict[str, Page]) -> None:
    name = f"book/{chapter.name}"
    links = [attributes.get("href", "") for tag, attributes in pages[name].tags if tag == "a"]
    slug = "embgan-edu/embgan-edu"
    assert f"https://colab.research.google.com/github/{slug}/blob/main/{name}.ipynb" in links
    assert any(
        re.match(rf"https://mybinder\.org/v2/gh/{slug}/main\?urlpath=.*{name}\.ipynb", link)
        for link in links
    )
    assert any(link.endswith(f"_sources/{name}.ipynb") for link in links)


def test_all_published_figures_are_in_the_appendix(pages: dict[str, Page]) -> None:
    text = (SITE / "book" / "figures.html").read_text(encoding="utf-8")
    for name in figures.load_register():
        assert f">{name}<" in text


def test_only_what_mathematics_needs_is_published(pages: dict[str, Page]) -> None:
    mathjax = SITE / "_static" / "mathjax"
    assert (mathjax / "tex-chtml.js").is_file()
    assert list(mathjax.rglob("MathJax_Main-Regular.woff"))
    assert sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file()) < 40e6


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser (chromium) to set the formulas")
@pytest.mark.parametrize("name", PAGES)
def test_formulas_are_set_without_the_network(
    name: str, pages: dict[str, Page], tmp_path: Path
) -> None:
    def count(page: Page) -> int:
        return sum("math" in a.get("class", "").split() for _, a in page.tags)

    if not count(pages[name]):
        pytest.skip("no formula on this page")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000", "--dump-dom"]
    command += [(SITE / f"{name}.html").resolve().as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert dom.count("<mjx-container") >= count(pages[name])
    wrong = re.findall(r"<mjx-merror|<mjx-mtext[^>]*color: ?red[^>]*>", dom)
    assert not wrong, f"a formula of {name} is not TeX: {wrong}"
