"""Is the synthetic data any good? Every method, on every draw, by every measure, in one table.

*Utility*, in percent: the accuracy on real test rows of a classifier trained on real and synthetic
rows together (``accuracy``) or on synthetic rows alone (``tstr``: train on synthetic, test on
real), and the accuracy on synthetic rows of one trained on the scarce real rows (``trts``). A
method that makes no rows but classifies by itself has an accuracy as well: what is compared is what
can be had from the same information.

``part 1`` to ``part 8`` are the accuracy again, for an interval that knows of the test reviews: the
right answers on each eighth of the corpus, times eight, so that their mean is the accuracy.

*Fidelity and diversity*: the measures of :mod:`embgan_edu.measure.metrics` against real test rows,
all on clouds of the same size.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from embgan_edu.base.errors import ConfigError, DataError, check_number, check_whole
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.measure.metrics import (
    authenticity,
    coverage,
    precision,
    recall,
    sliced_wasserstein,
    variance_ratio,
    vendi_ratio,
)
from embgan_edu.measure.paired import PARTS, paired_difference
from embgan_edu.models.baselines import Sampler
from embgan_edu.models.classifier import Classifier, StackedClassifier

REAL_ONLY = "real only"  # the classifier without synthetic rows: every gain is against it
REAL_VS_REAL = "real vs real"  # other real rows in place of synthetic ones: what is attainable
MAX_CLOUD = 500  # points of a cloud; more cost time and change little

DIVERSITY = (
    "precision",
    "recall",
    "coverage",
    "vendi_ratio",
    "variance_ratio",
    "authenticity",
    "sliced_wasserstein",
)
PART_METRICS = tuple(f"part {number}" for number in range(1, PARTS + 1))
SUMMARY = ("accuracy", "gain", "gain_low", "gain_high", "tstr", "trts", *DIVERSITY)


@dataclass(frozen=True)
class Mix:
    """How real and synthetic rows are mixed to train the final classifier.

    Attributes:
        added: synthetic rows added to the real ones. Three for each of 100 real rows is the
            smaller of two numbers that did equally well with real tweets in place of synthetic
            rows, on draws that no chapter reports (``benchmarks/choose_classifier.py``).
        real_weight: what a real row counts beside a synthetic one; with 0 the synthetic rows stand
            alone.

    Raises:
        ConfigError: A number of rows below 1, or a weight that is negative or not finite.

    Example:
        >>> print(Mix(1000, real_weight=10))
        1,000 rows, reviews x 10
    """

    added: int = 300
    real_weight: float = 1.0

    def __post_init__(self) -> None:
        check_whole(1, added=self.added)
        check_number(
            "a number of 0 or more, such as 10",
            lambda weight: 0 <= weight < np.inf,
            real_weight=self.real_weight,
        )

    def __str__(self) -> str:
        return f"{self.added:,} rows, reviews x {self.real_weight:g}"


def evaluate(
    methods: Mapping[str, Sampler | Classifier],
    splits: ScarceSplits,
    n_synthetic: int = 1000,
    mixes: Iterable[Mix] = (),
    random_state: int = 0,
) -> pd.DataFrame:
    """Measure utility and diversity of fitted methods on every draw.

    Two methods are always in the table: ``"real only"`` with the accuracy without synthetic rows,
    and ``"real vs real"`` with the diversity of other real test rows.

    Args:
        methods: Name of each method and its sampler, or classifier, fitted on the draws of
            ``splits``.
        splits: The draws.
        n_synthetic: Synthetic rows per draw, all used where synthetic rows stand alone. The first
            of them join the real rows for ``accuracy``: as many as ``Mix()`` says, or all where
            there are fewer.
        mixes: Other mixes. Each gives every sampler one more line with an accuracy, named as
            ``"jitter, 1,000 rows, reviews x 10"``.
        random_state: Seed of the samples and of the classifiers.

    Returns:
        A long table with the columns ``method``, ``metric``, ``draw`` and ``value``.

    Raises:
        ConfigError: ``n_synthetic`` below 1, a reserved name, or a method that is not fitted.
        DataError: Rows of the wrong shape, not finite, or too few for the diversity.

    Example:
        >>> from embgan_edu.models.baselines import Jitter
        >>> from embgan_edu.data.embedding import EmbeddedCorpus
        >>> from embgan_edu.data.splits import draw_splits
        >>> y = np.arange(200) % 2
        >>> X = np.random.default_rng(0).normal(size=(200, 5)) + y[:, None]
        >>> splits = draw_splits(EmbeddedCorpus("toy", X, y, ("no", "yes"), 0), 40, draws=3)
        >>> jitter = Jitter().fit(splits.X_train, splits.y_train)
        >>> table = evaluate({"jitter": jitter}, splits)
        >>> table["method"].unique().tolist()
        ['real only', 'real vs real', 'jitter']
        >>> bool(summarize(table).loc["jitter", "tstr"] > 70)
        True
    """
    check_whole(1, n_synthetic=n_synthetic)
    first = Mix(min(Mix().added, n_synthetic))
    reserved = {REAL_ONLY, REAL_VS_REAL} & set(methods)
    if reserved:
        raise ConfigError(
            f"{sorted(reserved)[0]!r} is always in the table; give your method another name."
        )

    def trained(
        X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None
    ) -> StackedClassifier:
        return StackedClassifier(splits.n_classes, random_state=random_state).fit(X, y, weight)

    def mixed(X: np.ndarray, y: np.ndarray, mix: Mix) -> StackedClassifier:
        if mix.real_weight == 0:
            return trained(X[:, : mix.added], y[:, : mix.added])
        n_real, n_draws = splits.X_train.shape[1], splits.n_draws
        weight = np.repeat([mix.real_weight, 1.0], [n_real, mix.added])
        return trained(
            np.concatenate([splits.X_train, X[:, : mix.added]], axis=1),
            np.concatenate([splits.y_train, y[:, : mix.added]], axis=1),
            None if mix.real_weight == 1 else np.tile(weight, (n_draws, 1)),
        )

    size = min(MAX_CLOUD, splits.X_test.shape[1] // 2, n_synthetic)
    real, other_real = splits.X_test[:, :size], splits.X_test[:, size : 2 * size]

    real_classifier = trained(splits.X_train, splits.y_train)
    results = {
        REAL_ONLY: _accuracy(real_classifier, splits),
        REAL_VS_REAL: _diversity(real, other_real, splits.X_train),
    }
    for name, method in methods.items():
        if not hasattr(method, "sample"):
            results[name] = _accuracy(method, splits)
            continue
        X, y = method.sample(n_synthetic, random_state=random_state)
        _check_sample(name, X, y, splits, n_synthetic)
        results[name] = {
            **_accuracy(mixed(X, y, first), splits),
            "tstr": 100 * trained(X, y).score(splits.X_test, splits.y_test),
            "trts": 100 * real_classifier.score(X, y),
            **_diversity(real, X[:, :size], splits.X_train),
        }
        for mix in mixes:
            if mix.added > len(y[0]):
                X, y = method.sample(mix.added, random_state=random_state)
            results[f"{name}, {mix}"] = _accuracy(mixed(X, y, mix), splits)
    return pd.DataFrame(
        [
            (method, metric, draw, float(value))
            for method, values in results.items()
            for metric, per_draw in values.items()
            for draw, value in enumerate(per_draw)
        ],
        columns=["method", "metric", "draw", "value"],
    )


def accuracies(table: pd.DataFrame, method: str) -> Float[np.ndarray, "draw part"]:
    """Return the accuracy of a method on every draw, in percent, for each part of the reviews.

    What :func:`embgan_edu.measure.paired.paired_difference` needs for the book's intervals. The
    mean over parts is the draw's accuracy.

    Args:
        table: What :func:`evaluate` returned.
        method: A method of the table.

    Raises:
        DataError: The table does not have it.

    Example:
        >>> table = pd.DataFrame([("mine", part, 0, 60.0) for part in PART_METRICS],
        ...                      columns=["method", "metric", "draw", "value"])
        >>> accuracies(table, "mine").shape
        (1, 8)
    """
    rows = table[(table["method"] == method) & table["metric"].isin(PART_METRICS)]
    if rows.empty:
        raise DataError(
            f"The table has no accuracies by part of {method!r}; it has the methods "
            f"{list(table['method'].unique())}."
        )
    wide = rows.pivot(index="draw", columns="metric", values="value")
    return wide[list(PART_METRICS)].to_numpy()


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per method: its gain over real rows alone, and means over draws.

    Args:
        table: What :func:`evaluate` returned.

    Returns:
        A table indexed by method, in the order of ``table``. ``accuracy``, ``tstr`` and ``trts``
        are in percent. ``gain`` is the mean difference in accuracy from ``"real only"``, paired by
        draw, in points, and ``gain_low`` to ``gain_high`` is its 95 % confidence interval. Where
        the accuracies of all methods are there by parts, the interval is that of other draws, other
        pretrained networks and other test reviews; else of other draws alone. Then come the
        measures of fidelity and diversity. What does not apply to a method is NaN.

    Raises:
        DataError: ``"real only"`` is missing, or there are fewer than two draws.

    Example:
        >>> accuracies = {"real only": [60.0, 62.0, 64.0], "mine": [61.0, 63.5, 66.0]}
        >>> table = pd.DataFrame([(method, "accuracy", draw, value)
        ...                       for method, values in accuracies.items()
        ...                       for draw, value in enumerate(values)],
        ...                      columns=["method", "metric", "draw", "value"])
        >>> summarize(table).loc["mine", ["gain", "gain_low", "gain_high"]].round(2).tolist()
        [1.5, 0.26, 2.74]
    """
    accuracy = table[table["metric"] == "accuracy"].pivot(
        index="draw", columns="method", values="value"
    )
    methods = table["method"].unique()
    if REAL_ONLY not in accuracy:
        raise DataError(
            f"The table has no accuracy of {REAL_ONLY!r}, which gains are measured against; "
            f"it has the methods {list(methods)}. Give the whole table from evaluate()."
        )
    means = table.pivot_table(index="method", columns="metric", values="value")
    have_parts = set(table.loc[table["metric"] == PART_METRICS[0], "method"])
    by_draw = {str(method): accuracy[method].to_numpy() for method in accuracy}
    if set(by_draw) <= have_parts:
        by_draw = {method: accuracies(table, method) for method in by_draw}
    for method in accuracy.columns.drop(REAL_ONLY):
        gain = paired_difference(by_draw[method], by_draw[REAL_ONLY])
        means.loc[method, ["gain", "gain_low", "gain_high"]] = gain.mean, gain.low, gain.high
    summary = means.reindex(index=methods, columns=list(SUMMARY))
    return summary.rename_axis(index="method", columns=None)


