"""The recipe of chapters 6 to 9: changes on top of the plain GAN (Gupta, 2019).

Every change has a name. A *rung* is a set of changes; the ladder adds one change after the other,
and the ablation leaves one out. The changes but batch normalization are the paper's, the numbers
are ours and the same for all domains: the weight of the consistency and the steps of fine-tuning by
cross-validation inside training rows of draws that no chapter reports
(``benchmarks/choose_recipe.py``), noise, smoothing and the rest by hand.
"""

import itertools
import json
import os
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from embgan_edu.base.cache import cache_dir, code_key, content_key, lock
from embgan_edu.base.errors import ConfigError, DataError, check_whole
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.measure.paired import NETWORKS
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import GAN, GANConfig
from embgan_edu.models.stacked import describe_computer

# What each change sets. Two set nothing: the tweets' judge is another judge for consistency, which
# has read the tweets as well as the reviews, and pretraining is another start, and fewer steps.
# What the paper calls pretraining brings both; one without the other shows what each is worth.
CHANGES: dict[str, dict[str, bool | float]] = {
    "batch norm": {"batch_norm": True},
    "consistency": {"consistency": 3.0},
    "tweets' judge": {},
    "pretraining": {},
    "noise": {"noise": 0.3},
    "smoothing": {"label_smoothing": 0.1},
}

NEED_CORPUS = {"tweets' judge", "pretraining"}

# The ladder, from the plain GAN to the whole recipe, and the ablation that leaves one change out.
LADDER: dict[str, tuple[str, ...]] = {
    name: tuple(CHANGES)[:count]
    for count, name in enumerate(["vanilla GAN", *(f"+ {change}" for change in CHANGES)])
}
ABLATION: dict[str, tuple[str, ...]] = {
    f"all but {left_out}": tuple(change for change in CHANGES if change != left_out)
    for left_out in list(CHANGES)[:-1]  # all but the last is a rung of the ladder
}

# Every set of changes. The tweets' judge is one for consistency: without that it says nothing.
FACTORIAL: dict[str, tuple[str, ...]] = {
    ", ".join(changes) or "no change": changes
    for count in range(len(CHANGES) + 1)
    for changes in itertools.combinations(CHANGES, count)
    if "consistency" in changes or "tweets' judge" not in changes
}

FINE_TUNING_STEPS = 50


def configure(changes: Collection[str]) -> GANConfig:
    """Return the settings of a rung.

    Raises:
        ConfigError: An unknown change, with those that are possible.

    Example:
        >>> configure(["batch norm", "noise"]).noise
        0.3
    """
    unknown = sorted(set(changes) - set(CHANGES))
    if unknown:
        raise ConfigError(f"There is no change {unknown[0]!r}; possible: {', '.join(CHANGES)}.")
    settings: dict[str, bool | float] = {}
    for change in changes:
        settings |= CHANGES[change]
    return replace(GANConfig(), **settings)  # type: ignore[arg-type]


def standardized(corpus: EmbeddedCorpus) -> np.ndarray:
    """Return the rows of a corpus in units of that corpus: mean 0, standard deviation 1.

    A draw has its units from its own training rows. In these units the tweets look the same to
    every draw of every domain, so one pretraining serves them all.

    Example:
        >>> rows = np.array([[1.0], [3.0]])
        >>> standardized(EmbeddedCorpus("toy", rows, np.array([0, 1]), ("a", "b"), 0)).tolist()
        [[-1.0], [1.0]]
    """
    scale = corpus.X.std(axis=0)
    return (corpus.X - corpus.X.mean(axis=0)) / np.where(scale > 0, scale, 1)


def fit_judge(
    splits: ScarceSplits, corpus: EmbeddedCorpus | None = None, random_state: int = 0
) -> StackedClassifier:
    """Train the classifier of each draw whose verdict the generated rows must meet.

    It learns from the draw's training rows, and from all rows of ``corpus`` where one is given.

    Raises:
        DataError: The corpus has other dimensions or labels than the draws.

    Example:
        >>> from embgan_edu.data.splits import draw_splits
        >>> y = np.arange(200) % 2
        >>> X = np.random.default_rng(0).normal(size=(200, 5)) + 3 * y[:, None]
        >>> splits = draw_splits(EmbeddedCorpus("toy", X, y, ("no", "yes"), 0), 40, draws=2)
        >>> fit_judge(splits).predict(splits.X_test).shape
        (2, 160)
    """
    X, y = splits.X_train, splits.y_train
    if corpus is not None:
        splits.check_fits(corpus)
        other, labels = standardized(corpus), corpus.y
        X = np.concatenate([X, np.tile(other, (splits.n_draws, 1, 1))], axis=1)
        y = np.concatenate([y, np.tile(labels, (splits.n_draws, 1))], axis=1)
    return StackedClassifier(splits.n_classes, random_state=random_state).fit(X, y)


def pretrain(
    config: GANConfig,
    corpus: EmbeddedCorpus,
    networks: int = NETWORKS,
    random_state: int = 0,
    progress: bool = False,
) -> GAN:
    """Train GANs on a whole corpus, or read the weights of an earlier call from the cache.

    Where ``config.consistency`` is above 0, the judge is a classifier trained on the same corpus.
    The weights are cached under a key of everything that they depend on: settings, rows, labels,
    seeds, code, version of torch, and kind of processor.

    Args:
        config: The settings.
        corpus: The corpus, such as ``embed("tweets")``; it is standardized here.
        networks: How many GANs, each with its own initial weights.
        random_state: Seed.
        progress: Show a progress line while training.

    Returns:
        A GAN with ``networks`` draws.

    Raises:
        ConfigError: ``networks`` is not a whole number of 1 or more, or the corpus has fewer rows
            than a batch.
    """
    check_whole(1, networks=networks)
    path = _weights_path(config, standardized(corpus), corpus.y, networks, random_state)
    with lock(f"weights-{path.stem}"):
        try:
            return GAN.load(path)
        except DataError:  # not there yet, or damaged
            pass
        gan = fit_corpus(GAN(config, random_state), corpus, networks, progress)
        gan.save(path)
    return gan


