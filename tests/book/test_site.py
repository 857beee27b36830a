"""The built pages: complete, linked, described, and whole without the network."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import site_guards
import yaml

from embgan_edu.publish import figures
from embgan_edu.publish.chapters import Chapter, checkout, list_chapters

pytestmark = pytest.mark.site

ROOT = checkout()
SITE = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(entry["file"] for part in TOC["parts"] for entry in part["chapters"])]
URL = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "google-chrome"])), None)


@pytest.fixture(scope="module", autouse=True)
def site() -> None:
    assert (SITE / "index.html").is_file(), "build the site first: make site"


@pytest.mark.parametrize("guard", site_guards.GUARDS, ids=lambda guard: guard.__name__)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_must_be(guard: Callable[[Path], list[str]], name: str) -> None:
    assert guard(SITE / f"{name}.html") == []


@pytest.mark.parametrize("guard", site_guards.GUARDS[:2], ids=lambda guard: guard.__name__)
def test_the_pages_beside_the_contents_are_whole_too(guard: Callable[[Path], list[str]]) -> None:
    # The theme leaves templates of pages in _static.
    all_pages = {path for path in SITE.rglob("*.html") if SITE / "_static" not in path.parents}
    others = all_pages - {SITE / f"{name}.html" for name in PAGES}
    assert {"index.html", "genindex.html", "search.html"} <= {path.name for path in others}
    assert {path.name: guard(path) for path in others if guard(path)} == {}


def test_styles_load_nothing_from_elsewhere() -> None:
    for path in SITE.rglob("*.css"):
        loaded = re.findall(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')]+)", path.read_text())
        assert not loaded, f"{path.name} loads {loaded}"


def test_the_front_page_leads_to_the_book() -> None:
    assert f"url={TOC['root']}.html" in (SITE / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("chapter", list_chapters(ROOT), ids=lambda chapter: chapter.name)
def test_a_chapter_can_be_opened_elsewhere_and_downloaded(chapter: Chapter) -> None:
    notebook, page = f"book/{chapter.name}.ipynb", SITE / "book" / f"{chapter.name}.html"
    slug = URL.removeprefix("https://github.com/")
    assert site_guards.opens_elsewhere(page, notebook, slug) == []
    assert (SITE / "_sources" / notebook).is_file()


def test_the_search_knows_every_page() -> None:
    index = (SITE / "searchindex.js").read_text(encoding="utf-8")
    names = re.search(r'"?docnames"?: ?\[(.*?)\]', index)
    assert names and set(re.findall(r'"(.*?)"', names[1])) == set(PAGES)


def test_the_index_has_every_term_of_the_glossary() -> None:
    glossary = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"(?m)^(\S.*)\n  \S", glossary.split("```{glossary}")[1])
    index = site_guards.read(SITE / "genindex.html").text
    assert terms and [term for term in terms if term not in index] == []


def test_all_published_figures_are_in_the_appendix() -> None:
    text = site_guards.read(SITE / "book" / "figures.html").text
    for figure in figures.load_register().values():
        assert figure.name in text and figure.band() in text


def test_only_what_mathematics_needs_is_published() -> None:
    mathjax = SITE / "_static" / "mathjax"
    assert (mathjax / "tex-chtml.js").is_file()
    assert list(mathjax.rglob("MathJax_Main-Regular.woff"))
    assert sum(path.stat().st_size for path in mathjax.rglob("*") if path.is_file()) < 6e6


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser (chromium) to set the formulas")
@pytest.mark.parametrize("name", PAGES)
def test_formulas_are_set_without_the_network(name: str, tmp_path: Path) -> None:
    page = SITE / f"{name}.html"
    if not site_guards.count_formulas(page):
        pytest.skip("no formula on this page")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [f"--user-data-dir={tmp_path}/user", "--virtual-time-budget=10000", "--dump-dom"]
    command += [page.resolve().as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    dom = tmp_path / "dom.html"
    dom.write_text(run.stdout, encoding="utf-8")
    assert site_guards.formulas_are_set(dom) == []
