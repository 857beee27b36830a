"""Synthetic sentences on the same table as synthetic embeddings.

Whatever writes sentences of a wanted label can be judged like a GAN: its sentences are embedded,
put in the units of each draw, and given out by a sampler. A large pretrained model plugs in here.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from gensim.models import KeyedVectors
from jaxtyping import Float, Int

from embgan_edu.base.errors import ConfigError, DataError, check_number, check_whole
from embgan_edu.data.corpora import check_texts
from embgan_edu.data.embedding import MeanEmbedder
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.data.vectors import DEFAULT_VECTORS
from embgan_edu.models.baselines import Sampler
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.stacked import DrawStreams, check_training_arrays, wanted_labels

if TYPE_CHECKING:
    import transformers

# For each draw a sentence per label: (labels of shape (draw, n), seed) -> draw lists of n texts.
Writer = Callable[[Int[np.ndarray, "draw n"], int], Sequence[Sequence[str]]]


class TextSampler:
    """Sentences of a writer, as labeled embeddings in the units of each draw.

    Args:
        write: Makes the sentences.
        splits: The draws; they give the units, the labels and their frequencies.
        vectors: Word vectors, the ones that the draws were embedded with, or their name.

    Example:
        >>> from embgan_edu.data.embedding import EmbeddedCorpus
        >>> from embgan_edu.data.splits import draw_splits
        >>> vectors = KeyedVectors(2)
        >>> vectors.add_vectors(["good", "bad"], np.eye(2, dtype=np.float32))
        >>> corpus = EmbeddedCorpus("toy", np.tile(np.eye(2), (9, 1)), np.arange(18) % 2,
        ...                         ("good", "bad"), 0)
        >>> splits = draw_splits(corpus, n_train=8, draws=2)
        >>> write = lambda labels, seed: [[splits.label_names[k] for k in row] for row in labels]
        >>> sampler = TextSampler(write, splits, vectors).fit(splits.X_train, splits.y_train)
        >>> sampler.texts(3, label=1)[0][0]
        ['bad', 'bad', 'bad']
        >>> sampler.sample(3)[0].shape
        (2, 3, 2)
    """

    def __init__(
        self, write: Writer, splits: ScarceSplits, vectors: KeyedVectors | str = DEFAULT_VECTORS
    ) -> None:
        self.write = write
        self.splits = splits
        self.embedder = MeanEmbedder(vectors).fit([])
        self.frequencies_ = _frequencies(splits.y_train, splits.n_classes)

    def fit(
        self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]
    ) -> "TextSampler":
        """Take the frequencies of the labels from ``y``; the writer was trained on texts before.

        Raises:
            DataError: Wrong shapes, other draws than those of the splits, or an unknown label.
        """
        _, y = check_training_arrays(X, y)
        if len(y) != self.splits.n_draws or y.max() >= self.splits.n_classes:
            raise DataError(
                f"y has {len(y)} draws and labels up to {y.max()}; the writer was made for "
                f"{self.splits.n_draws} draws and {self.splits.n_classes} labels."
            )
        self.frequencies_ = _frequencies(y, self.splits.n_classes)
        return self

    def texts(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[list[list[str]], Int[np.ndarray, "draw n"]]:
        """Write ``n`` sentences per draw.

        Args:
            n: Sentences per draw.
            label: The label of all; ``None`` draws labels with the training frequencies.
            random_state: Seed, 0 or more.

        Returns:
            The sentences of each draw, and their labels.

        Raises:
            ConfigError: Fewer than one sentence asked, or a label never seen.
            DataError: The writer gave another number of sentences.
        """
        n_draws = len(self.frequencies_)
        frequencies = torch.as_tensor(self.frequencies_)
        y = wanted_labels(frequencies, n, label, DrawStreams(random_state, n_draws)).numpy()
        texts = [check_texts(each) for each in self.write(y, random_state)]
        if [len(each) for each in texts] != [n] * n_draws:
            raise DataError(
                f"The writer gave {[len(each) for each in texts]} sentences for {n_draws} draws of "
                f"{n} labels; expected one per label."
            )
        return texts, y

    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Write ``n`` sentences per draw and embed them; see :meth:`texts`."""
        texts, y = self.texts(n, label, random_state)
        return self.embed(texts), y

    def embed(self, texts: Sequence[Sequence[str]]) -> Float[np.ndarray, "draw n dim"]:
        """Embed as many sentences for each draw, in the units of that draw, float32."""
        X = np.stack([self.embedder.transform(each) for each in texts])
        X = (X - self.splits.mean[:, None]) / self.splits.scale[:, None]
        return X.astype(np.float32)


