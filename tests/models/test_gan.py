"""The GAN: one step against closed forms and plain torch, then its promises."""

import copy
import dataclasses
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from embgan_edu.base.errors import ConfigError, DataError, DivergenceError
from embgan_edu.models import gan as gan_module
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import (
    GAN,
    Discriminator,
    GANConfig,
    Generator,
    Players,
    training_step,
)
from embgan_edu.models.stacked import DrawStreams

SMALL = GANConfig(latent_dim=4, hidden=16, steps=25, batch_size=8)

# The ways of chapter 11 to train it, for tests that every one of them must pass.
NEWER = {
    "wgan-gp": {"loss": "wasserstein", "unit_penalty": 10.0, "critic_steps": 3},
    "spectral": {"loss": "hinge", "spectral_norm": True},
    "packed": {"pack": 2, "average": 0.9},
    "r3gan": {"loss": "relativistic", "zero_penalty": 1.0, "average": 0.9, "noise": 0.1},
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=(3, 40))
    return rng.normal(size=(3, 40, 5)).astype("float32") + 3 * y[..., None].astype("float32"), y


def one_step(config=SMALL, n_draws=2, **settings):
    """Players with plain gradient descent of rate 1, and one batch, ready for `training_step`."""
    streams = DrawStreams(0, n_draws)
    generator = Generator(5, 2, config, streams)
    discriminator = Discriminator(5, 2, config, streams)
    real = streams.normal(8, 5)
    onehot = F.one_hot(torch.arange(8) % 2, 2).float().expand(n_draws, 8, 2)
    optimizers = [torch.optim.SGD(net.parameters(), lr=1.0) for net in (generator, discriminator)]
    return Players(generator, discriminator, *optimizers, streams, config), real, onehot


def test_an_undecided_discriminator_costs_two_log_two():
    players, real, onehot = one_step()
    for parameter in players.discriminator.parameters():
        torch.nn.init.zeros_(parameter)
    record = training_step(players, real, onehot)
    np.testing.assert_allclose(record["discriminator_loss"], 2 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(record["real_probability"], 0.5, rtol=1e-6)


def test_one_step_is_what_autograd_says():
    """An independent step, draw by draw, with torch's own layers' formulas."""
    players, real, onehot = one_step()
    generator, discriminator = players.generator, players.discriminator
    streams, config = players.streams, players.config
    g, d = copy.deepcopy(generator), copy.deepcopy(discriminator)
    states = [s.get_state() for s in streams.generators]
    training_step(players, real, onehot)
    for stream, state in zip(streams.generators, states, strict=True):
        stream.set_state(state)
    z1, z2 = (streams.normal(8, config.latent_dim) for _ in range(2))

    loss = F.softplus(-d(real, onehot)).mean(1) + F.softplus(
        d(g(z1, onehot).detach(), onehot)
    ).mean(1)
    for p, gradient in zip(
        d.parameters(), torch.autograd.grad(loss.sum(), list(d.parameters())), strict=True
    ):
        p.data -= gradient
    loss = F.softplus(-d(g(z2, onehot), onehot)).mean(1)
    for p, gradient in zip(
        g.parameters(), torch.autograd.grad(loss.sum(), list(g.parameters())), strict=True
    ):
        p.data -= gradient

    for expected, got in zip(
        [*d.parameters(), *g.parameters()],
        [*discriminator.parameters(), *generator.parameters()],
        strict=True,
    ):
        torch.testing.assert_close(got, expected)


def test_the_discriminators_half_leaves_the_generator_alone():
    """The missing ``detach``: with the generator's rate at zero, nothing may move it."""
    players, real, onehot = one_step()
    generator, discriminator = players.generator, players.discriminator
    before_g = copy.deepcopy(generator.state_dict())
    before_d = copy.deepcopy(discriminator.state_dict())
    for group in players.generator_optimizer.param_groups:
        group["lr"] = 0.0
    training_step(players, real, onehot)
    assert all(torch.equal(v, before_g[k]) for k, v in generator.state_dict().items())
    assert any(not torch.equal(v, before_d[k]) for k, v in discriminator.state_dict().items())


def test_both_networks_read_the_label():
    players, real, onehot = one_step()
    G, D = players.generator, players.discriminator
    z = players.streams.normal(8, players.config.latent_dim)
    assert not torch.allclose(G(z, onehot), G(z, onehot.flip(2)))
    assert not torch.allclose(D(real, onehot), D(real, onehot.flip(2)))


def test_labels_of_the_samples_mean_something(data):
    X, y = data
    gan = GAN(GANConfig(steps=1500, batch_size=32)).fit(X, y)
    low, high = (gan.sample(500, label=c)[0].mean(axis=(1, 2)) for c in (0, 1))
    # Real classes lie 3 apart in every coordinate.
    assert (high - low > 1.5).all() and (high - low < 4.5).all()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_same_seed_same_samples_bit_for_bit(data, batch_norm):
    config = GANConfig(latent_dim=4, hidden=16, steps=25, batch_size=8, batch_norm=batch_norm)
    a, b = (GAN(config, random_state=5).fit(*data).sample(30, random_state=2)[0] for _ in "ab")
    np.testing.assert_array_equal(a, b)
    other = GAN(config, random_state=6).fit(*data).sample(30, random_state=2)[0]
    assert not np.array_equal(a, other)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 13},
        {"batch_size": 13, "batch_norm": True},
        {},
        {"batch_norm": True},
        *({"batch_norm": True} | newer for newer in NEWER.values()),
    ],
)
def test_a_draw_does_not_change_when_more_draws_run_beside_it(settings):
    config = GANConfig(steps=25, **settings)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 100, 50)).astype("float32"), rng.integers(0, 2, size=(5, 100))
    y[:, :2] = 0, 1
    together = GAN(config).fit(X, y)
    for n_draws in (1, 3):
        fewer = GAN(config).fit(X[:n_draws], y[:n_draws])
        np.testing.assert_array_equal(together.sample(20)[0][:n_draws], fewer.sample(20)[0])
        for name in together.history:
            np.testing.assert_array_equal(together.history[name][:, :n_draws], fewer.history[name])


