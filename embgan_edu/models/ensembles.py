"""Classifiers made of classifiers: corrected for the share of labels, or averaged.

They make no row. What they can do with the same information is what a generator has to beat.
All tell labels by ``logits(X)``, like :class:`embgan_edu.models.classifier.StackedClassifier`.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax, logsumexp
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from embgan_edu.base.errors import ConfigError
from embgan_edu.models.classifier import Classifier
from embgan_edu.models.stacked import check_training_arrays


class PriorCorrected:
    r"""A classifier, moved to other shares of the labels.

    It was trained where label c had the share :math:`p_c`, and is used where it has :math:`q_c`.
    If nothing else differs, Bayes' rule asks to add :math:`\log q_c - \log p_c` to its logits.

    Source: Saerens, Latinne & Decaestecker (2002), "Adjusting the outputs of a classifier to new a
    priori probabilities", section 2.1, equation 2.4.

    Args:
        classifier: Trained.
        trained_on: Labels that it was trained on, for each draw.
        used_on: Labels in the shares that are to be expected, for each draw.

    Raises:
        ConfigError: A draw lacks a label, in one of the two.

    Example:
        >>> class Half:  # finds both labels equally likely, where three of four were label 1
        ...     def logits(self, X):
        ...         return np.zeros((*X.shape[:2], 2))
        >>> corrected = PriorCorrected(Half(), np.array([[0, 1, 1, 1]]), np.array([[0, 1]]))
        >>> int(corrected.logits(np.zeros((1, 1, 5))).argmax())
        0
    """

    def __init__(
        self,
        classifier: Classifier,
        trained_on: Int[np.ndarray, "draw n"],
        used_on: Int[np.ndarray, "draw m"],
    ) -> None:
        n_classes = max(trained_on.max(), used_on.max()) + 1
        before, after = (_log_shares(labels, n_classes) for labels in (trained_on, used_on))
        self.classifier = classifier
        self.shift = (after - before)[:, None]

    def logits(self, X: Float[np.ndarray, "draw m dim"]) -> Float[np.ndarray, "draw m label"]:
        """Logits of every row, one per label."""
        return self.classifier.logits(X) + self.shift


class MeanOfClassifiers:
    """The mean of the probabilities that several classifiers give.

    Args:
        classifiers: Trained, for the same draws.

    Raises:
        ConfigError: No classifier.

    Example:
        >>> class Sure:
        ...     def __init__(self, label):
        ...         self.label = label
        ...     def logits(self, X):
        ...         return np.eye(2)[np.full(X.shape[:2], self.label)] * 9
        >>> two_of_three = MeanOfClassifiers([Sure(0), Sure(1), Sure(1)])
        >>> int(two_of_three.logits(np.zeros((1, 1, 5))).argmax())
        1
    """

    def __init__(self, classifiers: Sequence[Classifier]) -> None:
        if not classifiers:
            raise ConfigError("There is no classifier to take the mean of; give one or more.")
        self.classifiers = list(classifiers)

    def logits(self, X: Float[np.ndarray, "draw m dim"]) -> Float[np.ndarray, "draw m label"]:
        """Logarithms of the mean probabilities: logits again, up to a number per row."""
        logs = [log_softmax(classifier.logits(X), axis=2) for classifier in self.classifiers]
        return np.asarray(logsumexp(logs, axis=0) - np.log(len(logs)))


class ShrunkLDA:
    """Linear discriminant analysis for every draw, with the covariance of Ledoit and Wolf.

    Another kind of classifier than the book's network, as a yardstick for what 100 rows can teach.

    Source: Ledoit & Wolf (2004), "Honey, I shrunk the sample covariance matrix"; computed by
    scikit-learn.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(2, 30, 4))
        >>> y = np.tile([0, 1], (2, 15))
        >>> ShrunkLDA().fit(X + y[..., None], y).logits(X).shape
        (2, 30, 2)
    """

    def fit(self, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]) -> "ShrunkLDA":
        """Learn from the rows of each draw.

        Raises:
            DataError: Wrong shapes or non-finite values.
        """
        X, y = check_training_arrays(X, y)
        self.models_ = [
            LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(rows, labels)
            for rows, labels in zip(X.astype(np.float64), y, strict=True)
        ]
        return self

    def logits(self, X: Float[np.ndarray, "draw m dim"]) -> Float[np.ndarray, "draw m label"]:
        """Logarithms of the probabilities of every row.

        Raises:
            ConfigError: Not fitted yet.
        """
        if not hasattr(self, "models_"):
            raise ConfigError("This ShrunkLDA is not fitted yet; call fit(X, y) first.")
        return np.stack(
            [model.predict_log_proba(rows) for model, rows in zip(self.models_, X, strict=True)]
        )


def _log_shares(
    labels: Int[np.ndarray, "draw n"], n_classes: int
) -> Float[np.ndarray, "draw label"]:
    counts = np.stack([np.bincount(row, minlength=n_classes) for row in labels])
    if not counts.all():
        draw, label = np.argwhere(counts == 0)[0]
        raise ConfigError(
            f"Draw {draw} has no row with label {label}; a share of 0 cannot be corrected for. "
            "Give every draw rows of every label."
        )
    return np.log(counts / counts.sum(axis=1, keepdims=True))
