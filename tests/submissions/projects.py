"""Answers to the projects: tables that nobody measured, with claims computed anew from them."""

import numpy as np
from bank import right, wrong
from scipy import stats

DRAWS = 8
DRAWS_PART = "eight draws or more, the same for every method, no two alike"
GAINS = "gains with their intervals, in pairs"
WHOLE = "a whole table, with every baseline"


def t_interval(differences):
    low, high = stats.t.interval(
        0.95, len(differences) - 1, np.mean(differences), stats.sem(differences)
    )
    return [float(np.mean(differences)), float(low), float(high)]


def two_samples(a, b):
    mean, n = np.mean(a) - np.mean(b), len(a)
    half = stats.t.ppf(0.975, 2 * n - 2) * np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / n)
    return [mean, mean - half, mean + half]


def lies(interval, above="gain", below="loss"):
    if interval[1] > 0:
        return above
    return below if interval[2] < 0 else "undecided"


def csv(header, rows):
    empty = [["" if value is None else str(value) for value in row] for row in rows]
    return "\n".join([",".join(header), *(",".join(row) for row in empty)])


# --- project1 ------------------------------------------------------------------------------------


def choose_rows(texts, labels, form=lambda text: tuple(text.casefold().split()), clean=True):
    forms = [form(text) for text in texts]
    told = {}
    for one, label in zip(forms, labels, strict=True):
        told.setdefault(one, set()).add(int(label))
    return [
        row
        for row, one in enumerate(forms)
        if forms.index(one) == row
        and (not clean or len(told[one]) == 1)
        and any(letter.isalnum() for letter in texts[row])
    ]


@right("project1-1")
def by_first_place(texts, labels):
    return choose_rows(texts, labels)


@wrong("project1-1", "equal up to capitals and blanks", "Compare a normal form")
def letter_by_letter(texts, labels):
    return choose_rows(texts, labels, form=lambda text: text)


@wrong("project1-1", "of equal texts with two labels, none", "Is the first one kept?")
def the_first_label_wins(texts, labels):
    return choose_rows(texts, labels, clean=False)


def learning_curve(levels, seed=1, draws=DRAWS):
    rng = np.random.default_rng(seed)
    luck = rng.normal(0, 2, draws)
    rows, linear, network, majority = [], {}, {}, {}
    for size, level in levels.items():
        network[size] = (level + luck + rng.normal(0, 0.4, draws)).round(2)
        linear[size] = (network[size] + 1.5 + rng.normal(0, 0.4, draws)).round(2)
        majority[size] = np.round(50 + rng.normal(0, 0.5, draws), 2)
        parts = zip(majority[size], linear[size], network[size], strict=True)
        rows += [(size, draw, *values) for draw, values in enumerate(parts)]
    at_100 = t_interval(linear[100] - network[100])
    fewest = min(levels)
    return {
        "table": csv(["n_train", "draw", "majority", "linear", "network"], rows),
        "texts": 1500,
        "mean": {size: float(values.mean()) for size, values in network.items()},
        "linear - network": at_100,
        "better": lies(at_100, "linear", "network"),
        "against the majority": lies(t_interval(network[fewest] - majority[fewest])),
        "labels for two points": None,
    }


right("project1-2", name="a curve that never gets there")(
    learning_curve({50: 61, 100: 64, 200: 64.4, 400: 64.6, 800: 65})
)


def steep_curve():
    answer = learning_curve({50: 58, 100: 62, 200: 66, 400: 70}, seed=2)
    start, end = answer["mean"][100], answer["mean"][200]
    answer["labels for two points"] = 100 * 2 ** (2 / (end - start))
    return answer


right("project1-2", name="a steep curve")(steep_curve())
wrong(
    "project1-2",
    "how many labels two points more need",
    "and not how many in all",
    name="the further labels only",
)(steep_curve() | {"labels for two points": steep_curve()["labels for two points"] - 100})
wrong(
    "project1-2",
    "a corpus that is large enough, and a whole table",
    "after duplicates are dropped",
    name="a small corpus",
)(steep_curve() | {"texts": 620})

# --- project2 ------------------------------------------------------------------------------------


def decide(table, margin, factor=None, by_place=False):
    alone = table[table["method"] == "real only"]
    found = {}
    for method in set(table["method"]) - {"real only"}:
        rows = table[table["method"] == method]
        if by_place:
            d = rows["accuracy"].to_numpy() - alone["accuracy"].to_numpy()
        else:
            partner = dict(zip(alone["draw"], alone["accuracy"], strict=True))
            pairs = zip(rows["draw"], rows["accuracy"], strict=True)
            d = np.array([value - partner[draw] for draw, value in pairs])
        mean, low, high = t_interval(d)
        if factor:
            low, high = mean - factor * stats.sem(d), mean + factor * stats.sem(d)
        found[method] = lies([mean, low, high])
        if found[method] == "undecided" and -margin <= low and high <= margin:
            found[method] = "same"
    return found


