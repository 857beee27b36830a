r"""Small language models that write sentences of a wanted label, for many draws at once.

A language model gives every word a probability, from the words before it and the label:

.. math:: p(w_1 \dots w_n \mid y) = \prod_t p(w_t \mid w_1 \dots w_{t-1}, y)

One of the networks of :mod:`embgan_edu.text.word_networks` reads the words before and answers with
a vector. The next word is likely to be one whose own vector is like the answer. The same vectors go
in and come out (they are "tied": Press & Wolf, 2017), and they start as GloVe vectors: 100
sentences are too few to learn from nothing what the words mean. The label is a vector as well; it
is added to every word that is read.

Read the file from top to bottom: how a word is drawn, and the class that trains and writes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from embgan_edu.base.errors import (
    ConfigError,
    DataError,
    DivergenceError,
    check_number,
    check_whole,
)
from embgan_edu.base.progress import track
from embgan_edu.models.stacked import DrawStreams, pick_device
from embgan_edu.text.vocabulary import IMPOSSIBLE, Vocabulary
from embgan_edu.text.word_networks import NETWORKS, LanguageModelConfig

_ROWS_AT_ONCE = 100  # sentences per draw that are written at a time, for the sake of memory


def nucleus(probabilities: Float[Tensor, "... word"], top_p: float) -> Float[Tensor, "... word"]:
    """Keep the fewest, most probable words that have ``top_p`` together; the others get 0.

    What is kept is scaled to sum 1 again. Source: Holtzman et al. (2020), "The curious case of
    neural text degeneration", section 3.1.

    Raises:
        ConfigError: ``top_p`` is not above 0 and at most 1.

    Example:
        >>> nucleus(torch.tensor([0.125, 0.5, 0.25, 0.125]), top_p=0.75)
        tensor([0.0000, 0.6667, 0.3333, 0.0000])
    """
    check_number("a number above 0 and at most 1", lambda p: 0 < p <= 1, top_p=top_p)
    if top_p == 1:
        return probabilities
    ordered, words = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = torch.where(before < top_p, ordered, 0.0)
    return torch.zeros_like(probabilities).scatter(-1, words, kept / kept.sum(dim=-1, keepdim=True))


def draw_words(
    logits: Float[Tensor, "... word"],
    uniform: Float[Tensor, "..."],
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Int[Tensor, "..."]:
    """Draw one word from each row of logits.

    Logits are divided by the temperature: below 1 probable words become more probable, and towards
    0 only the most probable is left. Then :func:`nucleus` cuts off the tail. The word drawn is the
    one in which the given number falls when the probabilities lie side by side from 0 to 1.

    Args:
        logits: Logarithms of probabilities, up to a constant.
        uniform: One random number in [0, 1) per row.
        temperature: Above 0.
        top_p: Above 0 and at most 1; with 1 nothing is cut off.

    Raises:
        ConfigError: ``temperature`` or ``top_p`` out of range.

    Example:
        >>> logits = torch.log(torch.tensor([0.5, 0.3, 0.2]))
        >>> [int(draw_words(logits, torch.tensor(u))) for u in (0.4, 0.6, 0.9)]
        [0, 1, 2]
        >>> int(draw_words(logits, torch.tensor(0.9), temperature=0.01))
        0
    """
    check_number("a number above 0", lambda t: 0 < t < np.inf, temperature=temperature)
    # The largest becomes 0 first: then no temperature, however small, makes it overflow.
    scaled = (logits - logits.amax(dim=-1, keepdim=True)) / temperature
    shares = nucleus(scaled.softmax(dim=-1), top_p).cumsum(dim=-1)
    # The sum is 1 but for rounding; scaling by it keeps the last step within reach.
    places = uniform[..., None] * shares[..., -1:]
    return torch.searchsorted(shares, places, right=True)[..., 0]


class LanguageModel:
    """Train one language model per draw and let each write sentences.

    Args:
        config: The settings.
        random_state: Seed of the initial weights and the minibatches.

    Example:
        >>> from gensim.models import KeyedVectors
        >>> vectors = KeyedVectors(5)
        >>> vectors.add_vectors("the film is good bad".split(), np.eye(5, dtype=np.float32))
        >>> texts = ["The film is good.", "The film is bad."]
        >>> vocabulary = Vocabulary(texts, vectors, size=8)
        >>> config = LanguageModelConfig(steps=150, batch_size=2, learning_rate=0.02, max_words=6)
        >>> model = LanguageModel(config).fit([texts], np.array([[1, 0]]), [vocabulary])
        >>> model.write(np.array([[1, 0]]), temperature=0.1)
        [['the film is good', 'the film is bad']]
    """

    def __init__(self, config: LanguageModelConfig | None = None, random_state: int = 0) -> None:
        check_whole(0, random_state=random_state)
        self.config = config or LanguageModelConfig()
        self.random_state = random_state

    def fit(
        self,
        texts: Sequence[Sequence[str]],
        labels: Int[np.ndarray, "draw n"],
        vocabularies: Sequence[Vocabulary],
        start: "LanguageModel | None" = None,
        progress: bool = False,
        after_step: Callable[[int], None] | None = None,
    ) -> "LanguageModel":
        """Train on the sentences of each draw.

        Args:
            texts: For each draw its n sentences.
            labels: Their labels.
            vocabularies: One per draw, of one size.
            start: A trained model whose weights are the initial ones. It stays as it is. Its
                vocabularies may be others; a word that it does not know keeps its GloVe vector.
            progress: Show a progress line.
            after_step: Called after every step with the number of steps done.

        Raises:
            DataError: No draw, no text, or numbers of texts, labels, vocabularies that differ.
            ConfigError: ``batch_size`` above the number of texts, or a ``start`` with other
                settings, draws or labels.
            DivergenceError: A loss stopped being finite.
        """
        labels = np.asarray(labels)
        _check_texts(texts, labels, vocabularies)
        config, (n_draws, n) = self.config, labels.shape
        if config.batch_size > n:
            raise ConfigError(
                f"batch_size={config.batch_size} is larger than the {n} texts of a draw; "
                f"set batch_size to {n} or less."
            )
        device = pick_device()
        streams = DrawStreams(self.random_state, n_draws, device)
        self._build(vocabularies, int(labels.max()) + 1, streams)
        if start is not None:
            self._take_over(start)
        optimizer = torch.optim.Adam(
            [*self.network_.parameters(), self.label_vectors_, self.word_vectors_],
            lr=config.learning_rate,
            foreach=True,
        )
        words, marks = self._encode(texts), torch.as_tensor(labels, device=device)
        each_draw = torch.arange(n_draws, device=device)[:, None]
        for step in track(config.steps, "training", progress):
            chosen = streams.minibatch(n, config.batch_size)
            surprise, real = self._surprise(words[each_draw, chosen], marks[each_draw, chosen])
            # Mean over the words of a draw, sum over draws: a draw's gradient is its own.
            losses = surprise.sum(dim=(1, 2)) / real.sum(dim=(1, 2))
            if not losses.isfinite().all():
                draw = int((~losses.isfinite()).nonzero()[0])
                raise DivergenceError(
                    f"Training diverged at step {step} in draw {draw}: the loss is not finite. "
                    "Lower learning_rate."
                )
            optimizer.zero_grad()
            losses.sum().backward()
            optimizer.step()
            if after_step is not None:
                after_step(step + 1)
        return self

    @torch.no_grad()
    def perplexity(
        self, texts: Sequence[Sequence[str]], labels: Int[np.ndarray, "draw n"]
    ) -> Float[np.ndarray, " draw"]:
        r"""Between how many words the model wavers, on average, before it reads the next one.

        .. math:: \exp\Bigl(-\frac1T \sum_t \log p(w_t \mid w_{<t}, y)\Bigr)

        The T words are those of all sentences that are in the vocabulary, and the ends; compare
        models of one vocabulary only. From 1; a model without a clue reaches the size of the
        vocabulary.

        Raises:
            ConfigError: Not trained yet.
            DataError: Numbers of texts and labels that differ, or other draws than trained on.
        """
        self._check_trained()
        labels = np.asarray(labels)
        _check_texts(texts, labels, self.vocabularies_)
        marks = torch.as_tensor(labels, device=self.label_vectors_.device)
        words = self._encode(texts)
        sums = []
        for rows in range(0, words.shape[1], _ROWS_AT_ONCE):
            part = slice(rows, rows + _ROWS_AT_ONCE)
            surprise, real = self._surprise(words[:, part], marks[:, part])
            sums.append(torch.stack([surprise.sum(dim=(1, 2)), real.sum(dim=(1, 2))]))
        surprise, real = torch.stack(sums).sum(dim=0)
        return (surprise / real).exp().cpu().numpy()

    @torch.no_grad()
    def write(
        self,
        labels: Int[np.ndarray, "draw n"],
        temperature: float = 1.0,
        top_p: float = 1.0,
        random_state: int = 0,
        progress: bool = False,
    ) -> list[list[str]]:
        """Write a sentence for each label of each draw.

        What a draw gets depends on its own model, its labels, ``random_state`` and its number.

        Args:
            labels: The wanted labels.
            temperature: See :func:`draw_words`.
            top_p: See :func:`nucleus`.
            random_state: Seed, 0 or more.
            progress: Show a progress line.

        Raises:
            ConfigError: Not trained yet, a label never seen, or a number out of range.
            DataError: Other draws than trained on.
        """
        self._check_trained()
        labels = np.asarray(labels)
        n_draws, n_classes = self.label_vectors_.shape[:2]
        if labels.ndim != 2 or len(labels) != n_draws or not labels.size:
            raise DataError(
                f"labels has shape {labels.shape}; expected ({n_draws}, n), one row per draw."
            )
        unknown = labels[(labels < 0) | (labels >= n_classes)]
        if unknown.size:
            known = ", ".join(map(str, range(n_classes)))
            raise ConfigError(f"label={unknown[0]} was never seen; possible: {known}.")
        device, time = self.label_vectors_.device, self.config.max_words
        marks = torch.as_tensor(labels, device=device)
        uniform = DrawStreams(random_state, n_draws, device).uniform(labels.shape[1], time)
        parts = []
        for part in track(-(-labels.shape[1] // _ROWS_AT_ONCE), "writing", progress):
            rows = slice(part * _ROWS_AT_ONCE, (part + 1) * _ROWS_AT_ONCE)
            parts.append(self._write(marks[:, rows], uniform[:, rows], temperature, top_p))
        written = torch.cat(parts, dim=1).cpu().numpy()
        return [
            [vocabulary.decode(numbers) for numbers in rows]
            for vocabulary, rows in zip(self.vocabularies_, written, strict=True)
        ]

    def logits(
        self, words: Int[Tensor, "draw n time"], labels: Int[Tensor, "draw n"]
    ) -> Float[Tensor, "draw n time word"]:
        """The model's opinion on each word of some sentences, from the words before it.

        Args:
            words: Numbers of words, as :meth:`embgan_edu.text.vocabulary.Vocabulary.encode` gives
                them.
            labels: The label of each sentence.
        """
        before = F.pad(words.clamp(min=0), (1, -1))  # the first word follows an end, number 0
        return self._next(before, labels)[0]

    def select(self, draws: slice | Sequence[int]) -> "LanguageModel":
        """Return the models of some draws, such as ``model.select([0] * 16)`` for 16 copies.

        Raises:
            ConfigError: Not trained yet.
        """
        self._check_trained()
        chosen = np.arange(len(self.vocabularies_))[draws]
        vocabularies = [self.vocabularies_[draw] for draw in chosen]
        tensors = {name: tensor[chosen] for name, tensor in self.state().items()}
        return LanguageModel(self.config, self.random_state).restore(tensors, vocabularies)

    def state(self) -> dict[str, Tensor]:
        """Return all weights by name, on the CPU.

        Raises:
            ConfigError: Not trained yet.
        """
        self._check_trained()
        tensors = {"labels": self.label_vectors_.detach(), "words": self.word_vectors_.detach()}
        tensors |= {f"network.{k}": tensor for k, tensor in self.network_.state_dict().items()}
        return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}

    def restore(
        self, tensors: Mapping[str, Tensor], vocabularies: Sequence[Vocabulary]
    ) -> "LanguageModel":
        """Take weights that :meth:`state` gave, in place of training.

        Raises:
            KeyError, RuntimeError: The tensors are not those of such a model.
        """
        n_draws, n_classes, _ = tensors["labels"].shape
        self._build(vocabularies, n_classes, DrawStreams(0, n_draws, pick_device()))
        prefix = "network."
        self.network_.load_state_dict(
            {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
        )
        with torch.no_grad():
            self.label_vectors_.copy_(tensors["labels"])
            self.word_vectors_.copy_(tensors["words"])
        return self

    def _build(
        self, vocabularies: Sequence[Vocabulary], n_classes: int, streams: DrawStreams
    ) -> None:
        self.vocabularies_ = list(vocabularies)
        device = streams.device
        vectors = np.stack([vocabulary.vectors for vocabulary in vocabularies])
        frequency = np.stack([vocabulary.log_frequency for vocabulary in vocabularies])
        self.word_vectors_ = nn.Parameter(torch.as_tensor(vectors, device=device))
        self.log_frequency_ = torch.as_tensor(frequency, device=device)[:, None]
        dim = vectors.shape[2]
        self.network_ = NETWORKS[self.config.network](dim, self.config, streams).to(device)
        self.label_vectors_ = nn.Parameter(streams.normal(n_classes, dim))

    @torch.no_grad()
    def _take_over(self, start: "LanguageModel") -> None:
        """Begin with the weights of a trained model."""
        self._check_start(start)
        self.network_.load_state_dict(start.network_.state_dict())
        self.label_vectors_.copy_(start.label_vectors_)
        for draw, (own, other) in enumerate(
            zip(self.vocabularies_, start.vocabularies_, strict=True)
        ):
            shared = [word for word in own.words if word in other.index]
            here, there = ([v.index[word] for word in shared] for v in (own, other))
            self.word_vectors_[draw, here] = start.word_vectors_[draw, there]

    def _encode(self, texts: Sequence[Sequence[str]]) -> Int[Tensor, "draw n time"]:
        rows = [
            vocabulary.encode(each, self.config.max_words)
            for vocabulary, each in zip(self.vocabularies_, texts, strict=True)
        ]
        return torch.as_tensor(np.stack(rows), device=self.label_vectors_.device)

    def _next(
        self,
        before: Int[Tensor, "draw n time"],
        labels: Int[Tensor, "draw n"],
        state: Any = None,
    ) -> tuple[Float[Tensor, "draw n time word"], Any]:
        """Logits of the words that follow those given, and the network's state after them."""
        draws, size, _ = self.word_vectors_.shape
        each_draw = torch.arange(draws, device=before.device)[:, None]
        # One table with the words of all draws: its gradient is found faster than that of many.
        numbers = before + size * each_draw[:, :, None]
        x = F.embedding(numbers, self.word_vectors_.flatten(0, 1))
        x = x + self.label_vectors_[each_draw, labels][:, :, None]
        answers, state = self.network_(x, state)
        n, time = before.shape[1:]
        # The score of a word is the product of its vector with the answer, plus what its
        # frequency alone would say: an untrained network starts from the frequencies.
        scores = torch.baddbmm(
            self.log_frequency_, answers.flatten(1, 2), self.word_vectors_.transpose(1, 2)
        )
        return scores.unflatten(1, (n, time)), state

    def _surprise(
        self, words: Int[Tensor, "draw n time"], labels: Int[Tensor, "draw n"]
    ) -> tuple[Float[Tensor, "draw n time"], Bool[Tensor, "draw n time"]]:
        """Minus log-probability of each word (nats), and where there is a word at all."""
        logits, real = self.logits(words, labels), words >= 0
        surprise = F.cross_entropy(
            logits.flatten(0, 2), words.flatten(), ignore_index=-1, reduction="none"
        )
        return surprise.unflatten(0, words.shape), real

    def _write(
        self,
        labels: Int[Tensor, "draw n"],
        uniform: Float[Tensor, "draw n time"],
        temperature: float,
        top_p: float,
    ) -> Int[Tensor, "draw n time"]:
        """Numbers of the words of one sentence per label, 0 from its end on."""
        word = torch.zeros_like(labels)
        ended = torch.zeros_like(labels, dtype=torch.bool)
        written, state = [], None
        for t in range(uniform.shape[2]):
            logits, state = self._next(word[:, :, None], labels, state)
            logits = logits[:, :, 0]
            if t == 0:  # a sentence has a word at least
                logits[:, :, 0] = IMPOSSIBLE
            word = draw_words(logits, uniform[:, :, t], temperature, top_p)
            ended |= word == 0
            word = word.masked_fill(ended, 0)
            written.append(word)
        return torch.stack(written, dim=2)

    def _check_trained(self) -> None:
        if not hasattr(self, "network_"):
            raise ConfigError("This language model is not trained yet; call fit first.")

    def _check_start(self, start: "LanguageModel") -> None:
        start._check_trained()
        for name in ("network", "hidden", "heads", "max_words"):
            ours, theirs = getattr(self.config, name), getattr(start.config, name)
            if ours != theirs:
                raise ConfigError(
                    f"The model to start from has {name}={theirs!r}, this one {name}={ours!r}; "
                    "their weights do not fit. Give both the same."
                )
        ours, theirs = self.label_vectors_.shape, start.label_vectors_.shape
        if ours != theirs:
            raise ConfigError(
                "The model to start from has {} draws, {} labels and {}-dimensional word vectors; "
                "expected {}, {} and {}. ".format(*theirs, *ours)
                + "Its method select() repeats or picks draws."
            )


def _check_texts(
    texts: Sequence[Sequence[str]],
    labels: Int[np.ndarray, "draw n"],
    vocabularies: Sequence[Vocabulary],
) -> None:
    if labels.ndim != 2 or not labels.size:
        raise DataError(
            f"labels has shape {labels.shape}; expected (draw, n), and one text or more per draw."
        )
    numbers = (len(texts), len(vocabularies))
    if numbers != (len(labels), len(labels)):
        raise DataError(
            f"There are texts of {numbers[0]} draws, labels of {len(labels)}, and {numbers[1]} "
            "vocabularies; expected as many of each."
        )
    for draw, each in enumerate(texts):
        if len(each) != labels.shape[1]:
            raise DataError(
                f"Draw {draw} has {len(each)} texts and {labels.shape[1]} labels; expected one "
                "label for every text."
            )
    sizes = {len(vocabulary.vectors) for vocabulary in vocabularies}
    if len(sizes) > 1:
        raise DataError(f"The vocabularies have the sizes {sorted(sizes)}; give all the same size.")