def test_sampling_uses_running_averages_not_the_batch(data):
    config = GANConfig(latent_dim=4, hidden=16, steps=25, batch_size=8, batch_norm=True)
    gan = GAN(config).fit(*data)
    state = copy.deepcopy(gan.generator_.state_dict())
    first = gan.sample(1, label=0, random_state=0)[0]
    assert np.isfinite(first).all()  # statistics of a batch of one row would give zero variance
    gan.generator_.train()  # even if somebody left it in training mode
    np.testing.assert_array_equal(gan.sample(1, label=0, random_state=0)[0], first)
    for key, value in gan.generator_.state_dict().items():
        assert torch.equal(value, state[key]), f"sample() changed {key}"


def test_sample_labels_follow_the_training_frequencies():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, 40, 3))
    y = np.array([[0] * 30 + [1] * 10, [0] * 4 + [1] * 36])
    gan = GAN(GANConfig(steps=1, batch_size=8)).fit(X, y)
    shares = gan.sample(20_000)[1].mean(axis=1)
    np.testing.assert_allclose(shares, [0.25, 0.9], atol=0.013)
    assert (gan.sample(10, label=1)[1] == 1).all()


def test_history_has_one_row_per_step_and_one_column_per_draw(data):
    gan = GAN(SMALL).fit(*data)
    assert {k: v.shape for k, v in gan.history.items()} == dict.fromkeys(
        ("discriminator_loss", "generator_loss", "real_probability", "fake_probability"), (25, 3)
    )
    assert (gan.history["real_probability"] <= 1).all()


def test_training_leaves_global_random_state_alone(data):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    GAN(SMALL).fit(*data).sample(5)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True}, *NEWER.values()])
def test_saved_weights_sample_the_same(data, tmp_path, settings):
    config = dataclasses.replace(SMALL, steps=5, **settings)
    gan = GAN(config, random_state=3).fit(*data)
    again = GAN.load(gan.save(tmp_path / "gan.safetensors"))
    assert again.config == gan.config and again.random_state == 3
    for a, b in zip(gan.sample(10, random_state=4), again.sample(10, random_state=4), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_damaged_or_foreign_file_is_refused(data, tmp_path):
    path = GAN(SMALL).fit(*data).save(tmp_path / "gan.safetensors")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="does not hold a GAN"):
        GAN.load(path)
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="does not hold a GAN"):
        GAN.load(tmp_path / "other.safetensors")
    with pytest.raises(DataError, match=r"no file .*missing"):
        GAN.load(tmp_path / "missing.safetensors")


