"""What is measured of the answers to the exercises of chapter 12, variational autoencoders."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from embgan_edu.checks.engine import Exercise, Part
from embgan_edu.checks.inputs import (
    ConditionalNetwork,
    has_gradient,
    labels_in_turn,
    normal,
    seeded,
    uniform,
)

LATENT, DIM, LABELS, ROWS = 3, 4, 2, 6


# --- ex12-1: the price of a code, for any prior --------------------------------------------------


def _price_of_a_shift(kl: Callable[..., Tensor], seed: int) -> list[Tensor]:
    # First the prior itself, then the prior moved by one of its standard deviations.
    mean, log_variance = normal(seed, ROWS, LATENT), normal(seed + 1, ROWS, LATENT)
    moved = mean + (0.5 * log_variance).exp()
    return [kl(place, log_variance, mean, log_variance) for place in (mean, moved)]


def _price_under_the_standard_normal(
    kl: Callable[..., Tensor], mean: float, log_variance: float
) -> Tensor:
    zeros = torch.zeros(ROWS, LATENT)
    return kl(zeros + mean, zeros + log_variance, zeros, zeros)


def _same_code(seed: int) -> tuple[float, float]:
    """Mean and log-variance of all latents, of all rows."""
    return uniform(seed, 0.5, 2), uniform(seed + 1, 0.7, 1.5)


def _standard_price(seed: int) -> float:
    """The chapter's formula, for one latent."""
    mean, log_variance = _same_code(seed)
    return 0.5 * (mean**2 + math.exp(log_variance) - 1 - log_variance)


PRICE = (
    Part(
        "one number for each row, with the value of the divergence",
        lambda kl, seed: kl(*[normal(seed + i, ROWS, LATENT) for i in range(4)]),
        "Is it the divergence of the code from the prior, and not the other way round? The "
        "expectation is over codes.",
        "In one latent: the variances' ratio, the squared distance of the means in units of the "
        "prior's variance, minus 1, minus the logarithm of the ratio.",
        "And half of that, summed over latents.",
        points=2,
        like=torch.zeros(ROWS),
    ),
    Part(
        "0 for the prior itself, and 1/2 per latent one standard deviation away",
        _price_of_a_shift,
        "Check the units: the distance of the means counts in standard deviations of the prior, "
        "and the latents are added up.",
        "exp(log_variance) is the variance; its square root is the deviation.",
        points=2,
        expected=[torch.zeros(ROWS), torch.full((ROWS,), LATENT / 2)],
        atol=1e-5,
    ),
    Part(
        "the chapter's formula for a standard normal prior",
        lambda kl, seed: _price_under_the_standard_normal(kl, *_same_code(seed)),
        "With prior mean 0 and prior log-variance 0 your formula must become it.",
        expected=lambda seed: torch.full((ROWS,), LATENT * _standard_price(seed)),
    ),
    Part(
        "finite for a code with a log-variance of -200",
        lambda kl, seed: _price_under_the_standard_normal(kl, 0.0, -200.0 - seed % 10),
        "exp(-200) is rounded to zero, and its logarithm is minus infinity.",
        "You have the logarithms already: subtract them.",
        expected=lambda seed: torch.full((ROWS,), LATENT * (199 + seed % 10) / 2),
    ),
)

# --- ex12-2: one observation variance for each feature -------------------------------------------


