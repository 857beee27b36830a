"""What is measured of the answers to the exercises of chapter 6, classifier consistency."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from embgan_edu.checks.engine import Exercise, Part, entry
from embgan_edu.checks.inputs import (
    ConditionalNetwork,
    has_gradient,
    labels_in_turn,
    normal,
    one_hot,
    picked,
    seeded,
    weights_of,
)

LATENT, DIM, LABELS, ROWS = 3, 4, 3, 9


# --- ex06-1: the verdict on a free label ---------------------------------------------------------


def _free_label(seed: int) -> tuple[Tensor, Tensor]:
    """Unsure labels of a generator, and a judge's logits."""
    return (2 * normal(seed, ROWS, LABELS)).softmax(dim=1), 3 * normal(seed + 1, ROWS, LABELS)


def _bonus_of_balance(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # Every row is sure of its label, and every label is made as often.
    p, logits = labels_in_turn(ROWS, LABELS, seed), normal(seed, ROWS, LABELS)
    return loss(p, logits, _weight(seed)) - loss(p, logits, 0.0)


def _bonus_of_one_label(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # All rows have the same label, and the judge has no opinion: log 3 is left.
    p = one_hot(torch.full((ROWS,), seed % LABELS), LABELS)
    return loss(p, torch.zeros(ROWS, LABELS), _weight(seed))


def _weight(seed: int) -> float:
    return 1.0 + seed % 4


def _reached(loss: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    p, logits = (tensor.requires_grad_() for tensor in _free_label(seed))
    loss(p, logits, 1.0).backward()
    return {
        name: tensor.grad is not None and bool(tensor.grad.any())
        for name, tensor in (("the generator's labels", p), ("the judge's logits", logits))
    }


FREE_LABEL = (
    Part(
        "the verdict alone, when the balance has no weight",
        lambda loss, seed: loss(*_free_label(seed), 0.0),
        "Softmax before log_softmax gives wrong numbers: the judge's logits go into log_softmax "
        "as they are.",
        "Sum over the labels, then the mean over the rows.",
        "-(p * F.log_softmax(judge_logits, dim=1)).sum(dim=1).mean()",
        points=2,
        like=torch.tensor(1.0),
    ),
    Part(
        "takes off log 3 when three labels are made equally often, times the weight",
        _bonus_of_balance,
        "First the mean label over the rows, then its entropy. The mean of the entropies is "
        "another thing: sure rows make it zero.",
        "A loss falls where the bonus grows: the entropy has a minus sign.",
        points=2,
        expected=lambda seed: torch.tensor(-_weight(seed) * math.log(3)),
    ),
    Part(
        "finite when only one label is made",
        _bonus_of_one_label,
        "0 * log(0) is nan on a computer, and 0 in an entropy.",
        "torch.xlogy, torch.special.entr, or a clamp before the logarithm.",
        expected=torch.tensor(math.log(3)),
    ),
    Part(
        "finite for a judge that is sure, and sees another label",
        lambda loss, seed: loss(
            labels_in_turn(ROWS, LABELS), 200 * labels_in_turn(ROWS, LABELS, 1 + seed % 2), 0.0
        ),
        "The logarithm of a softmax that was rounded to zero is minus infinity.",
        expected=torch.tensor(200.0),
    ),
    Part(
        "sends a gradient to the label and to the row",
        _reached,
        "Nothing in this loss may be detached: the generator made both.",
        expected={"the generator's labels": True, "the judge's logits": True},
    ),
)

# --- ex06-2: the generator's half, with a judge fresh from training ------------------------------


def _after_a_step(
    step: Callable[..., Any],
    seed: int,
    weight: float = 2.0,
    earlier: bool = False,
    deaf: bool = False,
    shift: int = 0,
    dropout: float = 0.0,
    chance: int = 0,
) -> dict[str, Any]:
    """Play one generator's step, and tell what it returned and what it moved."""
    G = ConditionalNetwork(LATENT, DIM, LABELS, seed, deaf)
    D = ConditionalNetwork(DIM, 1, LABELS, seed + 1, deaf)
    with seeded(seed + 2):
        layers = nn.Linear(DIM, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, LABELS)
    judge = nn.Sequential(*layers).train()
    optimizer = torch.optim.SGD(G.parameters(), lr=0.1)
    z, onehot = normal(seed + 3, ROWS, LATENT), labels_in_turn(ROWS, LABELS, shift)
    if earlier:  # what the last step leaves behind
        D(G(z, onehot), onehot).sum().backward()
    old = [weights_of(network) for network in (G, judge)]
    with seeded(seed + chance):
        loss = step(G, D, judge, optimizer, onehot, z, weight)
    return {
        "loss": loss,
        "weights of G": weights_of(G),
        "G has moved": not torch.equal(weights_of(G), old[0]),
        "the judge has moved": not torch.equal(weights_of(judge), old[1]),
        "gradient in the judge": has_gradient(judge),
    }


def _verdict_arrives(step: Callable[..., Any], seed: int) -> dict[str, bool]:
    without, with_it = (_after_a_step(step, seed, weight=weight) for weight in (0.0, 2.0))
    return {
        "G moves without a verdict": without["G has moved"],
        "G moves otherwise with a verdict": _differ(without, with_it),
    }


def _label_counts(step: Callable[..., Any], seed: int) -> dict[str, bool]:
    # G and D ignore the labels here, so only the verdict can tell them apart.
    found = [_after_a_step(step, seed, deaf=True, shift=shift) for shift in (0, 1)]
    return {
        "G has moved": found[0]["G has moved"],
        "G moves otherwise for other labels": _differ(*found),
    }


def _no_dropout(step: Callable[..., Any], seed: int) -> dict[str, bool]:
    found = [_after_a_step(step, seed, dropout=0.5, chance=chance) for chance in (0, 1)]
    return {"G has moved": found[0]["G has moved"], "chance plays a part": _differ(*found)}


def _differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return not torch.allclose(one["weights of G"], other["weights of G"], rtol=0, atol=1e-6)


FRESH_JUDGE = (
    Part(
        "returns the loss before the update",
        lambda step, seed: _after_a_step(step, seed)["loss"],
        "Both terms belong to it, the second one times the weight. Return loss.item().",
    ),
    Part(
        "moves the generator down the slope of that loss, from clean gradients",
        lambda step, seed: _after_a_step(step, seed, earlier=True)["weights of G"],
        "Is zero_grad called before backward, and does the generator want D to say real?",
        "F.cross_entropy(judge(fake), onehot) takes the logits as they are.",
        points=2,
        like=torch.zeros(92),
    ),
    Part(
        "the verdict reaches the generator",
        _verdict_arrives,
        "The verdict is a number without a slope. torch.no_grad() around the judge, or a detach, "
        "cuts the wire.",
        expected={"G moves without a verdict": True, "G moves otherwise with a verdict": True},
    ),
    Part(
        "the verdict asks for the label that was given",
        _label_counts,
        "Which label does the cross-entropy ask for? The judge's own first choice is the wrong "
        "one.",
        expected={"G has moved": True, "G moves otherwise for other labels": True},
    ),
    Part(
        "the judge neither moves nor gets a gradient, and the generator moves",
        lambda step, seed: picked(
            _after_a_step(step, seed), "G has moved", "the judge has moved", "gradient in the judge"
        ),
        "The judge is not frozen: after backward() its weights hold gradients.",
        "judge.requires_grad_(False) keeps the slope with respect to the input.",
        points=2,
        expected={
            "G has moved": True,
            "the judge has moved": False,
            "gradient in the judge": False,
        },
    ),
    Part(
        "the judge's dropout is off",
        _no_dropout,
        "The judge is still in training mode, so its verdict changes from call to call.",
        "judge.eval()",
        expected={"G has moved": True, "chance plays a part": False},
    ),
)

# --- ex06-3: obedience ---------------------------------------------------------------------------

OBEDIENCE = (
    Part(
        "how hard the verdict pushes",
        entry("push"),
        "The slope of -log q in the margin has the size 1 - q.",
        rtol=0.01,
    ),
    Part(
        "the echo, in points",
        entry("echo"),
        "The judge, less the stranger, on the same rows.",
        rtol=0.001,
    ),
    Part(
        "the echo of real rows with the judge's labels, in points",
        entry("reference"),
        "The judge, less the stranger, on the same rows and labels.",
        "How many of its own labels does the judge agree with?",
        rtol=0.001,
    ),
    Part(
        "what the echo says",
        entry("means"),
        "The stranger errs as well: on real rows it misses about every third label.",
        "No generator has touched the real rows. Which of the two echoes is larger?",
        options=(
            "29 % of the labels are wrong",
            "26 % of the labels are wrong",
            "the labels are the judge's opinion, on rows that are clearer than real ones",
            "the generator has made the labels worse than the judge would have",
        ),
    ),
    Part(
        "who can show it",
        entry("examiner"),
        "The chapter has a twin and a stranger. Which of them agrees nearly as often as the judge?",
        "It must have met neither the generator nor its judge, nor their rows.",
        options=(
            "the judge with other initial weights, trained on the same rows",
            "a classifier trained on as many other real rows",
            "a classifier trained on the synthetic rows",
            "the discriminator",
        ),
    ),
    Part(
        "why a fool is obeyed as well",
        entry("fool"),
        "Read the new term of the loss. Does the truth occur in it?",
        options=(
            "its shuffled labels hold some truth by chance",
            "the generator is rewarded for agreement, whether the judge is right or not",
            "the discriminator corrects its errors",
            "a fool is never sure, so it is easily pleased",
        ),
    ),
    Part(
        "when rows without news can help",
        entry("gain"),
        "A classifier errs by bias and by variance. Which of them can fall without news?",
        "The fitted Gaussian of the chapter's toy: what made its rows useful?",
        options=(
            "no: what holds no news cannot help",
            "yes, if the rows lower the variance by more than they add in bias",
            "yes, if there are rows enough",
            "yes, if a judge agrees with all of their labels",
        ),
    ),
    Part(
        "where the gain ends, in points",
        entry("end"),
        "Among rows without number the real ones no longer count. Who trains the classifier then?",
        "A gain is against the real rows alone.",
        rtol=0.001,
    ),
)

EXERCISES = (
    Exercise("ex06-1", "Repair the free generator", "write", "standard", 20, FREE_LABEL),
    Exercise("ex06-2", "A judge fresh from training", "write", "standard", 25, FRESH_JUDGE),
    Exercise("ex06-3", "Obedience", "explain", "standard", 20, OBEDIENCE),
)
