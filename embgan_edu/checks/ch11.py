"""What is measured of the answers to the exercises of chapter 11, newer GANs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from embgan_edu.checks.engine import Exercise, Part, Probe, entry
from embgan_edu.checks.inputs import normal, one_hot, uniform

LOG_4 = 1.3862944


# --- ex11-1: the relativistic average loss -------------------------------------------------------


def _loss_of_random_logits(player: int) -> Probe:
    return lambda losses, seed: losses(normal(seed, 9) + 1, normal(seed + 1, 7) - 1)[player]


def _losses_of_equal_logits(losses: Callable[..., Any], seed: int) -> list[float]:
    # A loss of differences does not see how high the logits are.
    heights = (uniform(seed, 1, 3), -uniform(seed + 1, 1, 3))
    found = [losses(torch.full((5,), h), torch.full((3,), h)) for h in heights]
    return [float(loss) for pair in found for loss in pair]


def _losses_of_sure_logits(losses: Callable[..., Any], seed: int) -> list[float]:
    height = uniform(seed, 150, 250)
    real, fake = torch.full((4,), height - 400), torch.full((6,), height)
    return [float(loss) for loss in losses(real, fake)]


def _gradients_at_equal_logits(losses: Callable[..., Any], seed: int) -> list[Tensor]:
    height = uniform(seed, -2, 2)
    real = torch.full((5,), height, requires_grad=True)
    fake = torch.full((3,), height, requires_grad=True)
    of_discriminator, of_generator = losses(real, fake)
    (to_real,) = torch.autograd.grad(of_discriminator, real, retain_graph=True)
    (to_fake,) = torch.autograd.grad(of_generator, fake)
    return [to_real, to_fake]


RELATIVISTIC_LOSS = (
    Part(
        "the discriminator's loss, a 0-dimensional tensor",
        _loss_of_random_logits(0),
        "Each real logit is compared with the mean of the fake ones, and each fake logit with the "
        "mean of the real ones. Is a mean taken too early?",
        "First the difference, then the logarithm, then the mean over rows.",
        "-log sigmoid(t) is softplus(-t).",
        points=2,
        like=torch.tensor(1.0),
    ),
    Part(
        "the generator's loss, a 0-dimensional tensor",
        _loss_of_random_logits(1),
        "The generator wants the opposite of both comparisons, not the opposite sign.",
        "Exchange real and fake in the discriminator's loss.",
        points=2,
        like=torch.tensor(1.0),
    ),
    Part(
        "2 log 2 for both when all logits are equal, however high they are",
        _losses_of_equal_logits,
        "Only differences count. Does every logit meet a mean of the other side?",
        "Both terms count fully: add them, do not take their mean.",
        expected=[LOG_4] * 4,
    ),
    Part(
        "finite for a discriminator that is sure, and wrong",
        _losses_of_sure_logits,
        "The logarithm of a sigmoid that was rounded to zero is minus infinity.",
        "F.logsigmoid or F.softplus take the logarithm in one step.",
        expected=[800.0, 0.0],
    ),
    Part(
        "gradients also through the means",
        _gradients_at_equal_logits,
        "Half of the gradient is missing where a mean is detached or turned into a number.",
        "The means are parts of the loss: no .detach(), no .item().",
        expected=[torch.full((5,), -1 / 5), torch.full((3,), -1 / 3)],
    ),
)

# --- ex11-2: a penalty around the real rows ------------------------------------------------------


class Bent(nn.Module):
    """A discriminator with a known slope: that of a label, plus ``bend`` times the row."""

    def __init__(self, slopes: Tensor, bend: float = 0.0) -> None:
        super().__init__()
        self.slopes = nn.Parameter(slopes)
        self.bend = bend

    def forward(self, x: Tensor, onehot: Tensor) -> Tensor:
        return (x * (onehot @ self.slopes)).sum(dim=1) + self.bend / 2 * x.square().sum(dim=1)


def _lengths(seed: int) -> Tensor:
    return torch.tensor([[uniform(seed, 1.8, 2.4)], [uniform(seed + 1, 4, 6)]])


def _slopes(seed: int) -> Tensor:
    """One slope for each of two labels, both longer than 1."""
    return F.normalize(normal(seed, 2, 4), dim=1) * _lengths(seed)


def _penalty_of(penalty: Callable[..., Any], D: nn.Module, seed: int) -> Any:
    onehot = one_hot(torch.tensor([0, 1, 1, 0, 1, 1]), 2)
    return penalty(D, normal(seed + 1, 6, 4), onehot, 0.5 * normal(seed + 2, 6, 4))


def _expected_of_bowl(seed: int) -> Tensor:
    # The slope of a bowl is its bend times the place.
    place = normal(seed + 1, 6, 4) + 0.5 * normal(seed + 2, 6, 4)
    return (3.0 * place.norm(dim=1) - 1).square().mean()


def _pull_of_penalty(penalty: Callable[..., Any], seed: int) -> Tensor:
    D = Bent(_slopes(seed))
    found = _penalty_of(penalty, D, seed)
    D.zero_grad()  # what the answer itself has left there is another part
    if found.requires_grad:
        found.backward()
    return torch.zeros(2, 4) if D.slopes.grad is None else D.slopes.grad


def _expected_pull(seed: int) -> Tensor:
    # Of a label with k of 6 rows and a slope w: k / 6 * 2 (|w| - 1) w / |w|.
    share, length = torch.tensor([[2 / 6], [4 / 6]]), _lengths(seed)
    return share * 2 * (length - 1) * _slopes(seed) / length


def _expected_penalty(seed: int) -> Tensor:
    return (torch.tensor([[2 / 6], [4 / 6]]) * (_lengths(seed) - 1).square()).sum()


def _traces_of_penalty(penalty: Callable[..., Any], seed: int) -> dict[str, bool]:
    D = Bent(_slopes(seed))
    found = _penalty_of(penalty, D, seed)
    return {"penalty above 0": bool(found > 0), "gradient in D": D.slopes.grad is not None}


PENALTY = (
    Part(
        "right for a discriminator with one slope for each label",
        lambda penalty, seed: _penalty_of(penalty, Bent(_slopes(seed)), seed),
        "One slope for every row, then its length, minus the target, squared. Which of these did "
        "you mix up?",
        "The target is 1, as for WGAN-GP, not 0. The mean over rows comes last.",
        "slope.norm(dim=1), not slope.norm().",
        points=2,
        expected=_expected_penalty,
    ),
    Part(
        "looks around the real rows",
        lambda penalty, seed: _penalty_of(penalty, Bent(torch.zeros(2, 4), bend=3.0), seed),
        "The slope of this discriminator differs from place to place. Do you look at the real "
        "rows themselves?",
        "Add the noise to the rows, and take the gradient there.",
        points=2,
        expected=_expected_of_bowl,
    ),
    Part(
        "pulls the discriminator's weights",
        _pull_of_penalty,
        "The penalty is a constant for the weights. The usual mistake is a missing "
        "create_graph=True.",
        "Nothing between the logits and the penalty may be detached.",
        points=2,
        expected=_expected_pull,
    ),
    Part(
        "leaves no gradient in the weights before backward()",
        _traces_of_penalty,
        "backward() puts gradients into every weight, and the next step would use them. Which "
        "function returns a gradient and leaves the weights alone?",
        "torch.autograd.grad(logits.sum(), x, ...).",
        expected={"penalty above 0": True, "gradient in D": False},
    ),
)


# --- ex11-3: five moving averages ----------------------------------------------------------------

VARIANTS = (
    "right",
    "never moves",
    "shares the network's weights",
    "forgets the running averages",
    "follows almost at once",
)
TRY = "Try it: take some steps, and print a weight and a running mean of both networks."


def _variant(name: str, hint: str) -> Part:
    return Part(f"what variant {name} does", entry(name), hint, TRY, options=VARIANTS)


MOVING_AVERAGES = (
    _variant("A", "Which weights does the line with decay write to, and for how long?"),
    _variant("B", "Batch normalization keeps numbers that are no parameters."),
    _variant("C", "Put decay = 0.999 in: what share does the new weight get?"),
    _variant("D", "What does copy.copy copy, and what do both copies share?"),
    _variant("E", "What does it do with parameters, with running averages, with counters?"),
    Part(
        "when the start is forgotten",
        entry("steps"),
        "After n steps the starting weights have the share d to the power n.",
        "Solve 0.995**n = 0.01 for n.",
        rtol=0.006,
    ),
)

# --- ex11-4: a vote on the weight ----------------------------------------------------------------

FOLDS, ROWS, SYNTHETIC = 4, 80, 120
FIRST_SYNTHETIC = 1000  # numbers of real rows are smaller


@dataclass
class Spy:
    """Real rows with numbers, a generator and a classifier; both write down what they are given.

    The classifier gets the easy rows right. How many are easy depends only on how much its
    synthetic rows count.
    """

    seed: int
    generator_saw: set[tuple[int, ...]] = field(default_factory=set)
    classifier_saw: set[tuple[int, ...]] = field(default_factory=set)
    judged: set[tuple[int, ...]] = field(default_factory=set)
    shares: set[float] = field(default_factory=set)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.fold = rng.permutation(np.arange(ROWS) % FOLDS)
        self.y = rng.permutation(np.arange(ROWS) % 2)
        difficulty = (rng.permutation(ROWS) + 0.5) / ROWS
        self.X = np.stack([np.arange(ROWS, dtype=float), difficulty], axis=1)
        self.weights = (0.0, *(round(w, 3) for w in rng.uniform([0.2, 0.8, 2.5], [0.3, 1.2, 3.5])))

    def generate(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        self._check_labels(X, y)
        self.generator_saw.add(_numbers(X))
        numbers = FIRST_SYNTHETIC + np.arange(SYNTHETIC)
        # Never easy: whoever judges on synthetic rows gets another accuracy.
        return np.stack([numbers, np.full(SYNTHETIC, 2.0)], axis=1), numbers % 2

    def fit(self, X: Any, y: Any, row_weights: Any) -> Callable[[Any], np.ndarray]:
        numbers, amount = np.array(_numbers(X, in_order=True)), np.asarray(row_weights, float)
        self._check_labels(X, y)
        if len(numbers) != len(amount):
            raise ValueError("fit needs one weight for each row")
        synthetic = numbers >= FIRST_SYNTHETIC
        share = float(amount[synthetic].sum() / amount[~synthetic].sum())
        self.classifier_saw.add(tuple(sorted(set(numbers[~synthetic].tolist()))))
        self.shares.add(round(share, 4))

        def predict(X: Any) -> np.ndarray:
            self.judged.add(_numbers(X))
            truth = self._labels(X)
            easy = np.asarray(X)[:, 1] < 0.9 - 0.5 * share / (1 + share)
            return np.where(easy, truth, 1 - truth)

        return predict

    def _labels(self, X: Any) -> np.ndarray:
        numbers = np.array(_numbers(X, in_order=True))
        return np.where(numbers < ROWS, self.y[numbers % ROWS], numbers % 2)

    def _check_labels(self, X: Any, y: Any) -> None:
        if not np.array_equal(self._labels(X), np.asarray(y)):
            raise ValueError("these labels do not belong to these rows")


def _numbers(X: Any, in_order: bool = False) -> tuple[int, ...]:
    numbers = [int(number) for number in np.rint(np.asarray(X)[:, 0])]
    return tuple(numbers if in_order else sorted(numbers))


def _vote(vote: Callable[..., Any], seed: int) -> tuple[Any, Spy]:
    spy = Spy(seed)
    found = vote(spy.X, spy.y, spy.fold, spy.weights, spy.generate, spy.fit)
    return found, spy


def _listed(found: Iterable[tuple[int, ...]]) -> list[list[int]]:
    return sorted(list(numbers) for numbers in found)


def _folds(seed: int, inside: bool) -> list[list[int]]:
    fold = Spy(seed).fold
    return _listed(tuple(np.flatnonzero((fold == k) == inside).tolist()) for k in range(FOLDS))


WEIGHT_VOTE = (
    Part(
        "the mean accuracy of every weight",
        lambda vote, seed: np.asarray(_vote(vote, seed)[0]),
        "One number for each weight: the mean over the folds. In this exercise the accuracy "
        "depends only on the rows that you judge, and on how much the synthetic rows count.",
        "Accuracy is a share of right labels, between 0 and 1.",
        points=2,
        like=np.zeros(4),
    ),
    Part(
        "the generator sees the other folds alone",
        lambda vote, seed: _listed(_vote(vote, seed)[1].generator_saw),
        "The generator saw the rows that the vote is about: a leak. Train it anew in every fold.",
        "generate() must be called inside the loop over folds, on the training part.",
        points=2,
        expected=lambda seed: _folds(seed, inside=False),
    ),
    Part(
        "the classifier sees the other folds and synthetic rows alone",
        lambda vote, seed: _listed(_vote(vote, seed)[1].classifier_saw),
        "The classifier was trained on rows that it is judged on.",
        expected=lambda seed: _folds(seed, inside=False),
    ),
    Part(
        "judges on the fold's own real rows alone",
        lambda vote, seed: _listed(_vote(vote, seed)[1].judged),
        "The vote is about real rows that nobody has seen. Which rows did you predict?",
        "No synthetic row, and none of the training part.",
        points=2,
        expected=lambda seed: _folds(seed, inside=True),
    ),
    Part(
        "the synthetic rows together count w times as much as the real ones together",
        lambda vote, seed: sorted(_vote(vote, seed)[1].shares),
        "Compare the sum of the synthetic rows' weights with that of the real ones. There may be "
        "more of one than of the other.",
        "Real rows 1 each; a synthetic row w times their number, divided by its own.",
        points=2,
        expected=lambda seed: sorted(Spy(seed).weights),
        rtol=1e-3,
    ),
)

EXERCISES = (
    Exercise("ex11-1", "More real than the average", "write", "routine", 20, RELATIVISTIC_LOSS),
    Exercise("ex11-2", "A penalty around the real rows", "write", "standard", 20, PENALTY),
    Exercise("ex11-3", "Five moving averages", "diagnose", "standard", 15, MOVING_AVERAGES),
    Exercise("ex11-4", "A vote on the weight of synthetic rows", "write", "open", 35, WEIGHT_VOTE),
)
