"""What is measured of the answers to the exercises of chapter 4, a GAN from scratch."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from embgan_edu.checks.engine import Exercise, Part, Probe, entry
from embgan_edu.checks.inputs import (
    ConditionalNetwork,
    has_gradient,
    labels_in_turn,
    normal,
    picked,
    weights_of,
)

LATENT, DIM, LABELS, ROWS = 3, 4, 2, 6


# --- ex04-1: the discriminator's loss ------------------------------------------------------------


def _loss_of_many_rows(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # Twice the same rows: a mean stays, a sum doubles.
    real, fake = torch.zeros(5), torch.zeros(5)
    return torch.stack([loss(real, fake), loss(real.repeat(2), fake.repeat(2))])


LOSS = (
    Part(
        "a 0-dimensional tensor, with the value of the formula",
        lambda loss, seed: loss(normal(seed, 9), normal(seed + 1, 9) - 1),
        "Which of the two terms wants a large logit, and which a small one? Are the targets "
        "swapped?",
        "1 - sigmoid(l) is sigmoid(-l).",
        "Both terms are means of a logsigmoid, with a minus sign in front.",
        points=2,
        like=torch.tensor(1.0),
    ),
    Part(
        "2 log 2 when the discriminator knows nothing, for any number of rows",
        _loss_of_many_rows,
        "The formula has expectations: a mean over rows, not a sum.",
        "Both halves count fully: add them, do not take their mean.",
        points=2,
        expected=torch.full((2,), 1.3862944),
    ),
    Part(
        "finite for a discriminator that is sure, and wrong",
        lambda loss, seed: loss(torch.full((4,), -200.0), torch.full((4,), 200.0)),
        "The logarithm of a sigmoid that was rounded to zero is minus infinity.",
        "Never take log(sigmoid(l)) in two steps.",
        "F.logsigmoid does it in one.",
        expected=torch.tensor(400.0),
    ),
)

# --- ex04-2: one step of the discriminator -------------------------------------------------------


def loss_of(real: Tensor, fake: Tensor) -> Tensor:
    """The loss that the step is given: quadratic, so that nobody can do without it."""
    return (real - 1).square().mean() + fake.square().mean()


def _players(seed: int) -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
    """A generator, a discriminator, and the optimizer of the discriminator."""
    D = ConditionalNetwork(DIM, 1, LABELS, seed + 1)
    optimizer = torch.optim.SGD(D.parameters(), lr=0.1)
    return ConditionalNetwork(LATENT, DIM, LABELS, seed), D, optimizer


def _batch(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Real rows, one-hot labels, and latents."""
    return normal(seed + 2, ROWS, DIM), labels_in_turn(ROWS, LABELS), normal(seed + 3, ROWS, LATENT)


def _after_a_step(step: Callable[..., Any], seed: int, earlier: bool = False) -> dict[str, Any]:
    """Play one discriminator's step, and tell what it returned and what it moved."""
    G, D, optimizer = _players(seed)
    real, onehot, z = _batch(seed)
    old = [weights_of(network) for network in (G, D)]
    if earlier:  # what the generator's half of the last step leaves behind
        D(G(z, onehot), onehot).sum().backward()
        G.zero_grad()
    return {
        "loss": step(G, D, optimizer, loss_of, real, onehot, z),
        "weights of D": weights_of(D),
        "D has moved": not torch.equal(weights_of(D), old[1]),
        "G has moved": not torch.equal(weights_of(G), old[0]),
        "gradient in G": has_gradient(G),
    }


def _trace_of_earlier_gradients(step: Callable[..., Any], seed: int) -> list[Any]:
    clean, after = (_after_a_step(step, seed, earlier=earlier) for earlier in (False, True))
    return [after["weights of D"] - clean["weights of D"], clean["D has moved"]]


