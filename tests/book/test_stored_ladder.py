"""The stored tables of chapter 10 are whole, are what this code computes, and say what it says."""

import itertools
from collections.abc import Iterable
from dataclasses import asdict

import ladder_tables
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from embgan_edu.data.embedding import embed
from embgan_edu.measure.evaluation import PART_METRICS, REAL_ONLY, REAL_VS_REAL, accuracies
from embgan_edu.measure.paired import PairedDifference, paired_difference
from embgan_edu.models.gan import GANConfig
from embgan_edu.publish import figures
from embgan_edu.publish.chapters import checkout
from embgan_edu.study.ladder import (
    FACTORS,
    KEYS,
    LOCKBOX,
    METHODS,
    MIXES,
    OWN_MIX,
    REAL_TWEETS,
    WHOLE,
    describe_run,
    long,
    read_table,
    run_ladder,
    summarize_ladder,
)
from embgan_edu.study.recipe import FACTORIAL

TABLE, ABOUT = read_table()
SUMMARIES = summarize_ladder(TABLE)
FACTOR_TABLE = read_table(FACTORS)[0]
FACTOR_SUMMARIES = summarize_ladder(FACTOR_TABLE)
DOMAINS, SIZES, DRAWS, FEW = ("movie", "product"), (50, 100, 200, 500), 64, 16
LONG = {key: long(part) for key, part in TABLE.groupby(["corpus", "n_train"])}
LONG["editorial", 100] = long(read_table(LOCKBOX)[0])
both_domains = pytest.mark.parametrize("domain", DOMAINS)


def minus(domain: str, method: str, other: str = REAL_ONLY, n_train: int = 100) -> PairedDifference:
    """A method less another one, with the book's interval."""
    table = LONG[domain, n_train]
    return paired_difference(accuracies(table, method), accuracies(table, other))


def at(domain: str, n_train: int, method: str, measure: str) -> float:
    return float(SUMMARIES.loc[(domain, n_train, method), measure])


def per_draw(domain: str, method: str, measure: str) -> np.ndarray:
    """One number per draw at 100 training rows."""
    chosen = (TABLE["corpus"] == domain) & (TABLE["n_train"] == 100) & (TABLE["method"] == method)
    return TABLE[chosen].sort_values("draw")[measure].to_numpy()


def check_whole(table: pd.DataFrame, cells: Iterable[tuple[str, int, str, int]]) -> None:
    """Each cell is there once; where there is an accuracy, the parts of the reviews make it up."""
    wanted = set(cells)
    assert len(table) == len(wanted)
    assert set(table[list(KEYS)].itertuples(index=False, name=None)) == wanted
    tested = {"movie": 1800, "product": 1800, "editorial": 1800}
    rows = table[table["method"] != REAL_VS_REAL]
    right = rows[list(PART_METRICS)].sum(axis=1)
    np.testing.assert_allclose(
        100 * right / rows["corpus"].map(tested), rows["accuracy"], atol=0.01
    )


def test_every_cell_of_the_ladder_is_there_once() -> None:
    check_whole(
        TABLE,
        (
            (domain, n, method, draw)
            for domain, n, draw in itertools.product(DOMAINS, SIZES, range(DRAWS))
            for method in (
                *(METHODS if n == 100 else ladder_tables.SETTLED),
                REAL_ONLY,
                REAL_VS_REAL,
            )
        ),
    )


def test_every_cell_of_the_other_tables_is_there_once() -> None:
    always = (REAL_ONLY, REAL_VS_REAL)
    check_whole(FACTOR_TABLE, itertools.product(DOMAINS, [100], [*FACTORIAL, *always], range(FEW)))
    settled = [*ladder_tables.SETTLED, *always]
    check_whole(
        read_table(LOCKBOX)[0], itertools.product(["editorial"], [100], settled, range(DRAWS))
    )
    own = [f"{method}, own mix" for method in ladder_tables.MIXED]
    check_whole(read_table(OWN_MIX)[0], itertools.product(DOMAINS, [100], own, range(DRAWS)))


