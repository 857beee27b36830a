"""What is measured of the answers to the exercises of chapter 7, pretraining and fine-tuning."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from embgan_edu.checks.engine import Exercise, Part, Probe
from embgan_edu.checks.inputs import normal, seeded, weights_of

FOLDS, FEATURES, CONSTANT = 5, 4, 0


# --- ex07-1: units of two corpora, and of a fold -------------------------------------------------


def _signs(rng: np.random.Generator, rows: int) -> np.ndarray:
    """As many 1 as -1 in every column, so that the rows have mean 0 and standard deviation 1."""
    return rng.permuted(np.tile([[-1.0], [1.0]], (rows // 2, FEATURES)), axis=0)


@dataclass
class _Fold:
    """Two corpora that are made from the numbers that should come out."""

    seed: int
    constant: float | None = None

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.k = self.seed % FOLDS
        self.tweets, self.fit = _signs(rng, 16), _signs(rng, 12)
        # The voters lie off the center, and are narrow: it shows who had a say in the units.
        self.vote = rng.uniform(1, 2, (3, FEATURES))
        self.centers = rng.uniform(2, 3, (2, FEATURES)) * [[1.0], [-1.0]]
        self.spreads = rng.uniform(0.5, 1, (2, FEATURES)) * [[4.0], [1.0]]

    def come_out(self, answer: Callable[..., Any]) -> list[np.ndarray]:
        votes = np.arange(len(self.fit) + len(self.vote)) % FOLDS == self.k
        reviews = np.empty((len(votes), FEATURES))
        reviews[votes], reviews[~votes] = self.vote, self.fit
        tweets, reviews = (
            center + spread * rows
            for center, spread, rows in zip(
                self.centers, self.spreads, (self.tweets, reviews), strict=True
            )
        )
        if self.constant is not None:
            tweets[:, CONSTANT] = reviews[:, CONSTANT] = self.constant
        found_tweets, found_fit, found_vote = answer(tweets, reviews, self.k)
        return [np.asarray(found, dtype=float) for found in (found_tweets, found_fit, found_vote)]


def _without_variance(answer: Callable[..., Any], seed: int) -> list[np.ndarray]:
    # A whole number, so that its mean has no rounding error.
    found = _Fold(seed, constant=float(3 + seed % 4)).come_out(answer)
    return [rows[:, CONSTANT] for rows in found]


UNITS = (
    Part(
        "the tweets are in their own units",
        lambda answer, seed: _Fold(seed).come_out(answer)[0],
        "Whose mean and standard deviation does a tweet get? The reviews have no say in the units "
        "of the tweets.",
        "The mean and the standard deviation of all tweets, feature by feature (axis=0), divided "
        "by the number of rows.",
        points=2,
        expected=lambda seed: _Fold(seed).tweets,
    ),
    Part(
        "the four fifths have mean 0 and standard deviation 1",
        lambda answer, seed: _Fold(seed).come_out(answer)[1],
        "Cut first, then compute the units. Did the voting fifth have a say in them?",
        "Row i votes where i % 5 == k. The other rows keep their order.",
        expected=lambda seed: _Fold(seed).fit,
    ),
    Part(
        "the voting fifth is in the units of the four fifths",
        lambda answer, seed: _Fold(seed).come_out(answer)[2],
        "The voting rows stand for reviews that nobody has seen: they set no units, not even "
        "their own.",
        "Use the mean and the standard deviation of the four fifths once more.",
        points=2,
        expected=lambda seed: _Fold(seed).vote,
    ),
    Part(
        "a feature that does not vary is only centered",
        _without_variance,
        "A standard deviation of 0 cannot divide anything.",
        "Put 1 in its place, with np.where.",
        expected=[np.zeros(16), np.zeros(12), np.zeros(3)],
    ),
)

# --- ex07-2: a warm start ------------------------------------------------------------------------

LATENT, DIM, ROWS = 3, 4, 7


def _new_generator() -> nn.Module:
    return nn.Sequential(
        nn.Linear(LATENT, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, DIM), nn.BatchNorm1d(DIM)
    )


def _new_discriminator() -> nn.Module:
    return nn.Sequential(nn.Linear(DIM, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))


class _Started:
    """Old networks, and what the answer made of them."""

    def __init__(self, answer: Callable[..., Any], seed: int, frozen: bool = False) -> None:
        self.rate = 0.01 * (1 + seed % 3)
        with seeded(seed + 1):
            self.G, self.D = _new_generator(), _new_discriminator()
            with torch.no_grad():  # gives the running averages something to remember
                for _ in range(5):
                    self.G(2 + 3 * torch.randn(20, LATENT))
        if frozen:
            for network in (self.G, self.D):
                network.eval().requires_grad_(False)
        made = answer(self.G, self.D, _new_generator, _new_discriminator, self.rate)
        self.new_G, self.new_D, self.G_optimizer, self.D_optimizer = made
        self.z, self.x = normal(seed + 2, ROWS, LATENT), normal(seed + 3, ROWS, DIM)


def _generators_differ(training: bool) -> Probe:
    """A probe: how the generators differ. In training they do not look at running averages."""

    def probe(answer: Callable[..., Any], seed: int) -> Tensor:
        s = _Started(answer, seed)
        difference: Tensor = s.new_G.train(training)(s.z) - s.G.train(training)(s.z)
        return difference

    return probe


def _discriminators_differ(answer: Callable[..., Any], seed: int) -> Tensor:
    s = _Started(answer, seed)
    difference: Tensor = s.new_D(s.x) - s.D(s.x)
    return difference


def _tied(answer: Callable[..., Any], seed: int) -> dict[str, bool]:
    """Change the new networks by hand, and see what becomes of the old ones."""
    s = _Started(answer, seed)

    def state(*networks: nn.Module) -> Tensor:
        tensors = [entry for network in networks for entry in network.state_dict().values()]
        return torch.cat([tensor.detach().float().flatten() for tensor in tensors])

    old, new = state(s.G, s.D).clone(), state(s.new_G, s.new_D).clone()
    with torch.no_grad():
        for network in (s.new_G, s.new_D):
            for parameter in network.parameters():
                parameter.add_(1)
        s.new_G.train()(s.z)
    return {
        "new networks changed": not torch.equal(state(s.new_G, s.new_D), new),
        "old networks changed": not torch.equal(state(s.G, s.D), old),
    }


def _moves(answer: Callable[..., Any], seed: int) -> dict[str, Tensor]:
    """How far one step of each optimizer moves each new network, in learning rates."""
    s = _Started(answer, seed)
    networks = (s.new_G, s.new_D)
    found = {}
    for name, optimizer in (("G", s.G_optimizer), ("D", s.D_optimizer)):
        before = [weights_of(network) for network in networks]
        for network in networks:
            for parameter in network.parameters():
                # Not 1: plain gradient descent would then look like Adam.
                parameter.grad = torch.full_like(parameter, 5.0)
        optimizer.step()
        moved = [
            (weights_of(network) - old).abs().mean()
            for network, old in zip(networks, before, strict=True)
        ]
        found[f"{name}'s optimizer moves G, D"] = torch.stack(moved) / s.rate
    return found


def _ready(answer: Callable[..., Any], seed: int) -> dict[str, bool]:
    s = _Started(answer, seed, frozen=True)

    def trainable(*networks: nn.Module) -> bool:
        return all(p.requires_grad for n in networks for p in n.parameters())

    return {
        "new networks in training mode": s.new_G.training and s.new_D.training,
        "new networks want gradients": trainable(s.new_G, s.new_D),
        "old networks thawed": trainable(s.G) or trainable(s.D),
    }


WARM_START = (
    Part(
        "the new generator has the old weights",
        _generators_differ(training=True),
        "The new generator still has random weights, or some of them.",
        expected=torch.zeros(ROWS, DIM),
    ),
    Part(
        "the new discriminator has the old weights",
        _discriminators_differ,
        "A fresh discriminator is the usual mistake: its first verdicts would push a good "
        "generator anywhere.",
        "Copy both networks.",
        expected=torch.zeros(ROWS),
    ),
    Part(
        "the running averages come along",
        _generators_differ(training=False),
        "parameters() leaves out the running averages of batch normalization.",
        "state_dict() has them.",
        expected=torch.zeros(ROWS, DIM),
    ),
    Part(
        "a change of the new networks does not change the old ones",
        _tied,
        "Old and new share their memory: a second name for a network, or for its tensors, is not "
        "a copy.",
        "Assigning p.data = q.data makes two parameters look at one tensor.",
        "load_state_dict copies the numbers; so does copy.deepcopy of a network.",
        points=2,
        expected={"new networks changed": True, "old networks changed": False},
    ),
    Part(
        "each optimizer moves its own new network, as Adam does",
        _moves,
        "Whose parameters does each optimizer hold? An optimizer that was made for the old "
        "networks never moves the new ones.",
        "Make the new networks first, then torch.optim.Adam(new.parameters(), lr=rate) for each "
        "of the two.",
        points=2,
        expected={
            "G's optimizer moves G, D": torch.tensor([1.0, 0.0]),
            "D's optimizer moves G, D": torch.tensor([0.0, 1.0]),
        },
        rtol=0.01,
        atol=1e-3,
    ),
    Part(
        "ready to train, also after frozen networks",
        _ready,
        "deepcopy also copies that a network is frozen, and in evaluation mode.",
        "Call train() and requires_grad_(True) on the new networks, and on them only.",
        expected={
            "new networks in training mode": True,
            "new networks want gradients": True,
            "old networks thawed": False,
        },
    ),
)

# --- ex07-3: an honest number of steps -----------------------------------------------------------

TRAIN, TEST = 20, 40


@dataclass
class _Trainer:
    """Stands for fine-tuning: the gains follow from which rows train and which vote.

    Args:
        seed: Of the rows and the numbers of steps.
        test_best: Position of the number of steps at which the test rows' gain is highest.
    """

    seed: int
    test_best: int
    calls: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        order = rng.permutation(TRAIN + TEST)
        self.train, self.test = order[:TRAIN], order[TRAIN:]
        self.moments = np.cumsum(rng.integers(5, 40, size=5))
        self.best = self.inside_best(self.seed)
        places = np.arange(5)
        self.table = np.empty((TRAIN + TEST, 5))
        self.table[self.train] = 2 - abs(places - self.best)
        # Rows differ by less than would change the choice.
        self.table[self.train] += rng.uniform(-0.2, 0.2, (TRAIN, 5))
        # Not symmetric, so that every wrong choice shows in the gain that is reported.
        self.table[self.test] = 2.5 - abs(places - self.test_best) + 0.3 * places

    @staticmethod
    def inside_best(seed: int) -> int:
        return 1 + seed % 2

    def gain(self, fit: Any, vote: Any) -> np.ndarray:
        fit, vote = (np.asarray(rows, dtype=int).ravel() for rows in (fit, vote))
        self.calls[tuple(sorted(fit.tolist())), tuple(sorted(vote.tolist()))] = None
        # Rows that train know their own labels by heart, the more so the longer it takes.
        by_heart = 8 * np.isin(vote, fit).mean() * np.arange(5)
        shorter = 0.1 * (TRAIN - len(set(fit.tolist())))
        curve: np.ndarray = self.table[vote].mean(axis=0) + by_heart - shorter
        return curve

    def folds(self) -> list[tuple[set[int], set[int]]]:
        """Calls in which training rows vote."""
        test = set(self.test.tolist())
        return [(set(fit), set(vote)) for fit, vote in self.calls if not test & set(vote)]

    def played(self, answer: Callable[..., Any]) -> tuple[float, float]:
        found, gain = answer(self.train.copy(), self.test.copy(), self.moments.copy(), self.gain)
        return float(found), float(gain)


# Where the test rows' gain is highest, in the parts that do not want it where the others' is.
LATER = 3


def _votes(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
    trainer = _Trainer(seed, LATER)
    trainer.played(answer)
    votes = sorted(row for _, vote in trainer.folds() for row in vote)
    return {"folds": len(trainer.folds()), "rows that vote": np.array(votes)}


def _overlaps(answer: Callable[..., Any], seed: int) -> dict[str, Any]:
    trainer = _Trainer(seed, LATER)
    trainer.played(answer)
    everyone = set(trainer.train.tolist())
    return {
        "training rows voted": bool(trainer.folds()),
        "votes on networks that know the row": sum(len(f & v) for f, v in trainer.folds()),
        "rows that neither train nor vote": sum(len(everyone - f - v) for f, v in trainer.folds()),
    }


def _moment(seed: int) -> float:
    trainer = _Trainer(seed, LATER)
    return float(trainer.moments[trainer.best])


def _test_gain(seed: int) -> float:
    trainer = _Trainer(seed, LATER)
    return float(trainer.table[trainer.test, trainer.best].mean())


HONEST_STEPS = (
    Part(
        "five folds, in which every training row votes once",
        _votes,
        "Five calls of gain, with another fifth of the training rows as voters in each: does "
        "every row get its turn?",
        "gain takes row numbers out of train, not positions in train.",
        "np.array_split(train, 5) gives the fifths.",
        expected=lambda seed: {"folds": 5, "rows that vote": np.sort(_Trainer(seed, LATER).train)},
    ),
    Part(
        "voters do not train, and all others do",
        _overlaps,
        "Do the folds overlap? Rows that vote on a network that was trained on them have learned "
        "their own labels by heart.",
        "np.setdiff1d(train, vote) is what trains.",
        points=2,
        expected={
            "training rows voted": True,
            "votes on networks that know the row": 0,
            "rows that neither train nor vote": 0,
        },
    ),
    Part(
        "returns the number of steps with the highest mean gain",
        lambda answer, seed: _Trainer(seed, _Trainer.inside_best(seed)).played(answer)[0],
        "Take the mean over the folds first, then the largest; return the number of steps, not "
        "its position.",
        "Votes on rows that trained prefer the longest training.",
        expected=_moment,
    ),
    Part(
        "the test rows have no say in the number of steps",
        lambda answer, seed: [_Trainer(seed, place).played(answer)[0] for place in (0, LATER)],
        "The number changes with the test rows' gain. Was it chosen on test rows?",
        "Choose before the first call of gain that names the test rows.",
        points=2,
        expected=lambda seed: [_moment(seed)] * 2,
    ),
    Part(
        "reports the test gain at that number, after training on all training rows",
        lambda answer, seed: _Trainer(seed, LATER).played(answer)[1],
        "One more call of gain: all training rows train, the test rows vote. Read it at the "
        "number that you chose.",
        "Not the largest test gain, and not the gain inside the folds.",
        points=2,
        expected=_test_gain,
    ),
)

# --- ex07-4: two votes, no generator -------------------------------------------------------------


class _Bayes:
    """Texts of a few labels whose densities are known, and so what every share makes of them."""

    def __init__(self, seed: int, labels: int = 2, same: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.density, self.other = rng.uniform(0.05, 1, size=(2, 12, labels))
        counts = rng.permutation(np.arange(labels) * 5 + 3)
        self.trained_on = rng.permutation(np.repeat(np.arange(labels), counts))
        self.used_on = rng.permutation(np.repeat(np.arange(labels), counts[::-1] + 2))
        if same:
            self.used_on = rng.permutation(np.tile(self.trained_on, 3))
        self.before, self.after = (
            np.bincount(labeled) / len(labeled) for labeled in (self.trained_on, self.used_on)
        )
        # Logits are known up to a number for each row.
        self.row = rng.normal(size=(12, 1))

    def found(self, answer: Callable[..., Any]) -> list[np.ndarray]:
        judge = np.log(self.before * self.density) + self.row
        own = np.log(self.after * self.other) - self.row
        found = answer(judge, own, self.trained_on.copy(), self.used_on.copy())
        return [np.asarray(each, dtype=float) for each in found]

    def expected(self) -> list[np.ndarray]:
        joint = [self.after * density for density in (self.density, self.other)]
        corrected, own = (each / each.sum(axis=1, keepdims=True) for each in joint)
        return [corrected, (corrected + own) / 2]


TAKEN_BACK = (
    Part(
        "the corrected judge is Bayes' rule with the other shares",
        lambda answer, seed: _Bayes(seed).found(answer)[0],
        "A label that was frequent in training must lose, one that is frequent in use must gain.",
        "Add log(share in use) - log(share in training) to the judge's logits, then softmax.",
        points=2,
        expected=lambda seed: _Bayes(seed).expected()[0],
    ),
    Part(
        "nothing changes where the shares are the same",
        lambda answer, seed: _Bayes(seed, same=True).found(answer)[0],
        "Count shares, not rows: a sample may be longer than another.",
        expected=lambda seed: _Bayes(seed, same=True).expected()[0],
    ),
    Part(
        "the mean is one of probabilities",
        lambda answer, seed: _Bayes(seed).found(answer)[1],
        "Logits of two networks have no common zero. Softmax each, then take the mean.",
        "The classifier of the reviews needs no correction: its shares are those in use.",
        points=2,
        expected=lambda seed: _Bayes(seed).expected()[1],
    ),
    Part(
        "three labels",
        lambda answer, seed: _Bayes(seed, labels=3).found(answer),
        "One number for each label, not one for positive and its negative for the rest.",
        expected=lambda seed: _Bayes(seed, labels=3).expected(),
    ),
)

EXERCISES = (
    Exercise("ex07-1", "Units without the voters", "write", "routine", 15, UNITS),
    Exercise(
        "ex07-2", "A warm start that leaves the old GAN alone", "write", "standard", 20, WARM_START
    ),
    Exercise("ex07-3", "An honest number of steps", "write", "open", 30, HONEST_STEPS),
    Exercise("ex07-4", "Two votes, no generator", "write", "standard", 20, TAKEN_BACK),
)
