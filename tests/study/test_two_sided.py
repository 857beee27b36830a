"""The two-sided GAN differs from the GAN in the targets of the generated rows alone."""

import dataclasses

import numpy as np
import pytest
import torch

from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.models import gan as module
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import GAN, GANConfig
from embgan_edu.models.stacked import DrawStreams
from embgan_edu.study import recipe
from embgan_edu.study.two_sided import TwoSidedGAN, two_sided_discriminator_step

SMALL = GANConfig(latent_dim=4, hidden=16, steps=6, batch_size=8, noise=0.2)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], (3, 20))
    return (rng.normal(size=(3, 40, 5)) + 3 * y[..., None]).astype(np.float32), y


def test_without_smoothing_a_two_sided_gan_is_the_gan_bit_for_bit(data):
    config = dataclasses.replace(SMALL, batch_norm=True, consistency=1.0)
    judge = StackedClassifier(2, random_state=0).fit(*data)
    ours, theirs = (kind(config, 1).fit(*data, classifier=judge) for kind in (TwoSidedGAN, GAN))
    np.testing.assert_array_equal(ours.sample(9)[0], theirs.sample(9)[0])
    assert set(ours.history) == set(theirs.history)
    for name, values in theirs.history.items():
        np.testing.assert_array_equal(ours.history[name], values)


def test_two_sided_smoothing_moves_both_targets(data):
    """At probability 3/4 each term's slope is 3/4 - target: 0.9 for real rows, 0.1 for fakes."""
    config = dataclasses.replace(SMALL, label_smoothing=0.1, noise=0.0)
    streams = DrawStreams(0, n_draws=1)
    G, D = (network(5, 2, config, streams) for network in (module.Generator, module.Discriminator))
    for parameter in D.parameters():
        torch.nn.init.zeros_(parameter)
    bias = D.layers[-1].bias
    torch.nn.init.constant_(bias, np.log(3))
    optimizers = (torch.optim.SGD(network.parameters(), lr=1.0) for network in (G, D))
    players = module.Players(G, D, *optimizers, streams, config)
    onehot = torch.eye(2)[None, [0, 1] * 4]
    two_sided_discriminator_step(players, torch.zeros(1, 8, 5), onehot)
    moved = bias.detach().flatten() - np.log(3)
    np.testing.assert_allclose(moved, -((0.75 - 0.9) + (0.75 - 0.1)), atol=1e-6)


def test_the_best_two_sided_answer_to_certain_fakes_is_the_target():
    """Where all rows are told apart, D ends at 1 - s for real rows and at s for generated ones."""
    X = np.full((1, 16, 2), 5.0, dtype=np.float32)
    y = np.array([[0, 1] * 8])
    config = GANConfig(
        latent_dim=2, hidden=16, steps=400, batch_size=16, generator_rate=1e-12,
        discriminator_rate=1e-2, label_smoothing=0.2,
    )  # fmt: skip
    history = TwoSidedGAN(config).fit(X, y).history
    assert history["real_probability"][-1, 0] == pytest.approx(0.8, abs=0.02)
    assert history["fake_probability"][-1, 0] == pytest.approx(0.2, abs=0.02)


def test_pretraining_without_smoothing_is_the_recipes():
    y = np.arange(60) % 2
    X = np.random.default_rng(0).normal(size=(60, 5)) + y[:, None]
    corpus = EmbeddedCorpus("toy", X, y, ("no", "yes"), 0)
    config = dataclasses.replace(SMALL, consistency=1.0)
    ours = recipe.fit_corpus(TwoSidedGAN(config, random_state=4), corpus, networks=2)
    theirs = recipe.pretrain(config, corpus, networks=2, random_state=4)
    np.testing.assert_array_equal(ours.sample(7)[0], theirs.sample(7)[0])
    smoothed = dataclasses.replace(config, label_smoothing=0.1)
    other = recipe.fit_corpus(TwoSidedGAN(smoothed, random_state=4), corpus, networks=2)
    assert not np.array_equal(ours.sample(7)[0], other.sample(7)[0])
