"""The stored table of chapters 11 to 14 is whole, comes out again, and is told rightly."""

import numpy as np
import pytest

from embgan_edu.data.embedding import embed
from embgan_edu.data.splits import draw_splits
from embgan_edu.data.vectors import tokenize
from embgan_edu.measure.evaluation import REAL_ONLY, REAL_VS_REAL
from embgan_edu.measure.paired import PairedDifference, paired_difference
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.study import beyond
from embgan_edu.study.ladder import (
    BEYOND,
    KEYS,
    REAL_TWEETS,
    WHOLE,
    read_table,
    run_ladder,
    summarize_ladder,
)

TABLE, ABOUT = read_table(BEYOND)
LADDER_TABLE = read_table()[0].query("n_train == 100")
SUMMARIES = summarize_ladder(TABLE)
DOMAINS, DRAWS, TWEET_DRAWS = ("movie", "product"), 64, 8
both_domains = pytest.mark.parametrize("domain", DOMAINS)


def accuracy(domain: str, method: str) -> np.ndarray:
    """One number per draw at 100 training rows, from whichever table has the method."""
    table = TABLE if method in beyond.METHODS else LADDER_TABLE
    chosen = table[(table["corpus"] == domain) & (table["method"] == method)]
    return chosen.sort_values("draw")["accuracy"].to_numpy()


def ahead(domain: str, method: str, other: str) -> PairedDifference:
    return paired_difference(accuracy(domain, method), accuracy(domain, other))


def test_every_cell_is_there_once() -> None:
    scratch = [name for name in beyond.METHODS if name.endswith(beyond.FROM_SCRATCH)]
    on_reviews = [name for name in beyond.METHODS if name not in scratch]
    always = [REAL_ONLY, REAL_VS_REAL]
    wanted = {
        (domain, 100, method, draw)
        for domain in DOMAINS
        for method in [*on_reviews, *always]
        for draw in range(DRAWS)
    } | {
        ("tweets", 2700, method, draw)
        for method in ["vanilla GAN", *scratch, *always]
        for draw in range(TWEET_DRAWS)
    }
    assert len(TABLE) == len(wanted)
    assert set(TABLE[list(KEYS)].itertuples(index=False, name=None)) == wanted
    assert (ABOUT["draws"], ABOUT["tweet_draws"]) == (DRAWS, TWEET_DRAWS)


@both_domains
def test_both_tables_have_the_same_draws(domain: str) -> None:
    """Real rows alone have the same accuracy in both, draw by draw."""
    here = TABLE[(TABLE["corpus"] == domain) & (TABLE["method"] == REAL_ONLY)]
    np.testing.assert_array_equal(here.sort_values("draw")["accuracy"], accuracy(domain, REAL_ONLY))


def test_the_best_gan_is_worth_the_real_tweets() -> None:
    movie, product = (ahead(domain, "R3GAN, wide", REAL_TWEETS) for domain in DOMAINS)
    assert movie.mean >= 0.3 and movie.low > 0
    assert product.mean > 0 > product.low
    for domain in DOMAINS:
        assert ahead(domain, "R3GAN, wide", WHOLE).low > 0
        assert SUMMARIES.loc[(domain, 100, "R3GAN, wide"), "vendi_ratio"] >= 0.9


def test_the_words_of_chapter_11_are_true() -> None:
    for domain in DOMAINS:
        recall = SUMMARIES.loc[(domain, 100, "R3GAN, wide"), "recall"]
        floor = SUMMARIES.loc[(domain, 100, REAL_VS_REAL), "recall"]
        assert recall / floor == pytest.approx(0.75, abs=0.05)  # three quarters
        assert floor == pytest.approx(0.8, abs=0.05)
        for measure in ("vendi_ratio", "recall"):  # packing has less than its rung
            rung = LADDER_TABLE.query(f"corpus == '{domain}' and method == '+ noise'")[measure]
            assert SUMMARIES.loc[(domain, 100, "PacGAN"), measure] < rung.mean()
        assert ahead(domain, "WGAN-GP", "+ noise").low > 0
        assert ahead(domain, "R3GAN", "+ noise").low > 0
        assert ahead(domain, "SN-GAN", "+ noise").mean < 0
    assert ahead("movie", "R3GAN, wide", "aligned tweets").low > 0
    tweets = SUMMARIES.loc["tweets", 2700]
    best = tweets.loc["R3GAN, wide from scratch"]
    assert tweets.loc[REAL_ONLY, "accuracy"] - best["tstr"] == pytest.approx(1.5, abs=0.2)
    assert best["recall"] > tweets.loc[REAL_VS_REAL, "recall"] - 0.01
    assert tweets["tstr"].max() == best["tstr"]


