"""What is measured of the answers to the exercises of chapter 14, privacy and pitfalls."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from embgan_edu.checks.engine import Exercise, Part
from embgan_edu.checks.inputs import normal

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
    return share[torch.randperm(ROWS, generator=torch.Generator().manual_seed(seed))]


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


def _of_short_rows(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
    included = torch.ones(ROWS)
    return _named(answer(_short_gradients(seed), included, CLIP, 0.0, ROWS, _noise(seed)))


def _three_rows(seed: int) -> Tensor:
    return (_lengths(seed, 1, ROWS) < 3.5).float()


def _of_three_rows(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
    gradients = _short_gradients(seed)
    return _named(answer(gradients, _three_rows(seed), CLIP, 0.0, BATCH, _noise(seed)))


def _sum_of_three_rows(seed: int) -> dict[str, Tensor]:
    chosen = _three_rows(seed).bool()
    return _named([part[chosen].sum(dim=0) / BATCH for part in _short_gradients(seed)])


def _of_an_empty_batch(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
    nobody = torch.zeros(ROWS)
    return _named(answer(_short_gradients(seed), nobody, CLIP, SIGMA, BATCH, _noise(seed)))


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


def _two_levels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of some members and few others are high, without ties."""
    found, accused = _known_rates(seed)
    rng = np.random.default_rng(seed)
    # Of the high scores those of the members are lower, and of the low ones too: no other
    # threshold is better.
    members = _shuffled(seed, rng.uniform(5, 6, found), rng.uniform(-2, -1, PEOPLE - found))
    others = _shuffled(seed + 1, rng.uniform(7, 8, accused), rng.uniform(0, 1, PEOPLE - accused))
    return members, others


def _audit_with_delta(audit: Callable[..., Any], seed: int) -> Any:
    return audit(*_two_levels(seed), 0.1, 0.01)


def _bound_with_delta(seed: int) -> float:
    found, accused = _known_rates(seed)
    return math.log((found / PEOPLE - 0.1) / (accused / PEOPLE))


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


def _audit_of_ties(audit: Callable[..., Any], seed: int) -> Any:
    return audit(*_tied(seed), 0.0, 0.01)


def _bound_of_ties(seed: int) -> float:
    found, accused = _known_rates(seed)
    return math.log(found / accused)


