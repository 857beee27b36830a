"""What is measured of the answers to project 2: a plain GAN beside the simple methods."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from embgan_edu.base.errors import DataError
from embgan_edu.checks.engine import Exercise, Part, Probe
from embgan_edu.checks.tables import (
    ALONE,
    NOTHING,
    POINTS,
    SIMPLE,
    TABLE_HINTS,
    Answer,
    gaps,
    impossible,
    joined,
    made_up_table,
    missing_methods,
    parts_about_gains,
    read_list,
    read_table,
)

# --- project2-1: verdicts ------------------------------------------------------------------------


def _around(seed: int, mean: float, spread: float) -> np.ndarray:
    """Ten differences with this mean, half ``spread`` above it and half below, in some order."""
    rng = np.random.default_rng(seed)
    return mean + rng.permutation(np.resize([spread, -spread], 10))


def _clear(seed: int) -> pd.DataFrame:
    up, down = _around(seed, 1.5, 0.4), _around(seed + 1, -1.5, 0.4)
    return made_up_table(seed, 10, better=up, worse=down)


def _turned_round(seed: int) -> pd.DataFrame:
    table = _clear(seed)
    alone = table["method"] == ALONE
    return pd.concat([table[~alone].iloc[::-1], table[alone]])


def _near_zero(seed: int) -> pd.DataFrame:
    narrow, wide = _around(seed, 0.1, 0.5), _around(seed + 1, 0.2, 3.0)
    return made_up_table(seed, 10, narrow=narrow, wide=wide)


def _small(seed: int) -> pd.DataFrame:
    return made_up_table(seed, 10, small=_around(seed, 0.4, 0.2), zero=_around(seed, 0.0, 0.2))


def _four_draws(seed: int) -> pd.DataFrame:
    # The mean is 2.9 standard errors from zero: enough for a normal quantile, or for a standard
    # deviation with n below the line, and not for Student's t with 3 degrees of freedom, 3.18.
    pattern = np.array([1.0, -1.0, 1.0, -1.0]) * np.sqrt(3 / 4)
    unsure, sure = (pattern * 4 + t * 2 for t in (2.9, 3.6))
    return made_up_table(seed, 4, unsure=unsure, sure=sure)


def _verdicts(table: Callable[[int], pd.DataFrame], *names: str) -> Probe:
    def probe(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
        found = answer(table(seed), 1.0)
        if not isinstance(found, Mapping):
            raise DataError(
                f"The function returned {type(found).__name__}; expected a dictionary from each "
                "method to its verdict. Return it."
            )
        return {name: found[name] for name in names}

    return probe


FOUR_VERDICTS = (
    Part(
        "a gain and a loss",
        _verdicts(_clear, "better", "worse"),
        "Draws differ far more than methods. Take the difference within each draw, then one "
        "interval of these; unpaired accuracies decide nothing.",
        "Pivot the table: one row per draw, one column per method.",
        points=2,
        expected={"better": "gain", "worse": "loss"},
    ),
    Part(
        "the same for rows in any order",
        _verdicts(_turned_round, "better", "worse"),
        "Pairs belong together by their draw, not by their place in the table.",
        expected={"better": "gain", "worse": "loss"},
    ),
    Part(
        "'same' where the interval is within the margin, and else 'undecided'",
        _verdicts(_near_zero, "narrow", "wide"),
        "No proof of a difference is not proof of no difference. For 'same' the whole interval "
        "must lie between -margin and margin.",
        "A wide interval around zero is 'undecided', wherever its mean is.",
        points=2,
        expected={"narrow": "same", "wide": "undecided"},
    ),
    Part(
        "a small gain is a gain",
        _verdicts(_small, "small", "zero"),
        "Look at zero first, and at the margin only where the interval holds zero.",
        expected={"small": "gain", "zero": "same"},
    ),
    Part(
        "not too sure of four draws",
        _verdicts(_four_draws, "unsure", "sure"),
        "With few draws 1.96 is too small a factor, and n below the line too large a number: "
        "Student's t, and n - 1.",
        "paired_difference of embgan_edu.measure.paired does both.",
        expected={"unsure": "undecided", "sure": "gain"},
    ),
)

# --- project2-2: a plain GAN on a corpus ---------------------------------------------------------

REAL_VS_REAL = "real vs real"
PLAIN = ("method", "draw", "accuracy", "tstr", "trts", "vendi_ratio", "recall")
PLAIN_METHODS = (ALONE, *SIMPLE, "vanilla GAN", REAL_VS_REAL)


def _plain(answer: Answer) -> pd.DataFrame:
    return read_table(answer, *PLAIN)


def _plain_is_whole(answer: Answer, seed: int) -> dict[str, str]:
    table = _plain(answer)
    both = (ALONE, REAL_VS_REAL)
    empty = gaps(table, "accuracy", [REAL_VS_REAL]) + gaps(table, "vendi_ratio", [ALONE])
    empty += gaps(table, "recall", [ALONE]) + gaps(table, "tstr", both)
    return {
        "missing methods": missing_methods(table, PLAIN_METHODS),
        "missing numbers": joined(empty + gaps(table, "trts", both)),
        "impossible": impossible(table, accuracy=100, tstr=100, trts=100, recall=1, vendi_ratio=50),
    }


def _collapsed(answer: Answer, seed: int) -> dict[str, bool]:
    variety = _plain(answer).groupby("method")["vendi_ratio"].mean().dropna()
    if REAL_VS_REAL not in variety:
        raise DataError(f"Your table has no {REAL_VS_REAL!r}, the reference. Paste its rows too.")
    low = set(variety.index[variety < variety[REAL_VS_REAL] / 2])
    named = set(read_list(answer, "collapsed"))
    return {
        "every method named is below half": named <= low,
        "every method below half is named": low <= named,
    }


def _order(answer: Answer, seed: int) -> dict[str, bool]:
    table = _plain(answer)
    means = table[table["method"] != REAL_VS_REAL].groupby("method")["accuracy"].mean()
    named = read_list(answer, "order")
    return {
        "every method once": sorted(named) == sorted(means.index),
        "best first": set(named) <= set(means.index)
        and len(named) > 1
        and all(means[a] >= means[b] - 0.005 for a, b in pairwise(named)),
    }


def _flattered(answer: Answer, seed: int) -> bool:
    table = _plain(answer)
    gap = (table["trts"] - table["tstr"]).groupby(table["method"]).mean().dropna()
    return answer["flattered"] in gap and bool(gap[answer["flattered"]] >= gap.max() - POINTS)


PLAIN_GAN = (
    Part(
        "a whole table, with every baseline",
        _plain_is_whole,
        *TABLE_HINTS,
        points=2,
        expected={"missing methods": NOTHING, "missing numbers": NOTHING, "impossible": NOTHING},
    ),
    *parts_about_gains(_plain, word_points=2),
    Part(
        "which methods have collapsed, by the rule",
        _collapsed,
        "The rule: a mean Vendi ratio below half of that of 'real vs real'. No other measure "
        "counts here.",
        expected={
            "every method named is below half": True,
            "every method below half is named": True,
        },
    ),
    Part(
        "the methods in order of their mean accuracy",
        _order,
        "'real only' is one of them; 'real vs real' has no accuracy.",
        expected={"every method once": True, "best first": True},
    ),
    Part(
        "which method TRTS flatters most",
        _flattered,
        "The largest mean of TRTS minus TSTR: labels that look right, and teach less.",
        expected=True,
    ),
)

EXERCISES = (
    Exercise("project2-1", "Four verdicts", "write", "standard", 30, FOUR_VERDICTS),
    Exercise("project2-2", "Your plain GAN", "diagnose", "open", 60, PLAIN_GAN),
)
