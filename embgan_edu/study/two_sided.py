"""Two-sided label smoothing, which chapter 9 compares with the recipe's one-sided smoothing.

It is no part of the recipe, and no field of the GAN: the targets of both kinds of rows are
smoothed, which Salimans et al. (2016), section 3.4, advise against.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import GAN, GANConfig, Players, generator_step, with_noise
from embgan_edu.models.losses import binary_cross_entropy
from embgan_edu.models.stacked import elementwise, take_rows
from embgan_edu.models.training import Record
from embgan_edu.study.recipe import standardized


class TwoSidedGAN(GAN):
    """A GAN whose discriminator is told that generated rows are real with ``label_smoothing``.

    Real rows have the target ``1 - label_smoothing``, as in :class:`~embgan_edu.models.gan.GAN`.
    Penalties, packs, and the losses of chapter 11 are not for it.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(1, 20, 5)), rng.integers(0, 2, size=(1, 20))
        >>> config = GANConfig(steps=10, batch_size=8, label_smoothing=0.1)
        >>> TwoSidedGAN(config).fit(X, y).sample(3)[0].shape
        (1, 3, 5)
    """

    def _play_once(self, players: Players, rows: Float[Tensor, "draw n columns"]) -> Record:
        chosen = players.streams.minibatch(rows.shape[1], self.config.batch_size)
        labels = self.frequencies_.shape[1]
        real, onehot = take_rows(rows, chosen).split([rows.shape[2] - labels, labels], dim=2)
        record = two_sided_discriminator_step(players, real, onehot)
        return record | generator_step(players, real, onehot)


def two_sided_discriminator_step(
    players: Players,
    real: Float[Tensor, "draw batch dim"],
    onehot: Float[Tensor, "draw batch label"],
) -> Record:
    """Update the discriminator once for every draw, both targets smoothed.

    Returns:
        As :func:`~embgan_edu.models.gan.discriminator_step`.
    """
    config, streams, discriminator = players.config, players.streams, players.discriminator
    real = with_noise(real, streams, config)
    with torch.no_grad():
        fake = players.generator(streams.normal(real.shape[1], config.latent_dim), onehot)
    real_logits, fake_logits = discriminator(real, onehot), discriminator(fake, onehot)
    loss = binary_cross_entropy(real_logits, 1 - config.label_smoothing)
    loss = loss + binary_cross_entropy(fake_logits, config.label_smoothing)
    players.discriminator_optimizer.zero_grad()
    loss.sum().backward(inputs=list(discriminator.parameters()))
    players.discriminator_optimizer.step()
    return {
        "discriminator_loss": loss.detach(),
        "real_probability": elementwise(torch.sigmoid, real_logits.detach()).mean(dim=1),
        "fake_probability": elementwise(torch.sigmoid, fake_logits.detach()).mean(dim=1),
    }


def pretrain_two_sided(
    config: GANConfig,
    corpus: EmbeddedCorpus,
    networks: int,
    random_state: int = 0,
    progress: bool = False,
) -> TwoSidedGAN:
    """Do for :class:`TwoSidedGAN` what :func:`~embgan_edu.study.recipe.pretrain` does for the GAN.

    Nothing is cached.

    Args:
        config: The settings.
        corpus: The corpus, such as ``embed("tweets")``; it is standardized here.
        networks: How many GANs, each with its own initial weights.
        random_state: Seed.
        progress: Show a progress line while training.

    Example:
        >>> y = np.arange(40) % 2
        >>> X = np.random.default_rng(0).normal(size=(40, 3))
        >>> corpus = EmbeddedCorpus("toy", X, y, ("no", "yes"), 0)
        >>> config = GANConfig(steps=2, batch_size=8, label_smoothing=0.1)
        >>> pretrain_two_sided(config, corpus, networks=2).sample(3)[0].shape
        (2, 3, 3)
    """
    X = np.tile(standardized(corpus), (networks, 1, 1))
    y = np.tile(corpus.y, (networks, 1))
    judge = None
    if config.consistency > 0:
        n_classes = len(corpus.label_names)
        judge = StackedClassifier(n_classes, random_state=random_state).fit(X, y)
    gan = TwoSidedGAN(config, random_state)
    gan.fit(X, y, classifier=judge, progress=progress)
    return gan
