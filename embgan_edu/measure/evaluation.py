"""Is the synthetic data any good? Every method, on every draw, by every measure, in one table.

*Utility*, in percent: the accuracy on real test rows of a classifier trained on real and synthetic
rows together (``accuracy``) or on synthetic rows alone (``tstr``: train on synthetic, test on
real), and the accuracy on synthetic rows of one trained on the scarce real rows (``trts``).

*Fidelity and diversity*: the measures of :mod:`embgan_edu.measure.metrics` against real test rows, all on clouds
of the same size.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from embgan_edu.base.errors import ConfigError, DataError, check_whole
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
from embgan_edu.measure.paired import paired_difference
from embgan_edu.models.baselines import Sampler
from embgan_edu.models.classifier import StackedClassifier

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
SUMMARY = ("accuracy", "gain", "gain_low", "gain_high", "tstr", "trts", *DIVERSITY)


def evaluate(
    samplers: Mapping[str, Sampler],
    splits: ScarceSplits,
    n_synthetic: int = 1000,
    n_added: int = 300,
    random_state: int = 0,
) -> pd.DataFrame:
    """Measure utility and diversity of fitted samplers on every draw.

    Two methods are always in the table: ``"real only"`` with the accuracy without synthetic rows,
    and ``"real vs real"`` with the diversity of other real test rows.

    Args:
        samplers: Name of each method and its sampler, fitted on the draws of ``splits``.
        splits: The draws.
        n_synthetic: Synthetic rows per draw, all used where synthetic rows stand alone.
        n_added: How many of them join the real rows for ``accuracy``. Three for each of 100 real
            rows is the smaller of two numbers that did equally well with real tweets in place of
            synthetic rows, on draws that no chapter reports (``benchmarks/choose_classifier.py``).
        random_state: Seed of the samples and of the classifiers.

    Returns:
        A long table with the columns ``method``, ``metric``, ``draw`` and ``value``.

    Raises:
        ConfigError: ``n_added`` below 1 or above ``n_synthetic``, a reserved name, or a sampler
            that is not fitted.
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
    check_whole(1, n_added=n_added, n_synthetic=n_synthetic)
    if n_added > n_synthetic:
        raise ConfigError(
            f"n_added={n_added}, but n_synthetic={n_synthetic}; add no more rows than there are."
        )
    reserved = {REAL_ONLY, REAL_VS_REAL} & set(samplers)
    if reserved:
        raise ConfigError(
            f"{sorted(reserved)[0]!r} is always in the table; give your sampler another name."
        )

    def classifier(X: np.ndarray, y: np.ndarray) -> StackedClassifier:
        return StackedClassifier(splits.n_classes, random_state=random_state).fit(X, y)

    size = min(MAX_CLOUD, splits.X_test.shape[1] // 2, n_synthetic)
    real, other_real = splits.X_test[:, :size], splits.X_test[:, size : 2 * size]

    real_classifier = classifier(splits.X_train, splits.y_train)
    results = {
        REAL_ONLY: {"accuracy": 100 * real_classifier.score(splits.X_test, splits.y_test)},
        REAL_VS_REAL: _diversity(real, other_real, splits.X_train),
    }
    for name, sampler in samplers.items():
        X, y = sampler.sample(n_synthetic, random_state=random_state)
        _check_sample(name, X, y, splits, n_synthetic)
        X_both = np.concatenate([splits.X_train, X[:, :n_added]], axis=1)
        y_both = np.concatenate([splits.y_train, y[:, :n_added]], axis=1)
        utility = {
            "accuracy": 100 * classifier(X_both, y_both).score(splits.X_test, splits.y_test),
            "tstr": 100 * classifier(X, y).score(splits.X_test, splits.y_test),
            "trts": 100 * real_classifier.score(X, y),
        }
        results[name] = utility | _diversity(real, X[:, :size], splits.X_train)
    return pd.DataFrame(
        [
            (method, metric, draw, float(value))
            for method, values in results.items()
            for metric, per_draw in values.items()
            for draw, value in enumerate(per_draw)
        ],
        columns=["method", "metric", "draw", "value"],
    )


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per method: its gain over real rows alone, and means over draws.

    Args:
        table: What :func:`evaluate` returned.

    Returns:
        A table indexed by method, in the order of ``table``. ``accuracy``, ``tstr`` and ``trts``
        are in percent. ``gain`` is the mean difference in accuracy from ``"real only"``, paired by
        draw, in points, and ``gain_low`` to ``gain_high`` is its 95 % confidence interval. Then
        come the diversity measures. What does not apply to a method is NaN.

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
    for method in accuracy.columns.drop(REAL_ONLY):
        gain = paired_difference(accuracy[method].to_numpy(), accuracy[REAL_ONLY].to_numpy())
        means.loc[method, ["gain", "gain_low", "gain_high"]] = gain.mean, gain.low, gain.high
    summary = means.reindex(index=methods, columns=list(SUMMARY))
    return summary.rename_axis(index="method", columns=None)


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
