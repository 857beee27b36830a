"""The two networks of the language models: a gated recurrent unit and a small Transformer.

Both read the vectors of words and answer, after each word, with a vector for the next one. Both
can go on where they stopped: ``state`` holds what they remember of the words before. The leading
dimension is the draw, each with its own weights.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from embgan_edu.base.errors import ConfigError, check_number, check_whole
from embgan_edu.models.stacked import DrawStreams, StackedLinear


@dataclass(frozen=True)
class LanguageModelConfig:
    """All settings of a language model; customary values, except where a comment says more.

    Raises:
        ConfigError: A value that cannot work, named with what is expected.

    Example:
        >>> LanguageModelConfig(network="transformer", steps=20).hidden
        64
    """

    network: Literal["gru", "transformer"] = "gru"
    hidden: int = 64  # width of the GRU's state, or of the Transformer's block
    heads: int = 4  # of the Transformer's attention
    max_words: int = 24  # a longer sentence is cut
    steps: int = 100  # training steps
    batch_size: int = 16  # sentences per step
    learning_rate: float = 3e-3  # Adam's

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ConfigError(
                f"There is no network {self.network!r}; possible: {', '.join(NETWORKS)}."
            )
        for name in ("hidden", "heads", "max_words", "steps", "batch_size"):
            check_whole(1, **{name: getattr(self, name)})
        if self.hidden % self.heads:
            raise ConfigError(
                f"hidden={self.hidden} cannot be shared by heads={self.heads}; give a multiple."
            )
        check_number(
            "a number above 0 and below 1", lambda r: 0 < r < 1, learning_rate=self.learning_rate
        )


class GRU(nn.Module):
    r"""A gated recurrent unit: it reads one word after the other and keeps a summary, its state.

    .. math:: u &= \sigma(W_u x_t + U_u h_{t-1} + b_u), \qquad
              r = \sigma(W_r x_t + U_r h_{t-1} + b_r) \\
              \tilde h &= \tanh(W x_t + b + r \odot (U h_{t-1} + b')), \qquad
              h_t = u \odot h_{t-1} + (1 - u) \odot \tilde h

    The update gate u says how much of the state stays, the reset gate r how much of it is looked
    at. Source: Cho et al. (2014), section 2.3, with the reset gate after the product, as Keras
    has it.

    Example:
        >>> gru = GRU(5, LanguageModelConfig(hidden=8), DrawStreams(0, n_draws=2))
        >>> answers, state = gru(torch.zeros(2, 3, 4, 5))
        >>> tuple(answers.shape), tuple(state.shape)
        ((2, 3, 4, 5), (2, 3, 8))
    """

    def __init__(self, dim: int, config: LanguageModelConfig, streams: DrawStreams) -> None:
        super().__init__()
        self.hidden = config.hidden
        self.inputs = StackedLinear(dim, 3 * config.hidden, streams)
        self.recurrent = StackedLinear(config.hidden, 3 * config.hidden, streams)
        self.output = StackedLinear(config.hidden, dim, streams)

    def forward(
        self,
        x: Float[Tensor, "draw n time dim"],
        state: Float[Tensor, "draw n hidden"] | None = None,
    ) -> tuple[Float[Tensor, "draw n time dim"], Float[Tensor, "draw n hidden"]]:
        draws, n, time, _ = x.shape
        h = x.new_zeros(draws, n, self.hidden) if state is None else state
        inputs = self.inputs(x.flatten(1, 2)).unflatten(1, (n, time))
        states = []
        for t in range(time):
            x_update, x_reset, x_new = inputs[:, :, t].chunk(3, dim=2)
            h_update, h_reset, h_new = self.recurrent(h).chunk(3, dim=2)
            update = torch.sigmoid(x_update + h_update)
            new = torch.tanh(x_new + torch.sigmoid(x_reset + h_reset) * h_new)
            h = update * h + (1 - update) * new
            states.append(h)
        answers = self.output(torch.stack(states, dim=2).flatten(1, 2))
        return answers.unflatten(1, (n, time)), h


class Transformer(nn.Module):
    r"""One Transformer block: every word looks back at all words before it, and at itself.

    .. math:: \mathrm{attention}(Q, K, V) =
              \mathrm{softmax}\Bigl(\frac{Q K^\top}{\sqrt d} + M\Bigr) V

    The mask M is 0 where a word may look and minus infinity at later words. Source: Vaswani et al.
    (2017), sections 3.2.1 and 3.2.3, with normalization before each part, as is usual now. Places
    have learned vectors.

    Example:
        >>> config = LanguageModelConfig(network="transformer", hidden=8)
        >>> transformer = Transformer(5, config, DrawStreams(0, n_draws=2))
        >>> answers, (keys, values) = transformer(torch.zeros(2, 3, 4, 5))
        >>> tuple(answers.shape), tuple(keys.shape)
        ((2, 3, 4, 5), (2, 3, 4, 8))
    """

    def __init__(self, dim: int, config: LanguageModelConfig, streams: DrawStreams) -> None:
        super().__init__()
        hidden = config.hidden
        self.heads = config.heads
        self.places = nn.Parameter(0.1 * streams.normal(1, config.max_words, hidden))
        self.inputs = StackedLinear(dim, hidden, streams)
        self.attention = StackedLinear(hidden, 3 * hidden, streams)
        self.mixed = StackedLinear(hidden, hidden, streams)
        self.wide = StackedLinear(hidden, 4 * hidden, streams)
        self.narrow = StackedLinear(4 * hidden, hidden, streams)
        self.output = StackedLinear(hidden, dim, streams)

    def forward(
        self,
        x: Float[Tensor, "draw n time dim"],
        state: tuple[Float[Tensor, "draw n past hidden"], ...] | None = None,
    ) -> tuple[Float[Tensor, "draw n time dim"], tuple[Float[Tensor, "draw n all hidden"], ...]]:
        n, time = x.shape[1:3]

        def each(layer: nn.Module, h: Tensor) -> Tensor:
            return layer(h.flatten(1, 2)).unflatten(1, (n, time))

        past = 0 if state is None else state[0].shape[2]
        h = each(self.inputs, x) + self.places[:, :, past : past + time]
        queries, keys, values = each(self.attention, _normalized(h)).chunk(3, dim=3)
        if state is not None:  # what was read before need not be computed again
            keys, values = (torch.cat(p, dim=2) for p in zip(state, (keys, values), strict=True))
        looked = causal_attention(*(self._split(part) for part in (queries, keys, values)))
        h = h + each(self.mixed, looked.transpose(2, 3).flatten(3))
        h = h + each(self.narrow, F.gelu(each(self.wide, _normalized(h))))
        return each(self.output, _normalized(h)), (keys, values)

    def _split(self, x: Float[Tensor, "draw n time hidden"]) -> Float[Tensor, "draw n head time d"]:
        return x.unflatten(3, (self.heads, -1)).transpose(2, 3)


NETWORKS: dict[str, type[GRU] | type[Transformer]] = {"gru": GRU, "transformer": Transformer}


def _normalized(h: Float[Tensor, "... hidden"]) -> Float[Tensor, "... hidden"]:
    """Layer normalization; the linear layer that follows has scales and shifts enough."""
    return F.layer_norm(h, h.shape[-1:])


def causal_attention(
    queries: Float[Tensor, "... time d"],
    keys: Float[Tensor, "... all d"],
    values: Float[Tensor, "... all d"],
) -> Float[Tensor, "... time d"]:
    """Mix the values of the places that each query may see: those up to its own.

    The queries are those of the *last* places; there may be more keys than queries.

    Example:
        >>> same = torch.zeros(3, 1)  # no preference: the mean of what may be seen
        >>> causal_attention(same, same, torch.tensor([[0.0], [2.0], [4.0]])).flatten()
        tensor([0., 1., 2.])
    """
    time, everything = queries.shape[-2], keys.shape[-2]
    scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5
    later = torch.ones(time, everything, dtype=torch.bool, device=scores.device)
    later = later.triu(everything - time + 1)
    return scores.masked_fill(later, -torch.inf).softmax(dim=-1) @ values
