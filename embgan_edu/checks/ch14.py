"""What is measured of the answers to the exercises of chapter 14, privacy and pitfalls."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from embgan_edu.checks.engine import Exercise, Part, entry
from embgan_edu.checks.inputs import generator, normal

# --- ex14-1: what a budget promises --------------------------------------------------------------

BUDGET = (
    Part(
        "the most that any attack finds",
        entry("found"),
        "The chapter's bound holds for rates: both are shares, not percent.",
        "exp(epsilon) times the false positive rate, plus delta.",
        rtol=0.005,
    ),
    Part(
        "two releases of the same rows",
        entry("two releases"),
        "Each release multiplies the odds of an outcome by exp(epsilon) at most. What do both "
        "together?",
        "exp(a) exp(b) is exp(a + b).",
    ),
    Part(
        "an author of several rows",
        entry("author"),
        "Take the rows away one after the other, and use the definition each time.",
        "Every step is worth another factor exp(epsilon).",
    ),
    Part(
        "the noise for ten times as many rows",
        entry("noise"),
        "The noise in the mean gradient is sigma C / B. Which of the three changes?",
        "With the same sampling rate B grows like n.",
    ),
    Part(
        "a million rows in place of a thousand",
        entry("more rows"),
        "Does the sampler look at a private row again?",
        options=(
            "a thousand times the epsilon",
            "the same epsilon",
            "more epsilon as soon as rows repeat",
        ),
    ),
    Part(
        "the units of the private rows",
        entry("units"),
        "Post-processing may use whatever it likes, but not the private rows themselves.",
        options=(
            "covered, as post-processing of a private generator",
            "covered, since a mean names no single row",
            "outside of the budget, since they are computed from private rows",
        ),
    ),
)

# --- ex14-2: the private gradient of a batch -----------------------------------------------------

ROWS, SHAPES = 8, {"matrix": (4, 3), "bias": (3,)}
CLIP, SIGMA, BATCH = 1.5, 0.8, 5


def _gradients(seed: int, lengths: Tensor) -> list[Tensor]:
    """Gradients of rows in two layers, whose lengths over both layers are given."""
    parts = [normal(seed + i, ROWS, *shape) for i, shape in enumerate(SHAPES.values())]
    for part in parts:  # both layers get the same share of the length
        part /= part.flatten(1).norm(dim=1).reshape(-1, *[1] * (part.ndim - 1)) * math.sqrt(2)
    return [part * lengths.reshape(-1, *[1] * (part.ndim - 1)) for part in parts]


def _noise(seed: int) -> list[Tensor]:
    return [normal(seed + 10 + i, *shape) for i, shape in enumerate(SHAPES.values())]


def _named(gradient: Any) -> dict[str, Any]:
    return dict(zip(SHAPES, gradient, strict=True))


def _lengths(seed: int, shortest: float, longest: float) -> Tensor:
    share = torch.linspace(shortest, longest, ROWS)
    return share[torch.randperm(ROWS, generator=generator(seed))]


def _private(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
    gradients = _gradients(seed, _lengths(seed, 0.3, 3.0))
    included = torch.ones(ROWS)
    included[seed % ROWS] = 0
    return _named(answer(gradients, included, CLIP, SIGMA, BATCH, _noise(seed)))


def _reach_of_a_row(answer: Callable[..., Any], seed: int) -> Tensor:
    """How far the result moves when a row with a long gradient joins the batch."""
    row = seed % ROWS
    lengths = _lengths(seed, 0.3, 3.0)
    lengths[row] = 40.0
    gradients = _gradients(seed, lengths)
    without = torch.ones(ROWS)
    without[row] = 0
    results = [
        answer(gradients, included, CLIP, SIGMA, BATCH, _noise(seed))
        for included in (torch.ones(ROWS), without)
    ]
    moved = [a - b for a, b in zip(*results, strict=True)]
    return torch.cat([part.flatten() for part in moved]).norm()


def _short_gradients(seed: int) -> list[Tensor]:
    return _gradients(seed, _lengths(seed, 0.2, 0.95) * CLIP)


def _of_short_rows(
    answer: Callable[..., Any], seed: int, included: Tensor, sigma: float = 0.0, batch: int = BATCH
) -> dict[str, Any]:
    return _named(answer(_short_gradients(seed), included, CLIP, sigma, batch, _noise(seed)))


def _three_rows(seed: int) -> Tensor:
    return (_lengths(seed, 1, ROWS) < 3.5).float()


def _sum_of_rows(seed: int, included: Tensor, batch: int) -> dict[str, Tensor]:
    return _named([part[included.bool()].sum(dim=0) / batch for part in _short_gradients(seed)])


GRADIENT = (
    Part(
        "the value of the formula, for long and short rows",
        _private,
        "Clip each row, sum the rows of the batch, add the noise, divide: in this order.",
        "A row's length is that of all its gradients together, matrix and bias.",
        "The factor of a row is the smaller one of 1 and clip / length, and 0 for a row that is "
        "not in the batch.",
        points=2,
        like={name: torch.zeros(shape) for name, shape in SHAPES.items()},
    ),
    Part(
        "a long row moves the result by clip / batch, and no more",
        _reach_of_a_row,
        "This row is stronger, or weaker, than the promise says. What exactly do you clip: each "
        "row over all layers, or something else?",
        "The squares of all layers add up to the square of one length.",
        points=2,
        expected=torch.tensor(CLIP / BATCH),
    ),
    Part(
        "rows that are short enough stay as they are",
        lambda answer, seed: _of_short_rows(answer, seed, torch.ones(ROWS), batch=ROWS),
        "Short gradients are changed. Clipping only shortens: the factor is at most 1.",
        expected=lambda seed: _sum_of_rows(seed, torch.ones(ROWS), ROWS),
    ),
    Part(
        "divides by the expected size of the batch",
        lambda answer, seed: _of_short_rows(answer, seed, _three_rows(seed)),
        "Three rows are in this batch of expected size 5. How many of them came is private as "
        "well: divide by `batch`, and leave the other rows out.",
        expected=lambda seed: _sum_of_rows(seed, _three_rows(seed), BATCH),
    ),
    Part(
        "the noise, when nobody is in the batch",
        lambda answer, seed: _of_short_rows(answer, seed, torch.zeros(ROWS), SIGMA),
        "The noise is sigma times what one row can do, and is added to the sum once.",
        "sigma * clip * noise goes into the sum, before the division.",
        points=2,
        expected=lambda seed: _named([SIGMA * CLIP * x / BATCH for x in _noise(seed)]),
    ),
)

# --- ex14-3: what an attack says of the budget ---------------------------------------------------

PEOPLE = 40  # members, and others


def _audit_of_an_attack(audit: Callable[..., Any], seed: int) -> Any:
    members, others = normal(seed, PEOPLE).double() + 2, normal(seed + 1, PEOPLE).double()
    return audit(members.numpy(), others.numpy(), 0.0, 0.01)


def _shuffled(seed: int, *parts: np.ndarray) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.concatenate(parts))


def _known_rates(seed: int) -> tuple[int, int]:
    """How many members and how many others an attack accuses."""
    return 20 + seed % 5, 4 + seed % 3


def _bound(seed: int, delta: float = 0.0) -> float:
    found, accused = _known_rates(seed)
    return math.log((found / PEOPLE - delta) / (accused / PEOPLE))


def _two_levels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of some members and few others are high, without ties."""
    found, accused = _known_rates(seed)
    rng = np.random.default_rng(seed)
    # Of the high scores those of the members are lower, and of the low ones too: no other
    # threshold is better.
    members = _shuffled(seed, rng.uniform(5, 6, found), rng.uniform(-2, -1, PEOPLE - found))
    others = _shuffled(seed + 1, rng.uniform(7, 8, accused), rng.uniform(0, 1, PEOPLE - accused))
    return members, others


