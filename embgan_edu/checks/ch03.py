"""What is measured of the answers to the exercises of chapter 3, learning from little."""

from collections.abc import Callable
from typing import Any

import numpy as np

from embgan_edu.checks.engine import Exercise, Part, Probe, entry
from embgan_edu.checks.inputs import uniform

# --- ex03-1: a balanced split --------------------------------------------------------------------

Split = tuple[np.ndarray, np.ndarray]


def _labels(seed: int) -> np.ndarray:
    """Labels of three sorts, of which the rarest is rare."""
    rng = np.random.default_rng(seed)
    numbers = np.array([15, 40, 80]) + rng.integers(5, size=3)
    y: np.ndarray = rng.permutation(np.repeat([2, 5, 9], numbers))
    return y


def _split(split: Callable[..., Any], y: np.ndarray, n: int, rng: np.random.Generator) -> Split:
    train, test = split(y, n, rng)
    return np.asarray(train, int), np.asarray(test, int)


def _training_labels(split: Callable[..., Any], seed: int) -> dict[str, int]:
    y = _labels(seed)
    train, _ = _split(split, y, 14, np.random.default_rng(seed))
    labels, numbers = np.unique(y[train], return_counts=True)
    return {f"label {label}": int(n) for label, n in zip(labels, numbers, strict=True)}


def _bookkeeping(split: Callable[..., Any], seed: int) -> dict[str, bool]:
    y = _labels(seed)
    train, test = _split(split, y, 14, np.random.default_rng(seed))
    return {
        "no row in both": not set(train.tolist()) & set(test.tolist()),
        "no row twice": all(len(set(rows.tolist())) == len(rows) for rows in (train, test)),
        "no row left out": set(train.tolist()) | set(test.tolist()) == set(range(len(y))),
    }


def _chance(split: Callable[..., Any], seed: int) -> dict[str, bool]:
    y = np.repeat([2, 5], 6)
    rng = np.random.default_rng(seed)
    often = [_split(split, y, 2, rng)[0] for _ in range(80)]
    y = _labels(seed)
    first, again = (_split(split, y, 14, np.random.default_rng(seed))[0] for _ in range(2))
    return {
        "every row is drawn now and then": len(np.unique(np.concatenate(often))) == 12,
        "the same state of rng gives the same rows": set(first.tolist()) == set(again.tolist()),
    }


BALANCED_DRAW = (
    Part(
        "as many training rows of every label",
        _training_labels,
        "Each label gets n_per_label rows, however frequent it is. The labels need not be 0, 1, "
        "2, ...",
        "Go through np.unique(y), and look at the rows of one label at a time.",
        points=2,
        expected={"label 2": 14, "label 5": 14, "label 9": 14},
    ),
    Part(
        "every row once: in training or in test",
        _bookkeeping,
        "Test rows are all rows that are not training rows, each of them once.",
        "np.setdiff1d(all rows, training rows) gives them.",
        points=2,
        expected={"no row in both": True, "no row twice": True, "no row left out": True},
    ),
    Part(
        "by chance, and by the chance of rng alone",
        _chance,
        "Use the generator that is handed in for all that is random, and make no other one.",
        "rng.permutation(rows)[:n_per_label] takes rows by chance.",
        points=2,
        expected={
            "every row is drawn now and then": True,
            "the same state of rng gives the same rows": True,
        },
    ),
)

# --- ex03-2: how many draws ----------------------------------------------------------------------

SD = 2.0


