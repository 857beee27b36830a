"""What is measured of the answers to project 4: newer methods, and whether they leak."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from embgan_edu.base.errors import DataError
from embgan_edu.checks.engine import Exercise, Part
from embgan_edu.checks.tables import (
    ALONE,
    NOTHING,
    SIMPLE,
    TABLE_HINTS,
    Answer,
    agreement,
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


def _equal_gains(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    gain = float(np.random.default_rng(seed).uniform(1, 2))
    return {"a": gain, "b": gain, "c": gain - 1}, {"a": 0.7, "b": 0.6, "c": 0.5}


def _twins(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    gain = float(np.random.default_rng(seed).uniform(1, 2))
    return {"a": gain, "b": gain, "c": gain - 1}, {"a": 0.6, "b": 0.6, "c": 0.7}


def _not_attacked(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    gains, leaks = _stairs(seed)
    return gains | {"g": 9.0}, leaks


def _worth_choosing(
    both: Callable[[int], tuple[dict[str, float], dict[str, float]]], in_order: bool = False
) -> Callable[[Callable[..., Any], int], list[str]]:
    def probe(answer: Callable[..., Any], seed: int) -> list[str]:
        found = [str(name) for name in answer(*both(seed))]
        return found if in_order else sorted(found)

    return probe


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


# --- The exercises -------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        "project4-1",
        "What is worth choosing",
        kind="write",
        level="standard",
        minutes=20,
        parts=(
            Part(
                "nothing that another method beats in both",
                2,
                _worth_choosing(_stairs),
                expected=lambda seed: ["a", "b", "c"],
                hints=(
                    "Compare each method with all others: one that gains as much and leaks as "
                    "little, and is better in one of the two, rules it out.",
                ),
            ),
            Part(
                "from the least leak to the largest",
                1,
                _worth_choosing(_stairs, in_order=True),
                expected=lambda seed: ["c", "a", "b"],
                hints=("Sort by leak, not by name or gain.",),
            ),
            Part(
                "of equal gains, the one that leaks less",
                1,
                _worth_choosing(_equal_gains),
                expected=lambda seed: ["b", "c"],
                hints=(
                    "Better in one and equal in the other is enough to rule a method out. Must it "
                    "be better in both?",
                ),
            ),
            Part(
                "twins stay, both of them",
                1,
                _worth_choosing(_twins),
                expected=lambda seed: ["a", "b"],
                hints=(
                    "Two methods with the same numbers do not rule each other out: one of the two "
                    "numbers must be better.",
                ),
            ),
            Part(
                "nothing that was not attacked",
                1,
                _worth_choosing(_not_attacked),
                expected=lambda seed: ["a", "b", "c"],
                hints=(
                    "A method without a leak is not safe, nobody has looked. Leave it out.",
                    "And it may not rule out others.",
                ),
            ),
        ),
    ),
    Exercise(
        "project4-2",
        "Newer methods on your corpus",
        kind="diagnose",
        level="open",
        minutes=45,
        answer="dict",
        parts=(
            Part(
                "a whole table, with every baseline and the control",
                2,
                _newer_is_whole,
                expected=lambda seed: {
                    "missing methods": NOTHING,
                    "two newer methods or more": True,
                    "missing numbers": NOTHING,
                    "impossible": NOTHING,
                },
                hints=TABLE_HINTS,
            ),
            *parts_about_gains(_newer, word_points=1),
            Part(
                "the newer methods against the class Gaussian",
                1,
                _against_the_gaussian,
                expected=agreement,
                hints=(
                    "Method minus class Gaussian, draw by draw, for the newer methods alone. The "
                    "difference of two gains has an interval of its own.",
                ),
            ),
        ),
    ),
    Exercise(
        "project4-3",
        "Does it leak?",
        kind="diagnose",
        level="open",
        minutes=45,
        answer="dict",
        parts=(
            Part(
                "the AUC above the control, with intervals, in pairs",
                2,
                _leak_intervals,
                expected=agreement,
                hints=(
                    "The reference is the control of the same draw, not 0.5: AUC minus AUC of the "
                    "control, draw by draw.",
                    "Three decimals, in units of the AUC. Every method but 'control' and 'real "
                    "only' needs an entry.",
                ),
            ),
            Part(
                "whether the control is where it should be",
                1,
                _control_is_one_half,
                expected=lambda seed: True,
                hints=(
                    "Take the interval of the control's AUC minus 0.5. True where it holds zero; "
                    "a control far from one half says that something else leaks.",
                ),
            ),
            Part(
                "which methods the attack sees leak",
                2,
                _leak_words,
                expected=agreement,
                hints=(
                    "'leaks' where the interval above the control lies above zero. An AUC above "
                    "0.5 is not enough.",
                ),
            ),
            Part(
                "what is left that does no harm and is not seen to leak",
                1,
                _left_to_publish,
                expected=lambda seed: {
                    "none does harm or is seen to leak": True,
                    "none is left out": True,
                },
                hints=(
                    "Of the methods with an accuracy and an AUC: drop those with a loss, and those "
                    "that leak. 'undecided' is no loss. The list may be empty.",
                ),
            ),
            Part(
                "what you may say of a method that is not seen to leak",
                1,
                lambda answer, seed: answer["claim"],
                options=(
                    "its rows are anonymous",
                    "this attack found no leak in these draws",
                    "no attack can find a member",
                ),
                hints=("How many attacks did you try?",),
            ),
        ),
    ),
)
