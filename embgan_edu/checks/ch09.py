"""What is measured of the answers to the exercises of chapter 9, label smoothing."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from embgan_edu.checks.engine import Exercise, Part, Probe
from embgan_edu.checks.inputs import generator, normal, uniform

ROWS = 9
FAR = 2000.0  # a log-ratio whose exponential no computer can hold


def _share(seed: int) -> float:
    """How much is taken off a target, or how many labels are flipped: 0.1 to 0.3."""
    return uniform(seed, 0.1, 0.3)


# --- ex09-1: the smoothed loss above its floor ---------------------------------------------------


def _aim(seed: int) -> float:
    """The logit of the smoothed target."""
    s = _share(seed)
    return math.log((1 - s) / s)


def _push(loss: Callable[..., Tensor], seed: int, real: Tensor, player: int) -> Tensor:
    """The gradient with respect to the real logits (0), or to as many fake ones (1)."""
    logits = real.requires_grad_(), normal(seed + 1, len(real)).requires_grad_()
    return torch.autograd.grad(loss(*logits, _share(seed)), logits)[player]


def _push_on_real(loss: Callable[..., Tensor], seed: int) -> Tensor:
    real = _aim(seed) + torch.tensor([-2.0, -0.5, 0.5, 2.0])
    return _push(loss, seed, real, 0).sign()


ABOVE_FLOOR = (
    Part(
        "a 0-dimensional tensor, with the loss less its floor",
        lambda loss, seed: loss(normal(seed, ROWS) + 1, normal(seed + 1, ROWS) - 1, _share(seed)),
        "Check the targets first: 1 - s for real rows, exactly 0 for fakes.",
        "The floor is what is left when every real row has a probability of 1 - s and every fake "
        "row one of 0.",
        "It is the entropy of the target 1 - s, in nats.",
        points=2,
        like=torch.tensor(1.0),
    ),
    Part(
        "pushes fake logits as without smoothing",
        lambda loss, seed: _push(loss, seed, normal(seed, ROWS), 1),
        "The fakes are smoothed as well: that is two-sided smoothing.",
        "The slope with respect to a fake logit is sigmoid(l) over the number of rows, whatever "
        "the smoothing.",
        points=2,
        expected=lambda seed: torch.sigmoid(normal(seed + 1, ROWS)) / ROWS,
    ),
    Part(
        "pushes a real logit up below its aim, and back down above it",
        _push_on_real,
        "Which target do real rows have, 1 - s or s?",
        "The aim is the logit whose sigmoid is 1 - s.",
        expected=torch.tensor([-1.0, -1.0, 1.0, 1.0]),
    ),
    Part(
        "zero for the best that any discriminator can do",
        lambda loss, seed: loss(
            torch.full((5,), _aim(seed)), torch.full((5,), -200.0), _share(seed)
        ),
        "Nobody can be at 1 - s with certainty. What is left is the floor: subtract it.",
        "Real rows alone have a floor. The fakes' term can come as near to zero as you like.",
        expected=torch.tensor(0.0),
        atol=1e-5,
    ),
    Part(
        "2 log 2 for a discriminator that knows nothing, without smoothing",
        lambda loss, seed: loss(torch.zeros(5), torch.zeros(5), 0.0),
        "Without smoothing the floor is 0, but 0 * log(0) is not a number for a computer.",
        "torch.special.entr(x) is -x log x, and 0 at 0.",
        expected=torch.tensor(2 * math.log(2)),
    ),
)

# --- ex09-2: the logit of the best discriminator -------------------------------------------------


def _places(seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).uniform(-3, 3, 7))


def _logits_at_places(one_sided: bool) -> Probe:
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


BEST_LOGIT = (
    Part(
        "log(p/q) itself without smoothing",
        lambda logit, seed: logit(_places(seed), 1.0, 0.0),
        "A logit is log(D / (1 - D)), not log D.",
        "With targets 1 and 0, D / (1 - D) is p / q.",
        expected=_places,
    ),
    Part(
        "one-sided smoothing",
        _logits_at_places(one_sided=True),
        "Divide D* by 1 - D*: the sum p + q cancels.",
        "Then divide above and below by q, and write exp(log_ratio) for p / q.",
        points=2,
        like=np.zeros(7),
    ),
    Part(
        "any two targets",
        _logits_at_places(one_sided=False),
        "The fakes' target stands above and below the line: b q and (1 - b) q. Is it lost in one "
        "of the two?",
        like=np.zeros(7),
    ),
    Part(
        "where it stops: the limits far away",
        _logits_far_away,
        "exp(2000) is infinity for a computer, and infinity over infinity is not a number.",
        "Take the logarithm of numerator and denominator by themselves.",
        "np.logaddexp(u, v) is log(exp(u) + exp(v)) without computing either.",
        points=2,
        like=np.zeros(3),
    ),
    Part(
        "where it goes on: slope 1 where targets are 0 or 1, and no slope two-sided",
        _what_goes_on_for_ever,
        "exp(-2000) is zero for a computer, and so is a cut-off at a large number: the slope is "
        "lost.",
        "Stay with logarithms from the beginning to the end; log 0 is -inf, and np.logaddexp can "
        "take it.",
        expected=[np.array([-FAR, FAR]), np.ones(1), np.zeros(1)],
    ),
)

# --- ex09-3: flipped labels ----------------------------------------------------------------------


def _loss_of_a_share(share: float) -> Probe:
    """A probe: the loss where chance has no say, since none or all of the labels are flipped."""
    return lambda loss, seed: loss(
        normal(seed, ROWS) + 1, normal(seed + 1, ROWS) - 1, share, generator(seed)
    )


def _flipping(seed: int) -> float:
    return 0.25 + _share(seed) / 2


def _share_that_was_flipped(loss: Callable[..., Tensor], seed: int) -> float:
    # A flipped row costs its logit more: softplus(l) - softplus(-l) = l. With 3,000 rows the share
    # that this tells has a standard deviation of 0.009.
    rows = 3000
    real, fake = 3 + 0.3 * normal(seed, rows), torch.zeros(rows)
    plain, flipped = (
        float(loss(real, fake, share, generator(seed + 1))) for share in (0.0, _flipping(seed))
    )
    return (flipped - plain) / float(real.mean())


def _cost_of_better_fakes(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # Moving all fakes from -c to c costs c, where every one of them counts as a fake.
    real, level = normal(seed + 1, 200), 3 + _share(seed)
    better, worse = (
        loss(real, torch.full((200,), sign * level), 0.3, generator(seed)) for sign in (1, -1)
    )
    return (better - worse) / level


def _coins(loss: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    real, fake = normal(seed, 60), normal(seed + 1, 60)

    def losses() -> list[float]:
        source = generator(seed + 2)
        return [float(loss(real, fake, 0.3, source)) for _ in range(40)]

    first, second = losses(), losses()
    return {"new at every call": len(set(first)) > 1, "follows the generator": first == second}


FLIPPED_LABELS = (
    Part(
        "the plain loss where no label is flipped",
        _loss_of_a_share(0.0),
        "A mean over real rows plus a mean over fake rows, as in chapter 4.",
        like=torch.tensor(1.0),
    ),
    Part(
        "the right loss where all real rows are flipped",
        _loss_of_a_share(1.0),
        "A flipped row is still one of the real rows: it changes its target, not the mean that it "
        "belongs to.",
        "All targets are 0 now. Each of the two means has as many rows as before.",
        like=torch.tensor(1.0),
    ),
    Part(
        "flips the given share, and so is the smoothed loss on average",
        _share_that_was_flipped,
        "Each real row has a coin of its own. Or are all rows flipped together?",
        "A row is flipped where torch.rand is below the share, one number per row.",
        points=2,
        expected=_flipping,
        atol=0.06,
    ),
    Part(
        "fake rows keep their label, and their weight",
        _cost_of_better_fakes,
        "Only real rows are flipped. Flipping fakes as well is two-sided smoothing.",
        "Real rows that are called fake must not enter the mean over the fake rows.",
        expected=torch.tensor(1.0),
    ),
    Part(
        "new coins at every call, all from the generator",
        _coins,
        "Do you draw from the generator that you were given, and leave its seed alone?",
        "torch.rand(rows, generator=generator) moves the generator on by itself.",
        expected={"new at every call": True, "follows the generator": True},
    ),
)

EXERCISES = (
    Exercise("ex09-1", "The smoothed loss above its floor", "write", "standard", 20, ABOVE_FLOOR),
    Exercise("ex09-2", "The logit of the best discriminator", "write", "standard", 25, BEST_LOGIT),
    Exercise("ex09-3", "Flip some labels, anew at every pass", "write", "open", 25, FLIPPED_LABELS),
)
