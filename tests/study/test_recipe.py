"""The recipe: what each change sets, and the pretraining that is done once."""

import dataclasses
import itertools

import numpy as np
import pytest

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import draw_splits
from embgan_edu.models.gan import GAN, GANConfig
from embgan_edu.study import recipe
from embgan_edu.study.recipe import (
    ABLATION,
    CHANGES,
    LADDER,
    configure,
    fit_judge,
    fit_rung,
    pretrain,
    standardized,
)

SMALL = GANConfig(latent_dim=4, hidden=16, steps=20, batch_size=8)


@pytest.fixture(autouse=True)
def small_gans(monkeypatch, tmp_path):
    """Weights in a folder of the test, and networks that train in no time."""
    monkeypatch.setenv("EMBGAN_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(recipe, "GANConfig", lambda: SMALL)
    monkeypatch.setattr(recipe, "FINE_TUNING_STEPS", 5)


def toy(name="toy", n=120, dim=5, seed=0):
    y = np.arange(n) % 2
    X = np.random.default_rng(seed).normal(3, 2, size=(n, dim)) + 2 * y[:, None]
    return EmbeddedCorpus(name, X, y, ("negative", "positive"), 0)


def test_each_rung_adds_one_change_and_each_ablation_lacks_one():
    rungs = list(LADDER.values())
    assert rungs[0] == () and set(rungs[-1]) == set(CHANGES)
    for lower, upper in itertools.pairwise(rungs):
        assert set(lower) < set(upper) and len(upper) == len(lower) + 1
    assert [set(CHANGES) - set(rest) for rest in ABLATION.values()] == [
        {change} for change in list(CHANGES)[:-1]
    ]
    assert set(CHANGES) - set(LADDER["+ noise"]) == {"smoothing"}


def test_a_change_sets_its_own_field_and_nothing_else():
    plain = dataclasses.asdict(configure(()))
    fields = {
        "batch norm": "batch_norm",
        "smoothing": "label_smoothing",
        "pretraining": None,
        "tweets' judge": None,
    }
    for change in CHANGES:
        changed = dataclasses.asdict(configure([change]))
        different = {field for field in plain if plain[field] != changed[field]}
        field = fields.get(change, change)
        assert different == ({field} if field else set())


def test_an_unknown_change_is_refused_with_the_possible_ones():
    with pytest.raises(ConfigError, match=r"no change 'dropout'; possible: batch norm, .*smooth"):
        configure(["noise", "dropout"])


def test_standardized_has_the_units_of_the_corpus_and_survives_a_constant_feature():
    corpus = toy()
    corpus.X[:, 0] = 7
    X = standardized(corpus)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(X.std(axis=0), [0, 1, 1, 1, 1], atol=1e-5)


def test_pretraining_is_done_once_and_then_read(monkeypatch):
    corpus = toy()
    first = pretrain(SMALL, corpus, networks=3)
    monkeypatch.setattr(GAN, "fit", lambda *args, **kwargs: pytest.fail("trained again"))
    again = pretrain(SMALL, corpus, networks=3)
    for a, b in zip(first.sample(10), again.sample(10), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "other",
    [
        {"config": dataclasses.replace(SMALL, noise=0.1)},
        {"corpus": toy(seed=1)},
        {"networks": 2},
        {"random_state": 1},
    ],
    ids=lambda other: next(iter(other)),
)
def test_whatever_the_weights_depend_on_is_in_their_key(other, tmp_path):
    given = {"config": SMALL, "corpus": toy(), "networks": 3, "random_state": 0}
    pretrain(**given)
    pretrain(**given | other)
    assert len(list((tmp_path / "weights").glob("*.safetensors"))) == 2


def test_damaged_weights_are_trained_again(tmp_path):
    first = pretrain(SMALL, toy(), networks=2)
    (path,) = (tmp_path / "weights").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-20])
    np.testing.assert_array_equal(
        pretrain(SMALL, toy(), networks=2).sample(5)[0], first.sample(5)[0]
    )


def test_a_draw_does_not_change_when_more_draws_are_asked_for():
    few, many = (draw_splits(toy(), 20, draws=draws) for draws in (2, 10))
    X_few, X_many = (fit_rung(CHANGES, s, toy("source", 90)).sample(7)[0] for s in (few, many))
    np.testing.assert_array_equal(X_few, X_many[:2])
    # Draw 8 starts from the same network as draw 0, but goes another way.
    assert not np.array_equal(X_many[0], X_many[8])


def test_pretraining_needs_a_corpus_with_the_same_labels_and_dimensions():
    splits = draw_splits(toy(), 20, draws=2)
    with pytest.raises(ConfigError, match="needs a corpus"):
        fit_rung(["pretraining"], splits)
    stars = dataclasses.replace(toy("stars"), label_names=("one", "five"))
    for other, message in ((toy("wide", dim=6), "'wide' has 6 dimensions"), (stars, "'five'")):
        with pytest.raises(DataError, match=message):
            fit_rung(["pretraining"], splits, other)


def test_the_judge_learns_from_the_other_corpus_too():
    splits = draw_splits(toy(), 6, draws=2)
    source = toy("source", 400)
    contrary = dataclasses.replace(source, y=1 - source.y)  # against the six rows of the target
    X, y = standardized(contrary), contrary.y
    alone, both = (
        fit_judge(splits, corpus).score(np.tile(X, (2, 1, 1)), np.tile(y, (2, 1))).mean()
        for corpus in (None, contrary)
    )
    assert alone < 0.5 < both


def test_a_small_draw_gets_a_smaller_batch():
    splits = draw_splits(toy(), 6, draws=1)
    assert fit_rung((), splits).config.batch_size == 6
