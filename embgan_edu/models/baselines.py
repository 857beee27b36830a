"""Simple ways to make labeled embeddings, which any generative model has to beat.

All have the interface of the GAN: ``fit(X, y)``, then ``sample(n, label=None, random_state=0)``.
"""

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from imblearn.over_sampling import SMOTE
from jaxtyping import Float, Int
from sklearn.covariance import LedoitWolf

from embgan_edu.base.errors import ConfigError, DataError, check_number, check_whole
from embgan_edu.models.classifier import Classifier
from embgan_edu.models.stacked import check_training_arrays


class Sampler(Protocol):
    """Whatever learns from labeled rows and then makes more: a baseline, a GAN, ..."""

    def fit(self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]) -> "Sampler":
        """Learn from the rows of each draw."""
        ...

    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Make ``n`` labeled rows per draw."""
        ...


class Baseline(ABC):
    """What the baselines share: labels first, then rows for each label.

    A subclass says how to make the rows of one label in one draw.
    """

    min_rows = 1  # rows of each label that a draw must have

    def fit(self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]) -> "Baseline":
        """Keep the training rows ``X`` and their labels ``y``.

        Raises:
            DataError: Wrong shapes, non-finite values, or too few rows of a label.
        """
        X, y = check_training_arrays(X, y)
        for draw, labels in enumerate(y):
            for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
                if count < self.min_rows:
                    raise DataError(
                        f"Draw {draw} has {count} row with label {label}; "
                        f"{type(self).__name__} needs {self.min_rows} or more of each label. "
                        "Use a larger n_train."
                    )
        self.X_, self.y_ = X, y
        self.targets_ = y  # the labels whose frequencies a sample follows
        return self

    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Make ``n`` labeled rows per draw.

        What a draw gets depends on its own training rows, ``random_state``, and its number.

        Args:
            n: Rows per draw.
            label: The label of all rows; ``None`` draws labels with the training frequencies.
            random_state: Seed, 0 or more.

        Returns:
            The rows, float32, and their labels, int64.

        Raises:
            ConfigError: Not fitted yet, fewer than one row asked, an unknown label, or a
                negative seed.
        """
        if not hasattr(self, "targets_"):
            raise ConfigError(
                f"This {type(self).__name__} has no training rows yet; call fit(X, y) first."
            )
        check_whole(1, n=n)
        check_whole(0, random_state=random_state)
        known = sorted(set.intersection(*(set(labels.tolist()) for labels in self.y_)))
        if label is not None and label not in known:
            possible = ", ".join(map(str, known))
            raise ConfigError(
                f"label={label!r} is not in the training rows of every draw; possible: {possible}."
            )
        n_draws, _, dim = self.X_.shape
        X_new = np.empty((n_draws, n, dim), dtype=np.float32)
        y_new = np.empty((n_draws, n), dtype=np.int64)
        for draw in range(n_draws):
            rng = np.random.default_rng([random_state, draw])
            X, y = self.X_[draw], self.y_[draw]
            # Without replacement where possible: then no label is asked for more rows than it has.
            target = self.targets_[draw]
            y_new[draw] = rng.choice(target, n, replace=n > len(target)) if label is None else label
            for each in np.unique(y_new[draw]):
                wanted = y_new[draw] == each
                X_new[draw, wanted] = self._rows(X[y == each], int(wanted.sum()), rng)
        return X_new, y_new

    @abstractmethod
    def _rows(
        self, X: Float[np.ndarray, "n dim"], count: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "count dim"]:
        """Make ``count`` rows from the training rows ``X`` of one label in one draw."""


class Memorizer(Baseline):
    """Give the training rows back, each at most once while there are enough.

    It is as real as can be, and it invents nothing: the lower end of any scale of novelty.

    Example:
        >>> X = np.arange(6.0).reshape(1, 3, 2)
        >>> Memorizer().fit(X, np.array([[0, 1, 0]])).sample(2, label=1)[0]
        array([[[2., 3.],
                [2., 3.]]], dtype=float32)
    """

    def _rows(
        self, X: Float[np.ndarray, "n dim"], count: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "count dim"]:
        return X[rng.choice(len(X), count, replace=count > len(X))]


class Jitter(Memorizer):
    """Training rows plus Gaussian noise.

    Args:
        scale: Standard deviation of the noise in each dimension, in units of the rows.

    Raises:
        ConfigError: A ``scale`` that is negative or not finite.

    Example:
        >>> X_new, y_new = Jitter(0.3).fit(np.zeros((1, 2, 3)), np.array([[0, 1]])).sample(4)
        >>> X_new.shape
        (1, 4, 3)
    """

    def __init__(self, scale: float = 0.3) -> None:
        check_number("a number of 0 or more, such as 0.3", lambda s: 0 <= s < np.inf, scale=scale)
        self.scale = scale

    def _rows(
        self, X: Float[np.ndarray, "n dim"], count: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "count dim"]:
        rows = super()._rows(X, count, rng)
        return rows + self.scale * rng.standard_normal(rows.shape)


