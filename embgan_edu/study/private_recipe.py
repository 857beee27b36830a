"""The recipe with a privacy budget: nothing that reads private rows is left outside of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.models.baselines import Sampler
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.private_gan import PrivacyBudget, PrivateGAN
from embgan_edu.study.recipe import (
    CHANGES,
    FINE_TUNING_STEPS,
    NETWORKS,
    configure,
    pretrain,
    standardized,
)

PRIVATE_STEPS = 200  # from scratch; every step costs privacy, so they are few


class PublicUnits:
    """A sampler that works in the units of a public corpus.

    The mean and the scale of a draw's training rows are private, and a generator that works in
    those units shows them in every sample. Here rows go in and come out in units of the corpus.
    Only the user of a sample, who has rows of his own, turns it into units of his own.

    Args:
        sampler: A generative model, fitted or not.
        splits: The draws, which know their units.
        corpus: The public corpus.

    Raises:
        DataError: The corpus has other dimensions or labels than the draws.

    Example:
        >>> from embgan_edu.models.baselines import Memorizer
        >>> from embgan_edu.data.splits import draw_splits
        >>> corpus = EmbeddedCorpus("toy", np.random.default_rng(0).normal(size=(50, 3)),
        ...                         np.arange(50) % 2, ("no", "yes"), 0)
        >>> splits = draw_splits(corpus, n_train=10, draws=2)
        >>> copies = PublicUnits(Memorizer(), splits, corpus).fit(splits.X_train, splits.y_train)
        >>> X_new, _ = copies.sample(10)
        >>> bool(np.allclose(np.sort(X_new, axis=1), np.sort(splits.X_train, axis=1), atol=1e-5))
        True
    """

    def __init__(self, sampler: Sampler, splits: ScarceSplits, corpus: EmbeddedCorpus) -> None:
        splits.check_fits(corpus)
        scale = corpus.X.std(axis=0)
        scale = np.where(scale > 0, scale, 1)
        # x in a draw's units is x * factor + shift in those of the corpus.
        self.factor = (splits.scale / scale)[:, None]
        self.shift = ((splits.mean - corpus.X.mean(axis=0)) / scale)[:, None]
        self.sampler = sampler

    def publish(self, X: Float[np.ndarray, "draw n dim"]) -> Float[np.ndarray, "draw n dim"]:
        """Return rows that are in the draws' units in those of the corpus."""
        return (X * self.factor + self.shift).astype(np.float32)

    def fit(
        self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"], **more: Any
    ) -> "PublicUnits":
        """Fit the sampler to the rows ``X`` with labels ``y``; ``more`` is passed on to it."""
        self.sampler.fit(self.publish(X), y, **more)
        return self

    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Make ``n`` rows per draw, in the units of the draws, as all that is evaluated."""
        X, y = self.sampler.sample(n, label, random_state)
        return ((X - self.shift) / self.factor).astype(np.float32), y


def tweets_only(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int = 0,
    progress: bool = False,
) -> PublicUnits:
    """The whole recipe without fine-tuning: no private row is read, so epsilon is 0.

    The labels of a sample are uniform.

    Args:
        splits: The draws.
        target: Their corpus, which is not looked at.
        source: The public corpus: the tweets.
        random_state: Seed.
        progress: Show a progress line.

    Raises:
        DataError: The corpus has other dimensions or labels than the draws.
    """
    splits.check_fits(source)
    pretrained = pretrain(configure(CHANGES), source, random_state=random_state, progress=progress)
    start = pretrained.select([draw % NETWORKS for draw in range(splits.n_draws)])
    # Of the tweets two thirds are positive, and how many of the private rows are is private.
    start.frequencies_ = torch.full_like(start.frequencies_, 1 / splits.n_classes)
    return PublicUnits(start, splits, source)


def private_recipe(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int = 0,
    progress: bool = False,
    epsilon: float = 10.0,
) -> PublicUnits:
    """The whole recipe with private fine-tuning, from public tweets and a judge that read no more.

    Args:
        splits: The draws, whose training rows are private.
        target: Their corpus, which is not looked at.
        source: The public corpus: the tweets.
        random_state: Seed.
        progress: Show a progress line.
        epsilon: The budget of the fine-tuning, and of all together.

    Raises:
        ConfigError: ``epsilon`` is not above 0.
        DataError: The corpus has other dimensions or labels than the draws.
    """
    start = tweets_only(splits, target, source, random_state, progress).sampler
    n = splits.X_train.shape[1]
    config = configure(CHANGES)
    config = replace(config, steps=FINE_TUNING_STEPS, batch_size=min(config.batch_size, n))
    rows = np.tile(standardized(source), (splits.n_draws, 1, 1))
    labels = np.tile(source.y, (splits.n_draws, 1))
    judge = StackedClassifier(splits.n_classes, random_state=random_state).fit(rows, labels)
    gan = PrivateGAN(config, PrivacyBudget(epsilon), random_state=random_state)
    return PublicUnits(gan, splits, source).fit(
        splits.X_train, splits.y_train, classifier=judge, start=start, progress=progress
    )


def private_gan(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int = 0,
    progress: bool = False,
    epsilon: float = 10.0,
) -> PublicUnits:
    """A GAN with batch normalization, trained privately from scratch, in units of the tweets.

    Args:
        splits: The draws, whose training rows are private.
        target: Their corpus, which is not looked at.
        source: The public corpus, for its units only.
        random_state: Seed.
        progress: Show a progress line.
        epsilon: The budget.

    Raises:
        ConfigError: ``epsilon`` is not above 0.
        DataError: The corpus has other dimensions or labels than the draws.
    """
    config = configure(["batch norm"])
    n = splits.X_train.shape[1]
    config = replace(config, steps=PRIVATE_STEPS, batch_size=min(config.batch_size, n))
    gan = PrivateGAN(config, PrivacyBudget(epsilon), random_state=random_state)
    return PublicUnits(gan, splits, source).fit(splits.X_train, splits.y_train, progress=progress)
