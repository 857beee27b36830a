"""How the VAE is trained on the draws of a table: from scratch, or pretrained on a corpus."""

from dataclasses import replace

import numpy as np

from embgan_edu.base.errors import check_whole
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.models.vae import VAE, VAEConfig
from embgan_edu.study.recipe import NETWORKS, standardized

# These numbers and two settings of the VAE, latent_dim and steps, were chosen by the likelihood of
# held-out rows: cross-validation inside the training rows of draws that no chapter reports.
PRETRAINING_STEPS = 1000
FINE_TUNING_STEPS = 25


def pretrain_vae(
    config: VAEConfig,
    corpus: EmbeddedCorpus,
    networks: int = NETWORKS,
    random_state: int = 0,
    progress: bool = False,
) -> VAE:
    """Train VAEs on a whole corpus, each with its own initial weights.

    Args:
        config: The settings.
        corpus: The corpus, such as ``embed("tweets")``; it is standardized here.
        networks: How many VAEs.
        random_state: Seed.
        progress: Show a progress line while training.

    Returns:
        A VAE with ``networks`` draws.

    Raises:
        ConfigError: ``networks`` is not a whole number of 1 or more, or the corpus has fewer rows
            than a batch.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> corpus = EmbeddedCorpus("toy", X, np.arange(100) % 2, ("no", "yes"), 0)
        >>> pretrain_vae(VAEConfig(steps=5), corpus, networks=3).sample(10)[0].shape
        (3, 10, 5)
    """
    check_whole(1, networks=networks)
    X = np.tile(standardized(corpus), (networks, 1, 1))
    return VAE(config, random_state).fit(X, np.tile(corpus.y, (networks, 1)), progress=progress)


def fit_vae(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int = 0,
    progress: bool = False,
) -> VAE:
    """Train a VAE from scratch on the training rows of every draw.

    Args:
        splits: The draws.
        target: The corpus they come from; not used, as all there is to learn from is in them.
        source: Another corpus; not used. All methods of a table take the same arguments.
        random_state: Seed.
        progress: Show a progress line.

    Example:
        >>> from embgan_edu.data.splits import draw_splits
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> corpus = EmbeddedCorpus("toy", X, np.arange(100) % 2, ("no", "yes"), 0)
        >>> fit_vae(draw_splits(corpus, 40, draws=2), corpus, corpus).sample(10)[0].shape
        (2, 10, 5)
    """
    config = _fitting(VAEConfig(), splits)
    return VAE(config, random_state).fit(splits.X_train, splits.y_train, progress=progress)


def fit_pretrained_vae(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int = 0,
    progress: bool = False,
) -> VAE:
    """Train VAEs on another corpus, and go on with the training rows of every draw.

    Args:
        splits: The draws.
        target: The corpus they come from; not used, as all there is to learn from is in them.
        source: The corpus to pretrain on, such as ``embed("tweets")``.
        random_state: Seed.
        progress: Show a progress line.

    Raises:
        DataError: The source has other dimensions or labels than the draws.

    Example:
        >>> from embgan_edu.data.splits import draw_splits
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> corpus = EmbeddedCorpus("toy", X, np.arange(100) % 2, ("no", "yes"), 0)
        >>> other = EmbeddedCorpus("narrow", X[:, :3], corpus.y, corpus.label_names, 0)
        >>> fit_pretrained_vae(draw_splits(corpus, 40, draws=2), corpus, other)
        Traceback (most recent call last):
        embgan_edu.base.errors.DataError: The corpus 'narrow' has 3 dimensions ...
    """
    splits.check_fits(source)
    pretrained = pretrain_vae(
        VAEConfig(steps=PRETRAINING_STEPS), source, random_state=random_state, progress=progress
    )
    start = pretrained.select([draw % NETWORKS for draw in range(splits.n_draws)])
    config = _fitting(VAEConfig(steps=FINE_TUNING_STEPS), splits)
    return VAE(config, random_state).fit(
        splits.X_train, splits.y_train, start=start, progress=progress
    )


def _fitting(config: VAEConfig, splits: ScarceSplits) -> VAEConfig:
    """Return the settings with a batch no larger than a training set."""
    return replace(config, batch_size=min(config.batch_size, splits.X_train.shape[1]))