class Smote(Baseline):
    """Points between a training row and one of its nearest neighbors with the same label.

    Source: Chawla et al. (2002), "SMOTE: synthetic minority over-sampling technique", section
    4.2; computed by imbalanced-learn.

    Args:
        neighbors: How many nearest neighbors to choose from; all others where there are fewer.

    Raises:
        ConfigError: ``neighbors`` below 1.

    Example:
        >>> X = np.array([[[0.0, 0.0], [1.0, 0.0], [0.0, 5.0], [1.0, 5.0]]])
        >>> X_new, _ = Smote().fit(X, np.array([[0, 0, 1, 1]])).sample(3, label=1)
        >>> X_new[0, :, 1]
        array([5., 5., 5.], dtype=float32)
    """

    min_rows = 2

    def __init__(self, neighbors: int = 5) -> None:
        check_whole(1, neighbors=neighbors)
        self.neighbors = neighbors

    def _rows(
        self, X: Float[np.ndarray, "n dim"], count: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "count dim"]:
        # SMOTE only fills up the rarer label, and on balanced data does nothing. So it is shown
        # these rows as label 1 beside one row of label 0, and told how many rows to end with.
        n = len(X)
        smote = SMOTE(
            sampling_strategy={1: n + count},
            k_neighbors=min(self.neighbors, n - 1),
            random_state=int(rng.integers(2**31)),
        )
        X_all, _ = smote.fit_resample(np.vstack([X, X[:1]]), np.array([1] * n + [0]))
        return X_all[n + 1 :]


class ClassGaussian(Baseline):
    """One Gaussian per label: the mean, and a covariance shrunk towards a multiple of identity.

    Source: Ledoit & Wolf (2004), "A well-conditioned estimator for large-dimensional covariance
    matrices", section 3; computed by scikit-learn. Without shrinkage 50 rows could not give the
    1,275 numbers of a covariance in 50 dimensions.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(2, 30, 4))
        >>> y = np.tile([0, 1], (2, 15))
        >>> ClassGaussian().fit(X, y).sample(100)[0].shape
        (2, 100, 4)
    """

    min_rows = 2

    def _rows(
        self, X: Float[np.ndarray, "n dim"], count: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "count dim"]:
        gaussian = LedoitWolf().fit(X.astype(np.float64))
        # With fewer rows than features many eigenvalues are equal, and which eigenvectors they get
        # differs between processors. The symmetric root does not depend on the choice. (With
        # constant features some eigenvalues are 0, so there is no Cholesky factor.)
        values, vectors = np.linalg.eigh(gaussian.covariance_)
        root = vectors * np.sqrt(values.clip(0)) @ vectors.T
        return gaussian.location_ + rng.standard_normal((count, X.shape[1])) @ root


class RealPool(Memorizer):
    """Real examples of another corpus, each at most once while there are enough.

    Adding them is a reference for a model that learned from that corpus, and no upper bound: a
    classifier that weighs the two corpora makes more of the same rows. The labels follow the
    frequencies of the rows that it is fitted to, not those of the pool: of the tweets two thirds
    are positive, and that alone would cost accuracy on reviews.

    Args:
        X: The other corpus in the units of each draw, as ``splits.standardize(corpus)`` gives it.
        y: Its labels.

    Raises:
        DataError: Wrong shapes or non-finite values.

    Example:
        >>> pool = RealPool(np.zeros((1, 3, 2)), np.array([[0, 1, 1]]))
        >>> _, y_new = pool.fit(np.ones((1, 4, 2)), np.array([[0, 0, 0, 1]])).sample(4)
        >>> sorted(y_new[0].tolist())
        [0, 0, 0, 1]
    """

    def __init__(self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]) -> None:
        self.X_, self.y_ = check_training_arrays(X, y)

    def fit(self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]) -> "RealPool":
        """Keep the labels ``y`` as the frequencies to follow; learn nothing else.

        Raises:
            DataError: Wrong shapes, non-finite values, other draws or dimensions than the pool's,
                or a label that a draw's pool does not have.
        """
        X, y = check_training_arrays(X, y)
        given, own = (X.shape[0], X.shape[2]), (self.X_.shape[0], self.X_.shape[2])
        if given != own:
            raise DataError(
                f"X has {given[0]} draws and {given[1]} dimensions, the pool {own[0]} and "
                f"{own[1]}. Make the pool with the standardize method of the same splits."
            )
        for draw, (wanted, pooled) in enumerate(zip(y, self.y_, strict=True)):
            missing = sorted(set(wanted.tolist()) - set(pooled.tolist()))
            if missing:
                raise DataError(
                    f"y has the label {missing[0]} in draw {draw}, but the pool has no such row. "
                    "Give a pool with every label."
                )
        self.targets_ = y
        return self


class PoolGaussian(RealPool):
    """One Gaussian per label, as :class:`ClassGaussian`, fitted to examples of another corpus.

    What a generator can take from that corpus with means and covariances alone.

    Args:
        X: The other corpus, in units that suit the draws.
        y: Its labels.

    Raises:
        DataError: Wrong shapes or non-finite values.

    Example:
        >>> pool = PoolGaussian(np.ones((1, 4, 2)), np.array([[0, 0, 1, 1]]))
        >>> pool.fit(np.zeros((1, 2, 2)), np.array([[0, 1]])).sample(2)[0].tolist()
        [[[1.0, 1.0], [1.0, 1.0]]]
    """

    _rows = ClassGaussian._rows


