"""The simple sentiment classifier, once in Keras and once for many draws at a time.

Both are the same network: one hidden layer of rectified linear units, then one logit per label.
Keras is used where one model is taught. :class:`StackedClassifier` trains the classifiers of all
draws in one go and is what every table in the book is computed with.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from embgan_edu.base.errors import ConfigError, DataError, check_number, check_whole
from embgan_edu.models.stacked import (
    DrawStreams,
    StackedLinear,
    check_rows,
    check_start,
    check_training_arrays,
    pick_device,
)

if TYPE_CHECKING:
    import keras


def keras_classifier(
    dim: int, n_classes: int = 2, hidden: int = 32, random_state: int = 0
) -> "keras.Model":
    """Build the sentiment classifier in Keras, on the torch backend.

    The model returns *logits*: pair it with a loss that has ``from_logits=True``. It is also a
    ``torch.nn.Module``, so a gradient can flow through it to whatever made its input.

    Args:
        dim: Length of an embedding.
        n_classes: Number of labels.
        hidden: Number of hidden units.
        random_state: Seed of the initial weights.

    Raises:
        ConfigError: Keras was already loaded with another backend.

    Example:
        >>> model = keras_classifier(dim=50)
        >>> tuple(model(torch.zeros(4, 50)).shape)
        (4, 2)
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras  # here, so that the rest of the package does not wait for it

    if keras.backend.backend() != "torch":
        raise ConfigError(
            f"Keras runs on {keras.backend.backend()!r}; this book needs 'torch'. Set the "
            "environment variable KERAS_BACKEND=torch before Keras is imported, and restart."
        )

    def initial(seed: int) -> "keras.initializers.Initializer":
        return keras.initializers.GlorotUniform(seed=random_state * 2 + seed)

    return keras.Sequential(
        [
            keras.Input((dim,)),
            keras.layers.Dense(hidden, activation="relu", kernel_initializer=initial(0)),
            keras.layers.Dense(n_classes, kernel_initializer=initial(1)),
        ]
    )


class Classifier(Protocol):
    """Whatever tells the labels of rows: one network per draw, or several that agree."""

    def logits(self, X: Float[np.ndarray, "draw m dim"]) -> Float[np.ndarray, "draw m label"]:
        """Logits of every row, one per label."""
        ...


class ClassifierNetwork(nn.Module):
    """The network of :func:`keras_classifier`, with its own weights for every draw.

    Args:
        dim: Length of an embedding.
        n_classes: Number of labels.
        hidden: Number of hidden units.
        streams: Source of the initial weights.

    Example:
        >>> network = ClassifierNetwork(50, 2, 32, DrawStreams(0, n_draws=3))
        >>> tuple(network(torch.zeros(3, 10, 50)).shape)
        (3, 10, 2)
    """

    def __init__(self, dim: int, n_classes: int, hidden: int, streams: DrawStreams) -> None:
        super().__init__()
        self.hidden = StackedLinear(dim, hidden, streams)
        self.output = StackedLinear(hidden, n_classes, streams)

    @classmethod
    def from_keras(cls, models: "Sequence[keras.Model]") -> "ClassifierNetwork":
        """Stack trained Keras classifiers, one per draw.

        Example:
            >>> network = ClassifierNetwork.from_keras([keras_classifier(dim=5)])
            >>> tuple(network.hidden.weight.shape)
            (1, 5, 32)
        """
        weights = [[torch.as_tensor(w) for w in model.get_weights()] for model in models]
        w1, b1, w2, b2 = (torch.stack(tensors) for tensors in zip(*weights, strict=True))
        _, dim, hidden = w1.shape
        network = cls(dim, w2.shape[2], hidden, DrawStreams(0, len(weights)))
        network.load_state_dict(
            {
                "hidden.weight": w1,
                "hidden.bias": b1[:, None],
                "output.weight": w2,
                "output.bias": b2[:, None],
            }
        )
        return network

    def forward(self, x: Float[Tensor, "draw n dim"]) -> Float[Tensor, "draw n label"]:
        return self.output(F.relu(self.hidden(x)))


