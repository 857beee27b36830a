"""The engine of the exercises: what is measured, what is said, and in which order."""

import math
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.checks import engine
from embgan_edu.checks.engine import (
    CheckFailed,
    Exercise,
    Part,
    check,
    describe,
    difference,
    is_entry,
    measure,
    visible_problem,
)
from embgan_edu.grading.marking import Reference, load_reference, mark, report

MEAN = Part(
    "the mean",
    lambda f, seed: f(np.arange(seed, seed + 4.0)),
    "Is it a sum?",
    "Divide by the number of rows.",
    "np.mean does it.",
    points=2,
)
ONES = Part("1 for ones", lambda f, seed: f(np.ones(3)), "The mean of ones is one.", expected=1.0)
EXERCISE = Exercise(
    "ex99-1", "A mean", kind="write", level="routine", minutes=5, parts=(MEAN, ONES)
)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "exercises", lambda: {"ex99-1": EXERCISE})


def say(answer: Any, **options: int) -> str:
    with pytest.raises(CheckFailed) as failure:
        check("ex99-1", answer, **options)
    return str(failure.value)


def test_a_right_answer_is_told_what_was_seen(
    known: None, capsys: pytest.CaptureFixture[str]
) -> None:
    check("ex99-1", np.mean)
    assert capsys.readouterr().out.splitlines() == [
        "ex99-1  A mean",
        "ok  the mean, 2 points (type and shape; grading looks at the value)",
        "ok  1 for ones, 1 point",
        "Grading repeats this with other numbers.",
    ]


def test_hints_come_in_stages(known: None) -> None:
    first = say(lambda rows: rows)
    assert "type: got an array, expected a number" in first
    assert "hint 1 of 3: Is it a sum?" in first and "hint 2" not in first
    assert 'run check("ex99-1", ..., hint=2) in a cell of your own' in first
    second = say(lambda rows: rows, hint=2)
    assert "hint 2 of 3: Divide" in second and "hint=3" in second
    last = say(lambda rows: rows, hint=3)
    assert "hint 3 of 3: np.mean" in last and "For a further hint" not in last
    value = say(np.sum)
    assert "value: got 3, expected 1" in value and "hint 1 of 1: The mean of ones" in value


def test_an_answer_that_is_none_is_told_so_once(known: None) -> None:
    assert say(None) == "ex99-1  A mean\nno  not done yet"
    assert say(3.0) == "ex99-1  A mean\nno  type: got float, expected a function"

    def untouched(rows: np.ndarray) -> float:
        raise NotImplementedError()

    assert say(untouched).count("not done yet") == 1


def test_an_exercise_that_is_none_is_told(known: None) -> None:
    with pytest.raises(ConfigError, match=r"no exercise 'ex99-7'; there are ex99-1\."):
        check("ex99-7", np.mean)


def test_a_notebook_shows_the_message_without_a_traceback_and_names_the_line() -> None:
    shell = InteractiveShell.instance(colors="nocolor")
    try:
        result = shell.run_cell(
            "from embgan_edu.checks import check\n"
            "def loss(real, fake):\n    return real + undefined\n"
            "check('ex04-1', loss)"
        )
    finally:
        InteractiveShell.clear_instance()
    assert isinstance(result.error_in_exec, CheckFailed)
    lines = result.error_in_exec._render_traceback_()
    assert lines[0].startswith("ex04-1") and not any("Traceback" in line for line in lines)
    assert any("name 'undefined' is not defined, in your line: return real" in x for x in lines)


@pytest.mark.parametrize(
    ("got", "want", "problem"),
    [
        (torch.zeros(2), np.zeros(2), "type: got a tensor, expected an array"),
        (True, 1.0, "type: got a truth value, expected a number"),
        (None, 1.0, "type: got None, expected a number"),
        (np.zeros((2, 1)), np.ones((2,)), "shape: got (2, 1), expected (2,)"),
        ([1.0, 2.0], [1.0], "shape: got 2 entries, expected 1"),
        ({"a": 1}, {"b": 1}, "shape: got the entries a, expected b"),
        ({"a": 1}, {"a": [1]}, "type of entry 'a': got a number, expected a sequence"),
        (np.array([1, 2]), np.array([1, 3]), "value: got 2, expected 3 at position (1,)"),
        (math.nan, 1.0, "value: got nan or infinity, expected a finite number"),
        (2.0, 2.0 + 1e-7, ""),
        (-1.0, 1.0, "value: got -1, expected 1"),
        ("a", "b", "value: got a, expected b"),
    ],
)
def test_type_comes_before_shape_and_shape_before_value(got: Any, want: Any, problem: str) -> None:
    assert difference(describe(got), describe(want), 1e-4, 1e-6) == problem