def _pilot(seed: int, draws: int, luck: float) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies of two methods: a common luck of each draw, and differences of a known spread."""
    rng = np.random.default_rng(seed)
    difference = rng.normal(size=draws)
    difference = SD * (difference - difference.mean()) / difference.std(ddof=1)
    b = 65 + luck * rng.normal(size=draws)
    return b + 0.5 + difference, b


def _draws_for_a_small_gain(draws: int, luck: float) -> Probe:
    return lambda needed, seed: {
        "draws": needed(*_pilot(seed, draws, luck), uniform(seed, 0.28, 0.32))
    }


def _draws_for_a_large_gain(needed: Callable[..., Any], seed: int) -> dict[str, Any]:
    # In units of the deviation. Small differences in the pilot's deviation change nothing here.
    rng = np.random.default_rng(seed)
    ranges = [(1.3, 1.5), (1.1, 1.18), (0.96, 1.02), (0.86, 0.9)]
    first, second = rng.choice(4, size=2, replace=False)
    a, b = _pilot(seed, 200, luck=0)
    return {
        "a gain": needed(a, b, SD * rng.uniform(*ranges[first])),
        "another gain": needed(a, b, SD * rng.uniform(*ranges[second])),
    }


def _fewest_draws(needed: Callable[..., Any], seed: int) -> dict[str, Any]:
    a, b = _pilot(seed, 20, luck=0)
    return {
        "a gain of 100 deviations": needed(a, b, 100 * SD),
        "equal differences": needed(b + 1, b, 0.5),
    }


HOW_MANY_DRAWS = (
    Part(
        "the luck of a draw that both methods share cancels",
        _draws_for_a_small_gain(200, luck=4),
        "Pair first: the deviation is that of a - b, not one that adds up those of a and of b.",
        "Put it into the formula of the half-width; n is the unknown.",
        "Try n = 2, 3, 4, ... until the half-width is below the gain.",
        points=2,
        like={"draws": 173},
        rtol=0.03,
    ),
    Part(
        "the deviation of a small pilot",
        _draws_for_a_small_gain(5, luck=0),
        "With five differences it matters whether you divide by n or by n - 1: ddof=1.",
        like={"draws": 173},
        rtol=0.03,
    ),
    Part(
        "Student's quantile for the draws that you plan",
        _draws_for_a_large_gain,
        "For few draws, 1.96 is too small: the quantile of Student's t belongs there, with as "
        "many degrees of freedom as you plan draws, less one.",
        "It is not the number of draws in the pilot that counts here.",
        "scipy.stats.t.ppf(0.975, n - 1)",
        points=2,
        like={"a gain": 5, "another gain": 7},
    ),
    Part(
        "never fewer than two draws",
        _fewest_draws,
        "From one draw there is no deviation, and so no interval.",
        expected={"a gain of 100 deviations": 2, "equal differences": 2},
    ),
)

# --- ex03-3: a test for a leak -------------------------------------------------------------------

Rows = np.ndarray
Prepare = Callable[[Rows, Rows], tuple[Rows, Rows]]


def _scaled(rows: Rows, by: Rows) -> Rows:
    result: Rows = (rows - by.mean(axis=0)) / by.std(axis=0)
    return result


def _to_a_range(rows: Rows, by: Rows) -> Rows:
    low, high = by.min(axis=0), by.max(axis=0)
    result: Rows = (rows - low) / (high - low)
    return result


def _by_training_rows(change: Callable[[Rows, Rows], Rows]) -> Prepare:
    return lambda train, test: (change(train, train), change(test, train))


def _by_all_rows(change: Callable[[Rows, Rows], Rows]) -> Prepare:
    def prepare(train: Rows, test: Rows) -> tuple[Rows, Rows]:
        both = np.concatenate([train, test])
        return change(train, both), change(test, both)

    return prepare


def _each_by_itself(train: Rows, test: Rows) -> tuple[Rows, Rows]:
    return _scaled(train, train), _scaled(test, test)


def _in_place(prepare: Prepare) -> Prepare:
    def overwrite(train: Rows, test: Rows) -> tuple[Rows, Rows]:
        train[:], test[:] = prepare(train, test)
        return train, test

    return overwrite


def _verdicts(*preparations: Prepare, spread: float = 1.0) -> Probe:
    """A probe: what the answer says of some preparations, each with arrays of its own."""

    def verdicts(leaks: Callable[..., Any], seed: int) -> list[Any]:
        rng = np.random.default_rng(seed)
        # Between training rows of -9 and 9, a small spread keeps test rows from being extreme.
        train = 2 + np.concatenate([rng.normal(size=(20, 3)), [[9] * 3], [[-9] * 3]])
        test = 2 + spread * (0.3 + rng.normal(size=(15, 3)))
        return [leaks(prepare, train.copy(), test.copy()) for prepare in preparations]

    return verdicts


LEAK_TEST = (
    Part(
        "tells statistics of the training rows from statistics of all rows",
        _verdicts(_by_training_rows(_scaled), _by_all_rows(_scaled)),
        "Prepare the same training rows twice, with different test rows. May the result differ? "
        "Compare values, not whole tuples.",
        "np.allclose compares two arrays.",
        points=3,
        expected=[False, True],
    ),
    Part(
        "finds test rows in units of their own",
        _verdicts(_each_by_itself, _by_training_rows(_scaled)),
        "Here the training rows come out right. Do you only look at these?",
        "A test row must come out the same, whatever the other test rows are.",
        "Keep the first test row, and change all others.",
        points=2,
        expected=[True, False],
    ),
    Part(
        "no false alarm when the arrays are overwritten",
        _verdicts(_in_place(_by_training_rows(_scaled)), _in_place(_by_all_rows(_scaled))),
        "prepare may write into the arrays that it gets: the second run then starts from the "
        "results of the first.",
        "Hand in copies, in both runs.",
        points=2,
        expected=[False, True],
    ),
    Part(
        "finds a leak that these test rows do not show",
        _verdicts(_by_all_rows(_to_a_range), _by_training_rows(_to_a_range), spread=0.1),
        "This one takes the smallest and the largest value of all rows, and here both are "
        "training rows. How much do you change the test rows?",
        "Change them so much that they become the largest and the smallest.",
        expected=[True, False],
    ),
)


# --- ex03-4: four training logs ------------------------------------------------------------------

CAUSES = (
    "softmax applied twice",
    "training rows learned by heart",
    "training labels shuffled",
    "weights that never move",
    "test rows among the training rows",
)

FOUR_LOGS = (
    *(
        Part(f"log {log}", entry(log), hint, options=CAUSES)
        for log, hint in (
            ("A", "What is learned of 100 rows is either a rule or the rows themselves."),
            ("B", "A loss of 0.31 nats is -log 0.73. Where did you see 73 % before?"),
            ("C", "The network can fit these rows. What was there to learn from them?"),
            ("D", "The loss has the same value before and after 299 updates."),
        )
    ),
    Part(
        "the lowest loss that a softmax applied twice can reach with three labels",
        entry("lowest loss"),
        "What are the three probabilities at best, and what does the second softmax make of them?",
        "The second softmax gets 1, 0 and 0.",
        "The probability of the right label is e / (e + 2).",
        points=2,
        rtol=0.01,
    ),
    Part(
        "what a half-width as large as the gain is good for",
        entry("above zero"),
        "The mean difference of an experiment lies above or below the true gain. What does the "
        "interval need?",
        options=(
            "in about half of the experiments",
            "in 95 % of the experiments",
            "in nearly all experiments",
        ),
    ),
)

EXERCISES = (
    Exercise("ex03-1", "A balanced draw", "write", "routine", 15, BALANCED_DRAW),
    Exercise("ex03-2", "How many draws", "write", "standard", 20, HOW_MANY_DRAWS),
    Exercise("ex03-3", "A test that finds the leak", "write", "open", 30, LEAK_TEST),
    Exercise("ex03-4", "Four training logs", "diagnose", "standard", 15, FOUR_LOGS),
)
