"""Many small networks at once.

A figure in this book averages over 16 or 64 independent *draws*, and each draw trains its own
networks. Trained one after another they would spend most of their time in Python. Here the
networks of all draws share one leading dimension, ``(draw, batch, dim)``, and one call to
``torch.baddbmm`` multiplies them all.

The draws stay independent. A loss is summed over draws, so the gradient of one draw does not
depend on how many run beside it, and every draw has a random generator of its own.
"""

import copy
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from embgan_edu.base.errors import ConfigError, DataError, check_whole

_Network = TypeVar("_Network", bound=nn.Module)


def pick_device() -> torch.device:
    """Return the device to compute on: CUDA, else Apple's MPS, else the CPU.

    The environment variable ``EMBGAN_DEVICE`` overrides the choice (``cpu``, ``cuda``,
    ``cuda:1``, ``mps``).

    Raises:
        ConfigError: ``EMBGAN_DEVICE`` names a device that this machine does not have.

    Example:
        >>> pick_device().type in {"cpu", "cuda", "mps"}
        True
    """
    available = ["cpu"]
    if torch.cuda.is_available():
        available += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        available.append("mps")
    wanted = os.environ.get("EMBGAN_DEVICE", "").strip().lower()
    if wanted:
        if wanted not in available:
            raise ConfigError(
                f"EMBGAN_DEVICE={wanted!r}, but this machine offers {', '.join(available)}. "
                "Set it to one of these, or unset it to let the package choose."
            )
        return torch.device(wanted)
    return torch.device("cuda" if "cuda" in available else available[-1])


def describe_computer() -> str:
    """Return what the rounding of a result may depend on: torch, device, kind of processor.

    Example:
        >>> describe_computer().startswith("torch ")
        True
    """
    kind = torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__.split('+')[0]}, {pick_device()}, {kind}"


class DrawStreams:
    """One random generator per draw.

    Numbers are drawn on the CPU and then moved, so a GPU run sees the same stream as a CPU run.
    The stream of draw ``k`` depends on ``random_state`` and ``k`` alone, not on ``n_draws``.

    Args:
        random_state: Seed of the whole family of streams, 0 or more.
        n_draws: Number of draws.
        device: Where the tensors go.

    Example:
        >>> one, three = DrawStreams(0, n_draws=1), DrawStreams(0, n_draws=3)
        >>> bool((one.normal(2, 5)[0] == three.normal(2, 5)[0]).all())
        True
    """

    def __init__(self, random_state: int, n_draws: int, device: torch.device | str = "cpu") -> None:
        check_whole(0, random_state=random_state)
        self.device = torch.device(device)
        self.generators = []
        for draw in range(n_draws):
            seed = int(np.random.SeedSequence([random_state, draw]).generate_state(1)[0])
            self.generators.append(torch.Generator().manual_seed(seed))

    def part(self, draws: slice) -> "DrawStreams":
        """The streams of some draws. They are the same generators, not copies."""
        part = copy.copy(self)
        part.generators = self.generators[draws]
        return part

    def normal(self, *shape: int) -> Float[Tensor, "draw ..."]:
        """Standard normal numbers of ``shape`` for every draw."""
        return self._fill(torch.randn, torch.float32, shape)

    def uniform(self, *shape: int) -> Float[Tensor, "draw ..."]:
        """Uniform numbers in [0, 1) of ``shape`` for every draw."""
        return self._fill(torch.rand, torch.float32, shape)

    def minibatch(self, n: int, size: int) -> Int[Tensor, "draw size"]:
        """Row numbers of a random minibatch, without repetition, for every draw."""
        return self._fill(torch.randperm, torch.int64, (n,))[:, :size]

    def labels(self, frequencies: Float[Tensor, "draw label"], n: int) -> Int[Tensor, "draw n"]:
        """Random labels with the given frequencies, one row of frequencies per draw."""
        pairs = zip(frequencies.cpu(), self.generators, strict=True)
        rows = [torch.multinomial(row, n, replacement=True, generator=g) for row, g in pairs]
        return torch.stack(rows).to(self.device)

    def _fill(
        self, draw_numbers: Callable[..., Tensor], dtype: torch.dtype, shape: tuple[int, ...]
    ) -> Tensor:
        # Every draw writes its numbers into its place; a GPU gets all of them in one transfer that
        # nobody waits for.
        to_gpu = self.device.type == "cuda"
        size = (len(self.generators), *shape)
        numbers = torch.empty(size, dtype=dtype, pin_memory=to_gpu)
        for place, generator in zip(numbers.unbind(), self.generators, strict=True):
            draw_numbers(*shape, generator=generator, out=place)
        return numbers.to(self.device, non_blocking=to_gpu)


