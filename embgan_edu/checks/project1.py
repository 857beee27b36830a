"""What is measured of the answers to project 1: a corpus, and its learning curve."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from embgan_edu.base.errors import DataError
from embgan_edu.checks.engine import Exercise, Part, Probe
from embgan_edu.checks.tables import (
    AGREE,
    BEFORE,
    DRAW_HINTS,
    DRAWS_ARE_FINE,
    LEAST_DRAWS,
    NOTHING,
    POINTS,
    WORD_HINTS,
    Answer,
    impossible,
    judge_draws,
    labels_agree,
    paired,
    read_claims,
    read_table,
    wrong_interval,
    wrong_word,
)

LEAST_TEXTS = 1000
MORE = 2.0  # the points to reach


# --- project1-1: one row of each text ------------------------------------------------------------


def _texts(seed: int, many: int = 12) -> list[str]:
    """Different short texts, in lower case."""
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefgh"), 5)) for _ in range(20)]
    return [f"{rng.choice(words)} {rng.choice(words)} number {i}" for i in range(many)]


def _copied(seed: int, change: Callable[[str], str], other_label: bool) -> tuple[list[str], Any]:
    """Twelve texts; then copies of texts 2, 5 and 9, changed, with the same or the other label."""
    texts = _texts(seed)
    labels = np.random.default_rng(seed + 1).integers(0, 2, len(texts))
    copied = [2, 5, 9]
    copies = labels[copied]
    if other_label:
        copies[0] = 1 - copies[0]
    return texts + [change(texts[i]) for i in copied], np.concatenate([labels, copies])


def _kept(change: Callable[[str], str], other_label: bool = False) -> Probe:
    return lambda answer, seed: list(map(int, answer(*_copied(seed, change, other_label))))


def _kept_of_empty_texts(answer: Callable[..., Any], seed: int) -> list[int]:
    texts = _texts(seed, 6)
    texts[1], texts[4] = "?! ...", " \t "
    return [int(row) for row in answer(texts, np.arange(6) % 2)]


ONE_ROW_OF_EACH_TEXT = (
    Part(
        "of equal texts with one label, the first",
        _kept(lambda text: text),
        "A repeated text may be in the training and in the test rows. Keep the first row of each "
        "text, in the order of the rows.",
        "A dictionary from text to the rows that hold it keeps their order.",
        points=2,
        expected=list(range(12)),
    ),
    Part(
        "equal up to capitals and blanks",
        _kept(lambda text: f"  {text.title().replace(' ', '  ')} "),
        "'Good film' and ' good  film' are the same text. Compare a normal form.",
        '" ".join(text.lower().split()) is such a form.',
        points=2,
        expected=list(range(12)),
    ),
    Part(
        "of equal texts with two labels, none",
        _kept(lambda text: text, other_label=True),
        "Two labels for one text: nobody knows which is right. Is the first one kept?",
        "Drop all rows of such a text, and keep one row of the others.",
        points=2,
        expected=[i for i in range(12) if i != 2],
    ),
    Part(
        "no text without a letter or a digit",
        _kept_of_empty_texts,
        "Such a text has no word, so its embedding is zero. str.isalnum finds letters.",
        expected=[0, 2, 3, 5],
    ),
)

# --- project1-2: a learning curve ----------------------------------------------------------------

CURVE = ("n_train", "draw", "majority", "linear", "network")


def _curve(answer: Answer) -> pd.DataFrame:
    return read_table(answer, *CURVE)


def _at(table: pd.DataFrame, n_train: float) -> pd.DataFrame:
    chosen = table[table["n_train"] == n_train].set_index("draw")
    if len(chosen) < 2:
        raise DataError(
            f"The table has {len(chosen)} draws with n_train {n_train:g}; expected at least "
            f"{LEAST_DRAWS}. Measure this size as well."
        )
    return chosen


def _curve_is_whole(answer: Answer, seed: int) -> dict[str, Any]:
    table = _curve(answer)
    sizes = sorted(set(table["n_train"]))
    return {
        "at least 1,000 texts": float(answer["texts"]) >= LEAST_TEXTS,
        "four sizes or more, 100 among them, up to 400 or more": (
            len(sizes) >= 4 and BEFORE in sizes and sizes[-1] >= 4 * BEFORE
        ),
        "200 texts or more are left to test on": sizes[-1] + 200 <= float(answer["texts"]),
        "impossible": impossible(table, majority=100, linear=100, network=100),
        "missing numbers": bool(table.isna().any(axis=None)),
    }


def _curve_means(answer: Answer, seed: int) -> str:
    claims = read_claims(answer, "mean")
    means = _curve(answer).groupby("n_train")["network"].mean()
    found = {n: not abs(float(claims.get(n, np.nan)) - mean) <= POINTS for n, mean in means.items()}
    return "; ".join(f"n = {n:g}" for n, wrong in found.items() if wrong) or AGREE


def _linear_or_network(answer: Answer, seed: int) -> dict[str, str]:
    rows = _at(_curve(answer), BEFORE)
    wrong = wrong_interval(answer["linear - network"], rows, "linear", "network")
    pair = paired(rows, "linear", "network")
    return {
        "interval": wrong or AGREE,
        "better": wrong_word(answer["better"], pair, "linear", "network") or AGREE,
    }


def _beats_majority(answer: Answer, seed: int) -> str:
    table = _curve(answer)
    pair = paired(_at(table, table["n_train"].min()), "network", "majority")
    return wrong_word(answer["against the majority"], pair, "gain", "loss") or AGREE


def _labels_for_more(answer: Answer, seed: int) -> str:
    table = _curve(answer)
    _at(table, BEFORE)  # says what to do where that size is missing
    means = table.groupby("n_train")["network"].mean().loc[BEFORE:]
    target = means.iloc[0] + MORE
    truth = None
    curve = zip(means.index.to_numpy(dtype=float), means, strict=True)
    for (n, low), (larger, high) in pairwise(curve):
        if truth is None and low < target <= high:
            truth = n * (larger / n) ** ((target - low) / (high - low))
    claim = answer["labels for two points"]
    if labels_agree(claim, truth):
        return AGREE
    if truth is not None and claim is not None and labels_agree(claim, truth - BEFORE):
        return "how many labels more, and not how many in all"
    return f"{claim}, which is not where the curve gets two points higher"


LEARNING_CURVE = (
    Part(
        "a corpus that is large enough, and a whole table",
        _curve_is_whole,
        "'texts' is the number of texts after duplicates are dropped. The sizes need 100 and one "
        "of 400 or more.",
        "The test rows are what the largest training set leaves.",
        points=2,
        expected={
            "at least 1,000 texts": True,
            "four sizes or more, 100 among them, up to 400 or more": True,
            "200 texts or more are left to test on": True,
            "impossible": NOTHING,
            "missing numbers": False,
        },
    ),
    Part(
        "eight draws or more, the same for every size, no two alike",
        lambda answer, seed: judge_draws(_curve(answer), "n_train"),
        *DRAW_HINTS,
        expected=DRAWS_ARE_FINE,
    ),
    Part(
        "the mean accuracy of the network at every size",
        _curve_means,
        "The keys are the sizes, as numbers; the values are means over draws, in percent.",
        points=2,
        expected=AGREE,
    ),
    Part(
        "linear or network, with 100 labels",
        _linear_or_network,
        "Linear minus network, draw by draw, at n_train 100. Unpaired accuracies make the "
        "interval too wide.",
        "'better' is 'linear', 'network' or 'undecided', by where the interval lies.",
        points=2,
        expected={"interval": AGREE, "better": AGREE},
    ),
    Part(
        "whether the smallest training set beats the majority",
        _beats_majority,
        *WORD_HINTS,
        expected=AGREE,
    ),
    Part(
        "how many labels two points more need",
        _labels_for_more,
        "Draw straight lines between the means over the logarithm of n, as chapter 3 does. The "
        "target is the mean at 100 plus 2.",
        "It is the number of labels, not how many more. Where the curve never gets there, the "
        "answer is None.",
        points=2,
        expected=AGREE,
    ),
)

EXERCISES = (
    Exercise("project1-1", "One row of each text", "write", "standard", 25, ONE_ROW_OF_EACH_TEXT),
    Exercise("project1-2", "Your learning curve", "diagnose", "open", 60, LEARNING_CURVE),
)
