"""Answers to the exercises of chapter 3."""

import numpy as np
from bank import right, wrong
from scipy import stats
from scipy.special import stdtrit

ONCE = "every row once: in training or in test"
CHANCE = "by chance, and by the chance of rng alone"
PAIRED = "the luck of a draw that both methods share cancels"
QUANTILE = "Student's quantile for the draws that you plan"


@right("ex03-1")
def walks_through_one_permutation(y, n, rng):
    left = {int(label): n for label in set(y)}
    train, test = [], []
    for row in rng.permutation(len(y)):
        label = int(y[row])
        (train if left[label] else test).append(int(row))
        left[label] = max(left[label] - 1, 0)
    return np.array(train), np.array(test)


@right("ex03-1")
def sorts_random_keys(labels, n, rng):
    keys = rng.random(len(labels))
    mask = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        own = labels == label
        mask |= own & (keys <= np.sort(keys[own])[n - 1])
    return np.nonzero(mask)[0], np.nonzero(~mask)[0]


@wrong("ex03-1", ONCE, "with replacement")
def draws_with_replacement(y, n, rng):
    train = np.hstack([rng.choice(np.where(y == c)[0], size=n) for c in sorted(set(y))])
    return train, np.array([row for row in range(len(y)) if row not in set(train)])


@wrong("ex03-1", CHANCE, "nothing is left to chance")
def first_of_each_label(y, n, rng):
    train = np.hstack([np.where(y == c)[0][:n] for c in sorted(set(y))])
    return train, np.delete(np.arange(len(y)), train)


@wrong("ex03-1", "as many training rows of every label", "however frequent it is")
def not_balanced(y, n, rng):
    order = rng.permutation(len(y))
    size = n * len(set(y))
    return order[:size], order[size:]


def half_widths(deviation):
    n = np.arange(2, 3000)
    return n, stdtrit(n - 1, 0.975) * deviation / n**0.5


@right("ex03-2")
def bisection(first, second, gain):
    s = np.std(np.subtract(first, second), ddof=1)
    low, high = 1, 10_000
    while high - low > 1:
        middle = (low + high) // 2
        if stats.t.interval(0.95, middle - 1)[1] * s * middle**-0.5 < gain:
            high = middle
        else:
            low = middle
    return high


@right("ex03-2")
def table_of_half_widths(first, second, gain):
    d = first - second
    n, half = half_widths((((d - d.mean()) ** 2).sum() / (len(d) - 1)) ** 0.5)
    return int(n[(half < gain).argmax()])


@wrong("ex03-2", PAIRED, "Unpaired")
def adds_the_variances(first, second, gain):
    n, half = half_widths((first.std(ddof=1) ** 2 + second.std(ddof=1) ** 2) ** 0.5)
    return int(n[(half < gain).argmax()])


@wrong("ex03-2", "the deviation of a small pilot", "ddof=1")
def divides_by_n(first, second, gain):
    n, half = half_widths((first - second).std())
    return int(n[(half < gain).argmax()])


@wrong("ex03-2", QUANTILE, "normal distribution")
def always_two_deviations(first, second, gain):
    s = (first - second).std(ddof=1)
    return max(2, int(np.floor((1.96 * s / gain) ** 2)) + 1)


@wrong("ex03-2", "never fewer than two draws", "Start at 2")
def starts_from_one_draw(first, second, gain):
    s, n = (first - second).std(ddof=1), 1
    while stats.t.ppf(0.975, max(n - 1, 1)) * s / np.sqrt(n) >= gain:
        n += 1
    return n


def differs(prepare, train, test, others, copy=True, look_at_test=True):
    """Whether other rows behind the first test row change what comes out."""
    found = []
    for rest in (test[1:].copy(), others):
        rows = np.vstack([test[:1], rest])
        a, b = prepare(train.copy() if copy else train, rows)
        found.append(np.vstack([a, b[:1]]) if look_at_test else np.array(a))
    return bool(np.abs(found[0] - found[1]).max() > 1e-9)


@right("ex03-3")
def outliers_behind_the_first_row(prepare, train, test):
    far = np.abs(np.vstack([train, test])).max() * 100
    return differs(prepare, train, test, np.array([[far], [-far]]) * np.ones_like(test[:2]))


@right("ex03-3")
def every_row_with_one_outlier(prepare, train, test):
    answers = []
    for outlier in (-1e4, 1e4):
        for row in test:
            pair = np.stack([row, np.full_like(row, outlier)])
            ours, theirs = prepare(np.array(train), pair)
            answers.append(np.concatenate([ours.ravel(), theirs[0]]))
    n = len(test)
    return not np.allclose(answers[:n], answers[n:], rtol=1e-7)


@wrong("ex03-3", "finds test rows in units of their own", "Only the training rows were compared")
def looks_at_training_rows_only(prepare, train, test):
    wild = np.vstack([1e4 * test, -1e4 * test])
    return differs(prepare, train, test, wild, look_at_test=False)


@wrong("ex03-3", "no false alarm when the arrays are overwritten", "has overwritten")
def hands_out_the_same_array_twice(prepare, train, test):
    return differs(prepare, train, test, np.vstack([1e4 * test, -1e4 * test]), copy=False)


@wrong("ex03-3", "finds a leak that these test rows do not show", "No test row was extreme")
def changes_little(prepare, train, test):
    return differs(prepare, train, test, test[1:] * 1.01)


RIGHT = {
    "A": "training rows learned by heart",
    "B": "softmax applied twice",
    "C": "training labels shuffled",
    "D": "weights that never move",
    "lowest loss": np.log(1 + 2 / np.e),
    "above zero": "in about half of the experiments",
}

wrong(
    "ex03-4",
    "the lowest loss that a softmax applied twice can reach with three labels",
    "for two labels",
    name="two labels",
)(RIGHT | {"lowest loss": float(-np.log(np.e / (np.e + 1)))})
wrong(
    "ex03-4",
    "what a half-width as large as the gain is good for",
    "holds the true gain",
    name="coverage for power",
)(RIGHT | {"above zero": "in 95 % of the experiments"})
