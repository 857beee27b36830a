"""Attacks: scores and curves against slow loops and scikit-learn."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics as oracle

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.measure.attacks import (
    auc,
    closer_to_training,
    discriminator_scores,
    distance_scores,
    roc_curve,
    tpr_at_fpr,
)
from embgan_edu.models.baselines import Memorizer
from embgan_edu.models.gan import GAN, GANConfig
from embgan_edu.models.private_gan import PrivateGAN

SMALL = GANConfig(latent_dim=4, hidden=16, steps=8, batch_size=8)


seeds = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=(3, 40))
    return rng.normal(size=(3, 40, 5)).astype("float32") + y[..., None].astype("float32"), y


# Distances and attacks


def test_a_copier_a_stranger_and_the_two_sets_exchanged() -> None:
    rng = np.random.default_rng(0)
    train, holdout, other = rng.normal(size=(3, 50, 4))
    assert closer_to_training(train, holdout, train) == 1
    assert closer_to_training(train, holdout, holdout) == 0
    assert closer_to_training(train, train, other) == 0.5  # all at the same distance
    share = closer_to_training(train, holdout, other)
    assert closer_to_training(holdout, train, other) == pytest.approx(1 - share)


def test_half_is_what_other_data_of_one_distribution_reach() -> None:
    rng = np.random.default_rng(0)
    shares = [closer_to_training(*rng.normal(size=(3, 60, 5))) for _ in range(100)]
    assert np.mean(shares) == pytest.approx(0.5, abs=4 * np.std(shares) / 10)


@given(seeds)
def test_distances_are_the_slow_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, synthetic, reference = rng.normal(size=(3, 7, 2))

    def nearest(x, cloud):
        return min(sum((x - c) ** 2) ** 0.5 for c in cloud)

    plain = [-nearest(x, synthetic) for x in rows]
    np.testing.assert_allclose(distance_scores(rows, synthetic), plain)
    compared = [nearest(x, reference) - nearest(x, synthetic) for x in rows]
    np.testing.assert_allclose(distance_scores(rows, synthetic, reference), compared)


scores = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12).map(np.array)


@given(scores, scores)
def test_scikit_learn_agrees_with_the_curve_ties_included(members, others) -> None:
    truth = np.repeat([1, 0], [len(members), len(others)])
    both = np.concatenate([members, others])
    false, true, _ = oracle.roc_curve(truth, both, drop_intermediate=False)
    ours = roc_curve(members, others)
    np.testing.assert_allclose(ours, (false, true), atol=1e-12)
    assert auc(members, others) == pytest.approx(oracle.roc_auc_score(truth, both))
    # The area under the curve's straight pieces is the rank statistic.
    assert oracle.auc(*ours) == pytest.approx(auc(members, others))


@given(scores, scores)
def test_auc_is_the_share_of_pairs(members, others) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in members for b in others]
    assert auc(members, others) == pytest.approx(np.mean(pairs))
    assert auc(others, members) == pytest.approx(1 - auc(members, others))
    assert auc(np.exp(members), np.exp(others)) == pytest.approx(auc(members, others))


def test_auc_of_two_gaussians_in_closed_form() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.normal(1, 1, 20_000), rng.normal(0, 1, 20_000)
    assert auc(members, others) == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.01)
    expected = norm.sf(norm.isf(0.01) - 1)
    assert tpr_at_fpr(members, others, 0.01) == pytest.approx(expected, abs=0.02)


def test_the_low_end_sees_what_the_average_hides() -> None:
    """Two attacks with one AUC: sure about few rows, or a little better than chance on all."""
    others = np.arange(100.0)
    few = np.append(np.full(20, 1000.0), np.linspace(-0.5, 98.5, 80))
    assert tpr_at_fpr(few, others) > 0.2
    every = others + 19.5
    assert auc(every, others) > auc(few, others)
    assert tpr_at_fpr(few, others, 0.01) == pytest.approx(0.21, abs=0.02)


def test_a_false_positive_rate_is_never_exceeded() -> None:
    members, others = np.ones(10), np.append(np.ones(3), np.zeros(97))
    assert tpr_at_fpr(members, others, 0.02) == 0  # the first threshold accuses 3 in 100
    assert tpr_at_fpr(members, others, 0.03) == 1


def test_attacks_on_a_copier_and_on_a_discriminator(data) -> None:
    X, y = data
    unseen = np.random.default_rng(1).normal(size=(3, 40, 5)) + y[..., None]
    X_new, _ = Memorizer().fit(X, y).sample(40)
    for k in range(3):
        assert auc(distance_scores(X[k], X_new[k]), distance_scores(unseen[k], X_new[k])) > 0.99
    gan = GAN(dataclasses.replace(SMALL, steps=30)).fit(X, y)
    logits = discriminator_scores(gan, X, y)
    onehot = F.one_hot(torch.as_tensor(y)).float()
    expected = gan.discriminator_.cpu()(torch.as_tensor(X), onehot).detach().numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-5)


# The gradient of one row


def test_bad_scores_are_named() -> None:
    good = np.zeros(5)
    for function in (auc, roc_curve, tpr_at_fpr):
        with pytest.raises(DataError, match=r"members has shape \(2, 5\).*ravel"):
            function(np.zeros((2, 5)), good)
        with pytest.raises(DataError, match="others has shape"):
            function(good, np.array([np.nan]))
        with pytest.raises(DataError, match="members has shape"):
            function(np.array([]), good)
    with pytest.raises(DataError, match=r"With 5 others.*fpr=0.01 needs 100 or more"):
        tpr_at_fpr(good, good)
    with pytest.raises(ConfigError, match="fpr=2"):
        tpr_at_fpr(good, good, fpr=2)


def test_bad_clouds_and_models_are_named(data) -> None:
    X, y = data
    with pytest.raises(DataError, match=r"train has 40 .*holdout has 30.*Give 30"):
        closer_to_training(X[0], X[1][:30], X[2])
    with pytest.raises(DataError, match="reference has 4 dimensions"):
        distance_scores(X[0], X[1], X[2][:, :4])
    with pytest.raises(ConfigError, match="call fit"):
        discriminator_scores(GAN(), X, y)
    with pytest.raises(ConfigError, match="call fit"):
        PrivateGAN().sample(3)
    with pytest.raises(ConfigError, match="clip=0"):
        PrivateGAN(clip=0)
    with pytest.raises(ConfigError, match="batch_size=64 is larger than the 40 rows"):
        PrivateGAN().fit(X, y)
    with pytest.raises(ConfigError, match=r"pack=2 cannot be trained privately.*Leave it at 1"):
        PrivateGAN(GANConfig(pack=2))
    with pytest.raises(ConfigError, match=r"label=7.*possible: 0, 1"):
        PrivateGAN(SMALL).fit(X, y).sample(3, label=7)
