"""What students hand in is never trusted: every kind of damage costs what it touches, no more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from embgan_edu.base.errors import DataError
from embgan_edu.grading.collect import REASON, collect, restore, store


def cell(name: str, source: str, check: bool = False) -> Any:
    about = {"grade_id": name, "grade": check, "solution": not check, "locked": check}
    return new_code_cell(source, metadata={"nbgrader": about | ({"points": 5} if check else {})})


def handed_out() -> Any:
    return new_notebook(
        cells=[
            new_markdown_cell("# Exercises"),
            new_code_cell("import torch"),
            cell("ex04-1-answer", "def f(): raise NotImplementedError()"),
            cell("ex04-1", 'check("ex04-1", f)', check=True),
            cell("ex04-2-answer", "def g(): raise NotImplementedError()"),
            cell("ex04-2", 'check("ex04-2", g)', check=True),
        ]
    )


@pytest.fixture
def course(tmp_path: Path) -> Path:
    target = tmp_path / "exercises" / "ex04" / "ex04.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(handed_out(), target)
    (tmp_path / "inbox").mkdir()
    return tmp_path


def answered() -> Any:
    notebook = handed_out()
    notebook.cells[2].source = "def f(): return 1"
    notebook.cells[4].source = "def g(): return 2"
    return notebook


def restored(tmp_path: Path, content: Any) -> tuple[Any, dict[str, str]]:
    path = tmp_path / "theirs.ipynb"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return restore(path, handed_out())


def sources(notebook: Any) -> list[str]:
    return [c.source for c in notebook.cells]


def test_answers_are_taken_and_added_cells_stay_where_they_are(tmp_path: Path) -> None:
    theirs = answered()
    theirs.cells.insert(3, new_code_cell("help_me = 1"))
    theirs.cells.insert(0, new_code_cell("import numpy"))
    theirs.cells.append(new_markdown_cell("The end"))
    notebook, reasons = restored(tmp_path, theirs)
    assert reasons == {}
    assert sources(notebook) == sources(theirs)
    nbformat.validate(notebook)


def test_comments_spaces_and_hints_in_a_check_are_no_change(tmp_path: Path) -> None:
    theirs = answered()
    theirs.cells[3].source = '# once more\ncheck( "ex04-1", f, hint=3 )'
    notebook, reasons = restored(tmp_path, theirs)
    assert reasons == {}
    assert notebook.cells[3].source == 'check("ex04-1", f)'


def delete_check(cells: list[Any]) -> None:
    del cells[3]


def delete_answer(cells: list[Any]) -> None:
    del cells[2]


def copy_check(cells: list[Any]) -> None:
    cells.append(cells[3])


def copy_answer(cells: list[Any]) -> None:
    cells.insert(3, cells[2])


def edit_check(cells: list[Any]) -> None:
    cells[3].source = "check = lambda *a: 5\n" + cells[3].source


def name_another_answer(cells: list[Any]) -> None:
    cells[3].source = 'check("ex04-1", g)'


def break_check(cells: list[Any]) -> None:
    cells[3].source = "check("


def turn_answer_into_text(cells: list[Any]) -> None:
    cells[2].cell_type = "markdown"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (delete_check, "The cell of the check is missing"),
        (delete_answer, "The cell of the answer is missing"),
        (copy_check, "The cell of the check is there 2 times"),
        (copy_answer, "The cell of the answer is there 2 times"),
        (edit_check, "The cell of the check was changed"),
        (name_another_answer, "The cell of the check was changed"),
        (break_check, "The cell of the check was changed"),
        (turn_answer_into_text, "is now a markdown cell"),
    ],
)
def test_damage_costs_the_exercise_it_touches(
    tmp_path: Path, damage: Callable[[list[Any]], None], reason: str
) -> None:
    theirs = answered()
    damage(theirs.cells)
    notebook, reasons = restored(tmp_path, theirs)
    assert list(reasons) == ["ex04-1"] and reason in reasons["ex04-1"]
    checks = {c.source: c.metadata.get(REASON, "") for c in notebook.cells if "check" in c.source}
    assert reason in checks['check("ex04-1", f)'] and checks['check("ex04-2", g)'] == ""
    assert "def g(): return 2" in sources(notebook)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no notebook",
        "[1, 2]",
        "{}",
        '{"cells": 3}',
        '{"cells": [3]}',
        '{"cells": [{"cell_type": "code"}]}',
        '{"worksheets": []}',
        "[" * 100_000,
        '{"cells": [{"cell_type": "code", "source": [1], "metadata": {}}]}',
        '{"cells": [{"cell_type": "code", "source": "", "metadata": [[]]}]}',
    ],
)
def test_a_file_that_is_no_notebook_gets_the_untouched_one_and_a_reason(
    tmp_path: Path, content: str
) -> None:
    notebook, reasons = restored(tmp_path, content)
    assert sources(notebook) == sources(handed_out())
    assert list(reasons) == ["ex04-1", "ex04-2"]
    assert all("cannot be read as a notebook" in reason for reason in reasons.values())


def test_a_file_of_other_bytes_or_of_great_size_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "theirs.ipynb"
    path.write_bytes(b"\xff\xfe\x00notebook")
    assert "cannot be read" in restore(path, handed_out())[1]["ex04-1"]
    with path.open("wb") as file:
        file.truncate(10**9)
    assert "1000 MB; expected at most 20" in restore(path, handed_out())[1]["ex04-1"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(anything, anything, anything)
def test_no_metadata_and_no_source_gets_through(
    tmp_path_factory: pytest.TempPathFactory, metadata: Any, source: Any, kind: Any
) -> None:
    cells = json.loads(nbformat.writes(answered()))["cells"]
    cells[3] |= {"metadata": {"nbgrader": metadata}, "source": source}
    cells[4] |= {"metadata": metadata}
    cells[1] |= {"cell_type": kind}
    folder = tmp_path_factory.mktemp("any")
    notebook, reasons = restored(folder, {"cells": cells})
    assert [c.source for c in notebook.cells if "check(" in c.source] == [
        'check("ex04-1", f)',
        'check("ex04-2", g)',
    ]
    assert "ex04-1" in reasons
    nbformat.validate(notebook)


# --- A folder of submissions ---------------------------------------------------------------------


def hand_in(course: Path, place: str) -> Path:
    path = course / "inbox" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(answered(), path)
    return path


def test_folders_of_learning_management_systems_are_read(course: Path) -> None:
    hand_in(course, "alice/ex04.ipynb")
    hand_in(course, "Bob Müller_123_file/deep/er/bob_9_ex04.ipynb")
    (course / "inbox" / "alice" / "notes.txt").write_text("hello")
    hand_in(course, "carol/ex99.ipynb")
    hand_in(course, "ex04.ipynb")
    found, ignored = collect(course / "inbox", course / "exercises")
    assert [(s.student, s.assignment) for s in found] == [
        ("Bob_M_ller_123_file", "ex04"),
        ("alice", "ex04"),
    ]
    assert [line.split(":")[0] for line in ignored] == [
        "alice/notes.txt",
        "carol/ex99.ipynb",
        "ex04.ipynb",
    ]
    target = store(found[1], course / "grading")
    assert target == course / "grading" / "alice" / "ex04" / "ex04.ipynb"
    assert sources(nbformat.read(target, 4)) == sources(answered())


def test_a_link_out_of_the_folder_is_not_followed(course: Path, tmp_path: Path) -> None:
    hand_in(course, "alice/ex04.ipynb")
    secret = tmp_path / "secret.ipynb"
    nbformat.write(answered(), secret)
    (course / "inbox" / "eve").mkdir()
    (course / "inbox" / "eve" / "ex04.ipynb").symlink_to(secret)
    found, ignored = collect(course / "inbox", course / "exercises")
    assert [s.student for s in found] == ["alice"] and len(ignored) == 1


def test_what_cannot_be_sorted_out_is_told(course: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        collect(course / "nowhere", course / "exercises")
    with pytest.raises(DataError, match="no submission in"):
        collect(course / "inbox", course / "exercises")
    hand_in(course, "a b/ex04.ipynb")
    hand_in(course, "a_b/ex04.ipynb")
    with pytest.raises(DataError, match="both stand for the student 'a_b'"):
        collect(course / "inbox", course / "exercises")


def test_two_files_for_one_assignment_are_refused(course: Path) -> None:
    hand_in(course, "alice/ex04.ipynb")
    hand_in(course, "alice/late/alice_ex04.ipynb")
    with pytest.raises(DataError, match=r"handed in ex04 twice: .*; remove one"):
        collect(course / "inbox", course / "exercises")
