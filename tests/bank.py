"""A bank of submissions with known marks: wrong ones, one mistake each, and other right ones.

A file of ``tests/submissions`` marks an answer with ``@wrong(...)`` or ``@right(...)``; an answer
that is a dictionary is passed to them instead.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUBMISSIONS = Path(__file__).with_name("submissions")


@dataclass(frozen=True)
class Submission:
    """An answer to one exercise, the parts that it must lose, and words of the hint it must get."""

    exercise: str
    name: str
    answer: Any
    loses: frozenset[str] = frozenset()
    hint: str = ""


BANK: list[Submission] = []


def wrong(exercise: str, loses: str | list[str], hint: str, name: str = "") -> Callable[[Any], Any]:
    """Enter an answer with one mistake: it loses exactly these parts, and is told this."""
    parts = frozenset([loses] if isinstance(loses, str) else loses)
    return lambda answer: _enter(exercise, answer, name, parts, hint)


def right(exercise: str, name: str = "") -> Callable[[Any], Any]:
    """Enter an answer that is written differently from the solution, and as good."""
    return lambda answer: _enter(exercise, answer, name, frozenset(), "")


def _enter(exercise: str, answer: Any, name: str, loses: frozenset[str], hint: str) -> Any:
    title = name or getattr(answer, "__name__", "")
    assert title, f"an answer to {exercise} needs a name"
    BANK.append(Submission(exercise, title, answer, loses, hint))
    return answer


def load() -> list[Submission]:
    """Read all files of ``tests/submissions``."""
    if not BANK:
        for path in sorted(SUBMISSIONS.glob("*.py")):
            spec = importlib.util.spec_from_file_location(f"submissions_{path.stem}", path)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return BANK
