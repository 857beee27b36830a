"""Every exercise: its notebook agrees with its checks, and marks are what they should be."""

from functools import cache
from pathlib import Path
from typing import Any

import bank
import nbformat
import pytest
import torch

from embgan_edu.checks.engine import exercises, measure, visible_problem
from embgan_edu.grading.marking import Reference, grade, load_reference, report

pytestmark = pytest.mark.grading

ROOT = Path(__file__).parents[2]
ASSIGNMENTS = sorted(path.stem for path in (ROOT / "solutions").glob("*/*.ipynb"))
NAMES = list(exercises())
SEEDS = (20_190_512, *range(1, 10))


def assignment(name: str) -> str:
    return name.rsplit("-", 1)[0]


@cache
def reference(name: str) -> Reference:
    return load_reference(ROOT / "solutions" / assignment(name) / f"{assignment(name)}.ipynb")


def total(results: list[Any]) -> float:
    return sum(result.earned for result in results)


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_gets_all_points_and_nothing_gets_none(name: str) -> None:
    for seed in SEEDS:
        results = grade(name, reference(name).answers[name], reference(name), seed)
        assert total(results) == exercises()[name].points, report(exercises()[name], results, seed)
    assert total(grade(name, None, reference(name))) == 0


@pytest.mark.parametrize("name", [n for n in NAMES if exercises()[n].answer == "function"])
def test_a_function_that_does_nothing_earns_next_to_nothing(name: str) -> None:
    constants = [None, 0.0, 1, True, False, torch.tensor(0.0), torch.zeros(3), {}, []]
    idle = [lambda *a, value=value, **k: value for value in constants]
    idle += [lambda *a, **k: a[0] if a else None]
    for answer in idle:
        results = grade(name, answer, reference(name))
        text = report(exercises()[name], results, 0)
        assert total(results) <= exercises()[name].points / 4, text


@pytest.mark.parametrize("name", NAMES)
def test_what_is_public_is_what_the_solution_does(name: str) -> None:
    exercise = exercises()[name]
    entries = measure(exercise, reference(name).answers[name], seed=0)
    for part, entry in zip(exercise.parts, entries, strict=True):
        assert visible_problem(part, entry) == "", part.name


@pytest.mark.parametrize("name", NAMES)
def test_every_named_mistake_loses_points_and_is_named(name: str) -> None:
    for words, answer in reference(name).mistakes[name].items():
        results = grade(name, answer, reference(name))
        assert any(words == result.hint for result in results), f"{words} is never said"


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_says_what_the_checks_say(name: str) -> None:
    exercise = exercises()[name]
    path = ROOT / "solutions" / assignment(name) / f"{assignment(name)}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    (statement,) = [c.source for c in cells if c.source.startswith(f"## {name}:")]
    lines = statement.splitlines()
    assert lines[0] == f"## {name}: {exercise.title}"
    points = f"{exercise.points:g} points"
    about = f"{exercise.kind.capitalize()} · {exercise.level} · {exercise.minutes} minutes"
    assert lines[2] == f"*{about} · {points}*"
    graded = {c.metadata.nbgrader.grade_id: c for c in cells if "nbgrader" in c.metadata}
    assert graded[name].metadata.nbgrader.points == exercise.points
    assert graded[f"{name}-answer"].metadata.nbgrader.solution


@pytest.mark.parametrize("submission", bank.load(), ids=lambda s: f"{s.exercise}: {s.name}")
def test_a_submission_of_the_bank_gets_its_marks(submission: bank.Submission) -> None:
    name = submission.exercise
    for seed in SEEDS:
        results = grade(name, submission.answer, reference(name), seed)
        text = report(exercises()[name], results, seed)
        assert {r.part.name for r in results if r.problem} == submission.loses, text
        if submission.hint:
            hints = [f"{r.problem} {r.hint}" for r in results if r.problem]
            assert any(submission.hint in words for words in hints), text


def test_the_bank_is_large_enough() -> None:
    wrong = [s for s in bank.load() if s.loses]
    right = [s for s in bank.load() if not s.loses]
    assert len(wrong) >= 40 and len(right) >= 15
    assert len(NAMES) >= 40
    written = [n for n in NAMES if exercises()[n].kind == "write"]
    assert len(written) >= len(NAMES) / 2
