"""Measure an answer, and say what is wrong with it: first its type, then its shape, then its value.

An exercise has parts, each with points of its own. A part's *probe* puts the student's answer to
work on numbers that follow from a seed, and returns what came out. The probe never knows what is
right. Two sorts of comparison use what it returns:

- the *visible check*, in the student's notebook (:func:`check`), asks for the right type and shape,
  and for a value that the statement of the exercise, or a closed form, makes public;
- *grading* runs the same probe with another seed on the student's answer and on the instructor's
  solution, each in a process of its own, and compares (:mod:`embgan_edu.grading.marking`).

So any answer that behaves like the solution gets the points, however it is written.
"""

import importlib
import math
import pkgutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from embgan_edu.base.errors import ConfigError

# From an answer and a seed to what is measured of it.
Probe = Callable[[Any, int], Any]

# What came out of a probe, as plain JSON: a kind, and what belongs to that kind.
Entry = dict[str, Any]

NOT_DONE = "not done yet"
MOST_NUMBERS = 20_000  # of one value; a probe returns a few, an answer may return anything

Kind = Literal["write", "predict", "diagnose", "explain"]
Level = Literal["routine", "standard", "open"]


class Part:
    """One thing that is measured of an answer, with its points.

    Args:
        name: What must hold, as the student reads it.
        probe: From the answer and a seed to a value: numbers, arrays, tensors, text, truth values,
            or dictionaries and sequences of these. Its randomness comes from the seed alone.
        hints: In stages. The first names the likely mistake.
        points: What it is worth.
        expected: The right value, where that may be public, or a function of the seed that makes
            it.
        like: Where it may not: any value of the right type and shape; a number, unless said.
        options: For an answer that is chosen from a list: the list. The right one is not public.
        rtol: Largest difference allowed, as a share of the right value,
        atol: plus this.

    Example:
        >>> part = Part("of ones", lambda f, seed: f(np.ones(3)), "Is it a sum?", expected=1.0)
        >>> part.hints
        ('Is it a sum?',)
    """

    def __init__(
        self,
        name: str,
        probe: Probe,
        *hints: str,
        points: float = 1,
        expected: Any = None,
        like: Any = 1.0,
        options: tuple[str, ...] = (),
        rtol: float = 1e-4,
        atol: float = 1e-6,
    ) -> None:
        self.name, self.probe, self.hints, self.points = name, probe, hints, points
        self.expected, self.like, self.options = expected, like, options
        self.rtol, self.atol = rtol, atol


@dataclass(frozen=True)
class Exercise:
    """An exercise of the book: what a student reads of it in a list, and its parts.

    Args:
        name: Assignment and number, such as ``"ex04-1"``.
        title: A few words.
        kind: Whether the student writes a piece of the method, predicts, diagnoses, or explains.
        level: How far it goes beyond the chapter.
        minutes: For a student who has read the chapter.
        parts: What is measured.
    """

    name: str
    title: str
    kind: Kind
    level: Level
    minutes: int
    parts: tuple[Part, ...]

    @property
    def points(self) -> float:
        """What the whole exercise is worth.

        Example:
            >>> find_exercise("ex04-1").points
            5
        """
        return sum(part.points for part in self.parts)

    @property
    def answer(self) -> Literal["function", "dict"]:
        """Whether the student hands in a function, which is written, or a dict of values.

        Example:
            >>> find_exercise("ex04-4").answer
            'dict'
        """
        return "function" if self.kind == "write" else "dict"


def entry(name: str) -> Probe:
    """Make a probe of a dictionary of answers: what stands in it under a name.

    Args:
        name: Of the entry.

    Example:
        >>> entry("score")({"score": 0.5}, 0)
        0.5
    """
    return lambda answer, seed: answer[name]


class CheckFailed(AssertionError):
    """Some visible checks of an exercise fail; the message says which, and how to go on.

    >>> issubclass(CheckFailed, AssertionError)
    True
    """

    def _render_traceback_(self) -> list[str]:
        # IPython prints this in place of a traceback: where `check` raised is of no interest.
        return str(self).splitlines()


# --- What came out -------------------------------------------------------------------------------


