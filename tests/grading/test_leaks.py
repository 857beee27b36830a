"""No answer and no hidden test gets to where students look."""

import zipfile
from pathlib import Path

import leaks
import pytest
from hatchling.builders.wheel import WheelBuilder

from embgan_edu.checks import exercises

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
SOLUTIONS = sorted((ROOT / "solutions").glob("*/*.ipynb"))
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in SOLUTIONS:
        found |= leaks.pieces(path)
    assert len(found) > 2 * len(exercises())  # more than an answer each
    return found


def text_files(folder: Path) -> list[Path]:
    binary = {".png", ".svg", ".woff", ".woff2", ".ttf", ".eot", ".inv", ".pickle", ".parquet"}
    return [p for p in folder.rglob("*") if p.is_file() and p.suffix not in binary]


def test_the_notebooks_of_students_hold_no_answers(secrets: dict[str, str]) -> None:
    assert [path.stem for path in EXERCISES] == [path.stem for path in SOLUTIONS]
    assert leaks.leaks(secrets, text_files(ROOT / "exercises")) == []
    for path in EXERCISES:
        for marker in ("SOLUTION", "HIDDEN", "MISTAKES"):
            assert marker not in path.read_text(encoding="utf-8"), path.name


def test_the_wheel_holds_no_answers(secrets: dict[str, str], tmp_path: Path) -> None:
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "wheel")
    names = {path.name for path in text_files(tmp_path / "wheel")}
    assert {"engine.py", "ch04.py", "figures.json"} <= names
    assert leaks.leaks(secrets, text_files(tmp_path / "wheel")) == []


@pytest.mark.site
def test_the_built_site_holds_no_answers(secrets: dict[str, str]) -> None:
    files = text_files(SITE)
    downloads = {path.name for path in files if "_downloads" in path.parts}
    assert {path.name for path in EXERCISES if path.stem.startswith("ex")} <= downloads
    assert any("_sources" in path.parts for path in files)
    assert SITE / "searchindex.js" in files
    # Mathematics and the theme's scripts are not ours.
    ours = [path for path in files if "_static" not in path.parts]
    assert leaks.leaks(secrets, ours) == []


# --- The search itself finds what it is for ------------------------------------------------------

ANSWER = """
    ### BEGIN SOLUTION
    fake = G(z, onehot).detach()
    loss = loss_of(D(real, onehot), D(fake, onehot))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "page.html",
            "<span>fake</span> <b>=</b> G(z, onehot).detach()\n  loss = loss_of(D(real, "
            "onehot), D(fake, onehot))\n<i>optimizer</i>.zero_grad()\nloss.backward()",
        ),
        (
            "page.html",
            "    loss = loss_of(D(real, onehot),\n D(fake, onehot))\noptimizer.zero_grad"
            "()\n\nloss.backward()\noptimizer.step()",
        ),
        ("module.py", ANSWER),
        ("deck.html", "&#32;" + ANSWER.replace("(", "&#40;")),
    ],
)
def test_a_planted_answer_is_found(tmp_path: Path, name: str, content: str) -> None:
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ANSWER)])
    nbformat.write(notebook, tmp_path / "solution.ipynb")
    found = leaks.pieces(tmp_path / "solution.ipynb")
    clean = tmp_path / f"clean-{name}"
    clean.write_text("optimizer.zero_grad()\nloss.backward()\noptimizer.step()")
    assert leaks.leaks(found, [clean]) == []
    planted = tmp_path / name
    planted.write_text(content)
    assert leaks.leaks(found, [planted]) != []
    nbformat.write(notebook, tmp_path / "exercise.ipynb")
    assert leaks.leaks(found, [tmp_path / "exercise.ipynb"]) != []