def test_divergence_stops_with_step_draw_and_hint():
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], size=(3, 40, 200))
    y = rng.integers(0, 2, size=(3, 40))
    X[1] *= 3e38  # in draw 1 the sums of the first layer overflow; the others are fine
    with pytest.raises(DivergenceError, match=r"step 0 in draw 1: .*Lower generator_rate"):
        GAN(GANConfig(steps=3, batch_size=8)).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"generator_rate": -1.0}, "generator_rate=-1.0"),
        ({"discriminator_rate": float("nan")}, "discriminator_rate=nan"),
        ({"generator_rate": "fast"}, "generator_rate='fast'; expected a number"),
        ({"beta1": 1.0}, "beta1=1.0"),
        ({"batch_norm": "no"}, "batch_norm='no'; expected True or False"),
        ({"batch_norm": True, "batch_size": 1}, "batch_norm=True"),
        ({"spectral_norm": 1}, "spectral_norm=1; expected True or False"),
        ({"loss": "mse"}, "no loss 'mse'; possible: standard, hinge, wasserstein, relativistic"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "the loss 'hinge' has none"),
        ({"batch_size": 9, "pack": 2}, "packs of 2; set batch_size to a multiple"),
        ({"pack": 0}, "pack=0"),
        ({"critic_steps": 0}, "critic_steps=0"),
        ({"average": 1.0}, "average=1.0"),
        ({"zero_penalty": -1.0}, "zero_penalty=-1.0"),
        ({"unit_penalty": float("inf")}, "unit_penalty=inf"),
    ],
)
def test_impossible_settings_are_refused_by_name(settings, message):
    with pytest.raises(ConfigError, match=message):
        GANConfig(**settings)


def test_bad_requests_are_refused_by_name(data):
    with pytest.raises(ConfigError, match="call fit"):
        GAN().sample(3)
    with pytest.raises(ConfigError, match=r"call fit.*save"):
        GAN().save("nowhere.safetensors")
    with pytest.raises(ConfigError, match="batch_size=64 is larger than the 40 rows"):
        GAN().fit(*data)
    gan = GAN(SMALL).fit(*data)
    with pytest.raises(ConfigError, match=r"label=7.*possible: 0, 1"):
        gan.sample(3, label=7)
    with pytest.raises(ConfigError, match="n=0"):
        gan.sample(0)


def test_a_draw_without_a_label_is_refused_since_it_could_be_asked_for_that_label(data):
    X, y = data
    y = y.copy()
    y[1] = 0
    with pytest.raises(DataError, match=r"No row of draw 1 has the label 1.*go up to 1"):
        GAN(SMALL).fit(X, y)


# The four changes.


def judge_of(data, seed=0):
    return StackedClassifier(random_state=seed).fit(*data)


def first_real_rows(monkeypatch, data, steps=2, **settings):
    """The real rows of the first steps, as the discriminator sees them."""
    seen = []
    forward = Discriminator.forward

    def look(self, x, onehot):
        seen.append(x.detach().clone())
        return forward(self, x, onehot)

    monkeypatch.setattr(Discriminator, "forward", look)
    # Every row in every batch, so that the batches differ in their order only.
    GAN(dataclasses.replace(SMALL, steps=steps, batch_size=40, **settings)).fit(*data)
    return seen[::3]  # real, then generated for D, then generated for G


def test_noise_has_its_size_and_is_new_at_every_pass(monkeypatch, data):
    first, second = first_real_rows(monkeypatch, data, noise=0.5)
    rows = torch.as_tensor(data[0])
    # Each noisy row belongs to the nearest clean one; what is left is the noise of that pass.
    errors = [
        batch - rows.gather(1, torch.cdist(batch, rows).argmin(2)[..., None].expand_as(batch))
        for batch in (first, second)
    ]
    assert torch.cat(errors).std() == pytest.approx(0.5, rel=0.1)
    sums = [batch.sum(dim=1) for batch in (first, second)]  # the order of the rows drops out
    assert not torch.allclose(*sums, atol=0.1)


def test_without_noise_the_real_rows_stay_as_they_are(monkeypatch, data):
    for batch in first_real_rows(monkeypatch, data):
        np.testing.assert_allclose(batch.sum(1), data[0].sum(axis=1), rtol=1e-4)