def describe(value: Any) -> Entry:
    """Turn what a probe returned into plain JSON, with the kind of everything written down.

    Example:
        >>> describe(np.float32(0.5))
        {'kind': 'number', 'value': 0.5}
        >>> describe(torch.zeros(2, 1))
        {'kind': 'tensor', 'shape': [2, 1], 'value': [0.0, 0.0]}
        >>> describe(print)
        {'kind': 'builtin_function_or_method'}
    """
    if value is None or isinstance(value, bool | np.bool_):
        return {"kind": "None"} if value is None else {"kind": "truth value", "value": bool(value)}
    if isinstance(value, str):
        return {"kind": "text", "value": str(value)[:1000]}
    if isinstance(value, int | float | np.integer | np.floating):
        return {"kind": "number", "value": float(value)}
    if isinstance(value, Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, Tensor) else "array"
        if isinstance(value, Tensor):
            value = value.detach().cpu().numpy()
        if value.dtype.kind not in "biuf":
            return {"kind": f"{kind} of {value.dtype}"}
        if value.size > MOST_NUMBERS:
            return {"kind": kind, "shape": list(value.shape)}
        numbers = value.astype(float).ravel().tolist()
        return {"kind": kind, "shape": list(value.shape), "value": numbers}
    if isinstance(value, Mapping):
        items = {str(key): describe(entry) for key, entry in list(value.items())[:100]}
        return {"kind": "dictionary", "items": items}
    if isinstance(value, list | tuple):
        return {"kind": "sequence", "items": [describe(entry) for entry in value[:1000]]}
    return {"kind": type(value).__name__}


def is_entry(value: Any, depth: int = 0) -> bool:
    """Whether something has the form of what :func:`describe` returns: it may come from anywhere.

    Example:
        >>> is_entry(describe({"loss": torch.zeros(3)})), is_entry({"kind": "array", "value": "x"})
        (True, False)
    """
    if not isinstance(value, dict) or depth > 20:
        return False
    if "error" in value:
        return isinstance(value["error"], str)
    kind, content, items = value.get("kind"), value.get("value"), value.get("items")
    if kind in ("tensor", "array"):
        return _is_shape(value.get("shape")) and _are_numbers(value)
    if kind in ("dictionary", "sequence"):
        if not isinstance(items, dict if kind == "dictionary" else list):
            return False
        inner = items.values() if isinstance(items, dict) else items
        return all(is_entry(item, depth + 1) for item in inner)
    plain = {"truth value": bool, "text": str, "number": float}
    if kind in plain:
        return isinstance(content, plain[kind])
    # Of anything else there is a name, and nothing that could be compared.
    return isinstance(kind, str) and kind != "" and value.keys() == {"kind"}


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)


def _are_numbers(entry: Entry) -> bool:
    many = math.prod(entry["shape"])
    if "value" not in entry:
        return many > MOST_NUMBERS
    numbers = entry["value"]
    return (
        isinstance(numbers, list)
        and len(numbers) == many
        and all(type(number) is float for number in numbers)
    )


def measure(exercise: Exercise, answer: Any, seed: int) -> list[Entry]:
    """Run all probes of an exercise on an answer, one entry per part.

    An answer that raises an error, or that is of the wrong sort, gives an entry that says so.

    Example:
        >>> measure(find_exercise("ex04-1"), None, seed=0)[0]
        {'error': 'not done yet'}
    """
    refusal = _refuse(exercise, answer)
    entries = []
    for part in exercise.parts:
        if refusal:
            entries.append(refusal)
            continue
        try:
            with _own_randomness(seed):
                entries.append(describe(part.probe(answer, seed)))
        except NotImplementedError:
            entries.append({"error": NOT_DONE})
        except (Exception, SystemExit) as error:
            entries.append({"error": _tell(error)})
    return entries


def _refuse(exercise: Exercise, answer: Any) -> Entry | None:
    if answer is None:
        return {"error": NOT_DONE}
    if exercise.answer == "function" and not callable(answer):
        return {"error": f"type: got {type(answer).__name__}, expected a function"}
    if exercise.answer == "dict":
        if not isinstance(answer, dict):
            return {"error": f"type: got {type(answer).__name__}, expected a dict"}
        if answer and all(value is None or value is ... for value in answer.values()):
            return {"error": NOT_DONE}
    return None


def _tell(error: BaseException) -> str:
    """Name an error, with the line of the notebook that it came from."""
    lines = [
        frame.line
        for frame in traceback.extract_tb(error.__traceback__)
        if "ipykernel" in frame.filename or "ipython-input" in frame.filename
    ]
    place = f", in your line: {lines[-1]}" if lines and lines[-1] else ""
    if isinstance(error, KeyError) and not lines:
        return f"there is no entry {error.args[0]!r} in your answer"
    return f"{type(error).__name__}: {str(error)[:300]}{place}"


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """Seed the global generators that an answer may use, and put them back afterwards."""
    state = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(state)


