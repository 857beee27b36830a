"""Slides of a chapter: nothing of MyST is left, every picture is there, and all fits its slide."""

import base64
import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from embgan_edu.base.errors import DataError, DownloadError
from embgan_edu.data.download import fetch
from embgan_edu.publish import slides
from embgan_edu.publish.chapters import Chapter, checkout, list_chapters

CHAPTERS = list_chapters(checkout())
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "google-chrome"])), None)
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)


def read(chapter: Chapter) -> Any:
    return nbformat.read(chapter.path, as_version=4)


def kinds(notebook: Any) -> list[str]:
    return [c.metadata.get("slideshow", {}).get("slide_type", "-") for c in notebook.cells]


def prose(notebook: Any) -> str:
    """The Markdown, without embedded pictures and code."""
    text = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    return re.sub(r"(?s)```.*?```", "", re.sub(r"data:image/[^\"&]*", "", text))


def write(folder: Path, *cells: Any) -> Path:
    path = folder / "04-x.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


@every_chapter
def test_no_syntax_of_the_book_is_left(chapter: Chapter) -> None:
    text = prose(slides.slides_notebook(chapter.path))
    for left in (r"\{[a-z:]+\}`", r"(?m)^ *:::", r"`{3,}\{", r"<!--", r"(?m)^:[a-z]+: ", r"\]\(\)"):
        assert not re.search(left, text), left
    # The words of a reference stay, and no source is called by its key.
    assert not re.search(r"\b[a-z]{4,}(19|20)\d\d\b", text)


@every_chapter
def test_every_picture_is_there_with_its_alt_text(chapter: Chapter) -> None:
    deck = slides.slides_notebook(chapter.path)
    pictures = dict(
        re.findall(r'<img alt="([^"]*)" src="data:image/[\w+]+;base64,([^"]*)"', all_text(deck))
    )
    pictures = {html.unescape(alt): content for alt, content in pictures.items()}
    expected = {}
    for cell in read(chapter).cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                alt = cell.metadata["mystnb"]["image"]["alt"]
                expected[alt] = output["data"]["image/png"].replace("\n", "")
        named = re.findall(r"\{figure\} (\S+)\n(?:.*\n)*?:alt: (.*)", cell.source)
        named += [(path, alt) for alt, path in re.findall(r"!\[(.*?)\]\((\S+)\)", cell.source)]
        for path, alt in named:
            content = (chapter.path.parent / path).read_bytes()
            expected[alt] = base64.b64encode(content).decode()
    assert len(pictures) >= len(expected) > 0
    assert {alt: pictures.get(alt) for alt in expected} == expected


def all_text(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells)


@every_chapter
def test_a_heading_begins_a_slide_and_only_a_heading(chapter: Chapter) -> None:
    text = "\n".join(c.source for c in read(chapter).cells if c.cell_type == "markdown")
    headings = re.findall(r"(?m)^##? (.*)", text)
    assert set(headings) >= slides.LEFT_OUT
    deck = slides.slides_notebook(chapter.path)
    starts = [c.source for c, k in zip(deck.cells, kinds(deck), strict=True) if k == "slide"]
    stay = [heading for heading in headings if heading not in slides.LEFT_OUT]
    assert [re.sub("^#+ ", "", start) for start in starts] == stay


@every_chapter
def test_exercises_imports_and_checks_of_figures_stay_away(chapter: Chapter) -> None:
    deck = slides.slides_notebook(chapter.path)
    source = "\n".join(c.source for c in deck.cells if c.cell_type == "code")
    for word in ("figures.check", "google.colab", "TRAINING_SEED = ", "KERAS_BACKEND"):
        assert word not in source
    assert not re.search(r"(?m)^(import|from) ", source)
    text = all_text(deck)
    original = "\n".join(c.source for c in read(chapter).cells)
    exercises = re.findall(r"(?s):::\{exercise\}\n(?::.*?\n)*(.*?):::", original)
    assert exercises and not [e for e in exercises if e.strip()[:60] in text]
    answers = len(re.findall(r":::\{dropdown\}", original))
    assert kinds(deck).count("fragment") == answers > 0


@every_chapter
def test_what_is_cut_on_a_slide_is_in_its_notes(chapter: Chapter) -> None:
    deck = slides.slides_notebook(chapter.path)
    notes = [c.source for c, k in zip(deck.cells, kinds(deck), strict=True) if k == "notes"]
    cut = [c.source for c in deck.cells if " … " in c.source]
    for text in cut:
        begin, end = text.split(" … ")
        assert any(begin in note and end in note for note in notes)
    words = set(re.findall(r"[A-Za-z]{4,}", prose(deck)))
    for cell in read(chapter).cells:
        if cell.cell_type == "markdown" and ":::" not in cell.source and "```" not in cell.source:
            if "## Exercises" in cell.source or "Further reading" in cell.source:
                continue
            plain = re.sub(
                r"(?s)<!--.*?-->|\{cite.*?\}`.*?`|\{\w+\}`.*?`|\]\(.*?\)", "", cell.source
            )
            missing = set(re.findall(r"[A-Za-z]{4,}", plain)) - words - {"figures", "this"}
            assert not missing - {"chapter"}, missing


