"""Answers to the exercises of chapter 10."""

import numpy as np
from bank import right, wrong
from scipy import stats

from embgan_edu.measure.paired import paired_difference

ALONE = "real only"
MEAN = "the mean: gain with few rows minus gain with many"
INTERVAL = "the interval, to either side of the mean"
ANY_ORDER = "the same for rows in any order"
FURTHER = "the same with further draws that have one size only"


def read_cells(table):
    keys = zip(table["n_train"], table["method"], table["draw"], strict=True)
    return dict(zip(keys, table["accuracy"], strict=True))


@right("ex10-1")
def from_a_dictionary(table, method, few, many):
    cells = read_cells(table)
    found = []
    for draw in sorted(set(table["draw"])):
        keys = [(n, m, draw) for n in (few, many) for m in (method, ALONE)]
        if all(key in cells for key in keys):
            a, b, c, d = (cells[key] for key in keys)
            found.append(a - b - c + d)
    ends = stats.t.interval(0.95, len(found) - 1, np.mean(found), stats.sem(found))
    return float(np.mean(found)), float(ends[0]), float(ends[1])


@right("ex10-1")
def merged(table, method, few, many):
    def gains(size):
        here = table[table["n_train"] == size]
        one, two = (here[here["method"] == m][["draw", "accuracy"]] for m in (method, ALONE))
        both = one.merge(two, on="draw")
        return both.assign(gain=both["accuracy_x"] - both["accuracy_y"])[["draw", "gain"]]

    both = gains(few).merge(gains(many), on="draw")
    test = stats.ttest_rel(both["gain_x"], both["gain_y"])
    ends = test.confidence_interval(0.95)
    return (both["gain_x"] - both["gain_y"]).mean(), ends.low, ends.high


def around(mean, half):
    return mean, mean - half, mean + half


@wrong("ex10-1", [ANY_ORDER, FURTHER], "not by their place in the table")
def by_place(table, method, few, many):
    def column(size, name):
        here = (table["n_train"] == size) & (table["method"] == name)
        return table.loc[here, "accuracy"].to_numpy()

    difference = column(few, method) - column(few, ALONE)
    difference = difference - column(many, method) + column(many, ALONE)
    n = len(difference)
    return around(difference.mean(), stats.t.ppf(0.975, n - 1) * stats.sem(difference))


@wrong("ex10-1", INTERVAL, "as if they came from different draws")
def two_samples(table, method, few, many):
    cells = read_cells(table)
    gains = {
        size: {d: cells[n, m, d] - cells[n, ALONE, d] for n, m, d in cells if (n, m) == key}
        for size, key in ((few, (few, method)), (many, (many, method)))
    }
    shared = gains[few].keys() & gains[many].keys()
    a, b = (np.array([gains[size][d] for d in shared]) for size in (few, many))
    ends = stats.ttest_ind(a, b).confidence_interval(0.95)
    return a.mean() - b.mean(), ends.low, ends.high


@wrong("ex10-1", INTERVAL, "normal distribution")
def normal_quantile(*arguments):
    mean, low, _ = merged(*arguments)
    t = stats.t.ppf(0.975, 9)
    return around(mean, (mean - low) / t * stats.norm.ppf(0.975))


@wrong("ex10-1", MEAN, "the sign is turned around")
def many_minus_few(table, method, few, many):
    return merged(table, method, many, few)


TIES = "the correlation of the ranks, with ties"
ALIKE = "no wider where a draw moves all methods alike"
BOTH = "the same draws for both measures"
DECIDES = "as wide as it must be where one draw decides"


@right("ex10-2")
def by_scipy(diversity, gain, rng, repetitions=1000):
    def statistic(columns):
        a, b = diversity[:, columns].mean(axis=1), gain[:, columns].mean(axis=1)
        return stats.spearmanr(a, b).statistic

    n = diversity.shape[1]
    found = sorted(statistic(rng.choice(n, n)) for _ in range(repetitions))
    return statistic(np.arange(n)), *np.percentile(found, [2.5, 97.5])