def test_one_mix_is_chosen_for_each_method_inside_the_training_rows() -> None:
    mixes = pd.read_csv(MIXES, comment="#")
    assert len(mixes) == 2 * len(ladder_tables.MIXED) * len(ladder_tables.GRID)
    own = summarize_ladder(
        pd.concat(
            [
                TABLE[(TABLE["method"] == REAL_ONLY) & (TABLE["n_train"] == 100)],
                read_table(OWN_MIX)[0],
            ]
        )
    )
    for method, part in mixes.groupby("method"):
        inside = part.groupby(["added", "real_weight"])["inside"].mean()
        chosen = part[part["chosen"]].set_index("corpus")
        assert len(chosen) == 2 and chosen[["added", "real_weight"]].nunique().tolist() == [1, 1]
        best = inside[tuple(chosen[["added", "real_weight"]].iloc[0])]
        assert best >= inside.max() - 0.011, "up to the rounding of the stored numbers"
        for domain in DOMAINS:
            gain = own.loc[(domain, 100, f"{method}, own mix"), "gain"]
            assert gain == pytest.approx(chosen.loc[domain, "gain"], abs=0.006)


def test_the_settings_are_those_of_the_package() -> None:
    now = describe_run(DRAWS, data_seed=2019, random_state=0)
    for name in set(now) - {"python", "torch", "device", "settings"}:
        assert ABOUT[name] == now[name], name
    assert set(ABOUT["settings"]) == set(now["settings"])
    for rung, settings in ABOUT["settings"].items():
        assert asdict(GANConfig()) | settings == now["settings"][rung], rung


README_TABLE = {
    "rows of the plain GAN added": "vanilla GAN",
    "rows of the GAN with all six changes added": WHOLE,
    "noise in their place, labeled by the same judge": "judged noise",
    "the real tweets themselves added": REAL_TWEETS,
    "two classifiers and the mean of their probabilities, nothing added": "mean of two",
}


@pytest.mark.parametrize("words", README_TABLE)
def test_the_readme_says_what_the_tables_say(words: str) -> None:
    readme = (checkout() / "README.md").read_text(encoding="utf-8")
    gains = (str(minus(domain, README_TABLE[words])) for domain in (*DOMAINS, "editorial"))
    assert f"| {words} | {' | '.join(gains)} |" in readme.splitlines()


@both_domains
@pytest.mark.parametrize("change", ["batch norm", "pretraining", "noise", "smoothing"])
def test_a_main_effect_is_a_difference_of_two_halves(domain: str, change: str) -> None:
    """Half of the 48 sets have the change, and each of them has one partner without it."""
    accuracy = FACTOR_SUMMARIES.loc[domain, 100]["accuracy"]
    with_it = [change in FACTORIAL[name] for name in FACTORIAL]
    values = accuracy[list(FACTORIAL)].to_numpy()
    halves = values[with_it].mean() - values[np.logical_not(with_it)].mean()
    table = long(FACTOR_TABLE[FACTOR_TABLE["corpus"] == domain])
    found = {frozenset(changes): name for name, changes in FACTORIAL.items()}
    pairs = [
        accuracies(table, name) - accuracies(table, found[changes - {change}])
        for changes, name in found.items()
        if change in changes
    ]
    assert np.mean(pairs) == pytest.approx(halves, abs=1e-9)


def pool(domain: str, *needed: str) -> pd.DataFrame:
    """The sets of changes that have all that is needed."""
    runs = FACTOR_SUMMARIES.loc[domain, 100].loc[list(FACTORIAL)]
    return runs[[set(needed) <= set(FACTORIAL[name]) for name in runs.index]]


@both_domains
@pytest.mark.parametrize(
    ("measure", "figure", "needed"),
    [
        ("vendi_ratio", "rho-vendi-all", ()),
        ("vendi_ratio", "rho-vendi", ("pretraining",)),
        ("tstr", "rho-tstr", ("pretraining",)),
        ("tstr", "rho-tstr-judged", ("pretraining", "consistency")),
    ],
)
def test_the_rank_correlations_are_those_of_an_oracle(
    domain: str, measure: str, figure: str, needed: tuple[str, ...]
) -> None:
    runs = pool(domain, *needed)
    oracle = spearmanr(runs[measure], runs["gain"]).statistic
    register = figures.load_register()
    assert oracle == pytest.approx(register[f"ch10/{figure}-{domain}"].value, abs=1e-5)


