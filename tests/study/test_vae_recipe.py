"""How the VAE is trained on draws: units, starts, and corpora that do not fit."""

import numpy as np
import pytest
import torch

from embgan_edu.base.errors import DataError
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import draw_splits
from embgan_edu.models.vae import VAE, VAEConfig
from embgan_edu.study.vae_recipe import fit_pretrained_vae, fit_vae, pretrain_vae


@pytest.fixture(scope="module")
def toy():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = rng.normal(size=(200, 5)) + 2 * y[:, None]
    return EmbeddedCorpus("toy", 7 + 3 * X, y, ("no", "yes"), 0)


def test_the_methods_of_the_table(toy, monkeypatch):
    monkeypatch.setattr("embgan_edu.study.vae_recipe.PRETRAINING_STEPS", 60)
    splits = draw_splits(toy, 40, draws=10)  # fewer rows than a batch
    for method in (fit_vae, fit_pretrained_vae):
        vae = method(splits, toy, toy, random_state=3)
        X, y = vae.sample(200)
        assert X.shape == (10, 200, 5) and vae.random_state == 3
        # Two classes, two apart; standardized rows put them about 1.4 apart.
        means = [np.mean([X[k][y[k] == c].mean() for k in range(10)]) for c in (0, 1)]
        assert 0.7 < means[1] - means[0] < 2.1
    assert len(vae.history["kl"]) == 25  # the fine-tuning


def test_pretraining_looks_at_the_corpus_in_its_own_units(toy):
    vae = pretrain_vae(VAEConfig(steps=200), toy, networks=2)
    X, _ = vae.sample(2000)
    np.testing.assert_allclose(X.mean(axis=(1, 2)), 0, atol=0.15)
    np.testing.assert_allclose(X.std(axis=1).mean(axis=1), 1, atol=0.2)
    a, b = vae.decode(np.zeros((2, 1, 16)), np.zeros((2, 1), dtype=int))
    assert not np.allclose(a, b)  # networks differ in their initial weights


def test_draws_start_from_the_networks_in_turn(toy, monkeypatch):
    monkeypatch.setattr("embgan_edu.study.vae_recipe.PRETRAINING_STEPS", 20)
    seen = {}
    right_fit = VAE.fit

    def spy(self, X, y, start=None, **settings):
        seen["start"] = start
        return right_fit(self, X, y, start=start, **settings)

    monkeypatch.setattr(VAE, "fit", spy)
    fit_pretrained_vae(draw_splits(toy, 100, draws=10), toy, toy)
    first = seen["start"].decoder_.layers[0].weight
    assert torch.equal(first[8:], first[:2]) and not torch.equal(first[0], first[1])


def test_another_corpus_of_other_units_is_refused(toy):
    splits = draw_splits(toy, 40, draws=2)
    other = EmbeddedCorpus("other", toy.X[:, :4], toy.y, toy.label_names, 0)
    with pytest.raises(DataError, match="'other' has 4 dimensions"):
        fit_pretrained_vae(splits, toy, other)