def elementwise(
    function: Callable[[Tensor], Tensor], x: Float[Tensor, "draw batch"]
) -> Float[Tensor, "draw batch"]:
    """Apply ``function`` to every number, so that a draw's result never depends on the others.

    Torch computes most numbers of a tensor with vector instructions and the last few one by one,
    and the two round ``exp`` and ``log`` differently. Padding every draw to whole vectors keeps
    each draw's numbers in the same place.

    Example:
        >>> elementwise(torch.exp, torch.zeros(1, 3))
        tensor([[1., 1., 1.]])
    """
    n = x.shape[1]
    if n % 32 == 0:
        return function(x)
    return function(F.pad(x, (0, -n % 32)))[:, :n]


class StackedLinear(nn.Module):
    r"""The layer :math:`x W_k + b_k`, with its own weights for every draw :math:`k`.

    Args:
        in_dim: Width of the input.
        out_dim: Width of the output.
        streams: Source of the initial weights, uniform in :math:`\pm 1/\sqrt{\text{in\_dim}}`
            as in ``torch.nn.Linear``.

    Example:
        >>> layer = StackedLinear(3, 2, DrawStreams(0, n_draws=4))
        >>> tuple(layer(torch.zeros(4, 10, 3)).shape)
        (4, 10, 2)
    """

    def __init__(self, in_dim: int, out_dim: int, streams: DrawStreams) -> None:
        super().__init__()
        bound = in_dim**-0.5
        self.weight = nn.Parameter((2 * streams.uniform(in_dim, out_dim) - 1) * bound)
        self.bias = nn.Parameter((2 * streams.uniform(1, out_dim) - 1) * bound)

    def forward(self, x: Float[Tensor, "draw batch in_dim"]) -> Float[Tensor, "draw batch out_dim"]:
        if self.bias.shape[2] == 1:
            # For one column and one draw baddbmm takes another routine, which rounds
            # differently; a sum gives a draw the same bits whatever runs beside it.
            return (x * self.weight.transpose(1, 2)).sum(dim=2, keepdim=True) + self.bias
        return torch.baddbmm(self.bias, x, self.weight)


def plain_weights(network: nn.Module, draw: int = 0) -> list[Float[Tensor, "..."]]:
    """The weights of one draw's linear layers, in the shapes and the order of ``torch.nn.Linear``.

    Args:
        network: A stacked network.
        draw: Which draw.

    Returns:
        Of every layer the weight, ``(out_dim, in_dim)``, and the bias, ``(out_dim,)``. They are
        views: what changes in the network is seen in them.

    Example:
        >>> network = nn.Sequential(StackedLinear(3, 2, DrawStreams(0, n_draws=4)))
        >>> [tuple(weight.shape) for weight in plain_weights(network, draw=1)]
        [(2, 3), (2,)]
    """
    layers = [layer for layer in network.modules() if isinstance(layer, StackedLinear)]
    pairs = [(layer.weight[draw].T, layer.bias[draw, 0]) for layer in layers]
    return [weight for pair in pairs for weight in pair]


