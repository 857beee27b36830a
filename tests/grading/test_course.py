"""From solutions to marks, with nbgrader: as an instructor does it, on a copy of the course."""

import csv
import filecmp
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from embgan_edu.base.errors import DataError
from embgan_edu.checks.engine import exercises
from embgan_edu.grading import course

pytestmark = pytest.mark.grading

ROOT = Path(__file__).parents[2]
SOLUTIONS = sorted((ROOT / "solutions").glob("*/*.ipynb"))
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS\n?", re.DOTALL)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course, so that nobody's gradebook is touched, with shorter limits."""
    folder = tmp_path_factory.mktemp("course")
    for name in ("solutions", "exercises"):
        shutil.copytree(ROOT / name, folder / name)
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    config += "\nc.IsolatedExecute.cell_seconds = 8\nc.IsolatedExecute.memory = 2_000_000_000\n"
    (folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    return folder


def solved(path: Path) -> Any:
    """The notebook that a student would hand in who wrote what the instructor wrote."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = HIDDEN.sub("", cell.source).rstrip()
    return notebook


def marks(root: Path, folder: Path) -> dict[tuple[str, str], float]:
    """Points by student and exercise."""
    grades, _ = course.export(root, folder)
    with grades.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(row["student"], row["exercise"]): float(row["points"]) for row in rows}


def feedback(root: Path, student: str, assignment: str) -> str:
    path = root / "grading" / "feedback" / student / assignment / f"{assignment}.html"
    return path.read_text(encoding="utf-8")


def test_exercises_are_what_the_solutions_generate(root: Path, tmp_path: Path) -> None:
    course.generate(root, tmp_path, report=lambda line: None)
    generated = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    stored = {
        path.relative_to(ROOT / "exercises")
        for path in (ROOT / "exercises").rglob("*")
        if path.is_file() and ".ipynb_checkpoints" not in path.parts
    }
    assert generated == stored, "run make assignment, and commit exercises/"
    for path in generated:
        same = filecmp.cmp(tmp_path / path, ROOT / "exercises" / path, shallow=False)
        assert same, f"exercises/{path} is not what solutions/{path} generates: make assignment"


def test_a_solution_that_nbgrader_refuses_is_told_with_its_reason(tmp_path: Path) -> None:
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    broken = nbformat.v4.new_code_cell("### BEGIN SOLUTION\n1")
    broken.metadata["nbgrader"] = {
        "grade": False,
        "grade_id": "ex99-1-answer",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    (tmp_path / "solutions" / "ex99").mkdir(parents=True)
    notebook = nbformat.v4.new_notebook(cells=[broken])
    nbformat.write(notebook, tmp_path / "solutions" / "ex99" / "ex99.ipynb")
    with pytest.raises(DataError, match="ex99 cannot be generated: RuntimeError: no end solution"):
        course.generate(tmp_path, report=lambda line: None)


def test_every_solution_gets_all_points_and_every_untouched_notebook_none(
    root: Path, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    for path in SOLUTIONS:
        (inbox / "solved").mkdir(parents=True, exist_ok=True)
        (inbox / "untouched").mkdir(parents=True, exist_ok=True)
        nbformat.write(solved(path), inbox / "solved" / path.name)
        shutil.copy(root / "exercises" / path.stem / path.name, inbox / "untouched")
    assert course.autograde(root, inbox, report=lambda line: None) == []
    found = marks(root, tmp_path)
    for name, exercise in exercises().items():
        assert found["solved", name] == exercise.points, feedback_of(root, "solved", name)
        assert found["untouched", name] == 0, name
    by_hand = {exercise for _, exercise in found} - set(exercises())
    assert all(found["untouched", name] == 0 for name in by_hand)
    for path in SOLUTIONS:
        for student in ("solved", "untouched"):
            assert "MISTAKES" not in feedback(root, student, path.stem)
    with pytest.raises(DataError, match="no folder"):
        course.autograde(root, tmp_path / "nowhere")


def feedback_of(root: Path, student: str, exercise: str) -> str:
    text = re.sub(r"<[^>]+>", "", feedback(root, student, exercise.rsplit("-", 1)[0]))
    return text[text.find(f"{exercise}  ") :][:1500]


# --- Submissions that no course wants, and every course gets -------------------------------------


def loops(cells: dict[str, Any]) -> None:
    cells["ex04-1-answer"].source = "while True: pass"


def takes_50_gigabytes(cells: dict[str, Any]) -> None:
    cells[
        "ex04-1-answer"
    ].source = "def discriminator_loss(real, fake):\n    return torch.zeros(50 * 10**9 // 4).mean()"


def opens_a_socket(cells: dict[str, Any]) -> None:
    cells["ex04-1-answer"].source = (
        "import socket\n\ndef discriminator_loss(real, fake):\n"
        "    socket.create_connection(('example.org', 80))"
    )


def prints_a_gigabyte(cells: dict[str, Any]) -> None:
    cells[
        "ex04-1-answer"
    ].source = "def discriminator_loss(real, fake):\n    print('x' * 10**9)\n    return real.mean()"


def reads_the_solution(cells: dict[str, Any]) -> None:
    path = str(ROOT / "solutions" / "ex04" / "ex04.ipynb")
    cells["ex04-1-answer"].source = f"discriminator_loss = open({path!r}).read()"


def exits(cells: dict[str, Any]) -> None:
    cells["ex04-1-answer"].source = "import os; os._exit(0)"


def edits_the_test(cells: dict[str, Any]) -> None:
    cells["ex04-1"].source = "5.0"


BAD: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (loops, "The cell of the answer was stopped: it was not done after 8 seconds"),
    (takes_50_gigabytes, "RuntimeError|MemoryError"),
    (opens_a_socket, "ForbiddenError: An exercise may not use the network"),
    (prints_a_gigabyte, "printed more than 1,000,000 characters"),
    (reads_the_solution, "ForbiddenError: An exercise may not read"),
    (exits, "The cell of the answer was stopped: its process ended"),
    (edits_the_test, "The cell of the check was changed"),
]


def test_bad_submissions_cost_what_they_touch_and_disturb_nobody(
    root: Path, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    source = ROOT / "solutions" / "ex04" / "ex04.ipynb"
    for damage, _ in BAD:
        notebook = solved(source)
        damage({cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells})
        (inbox / damage.__name__).mkdir(parents=True)
        nbformat.write(notebook, inbox / damage.__name__ / "ex04.ipynb")
    for student in ("anna", "zoe"):  # graded before and after all others
        (inbox / student).mkdir()
        nbformat.write(solved(source), inbox / student / "ex04.ipynb")
    (inbox / "not_json").mkdir()
    (inbox / "not_json" / "ex04.ipynb").write_text("PK\x03\x04")
    lines: list[str] = []
    assert course.autograde(root, inbox, seed=7, report=lines.append) == []
    assert len(lines) == len(BAD) + 3
    found = marks(root, tmp_path)
    names = [name for name in exercises() if name.startswith("ex04-")]
    for name in names:
        full = exercises()[name].points
        assert found["anna", name] == found["zoe", name] == full
        assert found["not_json", name] == 0
        for damage, _ in BAD:
            assert found[damage.__name__, name] == (0 if name == "ex04-1" else full), damage
    assert "cannot be read as a notebook" in feedback(root, "not_json", "ex04")
    assert "graded with seed 7" in feedback(root, "anna", "ex04")
    for damage, reason in BAD:
        assert re.search(reason, feedback(root, damage.__name__, "ex04")), damage
