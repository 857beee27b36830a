"""Record the patients of the broken-GAN clinic: six tiny GANs, five with a fault.

Run ``python solutions/clinic/record_runs.py`` to write
``embgan_edu/results/clinic.json`` anew, in about a minute. The file goes to students
under neutral names; which run has which fault is said here only.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TARGET = Path(__file__).parents[2] / "embgan_edu" / "results" / "clinic.json"

GROUPS, RADIUS, SPREAD = 8, 2.0, 0.15
LATENT, HIDDEN, BATCH, RATE = 4, 48, 96, 2e-3
STEPS, EVERY = 1000, 20
MOMENTS = (20, 200, 500, 1000)
CLOUD = 96  # rows that are looked at, 12 of each group


@dataclass(frozen=True)
class Treatment:
    """How a GAN is trained. The defaults are healthy."""

    discriminator_updates: int = 1
    generator_updates: int = 1
    saturating: bool = False
    detach: bool = True
    growth: float = 1.0  # of the generator's learning rate, per step
    fake_labels: Callable[[Tensor], Tensor] = lambda onehot: onehot


# The order is shuffled, and fixed.
RUNS: dict[str, tuple[str, Treatment]] = {
    # Labels are 0 and 1 beside real rows, -1 and 1 beside fake ones.
    "A": ("label leakage", Treatment(fake_labels=lambda onehot: 2 * onehot - 1)),
    # A decay of 2 % per step was meant.
    "B": ("dead generator", Treatment(growth=1.02)),
    # The generator moves five times against a discriminator that stands still.
    "C": ("mode collapse", Treatment(generator_updates=5)),
    "D": ("healthy", Treatment()),
    # The discriminator's loss also reaches the generator, and nobody clears it there.
    "E": ("missing detach", Treatment(detach=False)),
    # The textbook game against a discriminator that is far ahead.
    "F": (
        "overpowering discriminator",
        Treatment(discriminator_updates=10, saturating=True),
    ),
}


def group_centers() -> Tensor:
    angles = (torch.arange(GROUPS) + 0.5) * 2 * math.pi / GROUPS
    return RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)


def draw_rows(groups: Tensor, noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """Real rows of the given groups; the upper half ring has label 0, the other 1."""
    rows = group_centers()[groups] + SPREAD * torch.randn(
        len(groups), 2, generator=noise
    )
    return rows, F.one_hot((groups >= GROUPS // 2).long(), 2).float()


def to_look_at() -> tuple[Tensor, Tensor, Tensor]:
    """Real rows, one-hot labels and latent rows, the same for all runs and moments."""
    noise = torch.Generator().manual_seed(1)
    rows, onehot = draw_rows(torch.arange(CLOUD) % GROUPS, noise)
    return rows, onehot, torch.randn(CLOUD, LATENT, generator=noise)


def network(
    inputs: int, outputs: int, activation: nn.Module, bias: bool
) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs + 2, HIDDEN),
        activation,
        nn.Linear(HIDDEN, HIDDEN),
        activation,
        nn.Linear(HIDDEN, outputs, bias=bias),
    )


def join(x: Tensor, onehot: Tensor) -> Tensor:
    return torch.cat([x, onehot], dim=1)


def flat(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def short(value: Any) -> Any:
    """Keep three digits of every number."""
    return (
        [short(v) for v in value] if isinstance(value, list) else float(f"{value:.3g}")
    )


def train(treatment: Treatment, steps: int = STEPS) -> dict[str, Any]:
    """Train one GAN; return its curves and clouds as plain numbers."""
    torch.manual_seed(0)
    noise = torch.Generator().manual_seed(0)
    # The ring lies around the origin, so the generator's last layer needs no bias.
    G = network(LATENT, 2, nn.ReLU(), bias=False)
    D = network(2, 1, nn.LeakyReLU(0.2), bias=True)
    weights = list(G.parameters())
    # Adam's steps are of one size, however small the gradient. With a large eps they
    # vanish together with it.
    G_optimizer = torch.optim.Adam(weights, lr=RATE, betas=(0.5, 0.999), eps=0.01)
    D_optimizer = torch.optim.Adam(D.parameters(), lr=RATE, betas=(0.5, 0.999))
    schedule = torch.optim.lr_scheduler.ExponentialLR(G_optimizer, treatment.growth)

    def batch() -> tuple[Tensor, Tensor, Tensor]:
        x, onehot = draw_rows(torch.randint(GROUPS, (BATCH,), generator=noise), noise)
        return x, onehot, G(join(torch.randn(BATCH, LATENT, generator=noise), onehot))

    records, clouds = [], []
    for step in range(1, steps + 1):
        before = flat(weights)
        G_optimizer.zero_grad()
        for _ in range(treatment.discriminator_updates):
            x, onehot, fake = batch()
            fake = fake.detach() if treatment.detach else fake
            real_logits = D(join(x, onehot))
            fake_logits = D(join(fake, treatment.fake_labels(onehot)))
            D_loss = (
                -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()
            )
            D_optimizer.zero_grad()
            D_loss.backward()
            D_optimizer.step()
        leftover = [w.grad.clone() for w in weights if w.grad is not None]

        for update in range(treatment.generator_updates):
            if update:
                G_optimizer.zero_grad()
            _, onehot, fake = batch()
            logits = D(join(fake, treatment.fake_labels(onehot)))
            if treatment.saturating:
                G_loss = F.logsigmoid(-logits).mean()
            else:
                G_loss = -F.logsigmoid(logits).mean()
            # What backward() would do, with the generator's own gradient at hand.
            gradient = torch.autograd.grad(G_loss, weights)
            for w, own in zip(weights, gradient, strict=True):
                w.grad = own if w.grad is None else w.grad + own
            G_optimizer.step()
        schedule.step()

        if step % EVERY == 0:
            record = {
                "discriminator_loss": D_loss.item(),
                "generator_loss": G_loss.item(),
                "real_probability": real_logits.sigmoid().mean().item(),
                "fake_probability": fake_logits.sigmoid().mean().item(),
                "generator_gradient": flat(gradient).norm().item(),
                "leftover_gradient": flat(leftover).norm().item() if leftover else 0.0,
                "generator_change": (flat(weights) - before).norm().item(),
                **examine(D, treatment),
            }
            records.append(record)
        if step in MOMENTS:
            _, onehot, z = to_look_at()
            clouds.append({"step": step, "fake": short(G(join(z, onehot)).tolist())})
    curves = {name: short([record[name] for record in records]) for name in records[0]}
    return {"curves": curves, "clouds": clouds}


@torch.no_grad()
def examine(D: nn.Module, treatment: Treatment) -> dict[str, float]:
    """What the discriminator makes of wrong labels, and of labels alone."""
    rows, onehot, _ = to_look_at()
    nothing = torch.zeros_like(rows)
    real = D(join(nothing, onehot)) > 0
    fake = D(join(nothing, treatment.fake_labels(onehot))) <= 0
    wrong = D(join(rows, onehot.flip(1))) < 0
    return {
        "wrong_label_found": wrong.float().mean().item(),
        "label_alone": torch.cat([real, fake]).float().mean().item(),
    }


def main(path: Path = TARGET) -> None:
    """Train all patients and write the recording."""
    torch.set_num_threads(1)  # sums in another order would give other last digits
    rows, onehot, _ = to_look_at()
    recording = {
        "steps": list(range(EVERY, STEPS + 1, EVERY)),
        "centers": short(group_centers().tolist()),
        "labels": onehot.argmax(dim=1).tolist(),
        "real": short(rows.tolist()),
        "runs": {name: train(treatment) for name, (_, treatment) in RUNS.items()},
    }
    path.write_text(
        json.dumps(recording, separators=(",", ":")) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
