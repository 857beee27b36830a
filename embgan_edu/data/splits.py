"""The protocol of every comparison: scarce training sets, drawn many times.

One *draw* is one scarce training set and one test set from the same corpus. Draws differ a lot, so
all methods see the same draws, and what is reported is the mean difference *within* draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float, Int

from embgan_edu.base.errors import ConfigError, DataError, check_whole
from embgan_edu.data.embedding import EmbeddedCorpus


@dataclass(frozen=True, eq=False)
class ScarceSplits:
    """Training and test sets of several draws, standardized and stacked.

    Attributes:
        X_train: training rows; shape (draw, n, dim), float32.
        y_train: their labels; shape (draw, n), int64.
        X_test: test rows; shape (draw, m, dim), float32.
        y_test: their labels; shape (draw, m), int64.
        train_index: rows of the corpus that ``X_train`` holds; shape (draw, n).
        test_index: rows of the corpus that ``X_test`` holds; shape (draw, m).
        mean: mean of each draw's training rows before standardization; shape (draw, dim).
        scale: their standard deviation, or 1 where a feature is constant; shape (draw, dim).
        label_names: names of the labels 0, 1, ...
    """

    X_train: Float[np.ndarray, "draw n dim"]
    y_train: Int[np.ndarray, "draw n"]
    X_test: Float[np.ndarray, "draw m dim"]
    y_test: Int[np.ndarray, "draw m"]
    train_index: Int[np.ndarray, "draw n"]
    test_index: Int[np.ndarray, "draw m"]
    mean: Float[np.ndarray, "draw dim"]
    scale: Float[np.ndarray, "draw dim"]
    label_names: tuple[str, ...]

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.X_train)

    @property
    def n_classes(self) -> int:
        """Number of labels."""
        return len(self.label_names)

    def select(self, draws: slice | Sequence[int]) -> "ScarceSplits":
        """Return some of the draws, such as ``splits.select(slice(4))`` for the first four."""
        chosen = draws if isinstance(draws, slice) else list(draws)
        stacked = [field.name for field in fields(self) if field.name != "label_names"]
        return replace(self, **{name: getattr(self, name)[chosen] for name in stacked})

    def folds(self, n_folds: int = 5) -> "ScarceSplits":
        """Return draws for cross-validation inside the training rows, without any test row.

        Every draw becomes ``n_folds`` draws: all training rows but one part, tested on that part.
        First come the first folds of all draws, then the second ones. The units stay those of the
        whole training set.

        Raises:
            ConfigError: ``n_folds`` is below 2, or does not divide the number of training rows.

        Example:
            >>> y = np.arange(60) % 2
            >>> corpus = EmbeddedCorpus("toy", np.ones((60, 1)) * y[:, None], y, ("no", "yes"), 0)
            >>> folds = draw_splits(corpus, n_train=20, draws=3).folds()
            >>> folds.X_train.shape, folds.X_test.shape
            ((15, 16, 1), (15, 4, 1))
        """
        check_whole(2, n_folds=n_folds)
        n = self.X_train.shape[1]
        if n % n_folds:
            raise ConfigError(f"{n} training rows cannot be cut into {n_folds} parts of one size.")
        parts = []
        for fold in range(n_folds):
            test = np.arange(n) % n_folds == fold
            parts.append(
                replace(
                    self,
                    X_train=self.X_train[:, ~test],
                    y_train=self.y_train[:, ~test],
                    X_test=self.X_train[:, test],
                    y_test=self.y_train[:, test],
                    train_index=self.train_index[:, ~test],
                    test_index=self.train_index[:, test],
                )
            )
        stacked = [field.name for field in fields(self) if field.name != "label_names"]
        joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in stacked}
        return replace(self, **joined)  # type: ignore[arg-type]

    def check_fits(self, corpus: EmbeddedCorpus) -> None:
        """Refuse another corpus whose rows cannot stand beside those of these splits.

        Raises:
            DataError: The corpus has other dimensions or other labels.
        """
        dim = self.mean.shape[1]
        if corpus.X.shape[1] != dim or corpus.label_names != self.label_names:
            raise DataError(
                f"The corpus {corpus.name!r} has {corpus.X.shape[1]} dimensions and the labels "
                f"{corpus.label_names}; these splits have {dim} and {self.label_names}. "
                "Embed both with the same word vectors, and give both the same labels."
            )

    def standardize(
        self, corpus: EmbeddedCorpus
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Return another corpus as each draw sees it: in units of that draw's training rows.

        Raises:
            DataError: The corpus has other dimensions or other labels than these splits.
        """
        self.check_fits(corpus)
        X = _standardized(corpus.X[None], self.mean, self.scale)
        return X, np.tile(corpus.y, (self.n_draws, 1))


