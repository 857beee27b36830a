"""Compare a student's answer with the instructor's, part by part, and give points and reasons."""

import ast
import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat

from embgan_edu.base.errors import DataError
from embgan_edu.checks.engine import (
    NOT_DONE,
    Entry,
    Exercise,
    Part,
    difference,
    find_exercise,
    measure,
    visible_problem,
)

# Of grading, unless another one is chosen; students' own checks use 0.
GRADING_SEED = 20_190_512

# Tags of cells that grading leaves out: they set Colab up, or try an answer on the real data.
SKIPPED = {"remove-cell", "try"}


@dataclass(frozen=True)
class Result:
    """What one part of an exercise earned, and why.

    Args:
        part: The part.
        earned: Points.
        problem: What is wrong; empty where all points were earned.
        hint: The likely mistake, where one is known.
    """

    part: Part
    earned: float
    problem: str = ""
    hint: str = ""


@dataclass
class Reference:
    """The instructor's answers to one assignment, and the mistakes that the solution names.

    Args:
        answers: Of each exercise, the right answer.
        mistakes: Of each exercise, what a known mistake computes, under the words that name it.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    mistakes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _entries: dict[tuple[str, str, int], list[Entry]] = field(default_factory=dict)

    def entries(self, exercise: Exercise, seed: int, mistake: str = "") -> list[Entry]:
        """What the right answer, or a known mistake, gives; computed once for every seed."""
        key = (exercise.name, mistake, seed)
        if key not in self._entries:
            name = exercise.name
            answer = self.mistakes[name][mistake] if mistake else self.answers[name]
            self._entries[key] = measure(exercise, answer, seed)
        return self._entries[key]


def checked_answer(source: str) -> tuple[str, str] | None:
    """Return the names of the exercise and of the answer in a cell that checks it.

    Example:
        >>> checked_answer('check("ex04-1", discriminator_loss)')
        ('ex04-1', 'discriminator_loss')
        >>> checked_answer("print(1)") is None
        True
    """
    for statement in _statements(source):
        match statement:
            case ast.Expr(
                ast.Call(
                    func=ast.Name("check"),
                    args=[ast.Constant(str() as exercise), ast.Name(id=answer)],
                )
            ):
                return exercise, answer
    return None


def _statements(source: str) -> Iterator[ast.stmt]:
    try:
        yield from ast.parse(source).body
    except SyntaxError:
        return


@lru_cache(maxsize=32)
def load_reference(path: Path) -> Reference:
    """Execute an instructor's notebook and keep its answers.

    Raises:
        DataError: The notebook raises an error, or a cell that gives points checks nothing.
    """
    notebook = nbformat.read(path, as_version=4)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    reference = Reference()
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or SKIPPED & set(cell.metadata.get("tags", ())):
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # what the checks say of themselves
                exec(compile(cell.source, f"{path.name}, cell {number}", "exec"), namespace)
        except Exception as error:
            raise DataError(
                f"Cell {number} of {path} raises {type(error).__name__}: {error}. "
                "A solution must run from top to bottom."
            ) from error
        if cell.metadata.get("nbgrader", {}).get("grade"):
            found = checked_answer(cell.source)
            if found is None:
                raise DataError(
                    f"Cell {number} of {path} gives points; expected check(name, answer) in it."
                )
            name, answer = found
            reference.answers[name] = namespace[answer]
            reference.mistakes[name] = namespace.pop("MISTAKES", {})
    return reference


def mark(exercise: Exercise, entries: list[Entry], reference: Reference, seed: int) -> list[Result]:
    """Give points for what the probes of an exercise measured of an answer.

    Args:
        exercise: The exercise.
        entries: Of :func:`embgan_edu.checks.engine.measure` for the student's answer and ``seed``.
        reference: The instructor's answers.
        seed: That of ``entries``.

    Returns:
        One result per part.
    """
    wanted = reference.entries(exercise, seed)
    known = {
        words: reference.entries(exercise, seed, mistake=words)
        for words in reference.mistakes.get(exercise.name, {})
    }
    results = []
    for index, part in enumerate(exercise.parts):
        got, want = entries[index], wanted[index]
        # What is chosen from a list, or computed without a seed, would be given away.
        secret = bool(part.options) or (exercise.answer == "dict" and part.expected is None)
        problem = difference(got, want, part.rtol, part.atol, reveal=not secret)
        if not problem:
            results.append(Result(part, part.points))
            continue
        if part.options and "error" not in got:
            problem = visible_problem(part, got) or problem
        hint = "" if problem == NOT_DONE else " ".join(part.hints[:1])
        named = _name_mistake(exercise, index, entries, wanted, known)
        results.append(Result(part, 0.0, problem, named or hint))
    return results


def _name_mistake(
    exercise: Exercise,
    index: int,
    entries: list[Entry],
    wanted: list[Entry],
    known: dict[str, list[Entry]],
) -> str:
    """The known mistake that gives what this part of the answer gave, or an empty text."""

    def same(theirs: list[Entry], right: list[Entry], i: int) -> bool:
        part = exercise.parts[i]
        return not difference(theirs[i], right[i], part.rtol, part.atol)

    if "error" in entries[index]:
        return ""
    likely = [
        words
        for words, theirs in known.items()
        if same(entries, theirs, index) and not same(theirs, wanted, index)
    ]
    for words in likely:  # a mistake that explains all parts of the answer comes first
        if all(same(entries, known[words], i) for i in range(len(entries))):
            return words
    # Of mistakes that agree in this part only, one is named if the part holds more than yes or no.
    return likely[0] if likely and _says_much(wanted[index]) else ""


def _says_much(entry: Entry) -> bool:
    items = entry.get("items", [])
    inner = list(items.values() if isinstance(items, dict) else items)
    return any(map(_says_much, inner)) or entry.get("kind") in ("number", "text", "array", "tensor")


def report(exercise: Exercise, results: list[Result], seed: int) -> str:
    """The feedback on one exercise, as text: points, what is wrong, and the likely mistake."""
    earned = sum(result.earned for result in results)
    lines = [f"{exercise.name}  {exercise.title}: {earned:g} of {exercise.points:g} points"]
    for result in results:
        sign = "no " if result.problem else "ok "
        lines.append(f"{sign} {result.part.name}: {result.earned:g} of {result.part.points:g}")
        if result.problem:
            lines.append(f"      {result.problem}")
        if result.hint:
            lines.append(f"      likely mistake: {result.hint}")
    lines.append(f"graded with seed {seed}")
    return "\n".join(lines)


def grade(name: str, answer: Any, reference: Reference, seed: int = GRADING_SEED) -> list[Result]:
    """Measure and mark an answer in this very process: for answers that can be trusted."""
    exercise = find_exercise(name)
    return mark(exercise, measure(exercise, answer, seed), reference, seed)
