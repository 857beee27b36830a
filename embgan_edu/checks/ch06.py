"""What is measured of the answers to the exercises of chapter 6, classifier consistency."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from embgan_edu.checks.engine import Exercise, Part
from embgan_edu.checks.inputs import ConditionalNetwork, normal, weights_of

LATENT, DIM, LABELS, ROWS = 3, 4, 3, 9


def _asked(shift: int = 0) -> Tensor:
    """One-hot labels, as many of each."""
    return F.one_hot((torch.arange(ROWS) + shift) % LABELS, LABELS).float()


# --- ex06-1: the verdict on a free label ---------------------------------------------------------


def _free_label(seed: int) -> tuple[Tensor, Tensor]:
    """Unsure labels of a generator, and a judge's logits."""
    return (2 * normal(seed, ROWS, LABELS)).softmax(dim=1), 3 * normal(seed + 1, ROWS, LABELS)


def _verdict_alone(loss: Callable[..., Tensor], seed: int) -> Tensor:
    return loss(*_free_label(seed), 0.0)


def _bonus_of_balance(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # Every row is sure of its label, and every label is made as often.
    p, logits = _asked(seed), normal(seed, ROWS, LABELS)
    return loss(p, logits, _weight(seed)) - loss(p, logits, 0.0)


def _bonus_of_one_label(loss: Callable[..., Tensor], seed: int) -> Tensor:
    # All rows have the same label, and the judge has no opinion: log 3 is left.
    p = F.one_hot(torch.full((ROWS,), seed % LABELS), LABELS).float()
    return loss(p, torch.zeros(ROWS, LABELS), _weight(seed))


def _weight(seed: int) -> float:
    return 1.0 + seed % 4


def _sure_and_wrong(loss: Callable[..., Tensor], seed: int) -> Tensor:
    return loss(_asked(), 200 * _asked(1 + seed % 2), 0.0)


def _reached(loss: Callable[..., Tensor], seed: int) -> dict[str, bool]:
    p, logits = (tensor.requires_grad_() for tensor in _free_label(seed))
    loss(p, logits, 1.0).backward()
    return {
        name: tensor.grad is not None and bool(tensor.grad.any())
        for name, tensor in (("the generator's labels", p), ("the judge's logits", logits))
    }


# --- ex06-2: the generator's half, with a judge fresh from training ------------------------------


def _judge(seed: int, dropout: float) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(DIM, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, LABELS)
        ).train()


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
    judge = _judge(seed + 2, dropout)
    optimizer = torch.optim.SGD(G.parameters(), lr=0.1)
    z, onehot = normal(seed + 3, ROWS, LATENT), _asked(shift)
    if earlier:  # what the last step leaves behind
        D(G(z, onehot), onehot).sum().backward()
    old = [weights_of(network) for network in (G, judge)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + chance)
        loss = step(G, D, judge, optimizer, onehot, z, weight)
    return {
        "loss": loss,
        "weights of G": weights_of(G),
        "G has moved": not torch.equal(weights_of(G), old[0]),
        "the judge has moved": not torch.equal(weights_of(judge), old[1]),
        "gradient in the judge": any(
            p.grad is not None and bool(p.grad.any()) for p in judge.parameters()
        ),
    }


def _frozen(step: Callable[..., Any], seed: int) -> dict[str, bool]:
    found = _after_a_step(step, seed)
    names = ("G has moved", "the judge has moved", "gradient in the judge")
    return {name: found[name] for name in names}


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


# --- ex06-3: obedience ---------------------------------------------------------------------------


def _choice(
    name: str, entry: str, options: tuple[str, ...], *hints: str, points: float = 1
) -> Part:
    return Part(name, points, lambda answer, seed: answer[entry], options=options, hints=hints)


