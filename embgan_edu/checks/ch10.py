"""What is measured of the answers to the exercises of chapter 10, the whole ladder."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from embgan_edu.checks.engine import Exercise, Part, Probe, entry
from embgan_edu.checks.inputs import uniform
from embgan_edu.measure.paired import NETWORKS, PARTS

METHOD, OTHER, ALONE = "+ smoothing", "real tweets", "real only"
FEW, BETWEEN, MANY = 50, 100, 500
DRAWS, FURTHER = 10, 6

# --- ex10-1: does the gain fade? -----------------------------------------------------------------


def _table(seed: int, further: bool = False) -> pd.DataFrame:
    """A ladder table of one corpus, in order; further draws have the small training set alone."""
    rng = np.random.default_rng(seed)
    luck = rng.normal(0, 3, DRAWS + FURTHER)  # what all methods and sizes share in a draw
    rows = []
    for size, level in ((FEW, 60.0), (BETWEEN, 64.0), (MANY, 69.0)):
        for method, gain in ((ALONE, 0.0), (METHOD, 150 / size), (OTHER, 100 / size)):
            for draw in range(DRAWS + FURTHER):
                gained = gain if draw < DRAWS else 3 * gain  # a mean with them is another one
                accuracy = level + gained + luck[draw] + rng.normal(0, 0.5)
                if draw < DRAWS or (further and size == FEW):
                    rows.append((size, method, draw, accuracy, accuracy - 5))
    return pd.DataFrame(rows, columns=["n_train", "method", "draw", "accuracy", "tstr"])


def _faded(answer: Callable[..., Any], table: pd.DataFrame) -> np.ndarray:
    """Mean, and what the interval holds below and above it."""
    mean, low, high = answer(table, METHOD, FEW, MANY)
    return np.array([mean, mean - low, high - mean], dtype=float)


def _the_same(answer: Callable[..., Any], seed: int, table: pd.DataFrame) -> list[Any]:
    """How far the answer moves with another table, and whether there is an interval at all."""
    found = [_faded(answer, one) for one in (_table(seed), table)]
    return [found[1] - found[0], bool((found[0][1:] > 0).all())]


FADING_GAIN = (
    Part(
        "the mean: gain with few rows minus gain with many",
        lambda answer, seed: answer(_table(seed), METHOD, FEW, MANY)[0],
        "A gain is an accuracy minus that of 'real only' with as many training rows. Is it few "
        "minus many?",
        "There are four numbers per draw: two methods with two sizes.",
        points=2,
    ),
    Part(
        "the interval, to either side of the mean",
        lambda answer, seed: _faded(answer, _table(seed))[1:],
        "Compute one difference of gains per draw, and then one interval from these. Intervals of "
        "the single gains cannot be subtracted.",
        "The standard deviation has n - 1 below the line, and the quantile is that of Student's t "
        "with n - 1 degrees of freedom.",
        points=2,
        like=np.zeros(2),
    ),
    Part(
        "the same for rows in any order",
        lambda answer, seed: _the_same(
            answer, seed, _table(seed).sample(frac=1, random_state=seed)
        ),
        "Pairs belong together by their draw, not by their place in the table.",
        "Sort by draw, or make a table with one row per draw: DataFrame.pivot.",
        expected=[np.zeros(3), True],
    ),
    Part(
        "the same with further draws that have one size only",
        lambda answer, seed: _the_same(answer, seed, _table(seed, further=True)),
        "A draw without a partner has no difference. Do such draws enter a mean?",
        "Take the differences first, and then leave out the draws where one is NaN.",
        expected=[np.zeros(3), True],
    ),
)

# --- ex10-2: a rank correlation over draws -------------------------------------------------------

METHODS, REPETITIONS = 8, 80


def _with_ties(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Means over draws that tie exactly: whole numbers plus noise that cancels exactly."""
    rng = np.random.default_rng(seed)
    # Each measure has ties, and they tie other methods.
    levels = [np.array([0, 1, 1, 2, 3, 3, 3, 4]), np.array([1, 0, 2, 4, 3, 3, 0, 2])]
    order = rng.permutation(METHODS)
    found = []
    for level in levels:
        half = rng.integers(-40, 40, (METHODS, 4))  # with 8 draws a mean has no rounding
        found.append(10.0 * level[order][:, None] + np.concatenate([half, -half], axis=1))
    return found[0], found[1]