def test_slide_types_of_an_instructor_come_first(tmp_path: Path) -> None:
    def cell(text: str, kind: str) -> Any:
        return new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})

    path = write(
        tmp_path,
        new_markdown_cell("# Title\n\nOne."),
        cell("Left out.", "skip"),
        cell("Another slide.", "subslide"),
        cell("For me.", "notes"),
    )
    deck = slides.slides_notebook(path)
    assert [(k, c.source) for k, c in zip(kinds(deck), deck.cells, strict=True)] == [
        ("slide", "# Title"),
        ("-", "One."),
        ("subslide", "# Title"),
        ("notes", "For me."),
        ("-", "Another slide."),
    ]


def test_long_code_leaves_its_functions_and_progress_leaves_nothing(tmp_path: Path) -> None:
    code = "x = 1\n\n\ndef f(x):\n    return x\n\n\n" + "print(f(x))\n" * 25
    bar = new_output("display_data", data={"text/plain": "training: 5 of 5 steps"})
    said = new_output("stream", text="1\n\n\n2\n")
    path = write(tmp_path, new_markdown_cell("# Title"), new_code_cell(code, outputs=[bar, said]))
    deck = slides.slides_notebook(path)
    assert [c.source for c in deck.cells if c.cell_type == "code"] == ["def f(x):\n    return x"]
    assert "training" not in all_text(deck)
    assert "```\n1\n```" in all_text(deck) and "```\n2\n```" in all_text(deck)


def test_a_source_is_cited_by_its_authors() -> None:
    cited = slides._sources(checkout() / "book" / "references.bib")
    assert cited["gupta2019"] == "Gupta, 2019"
    assert cited["kynkaanniemi2019"] == "Kynkäänniemi et al., 2019"
    assert cited["vandermaaten2008"] == "van der Maaten and Hinton, 2008"


class Sections(HTMLParser):
    """How sections lie within each other."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.depth, self.stacks, self.leaves, self.addresses = 0, 0, 0, list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self.depth += 1
            self.stacks += self.depth == 1
            self.leaves += self.depth == 2
        self.addresses += [v or "" for k, v in attrs if k in {"src", "href"} and tag != "a"]

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "section"
        assert self.depth >= 0


@pytest.fixture(scope="module")
def reveal() -> None:
    try:
        fetch(slides.REVEAL)
    except DownloadError as error:
        if "not in the cache" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.mark.data
def test_a_deck_is_one_file_with_a_section_for_every_slide(reveal: None, tmp_path: Path) -> None:
    path = slides.export_slides(CHAPTERS[8].path, tmp_path / "out")
    assert path == tmp_path / "out" / "09-label-smoothing.slides.html"
    found = Sections(path.read_text(encoding="utf-8"))
    assert all(address.startswith("data:") for address in found.addresses)
    deck = kinds(slides.slides_notebook(CHAPTERS[8].path))
    assert found.depth == 0
    assert found.stacks == deck.count("slide")
    assert found.leaves == deck.count("slide") + deck.count("subslide")


def test_without_the_package_that_sets_formulas_the_message_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(slides, "_reveal", lambda: ("", ""))
    monkeypatch.setattr(slides, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="sphinx-mathjax-offline"):
        slides.export_slides(CHAPTERS[0].path, tmp_path)


@pytest.mark.data
@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser (chromium) to show slides")
@every_chapter
def test_every_slide_fits_and_needs_no_network(
    chapter: Chapter, reveal: None, tmp_path: Path
) -> None:
    path = slides.export_slides(chapter.path, tmp_path)
    page = path.read_text(encoding="utf-8")
    assert not [a for a in Sections(page).addresses if not a.startswith("data:")]
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [f"--user-data-dir={tmp_path}/user", "--virtual-time-budget=20000", "--dump-dom"]
    command += [path.resolve().as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    deck = kinds(slides.slides_notebook(chapter.path))
    fits = re.findall(r'<section[^>]*data-fits="(\w+)"', run.stdout)
    assert fits == ["true"] * (deck.count("slide") + deck.count("subslide"))
    sizes = [int(size) for size in re.findall(r'<section[^>]*data-size="(\d+)"', run.stdout)]
    assert min(sizes) >= 70, "a slide is too full to be read"
    assert "mjx-merror" not in run.stdout.split("<body")[-1]
    assert 'class="reveal' in run.stdout and "ready" in run.stdout