class Noise(Baseline):
    """Standard normal rows: nothing of what they are fitted to, but its units.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(1, 20, 3))
        >>> Noise().fit(X, np.tile([0, 1], (1, 10))).sample(1000)[0].std().round(1)
        np.float32(1.0)
    """

    def _rows(
        self, X: Float[np.ndarray, "n dim"], count: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "count dim"]:
        return rng.standard_normal((count, X.shape[1]))


class Relabeled:
    """The rows of another sampler, whatever they are, with the labels that a classifier gives.

    What such rows teach is what the classifier knows, so they are the control for every generator
    that has listened to it. The labels follow the same frequencies as the other sampler's: rows are
    made until there are enough of each.

    Source: Bucilă, Caruana & Niculescu-Mizil (2006), "Model compression", section 3: a small model
    learns from what a large one says of made-up rows. The name *distillation* is that of Hinton,
    Vinyals & Dean (2015).

    Args:
        sampler: Makes the rows; its own labels are only counted.
        classifier: Trained, with as many draws.

    Example:
        >>> class Sign:
        ...     def logits(self, X):
        ...         return np.concatenate([-X[..., :1], X[..., :1]], axis=2)
        >>> X = np.random.default_rng(0).normal(size=(1, 20, 3))
        >>> noise = Relabeled(Noise(), Sign()).fit(X, np.tile([0, 1], (1, 10)))
        >>> X_new, y_new = noise.sample(20)
        >>> bool(((X_new[..., 0] > 0) == y_new).all())
        True
    """

    attempts = 20  # times as many rows as wanted are looked at, before the call is given up

    def __init__(self, sampler: Sampler, classifier: Classifier) -> None:
        self.sampler = sampler
        self.classifier = classifier

    def fit(self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]) -> "Relabeled":
        """Fit the other sampler; the classifier stays as it is."""
        self.sampler = self.sampler.fit(X, y)
        return self

    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Make ``n`` labeled rows per draw; see :meth:`Baseline.sample`.

        Raises:
            ConfigError: What the other sampler refuses, or the classifier hardly ever gives a
                label that is wanted.
        """
        X_new, y_new = self.sampler.sample(n, label, random_state)
        X, found = X_new.copy(), self.classifier.logits(X_new).argmax(axis=2)
        for attempt in range(1, self.attempts + 1):
            missing = [
                (draw, int(each))
                for draw, wanted in enumerate(y_new)
                for each, count in zip(*np.unique(wanted, return_counts=True), strict=True)
                if (found[draw] == each).sum() < count
            ]
            if not missing:
                break
            if attempt == self.attempts:
                draw, each = missing[0]
                raise ConfigError(
                    f"The classifier gives the label {each} to "
                    f"{(found[draw] == each).sum()} of {found.shape[1]:,} rows of draw {draw}; "
                    f"{(y_new[draw] == each).sum()} are wanted. Correct it for the share of labels "
                    "(PriorCorrected), or take another sampler."
                )
            more, _ = self.sampler.sample(n, label, random_state + 1_000_003 * attempt)
            X = np.concatenate([X, more], axis=1)
            found = np.concatenate([found, self.classifier.logits(more).argmax(axis=2)], axis=1)
        for draw, wanted in enumerate(y_new):
            for each in np.unique(wanted):
                places = np.flatnonzero(wanted == each)
                X_new[draw, places] = X[draw, np.flatnonzero(found[draw] == each)[: len(places)]]
        return X_new, y_new


class Blurred:
    """The rows of another sampler, plus Gaussian noise.

    A blur raises recall and the Vendi score of a cloud that is too narrow, whatever its rows know.

    Args:
        sampler: Makes the rows.
        scale: Standard deviation of the noise in each dimension, in units of the rows.

    Raises:
        ConfigError: A ``scale`` that is negative or not finite.

    Example:
        >>> rows = Memorizer().fit(np.zeros((1, 2, 3)), np.array([[0, 1]]))
        >>> Blurred(rows, 0.3).sample(1000)[0].std().round(1)
        np.float32(0.3)
    """

    def __init__(self, sampler: Sampler, scale: float) -> None:
        check_number("a number of 0 or more, such as 0.3", lambda s: 0 <= s < np.inf, scale=scale)
        self.sampler = sampler
        self.scale = scale

    def fit(self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]) -> "Blurred":
        """Fit the other sampler."""
        self.sampler = self.sampler.fit(X, y)
        return self

    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Make ``n`` labeled rows per draw; see the other sampler's ``sample``."""
        X_new, y_new = self.sampler.sample(n, label, random_state)
        noise = [
            np.random.default_rng([random_state, draw, 1]).standard_normal(rows.shape)
            for draw, rows in enumerate(X_new)
        ]
        return X_new + np.asarray(self.scale * np.stack(noise), dtype=np.float32), y_new