def test_smoothing_moves_the_real_target_and_never_the_fake_one():
    """At logit 0 each term's slope is sigma - target: 0.5 - 0.9 for real, 0.5 - 0 for fakes."""
    players, real, onehot = one_step(dataclasses.replace(SMALL, label_smoothing=0.1))
    discriminator = players.discriminator
    for parameter in discriminator.parameters():
        torch.nn.init.zeros_(parameter)
    training_step(players, real, onehot)
    # The bias of the last layer moved by minus the sum of both mean slopes, at rate 1.
    np.testing.assert_allclose(
        discriminator.layers[-1].bias.detach().flatten(), -((0.5 - 0.9) + 0.5), atol=1e-6
    )


def test_consistency_is_cross_entropy_and_reaches_the_generator_alone(data):
    config = dataclasses.replace(SMALL, consistency=2.0)
    judge = judge_of(data)
    before = copy.deepcopy(judge.network_.state_dict())
    players, real, onehot = one_step(config, n_draws=3)
    players.classifier = judge.network_.requires_grad_(False)
    streams = players.streams
    g, states = copy.deepcopy(players.generator), [s.get_state() for s in streams.generators]
    record = training_step(players, real, onehot)
    for stream, state in zip(streams.generators, states, strict=True):
        stream.set_state(state)
    streams.normal(8, config.latent_dim)
    with torch.no_grad():
        fake = g(streams.normal(8, config.latent_dim), onehot)
        logits = judge.network_(fake)
        # The discriminator that the generator meets has already taken its step.
        expected = F.softplus(-players.discriminator(fake, onehot)).mean(1)
        labels = onehot.argmax(2)
        for k in range(3):
            expected[k] += 2 * F.cross_entropy(logits[k], labels[k])
    torch.testing.assert_close(record["generator_loss"], expected)
    assert all(torch.equal(v, before[k]) for k, v in judge.network_.state_dict().items())


def test_consistency_brings_the_judges_agreement(data):
    judge = judge_of(data)
    agreement = {}
    for weight in (0.0, 5.0):
        config = dataclasses.replace(SMALL, steps=200, generator_rate=3e-3, consistency=weight)
        gan = GAN(config).fit(*data, classifier=judge if weight else None)
        agreement[weight] = judge.score(*gan.sample(200)).mean()
    assert agreement[5.0] > 0.95 > agreement[0.0]


def test_a_judge_stays_as_it_was_and_may_still_be_trained(data):
    judge = judge_of(data)
    before = judge.logits(data[0])
    GAN(dataclasses.replace(SMALL, consistency=1.0)).fit(*data, classifier=judge)
    np.testing.assert_array_equal(judge.logits(data[0]), before)
    assert all(p.requires_grad for p in judge.network_.parameters())


def test_a_start_gives_its_weights_and_keeps_them(data):
    first = GAN(SMALL).fit(*data)
    before = first.sample(10)[0]
    still = dataclasses.replace(SMALL, steps=1, generator_rate=1e-12, discriminator_rate=1e-12)
    np.testing.assert_allclose(
        GAN(still, random_state=9).fit(*data, start=first).sample(10)[0], before, atol=1e-5
    )
    moved = GAN(SMALL, random_state=9).fit(*data, start=first)
    assert not np.allclose(moved.sample(10)[0], before, atol=1e-2)
    np.testing.assert_array_equal(first.sample(10)[0], before)


def test_select_picks_and_repeats_draws(data):
    gan = GAN(dataclasses.replace(SMALL, batch_norm=True)).fit(*data)
    X, _ = gan.sample(6, label=1)
    picked = gan.select([2, 0, 2])
    assert picked.history["generator_loss"].shape == (25, 3)
    # The weights are those of draw 2; the noise is that of the new place.
    streams = DrawStreams(0, 3)
    onehot = F.one_hot(torch.ones(3, 6, dtype=torch.long), 2).float()
    with torch.no_grad():
        z = streams.normal(6, SMALL.latent_dim)[[1, 1, 1]]
        gan.generator_.eval(), picked.generator_.eval()
        ours, theirs = picked.generator_(z, onehot), gan.generator_(z, onehot)
    torch.testing.assert_close(ours, theirs[[2, 0, 2]])
    assert len(gan.select(slice(1)).sample(6, label=1)[0]) == 1
    np.testing.assert_array_equal(gan.select(slice(1)).sample(6, label=1)[0], X[:1])