class StackedClassifier:
    """Train one small classifier per draw, all at once.

    Training takes a fixed number of full-batch Adam steps, so that a run with more examples does
    not also get more steps. The defaults were chosen by cross-validation inside the training
    rows of draws that no chapter reports (``benchmarks/choose_classifier.py``).

    Args:
        n_classes: Number of labels.
        hidden: Number of hidden units.
        steps: Number of Adam steps.
        learning_rate: Adam's learning rate.
        weight_decay: Decoupled weight decay (AdamW).
        random_state: Seed of the initial weights.

    Raises:
        ConfigError: A setting that cannot work.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(2, 40, 5)).astype("float32")
        >>> y = (X[:, :, 0] > 0).astype(int)
        >>> bool((StackedClassifier(steps=200).fit(X, y).score(X, y) > 0.9).all())
        True
    """

    def __init__(
        self,
        n_classes: int = 2,
        hidden: int = 32,
        steps: int = 30,
        learning_rate: float = 0.005,
        weight_decay: float = 0.01,
        random_state: int = 0,
    ) -> None:
        check_whole(2, n_classes=n_classes)
        check_whole(1, hidden=hidden, steps=steps)
        check_whole(0, random_state=random_state)
        check_number(
            "a number above 0 and below 1", lambda rate: 0 < rate < 1, learning_rate=learning_rate
        )
        check_number(
            "a number of 0 or more", lambda decay: 0 <= decay < np.inf, weight_decay=weight_decay
        )
        self.n_classes = n_classes
        self.hidden = hidden
        self.steps = steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.random_state = random_state

    def fit(
        self,
        X: Float[np.ndarray, "draw n dim"],
        y: Int[np.ndarray, "draw n"],
        weight: Float[np.ndarray, "draw n"] | None = None,
        start: "StackedClassifier | None" = None,
    ) -> "StackedClassifier":
        """Train on the rows of ``X`` and the labels ``y``.

        Args:
            X: Rows of each draw.
            y: Their labels.
            weight: What each row counts in the loss; all the same where none is given.
            start: A trained classifier with as many draws, whose weights to start from.

        Raises:
            DataError: Wrong shapes, non-finite values, a label of ``n_classes`` or more, or weights
                that are negative or all 0 in a draw.
            ConfigError: The classifier to start from is not trained, or does not fit.
        """
        X, y = check_training_arrays(X, y)
        share = _shares(weight, y)
        if y.max() >= self.n_classes:
            raise DataError(
                f"y holds the label {y.max()}, but n_classes={self.n_classes}; "
                f"expected labels 0 to {self.n_classes - 1}."
            )
        device = pick_device()
        n_draws, n, dim = X.shape
        streams = DrawStreams(self.random_state, n_draws, device)
        self.network_ = ClassifierNetwork(dim, self.n_classes, self.hidden, streams).to(device)
        if start is not None:
            start.check_trained()
            given = tuple(start.network_.hidden.weight.shape)
            check_start(
                "classifier",
                ["n_classes", "hidden"],
                self,
                start,
                (given[0], given[1], start.n_classes),
                (n_draws, dim, self.n_classes),
            )
            self.network_.load_state_dict(start.network_.state_dict())
        optimizer = torch.optim.AdamW(
            self.network_.parameters(),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            foreach=True,
        )
        inputs, targets = torch.as_tensor(X, device=device), torch.as_tensor(y, device=device)
        shares = None if share is None else torch.as_tensor(share, device=device).flatten()
        for _ in range(self.steps):
            logits = self.network_(inputs)
            # Mean over a draw's rows, sum over draws: a draw's gradient is its own.
            if shares is None:
                loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / n
            else:
                losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
                loss = losses @ shares
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return self

    def check_trained(self) -> None:
        """Refuse to go on with a classifier that was not trained.

        Raises:
            ConfigError: Not trained yet.
        """
        if not hasattr(self, "network_"):
            raise ConfigError("This classifier is not trained yet; call fit(X, y) first.")

    @torch.no_grad()
    def logits(self, X: Float[np.ndarray, "draw m dim"]) -> Float[np.ndarray, "draw m label"]:
        """Logits of every row, one per label.

        Raises:
            ConfigError: Not trained yet.
            DataError: Rows that are not finite, or of other draws or dimensions than trained on.
        """
        self.check_trained()
        X = check_rows(X)
        expected = self.network_.hidden.weight.shape[:2]
        if (X.shape[0], X.shape[2]) != tuple(expected):
            raise DataError(
                f"X has shape {X.shape}; this classifier was trained on {expected[0]} draws of "
                f"{expected[1]}-dimensional rows, so expected ({expected[0]}, m, {expected[1]})."
            )
        device = self.network_.hidden.weight.device
        inputs = torch.as_tensor(X, device=device)
        return self.network_(inputs).cpu().numpy()

    def predict(self, X: Float[np.ndarray, "draw m dim"]) -> Int[np.ndarray, "draw m"]:
        """The most likely label of every row."""
        return self.logits(X).argmax(axis=2)

    def score(
        self, X: Float[np.ndarray, "draw m dim"], y: Int[np.ndarray, "draw m"]
    ) -> Float[np.ndarray, " draw"]:
        """Accuracy of every draw, from 0 to 1.

        Raises:
            ConfigError: Not trained yet.
            DataError: What :meth:`logits` refuses, or labels that do not fit the rows.
        """
        X, y = check_training_arrays(X, y)
        return (self.predict(X) == y).mean(axis=1)


def _shares(
    weight: Float[np.ndarray, "draw n"] | None, y: Int[np.ndarray, "draw n"]
) -> Float[np.ndarray, "draw n"] | None:
    """Return what each row counts in the mean loss of its draw, or none where all count the same.

    Raises:
        DataError: Another shape than the labels', or numbers that are no weights.
    """
    if weight is None:
        return None
    weight = np.asarray(weight, dtype=np.float32)
    if weight.shape != y.shape:
        raise DataError(f"weight has shape {weight.shape}; expected {y.shape}, one for every row.")
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any(axis=1).all()):
        raise DataError(
            "weight holds a number that is negative or not finite, or a draw whose weights are "
            "all 0; give numbers of 0 or more, some of them above 0 in every draw."
        )
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float32)
