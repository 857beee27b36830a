"""The instructor's commands: hand out, grade, and export marks, with nbgrader behind them.

All work on a checkout of the book: ``solutions/`` is the source, ``exercises/`` is handed out, and
``grading/`` is private and never committed.
"""

import csv
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from embgan_edu.base.cache import atomic_path
from embgan_edu.base.errors import DataError
from embgan_edu.grading.collect import collect, store

Report = Callable[[str], None]


def list_assignments(root: Path) -> list[str]:
    """All assignments of a checkout, by name.

    Raises:
        DataError: There is none.
    """
    names = sorted(path.stem for path in (root / "solutions").glob("*/*.ipynb"))
    if not names:
        raise DataError(f"There is no solutions/ex04/ex04.ipynb or the like in {root}.")
    return names


def generate(root: Path, folder: Path | None = None, report: Report = print) -> None:
    """Make the notebooks that students get from the instructor's.

    Args:
        root: The checkout.
        folder: Where to write; ``exercises`` of the checkout unless it is given.
        report: What to do with a line of progress.

    Raises:
        DataError: nbgrader refuses a notebook; the message has its reason.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        config = _configure(root)
        if folder is not None:  # without a trace in the gradebook of the checkout
            config.CourseDirectory.release_directory = str(folder.resolve())
            config.CourseDirectory.db_url = f"sqlite:///{elsewhere}/gradebook.db"
        api = _open(config)
        for name in list_assignments(root):
            _generate(api, name)
            report(f"{name}: generated")


def autograde(
    root: Path, submissions: Path, seed: int | None = None, report: Report = print
) -> list[str]:
    """Collect, grade, and give feedback: one notebook after the other, whatever is in them.

    Args:
        root: The checkout.
        submissions: One folder per student.
        seed: Of the numbers on which answers are measured; a fixed one unless it is given.
        report: What to do with a line of progress.

    Returns:
        A line for each submission that could not be graded.

    Raises:
        DataError: Nothing can be collected; see :func:`embgan_edu.grading.collect.collect`.
    """
    collected, ignored = collect(submissions, root / "exercises")
    config = _configure(root)
    if seed is not None:
        config.IsolatedExecute.seed = seed
    api = _open(config)
    with Gradebook(api.coursedir.db_url) as gradebook:
        known = {assignment.name for assignment in gradebook.assignments}
    # A fresh checkout has the exercises, and no gradebook yet.
    for assignment in {submission.assignment for submission in collected} - known:
        _generate(api, assignment)
    for line in ignored:
        report(line)
    problems = []
    for number, submission in enumerate(collected, start=1):
        student, assignment = submission.student, submission.assignment
        store(submission, root / "grading" / "submitted")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what nbgrader's database says of nbgrader's code
            answer = api.autograde(assignment, student, force=True, create=True)
            if answer["success"]:
                answer = api.generate_feedback(assignment, student, force=True)
        head = f"{number} of {len(collected)}  {student} {assignment}"
        if not answer["success"]:
            problems.append(f"{head}: not graded. {_reason(answer)}")
            report(problems[-1])
            continue
        with Gradebook(api.coursedir.db_url) as gradebook:
            marks = gradebook.find_submission(assignment, student)
            report(f"{head}: {marks.score:g} of {marks.max_score:g} points")
    return problems


def export(root: Path, folder: Path) -> tuple[Path, Path]:
    """Write all marks as two tables.

    Args:
        root: The checkout.
        folder: Where to write ``grades.csv``, with a line per exercise, and ``totals.csv``, with a
            line per student and a column per assignment.

    Returns:
        The two files.

    Raises:
        DataError: Nothing has been graded.
    """
    api = _open(_configure(root))
    rows = []
    with Gradebook(api.coursedir.db_url) as gradebook:
        for assignment in gradebook.assignments:
            for submission in assignment.submissions:
                rows += [
                    {
                        "student": submission.student.id,
                        "assignment": assignment.name,
                        "exercise": grade.name,
                        "points": f"{grade.score:g}",
                        "of": f"{grade.max_score:g}",
                        "to be marked by hand": "yes" if grade.needs_manual_grade else "",
                    }
                    for notebook in submission.notebooks
                    for grade in notebook.grades
                ]
    if not rows:
        raise DataError("Nothing has been graded; run make autograde SUBMISSIONS=folder first.")
    rows.sort(key=lambda row: (row["student"], row["assignment"], row["exercise"]))
    totals: dict[str, dict[str, float]] = {}
    for row in rows:
        sums = totals.setdefault(row["student"], {})
        sums[row["assignment"]] = sums.get(row["assignment"], 0.0) + float(row["points"])
    columns = sorted({name for sums in totals.values() for name in sums})
    wide = [
        {"student": student} | {name: f"{points:g}" for name, points in sums.items()}
        for student, sums in totals.items()
    ]
    return (
        _write(folder / "grades.csv", list(rows[0]), rows),
        _write(folder / "totals.csv", ["student", *columns], wide),
    )


def _write(target: Path, columns: list[str], rows: list[dict[str, Any]]) -> Path:
    with atomic_path(target) as path, path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return target


def _configure(root: Path) -> Config:
    """Read nbgrader's configuration from the checkout."""
    (root / "grading").mkdir(exist_ok=True)
    config: Config = PyFileConfigLoader("nbgrader_config.py", str(root)).load_config()
    return config


def _open(config: Config) -> NbGraderAPI:
    if shutil.which("alembic") is None:
        # nbgrader calls this program, which lies beside Python, by its bare name.
        os.environ["PATH"] += os.pathsep + str(Path(sys.executable).parent)
    return NbGraderAPI(coursedir=CourseDirectory(config=config), config=config)


def _generate(api: NbGraderAPI, name: str) -> None:
    answer = api.generate_assignment(name, force=True, create=True)
    if not answer["success"]:
        raise DataError(f"{name} cannot be generated: {_reason(answer)}")


def _reason(answer: dict[str, Any]) -> str:
    """The error behind a failure of nbgrader, whose own last line only points to the others."""
    text = f"{answer.get('log') or ''}\n{answer.get('error') or ''}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Entry)\b: ", line)]
    return (errors or lines or ["nbgrader gives no reason"])[-1]