@right("ex10-2")
def by_weights(x, y, rng, repetitions=1000):
    """How often a draw is chosen is multinomial."""
    n = x.shape[1]
    weights = rng.multinomial(n, np.full(n, 1 / n), size=repetitions).T / n
    weights = np.concatenate([np.full((n, 1), 1 / n), weights], axis=1)
    a, b = (stats.rankdata(m @ weights, axis=0) for m in (x, y))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    rho = (a * b).sum(axis=0) / np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return rho[0], np.quantile(rho[1:], 0.025), np.quantile(rho[1:], 0.975)


def correlate(a, b):
    return np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1]


def percentiles(values):
    return np.percentile(values, [2.5, 97.5])


@wrong("ex10-2", [ALIKE, DECIDES], "not methods")
def over_methods(diversity, gain, rng, repetitions=1000):
    a, b = diversity.mean(axis=1), gain.mean(axis=1)
    rows = rng.integers(len(a), size=(repetitions, len(a)))
    return correlate(a, b), *percentiles([correlate(a[r], b[r]) for r in rows])


@wrong("ex10-2", BOTH, "chosen apart")
def apart(diversity, gain, rng, repetitions=1000):
    n = diversity.shape[1]
    found = []
    for _ in range(repetitions):
        one, two = rng.integers(n, size=(2, n))
        found.append(correlate(diversity[:, one].mean(axis=1), gain[:, two].mean(axis=1)))
    return correlate(diversity.mean(axis=1), gain.mean(axis=1)), *percentiles(found)


@wrong("ex10-2", TIES, "Ties are broken")
def broken_ties(diversity, gain, rng, repetitions=1000):
    def ranks(values):
        return np.argsort(np.argsort(values, kind="stable"))

    def rho(columns):
        a, b = (ranks(m[:, columns].mean(axis=1)) for m in (diversity, gain))
        return 1 - 6 * ((a - b) ** 2).sum() / (len(a) * (len(a) ** 2 - 1))

    n = diversity.shape[1]
    found = [rho(rng.integers(n, size=n)) for _ in range(repetitions)]
    return rho(np.arange(n)), *percentiles(found)


@wrong("ex10-2", DECIDES, "with replacement")
def without_replacement(diversity, gain, rng, repetitions=1000):
    n = diversity.shape[1]
    a, b = diversity, gain
    found = [
        correlate(a[:, c].mean(axis=1).round(9), b[:, c].mean(axis=1).round(9))
        for c in (rng.permutation(n) for _ in range(repetitions))
    ]
    return correlate(a.mean(axis=1), b.mean(axis=1)), *percentiles(found)


FAMILY = "four comparisons that are far apart"
PLACES = "in the order of the family"
OVERTAKES = "no comparison overtakes another one"
CAPPED = "no p-value above 1"


def two_sided(rows):
    rows = np.asarray(rows)
    n = rows.shape[1]
    t = rows.mean(axis=1) / (rows.std(axis=1, ddof=1) / n**0.5)
    return 2 * stats.t.sf(abs(t), n - 1)


@right("ex10-3")
def by_definition(rows):
    p = two_sided(rows)
    adjusted = []
    for mine in p:
        candidates = [other * (p >= other).sum() for other in p if other <= mine]
        adjusted.append(min(1.0, max(candidates)))
    return np.array(adjusted)


@right("ex10-3")
def step_by_step(rows):
    left = sorted(enumerate(two_sided(rows)), key=lambda pair: pair[1])
    found, largest = np.zeros(len(left)), 0.0
    while left:
        largest = max(largest, len(left) * left[0][1])
        place, _ = left.pop(0)
        found[place] = min(largest, 1)
    return found


@wrong("ex10-3", [FAMILY, OVERTAKES], "Bonferroni")
def bonferroni(rows):
    return (two_sided(rows) * len(rows)).clip(max=1)


@wrong("ex10-3", OVERTAKES, "the maximum is missing")
def without_maximum(rows):
    p = two_sided(rows)
    rank = p.argsort().argsort()
    return np.minimum((len(p) - rank) * p, 1)


@wrong("ex10-3", PLACES, "back to where")
def sorted_p_values(rows):
    return np.sort(step_by_step(rows))


