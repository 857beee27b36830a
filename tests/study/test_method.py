"""No test row reaches anything that is fitted: with other test rows, every method does the same.

The reviews outside of the training sets are replaced, their embeddings, labels, and texts. What is
fitted must not change by a single bit. A judge that has read test rows would look like a good one.
"""

import dataclasses

import numpy as np
import pytest
from gensim.models import KeyedVectors

from embgan_edu.data import embedding
from embgan_edu.data.embedding import EmbeddedCorpus, MeanEmbedder
from embgan_edu.data.splits import ScarceSplits, draw_splits
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import GANConfig
from embgan_edu.study import (
    beyond,
    controls,
    ladder,
    private_recipe,
    recipe,
    text_recipe,
    vae_recipe,
)

LABELS = ("negative", "positive")
OPINIONS = (("dull", "awful", "weak"), ("warm", "honest", "bright"))
THINGS = ("film", "plot", "book", "play")
WORDS = ["the", "is", "and", "a", "so", "it", "very", ".", *THINGS, *OPINIONS[0], *OPINIONS[1]]
VECTORS = KeyedVectors(8)
VECTORS.add_vectors(
    [*WORDS, *LABELS],
    np.random.default_rng(0).normal(size=(len(WORDS) + 2, 8)).astype(np.float32),
)


def make_corpus(name: str, n: int, seed: int) -> EmbeddedCorpus:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    texts = tuple(f"the {rng.choice(THINGS)} is {rng.choice(OPINIONS[label])}" for label in y)
    return EmbeddedCorpus(name, MeanEmbedder(VECTORS).fit_transform(texts), y, LABELS, 0, texts)


SOURCE, TARGET = make_corpus("tweets", 80, seed=1), make_corpus("reviews", 120, seed=0)
N_TRAIN, DRAWS = 24, 2
SETS = [name for name in recipe.FACTORIAL if "consistency" in name][::5]
EVERY = (*ladder.METHODS, *beyond.METHODS, *SETS)


def other_test_rows() -> EmbeddedCorpus:
    """The corpus with other reviews wherever no draw has a training row."""
    trained_on = draw_splits(TARGET, N_TRAIN, draws=DRAWS).train_index.ravel()
    changed = np.setdiff1d(np.arange(len(TARGET)), trained_on)
    rng = np.random.default_rng(9)
    X, y, texts = TARGET.X.copy(), TARGET.y.copy(), list(TARGET.texts)
    X[changed] = rng.normal(5, 3, size=X[changed].shape)
    y[changed] = 1 - rng.permutation(y[changed])
    for row in changed:
        texts[row] = f"the {LABELS[y[row]]} play is weak and so is a book"
    return dataclasses.replace(TARGET, X=X, y=y, texts=tuple(texts))


@pytest.fixture(autouse=True)
def small_and_apart(monkeypatch, tmp_path):
    """Networks that train in no time, toy vectors, and a cache of the test's own."""
    monkeypatch.setenv("EMBGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EMBGAN_WEIGHTS", str(tmp_path / "weights"))
    small = GANConfig(latent_dim=4, hidden=16, steps=6, batch_size=16)
    monkeypatch.setattr(recipe, "GANConfig", lambda: small)
    for module in (recipe, private_recipe):
        monkeypatch.setattr(module, "FINE_TUNING_STEPS", 3)
    size = {"latent_dim": 4, "hidden": 16, "steps": 6, "batch_size": 16}
    monkeypatch.setattr(beyond, "_RUNG", dataclasses.replace(beyond._RUNG, **size))
    for name, config in beyond.NEWER_GANS.items():
        monkeypatch.setitem(beyond.NEWER_GANS, name, dataclasses.replace(config, **size))
    monkeypatch.setattr(beyond, "FINE_TUNING", {"R3GAN, wide": 3})
    monkeypatch.setattr(controls, "GAN_STEPS", dict.fromkeys(controls.GAN_STEPS, 3))
    monkeypatch.setattr(private_recipe, "PRIVATE_STEPS", 3)
    monkeypatch.setattr(vae_recipe, "PRETRAINING_STEPS", 5)
    monkeypatch.setattr(text_recipe, "NETWORKS", 1)
    for module in (text_recipe, embedding):
        monkeypatch.setattr(module, "load_word_vectors", lambda vectors: VECTORS)
    monkeypatch.setattr(text_recipe, "SCRATCH_WORDS", 24)
    monkeypatch.setattr(text_recipe, "PRETRAINED_WORDS", 24)
    for name in ("SCRATCH", "PRETRAINING", "FINE_TUNING"):
        few = dataclasses.replace(getattr(text_recipe, name), steps=3, max_words=9, hidden=8)
        monkeypatch.setattr(text_recipe, name, few)


def what_is_fitted(method: str, target: EmbeddedCorpus) -> np.ndarray:
    """The rows that a method makes, or its answers to rows that are no data."""
    splits = draw_splits(target, N_TRAIN, draws=DRAWS)
    fitted = ladder.fit_method(method, splits, target, SOURCE, 0)
    if hasattr(fitted, "sample"):
        X, y = fitted.sample(30, random_state=1)
        return np.concatenate([X, y[..., None]], axis=2)
    return fitted.logits(np.random.default_rng(0).normal(size=(DRAWS, 30, 8)).astype(np.float32))


@pytest.mark.parametrize("method", EVERY)
def test_other_test_rows_change_nothing(method: str) -> None:
    np.testing.assert_array_equal(
        what_is_fitted(method, TARGET), what_is_fitted(method, other_test_rows())
    )


def test_the_other_test_rows_are_others_and_the_training_rows_are_not() -> None:
    ours, theirs = (draw_splits(c, N_TRAIN, draws=DRAWS) for c in (TARGET, other_test_rows()))
    np.testing.assert_array_equal(ours.X_train, theirs.X_train)
    changed = (ours.X_test != theirs.X_test).any(axis=2)
    assert changed.mean() > 0.7
    assert (ours.y_test != theirs.y_test)[changed].mean() > 0.2


@pytest.mark.parametrize("method", ["judge", "mean of two", "judged noise", "+ smoothing"])
def test_a_judge_that_has_read_test_rows_is_noticed(method: str, monkeypatch) -> None:
    def leaking_judge(
        splits: ScarceSplits, corpus: EmbeddedCorpus | None = None, random_state: int = 0
    ) -> StackedClassifier:
        X = np.concatenate([splits.X_train, splits.X_test], axis=1)
        y = np.concatenate([splits.y_train, splits.y_test], axis=1)
        return StackedClassifier(splits.n_classes, random_state=random_state).fit(X, y)

    for module in (recipe, controls):
        monkeypatch.setattr(module, "fit_judge", leaking_judge)
    assert not np.array_equal(
        what_is_fitted(method, TARGET), what_is_fitted(method, other_test_rows())
    )
