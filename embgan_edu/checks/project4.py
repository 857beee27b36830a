"""What is measured of the answers to project 4: newer methods, and whether they leak."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from embgan_edu.base.errors import DataError
from embgan_edu.checks.engine import Exercise, Part, Probe, entry
from embgan_edu.checks.inputs import uniform
from embgan_edu.checks.tables import (
    AGREE,
    ALONE,
    NOTHING,
    SIMPLE,
    TABLE_HINTS,
    Answer,
    complaints,
    gaps,
    impossible,
    joined,
    methods_of,
    missing_methods,
    need,
    paired,
    parts_about_gains,
    per_draw,
    read_claims,
    read_list,
    read_table,
    wrong_intervals,
)
from embgan_edu.measure.paired import paired_difference

# --- project4-1: what is worth choosing ----------------------------------------------------------


# From a seed to the gains and the leaks of some methods.
Methods = Callable[[int], tuple[dict[str, float], dict[str, float]]]


def _stairs(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Three methods of which none is better than another, and three that are no use."""
    rng = np.random.default_rng(seed)
    gain = np.cumsum(rng.uniform(0.5, 1, 3))
    leak = np.cumsum(rng.uniform(0.05, 0.1, 3))
    good = {"c": 0, "a": 1, "b": 2}
    gains = {name: float(gain[i]) for name, i in good.items()}
    leaks = {name: float(leak[i]) for name, i in good.items()}
    for name, i in (("d", 0), ("e", 1), ("f", 2)):  # worse in both
        gains[name], leaks[name] = float(gain[i] - 0.3), float(leak[i] + 0.03)
    return gains, leaks


def _equal_gains(**leaks: float) -> Methods:
    """Two methods, a and b, with the same gain; that of c is smaller."""

    def both(seed: int) -> tuple[dict[str, float], dict[str, float]]:
        gain = uniform(seed, 1, 2)
        return {"a": gain, "b": gain, "c": gain - 1}, leaks

    return both


