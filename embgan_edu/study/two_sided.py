"""Two-sided label smoothing, which chapter 9 compares with the recipe's one-sided smoothing.

It is no part of the recipe, and no field of the GAN: the targets of both kinds of rows are
smoothed, which Salimans et al. (2016), section 3.4, advise against.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from embgan_edu.models.gan import GAN, Players, generator_step, with_noise
from embgan_edu.models.losses import binary_cross_entropy
from embgan_edu.models.stacked import elementwise, take_rows
from embgan_edu.models.training import Record


class TwoSidedGAN(GAN):
    """A GAN whose discriminator is told that generated rows are real with ``label_smoothing``.

    Real rows have the target ``1 - label_smoothing``, as in :class:`~embgan_edu.models.gan.GAN`.
    Penalties, packs, and the losses of chapter 11 are not for it.

    Example:
        >>> import numpy as np
        >>> from embgan_edu.models.gan import GANConfig
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
