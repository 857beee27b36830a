"""The stored table of chapter 10 is whole, is what this code computes, and reaches its goals."""

import itertools
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from embgan_edu.data.embedding import embed
from embgan_edu.measure.evaluation import REAL_ONLY, REAL_VS_REAL
from embgan_edu.measure.paired import PairedDifference, paired_difference
from embgan_edu.models.gan import GANConfig
from embgan_edu.publish import figures
from embgan_edu.publish.chapters import checkout
from embgan_edu.study.ladder import (
    KEYS,
    METHODS,
    REAL_TWEETS,
    WHOLE,
    describe_run,
    read_table,
    run_ladder,
    summarize_ladder,
)
from embgan_edu.study.recipe import ABLATION, LADDER

TABLE, ABOUT = read_table()
SUMMARIES = summarize_ladder(TABLE)
DOMAINS, SIZES, DRAWS = ("movie", "product"), (50, 100, 200, 500), 64
both_domains = pytest.mark.parametrize("domain", DOMAINS)


def per_draw(domain: str, method: str, measure: str) -> np.ndarray:
    """One number per draw at 100 training rows."""
    chosen = (TABLE["corpus"] == domain) & (TABLE["n_train"] == 100) & (TABLE["method"] == method)
    return TABLE[chosen].sort_values("draw")[measure].to_numpy()


def gain(domain: str, method: str, times_real_tweets: float = 0.0) -> PairedDifference:
    """Gain of a method, less a multiple of what the real tweets gain on the same draws."""
    alone = per_draw(domain, REAL_ONLY, "accuracy")
    ceiling = per_draw(domain, REAL_TWEETS, "accuracy") - alone
    ours = per_draw(domain, method, "accuracy") - alone
    return paired_difference(ours, times_real_tweets * ceiling)


def test_every_cell_is_there_once() -> None:
    methods = (*METHODS, REAL_ONLY, REAL_VS_REAL)
    wanted = set(itertools.product(DOMAINS, SIZES, methods, range(DRAWS)))
    assert len(TABLE) == len(wanted)
    assert set(TABLE[list(KEYS)].itertuples(index=False, name=None)) == wanted


def test_the_settings_are_those_of_the_package() -> None:
    now = describe_run(DRAWS, data_seed=2019, random_state=0)
    for name in set(now) - {"python", "torch", "device", "settings"}:
        assert ABOUT[name] == now[name], name
    assert set(ABOUT["settings"]) == set(now["settings"])
    for rung, settings in ABOUT["settings"].items():
        # A setting that came later, with chapter 11, leaves these GANs as they are by default.
        assert asdict(GANConfig()) | settings == now["settings"][rung], rung


@both_domains
def test_the_whole_recipe_helps(domain: str) -> None:
    assert gain(domain, WHOLE).low > 0
    assert gain(domain, WHOLE, times_real_tweets=0.5).mean > 0


def test_the_readme_says_what_the_table_says() -> None:
    readme = " ".join((checkout() / "README.md").read_text(encoding="utf-8").split())
    movie, product = (gain(domain, WHOLE) for domain in DOMAINS)
    tweets = [gain(domain, REAL_TWEETS).mean for domain in DOMAINS]
    assert (
        f"by {movie.mean:.1f} points on movies (95 % interval {movie.low:.1f} to "
        f"{movie.high:.1f}) and {product.mean:.1f} on products ({product.low:.1f} to "
        f"{product.high:.1f}), over {DRAWS} draws. Adding the real tweets themselves gains "
        f"{tweets[0]:.1f} and {tweets[1]:.1f}." in readme
    )


def at(domain: str, n_train: int, method: str, measure: str) -> float:
    return float(SUMMARIES.loc[(domain, n_train, method), measure])