class JudgedSampler:
    """Of the rows of another sampler, keep those whose label a judge confirms.

    For n rows the other sampler makes ``excess`` times as many. Confirmed rows come first; where
    too few of a label are, others of that label fill up.

    Source: Anaby-Tavor et al. (2020), "Do not have enough data? Deep learning to the rescue!",
    section 3, who keep the sentences that a classifier is most sure of.

    Args:
        sampler: Fitted.
        judge: A trained classifier with as many draws, such as
            :func:`embgan_edu.study.recipe.fit_judge` returns.
        excess: How many rows to make for each one that is asked for.

    Raises:
        ConfigError: The judge is not trained, or ``excess`` is below 1.
    """

    def __init__(self, sampler: Sampler, judge: StackedClassifier, excess: int = 2) -> None:
        check_whole(1, excess=excess)
        judge.check_trained()
        self.sampler = sampler
        self.judge = judge
        self.excess = excess

    def fit(
        self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]
    ) -> "JudgedSampler":
        """Fit the other sampler; the judge stays as it is."""
        self.sampler = self.sampler.fit(X, y)
        return self

    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Make ``n`` rows per draw; see the other sampler's ``sample``."""
        check_whole(1, n=n)
        X, y = self.sampler.sample(self.excess * n, label, random_state)
        refused = self.judge.predict(X) != y
        kept = np.empty((len(y), n), dtype=np.int64)
        for draw, labels in enumerate(y):
            for each in np.unique(labels[:n]):
                places = np.flatnonzero(labels[:n] == each)
                rows = np.flatnonzero(labels == each)
                # A stable sort: confirmed rows first, otherwise in the order they were made.
                best = rows[np.argsort(refused[draw, rows], kind="stable")]
                kept[draw, places] = best[: len(places)]
        return np.take_along_axis(X, kept[..., None], axis=1), y[:, :n]


def sampler_from_texts(
    generate: Callable[[str, int, int], Sequence[str]],
    splits: ScarceSplits,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
) -> TextSampler:
    """Put any text generator on the table, such as a large pretrained model.

    Args:
        generate: Gets the name of a label, a number n and a seed, and returns n sentences. It is
            called once for every draw and label, with a seed of its own.
        splits: The draws.
        vectors: Word vectors, the ones that the draws were embedded with, or their name.

    Example:
        >>> from embgan_edu.data.embedding import EmbeddedCorpus
        >>> from embgan_edu.data.splits import draw_splits
        >>> vectors = KeyedVectors(2)
        >>> vectors.add_vectors(["good", "bad"], np.eye(2, dtype=np.float32))
        >>> corpus = EmbeddedCorpus("toy", np.tile(np.eye(2), (9, 1)), np.arange(18) % 2,
        ...                         ("good", "bad"), 0)
        >>> splits = draw_splits(corpus, n_train=8, draws=2)
        >>> sampler = sampler_from_texts(lambda name, n, seed: [f"so {name}"] * n, splits, vectors)
        >>> sampler.texts(2, label=0)[0]
        [['so good', 'so good'], ['so good', 'so good']]
    """

    def write(labels: Int[np.ndarray, "draw n"], seed: int) -> list[list[str]]:
        texts = [[""] * labels.shape[1] for _ in labels]
        for draw, row in enumerate(labels):
            for label in np.unique(row):
                places = np.flatnonzero(row == label)
                own = int(np.random.SeedSequence([seed, draw, label]).generate_state(1)[0])
                name = splits.label_names[label]
                made = list(generate(name, len(places), own))
                if len(made) != len(places):
                    raise DataError(
                        f"generate({name!r}, {len(places)}, {own}) gave {len(made)} sentences; "
                        f"expected {len(places)}."
                    )
                for place, text in zip(places, made, strict=True):
                    texts[draw][place] = text
        return texts

    return TextSampler(write, splits, vectors)


def transformers_generator(
    model: "transformers.PreTrainedModel",
    tokenizer: "transformers.PreTrainedTokenizerBase",
    prompt: str,
    max_words: int = 40,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Callable[[str, int, int], list[str]]:
    """Return a text generator for :func:`sampler_from_texts` from a model of ``transformers``.

    Of each answer the first line is kept.

    Args:
        model: A causal language model, such as ``AutoModelForCausalLM.from_pretrained(...)``.
        tokenizer: The tokenizer that belongs to it.
        prompt: What the model is to continue, with ``{label}`` where the label's name goes. Show it
            training texts only.
        max_words: At most so many tokens per sentence.
        temperature: Above 0.
        top_p: Above 0 and at most 1.

    Raises:
        ConfigError: The prompt has no ``{label}``, or a number is out of range.

    Example:
        >>> transformers_generator(None, None, "Write a review:")
        Traceback (most recent call last):
        embgan_edu.base.errors.ConfigError: The prompt 'Write a review:' has no {label}; without it
            every label would get the same sentences.
    """
    if "{label}" not in prompt:
        raise ConfigError(
            f"The prompt {prompt!r} has no {{label}}; without it every label would get the same "
            "sentences."
        )
    check_whole(1, max_words=max_words)
    check_number("a number above 0", lambda t: 0 < t < np.inf, temperature=temperature)
    check_number("a number above 0 and at most 1", lambda p: 0 < p <= 1, top_p=top_p)

    def generate(label_name: str, n: int, seed: int) -> list[str]:
        asked = tokenizer(prompt.replace("{label}", label_name), return_tensors="pt")
        asked = asked.to(model.device)
        # The library draws from torch's global generators; they are put back afterwards.
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            answers = model.generate(  # type: ignore[operator]
                **asked,
                do_sample=True,
                temperature=temperature,
                top_p=top_p,
                top_k=0,
                num_return_sequences=n,
                max_new_tokens=max_words,
                pad_token_id=tokenizer.eos_token_id,
            )
        new = answers[:, asked["input_ids"].shape[1] :]
        lines = tokenizer.batch_decode(new, skip_special_tokens=True)
        return [line.strip().partition("\n")[0] for line in lines]

    return generate


def _frequencies(y: Int[np.ndarray, "draw n"], n_classes: int) -> Float[np.ndarray, "draw label"]:
    return np.eye(n_classes, dtype=np.float32)[y].mean(axis=1)
