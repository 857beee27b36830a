"""What is measured of the answers to project 3: the ladder, and what it says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from embgan_edu.base.errors import DataError
from embgan_edu.checks.engine import Exercise, Part, Probe, entry
from embgan_edu.checks.tables import (
    AGREE,
    ALONE,
    BEFORE,
    NOTHING,
    SIMPLE,
    TABLE_HINTS,
    Answer,
    complaints,
    gaps,
    impossible,
    joined,
    labels_agree,
    made_up_table,
    missing_methods,
    need,
    paired,
    parts_about_gains,
    per_draw,
    read_claims,
    read_table,
    wrong_conclusion,
    wrong_word,
)
from embgan_edu.study.recipe import LADDER, NEED_CORPUS

# --- project3-1: choose on some draws, measure on others -----------------------------------------

RUNGS = ("first", "second", "third")


def _rung_table(seed: int, tempting: bool = False) -> pd.DataFrame:
    """Of 16 draws: the second rung is best on even ones, the third on odd ones and on all."""
    rng = np.random.default_rng(seed)
    even = np.arange(16) % 2 == 0
    gains = {
        name: np.where(even, on_even, on_odd) + rng.normal(0, 0.3, 16)
        for name, (on_even, on_odd) in zip(RUNGS, ((0, 0), (2, 1), (0.5, 4)), strict=True)
    }
    if tempting:
        gains["SMOTE"] = np.full(16, 9.0)
    return made_up_table(seed, 16, **gains)


def _chosen(tempting: bool) -> Probe:
    return lambda answer, seed: answer(_rung_table(seed, tempting), list(RUNGS))[0]


def _measured(answer: Callable[..., Any], table: pd.DataFrame) -> np.ndarray:
    _, mean, low, high = answer(table, list(RUNGS))
    return np.array([mean, mean - low, high - mean], dtype=float)


def _of_shuffled_rows(answer: Callable[..., Any], seed: int) -> list[Any]:
    table = _rung_table(seed)
    found = _measured(answer, table)
    again = _measured(answer, table.sample(frac=1, random_state=seed))
    return [again - found, bool((found[1:] > 0).all())]


CHOICE = (
    Part(
        "the rung that is best on even draws",
        _chosen(tempting=False),
        "The odd draws have no say in the choice. Is the rung chosen on all draws?",
        expected="second",
    ),
    Part(
        "chosen among the rungs only",
        _chosen(tempting=True),
        "A method that is not in the list of rungs cannot be chosen.",
        expected="second",
    ),
    Part(
        "its mean gain on odd draws",
        lambda answer, seed: float(_measured(answer, _rung_table(seed))[0]),
        "The draws that chose a rung flatter it. Measure on the odd draws alone, and subtract "
        "'real only'.",
        points=2,
    ),
    Part(
        "the interval, to either side of the mean",
        lambda answer, seed: _measured(answer, _rung_table(seed))[1:],
        "Eight draws are left: 7 degrees of freedom. paired_difference does the rest.",
        like=np.zeros(2),
    ),
    Part(
        "the same for rows in any order",
        _of_shuffled_rows,
        "Even and odd is the number in the column 'draw', not the place of a row.",
        expected=[np.zeros(3), True],
    ),
)

# --- project3-2 and project3-3: the ladder on a corpus -------------------------------------------

RUNG_TABLE = ("n_train", "method", "draw", "accuracy", "vendi_ratio")
FROM_SCRATCH = tuple(name for name, changes in LADDER.items() if not NEED_CORPUS & {*changes})
PRETRAINED = tuple(name for name, changes in LADDER.items() if "pretraining" in changes)
RESTARTS = "ten restarts"
READERS = ("real tweets", "judged noise", "mean of two")  # know the tweets, and have no generator
CLASSIFIERS = (RESTARTS, "mean of two")  # make no rows
RIVALS = ("class Gaussian", RESTARTS, *READERS)
DOUBLED = 2 * BEFORE


def _ladder(answer: Answer) -> pd.DataFrame:
    return read_table(answer, *RUNG_TABLE)


def _rows_at_100(answer: Answer) -> pd.DataFrame:
    table = _ladder(answer)
    chosen = table[table["n_train"] == BEFORE]
    if chosen.empty:
        raise DataError(
            f"The table has the sizes {sorted(set(table['n_train']))}; expected rows with n_train "
            f"{BEFORE}. Run the ladder with that size."
        )
    return chosen


def _top(wide: pd.DataFrame) -> str:
    rungs = [name for name in LADDER if name in wide]
    if not rungs:
        raise DataError(
            f"No rung is in your table; expected at least {', '.join(FROM_SCRATCH)}. Run them on "
            "the same draws."
        )
    return rungs[-1]


def _ladder_is_whole(answer: Answer, seed: int) -> dict[str, Any]:
    table, rows = _ladder(answer), _rows_at_100(answer)
    needed = [ALONE, *SIMPLE, RESTARTS, *FROM_SCRATCH]
    if set(rows["method"]) & {*READERS, *PRETRAINED}:  # the labels are those of the tweets
        needed += [*PRETRAINED, *READERS]
    doubled = table[table["n_train"] == DOUBLED]
    return {
        "missing methods": missing_methods(rows, needed),
        "real only with 200 rows": ALONE in set(doubled["method"]),
        "missing numbers": joined(
            gaps(table, "accuracy") + gaps(rows, "vendi_ratio", [ALONE, *CLASSIFIERS])
        ),
        "impossible": impossible(table, accuracy=100, vendi_ratio=50),
    }


def _worth(answer: Answer, seed: int) -> dict[str, bool]:
    """What a point costs in labels, and what the top rung is worth in labels."""
    table, rows = _ladder(answer), _rows_at_100(answer)
    alone = table[table["method"] == ALONE].groupby("n_train")["accuracy"].mean()
    if DOUBLED not in alone:
        raise DataError(
            f"The table has {ALONE!r} with n_train {sorted(alone.index)}; expected {BEFORE} and "
            f"{DOUBLED}. Run the ladder with both sizes."
        )
    slope = alone[DOUBLED] - alone[BEFORE]
    wide = per_draw(rows)
    gain = paired(wide, _top(wide), ALONE).mean
    price, worth = (
        BEFORE * 2 ** (points / slope) - BEFORE if slope > 0 else None for points in (1, gain)
    )
    return {
        "price of a point": labels_agree(answer["price of a point"], price),
        "worth of the top rung": labels_agree(answer["worth of the top rung"], worth),
    }


def _statement(
    name: str, pair: Callable[[pd.DataFrame], tuple[str, str]], measure: str = "accuracy"
) -> Probe:
    """Compare what is said of a statement, "a is above b", with the interval of a minus b."""

    def probe(answer: Answer, seed: int) -> str:
        wide = per_draw(_rows_at_100(answer), measure)
        found = paired(wide, *pair(wide))
        return wrong_word(answer[name], found, "supported", "contradicted") or AGREE

    return probe


def _rivals(answer: Answer, seed: int) -> str:
    claims, wide = read_claims(answer, "rivals"), per_draw(_rows_at_100(answer))
    rivals = [name for name in RIVALS if name in wide]
    need(wide, *RIVALS[:2])
    top = _top(wide)
    return complaints(
        {name: wrong_conclusion(claims.get(name), paired(wide, top, name)) for name in rivals}
    )


YOUR_LADDER = (
    Part(
        "a whole table, with every baseline, control and rung",
        _ladder_is_whole,
        *TABLE_HINTS,
        points=2,
        expected={
            "missing methods": NOTHING,
            "real only with 200 rows": True,
            "missing numbers": NOTHING,
            "impossible": NOTHING,
        },
    ),
    *parts_about_gains(_rows_at_100, word_points=1),
    Part(
        "the price of a point, and what the top rung is worth, in labels",
        _worth,
        "Both are labels on top of the first 100. From 100 to 200 the accuracy of 'real only' "
        "rises by s points: g points cost 100 * 2 ** (g / s) - 100.",
        "A loss is worth a negative number of labels. Where s is not above zero, both are None.",
        points=2,
        expected={"price of a point": True, "worth of the top rung": True},
    ),
)


LADDER_CLAIMS = (
    Part(
        "the top rung against its rivals, by the rule",
        _rivals,
        "Two intervals against 'real only' do not answer it. Take the difference of the two "
        "methods, draw by draw: top rung minus rival.",
        "Zero first: an interval that leaves it out is 'better' or 'worse'. Only then look whether "
        "both ends are within half a point.",
        points=2,
        expected=AGREE,
    ),
    Part(
        "consistency adds to the rung below it",
        _statement("consistency", lambda wide: ("+ consistency", "+ batch norm")),
        "The rung below '+ consistency' is '+ batch norm', not 'real only'.",
        expected=AGREE,
    ),
    Part(
        "the top rung is more diverse than the plain GAN",
        _statement("diversity", lambda wide: (_top(wide), "vanilla GAN"), "vendi_ratio"),
        "The Vendi ratio of each draw, top rung minus plain GAN.",
        expected=AGREE,
    ),
    Part(
        "what the intervals are about",
        entry("interval"),
        "Your table has one number per draw of each method. What differs from draw to draw, and "
        "what would only show in numbers for each part of the test texts?",
        options=(
            "other draws of the same texts",
            "other draws, and other test texts",
            "texts from another source",
        ),
    ),
    Part(
        "the best rung of your table, with the interval beside it",
        entry("best rung"),
        "Who chose it, and by which draws?",
        options=(
            "is fair, since all rungs had the same draws",
            "looks better than it is, since luck had several chances",
            "looks worse than it is, since a family needs wider intervals",
        ),
    ),
    Part(
        "what to give the credit for a gain that judged noise has as well",
        entry("credit"),
        "What do the two kinds of rows have in common?",
        "The noise never saw a text. Where do its labels come from?",
        options=(
            "the generator, since its rows are more like real texts",
            "what the judge knows, since noise carries it as well",
            "luck, since the two differ by so little",
        ),
    ),
)

EXERCISES = (
    Exercise(
        "project3-1",
        "Choose on some draws, measure on others",
        "write",
        "standard",
        25,
        CHOICE,
    ),
    Exercise("project3-2", "Your ladder", "diagnose", "open", 60, YOUR_LADDER),
    Exercise("project3-3", "What your ladder says", "explain", "open", 30, LADDER_CLAIMS),
)