class SpectralLinear(StackedLinear):
    r"""A stacked linear layer whose matrix is divided by its largest singular value.

    The layer then stretches no direction by more than 1, so a network of such layers and of
    activations with a slope up to 1 has a slope of at most 1. The value is followed by power
    iteration, one round at every pass in training mode.

    Source: Miyato et al. (2018), "Spectral normalization for generative adversarial networks",
    section 2.1, equation 8, and algorithm 1.

    Args:
        in_dim: Width of the input.
        out_dim: Width of the output.
        streams: Source of the initial weights and of the vector that the iteration starts from.

    Example:
        >>> layer = SpectralLinear(3, 2, DrawStreams(0, n_draws=1))
        >>> _ = nn.init.zeros_(layer.bias), nn.init.constant_(layer.weight, 7.0)
        >>> for _ in range(10):
        ...     y = layer(torch.ones(1, 1, 3))
        >>> round(y.norm().item() / 3**0.5, 3)
        1.0
    """

    def __init__(self, in_dim: int, out_dim: int, streams: DrawStreams) -> None:
        super().__init__(in_dim, out_dim, streams)
        self.direction: Tensor
        self.register_buffer("direction", F.normalize(streams.normal(out_dim), dim=1))

    def forward(self, x: Float[Tensor, "draw batch in_dim"]) -> Float[Tensor, "draw batch out_dim"]:
        # Sums, not matrix products: a draw gets the same bits whatever runs beside it.
        with torch.no_grad():
            left = F.normalize((self.weight * self.direction[:, None]).sum(dim=2), dim=1)
            if self.training:
                self.direction = F.normalize((self.weight * left[:, :, None]).sum(dim=1), dim=1)
        pairs = left[:, :, None] * self.direction[:, None]
        largest = (self.weight * pairs).sum(dim=(1, 2))
        # Dividing the product is dividing the matrix.
        return (super().forward(x) - self.bias) / largest[:, None, None] + self.bias


class StackedBatchNorm(nn.Module):
    """Batch normalization with its own statistics for every draw (Ioffe & Szegedy, 2015).

    In training mode a batch is normalized by its own mean and variance. In evaluation mode the
    running averages are used, so one row's result does not depend on the rows beside it.

    Args:
        dim: Number of features.
        n_draws: Number of draws.

    Example:
        >>> norm = StackedBatchNorm(2, n_draws=1)
        >>> norm(torch.tensor([[[0.0, 10.0], [2.0, 30.0]]])).detach().round()
        tensor([[[-1., -1.],
                 [ 1.,  1.]]])
    """

    momentum = 0.1
    epsilon = 1e-5

    def __init__(self, dim: int, n_draws: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n_draws, 1, dim))
        self.shift = nn.Parameter(torch.zeros(n_draws, 1, dim))
        self.running_mean: Tensor
        self.running_variance: Tensor
        self.register_buffer("running_mean", torch.zeros(n_draws, 1, dim))
        self.register_buffer("running_variance", torch.ones(n_draws, 1, dim))

    def forward(self, x: Float[Tensor, "draw batch dim"]) -> Float[Tensor, "draw batch dim"]:
        if not self.training:
            scale = self.scale * (self.running_variance + self.epsilon).rsqrt()
            return torch.addcmul(self.shift, x - self.running_mean, scale)
        normalized, mean, variance = _Normalize.apply(x, self.epsilon)
        n = x.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_variance.lerp_(variance * n / (n - 1), self.momentum)
        return torch.addcmul(self.shift, normalized, self.scale)