EXERCISES = (
    Exercise(
        "ex06-1",
        "Repair the free generator",
        kind="write",
        level="standard",
        minutes=20,
        parts=(
            Part(
                "the verdict alone, when the balance has no weight",
                2,
                _verdict_alone,
                like=torch.tensor(1.0),
                hints=(
                    "Softmax before log_softmax gives wrong numbers: the judge's logits go into "
                    "log_softmax as they are.",
                    "Sum over the labels, then the mean over the rows.",
                    "-(p * F.log_softmax(judge_logits, dim=1)).sum(dim=1).mean()",
                ),
            ),
            Part(
                "takes off log 3 when three labels are made equally often, times the weight",
                2,
                _bonus_of_balance,
                expected=lambda seed: torch.tensor(-_weight(seed) * math.log(3)),
                hints=(
                    "First the mean label over the rows, then its entropy. The mean of the "
                    "entropies is another thing: sure rows make it zero.",
                    "A loss falls where the bonus grows: the entropy has a minus sign.",
                ),
            ),
            Part(
                "finite when only one label is made",
                1,
                _bonus_of_one_label,
                expected=lambda seed: torch.tensor(math.log(3)),
                hints=(
                    "0 * log(0) is nan on a computer, and 0 in an entropy.",
                    "torch.xlogy, torch.special.entr, or a clamp before the logarithm.",
                ),
            ),
            Part(
                "finite for a judge that is sure, and sees another label",
                1,
                _sure_and_wrong,
                expected=lambda seed: torch.tensor(200.0),
                hints=("The logarithm of a softmax that was rounded to zero is minus infinity.",),
            ),
            Part(
                "sends a gradient to the label and to the row",
                1,
                _reached,
                expected=lambda seed: {"the generator's labels": True, "the judge's logits": True},
                hints=("Nothing in this loss may be detached: the generator made both.",),
            ),
        ),
    ),
    Exercise(
        "ex06-2",
        "A judge fresh from training",
        kind="write",
        level="standard",
        minutes=25,
        parts=(
            Part(
                "returns the loss before the update",
                1,
                lambda step, seed: _after_a_step(step, seed)["loss"],
                like=1.0,
                hints=(
                    "Both terms belong to it, the second one times the weight. Return loss.item().",
                ),
            ),
            Part(
                "moves the generator down the slope of that loss, from clean gradients",
                2,
                lambda step, seed: _after_a_step(step, seed, earlier=True)["weights of G"],
                like=torch.zeros(92),
                hints=(
                    "Is zero_grad called before backward, and does the generator want D to say "
                    "real?",
                    "F.cross_entropy(judge(fake), onehot) takes the logits as they are.",
                ),
            ),
            Part(
                "the verdict reaches the generator",
                1,
                _verdict_arrives,
                expected=lambda seed: {
                    "G moves without a verdict": True,
                    "G moves otherwise with a verdict": True,
                },
                hints=(
                    "The verdict is a number without a slope. torch.no_grad() around the judge, "
                    "or a detach, cuts the wire.",
                ),
            ),
            Part(
                "the verdict asks for the label that was given",
                1,
                _label_counts,
                expected=lambda seed: {
                    "G has moved": True,
                    "G moves otherwise for other labels": True,
                },
                hints=(
                    "Which label does the cross-entropy ask for? The judge's own first choice is "
                    "the wrong one.",
                ),
            ),
            Part(
                "the judge neither moves nor gets a gradient, and the generator moves",
                2,
                _frozen,
                expected=lambda seed: {
                    "G has moved": True,
                    "the judge has moved": False,
                    "gradient in the judge": False,
                },
                hints=(
                    "The judge is not frozen: after backward() its weights hold gradients.",
                    "judge.requires_grad_(False) keeps the slope with respect to the input.",
                ),
            ),
            Part(
                "the judge's dropout is off",
                1,
                _no_dropout,
                expected=lambda seed: {"G has moved": True, "chance plays a part": False},
                hints=(
                    "The judge is still in training mode, so its verdict changes from call to "
                    "call.",
                    "judge.eval()",
                ),
            ),
        ),
    ),
    Exercise(
        "ex06-3",
        "Obedience",
        kind="explain",
        level="routine",
        minutes=15,
        answer="dict",
        parts=(
            Part(
                "how hard the verdict pushes",
                1,
                lambda answer, seed: answer["push"],
                like=1.0,
                rtol=0.01,
                hints=("The slope of -log q in the margin has the size 1 - q.",),
            ),
            Part(
                "the echo, in points",
                1,
                lambda answer, seed: answer["echo"],
                like=1.0,
                rtol=0.001,
                hints=("The judge, less the stranger, on the same rows.",),
            ),
            _choice(
                "what the echo says",
                "means",
                (
                    "29 % of the labels are wrong",
                    "26 % of the labels are wrong",
                    "an equally good classifier does not share this much of the agreement",
                    "the judge has learned the synthetic rows by heart",
                ),
                "The stranger errs as well: on real rows it misses about every third label.",
                "The judge is frozen, and never learns from synthetic rows.",
            ),
            _choice(
                "who can show it",
                "examiner",
                (
                    "the judge with other initial weights, trained on the same rows",
                    "a classifier trained on as many other real rows",
                    "a classifier trained on the synthetic rows",
                    "the discriminator",
                ),
                "The chapter has a twin and a stranger. Which of them agrees nearly as often as "
                "the judge?",
                "It must have met neither the generator nor its judge, nor their rows.",
            ),
            _choice(
                "why a fool is obeyed as well",
                "fool",
                (
                    "its shuffled labels hold some truth by chance",
                    "the generator is rewarded for agreement, whether the judge is right or not",
                    "the discriminator corrects its errors",
                    "a fool is never sure, so it is easily pleased",
                ),
                "Read the new term of the loss. Does the truth occur in it?",
            ),
            _choice(
                "why there is no gain",
                "gain",
                (
                    "the weight of the verdict is too small",
                    "the judge's agreement is still below 100 %",
                    "the judge knows nothing that is not in the rows the final classifier gets",
                    "the generator never sees the judge's weights",
                ),
                "Follow the chain: who in it has ever seen another review?",
            ),
        ),
    ),
)
