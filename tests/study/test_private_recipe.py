"""The private recipe: nothing that reads private rows is left outside of the budget."""

import dataclasses

import numpy as np
import pytest

from embgan_edu.base.errors import DataError
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import draw_splits
from embgan_edu.models.baselines import Jitter
from embgan_edu.models.gan import GANConfig
from embgan_edu.models.private_gan import epsilon_spent
from embgan_edu.study import private_recipe as module
from embgan_edu.study.private_recipe import (
    PRIVATE_STEPS,
    PublicUnits,
    private_gan,
    private_recipe,
    tweets_only,
)

SMALL = GANConfig(latent_dim=4, hidden=16, steps=8, batch_size=8)


@pytest.fixture
def corpora():
    rng = np.random.default_rng(0)
    y = np.arange(160) % 2
    made = [
        EmbeddedCorpus(
            name, scale * (rng.normal(size=(160, 5)) + y[:, None]) + shift, y, ("no", "yes"), 0
        )
        for name, scale, shift in (("target", 3.0, 1.0), ("source", 0.5, -2.0))
    ]
    return made[0], made[1]


def test_public_units_go_there_and_back(corpora) -> None:
    target, source = corpora
    splits = draw_splits(target, n_train=60, draws=2)
    sampler = PublicUnits(Jitter(0.0), splits, source).fit(splits.X_train, splits.y_train)
    X_new, _ = sampler.sample(60)
    np.testing.assert_allclose(
        np.sort(X_new, axis=1), np.sort(splits.X_train, axis=1), rtol=1e-3, atol=1e-4
    )
    own = target.X[splits.train_index]
    expected = (own - source.X.mean(axis=0)) / source.X.std(axis=0)
    np.testing.assert_allclose(sampler.publish(splits.X_train), expected, rtol=1e-3, atol=1e-3)


def published(sampler):
    return sampler.sampler.sample(50)[0]


def test_only_the_budget_lets_a_private_row_matter(corpora, monkeypatch, tmp_path) -> None:
    """Exchange all private rows: without noise the outcome changes, with epsilon 0 it does not."""
    monkeypatch.setenv("EMBGAN_WEIGHTS", str(tmp_path))
    small = dataclasses.replace(SMALL, consistency=1.0)
    monkeypatch.setattr(module, "configure", lambda changes: small)
    target, source = corpora
    splits = draw_splits(target, n_train=60, draws=2)
    other = draw_splits(target, n_train=60, draws=2, random_state=1)
    arguments = (target, source)
    np.testing.assert_array_equal(
        published(tweets_only(splits, *arguments)), published(tweets_only(other, *arguments))
    )
    skewed = EmbeddedCorpus("source", source.X, (np.arange(160) % 8 > 0) * 1, ("no", "yes"), 0)
    shares = tweets_only(splits, target, skewed).sample(4000)[1].mean(axis=1)
    np.testing.assert_allclose(shares, 0.5, atol=0.04)  # not those of the source
    a, b = (published(private_recipe(s, *arguments)) for s in (splits, other))
    assert not np.array_equal(a, b)
    X, y = private_recipe(splits, *arguments).sample(30, label=1)
    assert X.shape == (2, 30, 5) and X.dtype == np.float32 and (y == 1).all()


def test_from_scratch_takes_few_steps(corpora) -> None:
    target, source = corpora
    splits = draw_splits(target, n_train=20, draws=1)
    gan = private_gan(splits, target, source, epsilon=3.0).sampler
    assert gan.config.steps == PRIVATE_STEPS and gan.config.batch_size == 20
    assert epsilon_spent(gan.noise_multiplier_, 1, 200, 1e-3) <= 3.0


# Errors


def test_a_corpus_of_another_kind_is_refused(corpora) -> None:
    target, source = corpora
    splits = draw_splits(target, n_train=60, draws=2)
    stars = EmbeddedCorpus("stars", source.X, source.y, ("one", "five"), 0)
    for method in (tweets_only, private_recipe, private_gan):
        with pytest.raises(DataError, match="'stars' has"):
            method(splits, target, stars)