def _not_attacked(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    gains, leaks = _stairs(seed)
    return gains | {"g": 9.0}, leaks


def _worth_choosing(both: Methods, in_order: bool = False) -> Probe:
    def probe(answer: Callable[..., Any], seed: int) -> list[str]:
        found = [str(name) for name in answer(*both(seed))]
        return found if in_order else sorted(found)

    return probe


WORTH_CHOOSING = (
    Part(
        "nothing that another method beats in both",
        _worth_choosing(_stairs),
        "Compare each method with all others: one that gains as much and leaks as little, and is "
        "better in one of the two, rules it out.",
        points=2,
        expected=["a", "b", "c"],
    ),
    Part(
        "from the least leak to the largest",
        _worth_choosing(_stairs, in_order=True),
        "Sort by leak, not by name or gain.",
        expected=["c", "a", "b"],
    ),
    Part(
        "of equal gains, the one that leaks less",
        _worth_choosing(_equal_gains(a=0.7, b=0.6, c=0.5)),
        "Better in one and equal in the other is enough to rule a method out. Must it be better "
        "in both?",
        expected=["b", "c"],
    ),
    Part(
        "twins stay, both of them",
        _worth_choosing(_equal_gains(a=0.6, b=0.6, c=0.7)),
        "Two methods with the same numbers do not rule each other out: one of the two numbers "
        "must be better.",
        expected=["a", "b"],
    ),
    Part(
        "nothing that was not attacked",
        _worth_choosing(_not_attacked),
        "A method without a leak is not safe, nobody has looked. Leave it out.",
        "And it may not rule out others.",
        expected=["a", "b", "c"],
    ),
)

# --- project4-2 and project4-3: newer methods, and an attack on them -----------------------------

CONTROL = "control"
SHARE = 0.006  # how far a claim about an AUC may be off, so that rounding does no harm
NEWER = ("method", "draw", "accuracy", "auc")
MEMORIZER = "memorizer"
KNOWN = (ALONE, MEMORIZER, *SIMPLE, CONTROL)


def _newer(answer: Answer) -> pd.DataFrame:
    return read_table(answer, *NEWER)


def _newer_is_whole(answer: Answer, seed: int) -> dict[str, Any]:
    table = _newer(answer)
    newer = set(table["method"]) - set(KNOWN)
    return {
        "missing methods": missing_methods(table, KNOWN),
        "two newer methods or more": len(newer) >= 2,
        "missing numbers": joined(gaps(table, "accuracy", [CONTROL]) + gaps(table, "auc", [ALONE])),
        "impossible": impossible(table, accuracy=100, auc=1),
    }


def _against_the_gaussian(answer: Answer, seed: int) -> str:
    wide = per_draw(_newer(answer))
    baseline = "class Gaussian"
    newer = [name for name in methods_of(wide) if name not in KNOWN]
    if not newer:
        raise DataError(
            f"Your table has no method beside {', '.join(methods_of(wide))}; expected two newer "
            "ones. Measure them on the same draws."
        )
    need(wide, baseline)
    return wrong_intervals(
        read_claims(answer, "beyond the Gaussian"), wide[[*newer, baseline]], baseline
    )


def _areas(answer: Answer) -> pd.DataFrame:
    areas = per_draw(_newer(answer), "auc")
    need(areas, CONTROL)
    return areas


def _leak_intervals(answer: Answer, seed: int) -> str:
    return wrong_intervals(read_claims(answer, "above the control"), _areas(answer), CONTROL, SHARE)


def _control_is_one_half(answer: Answer, seed: int) -> bool:
    areas = _areas(answer)[CONTROL].dropna().to_numpy()
    found = paired_difference(areas, np.full(len(areas), 0.5))
    return answer["control holds one half"] is bool(found.low <= 0 <= found.high)


def _leak_words(answer: Answer, seed: int) -> str:
    claims, areas = read_claims(answer, "attack"), _areas(answer)
    found = {}
    for name in methods_of(areas):
        if name == CONTROL:
            continue
        leaks = paired(areas, name, CONTROL).low > 0
        if claims.get(name) not in ("leaks", "not seen"):
            found[name] = "expected 'leaks' or 'not seen'"
        elif (claims[name] == "leaks") != leaks:
            where = "lies above zero" if leaks else "does not lie above zero"
            found[name] = f"{claims[name]!r}, but the difference from the control {where}"
    return complaints(found)


def _left_to_publish(answer: Answer, seed: int) -> dict[str, bool]:
    wide, areas = per_draw(_newer(answer)), _areas(answer)
    both = [name for name in methods_of(areas) if name in wide]
    fine = {
        name
        for name in both
        if paired(wide, name, ALONE).high >= 0 and paired(areas, name, CONTROL).low <= 0
    }
    named = set(read_list(answer, "left"))
    return {
        "none does harm or is seen to leak": named <= fine,
        "none is left out": fine <= named and len(both) > 1,
    }


NEWER_METHODS = (
    Part(
        "a whole table, with every baseline and the control",
        _newer_is_whole,
        *TABLE_HINTS,
        points=2,
        expected={
            "missing methods": NOTHING,
            "two newer methods or more": True,
            "missing numbers": NOTHING,
            "impossible": NOTHING,
        },
    ),
    *parts_about_gains(_newer, word_points=1),
    Part(
        "the newer methods against the class Gaussian",
        _against_the_gaussian,
        "Method minus class Gaussian, draw by draw, for the newer methods alone. The difference "
        "of two gains has an interval of its own.",
        expected=AGREE,
    ),
)


LEAKS = (
    Part(
        "the AUC above the control, with intervals, in pairs",
        _leak_intervals,
        "The reference is the control of the same draw, not 0.5: AUC minus AUC of the control, "
        "draw by draw.",
        "Three decimals, in units of the AUC. Every method but 'control' and 'real only' needs an "
        "entry.",
        points=2,
        expected=AGREE,
    ),
    Part(
        "whether the control is where it should be",
        _control_is_one_half,
        "Take the interval of the control's AUC minus 0.5. True where it holds zero; a control "
        "far from one half says that something else leaks.",
        expected=True,
    ),
    Part(
        "which methods the attack sees leak",
        _leak_words,
        "'leaks' where the interval above the control lies above zero. An AUC above 0.5 is not "
        "enough.",
        points=2,
        expected=AGREE,
    ),
    Part(
        "what is left that does no harm and is not seen to leak",
        _left_to_publish,
        "Of the methods with an accuracy and an AUC: drop those with a loss, and those that leak. "
        "'undecided' is no loss. The list may be empty.",
        expected={"none does harm or is seen to leak": True, "none is left out": True},
    ),
    Part(
        "what you may say of a method that is not seen to leak",
        entry("claim"),
        "How many attacks did you try?",
        options=(
            "its rows are anonymous",
            "this attack found no leak in these draws",
            "no attack can find a member",
        ),
    ),
)

EXERCISES = (
    Exercise("project4-1", "What is worth choosing", "write", "standard", 20, WORTH_CHOOSING),
    Exercise("project4-2", "Newer methods on your corpus", "diagnose", "open", 45, NEWER_METHODS),
    Exercise("project4-3", "Does it leak?", "diagnose", "open", 45, LEAKS),
)