def draw_splits(
    corpus: EmbeddedCorpus,
    n_train: int = 100,
    n_test: int = 1800,
    draws: int = 16,
    random_state: int = 2019,
) -> ScarceSplits:
    """Draw scarce training sets and test sets from a corpus, without repetition within a draw.

    Draw k depends on ``random_state`` and k alone. With more ``draws`` the first ones stay what
    they were. With a larger ``n_train`` a draw keeps the training rows it had and adds some, and
    its test set starts with the same rows, so that learning curves are paired as well.

    Both sets are standardized with the mean and the standard deviation of the *training* rows of
    the draw. A feature that is constant in them is only centered.

    Args:
        corpus: The target corpus.
        n_train: Training rows per draw.
        n_test: Test rows per draw, or all others where fewer are left.
        draws: Number of draws.
        random_state: Seed, 0 or more.

    Raises:
        ConfigError: A number that cannot work.
        DataError: Not an embedded corpus, ``n_train`` leaves nothing to test on, or a draw lacks
            a label.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> corpus = EmbeddedCorpus("toy", rng.normal(size=(60, 5)), np.arange(60) % 2,
        ...                         ("negative", "positive"), 0)
        >>> splits = draw_splits(corpus, n_train=20, draws=3)
        >>> splits.X_train.shape, splits.X_test.shape
        ((3, 20, 5), (3, 40, 5))
    """
    if not isinstance(corpus, EmbeddedCorpus):
        raise DataError(
            f"Expected an embedded corpus, got {type(corpus).__name__}; embed it first, "
            "such as draw_splits(embed('movie'), n_train=100)."
        )
    check_whole(1, n_train=n_train, n_test=n_test, draws=draws)
    check_whole(0, random_state=random_state)
    n = len(corpus)
    if n_train >= n:
        raise DataError(
            f"n_train={n_train}, but the corpus {corpus.name!r} has {n} rows, and some must be "
            f"left for testing. Set n_train to at most {n - 1}."
        )
    orders = np.stack(
        [np.random.default_rng([random_state, k]).permutation(n) for k in range(draws)]
    )
    # Training rows from the front, test rows from the back: they cannot meet.
    train_index = orders[:, :n_train]
    test_index = orders[:, ::-1][:, : min(n_test, n - n_train)]

    y_train = corpus.y[train_index]
    for k, labels in enumerate(y_train):
        missing = sorted(set(range(len(corpus.label_names))) - set(labels.tolist()))
        if missing:
            raise DataError(
                f"The {n_train} training rows of draw {k} hold no example of "
                f"{corpus.label_names[missing[0]]!r}, and every label is needed. "
                "Use a larger n_train, or another random_state."
            )

    train = corpus.X[train_index].astype(np.float64)  # float32 sums would cost digits
    mean = train.mean(axis=1)
    # Rounding can give a constant feature a tiny deviation; its range is exactly 0.
    scale = np.where(np.ptp(train, axis=1) == 0, 1.0, train.std(axis=1))
    return ScarceSplits(
        X_train=_standardized(train, mean, scale),
        y_train=y_train,
        X_test=_standardized(corpus.X[test_index], mean, scale),
        y_test=corpus.y[test_index],
        train_index=train_index,
        test_index=test_index,
        mean=mean,
        scale=scale,
        label_names=corpus.label_names,
    )


def _standardized(
    X: Float[np.ndarray, "... n dim"],
    mean: Float[np.ndarray, "draw dim"],
    scale: Float[np.ndarray, "draw dim"],
) -> Float[np.ndarray, "draw n dim"]:
    return ((X - mean[:, None]) / scale[:, None]).astype(np.float32)