@right("project2-1")
def by_hand(table, margin):
    return decide(table, margin)


@wrong("project2-1", "not too sure of four draws", "1.96 is too small")
def normal_quantile(table, margin):
    return decide(table, margin, factor=1.96)


@wrong("project2-1", "the same for rows in any order", "not by their place")
def pairs_by_place(table, margin):
    return decide(table, margin, by_place=True)


def measured(gains, seed, draws=DRAWS):
    """Accuracies of every method on the same draws, whose luck is larger than any gain."""
    rng = np.random.default_rng(seed)
    luck = 65 + rng.normal(0, 3, draws)
    found = {"real only": luck.round(2)}
    for name, gain in gains.items():
        found[name] = (luck + gain + rng.normal(0, 0.6, draws)).round(2)
    return found


PLAIN = {"jitter": 0.1, "SMOTE": -0.1, "class Gaussian": 1.5, "vanilla GAN": -2.0}
VARIETY = {"jitter": 0.95, "SMOTE": 0.3, "class Gaussian": 1.3, "vanilla GAN": 0.6}


def plain_gan(gains=PLAIN, seed=3, interval=None):
    accuracy = measured(gains, seed)
    rows = [
        ("real only", draw, value, *[None] * 4) for draw, value in enumerate(accuracy["real only"])
    ]
    for name in gains:
        for draw, value in enumerate(accuracy[name]):
            trts = 99.0 if name == "vanilla GAN" else 75.0
            rows.append((name, draw, value, 60.0, trts, VARIETY[name], 0.2))
    rows += [("real vs real", draw, *[None] * 3, 1.0, 0.8) for draw in range(DRAWS)]
    paired = {name: t_interval(accuracy[name] - accuracy["real only"]) for name in gains}
    given = {name: two_samples(accuracy[name], accuracy["real only"]) for name in gains}
    header = ["method", "draw", "accuracy", "tstr", "trts", "vendi_ratio", "recall"]
    return {
        "table": csv(header, rows),
        "gain": given if interval == "unpaired" else paired,
        "verdict": {name: lies(pair) for name, pair in paired.items()},
        "collapsed": ["SMOTE"] if "SMOTE" in gains else [],
        "order": sorted(accuracy, key=lambda name: -accuracy[name].mean()),
        "flattered": "vanilla GAN",
    }


right("project2-2", name="another table")(plain_gan())
wrong("project2-2", GAINS, "interval is that of unpaired numbers", name="unpaired")(
    plain_gan(interval="unpaired")
)
wrong(
    "project2-2",
    "verdicts that fit the intervals",
    "jitter: 'gain', but the interval holds zero",
    name="a gain of nothing",
)(plain_gan() | {"verdict": plain_gan()["verdict"] | {"jitter": "gain"}})
wrong("project2-2", WHOLE, "got SMOTE, expected nothing", name="without SMOTE")(
    plain_gan({name: gain for name, gain in PLAIN.items() if name != "SMOTE"})
)
wrong(
    "project2-2",
    "which methods have collapsed, by the rule",
    "below half of that of 'real vs real'",
    name="collapse by TSTR",
)(plain_gan() | {"collapsed": ["vanilla GAN"]})

# --- project3 ------------------------------------------------------------------------------------


def halves(table, rungs, choose_on_all=False):
    chosen = table if choose_on_all else table[table["draw"].mod(2).eq(0)]
    means = {name: chosen.loc[chosen["method"] == name, "accuracy"].mean() for name in rungs}
    best = max(means, key=means.get)
    odd = table[table["draw"].mod(2).eq(1)].sort_values("draw")
    values = [odd.loc[odd["method"] == name, "accuracy"].to_numpy() for name in (best, "real only")]
    return (best, *t_interval(values[0] - values[1]))


@right("project3-1")
def by_masks(table, rungs):
    return halves(table, rungs)


@wrong(
    "project3-1",
    [
        "the rung that is best on even draws",
        "chosen among the rungs only",
        "its mean gain on odd draws",
        "the interval, to either side of the mean",
    ],
    "chosen on all draws",
)
def chosen_on_all_draws(table, rungs):
    return halves(table, rungs, choose_on_all=True)