EXERCISES = (
    Exercise(
        "ex14-1",
        "What a budget promises",
        kind="predict",
        level="routine",
        minutes=15,
        answer="dict",
        parts=(
            Part(
                "the most that any attack finds",
                1,
                lambda answer, seed: answer["found"],
                like=0.5,
                rtol=0.005,
                hints=(
                    "The chapter's bound holds for rates: both are shares, not percent.",
                    "exp(epsilon) times the false positive rate, plus delta.",
                ),
            ),
            Part(
                "two releases of the same rows",
                1,
                lambda answer, seed: answer["two releases"],
                like=1.0,
                hints=(
                    "Each release multiplies the odds of an outcome by exp(epsilon) at most. "
                    "What do both together?",
                    "exp(a) exp(b) is exp(a + b).",
                ),
            ),
            Part(
                "an author of several rows",
                1,
                lambda answer, seed: answer["author"],
                like=1.0,
                hints=(
                    "Take the rows away one after the other, and use the definition each time.",
                    "Every step is worth another factor exp(epsilon).",
                ),
            ),
            Part(
                "the noise for ten times as many rows",
                1,
                lambda answer, seed: answer["noise"],
                like=1.0,
                hints=(
                    "The noise in the mean gradient is sigma C / B. Which of the three changes?",
                    "With the same sampling rate B grows like n.",
                ),
            ),
            Part(
                "a million rows in place of a thousand",
                1,
                lambda answer, seed: answer["more rows"],
                options=(
                    "a thousand times the epsilon",
                    "the same epsilon",
                    "more epsilon as soon as rows repeat",
                ),
                hints=("Does the sampler look at a private row again?",),
            ),
            Part(
                "the units of the private rows",
                1,
                lambda answer, seed: answer["units"],
                options=(
                    "covered, as post-processing of a private generator",
                    "covered, since a mean names no single row",
                    "outside of the budget, since they are computed from private rows",
                ),
                hints=(
                    "Post-processing may use whatever it likes, but not the private rows "
                    "themselves.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex14-2",
        "The private gradient of a batch",
        kind="write",
        level="standard",
        minutes=25,
        parts=(
            Part(
                "the value of the formula, for long and short rows",
                2,
                _private,
                like={name: torch.zeros(shape) for name, shape in SHAPES.items()},
                hints=(
                    "Clip each row, sum the rows of the batch, add the noise, divide: in this "
                    "order.",
                    "A row's length is that of all its gradients together, matrix and bias.",
                    "The factor of a row is the smaller one of 1 and clip / length, and 0 for a "
                    "row that is not in the batch.",
                ),
            ),
            Part(
                "a long row moves the result by clip / batch, and no more",
                2,
                _reach_of_a_row,
                expected=lambda seed: torch.tensor(CLIP / BATCH),
                hints=(
                    "This row is stronger, or weaker, than the promise says. What exactly do you "
                    "clip: each row over all layers, or something else?",
                    "The squares of all layers add up to the square of one length.",
                ),
            ),
            Part(
                "rows that are short enough stay as they are",
                1,
                _of_short_rows,
                expected=lambda seed: _named(
                    [part.sum(dim=0) / ROWS for part in _short_gradients(seed)]
                ),
                hints=(
                    "Short gradients are changed. Clipping only shortens: the factor is at most 1.",
                ),
            ),
            Part(
                "divides by the expected size of the batch",
                1,
                _of_three_rows,
                expected=_sum_of_three_rows,
                hints=(
                    "Three rows are in this batch of expected size 5. How many of them came is "
                    "private as well: divide by `batch`, and leave the other rows out.",
                ),
            ),
            Part(
                "the noise, when nobody is in the batch",
                2,
                _of_an_empty_batch,
                expected=lambda seed: _named([SIGMA * CLIP * x / BATCH for x in _noise(seed)]),
                hints=(
                    "The noise is sigma times what one row can do, and is added to the sum once.",
                    "sigma * clip * noise goes into the sum, before the division.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex14-3",
        "What an attack says of the budget",
        kind="write",
        level="open",
        minutes=25,
        parts=(
            Part(
                "the largest epsilon of all thresholds",
                2,
                _audit_of_an_attack,
                like=1.0,
                hints=(
                    "Try every score as a threshold, those of members and those of others.",
                    "For each threshold the share of members at or above it, and of others.",
                    "The largest log((true - delta) / false), where false is at least `least`.",
                ),
            ),
            Part(
                "takes delta into account",
                2,
                _audit_with_delta,
                expected=_bound_with_delta,
                hints=(
                    "Solve the bound for epsilon: where does delta go?",
                    "true - delta stands in the numerator. The logarithm is the natural one.",
                ),
            ),
            Part(
                "uses no rate below `least`",
                1,
                _audit_of_a_perfect_attack,
                # Of 40 others one is the least that is accused, then three, then five.
                expected=lambda seed: [math.log(PEOPLE / k) for k in (1, 3, 5)],
                hints=(
                    "This attack is perfect. With no false positive at all the logarithm is "
                    "infinite, and says nothing; with very few it is chance.",
                    "Leave out all thresholds whose false positive rate is below `least`.",
                ),
            ),
            Part(
                "0 for an attack that points the wrong way",
                1,
                _audit_of_a_bad_attack,
                expected=lambda seed: [0.0, True],
                hints=(
                    "Where the true rate is not above delta there is no logarithm, and a negative "
                    "epsilon is no budget.",
                    "Start with 0, and look for something larger.",
                ),
            ),
            Part(
                "equal scores are all accused, or none",
                1,
                _audit_of_ties,
                expected=_bound_of_ties,
                hints=(
                    "A threshold cannot separate equal scores. Walking down a sorted list does, "
                    "and gains what is not there.",
                    "Compare with the threshold: scores >= t.",
                ),
            ),
        ),
    ),
)