def interval(runs: pd.DataFrame, measure: str) -> tuple[float, float]:
    """The bootstrap's interval, over methods."""
    rng = np.random.default_rng(1)
    samples = [runs.iloc[rng.integers(len(runs), size=len(runs))] for _ in range(500)]
    rhos = [spearmanr(part[measure], part["gain"]).statistic for part in samples]
    low, high = np.nanquantile(rhos, [0.025, 0.975])
    return float(low), float(high)


def test_the_words_of_chapter_10_about_correlations_are_true() -> None:
    for domain in DOMAINS:
        for needed in ((), ("pretraining",)):
            for measure in ("vendi_ratio", "recall"):
                low, high = interval(pool(domain, *needed), measure)
                assert low < 0 < high
        assert interval(pool(domain, "pretraining"), "tstr")[0] > 0
        low, high = interval(pool(domain, "pretraining", "consistency"), "tstr")
        assert low < 0 < high
    assert interval(pool("movie", "pretraining", "consistency"), "vendi_ratio")[1] < 0


@both_domains
def test_the_plain_gan_does_harm_and_the_whole_recipe_helps(domain: str) -> None:
    assert minus(domain, "vanilla GAN").high < 0 < minus(domain, WHOLE).low


def test_the_words_of_chapter_10_about_its_table_are_true() -> None:
    """What it says of the table without a number that the register holds."""
    for domain in DOMAINS:
        assert at(domain, 100, "+ consistency", "trts") > 97
        assert at(domain, 100, REAL_VS_REAL, "recall") == pytest.approx(0.8, abs=0.05)
        vendi = [at(domain, 100, rung, "vendi_ratio") for rung in ("vanilla GAN", "+ batch norm")]
        assert vendi[1] / vendi[0] == pytest.approx(2, abs=0.2)
        for method in ("memorizer", "jitter", "SMOTE", "class Gaussian"):
            assert -0.7 < at(domain, 100, method, "gain") < 0.1
        for rival in ("mean of two", "mean of three", "weighted tweets"):
            assert minus(domain, WHOLE, rival).high < 0, "worse"
        difference = minus(domain, WHOLE, REAL_TWEETS)
        assert difference.low < 0 < difference.high and not difference.within(0.5)
        blurred, whole = "+ pretraining, blurred", WHOLE
        assert at(domain, 100, blurred, "recall") > at(domain, 100, whole, "recall")
        assert at(domain, 100, blurred, "vendi_ratio") > at(domain, 100, whole, "vendi_ratio")
        assert minus(domain, WHOLE, blurred).low < 0 < minus(domain, WHOLE, blurred).high
        noise, tweets = (at(domain, 500, name, "gain") for name in ("judged noise", REAL_TWEETS))
        assert noise < tweets, "at 500, and the noise has no more"
        for name, other in (("+ tweets' judge", "vanilla GAN"), ("+ pretraining", WHOLE)):
            assert minus(domain, name, other).low < 0 < minus(domain, name, other).high
        tstr = [at(domain, n, WHOLE, "tstr") for n in SIZES]
        alone = [at(domain, n, REAL_ONLY, "accuracy") for n in SIZES]
        assert max(tstr) - min(tstr) < 2.5 < max(alone) - min(alone)
        assert tstr[0] > alone[0] + 1 and tstr[-1] < alone[-1] - 3
    for method in ("ten restarts", "shrunk LDA"):
        share = at("movie", 100, method, "gain") / at("movie", 100, WHOLE, "gain")
        assert 0.3 < share < 0.55, "a third to a half"
    assert minus("movie", WHOLE, "fine-tuned classifier").high < 0
    assert minus("product", WHOLE, "fine-tuned classifier").high == pytest.approx(0, abs=0.05)
    assert minus("movie", WHOLE, "tweet Gaussian").low > 0
    for domain, rival in (("movie", "judged noise"), ("product", "tweet Gaussian")):
        assert minus(domain, WHOLE, rival).low < 0 < minus(domain, WHOLE, rival).high
    assert 0 < minus("product", WHOLE, "judged noise").high < 0.05, "only just holds zero"
    half_widths = [
        minus(domain, WHOLE, rival).high - minus(domain, WHOLE, rival).mean
        for domain in DOMAINS
        for rival in (REAL_TWEETS, "judged noise", "tweet Gaussian", "judged tweet Gaussian")
    ]
    assert 0.55 < min(half_widths) < max(half_widths) < 1.05, "0.6 to 1.0 points"
    best = max(at("product", 100, method, "accuracy") for method in ladder_tables.SETTLED)
    assert best < figures.load_register()["ch10/lexicon-product"].value


