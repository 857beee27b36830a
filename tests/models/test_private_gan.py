"""DP-SGD against its definition, its accountant against closed forms and others."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from opacus import GradSampleModule
from opacus.accountants import PRVAccountant
from opacus.accountants.utils import get_noise_multiplier
from scipy.stats import norm
from torch import nn

from embgan_edu.base.errors import ConfigError
from embgan_edu.measure.attacks import (
    auc,
    discriminator_scores,
)
from embgan_edu.models import private_gan as module
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import GAN, Discriminator, GANConfig
from embgan_edu.models.private_gan import (
    ORDERS,
    PrivacyBudget,
    PrivateGAN,
    epsilon_spent,
    example_norms,
    private_discriminator_step,
)
from embgan_edu.models.stacked import DrawStreams

SMALL = GANConfig(latent_dim=4, hidden=16, steps=8, batch_size=8)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=(3, 40))
    return rng.normal(size=(3, 40, 5)).astype("float32") + y[..., None].astype("float32"), y


# Distances and attacks


def discriminator_and_batch(n_draws=2, n=6, hidden=16):
    streams = DrawStreams(0, n_draws)
    discriminator = Discriminator(5, 2, GANConfig(hidden=hidden), streams)
    onehot = F.one_hot(torch.arange(n) % 2, 2).float().expand(n_draws, n, 2)
    return discriminator, streams.normal(n, 5), onehot, streams


@pytest.mark.parametrize("target", [1.0, 0.9])
def test_norms_are_those_of_batches_of_one(target: float) -> None:
    discriminator, real, onehot, _ = discriminator_and_batch()
    losses, norms = example_norms(discriminator, real, onehot, target)
    for draw in range(2):
        for row in range(6):
            logit = discriminator(real[:, row : row + 1], onehot[:, row : row + 1])[draw]
            loss = F.binary_cross_entropy_with_logits(logit, torch.full((1,), target))
            gradients = torch.autograd.grad(loss, list(discriminator.parameters()))
            squared = sum(g[draw].square().sum() for g in gradients)
            torch.testing.assert_close(norms[draw, row], squared.sqrt())
            torch.testing.assert_close(losses[draw, row], loss)


def test_opacus_has_the_same_gradients() -> None:
    """A copy of each draw's network in torch's own layers, which opacus knows."""
    discriminator, real, onehot, _ = discriminator_and_batch()
    _, norms = example_norms(discriminator, real, onehot, 1.0)
    for draw in range(2):
        layers: list[nn.Module] = []
        for layer in discriminator.layers:
            if isinstance(layer, nn.LeakyReLU):
                layers.append(layer)
                continue
            linear = nn.Linear(*layer.weight.shape[1:])
            linear.weight.data = layer.weight.data[draw].T.contiguous()
            linear.bias.data = layer.bias.data[draw, 0]
            layers.append(linear)
        module = GradSampleModule(nn.Sequential(*layers), loss_reduction="sum")
        rows = torch.cat([real[draw], onehot[draw]], dim=1)
        logits = module(rows.requires_grad_())
        F.binary_cross_entropy_with_logits(
            logits, torch.ones_like(logits), reduction="sum"
        ).backward()
        squared = sum(p.grad_sample.flatten(1).square().sum(dim=1) for p in module.parameters())
        torch.testing.assert_close(norms[draw], squared.sqrt())


class Descent(torch.optim.Optimizer):
    """Keep the gradient, move nothing."""

    def __init__(self, parameters):
        super().__init__(parameters, {})

    def step(self, closure=None):
        self.seen = [p.grad.clone() for group in self.param_groups for p in group["params"]]


def gradient(discriminator, real, onehot, included, streams, clip, noise=0.0):
    """What the step hands to the optimizer, without the part of the generated rows."""
    batch = 4
    fake = torch.zeros(len(real), batch, 5)
    fake_onehot = torch.zeros(len(real), batch, 2)
    optimizer = Descent(discriminator.parameters())
    private_discriminator_step(
        discriminator, optimizer, real, onehot, included, fake, fake_onehot, streams, clip, noise
    )
    loss = F.softplus(discriminator(fake, fake_onehot)).mean(dim=1).sum()
    own = torch.autograd.grad(loss, list(discriminator.parameters()))
    return torch.cat(
        [(g - o).flatten(1) * batch for g, o in zip(optimizer.seen, own, strict=True)], dim=1
    )


def test_a_row_moves_the_gradient_by_the_clipping_norm_at_most() -> None:
    discriminator, real, onehot, streams = discriminator_and_batch()
    _, norms = example_norms(discriminator, real, onehot, 1.0)
    clip = norms.median().item()
    everyone = torch.ones(2, 6)
    whole = gradient(discriminator, real, onehot, everyone, streams, clip)
    for row in range(6):
        without = everyone.clone()
        without[:, row] = 0
        moved = (whole - gradient(discriminator, real, onehot, without, streams, clip)).norm(dim=1)
        expected = norms[:, row].clamp(max=clip)  # cut ones to the norm exactly, others as long
        torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-5)
    # A row of any size is no exception.
    far = real.clone()
    far[:, 0] *= 1e4
    moved = gradient(discriminator, far, onehot, everyone, streams, clip)
    without = everyone.clone()
    without[:, 0] = 0
    moved = moved - gradient(discriminator, far, onehot, without, streams, clip)
    assert (moved.norm(dim=1) <= clip * 1.001).all()


def test_nothing_is_cut_when_the_bound_is_wide() -> None:
    discriminator, real, onehot, streams = discriminator_and_batch()
    sum_of_all = gradient(discriminator, real, onehot, torch.ones(2, 6), streams, 1e6)
    loss = F.softplus(-discriminator(real, onehot)).sum()
    expected = torch.autograd.grad(loss, list(discriminator.parameters()))
    torch.testing.assert_close(sum_of_all, torch.cat([g.flatten(1) for g in expected], dim=1))


def test_the_noise_has_the_size_that_the_accountant_believes() -> None:
    discriminator, real, onehot, streams = discriminator_and_batch(n_draws=3, hidden=64)
    nobody = torch.zeros(3, 6)
    noise = gradient(discriminator, real, onehot, nobody, streams, clip=0.5, noise=4.0)
    count = noise.numel()
    assert noise.std().item() == pytest.approx(2.0, rel=4 / np.sqrt(2 * count))
    assert noise.mean().item() == pytest.approx(0.0, abs=4 * 2 / np.sqrt(count))
    again = gradient(discriminator, real, onehot, nobody, streams, clip=0.5, noise=4.0)
    assert not torch.allclose(noise, again)  # drawn anew at every step
    correlation = torch.corrcoef(noise)
    assert (correlation - torch.eye(3)).abs().max() < 0.1  # and for every draw


# The accountant


def gaussian_delta(epsilon: float, sigma: float) -> float:
    """Exact for one Gaussian step (Balle & Wang, 2018, theorem 8)."""
    a, b = 1 / (2 * sigma), epsilon * sigma
    return norm.cdf(a - b) - np.exp(epsilon) * norm.cdf(-a - b)


@pytest.mark.parametrize("sigma", [0.7, 2.0, 10.0])
def test_one_gaussian_step_in_closed_form(sigma: float) -> None:
    epsilon = epsilon_spent(sigma, sampling_rate=1, steps=1, delta=1e-3)
    # Rényi: alpha / (2 sigma^2) at every order, then the best conversion.
    orders = np.array(ORDERS)
    rdp = orders / (2 * sigma**2)
    converted = rdp + np.log1p(-1 / orders) - (np.log(1e-3) + np.log(orders)) / (orders - 1)
    assert epsilon == pytest.approx(max(0, converted.min()))
    # A bound: at this epsilon the true delta is no larger than promised, and not far from it.
    assert 0 < gaussian_delta(epsilon, sigma) <= 1e-3
    assert gaussian_delta(0.7 * epsilon, sigma) > 1e-3


def test_steps_add_up_and_sampling_helps() -> None:
    # T steps with sigma sqrt(T) are one step with sigma: Gaussians compose so.
    assert epsilon_spent(20.0, 1, 100, 1e-3) == pytest.approx(epsilon_spent(2.0, 1, 1, 1e-3))
    spent = [epsilon_spent(2.0, rate, 50, 1e-3) for rate in (0.1, 0.5, 1)]
    assert spent[0] < spent[1] < spent[2]


def test_another_accountant_agrees_from_below() -> None:
    prv = PRVAccountant()
    prv.history = [(2.0, 0.1, 100)]
    tight = prv.get_epsilon(1e-3)
    ours = epsilon_spent(2.0, 0.1, 100, 1e-3)
    assert tight <= ours < 1.25 * tight


def test_opacus_finds_the_same_noise() -> None:
    ours = PrivacyBudget(10, 1e-3).noise_multiplier(0.64, 100)
    theirs = get_noise_multiplier(
        target_epsilon=10, target_delta=1e-3, sample_rate=0.64, steps=100, alphas=ORDERS
    )
    assert ours == pytest.approx(theirs, rel=0.01)
    assert epsilon_spent(ours, 0.64, 100, 1e-3) <= 10 < epsilon_spent(0.99 * ours, 0.64, 100, 1e-3)


def test_no_bound_needs_no_noise() -> None:
    assert PrivacyBudget(np.inf).noise_multiplier(0.5, 100) == 0


# The private GAN


def test_batches_are_poisson_samples(monkeypatch, data) -> None:
    """The trap: shuffled batches of one size are not what the accountant counts."""
    seen = []
    right = module.private_discriminator_step

    def look(*arguments):
        seen.append((arguments[4].clone(), arguments[6].clone()))
        return right(*arguments)

    monkeypatch.setattr(module, "private_discriminator_step", look)
    X, y = data
    rare = np.zeros_like(y)
    rare[:, :2] = 1
    config = dataclasses.replace(SMALL, steps=300)
    PrivateGAN(config, PrivacyBudget(np.inf)).fit(X, rare)
    included = torch.stack([rows for rows, _ in seen])  # (step, draw, n)
    rate = 8 / 40
    assert included.mean().item() == pytest.approx(rate, abs=0.01)
    sizes = included.sum(dim=2)
    assert sizes.var().item() == pytest.approx(40 * rate * (1 - rate), rel=0.2)
    # The labels of generated rows tell nothing of those of the real rows, here 2 of 40.
    labels = torch.stack([onehot for _, onehot in seen])
    assert labels[..., 1].mean().item() == pytest.approx(0.5, abs=0.02)


def test_sampled_labels_do_not_follow_the_private_ones(data) -> None:
    X, y = data
    rare = np.zeros_like(y)
    rare[:, :2] = 1
    gan = PrivateGAN(SMALL, PrivacyBudget(10)).fit(X, rare)
    assert gan.sample(4000)[1].mean() == pytest.approx(0.5, abs=0.03)


def test_a_draw_does_not_change_when_more_draws_run_beside_it(data) -> None:
    X, y = data
    config = dataclasses.replace(SMALL, noise=0.3, label_smoothing=0.1, batch_norm=True)
    together = PrivateGAN(config, PrivacyBudget(5)).fit(X, y)
    for n_draws in (1, 2):
        fewer = PrivateGAN(config, PrivacyBudget(5)).fit(X[:n_draws], y[:n_draws])
        np.testing.assert_array_equal(together.sample(20)[0][:n_draws], fewer.sample(20)[0])
    assert together.history["clipped"].shape == (8, 3)


def test_training_leaves_global_random_state_alone_and_repeats(data) -> None:
    before = torch.get_rng_state()
    a, b = (PrivateGAN(SMALL, random_state=3).fit(*data).sample(9)[0] for _ in "ab")
    np.testing.assert_array_equal(a, b)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_smaller_budget_means_more_noise_and_less_memory() -> None:
    """What the chapter claims, on toy data: the discriminator knows its rows by heart, or not."""
    rng = np.random.default_rng(0)
    X, unseen = rng.normal(size=(2, 3, 40, 50)).astype("float32")
    y = np.tile([0, 1] * 20, (3, 1))
    config = GANConfig(steps=100, batch_size=32, hidden=32, discriminator_rate=4e-3)
    area = {}
    for epsilon in (np.inf, 1.0):
        gan = PrivateGAN(config, PrivacyBudget(epsilon)).fit(X, y)
        members, others = (discriminator_scores(gan, rows, y) for rows in (X, unseen))
        area[epsilon] = np.mean([auc(m, o) for m, o in zip(members, others, strict=True)])
    assert area[np.inf] > 0.8 and area[1.0] < 0.65


def test_start_and_judge_are_read_and_left_as_they_are(data) -> None:
    X, y = data
    config = dataclasses.replace(SMALL, consistency=1.0)
    judge = StackedClassifier().fit(X, y)
    start = GAN(config).fit(X, y, classifier=judge)
    kept = copy.deepcopy(start.generator_.state_dict())
    still = dataclasses.replace(config, generator_rate=1e-9, discriminator_rate=1e-9)
    gan = PrivateGAN(still, PrivacyBudget(1)).fit(X, y, classifier=judge, start=start)
    for key, value in start.generator_.state_dict().items():
        assert torch.equal(value, kept[key])
        torch.testing.assert_close(gan.generator_.state_dict()[key], value, atol=1e-5, rtol=0)
    with pytest.raises(ConfigError, match=r"consistency=1\.0 needs a trained classifier"):
        PrivateGAN(still, PrivacyBudget(1)).fit(X, y)


# For the table


@pytest.mark.parametrize("epsilon", [0, -1.0, np.nan, "ten"])
def test_a_budget_of_nothing_is_refused_with_the_way_out(epsilon) -> None:
    with pytest.raises(ConfigError, match=r"epsilon=.*above 0.*use no private rows at all"):
        PrivacyBudget(epsilon)


@pytest.mark.parametrize("delta", [0, 1, -0.1])
def test_an_impossible_delta_is_refused(delta) -> None:
    with pytest.raises(ConfigError, match=r"delta=.*such as 0\.001"):
        PrivacyBudget(1.0, delta)


def test_a_budget_that_no_noise_can_keep_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"epsilon=1e-09 .*too little for 100 steps.*fewer steps"):
        PrivacyBudget(1e-9, 1e-3).noise_multiplier(1, 100)


def test_bad_accounting_is_refused() -> None:
    for arguments, message in (
        ((0.0, 0.5, 10, 1e-3), "noise_multiplier=0.0"),
        ((1.0, 1.5, 10, 1e-3), "sampling_rate=1.5"),
        ((1.0, 0.5, 0, 1e-3), "steps=0"),
        ((1.0, 0.5, 10, 1.0), "delta=1.0"),
    ):
        with pytest.raises(ConfigError, match=message):
            epsilon_spent(*arguments)