# --- What is wrong -------------------------------------------------------------------------------


def difference(got: Entry, want: Entry, rtol: float, atol: float, reveal: bool = True) -> str:
    """Say how an entry differs from the right one, or return an empty text.

    Args:
        got: What came out.
        want: What should have come out.
        rtol: Largest difference allowed, as a share of the right value,
        atol: plus this.
        reveal: Whether a wrong value's message may tell the right one.

    Example:
        >>> difference(describe([1.0]), describe(2.0), 1e-4, 0)
        'type: got a sequence, expected a number'
        >>> difference(describe(torch.ones(3)), describe(torch.ones(3, 1)), 1e-4, 0)
        'shape: got (3,), expected (3, 1)'
        >>> difference(describe(1.5), describe(2.0), 1e-4, 0)
        'value: got 1.5, expected 2'
        >>> difference(describe(2.00001), describe(2.0), 1e-4, 0)
        ''
    """
    if "error" in got:
        return str(got["error"])
    if "error" in want:
        return "" if got == want else "value: an error was expected, and there was none"
    if got["kind"] != want["kind"]:
        return f"type: got {_article(got['kind'])}, expected {_article(want['kind'])}"
    if got.get("shape") != want.get("shape"):
        return f"shape: got {_shape(got)}, expected {_shape(want)}"
    if isinstance(want.get("items"), dict):
        return _differing_items(got["items"], want["items"], rtol, atol, reveal)
    if "items" in want:
        if len(got["items"]) != len(want["items"]):
            return f"shape: got {len(got['items'])} entries, expected {len(want['items'])}"
        ours, right = ({str(i): e for i, e in enumerate(x["items"])} for x in (got, want))
        return _differing_items(ours, right, rtol, atol, reveal)
    return _differing_value(got, want, rtol, atol, reveal)


def _differing_items(
    got: dict[str, Entry], want: dict[str, Entry], rtol: float, atol: float, reveal: bool
) -> str:
    if got.keys() != want.keys():
        return f"shape: got the entries {', '.join(got)}, expected {', '.join(want)}"
    for key, entry in want.items():
        if found := difference(got[key], entry, rtol, atol, reveal):
            step, _, rest = found.partition(": ")
            return f"{step} of entry {key!r}: {rest}"
    return ""


