"""Measure how fast GANs are trained, and compare with other ways to train them.

    make bench

Per size of the problem: milliseconds of one training step of all draws, how many GANs take a step
in a second, how many times that of the usual loop over ``nn.Linear`` it is, and its share of the
machine's own rate of matrix products, if only those multiplications are counted that a step needs.
All ways take turns, so a busy moment of the machine hits all of them; medians of the turns, and the
fastest and slowest. Nothing is asserted: times differ between machines.

With the extra ``peers``, two packages fit the same table: a GAN for tables (ctgan; Xu et al., 2019)
and a diffusion by boosted trees (ForestDiffusion; Jolicoeur-Martineau et al., 2024).
"""

import importlib.util
import itertools
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import psutil
import torch
import torch.nn.functional as F
from torch import nn

from embgan_edu.models.gan import GAN, GANConfig
from embgan_edu.models.stacked import pick_device

LABELS = 2
TURNS = 7
SECONDS = 0.8  # of one turn


@dataclass
class Way:
    """One way to do some work, and what its turns took, preparation not counted.

    Attributes:
        work: does a number of steps.
        steps: how many of them fit into a turn.
        times: milliseconds per step, of every turn.
    """

    work: Callable[[int], object]
    steps: int = 0
    times: list[float] = field(default_factory=list)

    def turn(self) -> None:
        if not self.steps:  # the first turn finds out how many steps are longer than the rest
            self._seconds(2)
            preparation = self._seconds(1)
            step = max(1e-4, (self._seconds(9) - preparation) / 8)
            self.steps = max(40, int(max(SECONDS, 3 * preparation) / step))
        preparation = self._seconds(1)
        self.times.append(1000 * (self._seconds(1 + self.steps) - preparation) / self.steps)

    def _seconds(self, steps: int) -> float:
        start = time.perf_counter()
        self.work(steps)
        return time.perf_counter() - start

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.times):.2f} to {max(self.times):.2f})"


def needed_products(config: GANConfig, dim: int) -> int:
    """Return how many multiplications one training step of one GAN cannot do without.

    A layer's matrix is multiplied with every row once on the way forward, once for the gradient of
    the matrix, and once for that of the layer's input, where somebody needs it.
    """
    G = [(config.latent_dim + LABELS) * config.hidden, config.hidden**2, config.hidden * dim]
    D = [(dim + LABELS) * config.hidden, config.hidden**2, config.hidden]
    # D's step: a forward pass of G; D on real and generated rows, its inputs without a gradient.
    step_of_D = sum(G) + 2 * (sum(D) + sum(D) + sum(D[1:]))
    # G's step: both forward; through D to its inputs; G, its noise without a gradient.
    step_of_G = sum(G) + sum(D) + sum(D) + sum(G) + sum(G[1:])
    return config.batch_size * (step_of_D + step_of_G)


