"""The methods after the paper: each makes rows for every draw, and the table takes them by name."""

from dataclasses import replace

import numpy as np
import pytest

from embgan_edu.base.errors import ConfigError
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import draw_splits
from embgan_edu.study import beyond, ladder
from embgan_edu.study.ladder import METHODS, possible_methods, run_ladder
from embgan_edu.study.recipe import FACTORIAL, LADDER, configure, standardized


def toy(name, n=160, seed=0, names=("negative", "positive")):
    y = np.arange(n) % len(names)
    X = np.random.default_rng(seed).normal(3, 2, size=(n, 5)) + 2 * y[:, None]
    return EmbeddedCorpus(name, X, y, names, 0)


REVIEWS, TWEETS, STARS = toy("reviews"), toy("tweets", seed=1), toy("stars", names=("one", "two"))
GANS = [*beyond.NEWER_GANS, *(name for name in beyond.METHODS if name.endswith("from scratch"))]


@pytest.fixture(autouse=True)
def small_and_apart(monkeypatch, tmp_path):
    """Networks that train in no time, and a cache of the test's own."""
    monkeypatch.setenv("EMBGAN_CACHE", str(tmp_path / "cache"))
    for name, config in beyond.NEWER_GANS.items():
        small = replace(config, latent_dim=4, hidden=16, steps=6, batch_size=16)
        monkeypatch.setitem(beyond.NEWER_GANS, name, small)
    monkeypatch.setattr(beyond, "FINE_TUNING", {"R3GAN, wide": 2})


@pytest.mark.parametrize("name", GANS)
def test_every_gan_makes_labeled_rows_for_every_draw(name, monkeypatch):
    if name == "+ noise from scratch":
        pytest.skip("the rung itself, at full size; the ladder's tests train it")
    splits = draw_splits(REVIEWS, 25, draws=3)  # an odd number, which packs of two do not divide
    pretrained = not name.endswith(beyond.FROM_SCRATCH)
    method = beyond.METHODS[name]
    assert method.needs_source == pretrained
    X, y = method.fit(splits, REVIEWS, TWEETS if pretrained else STARS, 0, False).sample(30)
    assert X.shape == (3, 30, 5) and np.isfinite(X).all()
    assert set(np.unique(y)) == {0, 1}


def test_a_newer_gan_differs_from_its_rung_in_loss_and_customary_settings_alone():
    rung = configure(LADDER["+ noise"])
    for name in ("WGAN-GP", "SN-GAN", "PacGAN", "R3GAN"):
        config = beyond.METHODS[name].settings
        for field in ("latent_dim", "hidden", "batch_norm", "steps", "consistency", "noise"):
            assert f"{field}={getattr(rung, field)}" in config


def test_aligned_tweets_are_the_tweets_in_their_own_units():
    splits = draw_splits(REVIEWS, 24, draws=2)
    X, y = beyond.aligned_tweets(splits, REVIEWS, TWEETS, 0, False).sample(100)
    rows = {tuple(row) for row in standardized(TWEETS).astype(np.float32)}
    assert all(tuple(row) in rows for row in X.reshape(-1, 5))
    assert abs(y.mean() - splits.y_train.mean()) < 0.1  # labels as in the target, not as in tweets


def test_the_ladder_runs_them_by_name_and_not_unasked():
    names = ["aligned tweets", "R3GAN"]
    table = run_ladder(REVIEWS, TWEETS, 24, 3, names)
    assert {*names} < set(table["method"])
    possible = possible_methods(REVIEWS, TWEETS)
    assert possible == (*METHODS, *beyond.METHODS, *FACTORIAL)
    assert not set(beyond.METHODS) & set(METHODS)  # what runs where no method is named


def test_unknown_and_impossible_methods_are_refused_with_those_that_are_possible():
    with pytest.raises(
        ConfigError,
        match=r"no method 'R2GAN'\. Possible: .*R3GAN.*aligned tweets|"
        r"no method 'R2GAN'\. Possible: .*aligned tweets.*R3GAN",
    ):
        run_ladder(REVIEWS, TWEETS, 24, 3, ["R2GAN"])
    with pytest.raises(ConfigError, match=r"excludes 'R3GAN'\. Possible: .*R3GAN from scratch"):
        run_ladder(STARS, TWEETS, 24, 3, ["R3GAN"])


def test_a_cell_knows_the_settings_of_its_gan(monkeypatch):
    run_ladder(REVIEWS, TWEETS, 24, 3, ["R3GAN"])
    monkeypatch.setattr(ladder, "evaluate", lambda *args, **kwargs: pytest.fail("computed again"))
    run_ladder(REVIEWS, TWEETS, 24, 3, ["R3GAN"])
    other = replace(beyond.METHODS["R3GAN"], settings="another loss")
    monkeypatch.setitem(ladder.OTHERS, "R3GAN", other)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run_ladder(REVIEWS, TWEETS, 24, 3, ["R3GAN"])
