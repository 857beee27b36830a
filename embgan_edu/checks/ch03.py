"""What is measured of the answers to the exercises of chapter 3, learning from little."""

from collections.abc import Callable
from typing import Any

import numpy as np

from embgan_edu.checks.engine import Exercise, Part

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


# --- ex03-2: how many draws ----------------------------------------------------------------------

SD = 2.0


def _pilot(seed: int, draws: int, luck: float) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies of two methods: a common luck of each draw, and differences of a known spread."""
    rng = np.random.default_rng(seed)
    difference = rng.normal(size=draws)
    difference = SD * (difference - difference.mean()) / difference.std(ddof=1)
    b = 65 + luck * rng.normal(size=draws)
    return b + 0.5 + difference, b


def _small_gain(seed: int) -> float:
    return float(np.random.default_rng(seed).uniform(0.28, 0.32))


def _draws_for_a_small_gain(
    draws: int, luck: float
) -> Callable[[Callable[..., Any], int], dict[str, Any]]:
    def needed(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
        return {"draws": answer(*_pilot(seed, draws, luck), _small_gain(seed))}

    return needed


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


# --- ex03-3: a test for a leak -------------------------------------------------------------------

Rows = np.ndarray


def _scaled(rows: Rows, by: Rows) -> Rows:
    result: Rows = (rows - by.mean(axis=0)) / by.std(axis=0)
    return result


def _by_training_rows(train: Rows, test: Rows) -> tuple[Rows, Rows]:
    return _scaled(train, train), _scaled(test, train)


def _by_all_rows(train: Rows, test: Rows) -> tuple[Rows, Rows]:
    both = np.concatenate([train, test])
    return _scaled(train, both), _scaled(test, both)


def _each_by_itself(train: Rows, test: Rows) -> tuple[Rows, Rows]:
    return _scaled(train, train), _scaled(test, test)


def _in_place(
    prepare: Callable[[Rows, Rows], tuple[Rows, Rows]],
) -> Callable[[Rows, Rows], tuple[Rows, Rows]]:
    def overwrite(train: Rows, test: Rows) -> tuple[Rows, Rows]:
        train[:], test[:] = prepare(train, test)
        return train, test

    return overwrite


def _to_a_range(rows: Rows, by: Rows) -> Rows:
    low, high = by.min(axis=0), by.max(axis=0)
    result: Rows = (rows - low) / (high - low)
    return result


def _range_of_training_rows(train: Rows, test: Rows) -> tuple[Rows, Rows]:
    return _to_a_range(train, train), _to_a_range(test, train)


def _range_of_all_rows(train: Rows, test: Rows) -> tuple[Rows, Rows]:
    both = np.concatenate([train, test])
    return _to_a_range(train, both), _to_a_range(test, both)


def _verdicts(
    *preparations: Callable[[Rows, Rows], tuple[Rows, Rows]], spread: float = 1.0
) -> Callable[[Callable[..., Any], int], list[Any]]:
    """A probe: what the answer says of some preparations, each with arrays of its own."""

    def verdicts(leaks: Callable[..., Any], seed: int) -> list[Any]:
        rng = np.random.default_rng(seed)
        # Between training rows of -9 and 9, a small spread keeps test rows from being extreme.
        train = 2 + np.concatenate([rng.normal(size=(20, 3)), [[9] * 3], [[-9] * 3]])
        test = 2 + spread * (0.3 + rng.normal(size=(15, 3)))
        return [leaks(prepare, train.copy(), test.copy()) for prepare in preparations]

    return verdicts


CAUSES = (
    "softmax applied twice",
    "training rows learned by heart",
    "training labels shuffled",
    "weights that never move",
    "test rows among the training rows",
)


def _entry(name: str) -> Callable[[Any, int], Any]:
    return lambda answer, seed: answer[name]


EXERCISES = (
    Exercise(
        "ex03-1",
        "A balanced draw",
        kind="write",
        level="routine",
        minutes=15,
        parts=(
            Part(
                "as many training rows of every label",
                2,
                _training_labels,
                expected=lambda seed: {"label 2": 14, "label 5": 14, "label 9": 14},
                hints=(
                    "Each label gets n_per_label rows, however frequent it is. The labels need "
                    "not be 0, 1, 2, ...",
                    "Go through np.unique(y), and look at the rows of one label at a time.",
                ),
            ),
            Part(
                "every row once: in training or in test",
                2,
                _bookkeeping,
                expected=lambda seed: {
                    "no row in both": True,
                    "no row twice": True,
                    "no row left out": True,
                },
                hints=(
                    "Test rows are all rows that are not training rows, each of them once.",
                    "np.setdiff1d(all rows, training rows) gives them.",
                ),
            ),
            Part(
                "by chance, and by the chance of rng alone",
                2,
                _chance,
                expected=lambda seed: {
                    "every row is drawn now and then": True,
                    "the same state of rng gives the same rows": True,
                },
                hints=(
                    "Use the generator that is handed in for all that is random, and make no "
                    "other one.",
                    "rng.permutation(rows)[:n_per_label] takes rows by chance.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex03-2",
        "How many draws",
        kind="write",
        level="standard",
        minutes=20,
        parts=(
            Part(
                "the luck of a draw that both methods share cancels",
                2,
                _draws_for_a_small_gain(200, luck=4),
                like={"draws": 173},
                rtol=0.03,
                hints=(
                    "Pair first: the deviation is that of a - b, not one that adds up those of a "
                    "and of b.",
                    "Put it into the formula of the half-width; n is the unknown.",
                    "Try n = 2, 3, 4, ... until the half-width is below the gain.",
                ),
            ),
            Part(
                "the deviation of a small pilot",
                1,
                _draws_for_a_small_gain(5, luck=0),
                like={"draws": 173},
                rtol=0.03,
                hints=(
                    "With five differences it matters whether you divide by n or by n - 1: ddof=1.",
                ),
            ),
            Part(
                "Student's quantile for the draws that you plan",
                2,
                _draws_for_a_large_gain,
                like={"a gain": 5, "another gain": 7},
                hints=(
                    "For few draws, 1.96 is too small: the quantile of Student's t belongs there, "
                    "with as many degrees of freedom as you plan draws, less one.",
                    "It is not the number of draws in the pilot that counts here.",
                    "scipy.stats.t.ppf(0.975, n - 1)",
                ),
            ),
            Part(
                "never fewer than two draws",
                1,
                _fewest_draws,
                expected=lambda seed: {"a gain of 100 deviations": 2, "equal differences": 2},
                hints=("From one draw there is no deviation, and so no interval.",),
            ),
        ),
    ),
    Exercise(
        "ex03-3",
        "A test that finds the leak",
        kind="write",
        level="open",
        minutes=30,
        parts=(
            Part(
                "tells statistics of the training rows from statistics of all rows",
                3,
                _verdicts(_by_training_rows, _by_all_rows),
                expected=lambda seed: [False, True],
                hints=(
                    "Prepare the same training rows twice, with different test rows. May the "
                    "result differ? Compare values, not whole tuples.",
                    "np.allclose compares two arrays.",
                ),
            ),
            Part(
                "finds test rows in units of their own",
                2,
                _verdicts(_each_by_itself, _by_training_rows),
                expected=lambda seed: [True, False],
                hints=(
                    "Here the training rows come out right. Do you only look at these?",
                    "A test row must come out the same, whatever the other test rows are.",
                    "Keep the first test row, and change all others.",
                ),
            ),
            Part(
                "no false alarm when the arrays are overwritten",
                2,
                _verdicts(_in_place(_by_training_rows), _in_place(_by_all_rows)),
                expected=lambda seed: [False, True],
                hints=(
                    "prepare may write into the arrays that it gets: the second run then starts "
                    "from the results of the first.",
                    "Hand in copies, in both runs.",
                ),
            ),
            Part(
                "finds a leak that these test rows do not show",
                1,
                _verdicts(_range_of_all_rows, _range_of_training_rows, spread=0.1),
                expected=lambda seed: [True, False],
                hints=(
                    "This one takes the smallest and the largest value of all rows, and here both "
                    "are training rows. How much do you change the test rows?",
                    "Change them so much that they become the largest and the smallest.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex03-4",
        "Four training logs",
        kind="diagnose",
        level="standard",
        minutes=15,
        answer="dict",
        parts=(
            *(
                Part(
                    f"log {log}",
                    1,
                    _entry(log),
                    options=CAUSES,
                    hints=(hint,),
                )
                for log, hint in (
                    ("A", "What is learned of 100 rows is either a rule or the rows themselves."),
                    ("B", "A loss of 0.31 nats is -log 0.73. Where did you see 73 % before?"),
                    ("C", "The network can fit these rows. What was there to learn from them?"),
                    ("D", "The loss has the same value before and after 299 updates."),
                )
            ),
            Part(
                "the lowest loss that a softmax applied twice can reach with three labels",
                2,
                _entry("lowest loss"),
                like=1.0,
                rtol=0.01,
                hints=(
                    "What are the three probabilities at best, and what does the second softmax "
                    "make of them?",
                    "The second softmax gets 1, 0 and 0.",
                    "The probability of the right label is e / (e + 2).",
                ),
            ),
            Part(
                "what a half-width as large as the gain is good for",
                1,
                _entry("above zero"),
                options=(
                    "in about half of the experiments",
                    "in 95 % of the experiments",
                    "in nearly all experiments",
                ),
                hints=(
                    "The mean difference of an experiment lies above or below the true gain. What "
                    "does the interval need?",
                ),
            ),
        ),
    ),
)