def test_after_step_is_told_of_every_step_and_may_sample(data):
    steps = []
    looked = GAN(dataclasses.replace(SMALL, batch_norm=True))
    looked.fit(*data, after_step=lambda step: steps.append((step, looked.sample(3)[0].shape)))
    assert steps == [(step, (3, 3, 5)) for step in range(1, 26)]
    quiet = GAN(dataclasses.replace(SMALL, batch_norm=True)).fit(*data)
    np.testing.assert_array_equal(looked.sample(5)[0], quiet.sample(5)[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"consistency": -1.0}, "consistency=-1.0; expected a number of 0 or more"),
        ({"noise": -0.3}, "noise=-0.3; expected a number of 0 or more"),
        ({"noise": float("inf")}, "noise=inf"),
        ({"label_smoothing": 1.1}, r"label_smoothing=1\.1; .*1 - label_smoothing"),
        ({"label_smoothing": -0.1}, "label_smoothing=-0.1"),
    ],
)
def test_impossible_changes_are_refused_by_name(settings, message):
    with pytest.raises(ConfigError, match=message):
        GANConfig(**settings)


def test_a_judge_or_a_start_that_does_not_fit_is_refused_before_training(data, monkeypatch):
    X, y = data
    monkeypatch.setattr(
        "embgan_edu.models.gan.training_step", lambda *a: pytest.fail("training began")
    )
    strict = GAN(dataclasses.replace(SMALL, consistency=1.0))
    with pytest.raises(ConfigError, match=r"consistency=1\.0 needs a trained classifier"):
        strict.fit(X, y)
    with pytest.raises(ConfigError, match="consistency=0; set it"):
        GAN(SMALL).fit(X, y, classifier=judge_of(data))
    with pytest.raises(ConfigError, match="not trained yet"):
        strict.fit(X, y, classifier=StackedClassifier())
    with pytest.raises(ConfigError, match="3 draws of 4-dimensional rows with 2 labels; X and y"):
        strict.fit(X, y, classifier=judge_of((X[..., :4], y)))
    with pytest.raises(ConfigError, match="not trained yet"):
        GAN(SMALL).fit(X, y, start=GAN(SMALL))


def test_weights_of_another_architecture_are_refused(data):
    X, y = data
    start = GAN(SMALL).fit(X, y)
    for field, value in (
        ("hidden", 8),
        ("latent_dim", 3),
        ("batch_norm", True),
        ("spectral_norm", True),
        ("pack", 2),
    ):
        other = GAN(dataclasses.replace(SMALL, **{field: value}))
        with pytest.raises(ConfigError, match=f"to start from has {field}=.*{field}={value}"):
            other.fit(X, y, start=start)
    with pytest.raises(ConfigError, match=r"has 3 draws, 5 dimensions.*select\(\)"):
        GAN(SMALL).fit(X[:2], y[:2], start=start)


def test_a_pack_is_a_reshape():
    streams = DrawStreams(0, 2)
    packed = Discriminator(5, 2, dataclasses.replace(SMALL, pack=4), streams)
    x, onehot = streams.normal(8, 5), F.one_hot(torch.arange(8) % 2, 2).float().expand(2, 8, 2)
    logits = packed(x, onehot)
    assert logits.shape == (2, 2)
    by_hand = [
        torch.cat([torch.cat([x[:, i], onehot[:, i]], dim=1) for i in range(first, first + 4)], 1)
        for first in (0, 4)
    ]
    expected = packed.layers(torch.stack(by_hand, dim=1)).squeeze(2)
    torch.testing.assert_close(logits, expected)
    x[:, 4:] += 1  # rows of the second pack do not move the verdict on the first
    assert torch.equal(packed(x, onehot)[:, 0], logits[:, 0])
    assert not torch.equal(packed(x, onehot)[:, 1], logits[:, 1])