def test_a_right_answer_that_is_secret_is_not_told() -> None:
    for got, want in (("a", "b"), (1.0, 2.0), ({"x": "a"}, {"x": "b"})):
        told = difference(describe(got), describe(want), 1e-4, 1e-6, reveal=False)
        assert "which is not right" in told and "expected" not in told


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(values)
def test_everything_described_is_an_entry_and_equals_itself(value: Any) -> None:
    entry = describe(value)
    assert is_entry(entry)
    assert difference(entry, entry, 0, 0) == ""


KINDS = ("None", "number", "text", "truth value", "tensor", "array", "dictionary", "sequence", "")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
forged = st.recursive(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(KINDS) | st.text(max_size=3)},
        optional={
            "value": anything | st.lists(st.floats(), max_size=4),
            "shape": anything | st.lists(st.integers(-1, 3), max_size=3),
            "items": anything,
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {"kind": st.sampled_from(KINDS)},
        optional={"items": st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)},
    ),
    max_leaves=4,
)


@given(forged | anything)
def test_what_passes_for_an_entry_can_be_compared(value: Any) -> None:
    if is_entry(value):
        for want in (1.0, "a", np.zeros((2, 2)), [1, 2], {"a": torch.zeros(3)}, True):
            difference(value, describe(want), 1e-4, 1e-6)
            visible_problem(MEAN, value)


def test_global_generators_are_seeded_for_a_probe_and_put_back() -> None:
    part = Part("noise", lambda f, seed: [f(), float(np.random.rand())], like=[1.0, 1.0])
    exercise = Exercise("ex99-2", "Noise", "write", "routine", 5, (part,))
    torch.manual_seed(1)
    np.random.seed(1)
    first = measure(exercise, lambda: torch.rand(()).item(), seed=3)
    ours = (torch.rand(()).item(), np.random.rand())
    torch.manual_seed(1)
    np.random.seed(1)
    assert ours == (torch.rand(()).item(), np.random.rand())
    assert first == measure(exercise, lambda: torch.rand(()).item(), seed=3)
    assert first != measure(exercise, lambda: torch.rand(()).item(), seed=4)


def test_an_answer_that_exits_or_returns_a_giant_is_measured() -> None:
    def leave(rows: np.ndarray) -> None:
        raise SystemExit(3)

    assert measure(EXERCISE, leave, 0)[0] == {"error": "SystemExit: 3"}
    giant = measure(EXERCISE, lambda rows: np.zeros(10**6), 0)[0]
    assert giant == {"kind": "array", "shape": [10**6]}


# --- Marks ---------------------------------------------------------------------------------------


def reference() -> Reference:
    mistakes = {"A sum stands for the mean.": np.sum, "The median is another thing.": np.median}
    return Reference({"ex99-1": np.mean}, {"ex99-1": mistakes})


def test_points_go_by_parts_and_known_mistakes_are_named() -> None:
    results = mark(EXERCISE, measure(EXERCISE, np.sum, seed=5), reference(), seed=5)
    assert [r.earned for r in results] == [0, 0]
    assert {r.hint for r in results} == {"A sum stands for the mean."}
    first_row = mark(EXERCISE, measure(EXERCISE, lambda rows: rows[0], 5), reference(), 5)
    assert [r.earned for r in first_row] == [0, 1]
    assert first_row[0].hint == "Is it a sum?"  # no known mistake: the first hint
    text = report(EXERCISE, first_row, 5)
    assert "1 of 3 points" in text and "value: got 5, expected 6.5" in text


def test_a_forged_reply_earns_nothing() -> None:
    forged = [{"kind": "number", "value": 1.0}, {"kind": "number", "value": 1.0}]
    results = mark(EXERCISE, forged, reference(), seed=5)
    assert [r.earned for r in results] == [0, 1]  # only what anybody may know


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "raises ZeroDivisionError"),
        ("x = 1", r"gives points; expected check\(name, answer\)"),
    ],
)
def test_a_solution_that_is_broken_is_refused(tmp_path: Path, source: str, message: str) -> None:
    cell = new_code_cell(source, metadata={"nbgrader": {"grade": True}})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "ex99.ipynb")
    with pytest.raises(DataError, match=message):
        load_reference(tmp_path / "ex99.ipynb")