SINGLE = ("ten restarts", "shrunk LDA", "judge", "corrected judge", "fine-tuned classifier")
SINGLE += ("weighted tweets",)


def test_the_words_of_chapter_10_about_the_lockbox_are_true() -> None:
    def over(rival: str) -> PairedDifference:
        return minus("editorial", WHOLE, rival)

    assert over("judged noise").low < 0 < over("judged noise").high
    assert all(over(rival).high < 0 for rival in ("mean of two", "mean of three", REAL_TWEETS))
    assert minus("editorial", "judge").high < -2
    assert minus("editorial", "mean of three", "mean of two").low > 0, "better still"
    for domain in (*DOMAINS, "editorial"):
        for single in SINGLE:
            assert minus(domain, single, "mean of two").low < 0, "none was better"
    own, judged = (minus("editorial", f"{name}tweet Gaussian") for name in ("", "judged "))
    noise = minus("editorial", "judged noise", "tweet Gaussian")
    assert judged.low < 0 and own.low > 1 and noise.low < 0 < noise.high
    gains = {name: minus("editorial", name).mean for name in ladder_tables.SETTLED}
    assert sorted(gains, key=gains.__getitem__).index("weighted tweets") < len(gains) - 5


def test_the_words_of_chapter_10_about_mixes_are_true() -> None:
    mixes = pd.read_csv(MIXES, comment="#")
    assert set(mixes[mixes["chosen"]]["real_weight"]) == {10}
    once = mixes[(mixes["corpus"] == "product") & (mixes["real_weight"] == 1)]
    tweets, recipe = (
        once[once["method"] == name].set_index("added")["gain"] for name in (REAL_TWEETS, WHOLE)
    )
    assert tweets.idxmax() == 3000 and recipe.idxmax() in {100, 300}
    assert recipe[3000] / recipe.max() == pytest.approx(0.5, abs=0.05)
    own = {domain: long(part) for domain, part in read_table(OWN_MIX)[0].groupby("corpus")}

    def over(domain: str, rival: str) -> PairedDifference:
        whole, other = (accuracies(own[domain], f"{name}, own mix") for name in (WHOLE, rival))
        return paired_difference(whole, other)

    for domain in DOMAINS:
        assert over(domain, REAL_TWEETS).high < 0 and over(domain, "R3GAN, wide").high < 0
        rows = accuracies(own[domain], f"{REAL_TWEETS}, own mix")
        difference = paired_difference(rows, accuracies(LONG[domain, 100], "mean of two"))
        assert difference.low < 0 < difference.high
    chosen = mixes[mixes["chosen"] & (mixes["corpus"] == "product")].set_index("method")
    assert chosen.loc[WHOLE, "gain"] < recipe[300], "the recipe's own mix is worth less"
    assert over("product", "judged noise").high < 0
    assert over("movie", "judged noise").low < 0 < over("movie", "judged noise").high


def conditional(
    change: str, given: str, there: bool, domains: tuple[str, ...] = DOMAINS
) -> PairedDifference:
    """Main effect of a change, of the sets that have another change, or have it not."""
    names = {frozenset(changes): name for name, changes in FACTORIAL.items()}
    differences = []
    for domain in domains:
        table = long(FACTOR_TABLE[FACTOR_TABLE["corpus"] == domain])
        differences += [
            accuracies(table, name) - accuracies(table, names[changes - {change}])
            for changes, name in names.items()
            if change in changes and changes - {change} in names and (given in changes) == there
        ]
    mean = np.mean(differences, axis=0)
    return paired_difference(mean, np.zeros_like(mean))


