"""Small inputs that the probes of several chapters need. All follow from a seed."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def normal(seed: int, *shape: int) -> Tensor:
    """Draw standard normal numbers.

    Args:
        seed: Of a generator of their own.
        shape: Of the tensor.

    Example:
        >>> normal(3, 2, 4).shape
        torch.Size([2, 4])
    """
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def labels_in_turn(rows: int, labels: int) -> Float[Tensor, "rows labels"]:
    """Return one-hot labels 0, 1, 2, ..., and from the start again.

    Args:
        rows: How many.
        labels: How many different ones.

    Example:
        >>> labels_in_turn(3, 2).tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    return F.one_hot(torch.arange(rows) % labels, labels).float()


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
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Linear(inputs + labels, 8), nn.Tanh(), nn.Linear(8, outputs)
            )

    def forward(self, x: Tensor, onehot: Tensor) -> Tensor:
        """Put rows and labels side by side through both layers."""
        out: Tensor = self.layers(torch.cat([x, self.hears * onehot], dim=1))
        return out.squeeze(1)


def weights_of(network: nn.Module) -> Float[Tensor, " weights"]:
    """Return all parameters of a network in one row, as a copy.

    Args:
        network: Any.

    Example:
        >>> weights_of(nn.Linear(2, 3)).shape
        torch.Size([9])
    """
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