def fit_corpus(gan: GAN, corpus: EmbeddedCorpus, networks: int, progress: bool = False) -> GAN:
    """Train a GAN on a whole corpus, as :func:`pretrain` does, without a cache.

    Args:
        gan: The GAN, of any kind. Its seed is that of the judge too.
        corpus: The corpus; it is standardized here.
        networks: How many draws the GAN gets, each with its own initial weights.
        progress: Show a progress line while training.

    Returns:
        The GAN that was given.

    Example:
        >>> y = np.arange(40) % 2
        >>> X = np.random.default_rng(0).normal(size=(40, 3))
        >>> corpus = EmbeddedCorpus("toy", X, y, ("no", "yes"), 0)
        >>> gan = fit_corpus(GAN(GANConfig(steps=2, batch_size=8)), corpus, networks=2)
        >>> gan.sample(3)[0].shape
        (2, 3, 3)
    """
    X = np.tile(standardized(corpus), (networks, 1, 1))
    y = np.tile(corpus.y, (networks, 1))
    judge = None
    if gan.config.consistency > 0:
        n_classes = len(corpus.label_names)
        judge = StackedClassifier(n_classes, random_state=gan.random_state).fit(X, y)
    return gan.fit(X, y, classifier=judge, progress=progress)


def fit_rung(
    changes: Collection[str],
    splits: ScarceSplits,
    corpus: EmbeddedCorpus | None = None,
    random_state: int = 0,
    progress: bool = False,
) -> GAN:
    """Train the GAN of a rung on every draw.

    Args:
        changes: Names from ``CHANGES``, such as ``LADDER["+ noise"]``.
        splits: The draws.
        corpus: What to pretrain on, and what the tweets' judge reads; needed where
            ``"pretraining"`` or ``"tweets' judge"`` is among the changes.
        random_state: Seed.
        progress: Show a progress line.

    Raises:
        ConfigError: An unknown change, or one that needs a corpus, without one.
        DataError: The corpus has other dimensions or labels than the draws.

    Example:
        >>> from embgan_edu.data.splits import draw_splits
        >>> y = np.arange(200) % 2
        >>> X = np.random.default_rng(0).normal(size=(200, 5)) + y[:, None]
        >>> splits = draw_splits(EmbeddedCorpus("toy", X, y, ("no", "yes"), 0), 40, draws=2)
        >>> X_new, y_new = fit_rung(["smoothing"], splits).sample(10)
        >>> X_new.shape
        (2, 10, 5)
    """
    config = configure(changes)
    for change in changes:
        if change in NEED_CORPUS and corpus is None:
            raise ConfigError(f'The change "{change}" needs a corpus, such as embed("tweets").')
    return fit_gan(
        config,
        splits,
        corpus if "pretraining" in changes else None,
        random_state,
        progress,
        judge_corpus=corpus if "tweets' judge" in changes else None,
    )


def fit_gan(
    config: GANConfig,
    splits: ScarceSplits,
    corpus: EmbeddedCorpus | None = None,
    random_state: int = 0,
    progress: bool = False,
    fine_tuning_steps: int | None = None,
    judge_corpus: EmbeddedCorpus | None = None,
) -> GAN:
    """Train a GAN on every draw, from scratch or after pretraining on a corpus.

    Args:
        config: The settings; ``steps`` are those of pretraining where there is a corpus.
        splits: The draws.
        corpus: What to pretrain on, if anything.
        random_state: Seed.
        progress: Show a progress line.
        fine_tuning_steps: Steps on each draw after pretraining; ``FINE_TUNING_STEPS`` where no
            number is given.
        judge_corpus: What the judge has read beside the draw's training rows, if anything; there
            is a judge where ``config.consistency`` is above 0.

    Raises:
        DataError: A corpus has other dimensions or labels than the draws.
    """
    start = None
    if corpus is not None:
        splits.check_fits(corpus)
        pretrained = pretrain(config, corpus, random_state=random_state, progress=progress)
        start = pretrained.select([draw % NETWORKS for draw in range(splits.n_draws)])
        config = replace(config, steps=fine_tuning_steps or FINE_TUNING_STEPS)
    rows = min(config.batch_size, splits.X_train.shape[1])
    config = replace(config, batch_size=rows - rows % config.pack)
    judge = fit_judge(splits, judge_corpus, random_state) if config.consistency > 0 else None
    return GAN(config, random_state).fit(
        splits.X_train, splits.y_train, classifier=judge, start=start, progress=progress
    )


def _weights_path(
    config: GANConfig, X: np.ndarray, y: np.ndarray, networks: int, random_state: int
) -> Path:
    settings = json.dumps([asdict(config), networks, random_state], sort_keys=True)
    code = code_key(
        "models.classifier", "models.gan", "models.losses", "models.stacked", "study.recipe"
    )
    key = content_key(settings, X, y, code, describe_computer())
    folder = os.environ.get("EMBGAN_WEIGHTS") or cache_dir() / "weights"
    return Path(folder) / f"{key}.safetensors"
