"""What the probes of several chapters need: small inputs, and looks at what became of a network.

All inputs follow from a seed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

# --- Inputs --------------------------------------------------------------------------------------


def generator(seed: int) -> torch.Generator:
    """Make a generator of random numbers.

    Args:
        seed: Where it starts.

    Example:
        >>> torch.rand(2, generator=generator(3)).shape
        torch.Size([2])
    """
    return torch.Generator().manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's own generator, as new layers need it, and put it back afterwards.

    Args:
        seed: Where it starts inside.

    Example:
        >>> with seeded(3):
        ...     layer = nn.Linear(2, 3)
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def normal(seed: int, *shape: int) -> Tensor:
    """Draw standard normal numbers.

    Args:
        seed: Of a generator of their own.
        shape: Of the tensor.

    Example:
        >>> normal(3, 2, 4).shape
        torch.Size([2, 4])
    """
    return torch.randn(*shape, generator=generator(seed))


def uniform(seed: int, low: float, high: float) -> float:
    """Draw one number, all between two bounds being as likely.

    Args:
        seed: Of a generator of its own.
        low: The lower bound.
        high: The upper bound.

    Example:
        >>> 2 <= uniform(3, 2, 4) < 4
        True
    """
    return float(np.random.default_rng(seed).uniform(low, high))


def one_hot(labels: Int[Tensor, " rows"], many: int) -> Float[Tensor, "rows labels"]:
    """Return one-hot labels, as networks take them.

    Args:
        labels: Numbers of the labels.
        many: How many different ones there are.

    Example:
        >>> one_hot(torch.tensor([1, 0]), 2).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    return F.one_hot(labels, many).float()


def labels_in_turn(rows: int, labels: int, first: int = 0) -> Float[Tensor, "rows labels"]:
    """Return one-hot labels 0, 1, 2, ..., and from the start again.

    Args:
        rows: How many.
        labels: How many different ones.
        first: Where to begin.

    Example:
        >>> labels_in_turn(3, 2).tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    return one_hot((torch.arange(rows) + first) % labels, labels)


class ConditionalNetwork(nn.Module):
    """A small network of rows and one-hot labels. A single output gets no dimension of its own.

    Args:
        inputs: Length of a row.
        outputs: Numbers per row that come out.
        labels: How many different ones.
        seed: Of the weights.
        deaf: Whether the network ignores the labels.

    Example:
        >>> ConditionalNetwork(4, 1, labels=2, seed=0)(normal(1, 6, 4), labels_in_turn(6, 2)).shape
        torch.Size([6])
    """

    def __init__(
        self, inputs: int, outputs: int, labels: int, seed: int, deaf: bool = False
    ) -> None:
        super().__init__()
        self.hears = 0.0 if deaf else 1.0
        with seeded(seed):
            self.layers = nn.Sequential(
                nn.Linear(inputs + labels, 8), nn.Tanh(), nn.Linear(8, outputs)
            )

    def forward(self, x: Tensor, onehot: Tensor) -> Tensor:
        """Put rows and labels side by side through both layers."""
        out: Tensor = self.layers(torch.cat([x, self.hears * onehot], dim=1))
        return out.squeeze(1)


# --- What became of a network --------------------------------------------------------------------


def weights_of(network: nn.Module) -> Float[Tensor, " weights"]:
    """Return all parameters of a network in one row, as a copy.

    Args:
        network: Any.

    Example:
        >>> weights_of(nn.Linear(2, 3)).shape
        torch.Size([9])
    """
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def has_gradient(network: nn.Module) -> bool:
    """Tell whether any parameter of a network holds a gradient that is not zero.

    Args:
        network: Any.

    Example:
        >>> has_gradient(nn.Linear(2, 3))
        False
    """
    return any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


def picked(found: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return some entries of what was found, for a part that is about these alone.

    Args:
        found: All that was found.
        names: Of the entries.

    Example:
        >>> picked({"loss": 0.5, "D has moved": True, "G has moved": False}, "D has moved")
        {'D has moved': True}
    """
    return {name: found[name] for name in names}
