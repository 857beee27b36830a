"""What is measured of the answers to the exercises of chapter 9, label smoothing."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from embgan_edu.checks.engine import Exercise, Part
from embgan_edu.checks.inputs import normal

ROWS = 9
FAR = 2000.0  # a log-ratio whose exponential no computer can hold


def _share(seed: int) -> float:
    """How much is taken off a target, or how many labels are flipped: 0.1 to 0.3."""
    return float(np.random.default_rng(seed).uniform(0.1, 0.3))


# --- ex09-1: the smoothed loss above its floor ---------------------------------------------------


def _value_above_floor(loss: Callable[..., Tensor], seed: int) -> Tensor:
    return loss(normal(seed, ROWS) + 1, normal(seed + 1, ROWS) - 1, _share(seed))


def _gradients(
    loss: Callable[..., Tensor], real: Tensor, fake: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
    slopes = torch.autograd.grad(loss(real, fake, smoothing), (real, fake))
    return slopes[0], slopes[1]


def _push_on_fakes(loss: Callable[..., Tensor], seed: int) -> Tensor:
    return _gradients(loss, normal(seed, ROWS), normal(seed + 1, ROWS), _share(seed))[1]


def _push_on_real(loss: Callable[..., Tensor], seed: int) -> Tensor:
    s = _share(seed)
    aim = math.log((1 - s) / s)
    real = torch.tensor([aim - 2, aim - 0.5, aim + 0.5, aim + 2])
    return _gradients(loss, real, normal(seed, 4), s)[0].sign()


def _loss_at_the_floor(loss: Callable[..., Tensor], seed: int) -> Tensor:
    s = _share(seed)
    return loss(torch.full((5,), math.log((1 - s) / s)), torch.full((5,), -200.0), s)


def _loss_without_smoothing(loss: Callable[..., Tensor], seed: int) -> Tensor:
    return loss(torch.zeros(5), torch.zeros(5), 0.0)


# --- ex09-2: the logit of the best discriminator -------------------------------------------------


def _places(seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).uniform(-3, 3, 7))


def _logits_at_places(
    one_sided: bool,
) -> Callable[[Callable[..., np.ndarray], int], np.ndarray]:
    """A probe: logits for moderate log-ratios."""

    def probe(logit: Callable[..., np.ndarray], seed: int) -> np.ndarray:
        s = _share(seed)
        return logit(_places(seed), 1 - s, 0.0 if one_sided else s / 2)

    return probe


def _logits_far_away(logit: Callable[..., np.ndarray], seed: int) -> np.ndarray:
    s = _share(seed)
    one_sided = logit(np.array([FAR]), 1 - s, 0.0)
    two_sided = logit(np.array([-FAR, FAR]), 1 - s, s / 2)
    return np.concatenate([one_sided, two_sided])


def _what_goes_on_for_ever(logit: Callable[..., np.ndarray], seed: int) -> list[np.ndarray]:
    s = _share(seed)
    far = np.array([-FAR - 1, -FAR])
    with np.errstate(invalid="ignore"):  # of an answer that is infinite
        slopes = [np.diff(logit(far, 1 - s, fake_target)) for fake_target in (0.0, s)]
    return [logit(np.array([-FAR, FAR]), 1.0, 0.0), *slopes]


# --- ex09-3: flipped labels ----------------------------------------------------------------------


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _loss_of_a_share(share: float) -> Callable[[Callable[..., Tensor], int], Tensor]:
    """A probe: the loss where chance has no say, since none or all of the labels are flipped."""

    def probe(loss: Callable[..., Tensor], seed: int) -> Tensor:
        real, fake = normal(seed, ROWS) + 1, normal(seed + 1, ROWS) - 1
        return loss(real, fake, share, _generator(seed))

    return probe


def _flipping(seed: int) -> float:
    return 0.25 + _share(seed) / 2


def _share_that_was_flipped(loss: Callable[..., Tensor], seed: int) -> float:
    # A flipped row costs its logit more: softplus(l) - softplus(-l) = l. With 3,000 rows the share
    # that this tells has a standard deviation of 0.009.
    rows = 3000
    real, fake = 3 + 0.3 * normal(seed, rows), torch.zeros(rows)
    plain, flipped = (
        float(loss(real, fake, share, _generator(seed + 1))) for share in (0.0, _flipping(seed))
    )
    return (flipped - plain) / float(real.mean())


def _cost_of_better_fakes(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # Moving all fakes from -c to c costs c, where every one of them counts as a fake.
    real, level = normal(seed + 1, 200), 3 + _share(seed)
    better, worse = (
        loss(real, torch.full((200,), sign * level), 0.3, _generator(seed)) for sign in (1, -1)
    )
    return (better - worse) / level


def _coins(loss: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    real, fake = normal(seed, 60), normal(seed + 1, 60)

    def losses() -> list[float]:
        generator = _generator(seed + 2)
        return [float(loss(real, fake, 0.3, generator)) for _ in range(40)]

    first, second = losses(), losses()
    return {"new at every call": len(set(first)) > 1, "follows the generator": first == second}


EXERCISES = (
    Exercise(
        "ex09-1",
        "The smoothed loss above its floor",
        kind="write",
        level="standard",
        minutes=20,
        parts=(
            Part(
                "a 0-dimensional tensor, with the loss less its floor",
                2,
                _value_above_floor,
                like=torch.tensor(1.0),
                hints=(
                    "Check the targets first: 1 - s for real rows, exactly 0 for fakes.",
                    "The floor is what is left when every real row has a probability of 1 - s and "
                    "every fake row one of 0.",
                    "It is the entropy of the target 1 - s, in nats.",
                ),
            ),
            Part(
                "pushes fake logits as without smoothing",
                2,
                _push_on_fakes,
                expected=lambda seed: torch.sigmoid(normal(seed + 1, ROWS)) / ROWS,
                hints=(
                    "The fakes are smoothed as well. This is the mistake that everyone makes.",
                    "The slope with respect to a fake logit is sigmoid(l) over the number of "
                    "rows, whatever the smoothing.",
                ),
            ),
            Part(
                "pushes a real logit up below its aim, and back down above it",
                1,
                _push_on_real,
                expected=lambda seed: torch.tensor([-1.0, -1.0, 1.0, 1.0]),
                hints=(
                    "Which target do real rows have, 1 - s or s?",
                    "The aim is the logit whose sigmoid is 1 - s.",
                ),
            ),
            Part(
                "zero for the best that any discriminator can do",
                1,
                _loss_at_the_floor,
                expected=lambda seed: torch.tensor(0.0),
                atol=1e-5,
                hints=(
                    "Nobody can be at 1 - s with certainty. What is left is the floor: subtract "
                    "it.",
                    "Real rows alone have a floor. The fakes' term can come as near to zero as "
                    "you like.",
                ),
            ),
            Part(
                "2 log 2 for a discriminator that knows nothing, without smoothing",
                1,
                _loss_without_smoothing,
                expected=lambda seed: torch.tensor(2 * math.log(2)),
                hints=(
                    "Without smoothing the floor is 0, but 0 * log(0) is not a number for a "
                    "computer.",
                    "torch.special.entr(x) is -x log x, and 0 at 0.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex09-2",
        "The logit of the best discriminator",
        kind="write",
        level="standard",
        minutes=25,
        parts=(
            Part(
                "log(p/q) itself without smoothing",
                1,
                lambda logit, seed: logit(_places(seed), 1.0, 0.0),
                expected=_places,
                hints=(
                    "A logit is log(D / (1 - D)), not log D.",
                    "With targets 1 and 0, D / (1 - D) is p / q.",
                ),
            ),
            Part(
                "one-sided smoothing",
                2,
                _logits_at_places(one_sided=True),
                like=np.zeros(7),
                hints=(
                    "Divide D* by 1 - D*: the sum p + q cancels.",
                    "Then divide above and below by q, and write exp(log_ratio) for p / q.",
                ),
            ),
            Part(
                "any two targets",
                1,
                _logits_at_places(one_sided=False),
                like=np.zeros(7),
                hints=(
                    "The fakes' target stands above and below the line: b q and (1 - b) q. Is it "
                    "lost in one of the two?",
                ),
            ),
            Part(
                "where it stops: the limits far away",
                2,
                _logits_far_away,
                like=np.zeros(3),
                hints=(
                    "exp(2000) is infinity for a computer, and infinity over infinity is not a "
                    "number.",
                    "Take the logarithm of numerator and denominator by themselves.",
                    "np.logaddexp(u, v) is log(exp(u) + exp(v)) without computing either.",
                ),
            ),
            Part(
                "where it goes on: slope 1 where targets are 0 or 1, and no slope two-sided",
                1,
                _what_goes_on_for_ever,
                expected=lambda seed: [np.array([-FAR, FAR]), np.ones(1), np.zeros(1)],
                hints=(
                    "exp(-2000) is zero for a computer, and so is a cut-off at a large number: "
                    "the slope is lost.",
                    "Stay with logarithms from the beginning to the end; log 0 is -inf, and "
                    "np.logaddexp can take it.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex09-3",
        "Flip some labels, anew at every pass",
        kind="write",
        level="open",
        minutes=25,
        parts=(
            Part(
                "the plain loss where no label is flipped",
                1,
                _loss_of_a_share(0.0),
                like=torch.tensor(1.0),
                hints=("A mean over real rows plus a mean over fake rows, as in chapter 4.",),
            ),
            Part(
                "the right loss where all real rows are flipped",
                1,
                _loss_of_a_share(1.0),
                like=torch.tensor(1.0),
                hints=(
                    "A flipped row is still one of the real rows: it changes its target, not the "
                    "mean that it belongs to.",
                    "All targets are 0 now. Each of the two means has as many rows as before.",
                ),
            ),
            Part(
                "flips the given share, and so is the smoothed loss on average",
                2,
                _share_that_was_flipped,
                expected=_flipping,
                atol=0.06,
                hints=(
                    "Each real row has a coin of its own. Or are all rows flipped together?",
                    "A row is flipped where torch.rand is below the share, one number per row.",
                ),
            ),
            Part(
                "fake rows keep their label, and their weight",
                1,
                _cost_of_better_fakes,
                expected=lambda seed: torch.tensor(1.0),
                hints=(
                    "Only real rows are flipped. Flipping fakes as well is two-sided smoothing.",
                    "Real rows that are called fake must not enter the mean over the fake rows.",
                ),
            ),
            Part(
                "new coins at every call, all from the generator",
                1,
                _coins,
                expected=lambda seed: {"new at every call": True, "follows the generator": True},
                hints=(
                    "Do you draw from the generator that you were given, and leave its seed alone?",
                    "torch.rand(rows, generator=generator) moves the generator on by itself.",
                ),
            ),
        ),
    ),
)
