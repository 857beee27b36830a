"""Losses and penalties against closed forms: constants, linear and quadratic discriminators."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.models.losses import (
    LOSSES,
    between,
    binary_cross_entropy,
    discriminator_loss,
    generator_loss,
    slope,
    unit_slope_penalty,
    zero_centered_penalty,
)

logits = st.lists(st.floats(-20, 20), min_size=2, max_size=2)


def row(values):
    return torch.tensor([values], dtype=torch.float64)


@given(st.floats(-30, 30), st.floats(0, 1))
def test_binary_cross_entropy_closed_form(logit, target):
    # -t log s(l) - (1 - t) log(1 - s(l)), with log s(l) = -log(1 + exp(-l))
    expected = target * np.logaddexp(0, -logit) + (1 - target) * np.logaddexp(0, logit)
    given_logits = torch.full((1, 3), logit, dtype=torch.float64)
    assert binary_cross_entropy(given_logits, target).item() == pytest.approx(expected, abs=1e-9)


@given(logits, logits)
def test_losses_closed_form(real, fake):
    r, f = np.array(real), np.array(fake)
    expected = {
        "standard": (
            np.logaddexp(0, -r).mean() + np.logaddexp(0, f).mean(),
            np.logaddexp(0, -f).mean(),
        ),
        "hinge": (np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(), -f.mean()),
        "wasserstein": (f.mean() - r.mean(), -f.mean()),
        "relativistic": (np.logaddexp(0, f - r).mean(), np.logaddexp(0, r - f).mean()),
    }
    assert set(expected) == set(LOSSES)
    for kind, (for_discriminator, for_generator) in expected.items():
        ours = discriminator_loss(kind, row(real), row(fake)).item()
        assert ours == pytest.approx(for_discriminator, abs=1e-9)
        ours = generator_loss(kind, row(real), row(fake)).item()
        assert ours == pytest.approx(for_generator, abs=1e-9)


# Two places. Of four real rows three lie in the first, of four generated rows one.
PLACES = torch.tensor([[0, 0, 0, 1]]), torch.tensor([[0, 1, 1, 1]])


def test_the_optimal_discriminator_reaches_the_jensen_shannon_divergence():
    p, q = np.array([0.75, 0.25]), np.array([0.25, 0.75])
    best = torch.tensor(np.log(p / q))
    middle = (p + q) / 2
    divergence = (p * np.log(p / middle) + q * np.log(q / middle)).sum() / 2
    loss = discriminator_loss("standard", best[PLACES[0]], best[PLACES[1]])
    assert loss.item() == pytest.approx(np.log(4) - 2 * divergence)


@pytest.mark.parametrize("kind", ["standard", "relativistic"])
def test_the_log_ratio_of_the_densities_is_optimal(kind):
    best = torch.tensor([np.log(3), -np.log(3)], requires_grad=True)
    real, fake = PLACES
    if kind == "relativistic":  # its expectation is over all pairs of a real and a generated row
        pairs = list(itertools.product(real[0].tolist(), fake[0].tolist()))
        real, fake = (torch.tensor([place]) for place in zip(*pairs, strict=True))
    discriminator_loss(kind, best[real], best[fake]).sum().backward()
    assert best.grad.abs().max() < 1e-12


def test_only_the_relativistic_generator_looks_at_real_rows():
    fake = row([0.3, -1.0])
    for kind in LOSSES:
        here, there = (generator_loss(kind, row([r, r]), fake).item() for r in (0.0, 5.0))
        assert (here != there) == (kind == "relativistic")


def test_smoothing_moves_the_real_target_alone():
    here = discriminator_loss("standard", row([2.0]), row([-1.0]), label_smoothing=0.1).item()
    expected = 0.9 * np.logaddexp(0, -2) + 0.1 * np.logaddexp(0, 2) + np.logaddexp(0, -1)
    assert here == pytest.approx(expected)


def test_the_slope_of_a_linear_discriminator_is_its_weight_everywhere():
    weight = torch.tensor([3.0, -4.0], dtype=torch.float64)
    for x in (torch.zeros(2, 5, 2), torch.randn(2, 5, 2)):
        x = x.double().requires_grad_()
        gradient = slope(x @ weight + 7, x)
        torch.testing.assert_close(gradient, weight.expand(2, 5, 2))
        torch.testing.assert_close(zero_centered_penalty(gradient), torch.full((2,), 12.5).double())
        torch.testing.assert_close(unit_slope_penalty(gradient), torch.full((2,), 16.0).double())


def test_penalties_can_be_differentiated_once_more():
    # For D(x) = w x the zero-centered penalty is |w|^2 / 2, with gradient w, and the other one
    # (|w| - 1)^2, with gradient 2 (|w| - 1) w / |w|.
    for penalty, expected in (
        (zero_centered_penalty, [3.0, 4.0]),
        (unit_slope_penalty, [4.8, 6.4]),
    ):
        weight = torch.tensor([3.0, 4.0], requires_grad=True)
        x = torch.randn(1, 5, 2, requires_grad=True)
        penalty(slope(x @ weight, x)).sum().backward()
        torch.testing.assert_close(weight.grad, torch.tensor(expected))


def test_the_slope_of_a_quadratic_discriminator_is_the_place():
    x = torch.randn(3, 4, 5, requires_grad=True)
    gradient = slope(x.square().sum(dim=2) / 2, x)
    torch.testing.assert_close(gradient, x)
    expected = x.detach().square().sum(dim=2).mean(dim=1) / 2
    torch.testing.assert_close(zero_centered_penalty(gradient), expected)


def test_a_packs_slope_holds_all_its_rows():
    x = torch.randn(2, 6, 5, requires_grad=True)
    packed = x.reshape(2, 3, 10)
    gradient = slope(packed.square().sum(dim=2) / 2, x)
    torch.testing.assert_close(gradient, packed)


def test_points_between_lie_on_the_lines_and_are_cut_from_what_made_them():
    real, fake = torch.randn(2, 4, 3), torch.randn(2, 4, 3, requires_grad=True)
    share = torch.rand(2, 4, 1)
    points = between(real, fake, share)
    torch.testing.assert_close(points, share * real + (1 - share) * fake)
    assert points.is_leaf and points.requires_grad
    torch.testing.assert_close(between(real, fake, torch.ones(2, 4, 1)), real.requires_grad_())
