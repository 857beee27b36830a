"""The book's own Sphinx extension, without Sphinx running."""

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from embgan_edu.checks import exercises
from embgan_edu.publish import figures
from embgan_edu.publish.chapters import checkout

FIGURE = figures.Figure(
    "ch07/gain", "gain, movie reviews", "points", 1, -0.61, -1.2, 0.1, -0.5, 0.1, 20, 0.0, "", ""
)


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("sphinx")
    path = checkout() / "book" / "_ext" / "book_build.py"
    spec = importlib.util.spec_from_file_location("book_build", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(figures, "load_register", lambda: {FIGURE.name: FIGURE})
    return module


def test_the_tables_take_their_place(extension: ModuleType) -> None:
    source = [(checkout() / "book" / "figures.md").read_text(encoding="utf-8")]
    noted: list[str] = []
    app = SimpleNamespace(env=SimpleNamespace(note_dependency=noted.append))
    extension.insert_tables(app, "book/figures", source)
    assert (
        "\n| `ch07/gain` | gain, movie reviews | -0.5 ± 0.05 points | -1.20 to 0.10 |" in source[0]
    )
    assert extension.PLACE not in source[0]
    assert noted == [str(figures.REGISTER)]  # a new band must renew the page


def test_other_pages_stay_as_they_are(extension: ModuleType) -> None:
    source = [extension.PLACE]
    extension.insert_tables(SimpleNamespace(), "book/intro", source)
    assert source == [extension.PLACE]


def test_a_page_of_figures_without_a_place_for_them_is_refused(extension: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"book/figures\.md has no line '% the tables"):
        extension.insert_tables(SimpleNamespace(), "book/figures", ["# All figures"])


def test_the_handbook_gets_a_table_of_assignments(extension: ModuleType) -> None:
    table = extension.assignments_table().splitlines()
    points = sum(exercise.points for exercise in exercises().values())
    assert table[-1].split(" | ")[1] == str(len(exercises()))
    assert table[-1].endswith(f" {points:g} |")
    four = [exercise for name, exercise in exercises().items() if name.startswith("ex04-")]
    minutes = sum(exercise.minutes for exercise in four)
    written = sum(exercise.kind == "write" for exercise in four)
    points = sum(exercise.points for exercise in four)
    assert f"| `ex04` | {len(four)} | {written} | {minutes} | {points:g} |" in table
    with pytest.raises(ValueError, match="no exercises ex99-1"):
        extension.assignment_of("ex99")


def test_only_unused_files_of_mathjax_are_removed(extension: ModuleType, tmp_path: Path) -> None:
    mathjax = tmp_path / "_static" / "mathjax"
    kept = ["tex-chtml.js", "output/chtml.js", "sre/mathmaps/base.json", "sre/mathmaps/en.json"]
    gone = ["tex-svg.js", "output/svg/fonts/tex.js", "sre/mathmaps/es.json", "sre/mathmaps/de.json"]
    for name in kept + gone:
        (mathjax / name).parent.mkdir(parents=True, exist_ok=True)
        (mathjax / name).write_text("", encoding="utf-8")
    extension.remove_unused_mathjax(SimpleNamespace(outdir=tmp_path), None)
    left = {str(path.relative_to(mathjax)) for path in mathjax.rglob("*") if path.is_file()}
    assert left == set(kept)