@wrong("ex10-3", CAPPED, "above 1")
def not_capped(rows):
    p = two_sided(rows)
    return np.array([max(other * (p >= other).sum() for other in p if other <= x) for x in p])


READING = {
    "ladder": 0.1,
    "ablation": 1.4,
    "together": 1.3,
    "interval": "both a loss and a gain of half a point are possible",
    "overlap": "nothing yet: the draws are the same, so look at the paired difference",
    "draws": 60,
}
right("ex10-4", name="about as many draws")(READING)
wrong(
    "ex10-4",
    "what an interval that holds zero says",
    "not precise enough",
    name="an interval with zero means no effect",
)(READING | {"interval": "A has no effect"})
wrong(
    "ex10-4", "what two intervals that overlap say", "the same for both", name="overlap is equality"
)(READING | {"overlap": "the two do not differ"})
wrong("ex10-4", "how many draws halve the interval", "doubled", name="twice the draws")(
    READING | {"draws": 32}
)

RIVAL = "the rival: the best of the others"
DIFFERENCE = "the mean difference, method minus rival"
VERDICT = "the verdict"


def best_of_the_others(accuracy, method):
    others = [(np.mean(values), name) for name, values in accuracy.items() if name != method]
    return max(others)[1]


def spread(d, axis):
    """Variance of the mean where the groups are those of an axis, 0 networks or 1 parts."""
    groups = d.mean(axis=1 - axis)
    return groups.var(ddof=1) / len(groups)


def judged(mean, half, margin=0.5):
    low, high = mean - half, mean + half
    if low * high > 0:
        return low, high, "better" if mean > 0 else "worse"
    sure = max(abs(low), abs(high)) < margin
    return low, high, "no more than half a point apart" if sure else "no difference shown"


@right("ex10-5")
def by_networks_and_parts(accuracy, method):
    rival = best_of_the_others(accuracy, method)
    d = accuracy[method] - accuracy[rival]
    d = d.reshape(-1, 8, d.shape[1]).mean(axis=0)  # one number for each network and part
    both = d.var(ddof=1) / d.size
    ways = spread(d, 0), spread(d, 1)
    variance = max(sum(ways) - both, *ways)
    mean, half = d.mean(), stats.t.ppf(0.975, 7) * np.sqrt(variance)
    return rival, mean, *judged(mean, half)


@right("ex10-5")
def by_the_package(accuracy, method):
    rival = best_of_the_others(accuracy, method)
    pair = paired_difference(accuracy[method], accuracy[rival], confidence=0.95)
    return rival, pair.mean, *judged(pair.mean, pair.high - pair.mean)


@wrong("ex10-5", [INTERVAL, VERDICT], "over draws alone")
def over_draws_alone(accuracy, method):
    rival = best_of_the_others(accuracy, method)
    d = (accuracy[method] - accuracy[rival]).mean(axis=1)
    half = stats.t.ppf(0.975, len(d) - 1) * stats.sem(d)
    return rival, d.mean(), *judged(d.mean(), half)


@wrong("ex10-5", VERDICT, "holds zero is taken for no difference")
def zero_means_no_difference(accuracy, method):
    rival, mean, _, high, _ = by_the_package(accuracy, method)
    return rival, mean, *judged(mean, high - mean, margin=np.inf)


@wrong("ex10-5", [RIVAL, DIFFERENCE, INTERVAL, VERDICT], "weakest of the others")
def against_real_only(accuracy, method):
    return by_the_package({name: accuracy[name] for name in (method, ALONE)}, method)


@wrong("ex10-5", RIVAL, "or with itself")
def named_the_winner(accuracy, method):
    _, *rest = by_the_package(accuracy, method)
    return max(accuracy, key=lambda name: accuracy[name].mean()), *rest


@wrong("ex10-5", VERDICT, "look at zero first")
def margin_before_zero(accuracy, method):
    rival, mean, low, high, verdict = by_the_package(accuracy, method)
    if abs(low) < 0.5 and abs(high) < 0.5:
        verdict = "no more than half a point apart"
    return rival, mean, low, high, verdict