def _accuracy(classifier: Classifier, splits: ScarceSplits) -> dict[str, np.ndarray]:
    """Accuracy on the test rows of every draw, in percent, as a whole and by parts."""
    right = classifier.logits(splits.X_test).argmax(axis=2) == splits.y_test
    part = splits.test_index % PARTS
    by_part = {
        name: 100 * PARTS * (right & (part == number)).mean(axis=1)
        for number, name in enumerate(PART_METRICS)
    }
    return {"accuracy": 100 * right.mean(axis=1), **by_part}


def _diversity(
    real: Float[np.ndarray, "draw m dim"],
    synthetic: Float[np.ndarray, "draw m dim"],
    train: Float[np.ndarray, "draw n dim"],
) -> dict[str, Float[np.ndarray, " draw"]]:
    """Every diversity measure of every draw, in the order of ``DIVERSITY``."""
    values = [
        (
            precision(r, s),
            recall(r, s),
            coverage(r, s),
            vendi_ratio(r, s),
            variance_ratio(r, s),
            authenticity(t, s),
            sliced_wasserstein(r, s),
        )
        for r, s, t in zip(real, synthetic, train, strict=True)
    ]
    return dict(zip(DIVERSITY, np.array(values).T, strict=True))


def _check_sample(
    name: str,
    X: Float[np.ndarray, "draw n dim"],
    y: Int[np.ndarray, "draw n"],
    splits: ScarceSplits,
    n_synthetic: int,
) -> None:
    n_draws, _, dim = splits.X_train.shape
    if X.shape != (n_draws, n_synthetic, dim) or y.shape != X.shape[:2]:
        raise DataError(
            f"{name!r} sampled X of shape {X.shape} and y of shape {y.shape}; these splits need "
            f"{(n_draws, n_synthetic, dim)} and {(n_draws, n_synthetic)}. Fit the sampler on "
            "X_train and y_train of the same splits."
        )
    if not np.isfinite(X).all():
        draw = int(np.argwhere(~np.isfinite(X))[0, 0])
        raise DataError(
            f"{name!r} sampled values that are not finite in draw {draw}. Look at its training "
            "history; a lower learning rate may help."
        )
