"""What is measured of the answers to the exercises of chapter 4, a GAN from scratch."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from embgan_edu.checks.engine import Exercise, Part
from embgan_edu.checks.inputs import ConditionalNetwork, labels_in_turn, normal, weights_of

LATENT, DIM, LABELS, ROWS = 3, 4, 2, 6


# --- ex04-1: the discriminator's loss ------------------------------------------------------------


def _loss_of_random_logits(loss: Callable[..., Tensor], seed: int) -> Tensor:
    return loss(normal(seed, 9), normal(seed + 1, 9) - 1)


def _loss_of_many_rows(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # Twice the same rows: a mean stays, a sum doubles.
    real, fake = torch.zeros(5), torch.zeros(5)
    return torch.stack([loss(real, fake), loss(real.repeat(2), fake.repeat(2))])


def _loss_of_sure_logits(loss: Callable[..., Tensor], seed: int) -> Tensor:
    return loss(torch.full((4,), -200.0), torch.full((4,), 200.0))


# --- ex04-2: one step of the discriminator -------------------------------------------------------


def loss_of(real: Tensor, fake: Tensor) -> Tensor:
    """The loss that the step is given: quadratic, so that nobody can do without it."""
    return (real - 1).square().mean() + fake.square().mean()


def _after_a_step(step: Callable[..., Any], seed: int, earlier: bool = False) -> dict[str, Any]:
    """Play one discriminator's step, and tell what it returned and what it moved."""
    G = ConditionalNetwork(LATENT, DIM, LABELS, seed)
    D = ConditionalNetwork(DIM, 1, LABELS, seed + 1)
    optimizer = torch.optim.SGD(D.parameters(), lr=0.1)
    real, z = normal(seed + 2, ROWS, DIM), normal(seed + 3, ROWS, LATENT)
    onehot = labels_in_turn(ROWS, LABELS)
    old = [weights_of(network) for network in (G, D)]
    if earlier:  # what the generator's half of the last step leaves behind
        D(G(z, onehot), onehot).sum().backward()
        G.zero_grad()
    return {
        "loss": step(G, D, optimizer, loss_of, real, onehot, z),
        "weights of D": weights_of(D),
        "D has moved": not torch.equal(weights_of(D), old[1]),
        "G has moved": not torch.equal(weights_of(G), old[0]),
        "gradient in G": any(p.grad is not None and p.grad.any() for p in G.parameters()),
    }


def _trace_of_earlier_gradients(step: Callable[..., Any], seed: int) -> list[Any]:
    clean, after = (_after_a_step(step, seed, earlier=earlier) for earlier in (False, True))
    return [after["weights of D"] - clean["weights of D"], clean["D has moved"]]


def _moved(step: Callable[..., Any], seed: int) -> dict[str, bool]:
    found = _after_a_step(step, seed)
    return {name: found[name] for name in ("D has moved", "G has moved")}


def _gradients(step: Callable[..., Any], seed: int) -> dict[str, bool]:
    found = _after_a_step(step, seed)
    return {name: found[name] for name in ("D has moved", "gradient in G")}


# --- ex04-3: a test for the missing detach -------------------------------------------------------


def _loss(G: nn.Module, D: nn.Module, real: Tensor, onehot: Tensor, z: Tensor) -> Tensor:
    fake = G(z, onehot)
    return -F.logsigmoid(D(real, onehot)).mean() - F.logsigmoid(-D(fake, onehot)).mean()


