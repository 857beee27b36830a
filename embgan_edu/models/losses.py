r"""What the two players minimize, and penalties on the slope of the discriminator.

``real`` and ``fake`` are logits of the discriminator, :math:`D(x)` and :math:`D(G(z))`, for as many
real as generated rows. Every function returns one number per draw, in nats where a loss is a
log-likelihood.

The discriminator minimizes, and then the generator:

- *standard*: :math:`-\log\sigma(D(x)) - \log(1 - \sigma(D(G(z))))`, and
  :math:`-\log\sigma(D(G(z)))` (Goodfellow et al., 2014, section 3);
- *hinge*: :math:`\max(0, 1 - D(x)) + \max(0, 1 + D(G(z)))`, and :math:`-D(G(z))`
  (Miyato et al., 2018, equations 16 and 17);
- *wasserstein*: :math:`D(G(z)) - D(x)`, and :math:`-D(G(z))`
  (Arjovsky, Chintala & Bottou, 2017, equation 2);
- *relativistic*: :math:`-\log\sigma(D(x) - D(G(z)))`, and
  :math:`-\log\sigma(D(G(z)) - D(x))` (Jolicoeur-Martineau, 2019, section 4.1).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from embgan_edu.models.stacked import elementwise

LOSSES = ("standard", "hinge", "wasserstein", "relativistic")

Logits = Float[Tensor, "draw batch"]


def binary_cross_entropy(logits: Logits, target: float) -> Float[Tensor, " draw"]:
    r"""Mean of :math:`-t \log\sigma(l) - (1 - t)\log(1 - \sigma(l))` for every draw, in nats.

    Example:
        >>> binary_cross_entropy(torch.zeros(1, 4), target=1.0)
        tensor([0.6931])
    """

    def loss(x: Tensor) -> Tensor:
        targets = torch.full_like(x, target)
        return F.binary_cross_entropy_with_logits(x, targets, reduction="none")

    return elementwise(loss, logits).mean(dim=1)


def discriminator_loss(
    kind: str, real: Logits, fake: Logits, label_smoothing: float = 0.0
) -> Float[Tensor, " draw"]:
    """What the discriminator minimizes, mean over the batch.

    Args:
        kind: One of ``LOSSES``.
        real: Logits of real rows.
        fake: Logits of generated rows.
        label_smoothing: Taken off the target 1 of real rows; for the standard loss only.

    Example:
        >>> discriminator_loss("hinge", torch.tensor([[0.5]]), torch.tensor([[-3.0]]))
        tensor([0.5000])
    """
    if kind == "relativistic":  # is the real row more real than the generated one?
        return binary_cross_entropy(real - fake, 1.0)
    if kind == "hinge":
        return F.relu(1 - real).mean(dim=1) + F.relu(1 + fake).mean(dim=1)
    if kind == "wasserstein":
        return fake.mean(dim=1) - real.mean(dim=1)
    return binary_cross_entropy(real, 1.0 - label_smoothing) + binary_cross_entropy(fake, 0.0)


def generator_loss(kind: str, real: Logits, fake: Logits) -> Float[Tensor, " draw"]:
    """What the generator minimizes, mean over the batch.

    Args:
        kind: One of ``LOSSES``.
        real: Logits of real rows; only the relativistic loss looks at them.
        fake: Logits of generated rows.

    Example:
        >>> generator_loss("wasserstein", torch.zeros(1, 2), torch.tensor([[1.0, 2.0]]))
        tensor([-1.5000])
    """
    if kind == "relativistic":
        return binary_cross_entropy(fake - real, 1.0)
    if kind in ("hinge", "wasserstein"):
        return -fake.mean(dim=1)
    return binary_cross_entropy(fake, 1.0)


def slope(logits: Logits, x: Float[Tensor, "draw n dim"]) -> Float[Tensor, "draw batch inputs"]:
    r"""Gradient :math:`\nabla_x D(x)` of every logit with respect to its own input.

    A packed discriminator gives one logit for several rows; the gradient then holds all of them.

    Args:
        logits: What the discriminator said of ``x``, which must require a gradient.
        x: The rows; n is the batch times the number of rows in a pack.

    Example:
        >>> x = torch.ones(1, 3, 2, requires_grad=True)
        >>> slope(x.square().sum(dim=2), x)[0, 0].tolist()
        [2.0, 2.0]
    """
    # No logit depends on another one's input, so the gradient of their sum holds them all. It is
    # part of the loss, so it must be differentiable itself.
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.reshape(*logits.shape, -1)


def zero_centered_penalty(
    gradient: Float[Tensor, "draw batch inputs"],
) -> Float[Tensor, " draw"]:
    r"""Mean of :math:`\frac12 \|\nabla_x D(x)\|^2`: R1 at real rows, R2 at generated rows.

    Source: Mescheder, Geiger & Nowozin (2018), section 4.1, equations 9 and 10.

    Example:
        >>> zero_centered_penalty(torch.tensor([[[3.0, 4.0]]]))
        tensor([12.5000])
    """
    return gradient.square().sum(dim=2).mean(dim=1) / 2


def unit_slope_penalty(gradient: Float[Tensor, "draw batch inputs"]) -> Float[Tensor, " draw"]:
    r"""Mean of :math:`(\|\nabla_x D(x)\| - 1)^2`, the penalty of WGAN-GP.

    It belongs at random points *between* real and generated rows (:func:`between`).

    Source: Gulrajani et al. (2017), section 4, equation 3.

    Example:
        >>> unit_slope_penalty(torch.tensor([[[3.0, 4.0]]]))
        tensor([16.])
    """
    return (gradient.norm(dim=2) - 1).square().mean(dim=1)


def between(
    real: Float[Tensor, "draw batch dim"],
    fake: Float[Tensor, "draw batch dim"],
    share: Float[Tensor, "draw batch 1"],
) -> Float[Tensor, "draw batch dim"]:
    """Points on the lines between real and generated rows, ready to be differentiated at.

    Args:
        real: Real rows.
        fake: As many generated rows.
        share: How much of the real row goes into each point, from 0 to 1.

    Example:
        >>> between(torch.zeros(1, 1, 2), torch.ones(1, 1, 2), torch.tensor([[[0.25]]])).tolist()
        [[[0.75, 0.75]]]
    """
    return (share * real + (1 - share) * fake).detach().requires_grad_()