@pytest.mark.parametrize("settings", [{"zero_penalty": 2.0}, {"unit_penalty": 2.0}])
def test_penalties_are_taken_where_they_belong(monkeypatch, settings):
    """For D(x) = |x|^2 / 2 the slope at a row is the row itself."""
    config = dataclasses.replace(SMALL, loss="wasserstein", **settings)
    players, real, onehot = one_step(config)
    generator, discriminator = players.generator, players.discriminator
    discriminator.scale = scale = torch.nn.Parameter(torch.ones(2, 1))
    discriminator.forward = lambda x, onehot: scale * x.square().sum(dim=2) / 2
    fakes, points = [], []
    generator.register_forward_hook(lambda *seen: fakes.append(seen[2].detach().clone()))
    right = gan_module.between
    monkeypatch.setattr(gan_module, "between", lambda *a: points.append(right(*a)) or points[-1])
    players.discriminator_optimizer = torch.optim.SGD([scale], lr=1.0)
    gan_module.discriminator_step(players, real, onehot)
    (fake,) = fakes
    half = [x.square().sum(dim=2).mean(dim=1) / 2 for x in (real, fake)]
    # d/da of E[D(fake)] - E[D(real)], and of the penalty with weight 2, at a = 1
    gradient = half[1] - half[0]
    if "zero_penalty" in settings:  # a^2 |x|^2 / 2 at real and at generated rows
        assert not points
        gradient = gradient + 2 * (2 * half[0] + 2 * half[1])
    else:  # (a |x| - 1)^2 between them, and neither at the one nor at the other
        assert not torch.allclose(points[0], real) and not torch.allclose(points[0], fake)
        length = points[0].detach().norm(dim=2)
        gradient = gradient + 2 * (2 * (length - 1) * length).mean(dim=1)
    torch.testing.assert_close(1 - scale.detach()[:, 0], gradient)


def test_moving_average_against_a_sequence_by_hand():
    average, network = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(average.weight)
    seen = []
    for value in (1.0, 2.0, 3.0):
        torch.nn.init.constant_(network.weight, value)
        gan_module.move_average(average, network, decay=0.5)
        seen.append(average.weight.item())
    assert seen == [0.5, 1.25, 2.125]


def test_the_moving_average_samples_and_the_generator_trains_on(data):
    config = dataclasses.replace(SMALL, batch_norm=True, average=0.8)
    gan, states = GAN(config), []
    gan.fit(*data, after_step=lambda _: states.append(copy.deepcopy(gan.generator_.state_dict())))
    plain = GAN(dataclasses.replace(config, average=0.0)).fit(*data)
    for name, value in plain.generator_.state_dict().items():
        assert torch.equal(value, gan.generator_.state_dict()[name])  # training is the same
    streams = DrawStreams(0, 3)
    first = Generator(5, 2, config, streams).state_dict()
    for name, average in gan.sampler_.state_dict().items():
        expected = first[name]
        for state in states:
            expected = 0.8 * expected + 0.2 * state[name]
        torch.testing.assert_close(average, expected)
    assert not np.array_equal(gan.sample(5)[0], plain.sample(5)[0])


def test_a_start_gives_the_weights_that_sample(data):
    start = GAN(dataclasses.replace(SMALL, average=0.9)).fit(*data)
    still = dataclasses.replace(SMALL, steps=1, generator_rate=1e-12, average=0.5)
    for config in (still, dataclasses.replace(still, average=0.0)):
        gan = GAN(config).fit(*data, start=start)
        np.testing.assert_allclose(gan.sample(9)[0], start.sample(9)[0], atol=1e-6)


def test_the_critic_takes_its_extra_steps(data, monkeypatch):
    taken = []
    right = gan_module.discriminator_step
    monkeypatch.setattr(
        gan_module, "discriminator_step", lambda *a: taken.append(a[1]) or right(*a)
    )
    GAN(dataclasses.replace(SMALL, steps=4, critic_steps=5)).fit(*data)
    assert len(taken) == 20
    assert not any(torch.equal(a, b) for a, b in itertools.pairwise(taken))


def test_zero_penalty_flattens_the_discriminator(data):
    """What the penalty is for: a discriminator that is steep nowhere."""

    def steepness(weight):
        config = dataclasses.replace(SMALL, loss="relativistic", steps=300, zero_penalty=weight)
        gan = GAN(config).fit(*data)
        x = torch.as_tensor(data[0]).requires_grad_()
        logits = gan.discriminator_.cpu()(x, F.one_hot(torch.as_tensor(data[1])).float())
        return torch.autograd.grad(logits.sum(), x)[0].norm(dim=2).mean()

    assert steepness(10.0) < 0.5 * steepness(0.0)