def draws(n_draws: int, n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random rows with labels."""
    X = np.random.default_rng(0).normal(size=(n_draws, n, dim)).astype(np.float32)
    return X, np.tile(np.arange(n) % LABELS, (n_draws, 1))


def of_package(config: GANConfig, n_draws: int, n: int, dim: int) -> Callable[[int], object]:
    X, y = draws(n_draws, n, dim)

    def work(steps: int) -> object:
        return GAN(GANConfig(hidden=config.hidden, steps=steps)).fit(X, y)

    return work


def of_loop(config: GANConfig, n: int, dim: int) -> Callable[[int], object]:
    """The usual loop: one GAN, layers and optimizer of torch."""
    device = pick_device()
    X, y = draws(1, n, dim)
    rows = torch.as_tensor(X[0], device=device)
    onehot = F.one_hot(torch.as_tensor(y[0], device=device)).float()

    def network(inputs: int, outputs: int, activation: nn.Module) -> nn.Module:
        width = config.hidden
        first, second = nn.Linear(inputs, width), nn.Linear(width, width)
        layers = nn.Sequential(first, activation, second, activation, nn.Linear(width, outputs))
        return layers.to(device)

    G = network(config.latent_dim + LABELS, dim, nn.ReLU())
    D = network(dim + LABELS, 1, nn.LeakyReLU(0.2))
    betas = config.beta1, config.beta2
    G_optimizer = torch.optim.Adam(G.parameters(), config.generator_rate, betas)
    D_optimizer = torch.optim.Adam(D.parameters(), config.discriminator_rate, betas)
    loss = nn.BCEWithLogitsLoss()
    ones = torch.ones(config.batch_size, 1, device=device)

    def work(steps: int) -> object:
        for _ in range(steps):
            chosen = torch.randperm(n, device=device)[: config.batch_size]
            real, labels = rows[chosen], onehot[chosen]
            z = torch.randn(config.batch_size, config.latent_dim, device=device)
            fake = G(torch.cat([z, labels], 1)).detach()
            real_loss = loss(D(torch.cat([real, labels], 1)), ones)
            D_loss = real_loss + loss(D(torch.cat([fake, labels], 1)), 0 * ones)
            D_optimizer.zero_grad()
            D_loss.backward()
            D_optimizer.step()
            z = torch.randn(config.batch_size, config.latent_dim, device=device)
            fake = G(torch.cat([z, labels], 1))
            G_loss = loss(D(torch.cat([fake, labels], 1)), ones)
            G_optimizer.zero_grad()
            G_loss.backward()
            G_optimizer.step()
        return G_loss.item()  # a GPU has to be done

    return work


def of_machine(size: int = 1024) -> Callable[[int], object]:
    """Products of two large matrices."""
    A, B = torch.rand(2, size, size, device=pick_device())

    def work(steps: int) -> object:
        for _ in range(steps):
            C = A @ B
        return C[0, 0].item()

    return work


def table_of_steps() -> None:
    sizes = [1, 4, 16, 64] + [256, 1024] * (pick_device().type == "cuda")
    print(f"{'draws':>5} {'width':>5} {'dim':>4} {'rows':>5}  {'ms per step':<26}", end="")
    print(f"{'GAN-steps/s':>11} {'x loop':>7} {'share':>6}")
    for width, dim, n in itertools.product((128, 256), (50, 384), (100, 3362)):
        config = GANConfig(hidden=width)
        products, machine = needed_products(config, dim), Way(of_machine())
        loop = Way(of_loop(config, n, dim))
        ways = {S: Way(of_package(config, S, n, dim)) for S in sizes}
        for _ in range(TURNS):
            for way in (machine, loop, *ways.values()):
                way.turn()
        rate = 1024**3 / machine.median  # per millisecond
        for number, way in [(0, loop), *ways.items()]:
            label, number = number or "loop", max(1, number)
            print(f"{label:>5} {width:>5} {dim:>4} {n:>5}  {way!s:<26}", end="")
            print(f"{1000 * number / way.median:>11,.0f}", end="")
            print(f"{number * loop.median / way.median:>8.2f}", end="")
            print(f"{number * products / way.median / rate:>7.0%}", flush=True)
        print(f"      products of large matrices: {2e-6 * rate:.0f} GFLOP/s")


def table_of_peers() -> None:
    """Fit the same table with other packages. Needs the extra ``peers``."""
    from ctgan import CTGAN
    from ForestDiffusion import ForestDiffusionModel

    X, y = draws(1, 100, 50)
    table = np.concatenate([X[0], y[0][:, None]], axis=1)

    def fit_ctgan(epochs: int) -> object:
        # 60 rows of 100 are one batch, and one epoch is one training step.
        model = CTGAN(epochs=epochs, batch_size=60, enable_gpu=pick_device().type == "cuda")
        return model.fit(table, discrete_columns=[50])

    def seconds(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    few, many = 10, 110
    ours = {S: Way(of_package(GANConfig(), S, 100, 50)) for S in (1, 64)}
    wide = Way(of_package(GANConfig(hidden=256), 64, 100, 50))
    theirs, whole = [], []
    for _ in range(3):
        for way in (*ours.values(), wide):
            way.turn()
        before = seconds(lambda: fit_ctgan(few))
        whole.append(seconds(lambda: fit_ctgan(many)))
        theirs.append(1000 * (whole[-1] - before) / (many - few))
    step = statistics.median(theirs)
    print(f"ctgan, width 256: {step:.1f} ms per step, {1000 / step:,.0f} GAN-steps/s", end="")
    print(f"; {many} steps with the preparation of the table {statistics.median(whole):.1f} s")
    for name, S, way in (("128", 1, ours[1]), ("128", 64, ours[64]), ("256", 64, wide)):
        print(f"this package, width {name}, {S} draws: ", end="")
        print(
            f"{1000 * S / way.median:,.0f} GAN-steps/s, {S * step / way.median:.0f} times as many"
        )
    # A whole fit has 50 noise levels, each with models of its own, and takes about an hour.
    levels = seconds(lambda: ForestDiffusionModel(X[0], label_y=y[0], n_t=2, n_jobs=-1))
    print(f"ForestDiffusion: 2 of 50 noise levels {levels:.0f} s, so one fit", end="")
    print(f" about {levels * 50 / 2:,.0f} s; this package, 2,000 steps of one GAN:", end="")
    print(f" {2 * ours[1].median:.0f} s, of each of 64: {2 * ours[64].median / 64:.1f} s")


def main() -> None:
    device = pick_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
    print(f"{date.today()}, {device} {name}, {os.cpu_count()} cores, torch {torch.__version__},")
    print(
        f"{torch.get_num_threads()} threads, kernels for {torch.backends.cpu.get_cpu_capability()}"
    )
    print(f"busy with other things: {psutil.cpu_percent(1):.0f} %")
    table_of_steps()
    if importlib.util.find_spec("ctgan") and importlib.util.find_spec("ForestDiffusion"):
        table_of_peers()
    else:
        print("For the other packages: pip install -c constraints.txt -e '.[peers]'")


if __name__ == "__main__":
    main()
