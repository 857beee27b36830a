"""Stacked layers and per-draw random streams, each against torch's own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.models.stacked import (
    DrawStreams,
    SpectralLinear,
    StackedBatchNorm,
    StackedLinear,
    check_training_arrays,
    pick_device,
    plain_weights,
)


@given(n_draws=st.integers(1, 4), batch=st.integers(1, 5), dims=st.tuples(*[st.integers(1, 6)] * 2))
def test_linear_agrees_with_torch(n_draws, batch, dims):
    layer = StackedLinear(*dims, DrawStreams(0, n_draws))
    x = torch.randn(n_draws, batch, dims[0])
    for draw in range(n_draws):
        expected = torch.nn.functional.linear(x[draw], layer.weight[draw].T, layer.bias[draw, 0])
        torch.testing.assert_close(layer(x)[draw], expected)


def test_plain_weights_make_torchs_layers_compute_the_same():
    streams = DrawStreams(3, n_draws=2)
    stacked = torch.nn.Sequential(StackedLinear(4, 3, streams), StackedLinear(3, 2, streams))
    x = streams.normal(5, 4)
    for draw in (0, 1):
        plain = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
        with torch.no_grad():
            for ours, theirs in zip(plain.parameters(), plain_weights(stacked, draw), strict=True):
                ours.copy_(theirs)
        torch.testing.assert_close(plain(x[draw]), stacked(x)[draw])


def test_initial_weights_are_uniform_with_torchs_bound():
    weight = StackedLinear(100, 200, DrawStreams(0, 2)).weight
    assert weight.abs().max() <= 0.1
    # A uniform variable on [-b, b] has standard deviation b / sqrt(3).
    assert weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.02)
    assert not torch.equal(weight[0], weight[1])


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_agrees_with_torch(training):
    ours, theirs = StackedBatchNorm(3, n_draws=2), torch.nn.BatchNorm1d(3)
    for _ in range(3):  # move the running averages away from where they start
        x = torch.randn(2, 7, 3) * 4 + 1
        ours(x), theirs(x[1])
    ours.train(training), theirs.train(training)
    x = torch.randn(2, 7, 3)
    torch.testing.assert_close(ours(x)[1], theirs(x[1]))
    torch.testing.assert_close(ours.running_mean[1, 0], theirs.running_mean)
    torch.testing.assert_close(ours.running_variance[1, 0], theirs.running_var)


@pytest.mark.parametrize("dims", [(7, 4), (3, 9), (6, 1)])
def test_spectral_layer_divides_by_the_largest_singular_value(dims):
    streams = DrawStreams(0, 3)
    layer = SpectralLinear(*dims, streams)
    x = streams.normal(5, dims[0])
    for _ in range(200):  # power iteration, one round at each pass
        layer(x)
    layer.eval()
    before = layer.direction.clone()
    for draw in range(3):
        weight = layer.weight[draw].detach().numpy()
        largest = np.linalg.svd(weight, compute_uv=False)[0]  # the oracle
        expected = x[draw] @ torch.as_tensor(weight / largest) + layer.bias[draw]
        torch.testing.assert_close(layer(x)[draw], expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(layer.direction, before)  # evaluation moves nothing


def test_spectral_layers_follow_the_weights_and_stretch_nothing():
    streams = DrawStreams(0, 2)
    layer = SpectralLinear(6, 6, streams)
    with torch.no_grad():
        layer.weight *= 100
    a, b = streams.normal(50, 6), streams.normal(50, 6)
    for _ in range(100):
        stretched = (layer(a) - layer(b)).norm(dim=2) / (a - b).norm(dim=2)
    assert 0.5 < stretched.max().item() < 1.001


def test_streams_do_not_depend_on_the_number_of_draws():
    few, many = DrawStreams(3, n_draws=2), DrawStreams(3, n_draws=5)
    frequencies = torch.tensor([[0.3, 0.7]])
    for _ in range(2):
        assert torch.equal(few.normal(4, 2), many.normal(4, 2)[:2])
        assert torch.equal(few.uniform(3), many.uniform(3)[:2])
        assert torch.equal(few.minibatch(10, 4), many.minibatch(10, 4)[:2])
        a, b = (s.labels(frequencies.expand(len(s.generators), 2), 9) for s in (few, many))
        assert torch.equal(a, b[:2])


def test_streams_differ_between_draws_and_seeds():
    a, b = DrawStreams(0, 2).normal(100), DrawStreams(1, 2).normal(100)
    assert not torch.equal(a[0], a[1])
    assert not torch.equal(a, b)


def test_streams_leave_torchs_global_generator_alone():
    before = torch.get_rng_state()
    DrawStreams(0, 3).normal(10)
    StackedLinear(3, 3, DrawStreams(0, 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_minibatch_repeats_no_row_and_covers_all():
    rows = DrawStreams(0, 3).minibatch(8, 8)
    assert torch.equal(rows.sort(dim=1).values, torch.arange(8).expand(3, 8))


def test_label_frequencies_are_kept():
    frequencies = torch.tensor([[0.2, 0.8], [1.0, 0.0]])
    y = DrawStreams(0, 2).labels(frequencies, 20_000)
    # Four standard errors of a share of 0.8 over 20,000: 0.011.
    assert y[0].float().mean().item() == pytest.approx(0.8, abs=0.012)
    assert (y[1] == 0).all()


def test_device_override(monkeypatch):
    monkeypatch.setenv("EMBGAN_DEVICE", "cpu")
    assert pick_device() == torch.device("cpu")
    monkeypatch.setenv("EMBGAN_DEVICE", "tpu")
    with pytest.raises(ConfigError, match=r"EMBGAN_DEVICE='tpu'.*cpu"):
        pick_device()


def test_negative_seed_is_refused():
    with pytest.raises(ConfigError, match="random_state=-1"):
        DrawStreams(-1, 2)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((5, 3)), np.zeros(5, int), r"\(5, 3\).*X\[None\]"),
        (np.zeros((2, 5, 3)), np.zeros((2, 4), int), r"\(2, 4\).*expected \(2, 5\)"),
        (np.zeros((2, 0, 3)), np.zeros((2, 0), int), "at least one row|at least one draw"),
        (np.full((1, 2, 3), np.nan), np.zeros((1, 2), int), r"X\[0, 0\].*not finite"),
        (np.zeros((1, 2, 3)), np.array([[0, -1]]), "from -1"),
        (np.zeros((1, 2, 3)), np.array([[0.0, 1.0]]), "float64"),
    ],
)
def test_bad_training_arrays_are_named(X, y, message):
    with pytest.raises(DataError, match=message):
        check_training_arrays(X, y)