def test_the_words_of_chapter_10_are_true() -> None:
    """What it says of the table without a number that the register holds."""
    half = gain("movie", WHOLE, times_real_tweets=0.5)
    assert half.low < 0 < half.high and gain("product", WHOLE, times_real_tweets=0.5).low > 0
    kept = [gain(domain, WHOLE).mean / gain(domain, REAL_TWEETS).mean for domain in DOMAINS]
    assert kept == pytest.approx([2 / 3, 4 / 5], abs=0.03)
    assert gain("movie", WHOLE).high == pytest.approx(1.6, abs=0.05)  # where the paper's number is
    assert round(at("movie", 500, REAL_ONLY, "accuracy")) == 69
    assert round(at("movie", 500, "vanilla GAN", "trts")) == 56
    for domain in DOMAINS:
        assert at(domain, 100, "+ consistency", "trts") > 97
        assert at(domain, 100, REAL_VS_REAL, "recall") == pytest.approx(0.8, abs=0.05)
        assert at(domain, 100, "all but batch norm", "recall") < 0.005
        assert at(domain, 100, "all but batch norm", "vendi_ratio") == pytest.approx(0.3, abs=0.03)
        vendi = [at(domain, 100, rung, "vendi_ratio") for rung in ("vanilla GAN", "+ batch norm")]
        assert vendi[1] / vendi[0] == pytest.approx(2, abs=0.2)
        for method in ("memorizer", "jitter", "SMOTE", "class Gaussian"):
            assert at(domain, 100, method, "gain_low") < 0
            assert -0.7 < at(domain, 100, method, "gain") < 0.1
        tstr = [at(domain, n, WHOLE, "tstr") for n in SIZES]
        alone = [at(domain, n, REAL_ONLY, "accuracy") for n in SIZES]
        assert max(tstr) - min(tstr) < 2.5 < max(alone) - min(alone)
        assert tstr[0] > alone[0] + 1 and tstr[-1] < alone[-1] - 3


@pytest.mark.parametrize("measure", ["vendi_ratio", "tstr"])
@pytest.mark.parametrize("where", ["all", "within", "pretrained"])
def test_the_rank_correlations_are_those_of_an_oracle(where: str, measure: str) -> None:
    rungs = LADDER | ABLATION
    runs = SUMMARIES.reset_index()
    runs = runs[runs["method"].isin(rungs)]
    if where == "pretrained":
        runs = runs[["pretraining" in rungs[method] for method in runs["method"]]]
    pairs = runs[[measure, "gain"]]
    if where != "all":
        pairs = pairs - pairs.groupby([runs["corpus"], runs["n_train"]]).transform("mean")
    figure = figures.load_register()[f"ch10/rho-{measure.removesuffix('_ratio')}-{where}"]
    assert spearmanr(*pairs.to_numpy().T).statistic == pytest.approx(figure.value, abs=1e-5)
    rng = np.random.default_rng(1)
    rhos = [
        spearmanr(*pairs.to_numpy()[rng.integers(len(pairs), size=len(pairs))].T).statistic
        for _ in range(500)
    ]
    low, high = np.quantile(rhos, [0.025, 0.975])
    if (where, measure) == ("pretrained", "vendi_ratio"):
        assert low < 0 < high, "so says the chapter"
    else:
        assert low > 0, "so says the chapter"


@both_domains
def test_the_plain_gan_does_not_help(domain: str) -> None:
    assert gain(domain, "vanilla GAN").high < 0


@both_domains
@pytest.mark.parametrize("measure", ["vendi_ratio", "recall"])
def test_diversity_rises_along_the_ladder(domain: str, measure: str) -> None:
    rise = paired_difference(
        per_draw(domain, WHOLE, measure), per_draw(domain, "vanilla GAN", measure)
    )
    assert rise.low > 0


@pytest.mark.data
@pytest.mark.parametrize("n_train", SIZES)
def test_what_trains_no_gan_comes_out_again(n_train: int) -> None:
    """On another processor a draw's accuracy may differ by a test row or two, of 1,800."""
    methods, draws = ["class Gaussian", REAL_TWEETS], 4
    table = run_ladder(embed("product"), embed("tweets"), n_train, draws, methods)
    keys, measures = list(KEYS), ["accuracy", "tstr", "trts", "vendi_ratio", "recall"]
    stored = table[keys].merge(TABLE, on=keys, how="left", validate="one_to_one")
    difference = (table[measures] - stored[measures]).abs().max()
    assert stored["accuracy"].notna().sum() == draws * (len(methods) + 1)
    assert (difference <= pd.Series([0.3, 0.3, 0.3, 0.02, 0.02], measures)).all(), difference


def test_the_register_names_the_right_number_of_draws() -> None:
    live = {"computed live", "live minus stored", "three topics"}
    for name, figure in figures.load_register().items():
        if name.startswith("ch10/") and not any(words in figure.what for words in live):
            assert "draws" not in figure.what or f"{DRAWS} draws" in figure.what, name