def _interval(
    answer: Callable[..., Any], a: np.ndarray, b: np.ndarray, seed: int
) -> tuple[Any, Any]:
    _, low, high = answer(a, b, np.random.default_rng(seed + 1), REPETITIONS)
    return low, high


def _good_and_bad_draws(answer: Callable[..., Any], seed: int) -> tuple[Any, Any]:
    # All methods are moved alike in a draw. The order of the methods is that of 1 to 8 with four
    # neighbors exchanged: rho = 1 - 6 * 8 / (8 * 63).
    rng = np.random.default_rng(seed)
    order = rng.permutation(METHODS)
    diversity = np.arange(METHODS)[order][:, None] + 20 * rng.normal(size=DRAWS)
    gain = (np.arange(METHODS) ^ 1)[order][:, None] + 20 * rng.normal(size=DRAWS)
    return _interval(answer, diversity, gain, seed)


def _one_measure_twice(answer: Callable[..., Any], seed: int) -> tuple[Any, Any]:
    values = np.random.default_rng(seed).normal(size=(METHODS, DRAWS))
    return _interval(answer, values, values.copy(), seed)


def _one_draw_decides(answer: Callable[..., Any], seed: int) -> tuple[Any, Any]:
    # In one draw of ten all is turned around, and so strongly that this draw decides wherever it
    # is chosen. It is left out in 35 % of the repetitions.
    rng = np.random.default_rng(seed)
    level = rng.permutation(METHODS).astype(float)
    diversity = level[:, None] + rng.uniform(-0.2, 0.2, (METHODS, DRAWS))
    gain = level[:, None] + rng.uniform(-0.2, 0.2, (METHODS, DRAWS))
    gain[:, rng.integers(DRAWS)] = -100 * level
    return _interval(answer, diversity, gain, seed)


RANK_CORRELATION = (
    Part(
        "the correlation of the ranks, with ties",
        lambda answer, seed: answer(*_with_ties(seed), np.random.default_rng(seed + 1), 5)[0],
        "Take the mean over draws first, then the ranks. Equal means share a rank.",
        "argsort gives equal values different ranks; scipy.stats.rankdata gives them their mean "
        "rank.",
        points=2,
    ),
    Part(
        "no wider where a draw moves all methods alike",
        _good_and_bad_draws,
        "Draw *draws* with replacement, not methods, and the same draws for all methods.",
        "A repetition needs one vector of chosen draws, for the columns of both tables.",
        points=2,
        expected=(1 - 48 / 504, 1 - 48 / 504),
    ),
    Part(
        "the same draws for both measures",
        _one_measure_twice,
        "A measure goes perfectly with itself, in every repetition. Are the draws of the two "
        "tables chosen apart?",
        expected=(1.0, 1.0),
    ),
    Part(
        "as wide as it must be where one draw decides",
        _one_draw_decides,
        "Every repetition chooses its draws, takes means and ranks again. Draw with replacement, "
        "so that a draw may be left out.",
        "The interval is from quantile 0.025 to quantile 0.975 of the repetitions.",
        points=2,
        expected=(-1.0, 1.0),
    ),
)

# --- ex10-3: a family of comparisons -------------------------------------------------------------