class _Normalize(torch.autograd.Function):
    r"""Normalize every feature over the batch; with its gradient written out.

    With :math:`\hat x = (x - m) / s` and the gradient :math:`g` of the loss in :math:`\hat x`, the
    gradient in x is :math:`(g - \bar g - \hat x\, \overline{g \hat x}) / s`, means over the batch
    (Ioffe & Szegedy, 2015, section 3). Autograd takes three times as many passes over the numbers.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
        # torch.var_mean goes through the batch feature by feature, and takes ten times as long.
        mean = x.mean(dim=1, keepdim=True)
        normalized = x - mean
        variance = normalized.square().mean(dim=1, keepdim=True)
        factor = (variance + epsilon).rsqrt()
        normalized.mul_(factor)
        ctx.save_for_backward(normalized, factor)
        ctx.mark_non_differentiable(mean, variance)
        return normalized, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, None]:
        normalized, factor = ctx.saved_tensors
        along = (gradient * normalized).mean(dim=1, keepdim=True)
        centered = gradient - gradient.mean(dim=1, keepdim=True)
        return centered.addcmul_(normalized, along, value=-1).mul_(factor), None


def check_rows(X: Float[np.ndarray, "draw n dim"]) -> Float[np.ndarray, "draw n dim"]:
    """Return ``X`` as float32, or say what is wrong with it.

    Raises:
        DataError: Wrong number of dimensions, no rows, or a value that is not finite.

    Example:
        >>> check_rows(np.zeros((1, 2, 3))).dtype
        dtype('float32')
    """
    X = np.asarray(X)
    if X.ndim != 3:
        raise DataError(
            f"X has shape {X.shape}; expected (draw, n, dim). For a single draw give X[None]."
        )
    if 0 in X.shape:
        raise DataError(f"X has shape {X.shape}; give at least one draw, one row, one feature.")
    if not np.isfinite(X).all():
        draw, row, _ = np.argwhere(~np.isfinite(X))[0]
        raise DataError(
            f"X[{draw}, {row}] holds a value that is not finite. Remove or repair that row."
        )
    return X.astype(np.float32)


def check_training_arrays(
    X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]
) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
    """Return ``X`` as float32 and ``y`` as int64, or say what is wrong with them.

    Raises:
        DataError: What :func:`check_rows` refuses, lengths that differ, or labels that are not
            whole numbers from 0.

    Example:
        >>> X, y = check_training_arrays(np.zeros((1, 2, 3)), np.array([[0, 1]]))
        >>> X.dtype, y.dtype
        (dtype('float32'), dtype('int64'))
    """
    X, y = check_rows(X), np.asarray(y)
    if y.shape != X.shape[:2]:
        raise DataError(
            f"y has shape {y.shape}; expected {X.shape[:2]}, one label for every row of X."
        )
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        raise DataError(
            f"y holds {y.dtype} values from {y.min()}; expected whole numbers 0, 1, ... "
            "that index the label names."
        )
    return X, y.astype(np.int64)


def check_training_set(
    X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"], batch_size: int
) -> tuple[
    Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"], Float[np.ndarray, "draw n label"]
]:
    """Return ``X``, ``y`` and the one-hot labels that a generative model can learn from.

    Raises:
        DataError: What :func:`check_training_arrays` refuses, or a draw that lacks a label.
        ConfigError: ``batch_size`` is larger than the number of rows.

    Example:
        >>> _, _, onehot = check_training_set(np.zeros((1, 2, 3)), np.array([[0, 1]]), batch_size=2)
        >>> onehot.tolist()
        [[[1.0, 0.0], [0.0, 1.0]]]
    """
    X, y = check_training_arrays(X, y)
    n = X.shape[1]
    if batch_size > n:
        raise ConfigError(
            f"batch_size={batch_size} is larger than the {n} rows of a draw; "
            f"set batch_size to {n} or less."
        )
    onehot = np.eye(y.max() + 1, dtype=np.float32)[y]
    absent = np.argwhere(~onehot.any(axis=1))
    if len(absent):
        draw, label = absent[0]
        raise DataError(
            f"No row of draw {draw} has the label {label}, though the labels go up to "
            f"{y.max()}. Give every draw rows of every label, or number the labels anew."
        )
    return X, y, onehot


def wanted_labels(
    frequencies: Float[Tensor, "draw label"], n: int, label: int | None, streams: DrawStreams
) -> Int[Tensor, "draw n"]:
    """Return the labels of ``n`` rows to sample per draw: one for all, or with given frequencies.

    Raises:
        ConfigError: Fewer than one row, or a label that was never seen.

    Example:
        >>> wanted_labels(torch.tensor([[0.5, 0.5]]), 3, 1, DrawStreams(0, n_draws=1))
        tensor([[1, 1, 1]])
    """
    check_whole(1, n=n)
    n_draws, n_classes = frequencies.shape
    if label is None:
        return streams.labels(frequencies, n)
    if label not in range(n_classes):
        known = ", ".join(map(str, range(n_classes)))
        raise ConfigError(f"label={label!r} was never seen in training; possible: {known}.")
    return torch.full((n_draws, n), int(label), device=streams.device)


def take_rows(
    rows: Float[Tensor, "draw n dim"], chosen: Int[Tensor, "draw batch"]
) -> Float[Tensor, "draw batch dim"]:
    """Return the chosen rows of every draw.

    Example:
        >>> take_rows(torch.arange(6.0).view(2, 3, 1), torch.tensor([[2, 0], [1, 1]])).flatten()
        tensor([2., 0., 4., 4.])
    """
    n_draws, n, dim = rows.shape
    first = torch.arange(0, n_draws * n, n, device=rows.device)[:, None]
    rows = rows.flatten(0, 1).index_select(0, (chosen + first).flatten())
    return rows.view(n_draws, -1, dim)


def take_draws(network: _Network, draws: slice | Sequence[int]) -> _Network:
    """Return a copy of a stacked network that has some of its draws, in the order given.

    Example:
        >>> three = StackedLinear(2, 2, DrawStreams(0, n_draws=3))
        >>> two = take_draws(three, [2, 2])
        >>> bool((two.weight[0] == three.weight[2]).all())
        True
    """
    part = copy.deepcopy(network)
    for tensor in (*part.parameters(), *part.buffers()):
        tensor.data = tensor.data[draws].clone()
    return part


def join_draws(whole: nn.Module, parts: Sequence[nn.Module]) -> None:
    """Give a stacked network the weights of its parts, one after the other.

    Example:
        >>> whole = StackedLinear(2, 2, DrawStreams(0, n_draws=3))
        >>> last_first = [take_draws(whole, [2]), take_draws(whole, [0, 1])]
        >>> join_draws(whole, last_first)
        >>> bool((whole.weight[:1] == last_first[0].weight).all())
        True
    """
    states = [part.state_dict() for part in parts]
    whole.load_state_dict(
        {name: torch.cat([state[name] for state in states]) for name in states[0]}
    )


def check_start(
    kind: str,
    names: Sequence[str],
    ours: object,
    theirs: object,
    given: tuple[int, int, int],
    needed: tuple[int, int, int],
) -> None:
    """Refuse to start from a model whose weights do not fit.

    Args:
        kind: What it is, such as ``"GAN"``.
        names: The settings that shape the weights.
        ours: Settings of the model to train.
        theirs: Settings of the model to start from.
        given: The other's number of draws, dimensions, and labels.
        needed: Those of the rows to train on.

    Raises:
        ConfigError: Something differs; named with both values.

    Example:
        >>> check_start("GAN", [], None, None, given=(1, 5, 2), needed=(3, 5, 2))
        Traceback (most recent call last):
        embgan_edu.base.errors.ConfigError: The GAN to start from has 1 draws, 5 dimensions and 2
            labels; X and y have 3, 5 and 2. Its method select() repeats or picks draws.
    """
    for name in names:
        here, there = getattr(ours, name), getattr(theirs, name)
        if here != there:
            raise ConfigError(
                f"The {kind} to start from has {name}={there}, this one {name}={here}; their "
                "weights do not fit. Give both the same."
            )
    if given != needed:
        raise ConfigError(
            "The {} to start from has {} draws, {} dimensions and {} labels; ".format(kind, *given)
            + "X and y have {}, {} and {}. ".format(*needed)
            + "Its method select() repeats or picks draws."
        )
