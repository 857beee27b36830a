"""How draws are trained: Adam, groups on cores, and the plainest loop as an oracle."""

import math
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from embgan_edu.base.errors import DivergenceError
from embgan_edu.models import gan as gan_module
from embgan_edu.models import vae as vae_module
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import GAN, GANConfig
from embgan_edu.models.private_gan import PrivacyBudget, PrivateGAN
from embgan_edu.models.stacked import DrawStreams, StackedBatchNorm, StackedLinear, take_draws
from embgan_edu.models.training import DrawAdam, one_thread, split_draws, train_groups
from embgan_edu.models.vae import VAE, VAEConfig

CPU = torch.device("cpu")
BETAS = (0.5, 0.999)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 30, 5)).astype("float32")
    return X, rng.permuted(np.tile(np.arange(30) % 2, (9, 1)), axis=1)


# --- Adam ----------------------------------------------------------------------------------------


@given(st.integers(1, 4), st.lists(st.integers(1, 40), min_size=1, max_size=2))
@settings(max_examples=30, deadline=None)
def test_adam_is_torchs(n_draws, shape):
    generator = torch.Generator().manual_seed(0)
    ours = nn.Parameter(torch.randn(n_draws, *shape, generator=generator))
    theirs = nn.Parameter(ours.detach().clone())
    mine = DrawAdam([ours], 0.01, BETAS)
    other = torch.optim.Adam([theirs], lr=0.01, betas=BETAS)
    for _ in range(5):
        ours.grad = torch.randn(ours.shape, generator=generator)
        theirs.grad = ours.grad.clone()
        mine.step()
        other.step()
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 50])
def test_adam_moves_a_draw_alike_whatever_runs_beside_it(size):
    generator = torch.Generator().manual_seed(0)
    start, gradient = torch.randn(2, 5, 1, size, generator=generator)

    def moved(draws):
        weight = nn.Parameter(start[draws].clone())
        optimizer = DrawAdam([weight], 0.01, BETAS)
        for factor in (1.0, -0.3, 2.0):
            weight.grad = factor * gradient[draws]
            optimizer.step()
        return weight.detach()

    together = moved(slice(0, 5))
    for draw in range(5):
        assert torch.equal(moved([draw])[0], together[draw])


# --- groups --------------------------------------------------------------------------------------


