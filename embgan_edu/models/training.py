"""How stacked networks are trained: Adam for many draws, and a group of draws on every core.

Two cores could share each product of matrices, but the products are small, and the cores would
wait for each other at every one of some hundred operations of a step. So each core trains draws of
its own from the first step to the last. The draws are independent, so the result is the same,
bit for bit.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from threading import Event, Thread

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from embgan_edu.base.errors import DivergenceError
from embgan_edu.base.progress import track

# Fewer draws in a group, and the time goes into calls from Python, of which one runs at a time.
LEAST_DRAWS = 4
CHECK_EVERY = 50  # steps: a GPU need not stop at each one to be asked whether a loss is finite

Record = dict[str, Float[Tensor, " draw"]]


class DrawAdam:
    r"""Adam for stacked weights, in one pass over the memory (Kingma & Ba, 2015, algorithm 1).

    Torch's fused Adam computes most numbers of a tensor with vector instructions and the last few
    one by one, and the two round differently. Here every draw fills whole vectors, so its bits do
    not depend on the draws beside it.

    Args:
        parameters: Stacked weights, the draw first.
        rate: Learning rate.
        betas: Decays of the mean gradient and of the mean square.

    Example:
        >>> weight = nn.Parameter(torch.tensor([[3.0, -2.0]]))
        >>> optimizer = DrawAdam([weight], rate=0.5, betas=(0.9, 0.999))
        >>> weight.square().sum().backward()
        >>> optimizer.step()
        >>> weight.tolist()  # the first step has the length of the rate, whatever the gradient
        [[2.5, -1.5]]
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.parameters = list(parameters)
        self.rate, self.betas = rate, betas
        # Where a draw's numbers fill whole vectors, these are the weights themselves.
        self.weights = [_whole_vectors(parameter.detach()) for parameter in self.parameters]
        self.means = [torch.zeros_like(weight) for weight in self.weights]
        self.squares = [torch.zeros_like(weight) for weight in self.weights]
        self.steps = torch.zeros((), device=self.weights[0].device)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move all weights once."""
        self.steps += 1
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        # The kernel of torch.optim.Adam(fused=True). Its class would spend more time on looking
        # after its tensors than the kernel on those of a small network.
        torch._fused_adam_(
            self.weights,
            [_whole_vectors(gradient) for gradient in gradients],
            self.means,
            self.squares,
            [],
            [self.steps] * len(self.weights),
            lr=self.rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
        for parameter, weight in zip(self.parameters, self.weights, strict=True):
            if weight.shape[1] != parameter[0].numel():
                parameter.copy_(weight[:, : parameter[0].numel()].view_as(parameter))


def _whole_vectors(x: Float[Tensor, "draw ..."]) -> Float[Tensor, "draw padded"]:
    """The numbers of each draw in a row, with zeros up to a whole number of vectors."""
    rows = x.flatten(1)
    surplus = -rows.shape[1] % 16
    return F.pad(rows, (0, surplus)) if surplus else rows


def split_draws(n_draws: int, device: torch.device) -> list[slice]:
    """Cut the draws into a group for each core that torch may use; a GPU takes all at once.

    Example:
        >>> split_draws(3, torch.device("cpu"))  # too few to cut
        [slice(0, 3, None)]
    """
    cores = torch.get_num_threads() if device.type == "cpu" else 1
    groups = max(1, min(cores, n_draws // LEAST_DRAWS))
    bounds = np.linspace(0, n_draws, groups + 1).astype(int).tolist()
    return [slice(*pair) for pair in pairwise(bounds)]


def train_groups(
    train_once: Sequence[Callable[[], Record]],
    groups: Sequence[slice],
    steps: int,
    advice: str,
    progress: bool = False,
    after_step: Callable[[int], None] | None = None,
) -> dict[str, Float[np.ndarray, "step draw"]]:
    """Train all groups of draws at once, each on one core.

    The first group trains in the thread of the caller, so Ctrl-C reaches it. What stops one group
    stops all.

    Args:
        train_once: For every group, what makes one step and returns what is to be recorded.
        groups: What :func:`split_draws` returned.
        steps: How many steps.
        advice: What to do if a loss is not finite.
        progress: Whether to show a progress line.
        after_step: Called with the number of steps that the first group has done.

    Returns:
        All that was recorded, an array for each quantity.

    Raises:
        DivergenceError: A loss is not finite.
        Exception: What a step raised.

    Example:
        >>> steps = iter([0.5, 0.25])
        >>> train_groups([lambda: {"loss": torch.tensor([next(steps)])}], [slice(0, 1)], 2, "")
        {'loss': array([[0.5 ],
               [0.25]], dtype=float32)}
    """
    records: list[list[Record]] = [[] for _ in groups]
    stop = Event()
    errors: list[BaseException] = []

    def train(group: int) -> None:
        first = group == 0
        checked = 0
        for step in track(steps, "training", progress and first):
            if stop.is_set():
                return
            records[group].append(train_once[group]())
            looked_at = after_step is not None and first
            if looked_at or step % CHECK_EVERY == 0 or step == steps - 1:
                check_losses(records[group], checked, groups[group].start, advice)
                checked = step + 1
            if after_step is not None and first:
                after_step(step + 1)

    def work(group: int) -> None:
        try:
            with one_thread():
                train(group)
        except BaseException as error:
            errors.append(error)
            stop.set()

    others = [Thread(target=work, args=(group,), daemon=True) for group in range(1, len(groups))]
    with one_thread():  # also sets what a new thread starts with
        for thread in others:
            thread.start()
        work(0)
        for thread in others:
            thread.join()
    if errors:
        raise errors[0]
    return {
        name: torch.cat([torch.stack([r[name] for r in record]) for record in records], dim=1)
        .cpu()
        .numpy()
        for name in records[0][0]
    }


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one core in this thread; afterward on as many as before.

    Example:
        >>> before = torch.get_num_threads()
        >>> with one_thread():
        ...     inside = torch.get_num_threads()
        >>> inside, torch.get_num_threads() == before
        (1, True)
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check_losses(records: Sequence[Record], checked: int, first_draw: int, advice: str) -> None:
    """Refuse to go on where a loss is not finite.

    Args:
        records: What every step so far returned.
        checked: How many of them were checked before.
        first_draw: The number of their first draw.
        advice: What to do about it.

    Raises:
        DivergenceError: Names the step, the draw, and the advice.

    Example:
        >>> check_losses([{"loss": torch.tensor([0.5, torch.inf])}], 0, 0, "Lower the rate.")
        Traceback (most recent call last):
        embgan_edu.base.errors.DivergenceError: Training diverged at step 0 in draw 1: a loss is not
            finite. Lower the rate.
    """
    new = records[checked:]
    sums = torch.stack([torch.stack(list(record.values())).sum(dim=0) for record in new])
    wrong = (~torch.isfinite(sums)).nonzero()
    if len(wrong):
        step, draw = wrong[0].tolist()
        raise DivergenceError(
            f"Training diverged at step {checked + step} in draw {first_draw + draw}: a loss is "
            f"not finite. {advice}"
        )