def _differing_value(got: Entry, want: Entry, rtol: float, atol: float, reveal: bool) -> str:
    if "value" not in want:
        return ""
    if isinstance(want["value"], bool | str):
        if got["value"] == want["value"]:
            return ""
        expected = f", expected {want['value']}" if reveal else ", which is not right"
        return f"value: got {got['value']}{expected}"
    ours, right = (np.atleast_1d(np.asarray(e["value"], float)) for e in (got, want))
    if not np.isfinite(ours).all() and np.isfinite(right).all():
        return "value: got nan or infinity, expected a finite number"
    wrong = ~np.isclose(ours, right, rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return ""
    first = int(wrong.argmax())
    expected = f", expected {right[first]:.6g}" if reveal else ", which is not right"
    place = ""
    if want.get("shape"):
        place = f" at position {tuple(int(i) for i in np.unravel_index(first, want['shape']))}"
    return f"value: got {ours[first]:.6g}{expected}{place}"


def _article(kind: str) -> str:
    return kind if kind == "None" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _shape(entry: Entry) -> str:
    return str(tuple(entry.get("shape", ())))


# --- The visible check ---------------------------------------------------------------------------


def check(name: str, answer: Any, hint: int = 1) -> None:
    """Check an answer as far as can be without knowing the solution.

    Args:
        name: Of the exercise, such as ``"ex04-1"``.
        answer: The student's function, or dictionary of answers.
        hint: How many hints to show where a check fails. The later ones say more.

    Raises:
        CheckFailed: Something is wrong; the message says what, and gives hints.
        ConfigError: There is no exercise of that name.

    Example:
        >>> check("ex04-1", 3)
        Traceback (most recent call last):
        embgan_edu.checks.engine.CheckFailed: ex04-1 ...
    """
    exercise = find_exercise(name)
    head = f"{name}  {exercise.title}"
    entries = measure(exercise, answer, seed=0)
    if "error" in entries[0] and all(entry == entries[0] for entry in entries):
        raise CheckFailed(f"{head}\nno  {entries[0]['error']}")
    problems = [visible_problem(*pair) for pair in zip(exercise.parts, entries, strict=True)]
    lines = [head]
    for part, problem in zip(exercise.parts, problems, strict=True):
        lines += _say(part, problem, hint)
    if any(problems):
        stages = [len(p.hints) for p, found in zip(exercise.parts, problems, strict=True) if found]
        if max(stages) > hint:
            call = f'check("{name}", ..., hint={hint + 1})'
            lines.append(f"For a further hint, run {call} in a cell of your own.")
        raise CheckFailed("\n".join(lines))
    print("\n".join([*lines, "Grading repeats this with other numbers."]))


def _say(part: Part, problem: str, hint: int) -> list[str]:
    """The lines about one part: whether it is right as far as can be seen, or what is wrong."""
    points = f"{part.points:g} point{'s' * (part.points != 1)}"
    if not problem:
        public = part.expected is not None
        unseen = "" if public else " (type and shape; grading looks at the value)"
        unseen = " (a possible answer; grading tells)" if part.options else unseen
        return [f"ok  {part.name}, {points}{unseen}"]
    lines = [f"no  {part.name}, {points}", f"      {problem}"]
    if problem != NOT_DONE:
        for number, text in enumerate(part.hints[: max(hint, 1)], start=1):
            lines.append(f"      hint {number} of {len(part.hints)}: {text}")
    return lines


def visible_problem(part: Part, entry: Entry) -> str:
    """What a student may know of what is wrong with one part, or an empty text.

    Example:
        >>> part = Part("falls", lambda a, seed: a, options=("rises", "falls"))
        >>> visible_problem(part, describe("fall"))
        "value: got fall, expected one of 'rises', 'falls'"
    """
    if "error" in entry:
        return str(entry["error"])
    if part.options:
        if entry.get("value") in part.options:
            return ""
        names = ", ".join(map(repr, part.options))
        return f"value: got {entry.get('value', entry['kind'])}, expected one of {names}"
    if part.expected is not None:
        with _own_randomness(0):
            want = describe(part.expected(0) if callable(part.expected) else part.expected)
        return difference(entry, want, part.rtol, part.atol)
    return difference(entry, _shape_only(describe(part.like)), part.rtol, part.atol) or (
        "" if _is_finite(entry) else "value: got nan or infinity, expected a finite number"
    )


def _shape_only(entry: Entry) -> Entry:
    """An entry without its values: what is left is kind and shape."""
    rest = {key: content for key, content in entry.items() if key != "value"}
    items = rest.get("items")
    if isinstance(items, dict):
        rest["items"] = {key: _shape_only(item) for key, item in items.items()}
    elif isinstance(items, list):
        rest["items"] = [_shape_only(item) for item in items]
    return rest


def _is_finite(entry: Entry) -> bool:
    items = entry.get("items", [])
    inner = items.values() if isinstance(items, dict) else items
    value = entry.get("value", 0.0)
    return all(map(_is_finite, inner)) and (
        isinstance(value, str) or bool(np.isfinite(np.asarray(value, float)).all())
    )


# --- All exercises -------------------------------------------------------------------------------


@cache
def exercises() -> dict[str, Exercise]:
    """Return all exercises of the book by name, in the order of the chapters.

    Example:
        >>> exercises()["ex04-1"].kind
        'write'
    """
    package = importlib.import_module("embgan_edu.checks")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    # Chapters first; then what comes from several of them.
    names.sort(key=lambda name: not name.startswith("ch"))
    found: dict[str, Exercise] = {}
    for name in names:
        module = importlib.import_module(f"embgan_edu.checks.{name}")
        found |= {exercise.name: exercise for exercise in getattr(module, "EXERCISES", ())}
    return found


def find_exercise(name: str) -> Exercise:
    """Return one exercise.

    Raises:
        ConfigError: There is none of that name; the message lists those that sound like it.

    Example:
        >>> find_exercise("ex04-9")
        Traceback (most recent call last):
        embgan_edu.base.errors.ConfigError: There is no exercise 'ex04-9'; ... ex04-1, ...
    """
    known = exercises()
    if name not in known:
        assignment = str(name).rsplit("-", 1)[0]
        near = [other for other in known if other.startswith(f"{assignment}-")] or sorted(
            {other.rsplit("-", 1)[0] for other in known}
        )
        raise ConfigError(f"There is no exercise {name!r}; there are {', '.join(near)}.")
    return known[name]
