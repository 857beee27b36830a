"""Take in what students hand in, whatever it is, and lay it out for nbgrader.

A submission may be no notebook at all, or one whose cells were deleted, copied, or edited. What is
graded is always the notebook that was handed out, with the student's answers in it. What is not as
it should be costs the exercises that it touches, and the reason is kept beside their checks.
"""

import ast
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from embgan_edu.base.cache import atomic_path
from embgan_edu.base.errors import DataError

LARGEST = 20_000_000  # bytes of a submitted notebook

REASON = "embgan_reason"  # the metadata of a check that cannot be graded


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one assignment, ready to be graded.

    Args:
        student: The name of the student's folder, with plain characters only.
        assignment: Such as ``"ex04"``.
        notebook: The notebook that was handed out, with the student's answers.
        reasons: Why exercises cannot be graded, by exercise.
    """

    student: str
    assignment: str
    notebook: Any
    reasons: dict[str, str] = field(default_factory=dict)


def collect(folder: Path, released: Path) -> tuple[list[Submission], list[str]]:
    """Read all submissions below a folder.

    Args:
        folder: One folder per student, as learning management systems hand them out. Somewhere in
            it lies ``ex04.ipynb``, or a file whose name ends so, for every assignment handed in.
        released: What was handed out: ``exercises`` of a checkout.

    Returns:
        The submissions, and a line for each file that is none.

    Raises:
        DataError: There is no such folder, or nothing in it, or a student handed in one assignment
            twice, or two students have names that differ in special characters only.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; expected one folder per student in it.")
    assignments = sorted((path.stem for path in released.glob("*/*.ipynb")), key=len, reverse=True)
    found: dict[tuple[str, str], Path] = {}
    students: dict[str, str] = {}
    ignored = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or ".ipynb_checkpoints" in path.parts:
            continue
        inside = path.relative_to(folder)
        assignment = _assignment_of(path, assignments)
        if len(inside.parts) < 2 or assignment is None or path.is_symlink():
            ignored.append(f"{inside}: not taken; expected student/.../{assignments[-1]}.ipynb")
            continue
        name = inside.parts[0]
        student = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._") or "nameless"
        if students.setdefault(student, name) != name:
            raise DataError(
                f"The folders {students[student]!r} and {name!r} both stand for the student "
                f"{student!r}; rename one."
            )
        if (student, assignment) in found:
            earlier = found[student, assignment].relative_to(folder)
            raise DataError(
                f"{name} handed in {assignment} twice: {earlier} and {inside}; remove one."
            )
        found[student, assignment] = path
    if not found:
        raise DataError(
            f"There is no submission in {folder}; expected student/ex04.ipynb, with the name of "
            f"an assignment: {', '.join(sorted(assignments))}."
        )
    submissions = []
    for (student, assignment), path in found.items():
        handed_out = nbformat.read(released / assignment / f"{assignment}.ipynb", as_version=4)
        notebook, reasons = restore(path, handed_out)
        submissions.append(Submission(student, assignment, notebook, reasons))
    return submissions, ignored


def _assignment_of(path: Path, assignments: list[str]) -> str | None:
    """The assignment that a file name ends with: systems put names and numbers before it."""
    if path.suffix != ".ipynb":
        return None
    for assignment in assignments:
        if re.search(rf"(^|[^A-Za-z0-9]){assignment}$", path.stem):
            return assignment
    return None


def store(submission: Submission, folder: Path) -> Path:
    """Write a submission where nbgrader looks for it, below ``folder``."""
    name = submission.assignment
    target = folder / submission.student / name / f"{name}.ipynb"
    with atomic_path(target) as path:
        nbformat.write(submission.notebook, path)
    return target


# --- One notebook --------------------------------------------------------------------------------