class Encoder(nn.Module):
    """A small encoder, whose two outputs have layers of their own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with seeded(seed):
            self.mean = nn.Linear(DIM + LABELS, LATENT)
            self.log_variance = nn.Linear(DIM + LABELS, LATENT)

    def forward(self, x: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([x, onehot], dim=1)
        return self.mean(both), self.log_variance(both)


def _loss_of(
    loss: Callable[..., Tensor], encoder: Any, decoder: Any, seed: int, beta: float
) -> Tensor:
    log_variance = 0.5 * normal(seed + 2, DIM)
    x, noise = normal(seed + 3, ROWS, DIM), normal(seed + 4, ROWS, LATENT)
    return loss(encoder, decoder, log_variance, x, labels_in_turn(ROWS, LABELS), noise, beta)


def _loss_of_random_rows(loss: Callable[..., Tensor], seed: int) -> Tensor:
    return _loss_of(
        loss, Encoder(seed), ConditionalNetwork(LATENT, DIM, LABELS, seed + 1), seed, beta=1.0
    )


def _reached(loss: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    # Without the price of the code, the encoder learns only through the code.
    encoder, decoder = Encoder(seed), ConditionalNetwork(LATENT, DIM, LABELS, seed + 1)
    _loss_of(loss, encoder, decoder, seed, beta=0.0).backward()
    parts = {
        "decoder": decoder,
        "encoder's mean": encoder.mean,
        "encoder's log-variance": encoder.log_variance,
    }
    return {name: has_gradient(part) for name, part in parts.items()}


def _slope_of_variance(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # The decoder says zero, so the squared errors are those of the rows themselves.
    x = normal(seed, ROWS, DIM)
    log_variance = (x.square().mean(dim=0) * _factors(seed)).log().requires_grad_()
    nothing = torch.zeros(ROWS, LATENT)
    found = loss(
        lambda x, onehot: (nothing, nothing),
        lambda z, onehot: torch.zeros(ROWS, DIM),
        log_variance,
        x,
        labels_in_turn(ROWS, LABELS),
        nothing,
        1.0,
    )
    (slope,) = torch.autograd.grad(found, log_variance)
    return slope


def _factors(seed: int) -> Tensor:
    """How many times the squared error the observation variance of every feature is."""
    rng = np.random.default_rng(seed)
    return torch.tensor([1.0, *rng.uniform([2, 3, 0.3], [3, 4, 0.6])], dtype=torch.float32)


def _price_of_beta(loss: Callable[..., Tensor], seed: int) -> Tensor:
    mean, log_variance = _same_code(seed)
    ones = torch.ones(ROWS, LATENT)

    def encoder(x: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor]:
        return mean * ones, log_variance * ones

    low, high = (
        _loss_of(loss, encoder, ConditionalNetwork(LATENT, DIM, LABELS, seed), seed, beta)
        for beta in (1.0, 3.0)
    )
    return high - low


def _loss_of_rebuilt_rows(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # A decoder that repeats the code, and rows which are the right codes: no error is left.
    mean, log_variance = normal(seed, ROWS, LATENT), normal(seed + 1, ROWS, LATENT)
    noise = normal(seed + 2, ROWS, LATENT)
    x = mean + (0.5 * log_variance).exp() * noise
    level = _level(seed)
    return loss(
        lambda x, onehot: (mean, log_variance),
        lambda z, onehot: z,
        torch.full((LATENT,), level),
        x,
        labels_in_turn(ROWS, LABELS),
        noise,
        0.0,
    )


def _level(seed: int) -> float:
    return uniform(seed, -0.5, 0.5)


ELBO = (
    Part(
        "a 0-dimensional tensor, with the value of the negative ELBO",
        _loss_of_random_rows,
        "Sum over features and over latents, then the mean over rows. A mean in one of the sums "
        "is a beta in disguise.",
        "Minus the log-density of the row, plus the KL.",
        "Do not forget log 2 pi of every feature: the loss is in nats.",
        points=2,
        like=torch.tensor(1.0),
    ),
    Part(
        "the encoder learns through the code",
        _reached,
        "With beta = 0 the code is the only way from the loss to the encoder. It is cut where the "
        "code is sampled without a gradient, or detached.",
        "z = mean + deviation * noise, all of it with gradients.",
        points=2,
        expected={"decoder": True, "encoder's mean": True, "encoder's log-variance": True},
    ),
    Part(
        "the observation variance rests where it is the mean squared error",
        _slope_of_variance,
        "Where the variance is the feature's mean squared error, its slope must be 0. The usual "
        "mistake is a missing log-determinant: the term log(variance).",
        "One term log_variance / 2 for each feature and row.",
        points=2,
        expected=lambda seed: 0.5 * (1 - 1 / _factors(seed)),
        atol=1e-5,
    ),
    Part(
        "beta multiplies the KL, and nothing else",
        _price_of_beta,
        "The KL is a sum over latents, in nats per row. Is it a mean in your loss?",
        "reconstruction + beta * KL.",
        expected=lambda seed: torch.tensor(2 * LATENT * _standard_price(seed)),
        rtol=1e-3,
    ),
    Part(
        "half of log 2 pi plus log-variance per feature, where a row is rebuilt",
        _loss_of_rebuilt_rows,
        "The code is mean + deviation * noise. Is the deviation exp(log_variance / 2)?",
        "And a density has its constant: log 2 pi.",
        expected=lambda seed: torch.tensor(LATENT / 2 * (math.log(2 * math.pi) + _level(seed))),
        atol=1e-5,
    ),
)

# --- ex12-3: a classifier by Bayes' rule ---------------------------------------------------------


def _frequency(seed: int, labels: int) -> np.ndarray:
    """Frequencies of labels, all of them different."""
    parts = np.arange(1, labels + 1) + np.random.default_rng(seed).uniform(0, 0.3, size=labels)
    return np.asarray(parts / parts.sum())


def _verdict_of_random_weights(posterior: Callable[..., Any], seed: int) -> Any:
    weights = np.random.default_rng(seed).normal(-3, 1.5, size=(5, 7, 3))
    return np.asarray(posterior(weights, _frequency(seed, 3)))


def _verdict_of_equal_weights(posterior: Callable[..., Any], seed: int) -> Any:
    # Rows differ in how probable they are, but the label changes nothing.
    weights = np.random.default_rng(seed).normal(-3, 1, size=(5, 4, 1)).repeat(3, axis=2)
    return np.asarray(posterior(weights, _frequency(seed, 3)))


def _odds(seed: int) -> np.ndarray:
    """The second label is some times as probable as the first."""
    return np.array([1, uniform(seed, 2, 4)])


def _shares(seed: int, rows: int) -> np.ndarray:
    return np.tile(_odds(seed) / _odds(seed).sum(), (rows, 1))


def _verdict_of_long_rows(posterior: Callable[..., Any], seed: int) -> Any:
    # Hundreds of nats below zero.
    weights = np.full((5, 3, 2), -1500.0 - seed % 100) + np.log(_odds(seed))
    weights[:, 1] += 3000 + 2 * (seed % 100)  # and hundreds above, in another row
    return np.asarray(posterior(weights, np.array([0.5, 0.5])))


def _verdict_of_one_good_code(posterior: Callable[..., Any], seed: int) -> Any:
    # For the second label one of ten codes fits the row, and the others hardly do.
    weights = np.zeros((10, 2, 2))
    weights[:, :, 1] = -60.0
    weights[seed % 10, :, 1] = np.log(10 * _odds(seed)[1])
    return np.asarray(posterior(weights, np.array([0.5, 0.5])))


BAYES_CLASSIFIER = (
    Part(
        "the probability of every label, one line for each row",
        _verdict_of_random_weights,
        "First log p(x | y) from the codes, then add log p(y), then normalize over labels. Which "
        "step is missing, or over another axis?",
        "The codes are the first axis, the labels the last.",
        points=2,
        like=np.zeros((7, 3)),
    ),
    Part(
        "the labels' frequencies, where the row says nothing",
        _verdict_of_equal_weights,
        "A label that is more frequent is more probable before you see the row.",
        expected=lambda seed: np.tile(_frequency(seed, 3), (4, 1)),
    ),
    Part(
        "finite for rows of a thousand nats",
        _verdict_of_long_rows,
        "exp(-1500) is rounded to zero and exp(1500) is infinity. Only differences of logarithms "
        "matter.",
        "scipy.special.logsumexp and softmax take the largest out first.",
        points=2,
        expected=lambda seed: _shares(seed, rows=3),
    ),
    Part(
        "one code that fits is enough",
        _verdict_of_one_good_code,
        "The logarithm of the mean weight, not the mean of the logarithms: that is the ELBO, a "
        "looser bound.",
        "logsumexp over codes, minus log of their number.",
        points=2,
        expected=lambda seed: _shares(seed, rows=2),
    ),
)

EXERCISES = (
    Exercise("ex12-1", "The price of a code, for any prior", "write", "routine", 20, PRICE),
    Exercise(
        "ex12-2",
        "One observation variance for each feature",
        "write",
        "standard",
        25,
        ELBO,
    ),
    Exercise("ex12-3", "A classifier by Bayes' rule", "write", "open", 25, BAYES_CLASSIFIER),
)
