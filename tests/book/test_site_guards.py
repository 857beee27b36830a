"""Every guard of the site notices a page that is not right, and passes one that is."""

from collections.abc import Callable
from pathlib import Path

import pytest
import site_guards

NOTEBOOK = "book/03-x.ipynb"
SLUG = "someone/something"
GOOD = f"""<!DOCTYPE html>
<link rel="canonical" href="https://example.org/page.html">
<link rel="stylesheet" href="style.css">
<script src="mathjax/tex-chtml.js"></script>
<script>const home = "https://example.org";</script>
<h1 id="title">A page</h1> <h2 id="more">More, in /etc/hosts or and/tmp/or</h2>
<p><a href="#more">more</a> <a href="other.html#place">other</a> <a href="#">top</a>
<a href="https://example.org/away">away</a></p>
<img class="logo__image" src="picture.png" alt="">
<img src="picture.png" alt="A wide cloud of blue points.">
<span class="math notranslate">\\(x\\)</span>
<a href="https://colab.research.google.com/github/{SLUG}/blob/main/{NOTEBOOK}">Colab</a>
<a href="https://mybinder.org/v2/gh/{SLUG}/main?urlpath=lab/tree/{NOTEBOOK}">Binder</a>
<a href="_sources/{NOTEBOOK}">download</a>
"""


def write(folder: Path, text: str) -> Path:
    """A small site, and in it a page with this text."""
    (folder / "mathjax").mkdir()
    (folder / "_sources" / "book").mkdir(parents=True)
    for name in ("style.css", "picture.png", "mathjax/tex-chtml.js", f"_sources/{NOTEBOOK}"):
        (folder / name).write_text("", encoding="utf-8")
    (folder / "other.html").write_text('<p id="place">Here</p>', encoding="utf-8")
    page = folder / "page.html"
    page.write_text(text, encoding="utf-8")
    return page


@pytest.mark.parametrize("guard", site_guards.GUARDS, ids=lambda guard: guard.__name__)
def test_a_good_page_passes(guard: Callable[[Path], list[str]], tmp_path: Path) -> None:
    assert guard(write(tmp_path, GOOD)) == []


BAD = [
    ("loads_nothing_from_elsewhere", 'src="mathjax/', 'src="https://cdn.example.org/mathjax/'),
    ("loads_nothing_from_elsewhere", 'href="style.css"', 'href="//cdn.example.org/style.css"'),
    ("loads_nothing_from_elsewhere", 'src="picture.png" alt="A', 'src="http://a.b/c.png" alt="A'),
    ("loads_nothing_from_elsewhere", "<script>const", '<script>import("https://a.b/c.js");const'),
    ("loads_nothing_from_elsewhere", "<h1", "<style>p {src: url('https://a.b/f.woff')}</style><h1"),
    ("links_lead_somewhere", 'href="#more"', 'href="#less"'),
    ("links_lead_somewhere", "other.html#place", "other.html#nowhere"),
    ("links_lead_somewhere", "other.html#place", "another.html"),
    ("links_lead_somewhere", 'src="picture.png"', 'src="lost.png"'),
    ("pictures_are_described", 'alt="A wide cloud of blue points."', ""),
    ("pictures_are_described", "A wide cloud of blue points.", "plot"),
    ("pictures_are_described", "A wide cloud of blue points.", "images/a-wide-cloud-of-points.png"),
    ("ids_are_unique", 'id="more"', 'id="title"'),
    ("names_no_machine", "/etc/hosts", "/home/someone/book"),
    ("formulas_have_their_script", '<script src="mathjax/tex-chtml.js"></script>', ""),
    ("formulas_have_their_script", "mathjax/tex-chtml.js", "https://a.b/mathjax/tex-chtml.js"),
    ("formulas_have_their_script", "mathjax/tex-chtml.js", "mathjax/lost.js"),
]


@pytest.mark.parametrize(("guard", "good", "bad"), BAD)
def test_a_bad_page_is_noticed(guard: str, good: str, bad: str, tmp_path: Path) -> None:
    assert good in GOOD
    page = write(tmp_path, GOOD.replace(good, bad))
    assert len(getattr(site_guards, guard)(page)) >= 1


def test_each_guard_has_a_bad_page() -> None:
    assert {guard.__name__ for guard in site_guards.GUARDS} == {name for name, _, _ in BAD}


SET = '<span class="math">\\(<mjx-container><mjx-math></mjx-math></mjx-container>\\)</span>'


@pytest.mark.parametrize(
    ("inside", "wrong"),
    [
        ("<mjx-math></mjx-math>", []),
        ('<mjx-mtext style="color: red;">\\nothing</mjx-mtext>', ["1 macros are unknown"]),
        ("<mjx-merror></mjx-merror>", ["1 formulas are in error"]),
    ],
)
def test_a_formula_that_is_not_understood_is_noticed(
    inside: str, wrong: list[str], tmp_path: Path
) -> None:
    # MathJax's own style names errors on every page.
    style = "<style>mjx-merror { color: red; }</style>"
    dom = tmp_path / "dom.html"
    dom.write_text(style + SET.replace("<mjx-math></mjx-math>", inside), encoding="utf-8")
    assert site_guards.formulas_are_set(dom) == wrong


def test_a_formula_that_is_not_set_is_noticed(tmp_path: Path) -> None:
    dom = tmp_path / "dom.html"
    dom.write_text(SET + '<div class="math">\\[x\\]</div>', encoding="utf-8")
    assert site_guards.formulas_are_set(dom) == ["1 of 2 formulas are set"]


@pytest.mark.parametrize("place", ["Colab", "Binder", "download"])
def test_a_missing_way_to_open_a_chapter_is_noticed(place: str, tmp_path: Path) -> None:
    lines = [line for line in GOOD.splitlines() if not line.endswith(f">{place}</a>")]
    page = write(tmp_path, "\n".join(lines))
    wrong = site_guards.opens_elsewhere(page, NOTEBOOK, SLUG)
    assert wrong == [f"no {place} link to {NOTEBOOK}"]


def test_a_chapter_that_opens_another_one_is_noticed(tmp_path: Path) -> None:
    page = write(tmp_path, GOOD.replace("blob/main/book/03-x", "blob/main/03-x"))
    wrong = site_guards.opens_elsewhere(page, NOTEBOOK, SLUG)
    assert wrong == [f"no Colab link to {NOTEBOOK}"]
