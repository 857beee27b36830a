"""The ways to write synthetic sentences that chapter 13 compares.

Each ``fit_`` function gets the draws, the corpus that they come from and one to learn from, and
returns a sampler. None of them sees a test text.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors
from jaxtyping import Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from embgan_edu.base.cache import atomic_path, cache_dir, code_key, content_key, lock
from embgan_edu.base.errors import DataError, check_whole
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.data.vectors import DEFAULT_VECTORS, load_word_vectors, tokenize, vectors_key
from embgan_edu.models.baselines import Sampler
from embgan_edu.models.stacked import describe_computer
from embgan_edu.study.recipe import NETWORKS, fit_judge
from embgan_edu.text.language_model import LanguageModel
from embgan_edu.text.samplers import JudgedSampler, TextSampler
from embgan_edu.text.templates import fill, find_words
from embgan_edu.text.vocabulary import Vocabulary
from embgan_edu.text.word_networks import LanguageModelConfig

# Steps and rates were chosen by the perplexity of held-out training texts, on draws that no chapter
# reports; the rest is customary. A vocabulary holds the words of a draw, and the most frequent ones
# of the tweets where these are learned from.
SCRATCH = LanguageModelConfig(steps=60, learning_rate=1e-3)
PRETRAINING = LanguageModelConfig(steps=400, batch_size=32)
FINE_TUNING = LanguageModelConfig(steps=30, learning_rate=1e-3)
SCRATCH_WORDS, PRETRAINED_WORDS = 1200, 2000


def fit_templates(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus | None = None,
    random_state: int = 0,
    progress: bool = False,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
) -> TextSampler:
    """Fill the grammar of :mod:`embgan_edu.text.templates` with words of each draw's own texts.

    Nothing is trained; ``source``, ``random_state`` and ``progress`` are there because all methods
    of the table are called alike.

    Args:
        splits: The draws.
        target: The corpus that they were drawn from, with its texts.
        source: Not used.
        random_state: Not used.
        progress: Not used.
        vectors: Word vectors, the ones that the corpus was embedded with, or their name.

    Raises:
        DataError: The corpus does not belong to the draws, or a draw's texts hold no aspect or no
            opinion.
    """
    words = [
        find_words(texts, labels, splits.n_classes)
        for texts, labels in zip(training_texts(splits, target), splits.y_train, strict=True)
    ]

    def write(labels: Int[np.ndarray, "draw n"], seed: int) -> list[list[str]]:
        texts = []
        for draw, (own, row) in enumerate(zip(words, labels, strict=True)):
            rng = np.random.default_rng([seed, draw])
            texts.append([fill(own, int(label), rng) for label in row])
        return texts

    return TextSampler(write, splits, vectors)


def fit_word_soup(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus | None = None,
    random_state: int = 0,
    progress: bool = False,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
) -> TextSampler:
    """Draw words of the training texts of the label, as many as one of these texts has.

    The simplest writer of all, without any grammar: a control for those that have one. Arguments
    and errors are those of :func:`fit_templates`.
    """
    bags = [
        [
            [tokenize(text) for text, own in zip(texts, labels, strict=True) if own == label]
            for label in range(splits.n_classes)
        ]
        for texts, labels in zip(training_texts(splits, target), splits.y_train, strict=True)
    ]

    def write(labels: Int[np.ndarray, "draw n"], seed: int) -> list[list[str]]:
        written = []
        for draw, (own, row) in enumerate(zip(bags, labels, strict=True)):
            rng = np.random.default_rng([seed, draw])
            words = [[word for text in texts for word in text] for texts in own]
            lengths = [rng.integers(len(own[label])) for label in row]
            written.append(
                [
                    " ".join(
                        words[label][k]
                        for k in rng.integers(len(words[label]), size=len(own[label][chosen]))
                    )
                    for label, chosen in zip(row, lengths, strict=True)
                ]
            )
        return written

    return TextSampler(write, splits, vectors)


def fit_gru(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus | None = None,
    random_state: int = 0,
    progress: bool = False,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
) -> TextSampler:
    """Train a GRU on the training texts of each draw, and on nothing else.

    Args:
        splits: The draws.
        target: The corpus that they were drawn from, with its texts.
        source: Not used.
        random_state: Seed of the weights and the minibatches.
        progress: Show a progress line.
        vectors: Word vectors, the ones that the corpus was embedded with, or their name.

    Raises:
        DataError: The corpus does not belong to the draws.
    """
    loaded = _loaded(vectors)
    texts = training_texts(splits, target)
    vocabularies = [Vocabulary(each, loaded, size=SCRATCH_WORDS) for each in texts]
    model = LanguageModel(_small_batch(SCRATCH, splits), random_state)
    model.fit(texts, splits.y_train, vocabularies, progress=progress)
    return sampler_from_model(model, splits, loaded)


def fit_pretrained(
    network: str,
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int = 0,
    progress: bool = False,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
) -> TextSampler:
    """Train language models on the texts of ``source``, and go on with those of each draw.

    Arguments and errors are those of :func:`fine_tune`.
    """
    model = fine_tune(network, splits, target, source, random_state, progress, vectors)
    return sampler_from_model(model, splits, vectors)


def fit_judged(
    fit: Callable[..., Sampler],
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int = 0,
    progress: bool = False,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
) -> JudgedSampler:
    """Do what ``fit`` does, and keep what the judge of the recipe confirms.

    Args:
        fit: One of the ways above; it gets all other arguments.
        splits: The draws.
        target: The corpus that they were drawn from, with its texts.
        source: What the judge has read beside the training rows, such as ``embed("tweets")``.
        random_state: Seed of the sampler and of the judge.
        progress: Show a progress line.
        vectors: Word vectors, the ones that both were embedded with, or their name.
    """
    sampler = fit(splits, target, source, random_state, progress, vectors)
    return JudgedSampler(sampler, fit_judge(splits, source, random_state))


def sampler_from_model(
    model: LanguageModel,
    splits: ScarceSplits,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> TextSampler:
    """Return a sampler of a trained language model's sentences.

    Args:
        model: A language model with as many draws as the splits.
        splits: The draws.
        vectors: Word vectors, the ones that the draws were embedded with, or their name.
        temperature: Above 0.
        top_p: Above 0 and at most 1.
    """

    def write(labels: Int[np.ndarray, "draw n"], seed: int) -> list[list[str]]:
        return model.write(labels, temperature, top_p, random_state=seed)

    return TextSampler(write, splits, vectors)


def training_texts(splits: ScarceSplits, target: EmbeddedCorpus) -> list[list[str]]:
    """Return the texts behind the training rows of each draw, and no other text.

    Raises:
        DataError: The corpus has no texts, or its rows are not those of the draws.
    """
    texts = _texts(target)
    if splits.train_index.max() >= len(texts) or not np.array_equal(
        target.y[splits.train_index], splits.y_train
    ):
        raise DataError(
            f"The training rows of these draws are not rows of {target.name!r}. Give the corpus "
            "that draw_splits was given."
        )
    return [[texts[row] for row in rows] for rows in splits.train_index]


def fine_tune(
    network: str,
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int = 0,
    progress: bool = False,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
) -> LanguageModel:
    """Return a language model per draw: pretrained on one corpus, fine-tuned on another.

    Draw k starts from pretrained network k modulo 8.

    Args:
        network: ``"gru"`` or ``"transformer"``.
        splits: The draws.
        target: The corpus that they were drawn from, with its texts.
        source: The corpus to pretrain on.
        random_state: Seed of the weights and the minibatches.
        progress: Show a progress line.
        vectors: Word vectors, the ones that both were embedded with, or their name.

    Raises:
        ConfigError: An unknown network.
        DataError: The corpus does not belong to the draws, or ``source`` has other labels.
    """
    splits.check_fits(source)
    loaded = _loaded(vectors)
    texts = training_texts(splits, target)
    config = replace(PRETRAINING, network=network)  # type: ignore[arg-type]
    start = pretrain_language_model(config, source, loaded, NETWORKS, random_state, progress)
    more = _texts(source)
    vocabularies = [Vocabulary(each, loaded, more, PRETRAINED_WORDS) for each in texts]
    config = replace(_small_batch(FINE_TUNING, splits), network=network)  # type: ignore[arg-type]
    return LanguageModel(config, random_state).fit(
        texts,
        splits.y_train,
        vocabularies,
        start=start.select([draw % NETWORKS for draw in range(splits.n_draws)]),
        progress=progress,
    )


def pretrain_language_model(
    config: LanguageModelConfig,
    corpus: EmbeddedCorpus,
    vectors: KeyedVectors | str = DEFAULT_VECTORS,
    networks: int = NETWORKS,
    random_state: int = 0,
    progress: bool = False,
) -> LanguageModel:
    """Train language models on a whole corpus, or read the weights of an earlier call.

    They are cached under a key of everything that they depend on, as those of
    :func:`embgan_edu.study.recipe.pretrain` are.

    Args:
        config: The settings.
        corpus: The corpus, such as ``embed("tweets")``.
        vectors: Word vectors or their name.
        networks: How many, each with its own initial weights.
        random_state: Seed.
        progress: Show a progress line while training.

    Raises:
        ConfigError: ``networks`` is not a whole number of 1 or more, or the corpus has fewer texts
            than a batch.
    """
    check_whole(1, networks=networks)
    loaded, texts = _loaded(vectors), _texts(corpus)
    vocabularies = [Vocabulary(texts, loaded, size=PRETRAINED_WORDS)] * networks
    all_texts, labels = [texts] * networks, np.tile(corpus.y, (networks, 1))
    modules = (
        "data.vectors",
        "models.stacked",
        "text.language_model",
        "text.vocabulary",
        "text.word_networks",
    )
    key = content_key(
        json.dumps([asdict(config), networks, random_state, PRETRAINED_WORDS], sort_keys=True),
        *texts,
        corpus.y,
        vectors_key(loaded),
        code_key(*modules),
        describe_computer(),
    )
    folder = os.environ.get("EMBGAN_WEIGHTS") or cache_dir() / "weights"
    path = Path(folder) / f"{key}.safetensors"
    with lock(f"weights-{path.stem}"):
        try:
            return LanguageModel(config, random_state).restore(load_file(path), vocabularies)
        except (OSError, SafetensorError, KeyError, RuntimeError):  # not there yet, or damaged
            pass
        model = LanguageModel(config, random_state)
        model.fit(all_texts, labels, vocabularies, progress=progress)
        with atomic_path(path) as temporary:
            save_file(model.state(), temporary)
    return model


def _texts(corpus: EmbeddedCorpus) -> tuple[str, ...]:
    if not corpus.texts:
        raise DataError(
            f"The corpus {corpus.name!r} has rows, but no texts to learn from. Make it with "
            "embed(), which keeps them."
        )
    return corpus.texts


def _loaded(vectors: KeyedVectors | str) -> KeyedVectors:
    return load_word_vectors(vectors) if isinstance(vectors, str) else vectors


def _small_batch(config: LanguageModelConfig, splits: ScarceSplits) -> LanguageModelConfig:
    """The settings, with a batch no larger than a draw."""
    return replace(config, batch_size=min(config.batch_size, splits.X_train.shape[1]))