def test_the_words_of_chapter_12_are_true() -> None:
    for domain in DOMAINS:
        table = SUMMARIES.loc[domain, 100]
        assert ahead(domain, "VAE", "vanilla GAN").mean > 0
        assert table.loc["VAE", "recall"] > table.loc[REAL_VS_REAL, "recall"] - 0.05
        assert table.loc["pretrained VAE", "vendi_ratio"] > 1
        assert ahead(domain, "pretrained VAE", WHOLE).high < 0
        whole = LADDER_TABLE.query(f"corpus == '{domain}' and method == '{WHOLE}'")
        bounds = (("recall", 1.9, 3), ("coverage", 0.35, 0.5), ("tstr", 0.98, 1.02))
        for measure, low, high in bounds:
            assert low <= table.loc["pretrained VAE", measure] / whole[measure].mean() <= high
    assert SUMMARIES.loc[("movie", 100, "pretrained VAE"), "gain_low"] < 0
    assert SUMMARIES.loc[("product", 100, "pretrained VAE"), "gain_low"] > 0


def test_the_words_of_chapter_13_are_true() -> None:
    for domain in DOMAINS:
        table = SUMMARIES.loc[domain, 100]
        unjudged = ["templates", "word soup", "GRU", "pretrained GRU", "pretrained Transformer"]
        assert table.loc[unjudged, "gain_low"].max() < 0  # no writer gains by itself
        assert table.loc[unjudged, "gain"].idxmin() == "templates"
        assert table.loc["GRU", "gain_high"] < 0
        assert table.loc["word soup", "gain_low"] < 0 < table.loc["word soup", "gain_high"]
        for other in ("templates", "GRU"):
            assert ahead(domain, "word soup", other).low > 0
        for judged in ("judged soup", "judged GRU"):
            assert table.loc[judged, "gain_low"] > 0
        soup_or_tweets = ahead(domain, "judged soup", REAL_TWEETS)
        assert soup_or_tweets.low < 0 < soup_or_tweets.high
        assert ahead(domain, "R3GAN, wide", "judged soup").low > 0
        assert ahead(domain, "judged soup", "judged GRU").high > 0  # at least as well
        whole = LADDER_TABLE.query(f"corpus == '{domain}' and method == '{WHOLE}'")
        for measure in ("recall", "coverage"):  # of nearly every writer, far above the GAN's
            writers = table.loc[[*unjudged[1:], "judged soup", "judged GRU"], measure]
            assert writers.min() > whole[measure].mean() + 0.2
    assert SUMMARIES.loc[("product", 100, "templates"), "recall"] < 0.3
    assert ahead("movie", "judged soup", WHOLE).low > 0
    product = ahead("product", "judged soup", WHOLE)
    assert 0 < product.low < 0.1  # just leaves out zero


def test_the_words_of_chapter_14_are_true() -> None:
    for domain in DOMAINS:
        table = SUMMARIES.loc[domain, 100]
        assert table.loc["private GAN", "gain_high"] < 0
        assert table.loc["private GAN", "tstr"] == pytest.approx(50, abs=0.5)  # a coin toss
        cost = ahead(domain, "private recipe", WHOLE)
        assert cost.low < 0 < cost.high  # none is shown
    assert ahead("movie", "private recipe", "tweets only").low > 0
    product = ahead("product", "private recipe", "tweets only")
    assert product.low < 0 < product.high
    assert ahead("movie", "private recipe, epsilon 0.1", "private recipe").low > 0


@pytest.mark.data
def test_row_for_row_the_best_gan_is_less_than_a_point_behind_real_tweets() -> None:
    splits = draw_splits(embed("tweets"), 2700, draws=TWEET_DRAWS, random_state=ABOUT["data_seed"])
    classifier = StackedClassifier().fit(splits.X_train[:, :1000], splits.y_train[:, :1000])
    thousand = 100 * classifier.score(splits.X_test, splits.y_test).mean()
    tweets = SUMMARIES.loc["tweets", 2700]
    assert 0 < thousand - tweets.loc["R3GAN, wide from scratch", "tstr"] < 1
    assert 0.5 < tweets.loc[REAL_ONLY, "accuracy"] - thousand < 1  # most of a point


@pytest.mark.data
def test_chapter_13_counts_the_words_of_the_tweets() -> None:
    assert round(sum(len(tokenize(text)) for text in embed("tweets").texts), -3) == 47_000


@pytest.mark.data
def test_a_part_of_it_comes_out_again() -> None:
    """Draws do not depend on the draws beside them, so four of 64 have their own numbers."""
    methods, draws = ["aligned tweets", "judged soup", "VAE"], 4
    table = run_ladder(embed("product"), embed("tweets"), 100, draws, methods)
    keys = list(KEYS)
    stored = table[keys].merge(TABLE, on=keys, how="left", validate="one_to_one")
    for method, allowed in (
        (REAL_ONLY, 0.3),
        ("aligned tweets", 0.3),
        ("judged soup", 1.0),
        ("VAE", 3.0),
    ):
        rows = table["method"] == method
        moved = (table.loc[rows, "accuracy"] - stored.loc[rows, "accuracy"]).abs()
        assert moved.notna().sum() == draws and moved.max() <= allowed, method