def _right_step(
    G: nn.Module, D: nn.Module, optimizer: Any, real: Tensor, onehot: Tensor, z: Tensor
) -> None:
    with torch.no_grad():
        fake = G(z, onehot)
    loss = -F.logsigmoid(D(real, onehot)).mean() - F.logsigmoid(-D(fake, onehot)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _leaking_step(
    G: nn.Module, D: nn.Module, optimizer: Any, real: Tensor, onehot: Tensor, z: Tensor
) -> None:
    loss = _loss(G, D, real, onehot, z)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _leaking_step_that_clears_first(
    G: nn.Module, D: nn.Module, optimizer: Any, real: Tensor, onehot: Tensor, z: Tensor
) -> None:
    G.zero_grad()
    D.zero_grad()
    _loss(G, D, real, onehot, z).backward()
    optimizer.step()


def _verdicts(
    *steps: Callable[..., None], stale: bool
) -> Callable[[Callable[..., Any], int], list[Any]]:
    """A probe: what the answer says of some steps."""

    def verdict(leaks: Callable[..., Any], step: Callable[..., None], seed: int) -> Any:
        G, D = (
            ConditionalNetwork(LATENT, DIM, LABELS, seed),
            ConditionalNetwork(DIM, 1, LABELS, seed + 1),
        )
        optimizer = torch.optim.SGD(D.parameters(), lr=0.1)
        onehot = labels_in_turn(ROWS, LABELS)
        z = normal(seed + 3, ROWS, LATENT)
        if stale:  # the generator still holds the gradients of its own last update
            D(G(z, onehot), onehot).sum().backward()
        return leaks(step, G, D, optimizer, normal(seed + 2, ROWS, DIM), onehot, z)

    return lambda leaks, seed: [verdict(leaks, step, seed) for step in steps]


EXERCISES = (
    Exercise(
        "ex04-1",
        "The discriminator's loss",
        kind="write",
        level="routine",
        minutes=15,
        parts=(
            Part(
                "a 0-dimensional tensor, with the value of the formula",
                2,
                _loss_of_random_logits,
                like=torch.tensor(1.0),
                hints=(
                    "Which of the two terms wants a large logit, and which a small one? Swapped "
                    "targets are the usual mistake.",
                    "1 - sigmoid(l) is sigmoid(-l).",
                    "Both terms are means of a logsigmoid, with a minus sign in front.",
                ),
            ),
            Part(
                "2 log 2 when the discriminator knows nothing, for any number of rows",
                2,
                _loss_of_many_rows,
                expected=lambda seed: torch.full((2,), 1.3862944),
                hints=(
                    "The formula has expectations: a mean over rows, not a sum.",
                    "Both halves count fully: add them, do not take their mean.",
                ),
            ),
            Part(
                "finite for a discriminator that is sure, and wrong",
                1,
                _loss_of_sure_logits,
                expected=lambda seed: torch.tensor(400.0),
                hints=(
                    "The logarithm of a sigmoid that was rounded to zero is minus infinity.",
                    "Never take log(sigmoid(l)) in two steps.",
                    "F.logsigmoid does it in one.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex04-2",
        "The discriminator's half of a step",
        kind="write",
        level="standard",
        minutes=20,
        parts=(
            Part(
                "returns the loss before the update",
                1,
                lambda step, seed: _after_a_step(step, seed)["loss"],
                like=1.0,
                hints=("Return the loss as a number: loss.item().",),
            ),
            Part(
                "moves the discriminator down the slope of that loss",
                2,
                lambda step, seed: _after_a_step(step, seed)["weights of D"],
                like=torch.zeros(65),
                hints=(
                    "Three calls, in this order: zero_grad, backward, step.",
                    "The loss takes the real rows' logits first, then the fake rows'.",
                ),
            ),
            Part(
                "starts from clean gradients",
                1,
                _trace_of_earlier_gradients,
                expected=lambda seed: [torch.zeros(65), True],
                hints=("The generator's half has left gradients in D. Who clears them?",),
            ),
            Part(
                "sends no gradient to the generator",
                2,
                _gradients,
                expected=lambda seed: {"D has moved": True, "gradient in G": False},
                hints=(
                    "After backward(), the generator's parameters hold gradients. The usual "
                    "mistake is a missing .detach().",
                    "Cut the fake rows off from the generator as soon as they are made.",
                ),
            ),
            Part(
                "moves the discriminator, and leaves the generator where it is",
                1,
                _moved,
                expected=lambda seed: {"D has moved": True, "G has moved": False},
                hints=("Only the discriminator's parameters may change in this half.",),
            ),
        ),
    ),
    Exercise(
        "ex04-3",
        "A test that finds the missing detach",
        kind="write",
        level="open",
        minutes=25,
        parts=(
            Part(
                "tells a right step from one without detach",
                3,
                _verdicts(_right_step, _leaking_step, stale=False),
                expected=lambda seed: [False, True],
                hints=(
                    "Run the step, then look at the gradients of G's parameters.",
                    "Parameters that never got a gradient have grad None.",
                ),
            ),
            Part(
                "no false alarm when G holds gradients of its own",
                2,
                _verdicts(_right_step, _leaking_step, stale=True),
                expected=lambda seed: [False, True],
                hints=(
                    "Gradients from the generator's last update are no leak. Do you only look "
                    "whether there are any?",
                    "Compare before and after, or clear them yourself before the step.",
                ),
            ),
            Part(
                "finds a leaking step that clears all gradients first",
                2,
                _verdicts(_leaking_step_that_clears_first, _right_step, stale=False),
                expected=lambda seed: [True, False],
                hints=(
                    "After this step G holds only the leak. Is it enough that they are not None?",
                ),
            ),
        ),
    ),
    Exercise(
        "ex04-4",
        "What a sure discriminator teaches",
        kind="predict",
        level="routine",
        minutes=10,
        answer="dict",
        parts=(
            Part(
                "how much steeper the non-saturating loss is at a logit of -3",
                2,
                lambda answer, seed: answer["ratio"],
                like=1.0,
                rtol=0.01,
                hints=(
                    "Divide the sizes of the two slopes; the chapter does it for a logit of -4.",
                    "(1 - sigmoid(l)) / sigmoid(l) is exp(-l).",
                ),
            ),
            Part(
                "where both losses are equally steep",
                1,
                lambda answer, seed: answer["equal at"],
                like=0.0,
                atol=1e-3,
                hints=("Set the two slopes equal and solve for the logit.",),
            ),
            Part(
                "what a flat loss does to the generator",
                1,
                lambda answer, seed: answer["generator"],
                options=("learns faster", "stands still", "collapses to one label"),
                hints=("A step is the learning rate times the slope.",),
            ),
            Part(
                "what the discriminator learns of the change",
                1,
                lambda answer, seed: answer["discriminator"],
                options=("its loss changes as well", "its loss stays the same"),
                hints=("Whose loss did we exchange?",),
            ),
        ),
    ),
)