STEP = (
    Part(
        "returns the loss before the update",
        lambda step, seed: _after_a_step(step, seed)["loss"],
        "Return the loss as a number: loss.item().",
    ),
    Part(
        "moves the discriminator down the slope of that loss",
        lambda step, seed: _after_a_step(step, seed)["weights of D"],
        "Three calls, in this order: zero_grad, backward, step.",
        "The loss takes the real rows' logits first, then the fake rows'.",
        points=2,
        like=torch.zeros(65),
    ),
    Part(
        "starts from clean gradients",
        _trace_of_earlier_gradients,
        "The generator's half has left gradients in D. Who clears them?",
        expected=[torch.zeros(65), True],
    ),
    Part(
        "sends no gradient to the generator",
        lambda step, seed: picked(_after_a_step(step, seed), "D has moved", "gradient in G"),
        "After backward(), the generator's parameters hold gradients. Look for a "
        "missing .detach().",
        "Cut the fake rows off from the generator as soon as they are made.",
        points=2,
        expected={"D has moved": True, "gradient in G": False},
    ),
    Part(
        "moves the discriminator, and leaves the generator where it is",
        lambda step, seed: picked(_after_a_step(step, seed), "D has moved", "G has moved"),
        "Only the discriminator's parameters may change in this half.",
        expected={"D has moved": True, "G has moved": False},
    ),
)

# --- ex04-3: a test for the missing detach -------------------------------------------------------


def _step(*, detach: bool, clear_all: bool = False) -> Callable[..., None]:
    """A discriminator's step, with or without the mistake."""

    def step(
        G: nn.Module, D: nn.Module, optimizer: Any, real: Tensor, onehot: Tensor, z: Tensor
    ) -> None:
        with torch.set_grad_enabled(not detach):
            fake = G(z, onehot)
        loss = -F.logsigmoid(D(real, onehot)).mean() - F.logsigmoid(-D(fake, onehot)).mean()
        for network in (G, D) if clear_all else (D,):
            network.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _verdicts(*steps: Callable[..., None], stale: bool = False) -> Probe:
    """A probe: what the answer says of some steps."""

    def verdict(leaks: Callable[..., Any], step: Callable[..., None], seed: int) -> Any:
        G, D, optimizer = _players(seed)
        real, onehot, z = _batch(seed)
        if stale:  # the generator still holds the gradients of its own last update
            D(G(z, onehot), onehot).sum().backward()
        return leaks(step, G, D, optimizer, real, onehot, z)

    return lambda leaks, seed: [verdict(leaks, step, seed) for step in steps]


RIGHT, LEAKING = _step(detach=True), _step(detach=False)

DETACH_TEST = (
    Part(
        "tells a right step from one without detach",
        _verdicts(RIGHT, LEAKING),
        "Run the step, then look at the gradients of G's parameters.",
        "Parameters that never got a gradient have grad None.",
        points=3,
        expected=[False, True],
    ),
    Part(
        "no false alarm when G holds gradients of its own",
        _verdicts(RIGHT, LEAKING, stale=True),
        "Gradients from the generator's last update are no leak. Do you only look whether there "
        "are any?",
        "Compare before and after, or clear them yourself before the step.",
        points=2,
        expected=[False, True],
    ),
    Part(
        "finds a leaking step that clears all gradients first",
        _verdicts(_step(detach=False, clear_all=True), RIGHT),
        "After this step G holds only the leak. Is it enough that they are not None?",
        points=2,
        expected=[True, False],
    ),
)


# --- ex04-4: what a sure discriminator teaches ---------------------------------------------------

SATURATION = (
    Part(
        "how much steeper the non-saturating loss is at a logit of -3",
        entry("ratio"),
        "Divide the sizes of the two slopes; the chapter does it for a logit of -4.",
        "(1 - sigmoid(l)) / sigmoid(l) is exp(-l).",
        points=2,
        rtol=0.01,
    ),
    Part(
        "where both losses are equally steep",
        entry("equal at"),
        "Set the two slopes equal and solve for the logit.",
        atol=1e-3,
    ),
    Part(
        "what a flat loss does to the generator",
        entry("generator"),
        "A step is the learning rate times the slope.",
        options=("learns faster", "stands still", "collapses to one label"),
    ),
    Part(
        "what the discriminator learns of the change",
        entry("discriminator"),
        "Whose loss did we exchange?",
        options=("its loss changes as well", "its loss stays the same"),
    ),
)

EXERCISES = (
    Exercise("ex04-1", "The discriminator's loss", "write", "routine", 15, LOSS),
    Exercise("ex04-2", "The discriminator's half of a step", "write", "standard", 20, STEP),
    Exercise("ex04-3", "A test that finds the missing detach", "write", "open", 25, DETACH_TEST),
    Exercise("ex04-4", "What a sure discriminator teaches", "predict", "routine", 10, SATURATION),
)