def restore(path: Path, handed_out: Any) -> tuple[Any, dict[str, str]]:
    """Put the answers of a submitted file into the notebook that was handed out.

    Cells that the student added keep their place behind the cell they follow.

    Args:
        path: What the student handed in.
        handed_out: The notebook of the assignment.

    Returns:
        The notebook to grade, and why exercises cannot be graded, by exercise.
    """
    names = [c.metadata.nbgrader.grade_id for c in handed_out.cells if _is_check(c)]
    try:
        cells = _read_cells(path)
    except DataError as error:
        reasons = dict.fromkeys(names, str(error))
        return _with_reasons(handed_out, reasons), reasons
    by_id = defaultdict(list)
    for cell in cells:
        by_id[_grade_id(cell)].append(cell)
    reasons = {}
    result = []
    extra = _extra_cells(cells, {_grade_id(cell) for cell in handed_out.cells} - {""})
    result += extra.pop("", [])
    for cell in handed_out.cells:
        name = _grade_id(cell)
        if not name:
            # Text and imports come from the student's notebook, where they may have been changed.
            continue
        exercise = name.removesuffix("-answer")
        theirs = by_id[name]
        problem = _problem(cell, theirs)
        if problem:
            reasons.setdefault(exercise, problem)
        elif not _is_check(cell):
            cell = nbformat.from_dict({**cell, "source": theirs[0].source})
        result.append(cell)
        result += extra.pop(name, [])
    notebook = nbformat.from_dict({**handed_out, "cells": result})
    return _with_reasons(notebook, reasons), reasons


def _read_cells(path: Path) -> list[Any]:
    """The cells of a submitted file, each with a type, a text, and metadata."""
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(
            f"The file has {size / 1e6:.0f} MB; expected at most {LARGEST / 1e6:.0f}. "
            "Clear the outputs before you hand in."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = content["cells"]
        plain = [
            nbformat.from_dict(
                {
                    "cell_type": cell["cell_type"],
                    "source": "".join(cell["source"]),
                    "metadata": dict(cell.get("metadata", {})),
                }
            )
            for cell in cells
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            "The file cannot be read as a notebook; expected a .ipynb of Jupyter, version 4. "
            f"({type(error).__name__})"
        ) from error
    return [cell for cell in plain if cell.cell_type in ("code", "markdown", "raw")]


def _grade_id(cell: Any) -> str:
    about = cell.metadata.get("nbgrader", {})
    name = about.get("grade_id", "") if isinstance(about, dict) else ""
    return name if isinstance(name, str) else ""


def _is_check(cell: Any) -> bool:
    about = cell.metadata.get("nbgrader", {})
    return bool(about.get("grade")) and not about.get("solution")


def _extra_cells(cells: list[Any], known: set[str]) -> dict[str, list[Any]]:
    """All cells without points, by the cell with points that they follow."""
    extra: dict[str, list[Any]] = defaultdict(list)
    place = ""
    for cell in cells:
        name = _grade_id(cell)
        if name in known:
            place = name
            continue
        new = {
            "code": nbformat.v4.new_code_cell,
            "markdown": nbformat.v4.new_markdown_cell,
            "raw": nbformat.v4.new_raw_cell,
        }[cell.cell_type](cell.source)
        tags = cell.metadata.get("tags", [])
        if isinstance(tags, list):
            new.metadata["tags"] = [tag for tag in tags if isinstance(tag, str)]
        extra[place].append(new)
    return extra


def _problem(cell: Any, theirs: list[Any]) -> str:
    """Why a cell of the handed-out notebook cannot be taken from the submission."""
    what = "check" if _is_check(cell) else "answer"
    if not theirs:
        return f"The cell of the {what} is missing: it was deleted, or its metadata was."
    if len(theirs) > 1:
        return f"The cell of the {what} is there {len(theirs)} times; expected one."
    if theirs[0].cell_type != cell.cell_type:
        return f"The cell of the {what} is now a {theirs[0].cell_type} cell."
    if _is_check(cell) and _plain_check(theirs[0].source) != _plain_check(cell.source):
        return "The cell of the check was changed; only hint=... may be added to it."
    return ""


def _plain_check(source: str) -> str:
    """The code of a check, without comments, spaces, and the number of hints."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.keywords = [k for k in node.keywords if not _is_hint(k)]
    return ast.dump(tree)


def _is_hint(keyword: ast.keyword) -> bool:
    return keyword.arg == "hint" and isinstance(keyword.value, ast.Constant)


def _with_reasons(notebook: Any, reasons: dict[str, str]) -> Any:
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        if _is_check(cell) and _grade_id(cell) in reasons:
            cell.metadata[REASON] = reasons[_grade_id(cell)]
    return notebook