def _audit_of_a_perfect_attack(audit: Callable[..., Any], seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    members, others = rng.uniform(3, 4, PEOPLE), rng.uniform(0, 1, PEOPLE)
    return [audit(members, others, 0.0, least) for least in (0.01, 0.06, 0.11)]


def _audit_of_a_bad_attack(audit: Callable[..., Any], seed: int) -> list[Any]:
    members, others = _two_levels(seed)
    forward = audit(members + 20, others, 0.05, 0.01)
    return [audit(members - 20, others, 0.05, 0.01), bool(forward > 1)]


def _tied(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are 1 or 0: an attacker who says yes or no."""
    found, accused = _known_rates(seed)
    ones, zeros = np.ones(PEOPLE), np.zeros(PEOPLE)
    return (
        _shuffled(seed, ones[:found], zeros[found:]),
        _shuffled(seed + 1, ones[:accused], zeros[accused:]),
    )


AUDIT = (
    Part(
        "the largest epsilon of all thresholds",
        _audit_of_an_attack,
        "Try every score as a threshold, those of members and those of others.",
        "For each threshold the share of members at or above it, and of others.",
        "The largest log((true - delta) / false), where false is at least `least`.",
        points=2,
    ),
    Part(
        "takes delta into account",
        lambda audit, seed: audit(*_two_levels(seed), 0.1, 0.01),
        "Solve the bound for epsilon: where does delta go?",
        "true - delta stands in the numerator. The logarithm is the natural one.",
        points=2,
        expected=lambda seed: _bound(seed, delta=0.1),
    ),
    Part(
        "uses no rate below `least`",
        _audit_of_a_perfect_attack,
        "This attack is perfect. With no false positive at all the logarithm is infinite, and "
        "says nothing; with very few it is chance.",
        "Leave out all thresholds whose false positive rate is below `least`.",
        # Of 40 others one is the least that is accused, then three, then five.
        expected=[math.log(PEOPLE / k) for k in (1, 3, 5)],
    ),
    Part(
        "0 for an attack that points the wrong way",
        _audit_of_a_bad_attack,
        "Where the true rate is not above delta there is no logarithm, and a negative epsilon is "
        "no budget.",
        "Start with 0, and look for something larger.",
        expected=[0.0, True],
    ),
    Part(
        "equal scores are all accused, or none",
        lambda audit, seed: audit(*_tied(seed), 0.0, 0.01),
        "A threshold cannot separate equal scores. Walking down a sorted list does, and gains "
        "what is not there.",
        "Compare with the threshold: scores >= t.",
        expected=lambda seed: _bound(seed),
    ),
)

EXERCISES = (
    Exercise("ex14-1", "What a budget promises", "predict", "routine", 15, BUDGET),
    Exercise("ex14-2", "The private gradient of a batch", "write", "standard", 25, GRADIENT),
    Exercise("ex14-3", "What an attack says of the budget", "write", "open", 25, AUDIT),
)