def test_draws_are_cut_for_the_cores_and_not_for_a_gpu(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert [s.stop - s.start for s in split_draws(64, CPU)] == [16] * 4
    assert [(s.start, s.stop) for s in split_draws(9, CPU)] == [(0, 4), (4, 9)]
    assert split_draws(7, CPU) == [slice(0, 7)]
    assert split_draws(64, torch.device("cuda")) == [slice(0, 64)]


SETTINGS = {
    "plain": {},
    "recipe": {"batch_norm": True, "noise": 0.3, "label_smoothing": 0.1, "average": 0.9},
    "penalty": {"loss": "relativistic", "zero_penalty": 0.3, "spectral_norm": True},
    "pack": {"loss": "wasserstein", "unit_penalty": 1.0, "pack": 2, "critic_steps": 2},
}


def in_groups(monkeypatch, train, *bounds):
    """Train with the draws cut at these places."""
    groups = [slice(*pair) for pair in zip((0, *bounds), (*bounds, 9), strict=True)]
    for module in (gan_module, vae_module):
        monkeypatch.setattr(module, "split_draws", lambda *_: groups)
    return train()


def assert_same_training(one, other):
    for name, values in one.history.items():
        np.testing.assert_array_equal(values, other.history[name])
    np.testing.assert_array_equal(one.sample(20)[0], other.sample(20)[0])


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_groups_train_a_gan_bit_for_bit_as_one(changes, data, monkeypatch):
    config = GANConfig(steps=8, batch_size=16, hidden=32, **changes)
    one, three = (
        in_groups(monkeypatch, lambda: GAN(config, 3).fit(*data), *bounds)
        for bounds in ((), (4, 5))
    )
    assert_same_training(one, three)
    for name, network in one._networks().items():
        for a, b in zip(
            network.state_dict().values(),
            three._networks()[name].state_dict().values(),
            strict=True,
        ):
            assert torch.equal(a, b)


def test_groups_with_a_judge_and_a_start_train_as_one(data, monkeypatch):
    config = GANConfig(steps=5, batch_size=16, hidden=32, consistency=1.0)
    judge = StackedClassifier(steps=2).fit(*data)
    start = GAN(GANConfig(steps=2, batch_size=16, hidden=32)).fit(*data)

    def train():
        return GAN(config).fit(*data, classifier=judge, start=start)

    assert_same_training(in_groups(monkeypatch, train), in_groups(monkeypatch, train, 5))


def test_groups_train_other_models_as_one(data, monkeypatch):
    def vae():
        return VAE(VAEConfig(steps=8, batch_size=16)).fit(*data)

    def private():
        config = GANConfig(steps=8, batch_size=16, hidden=32)
        return PrivateGAN(config, PrivacyBudget(10.0), random_state=1).fit(*data)

    for train in (vae, private):
        assert_same_training(in_groups(monkeypatch, train), in_groups(monkeypatch, train, 5))


def test_every_group_has_one_thread_and_the_caller_keeps_his():
    before = torch.get_num_threads()
    seen = []

    def look():
        seen.append((threading.get_ident(), torch.get_num_threads()))
        return {"loss": torch.zeros(1)}

    train_groups([look, look], [slice(0, 1), slice(1, 2)], 3, "")
    assert {threads for _, threads in seen} == {1}
    assert len({thread for thread, _ in seen}) == 2
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("fails", [0, 1])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_stops_one_group_stops_all(fails, error):
    done = [0, 0]
    failed = threading.Event()

    def step(group):
        if group == fails:
            if done[group] == 3:
                failed.set()
                raise error("enough")
        elif done[group] == 3:
            assert failed.wait(60)
        done[group] += 1
        return {"loss": torch.zeros(1)}

    before = torch.get_num_threads()
    with pytest.raises(error, match="enough"):
        steps = [lambda: step(0), lambda: step(1)]
        train_groups(steps, [slice(0, 1), slice(1, 2)], 10_000_000, "")
    assert done[fails] == 3
    assert torch.get_num_threads() == before
    assert threading.active_count() == 1 or not [
        t for t in threading.enumerate() if "work" in t.name
    ]


@pytest.mark.parametrize("step", [0, 1, 49, 50, 51, 119])
def test_divergence_names_the_step_and_the_draw(step):
    counts = [0, 0]

    def train(group):
        losses = torch.zeros(3)
        if group == 1 and counts[1] == step:
            losses[2] = math.nan
        counts[group] += 1
        return {"loss": losses}

    with pytest.raises(DivergenceError, match=rf"step {step} in draw 5:.* Lower it\."):
        steps = [lambda: train(0), lambda: train(1)]
        train_groups(steps, [slice(0, 3), slice(3, 6)], 120, "Lower it.")


def test_after_step_sees_all_draws_at_the_same_step(data):
    seen = []
    gan = GAN(GANConfig(steps=4, batch_size=16))
    gan.fit(*data, after_step=lambda step: seen.append((step, len(gan.sample(3)[0]))))
    assert seen == [(1, 9), (2, 9), (3, 9), (4, 9)]


# --- the plainest version ------------------------------------------------------------------------


def plain_network(network, draw, activation):
    """One draw's network of torch's own layers."""
    layers = []
    for stacked in network.modules():
        if isinstance(stacked, StackedLinear):
            linear = nn.Linear(*stacked.weight.shape[1:])
            linear.weight.data = stacked.weight[draw].T.detach().clone()
            linear.bias.data = stacked.bias[draw, 0].detach().clone()
            layers += [linear, activation]
    return nn.Sequential(*layers[:-1])


def test_training_is_that_of_the_plainest_loop(data):
    X, y = data
    config = GANConfig(steps=12, batch_size=16, hidden=24, noise=0.2, label_smoothing=0.1)
    gan = GAN(config, 7).fit(X, y)
    loss = nn.BCEWithLogitsLoss()
    for draw in (0, 4, 8):
        streams = DrawStreams(7, 9)
        G = plain_network(gan_module.Generator(5, 2, config, streams), draw, nn.ReLU())
        D = plain_network(gan_module.Discriminator(5, 2, config, streams), draw, nn.LeakyReLU(0.2))
        # The package's numbers: those of this draw's generator, in the order of the algorithm.
        numbers = streams.generators[draw]
        G_optimizer = torch.optim.Adam(G.parameters(), config.generator_rate, BETAS)
        D_optimizer = torch.optim.Adam(D.parameters(), config.discriminator_rate, BETAS)
        rows, onehot = torch.as_tensor(X[draw]), F.one_hot(torch.as_tensor(y[draw])).float()
        for step in range(config.steps):
            chosen = torch.randperm(30, generator=numbers)[:16]
            labels = onehot[chosen]
            real = rows[chosen] + 0.2 * torch.randn(16, 5, generator=numbers)
            z = torch.randn(16, 32, generator=numbers)
            fake = G(torch.cat([z, labels], 1)).detach()
            real_logits = D(torch.cat([real, labels], 1))
            fake_logits = D(torch.cat([fake, labels], 1))
            D_loss = loss(real_logits, torch.full((16, 1), 0.9))
            D_loss = D_loss + loss(fake_logits, torch.zeros(16, 1))
            D_optimizer.zero_grad()
            D_loss.backward()
            D_optimizer.step()
            z = torch.randn(16, 32, generator=numbers)
            fake = G(torch.cat([z, labels], 1))
            G_loss = loss(D(torch.cat([fake, labels], 1)), torch.ones(16, 1))
            G_optimizer.zero_grad()
            G_loss.backward()
            G_optimizer.step()
            for name, value in (
                ("discriminator_loss", D_loss),
                ("generator_loss", G_loss),
                ("real_probability", real_logits.sigmoid().mean()),
                ("fake_probability", fake_logits.sigmoid().mean()),
            ):
                assert gan.history[name][step, draw] == pytest.approx(value.item(), abs=2e-4), name


def test_gradient_of_batch_norm_is_autograds():
    norm = StackedBatchNorm(3, n_draws=2).double()
    nn.init.normal_(norm.scale, generator=torch.Generator().manual_seed(0))
    x = torch.randn(2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(norm, x.requires_grad_())


def test_one_thread_ends_with_its_block():
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="no"), one_thread():
        raise ValueError("no")
    assert torch.get_num_threads() == before


# --- GPU -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_a_gpu_trains_as_the_cpu_does(changes, data, monkeypatch):
    config = GANConfig(steps=20, batch_size=16, **changes)
    trained = []
    for device in ("cpu", "cuda"):
        monkeypatch.setenv("EMBGAN_DEVICE", device)
        trained.append(GAN(config, 3).fit(*data))
    on_cpu, on_gpu = trained
    for name, values in on_cpu.history.items():
        np.testing.assert_allclose(on_gpu.history[name], values, atol=1e-3, err_msg=name)
    np.testing.assert_allclose(on_gpu.sample(50)[0], on_cpu.sample(50)[0], atol=1e-2)


def test_a_part_of_the_draws_is_a_copy(data):
    whole = StackedLinear(2, 2, DrawStreams(0, n_draws=3))
    part = take_draws(whole, slice(1, 3))
    nn.init.zeros_(part.weight)
    assert whole.weight[1:].abs().min() > 0