def _differences(p_values: np.ndarray, seed: int, draws: int = 16) -> np.ndarray:
    """Differences per draw whose t tests have just these p-values; their signs alternate."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(len(p_values), draws))
    noise -= noise.mean(axis=1, keepdims=True)
    noise /= noise.std(axis=1, ddof=1, keepdims=True)
    mean = stats.t.isf(p_values / 2, draws - 1) / np.sqrt(draws)
    mean *= np.where(np.arange(len(p_values)) % 2, 1, -1)
    return np.asarray(rng.uniform(1, 3) * (noise + mean[:, None]))


def _one_p_value(seed: int) -> np.ndarray:
    return np.array([uniform(seed, 0.05, 0.3)])


def _far_apart(seed: int) -> np.ndarray:
    return np.array([2e-4, 2e-3, 1e-2, 6e-2]) * uniform(seed, 0.8, 1.2)


def _adjusted(p_values: Callable[[int], np.ndarray]) -> Probe:
    """A probe: adjusted p-values of a family that has these."""
    return lambda answer, seed: answer(_differences(p_values(seed), seed))


def _turned_around(answer: Callable[..., Any], seed: int) -> list[Any]:
    family = _differences(_far_apart(seed), seed)
    in_order, turned = np.asarray(answer(family)), np.asarray(answer(family[::-1].copy()))
    return [turned[::-1] - in_order, bool(in_order.min() < in_order.max())]


FAMILY = (
    Part(
        "a family of one keeps its p-value",
        _adjusted(_one_p_value),
        "The test is two-sided: a loss is a difference as well.",
        "scipy.stats.ttest_1samp tests whether the mean of each row is 0.",
        expected=_one_p_value,
    ),
    Part(
        "four comparisons that are far apart",
        _adjusted(_far_apart),
        "Only the smallest p-value is multiplied by the size of the family.",
        "The next one is multiplied by one less, and the last one by 1.",
        points=2,
        like=np.zeros(4),
    ),
    Part(
        "in the order of the family",
        _turned_around,
        "Put the adjusted p-values back to where their comparisons were.",
        "If order = np.argsort(p), then result[order] = adjusted.",
        expected=[np.zeros(4), True],
    ),
    Part(
        "no comparison overtakes another one",
        _adjusted(lambda seed: np.array([0.02, 0.021, 0.022]) * uniform(seed, 0.8, 1.2)),
        "An adjusted p-value is never below that of a smaller p-value.",
        "np.maximum.accumulate, over the sorted ones.",
        points=2,
        like=np.zeros(3),
    ),
    Part(
        "no p-value above 1",
        lambda answer, seed: float(
            np.max(answer(_differences(np.array([0.6, 0.7, 0.8]) + uniform(seed, 0, 0.1), seed)))
        ),
        "A probability cannot be above 1.",
        expected=1.0,
    ),
)


# --- ex10-4: read two tables at once -------------------------------------------------------------

TWO_TABLES = (
    Part(
        "what the ladder says of A",
        entry("ladder"),
        "The ladder adds A to the plain GAN, before B.",
        atol=0.01,
    ),
    Part(
        "what the ablation says of A",
        entry("ablation"),
        "Leave A out of the whole. What remains is B alone.",
        atol=0.01,
    ),
    Part(
        "what A and B bring together beyond their sum",
        entry("together"),
        "What do A and B together add to the plain GAN, and what does each add alone?",
        "An interaction is also the difference of the two answers above.",
        atol=0.01,
    ),
    Part(
        "what an interval that holds zero says",
        entry("interval"),
        "All values inside of the interval are compatible with the data.",
        options=(
            "A has no effect",
            "A helps, if only a little",
            "both a loss and a gain of half a point are possible",
            "with a probability of 95 % A has no effect",
        ),
    ),
    Part(
        "what two intervals that overlap say",
        entry("overlap"),
        "Both intervals hold the luck of the draws, which is the same for both. What is left of "
        "it in a difference within each draw?",
        options=(
            "the two do not differ",
            "B is better",
            "nothing yet: the draws are the same, so look at the paired difference",
            "nothing yet: wait until the two intervals are apart",
        ),
    ),
    Part(
        "how many draws halve the interval",
        entry("draws"),
        "The interval shrinks with the square root of the number of draws.",
        rtol=0.15,
    ),
)

# --- ex10-5: the strongest rival -----------------------------------------------------------------

LEAST, SOME = 0.1, 0.6  # how far networks and parts move a difference, to either side


def _compared(
    seed: int, lead: float, networks: float = LEAST, parts: float = LEAST
) -> dict[str, np.ndarray]:
    """Accuracies of some methods, one of them ahead of all others by ``lead``, or behind them.

    The difference from the rival has exactly this mean. Half of the networks move it up and half
    of them down, and so do the parts.
    """
    rng = np.random.default_rng(seed)
    draws = 2 * NETWORKS
    luck = rng.normal(0, 3, (draws, 1)) + rng.normal(0, 4, PARTS)
    signs = [rng.permutation(np.resize([1.0, -1.0], many)) for many in (NETWORKS, PARTS)]
    noise = rng.normal(0, 0.1, (draws, PARTS))
    moved = networks * np.tile(signs[0], 2)[:, None] + parts * signs[1] + noise - noise.mean()
    rival = 65 + luck
    found = {
        ALONE: rival - 3 + rng.normal(0, 0.3, rival.shape),
        "second": rival - 0.8 + rng.normal(0, 0.3, rival.shape),
        METHOD: rival + lead + moved,
        "strongest": rival,
        OTHER: rival - 1.5 + rng.normal(0, 0.3, rival.shape),
    }
    return {name: np.asarray(values) for name, values in found.items()}


def _rivals(answer: Callable[..., Any], seed: int) -> list[str]:
    """The rival of a method that is ahead of all, and of one that is behind some."""
    return [str(answer(_compared(seed, lead), METHOD)[0]) for lead in (2.0, -1.0)]


def _found(answer: Callable[..., Any], table: dict[str, np.ndarray]) -> np.ndarray:
    """Mean difference, and what the interval holds below and above it."""
    _, mean, low, high, _ = answer(table, METHOD)
    return np.array([mean, mean - low, high - mean], dtype=float)


# Of each verdict how far the method is ahead, and what moves the difference.
VERDICTS: dict[str, tuple[str, dict[str, float]]] = {
    "far behind": ("worse", {"lead": -2.0, "parts": SOME}),
    "ahead by little, and surely": ("better", {"lead": 0.3}),
    "near, and surely": ("no more than half a point apart", {"lead": 0.05}),
    "ahead, and more on some reviews": ("no difference shown", {"lead": 0.6, "parts": 1.5}),
    "ahead, and more with some networks": ("no difference shown", {"lead": 0.6, "networks": 1.5}),
    "near, and nobody knows": ("no difference shown", {"lead": 0.0, "parts": 1.0}),
}


def _verdicts(answer: Callable[..., Any], seed: int) -> dict[str, str]:
    return {
        name: str(answer(_compared(seed, **settings), METHOD)[4])
        for name, (_, settings) in VERDICTS.items()
    }


STRONGEST_RIVAL = (
    Part(
        "the rival: the best of the others",
        _rivals,
        "The largest mean of all methods but the one that is compared. Did you compare it with "
        "'real only', or with itself?",
        expected=["strongest", "strongest"],
    ),
    Part(
        "the mean difference, method minus rival",
        lambda answer, seed: float(_found(answer, _compared(seed, -0.7))[0]),
        "Method minus rival. Below zero, the rival is ahead.",
        expected=-0.7,
    ),
    Part(
        "the interval, to either side of the mean",
        lambda answer, seed: _found(answer, _compared(seed, 0.4, networks=SOME, parts=SOME))[1:],
        "The reviews of a part belong together, and so do the draws of a network. An interval over "
        "draws alone leaves the test reviews out.",
        "paired_difference takes arrays of shape (draws, parts) as they are. Take no mean before.",
        points=2,
        like=np.zeros(2),
    ),
    Part(
        "the verdict",
        _verdicts,
        "Zero first: an interval that leaves it out is 'better' or 'worse', however small the "
        "difference.",
        "An interval that holds zero shows no more than half a point only if both of its ends do.",
        points=2,
        expected={name: verdict for name, (verdict, _) in VERDICTS.items()},
    ),
)

EXERCISES = (
    Exercise("ex10-1", "Does the gain fade?", "write", "standard", 20, FADING_GAIN),
    Exercise("ex10-2", "A rank correlation over draws", "write", "open", 30, RANK_CORRELATION),
    Exercise("ex10-3", "A family of comparisons", "write", "standard", 25, FAMILY),
    Exercise("ex10-4", "Read two tables at once", "explain", "standard", 15, TWO_TABLES),
    Exercise("ex10-5", "The strongest rival", "write", "open", 30, STRONGEST_RIVAL),
)