def test_the_words_of_chapter_10_about_its_factorial_are_true() -> None:
    for given, harm in (("consistency", True), ("pretraining", False)):
        assert conditional("batch norm", given, there=harm).high < 0
        harmless = conditional("batch norm", given, there=not harm)
        assert harmless.low < 0 < harmless.high, "none is shown"
    assert conditional("noise", "pretraining", there=False).low > 0
    assert conditional("noise", "pretraining", there=True).mean < 0, "it does not help"
    assert conditional("noise", "pretraining", True, ("movie",)).high < 0, "it costs a little"
    for domain in DOMAINS:
        table = long(FACTOR_TABLE[FACTOR_TABLE["corpus"] == domain])
        started = [
            accuracies(table, name) - accuracies(table, REAL_ONLY)
            for name, changes in FACTORIAL.items()
            if "pretraining" in changes and "consistency" not in changes
        ]
        mean = np.mean(started, axis=0)
        assert paired_difference(mean, np.zeros_like(mean)).low < 0, "no gain is shown"


@both_domains
def test_the_words_of_chapters_4_to_6_about_the_plain_gan_are_true(domain: str) -> None:
    for n_train in (50, 100, 200, 500):
        assert 0.2 < at(domain, n_train, "vanilla GAN", "vendi_ratio") < 0.31, "about a quarter"
    labels = paired_difference(
        per_draw(domain, "+ batch norm", "trts"), per_draw(domain, "vanilla GAN", "trts")
    )
    assert labels.low > 0, "another generator, and the label is followed better"
    without = figures.load_register()["ch06/trts-without"].value
    assert at(domain, 100, "vanilla GAN", "trts") < without, "less after 2,000 steps than after 500"


@both_domains
def test_the_words_of_chapter_10_about_wider_clouds_are_true(domain: str) -> None:
    def more(method: str, other: str, measure: str) -> PairedDifference:
        return paired_difference(*(per_draw(domain, name, measure) for name in (method, other)))

    blurred = "+ pretraining, blurred"
    for measure in ("recall", "vendi_ratio"):
        assert more(blurred, WHOLE, measure).low > 0
    assert -0.1 < more(blurred, WHOLE, "coverage").mean < 0, "a little lower"
    for method in (blurred, "+ noise"):
        assert more(method, "+ pretraining", "recall").low > 0
        assert more(method, "+ pretraining", "coverage").high < 0, "it costs coverage"
    assert more(WHOLE, "+ noise", "recall").low > 0, "smoothing adds recall"
    assert more(WHOLE, "+ noise", "coverage").mean > 0, "and loses no coverage"


@both_domains
@pytest.mark.parametrize("measure", ["vendi_ratio", "recall"])
def test_diversity_rises_along_the_ladder(domain: str, measure: str) -> None:
    rise = paired_difference(
        per_draw(domain, WHOLE, measure), per_draw(domain, "vanilla GAN", measure)
    )
    assert rise.low > 0


@pytest.mark.data
@pytest.mark.parametrize("n_train", [50, 200])
def test_what_trains_no_gan_comes_out_again(n_train: int) -> None:
    """On another processor a draw's accuracy may differ by a test row or two, of 1,800."""
    methods, draws = ["tweet Gaussian", REAL_TWEETS, "mean of two"], 4
    table = run_ladder(embed("product"), embed("tweets"), n_train, draws, methods)
    keys, measures = list(KEYS), ["accuracy", "tstr", "trts", "vendi_ratio", "recall"]
    stored = table[keys].merge(TABLE, on=keys, how="left", validate="one_to_one")
    difference = (table[measures] - stored[measures]).abs().max()
    assert stored["accuracy"].notna().sum() == draws * (len(methods) + 1)
    assert (difference <= pd.Series([0.3, 0.3, 0.3, 0.02, 0.02], measures)).all(), difference


def test_the_register_names_the_right_number_of_draws() -> None:
    live = {"computed live", "three topics", f"{FEW} draws"}
    for name, figure in figures.load_register().items():
        if name.startswith("ch10/") and not any(words in figure.what for words in live):
            assert "draws" not in figure.what or f"{DRAWS} draws" in figure.what, name