SCRATCH = {"vanilla GAN": -2.5, "+ batch norm": -1.5, "+ consistency": -0.3}
BASELINES = {"jitter": 0.2, "SMOTE": 0.0, "class Gaussian": 0.1, "ten restarts": 0.4}
READERS = {"real tweets": 4.0, "judged noise": 2.4, "mean of two": 3.0}
REST = READERS | {"+ pretraining": 2.0, "+ noise": 2.2, "+ smoothing": 2.4}
CLASSIFIERS = ("real only", "ten restarts", "mean of two")


def concluded(interval):
    _, low, high = interval
    if low > 0 or high < 0:
        return "better" if low > 0 else "worse"
    near = max(-low, high) < 0.5
    return "no more than half a point apart" if near else "no difference shown"


def ladder(gains, seed=4, draws=DRAWS, without=""):
    accuracy = measured(gains, seed, draws)
    rng = np.random.default_rng(seed + 1)
    doubled = (accuracy["real only"] + 3 + rng.normal(0, 0.5, draws)).round(2)
    variety = {name: (0.3 + 0.1 * i + rng.normal(0, 0.02, draws)).round(2)
               for i, name in enumerate(gains)}  # fmt: skip
    rows = [
        (100, name, draw, value, None if name in CLASSIFIERS else variety[name][draw])
        for name, values in accuracy.items()
        for draw, value in enumerate(values)
        if name != without
    ]
    rows += [(200, "real only", draw, value, None) for draw, value in enumerate(doubled)]
    paired = {
        name: t_interval(accuracy[name] - accuracy["real only"])
        for name in gains
        if name != without
    }
    top = [name for name in (*SCRATCH, *REST) if name in gains and name not in READERS][-1]
    slope = np.mean(doubled) - np.mean(accuracy["real only"])
    table = csv(["n_train", "method", "draw", "accuracy", "vendi_ratio"], rows)
    price, worth = (100 * 2 ** (points / slope) - 100 for points in (1, paired[top][0]))
    answer = {
        "table": table,
        "gain": paired,
        "verdict": {name: lies(pair) for name, pair in paired.items()},
        "price of a point": price,
        "worth of the top rung": worth,
    }
    words = ("supported", "contradicted")
    rivals = ("class Gaussian", "ten restarts", *READERS)
    reading = {
        "table": table,
        "rivals": {
            name: concluded(t_interval(accuracy[top] - accuracy[name]))
            for name in rivals
            if name in gains
        },
        "consistency": lies(
            t_interval(accuracy["+ consistency"] - accuracy["+ batch norm"]), *words
        ),
        "diversity": lies(t_interval(variety[top] - variety["vanilla GAN"]), *words),
        "interval": "other draws of the same texts",
        "best rung": "looks better than it is, since luck had several chances",
        "credit": "what the judge knows, since noise carries it as well",
    }
    return answer, reading


EVERY = BASELINES | SCRATCH | REST
right("project3-2", name="labels that are not those of the tweets")(ladder(BASELINES | SCRATCH)[0])
right("project3-2", name="the whole ladder")(ladder(EVERY)[0])
wrong("project3-2", DRAWS_PART, "at least 8 draws", name="three draws")(ladder(EVERY, draws=3)[0])
wrong(
    "project3-2",
    "a whole table, with every baseline, control and rung",
    "got class Gaussian, expected nothing",
    name="without the Gaussian",
)(ladder(EVERY, without="class Gaussian")[0])
wrong(
    "project3-2",
    "a whole table, with every baseline, control and rung",
    "got judged noise, expected nothing",
    name="without judged noise",
)(ladder(EVERY, without="judged noise")[0])
wrong(
    "project3-2",
    "a whole table, with every baseline, control and rung",
    "got ten restarts, expected nothing",
    name="three rungs without a control",
)(ladder(BASELINES | SCRATCH, without="ten restarts")[0])

right("project3-3", name="three rungs")(ladder(BASELINES | SCRATCH)[1])
RIVALS = "the top rung against its rivals, by the rule"
wrong("project3-3", RIVALS, "not answer it", name="two gains are taken for no difference shown")(
    ladder(EVERY)[1] | {"rivals": dict.fromkeys(ladder(EVERY)[1]["rivals"], "no difference shown")}
)
wrong(
    "project3-3",
    RIVALS,
    "'no more than half a point apart', but the interval holds zero",
    name="an interval that holds zero is no difference",
)(
    ladder(EVERY)[1]
    | {
        "rivals": {
            name: "no more than half a point apart" if word == "no difference shown" else word
            for name, word in ladder(EVERY)[1]["rivals"].items()
        }
    }
)
wrong("project3-3", RIVALS, "mean of two: expected 'better'", name="only the weakest rival")(
    ladder(EVERY)[1] | {"rivals": {"class Gaussian": ladder(EVERY)[1]["rivals"]["class Gaussian"]}}
)
wrong(
    "project3-3",
    "what to give the credit for a gain that judged noise has as well",
    "have in common",
    name="the credit goes to rows that look real",
)(ladder(EVERY)[1] | {"credit": "the generator, since its rows are more like real texts"})
wrong(
    "project3-3",
    "the best rung of your table, with the interval beside it",
    "Who chose it",
    name="the best rung is fair",
)(ladder(EVERY)[1] | {"best rung": "is fair, since all rungs had the same draws"})

