"""The Keras classifier and the stacked one are the same function."""

import numpy as np
import pytest
import torch

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.models import classifier
from embgan_edu.models.classifier import ClassifierNetwork, StackedClassifier, keras_classifier
from embgan_edu.models.stacked import DrawStreams


@pytest.fixture(scope="module")
def two_blobs():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=(3, 200))
    X = rng.normal(size=(3, 200, 4)).astype("float32") + 2 * y[..., None]
    return X, y


def test_keras_and_stacked_give_the_same_logits_and_the_same_gradient():
    models = [keras_classifier(dim=6, n_classes=3, random_state=seed) for seed in range(2)]
    network = ClassifierNetwork.from_keras(models)
    x = torch.randn(2, 5, 6, requires_grad=True)
    # A different weight for every logit, so that no gradient cancels.
    weights = torch.randn(2, 5, 3)
    (network(x) * weights).sum().backward()
    for draw, model in enumerate(models):
        x_draw = x[draw].detach().clone().requires_grad_()
        logits = model(x_draw)
        torch.testing.assert_close(logits, network(x)[draw].detach().clone())
        (logits * weights[draw]).sum().backward()
        torch.testing.assert_close(x.grad[draw], x_draw.grad)


def test_keras_classifier_returns_logits_not_probabilities():
    logits = keras_classifier(dim=4)(100 * torch.ones(1, 4)).detach()
    assert logits.abs().max() > 1  # a softmax would keep them between 0 and 1


def test_keras_classifier_is_reproducible_and_seeded():
    a, b, c = (keras_classifier(dim=4, random_state=s).get_weights()[0] for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_stacked_training_follows_keras_training(two_blobs, monkeypatch):
    """Same initial weights, same full-batch AdamW steps, same data: the same network."""
    import keras

    X, y = two_blobs
    model = keras_classifier(dim=4)
    network = ClassifierNetwork.from_keras([model])
    monkeypatch.setattr(classifier, "ClassifierNetwork", lambda *arguments: network)
    stacked = StackedClassifier(steps=20).fit(X[:1], y[:1])
    model.compile(
        optimizer=keras.optimizers.AdamW(
            stacked.learning_rate, weight_decay=stacked.weight_decay, epsilon=1e-8
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    before = model(X[0]).detach().cpu().numpy()
    model.fit(X[0], y[0], batch_size=200, epochs=stacked.steps, verbose=0, shuffle=False)
    after = model(X[0]).detach().cpu().numpy()
    np.testing.assert_allclose(stacked.logits(X[:1])[0], after, atol=2e-3)
    assert np.abs(after - before).max() > 0.2  # the tolerance is small beside what was learned


def test_it_learns_blobs_and_beats_chance_by_the_bayes_rate(two_blobs):
    X, y = two_blobs
    fresh = np.random.default_rng(1)
    y_test = fresh.integers(0, 2, size=(3, 2000))
    X_test = fresh.normal(size=(3, 2000, 4)).astype("float32") + 2 * y_test[..., None]
    # Two unit Gaussians 2 * sqrt(4) = 4 apart: the best accuracy is Phi(2) = 0.977.
    accuracy = StackedClassifier(steps=200).fit(X, y).score(X_test, y_test)
    assert (accuracy > 0.96).all() and (accuracy < 0.99).all()


def test_swapped_labels_turn_the_accuracy_around(two_blobs):
    X, y = two_blobs
    assert (StackedClassifier(steps=200).fit(X, 1 - y).score(X, y) < 0.05).all()


def test_a_draw_does_not_depend_on_its_neighbors(two_blobs):
    X, y = two_blobs
    together = StackedClassifier().fit(X, y).logits(X)
    alone = StackedClassifier().fit(X[:1], y[:1]).logits(X[:1])
    np.testing.assert_array_equal(together[:1], alone)


def test_the_loss_is_cross_entropy_of_logits(two_blobs):
    """A double softmax caps the confidence; long training on separable data must pass the cap."""
    X, y = two_blobs
    separable = X.copy()
    separable[..., 0] = 20 * (2 * y - 1)
    logits = StackedClassifier(steps=300, learning_rate=0.05).fit(separable, y).logits(separable)
    assert (np.abs(logits[..., 1] - logits[..., 0]) > 5).all()


def test_errors_name_value_and_remedy(two_blobs):
    X, y = two_blobs
    with pytest.raises(ConfigError, match=r"call fit"):
        StackedClassifier().predict(X)
    for setting in ({"steps": 0}, {"learning_rate": 0.0}, {"weight_decay": "no"}):
        ((name, value),) = setting.items()
        with pytest.raises(ConfigError, match=f"{name}={value!r}; expected"):
            StackedClassifier(**setting)
    with pytest.raises(DataError, match="label 2, but n_classes=2"):
        StackedClassifier().fit(X, y + 1)
    fitted = StackedClassifier().fit(X, y)
    with pytest.raises(DataError, match=r"\(3, 200, 2\).*4-dimensional"):
        fitted.predict(X[..., :2])
    with pytest.raises(DataError, match=r"\(3, 199\); expected \(3, 200\)"):
        fitted.score(X, y[:, :-1])
    with pytest.raises(DataError, match=r"X\[0, 7\] holds a value that is not finite"):
        broken = X.copy()
        broken[0, 7] = np.nan
        fitted.predict(broken)


def test_networks_of_different_draws_differ():
    network = ClassifierNetwork(4, 2, 8, DrawStreams(0, 2))
    assert not torch.equal(network.hidden.weight[0], network.hidden.weight[1])
