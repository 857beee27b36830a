"""What is measured of the answers to the exercises of chapter 8, noise."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from embgan_edu.checks.engine import Exercise, Part, entry
from embgan_edu.checks.inputs import generator, normal, one_hot

ROWS, FEATURES, PASSES = 40, 30, 400


# --- ex08-1: what the noise adds up to -----------------------------------------------------------

NOISE_SUMS = (
    Part(
        "standard deviation of what the discriminator sees",
        entry("seen"),
        "Which of the two adds up: standard deviations, or variances?",
        "The variance is 1 + 0.75 ** 2. You are asked for its root.",
        rtol=0.005,
    ),
    Part(
        "variance of a perfect generator, noise on the real rows only",
        entry("real only"),
        "The generator imitates what the discriminator is shown as real, noise included.",
        rtol=0.005,
    ),
    Part(
        "variance of a perfect generator, noise on both",
        entry("both"),
        "The discriminator compares noisy rows with noisy rows. When do the two look alike?",
        "The generator's own rows plus noise must look like the real rows plus noise.",
        rtol=0.005,
    ),
    Part(
        "how much a row varies from pass to pass",
        entry("passes"),
        "What was added when the rows were loaded is the same at every pass.",
        rtol=0.005,
    ),
    Part(
        "probability that the noisy copy is nearer to the other row",
        entry("crossing"),
        "Only the noise along the line between the two rows counts, in any number of features.",
        "The copy must get past the middle of the line: further than half of the distance.",
        rtol=0.02,
    ),
)

# --- ex08-2: fresh noise that fades --------------------------------------------------------------


def _steps(seed: int) -> int:
    return 4 * (25 + seed % 7) + 1  # so that a quarter of the way is a whole number of steps


def _start(seed: int) -> float:
    return 0.2 + 0.1 * (seed % 4)  # never 1: a variance would then look like a standard deviation


def _noise(
    answer: Callable[..., Tensor], seed: int, quarters: int = 0, passes: int = PASSES
) -> Tensor:
    """What is added at a quarter (0 to 4) of the way; of shape (pass, row, feature)."""
    steps, start, source = _steps(seed), _start(seed), generator(seed + 1)
    rows = normal(seed, ROWS, FEATURES)
    step = quarters * (steps - 1) // 4
    shown = [answer(rows.clone(), step, steps, start, source) for _ in range(passes)]
    return torch.stack(shown) - rows


def _is_near(value: Tensor, wanted: float) -> bool:
    # At least six standard errors, also where all entries of a pass share one number.
    return bool(abs(value / wanted - 1) < 0.2)


def _first_strength(answer: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    noise = _noise(answer, seed)
    return {
        "standard deviation is start": _is_near(noise.std(), _start(seed)),
        "centered at the row": bool(abs(noise.mean()) < 0.3 * _start(seed)),
    }


def _later_strengths(answer: Callable[..., Tensor], seed: int) -> list[bool]:
    return [
        _is_near(_noise(answer, seed, quarters).std(), _start(seed) * (4 - quarters) / 4)
        for quarters in (1, 2, 3)
    ]


def _last_step(answer: Callable[..., Tensor], seed: int) -> dict[str, Any]:
    return {
        "noise in the first step": bool(_noise(answer, seed, 0, passes=1).any()),
        "largest noise in the last step": _noise(answer, seed, 4, passes=1).abs().max(),
    }


def _repeats(answer: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    noise = _noise(answer, seed, passes=2).flatten(1)
    together = torch.corrcoef(noise)[0, 1]
    return {
        "there is noise": bool(noise.any()),
        "the second pass repeats the first": bool(together > 0.5),
    }


def _shared(answer: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    noise = _noise(answer, seed, passes=20)
    overall = noise.std()
    return {
        f"every {name} has its own": bool(noise.std(dim=dim).mean() > 0.8 * overall > 0)
        for dim, name in ((1, "row"), (2, "feature"))
    }


def _repeatable(answer: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    first, again = (_noise(answer, seed, passes=1) for _ in range(2))
    return {
        "there is noise": bool(first.any()),
        "same generator, same noise": torch.equal(first, again),
    }


def _in_place(answer: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    rows = normal(seed, ROWS, FEATURES)
    given = rows.clone()
    shown = answer(given, 0, _steps(seed), _start(seed), generator(seed + 1))
    return {
        "returned rows are noisy": not torch.equal(shown, rows),
        "given rows changed": not torch.equal(given, rows),
    }


FADING_NOISE = (
    Part(
        "in the first step: centered, with standard deviation `start`",
        _first_strength,
        "A standard normal number times s has standard deviation s. Is your factor a variance, or "
        "its root?",
        "torch.rand is uniform between 0 and 1; torch.randn is standard normal.",
        expected={"standard deviation is start": True, "centered at the row": True},
    ),
    Part(
        "after a quarter, a half, and three quarters of the way: as much less",
        _later_strengths,
        "The standard deviation falls on a straight line, not the variance.",
        "Half way the standard deviation is half of start.",
        expected=[True] * 3,
    ),
    Part(
        "no noise in the last step",
        _last_step,
        "The first step is number 0. What number has the last one?",
        "The share of the way that lies behind is step / (steps - 1).",
        expected={
            "noise in the first step": True,
            "largest noise in the last step": torch.tensor(0.0),
        },
    ),
    Part(
        "drawn anew at every pass",
        _repeats,
        "The same rows got the same noise twice: drawn once, it makes other fixed points, which "
        "can be learned by heart as well.",
        "Keep no noise between two calls, and seed nothing inside.",
        points=2,
        expected={"there is noise": True, "the second pass repeats the first": False},
    ),
    Part(
        "every row and every feature has noise of its own",
        _shared,
        "One noise vector for all rows moves the whole cloud and blurs nothing.",
        "Draw as many numbers as rows has entries.",
        expected={"every row has its own": True, "every feature has its own": True},
    ),
    Part(
        "all randomness comes from the torch.Generator",
        _repeatable,
        "Two generators with the same seed gave different noise. Who draws it?",
        "torch.randn takes generator=...; torch.randn_like may not.",
        expected={"there is noise": True, "same generator, same noise": True},
    ),
    Part(
        "the rows that were given stay as they are",
        _in_place,
        "The noise went into the rows themselves: after many passes it has piled up.",
        "rows += noise changes rows; rows + noise does not.",
        expected={"returned rows are noisy": True, "given rows changed": False},
    ),
)

# --- ex08-3: does the discriminator know the rows by heart? --------------------------------------


class FirstFeature(nn.Module):
    """A discriminator whose logits can be read off the rows, plus what it thinks of a label."""

    def __init__(self, preference: float = 0.0, batch_norm: bool = False) -> None:
        super().__init__()
        self.preference = preference
        # Its running averages are those of rows that need no change.
        self.norm = nn.BatchNorm1d(1) if batch_norm else nn.Identity()

    def forward(self, x: Tensor, onehot: Tensor) -> Tensor:
        logits: Tensor = self.norm(x[:, :1])
        return logits.squeeze(1) + self.preference * onehot[:, 1]


def _rows(logits: Tensor) -> Tensor:
    return torch.stack([logits, torch.zeros_like(logits)], dim=1)


def _memory(
    answer: Callable[..., Any], D: nn.Module, train: Tensor, unseen: Tensor, label: int = 1
) -> Any:
    """The answer for rows with these logits that all have the same label."""
    labels = [torch.full((len(logits),), label) for logits in (train, unseen)]
    return answer(D, _rows(train), one_hot(labels[0], 2), _rows(unseen), one_hot(labels[1], 2))


def _memory_of_random_logits(answer: Callable[..., Any], seed: int) -> Any:
    train, unseen = normal(seed, 9) + 0.3, normal(seed + 1, 14)
    return _memory(answer, FirstFeature(), train, unseen, label=seed % 2)


def _memory_of_nothing(answer: Callable[..., Any], seed: int) -> Any:
    level = normal(seed, 1)
    return _memory(answer, FirstFeature(), level.repeat(6), level.repeat(9))


def _both_ways(
    answer: Callable[..., Any], D: nn.Module, high: Tensor, low: Tensor
) -> dict[str, Any]:
    return {
        "training rows are higher": _memory(answer, D, high, low),
        "training rows are lower": _memory(answer, D, low, high),
    }


ALL_AND_NONE = {"training rows are higher": 1.0, "training rows are lower": 0.0}


def _memory_of_sure_logits(answer: Callable[..., Any], seed: int) -> Any:
    # Both are so large that their probabilities are rounded to 1.
    return _both_ways(
        answer, FirstFeature(), 60 + normal(seed, 8).abs(), 50 - normal(seed + 1, 6).abs()
    )


def _memory_of_a_preference(answer: Callable[..., Any], seed: int) -> Any:
    # Within a label the two kinds of rows are even; among training rows label 1 is frequent.
    scale = 0.5 + seed % 3
    train_labels = torch.tensor([0, 0, 1, 1, 1, 1, 1, 1])
    unseen_labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])
    train = scale * torch.tensor([-1.0, 1.0] * 4)
    unseen = scale * torch.tensor([-0.5, 0.5] * 4)
    D = FirstFeature(preference=4 * scale)
    return answer(
        D, _rows(train), one_hot(train_labels, 2), _rows(unseen), one_hot(unseen_labels, 2)
    )


def _memory_in_training_mode(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
    # In training mode each of the two batches is centered, and the difference is gone.
    D = FirstFeature(batch_norm=True).train()
    found = _both_ways(answer, D, 3 + normal(seed, 8).abs(), -normal(seed + 1, 8).abs())
    averages = D.norm.get_buffer("running_mean")
    return {**found, "running averages moved": bool(averages.any())}


def _modes_afterward(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
    high, low = 3 + normal(seed, 8).abs(), -normal(seed + 1, 8).abs()
    training, evaluating = FirstFeature().train(), FirstFeature().eval()
    found = _both_ways(answer, evaluating, high, low)
    _both_ways(answer, training, high, low)
    return {**found, "modes": [training.norm.training, evaluating.norm.training]}


KNOWN_BY_HEART = (
    Part(
        "the share of pairs",
        _memory_of_random_logits,
        "A number between 0 and 1, and larger when training rows have larger logits. Every "
        "training row meets every unseen row of its label.",
        "Compare logits[:, None] with the others' logits[None, :].",
        points=2,
    ),
    Part(
        "one half for a discriminator that says the same of all rows",
        _memory_of_nothing,
        "Equal logits are neither a yes nor a no: such a pair counts one half.",
        "Add half of the mean of (a == b).",
        expected=0.5,
    ),
    Part(
        "sees the difference between two sure logits",
        _memory_of_sure_logits,
        "The probabilities of logits such as 50 and 60 are both rounded to 1. Compare the logits.",
        expected=ALL_AND_NONE,
    ),
    Part(
        "a preference for a label is no memory",
        _memory_of_a_preference,
        "This discriminator likes positive rows, and more of the training rows are positive. Did "
        "you compare rows of different labels?",
        "Count only pairs whose one-hot labels agree: train_onehot @ unseen_onehot.T.",
        points=2,
        expected=0.5,
    ),
    Part(
        "judged in evaluation mode",
        _memory_in_training_mode,
        "D was in training mode, and there batch normalization centers each batch. Judge it in "
        "evaluation mode.",
        "Call D.eval() first.",
        expected={**ALL_AND_NONE, "running averages moved": False},
    ),
    Part(
        "left in the mode in which it was found",
        _modes_afterward,
        "The training goes on after your measurement. In which mode is D then?",
        "Keep D.training first, and call D.train(kept) at the end.",
        expected={**ALL_AND_NONE, "modes": [True, False]},
    ),
)

EXERCISES = (
    Exercise("ex08-1", "What the noise adds up to", "predict", "routine", 10, NOISE_SUMS),
    Exercise("ex08-2", "Fresh noise that fades", "write", "standard", 20, FADING_NOISE),
    Exercise("ex08-3", "Known by heart, or only liked?", "write", "open", 25, KNOWN_BY_HEART),
)