# --- project4 ------------------------------------------------------------------------------------


@right("project4-1")
def step_by_step(gain, leak):
    left, best = [], {}
    for name in sorted(leak, key=lambda name: (leak[name], -gain[name])):
        before = [value for other, value in best.items() if leak[other] < leak[name]]
        level = [gain[other] for other in leak if leak[other] == leak[name]]
        if all(gain[name] > value for value in before) and gain[name] == max(level):
            left.append(name)
            best[name] = gain[name]
    return left


@wrong("project4-1", "of equal gains, the one that leaks less", "better in both")
def must_be_better_in_both(gain, leak):
    names = sorted(leak, key=leak.get)
    beaten = {b for a in names for b in names if gain[a] > gain[b] and leak[a] < leak[b]}
    return [name for name in names if name not in beaten]


@wrong("project4-1", "twins stay, both of them", "do not rule each other out")
def twins_rule_each_other_out(gain, leak):
    names = sorted(leak, key=leak.get)
    beaten = {
        b for a in names for b in names if a != b and gain[a] >= gain[b] and leak[a] <= leak[b]
    }
    return [name for name in names if name not in beaten]


GAINED = {"memorizer": 0.0, "jitter": 0.1, "SMOTE": 0.0, "class Gaussian": 0.2}
GAINED |= {"VAE": 0.3, "WGAN-GP": 2.5, "templates": -2.5}
AREA = {"memorizer": 1.0, "jitter": 0.97, "SMOTE": 0.98, "class Gaussian": 0.6}
AREA |= {"VAE": 0.62, "WGAN-GP": 0.53, "templates": 0.53}


def newer(seed=5, reference=None):
    accuracy = measured(GAINED, seed)
    rng = np.random.default_rng(seed + 1)
    luck = rng.normal(0, 0.01, DRAWS)  # the AUC is one of the draw's members, for all methods
    area = {
        name: np.minimum(level + luck + rng.normal(0, 0.003, DRAWS), 1).round(3)
        for name, level in (AREA | {"control": 0.53}).items()
    }
    area["WGAN-GP"] = (area["control"] + np.resize([0.004, -0.004], DRAWS)).round(3)
    area["templates"] = (area["control"] + np.resize([-0.004, 0.004], DRAWS)).round(3)
    rows = [
        (name, draw, value, area[name][draw] if name in area else None)
        for name, values in accuracy.items()
        for draw, value in enumerate(values)
    ]
    rows += [("control", draw, None, value) for draw, value in enumerate(area["control"])]
    gains = {name: t_interval(accuracy[name] - accuracy["real only"]) for name in GAINED}
    base = area["control"] if reference is None else np.full(DRAWS, reference)
    above = {name: t_interval(area[name] - base) for name in GAINED}
    table = csv(["method", "draw", "accuracy", "auc"], rows)
    utility = {
        "table": table,
        "gain": gains,
        "verdict": {name: lies(pair) for name, pair in gains.items()},
        "beyond the Gaussian": {
            name: t_interval(accuracy[name] - accuracy["class Gaussian"])
            for name in ("VAE", "WGAN-GP", "templates")
        },
    }
    attack = {
        "table": table,
        "above the control": above,
        "control holds one half": False,
        "attack": {name: "leaks" if pair[1] > 0 else "not seen" for name, pair in above.items()},
        "left": ["WGAN-GP"],
        "claim": "this attack found no leak in these draws",
    }
    return utility, attack


right("project4-2", name="three newer methods")(newer()[0])
wrong(
    "project4-2",
    "the newer methods against the class Gaussian",
    "has an interval of its own",
    name="gains in place of differences from the Gaussian",
)(
    newer()[0]
    | {"beyond the Gaussian": {n: newer()[0]["gain"][n] for n in ("VAE", "WGAN-GP", "templates")}}
)
right("project4-3", name="one method is left")(newer()[1])
wrong(
    "project4-3",
    ["the AUC above the control, with intervals, in pairs", "which methods the attack sees leak"],
    "not 0.5",
    name="one half as the reference",
)(newer(reference=0.5)[1])
wrong(
    "project4-3",
    "what you may say of a method that is not seen to leak",
    "How many attacks",
    name="anonymous",
)(newer()[1] | {"claim": "its rows are anonymous"})
