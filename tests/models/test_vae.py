"""The VAE: densities and bounds against closed forms and exact likelihoods, then its promises."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from torch.distributions import Independent, Normal, kl_divergence

from embgan_edu.base.errors import ConfigError, DataError, DivergenceError
from embgan_edu.models.stacked import DrawStreams
from embgan_edu.models.vae import (
    VAE,
    Decoder,
    Encoder,
    VAEConfig,
    elbo,
    gaussian_kl,
    gaussian_log_density,
)

SMALL = VAEConfig(latent_dim=3, hidden=16, steps=25, batch_size=8)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=(3, 40))
    return rng.normal(size=(3, 40, 5)).astype("float32") + 3 * y[..., None].astype("float32"), y


@pytest.fixture(scope="module")
def trained(data):
    return VAE(replace(SMALL, steps=300, rate=0.01)).fit(*data)


class LinearEncoder:
    """q(z | x) = N((x - b) A, S) for one draw: the posterior of a linear decoder has this form."""

    def __init__(self, A, b, variance):
        self.A, self.b, self.variance = A, b, variance

    def __call__(self, x, onehot):
        mean = (x - self.b) @ self.A
        return mean, self.variance.log().expand_as(mean)


class LinearDecoder:
    """p(x | z) = N(z W + b, sigma^2 I): probabilistic PCA (Tipping & Bishop, 1999)."""

    def __init__(self, W, b, variance):
        self.W, self.b, self.log_variance = W, b, torch.tensor(variance).log().view(1, 1, 1)

    def __call__(self, z, onehot):
        return z @ self.W + self.b


def linear_model(variance=0.4):
    """A linear decoder with its exact posterior, and the exact log-likelihood of a row.

    The rows of W are orthogonal, so the posterior is diagonal: with lengths l its variances are
    sigma^2 / (sigma^2 + l^2) and its mean is W (x - b) / (sigma^2 + l^2).
    """
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(6, 2)))[0].T
    W = np.array([[2.0], [0.7]]) * directions
    b = rng.normal(size=6)
    total = (W**2).sum(axis=1) + variance
    encoder = LinearEncoder(
        torch.tensor((W / total[:, None]).T), torch.tensor(b), torch.tensor(variance / total)
    )
    decoder = LinearDecoder(torch.tensor(W), torch.tensor(b), variance)
    exact = multivariate_normal(b, W.T @ W + variance * np.eye(6))
    x = exact.rvs(50, random_state=rng)
    return encoder, decoder, torch.tensor(x)[None], exact.logpdf(x)


numbers = st.lists(st.tuples(st.floats(-4, 4), st.floats(-4, 4)), min_size=1, max_size=6)


@settings(max_examples=50)
@given(numbers)
def test_kl_agrees_with_torch_distributions_and_is_never_negative(pairs):
    mean, log_variance = torch.tensor(pairs, dtype=torch.float64).T[:, None, None]
    ours = gaussian_kl(mean, log_variance)
    q = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    p = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    torch.testing.assert_close(ours, kl_divergence(q, p))
    assert (ours >= -1e-12).all()


def test_kl_closed_forms():
    zero = torch.zeros(1, 1, 4)
    assert gaussian_kl(zero, zero).item() == 0
    assert gaussian_kl(zero + 3, zero).item() == pytest.approx(4 * 9 / 2)
    # s^2 = e: (e - 1 - 1) / 2 for each dimension. It is a sum over dimensions, not a mean.
    assert gaussian_kl(zero, zero + 1).item() == pytest.approx(4 * (np.e - 2) / 2)


def test_kl_of_each_dimension_adds_up():
    mean, log_variance = DrawStreams(0, 2).normal(2, 5, 3).unbind(1)
    each = gaussian_kl(mean[..., None], log_variance[..., None])
    assert each.shape == (2, 5, 3)
    torch.testing.assert_close(each.sum(dim=2), gaussian_kl(mean, log_variance))


@given(numbers, st.floats(-3, 3))
def test_log_density_agrees_with_torch_distributions(pairs, log_variance):
    x, mean = torch.tensor(pairs, dtype=torch.float64).T[:, None, None]
    ours = gaussian_log_density(x, mean, torch.full((1, 1, 1), log_variance, dtype=torch.float64))
    oracle = Independent(Normal(mean, np.exp(0.5 * log_variance)), 1)
    torch.testing.assert_close(ours, oracle.log_prob(x))


def test_a_learned_variance_wants_to_be_the_mean_squared_error():
    """The reconstruction term is largest where sigma^2 is the mean squared error."""
    x, mean = DrawStreams(0, 1).normal(2, 100, 5).unbind(1)
    log_variance = (x - mean).square().mean().log().view(1, 1, 1).requires_grad_()
    gaussian_log_density(x, mean, log_variance).sum().backward()
    assert log_variance.grad.item() == pytest.approx(0, abs=1e-3)


def test_the_elbo_of_a_linear_model_with_its_exact_posterior_is_the_likelihood():
    encoder, decoder, x, exact = linear_model()
    noise = DrawStreams(0, 4000).normal(50, 2).double()  # many draws of one model
    reconstruction, kl = elbo(encoder, decoder, x.expand(4000, -1, -1), None, noise)
    estimate = (reconstruction - kl).mean(dim=0).numpy()
    error = (reconstruction - kl).std(dim=0).numpy() / np.sqrt(4000)
    assert (np.abs(estimate - exact) < 4.5 * error).all()


def test_another_posterior_loses_exactly_its_divergence_from_the_right_one():
    """log p(x) = ELBO + KL(q || posterior), the identity that the chapter starts from."""
    encoder, decoder, x, exact = linear_model()
    wrong = LinearEncoder(0.5 * encoder.A, encoder.b, 2 * encoder.variance)
    noise = DrawStreams(0, 4000).normal(50, 2).double()
    reconstruction, kl = elbo(wrong, decoder, x.expand(4000, -1, -1), None, noise)
    (m, v), (right_m, right_v) = (
        (mean, log_variance.exp()) for mean, log_variance in (wrong(x, None), encoder(x, None))
    )
    gap = 0.5 * (v / right_v + (m - right_m) ** 2 / right_v - 1 - (v / right_v).log()).sum(2)[0]
    estimate = (reconstruction - kl).mean(dim=0)
    error = (reconstruction - kl).std(dim=0) / np.sqrt(4000)
    assert ((estimate + gap - torch.tensor(exact)).abs() < 4.5 * error).all()
    assert (gap > 0.1).all()


def linear_vae(variance=0.4):
    """A trained VAE with the linear model in place of its networks."""
    encoder, decoder, x, exact = linear_model(variance)
    vae = VAE(VAEConfig(latent_dim=2, hidden=4, steps=1, batch_size=4))
    X = x.numpy().astype("float32")
    vae.fit(X, np.arange(50)[None] % 2)
    for network in (encoder, decoder):
        for name, value in vars(network).items():
            setattr(network, name, value.float())
    decoder.dim = 6
    del vae.encoder_, vae.decoder_  # networks would refuse to be replaced by plain objects
    vae.encoder_, vae.decoder_ = encoder, decoder
    return vae, X, np.zeros((1, 50), dtype=int), exact


def test_with_the_exact_posterior_one_sample_is_the_likelihood():
    vae, X, y, exact = linear_vae()
    # Every importance weight is p(x) itself, so there is nothing random left.
    for samples in (1, 7):
        np.testing.assert_allclose(vae.log_likelihood(X, y, samples)[0], exact, atol=1e-4)


def test_more_samples_bring_the_bound_up_to_the_likelihood():
    vae, X, y, exact = linear_vae()
    vae.encoder_.A, vae.encoder_.variance = 0.7 * vae.encoder_.A, 1.5 * vae.encoder_.variance
    bounds = [vae.log_likelihood(X, y, samples).mean() for samples in (1, 10, 1000)]
    assert bounds[0] < bounds[1] - 0.1 and bounds[1] < bounds[2]
    assert bounds[2] == pytest.approx(exact.mean(), abs=0.03)


def test_one_sample_estimates_the_elbo_with_the_kl_in_closed_form(trained, data):
    X, y = data
    sampled = np.mean([trained.log_likelihood(X, y, 1, s) for s in range(200)], axis=0)
    x, onehot = torch.as_tensor(X), F.one_hot(torch.as_tensor(y)).float()
    terms = []
    for seed in range(200):
        noise = DrawStreams(seed, 3).normal(40, 3)
        with torch.no_grad():
            reconstruction, kl = elbo(trained.encoder_, trained.decoder_, x, onehot, noise)
        terms.append((reconstruction - kl).numpy())
    closed = np.mean(terms, axis=0)
    assert np.abs(sampled - closed).mean() < 0.12  # per row, from the same 200 latents
    assert sampled.mean() == pytest.approx(closed.mean(), abs=0.02)
    assert (trained.log_likelihood(X, y, 200).mean(axis=1) > closed.mean(axis=1)).all()


def test_gradients_reach_both_networks_through_the_sampled_latent():
    """The reparameterization gradient is the derivative of the estimate with the noise fixed."""
    streams = DrawStreams(0, 1)
    encoder, decoder = (n(5, 2, SMALL, streams).double() for n in (Encoder, Decoder))
    x, noise = streams.normal(8, 5).double(), streams.normal(8, 3).double()
    onehot = F.one_hot(torch.arange(8) % 2, 2).double()[None]

    def reconstruction():
        return elbo(encoder, decoder, x, onehot, noise)[0].mean()

    reconstruction().backward()
    for parameter in (encoder.layers[0].weight, encoder.layers[4].bias, decoder.log_variance):
        place = (0,) * parameter.ndim
        with torch.no_grad():
            parameter[place] += 1e-5
            above = reconstruction()
            parameter[place] -= 2e-5
            below = reconstruction()
            parameter[place] += 1e-5
        assert parameter.grad[place].item() == pytest.approx(
            (above - below).item() / 2e-5, rel=1e-4
        )
        assert parameter.grad.abs().max() > 0


def test_the_gradient_of_the_expected_square_is_the_closed_form():
    """For z = m + s e, the gradients of E z^2 are 2 m and 2 s; the trick estimates both."""
    m, s = (torch.tensor(v, requires_grad=True) for v in (0.8, 0.5))
    z = m + s * DrawStreams(0, 1).normal(200_000)
    z.square().mean().backward()
    assert m.grad.item() == pytest.approx(1.6, abs=0.02)
    assert s.grad.item() == pytest.approx(1.0, abs=0.02)


def test_one_training_step_is_what_autograd_says(data):
    X, y = data
    config = replace(SMALL, steps=1, beta=2.5)
    vae = VAE(config, random_state=4).fit(X, y)
    streams = DrawStreams(4, 3)
    encoder, decoder = (n(5, 2, config, streams) for n in (Encoder, Decoder))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    chosen = streams.minibatch(40, 8)
    noise = streams.normal(8, 3)
    x = torch.as_tensor(X)[torch.arange(3)[:, None], chosen]
    onehot = F.one_hot(torch.as_tensor(y)).float()[torch.arange(3)[:, None], chosen]
    mean, log_variance = encoder(x, onehot)
    q = Normal(mean, (log_variance / 2).exp())
    p = Normal(decoder(mean + noise * q.scale, onehot), (decoder.log_variance / 2).exp())
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum(2)
    loss = (2.5 * kl - p.log_prob(x).sum(2)).mean(1)
    optimizer = torch.optim.Adam(parameters, lr=config.rate)
    loss.sum().backward()
    optimizer.step()
    for expected, got in zip(
        parameters, [*vae.encoder_.parameters(), *vae.decoder_.parameters()], strict=True
    ):
        torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-4)
    np.testing.assert_allclose(vae.history["kl"][0], kl.mean(1).detach(), rtol=1e-4)


def test_the_best_linear_vae_is_probabilistic_pca():
    """At the optimum the ELBO is PPCA's likelihood (Tipping & Bishop, 1999; Lucas et al., 2019)."""
    rng = np.random.default_rng(0)
    scales = np.array([2.0, 1.5, 0.5, 0.5, 0.5])
    X = (rng.normal(size=(1, 400, 5)) * scales).astype("float32")
    X -= X.mean(axis=1, keepdims=True)
    eigenvalues = np.linalg.eigvalsh(np.cov(X[0].T, bias=True))[::-1]
    variance = eigenvalues[2:].mean()
    C = eigenvalues.copy()
    C[2:] = variance
    exact = -0.5 * (5 * np.log(2 * np.pi) + np.log(C).sum() + (eigenvalues / C).sum())

    config = VAEConfig(latent_dim=2, hidden=8, steps=600, batch_size=400, rate=0.02)
    vae = VAE(config)
    original = vae._build

    def linear(dim, frequencies, streams):
        original(dim, frequencies, streams)
        for network in (vae.encoder_, vae.decoder_):
            network.layers[1] = network.layers[3] = torch.nn.Identity()

    vae._build = linear
    vae.fit(X, np.arange(400)[None] % 2)
    reached = (vae.history["reconstruction"] - vae.history["kl"])[-200:].mean()
    # Labels say nothing here, but 400 rows let them seem to say something: a few hundredths.
    assert exact - 0.06 < reached < exact + 0.03
    assert vae.history["variance"][-200:].mean() == pytest.approx(variance, rel=0.03)


def test_a_large_beta_collapses_the_posterior(data):
    X, y = data
    vae = VAE(replace(SMALL, steps=250, rate=0.01, beta=100.0)).fit(X, y)
    assert (vae.history["kl"][-50:].mean(axis=0) < 0.01).all()
    Z = DrawStreams(0, 3).normal(20, 3).numpy()
    # The latent is ignored, the label is not: what is left is one mean for each class.
    decoded = vae.decode(Z, np.zeros((3, 20), dtype=int))
    assert decoded.std(axis=1).max() < 0.2
    other = vae.decode(Z, np.ones((3, 20), dtype=int))
    assert ((other - decoded).mean(axis=(1, 2)) > 2).all()


def test_labels_of_the_samples_mean_something(data, trained):
    low, high = (trained.sample(500, label=c)[0].mean(axis=(1, 2)) for c in (0, 1))
    # Real classes lie 3 apart in every coordinate.
    assert (high - low > 2).all() and (high - low < 4).all()


def test_samples_have_the_variance_of_the_rows_and_the_means_have_not(data, trained):
    X, _ = data
    sampled, y_new = trained.sample(4000)
    means = trained.decode(DrawStreams(1, 3).normal(4000, 3).numpy(), y_new)
    total = X.var(axis=1).sum(axis=1)
    ratio, ratio_of_means = (rows.var(axis=1).sum(axis=1) / total for rows in (sampled, means))
    assert (np.abs(ratio - 1) < 0.25).all()
    # Between the two lies the observation variance, in each of five dimensions.
    noise = np.exp(trained.decoder_.log_variance.detach().numpy().ravel())
    np.testing.assert_allclose(ratio - ratio_of_means, 5 * noise / total, atol=0.03)


def test_reconstructions_are_nearer_than_the_mean_of_the_rows(data, trained):
    X, y = data
    error = np.square(trained.reconstruct(X, y) - X).mean()
    assert error < 0.5 * X.var(axis=1).mean()
    mean, deviation = trained.encode(X, y)
    assert mean.shape == deviation.shape == (3, 40, 3) and (deviation > 0).all()
    np.testing.assert_array_equal(trained.reconstruct(X, y), trained.decode(mean, y))


def test_a_draw_does_not_change_when_more_draws_run_beside_it():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 100, 50)).astype("float32"), rng.integers(0, 2, size=(5, 100))
    y[:, :2] = 0, 1
    plain, odd = VAEConfig(steps=25), VAEConfig(latent_dim=5, steps=25, batch_size=13)
    # Not odd sizes and one draw alone: the library that multiplies matrices then splits the 7 x 13
    # by 13 x 128 product of a gradient among its threads by another rule, which rounds differently.
    for config, fewer_draws in ((plain, (1, 3)), (odd, (2, 3))):
        together = VAE(config).fit(X, y)
        for n in fewer_draws:
            fewer = VAE(config).fit(X[:n], y[:n])
            np.testing.assert_array_equal(together.sample(20)[0][:n], fewer.sample(20)[0])
            np.testing.assert_array_equal(
                together.log_likelihood(X, y, 3)[:n], fewer.log_likelihood(X[:n], y[:n], 3)
            )
            for name in together.history:
                np.testing.assert_array_equal(together.history[name][:, :n], fewer.history[name])
    alone = VAE(odd).fit(X[:1], y[:1])
    for name in together.history:
        np.testing.assert_allclose(together.history[name][:, :1], alone.history[name], rtol=1e-4)


def test_same_seed_same_samples_bit_for_bit_and_no_global_state(data):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    a, b = (VAE(SMALL, random_state=5).fit(*data).sample(30, random_state=2)[0] for _ in "ab")
    np.testing.assert_array_equal(a, b)
    other = VAE(SMALL, random_state=6).fit(*data).sample(30, random_state=2)[0]
    assert not np.array_equal(a, other)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


def test_sample_labels_follow_the_training_frequencies():
    X = np.random.default_rng(0).normal(size=(2, 40, 3))
    y = np.array([[0] * 30 + [1] * 10, [0] * 4 + [1] * 36])
    vae = VAE(VAEConfig(steps=1, batch_size=8)).fit(X, y)
    np.testing.assert_allclose(vae.sample(20_000)[1].mean(axis=1), [0.25, 0.9], atol=0.013)
    assert (vae.sample(10, label=1)[1] == 1).all()


def test_a_start_gives_its_weights_and_keeps_them(data, trained):
    before = copy.deepcopy(trained.decoder_.state_dict())
    tuned = VAE(replace(SMALL, steps=1, rate=1e-12)).fit(*data, start=trained)
    for name in ("encoder_", "decoder_"):
        for a, b in zip(
            getattr(tuned, name).parameters(), getattr(trained, name).parameters(), strict=True
        ):
            torch.testing.assert_close(a, b)
    VAE(SMALL).fit(*data, start=trained)
    assert all(torch.equal(v, before[k]) for k, v in trained.decoder_.state_dict().items())


def test_select_picks_and_repeats_draws(trained):
    picked = trained.select([2, 0, 2, 2])
    sample, _ = picked.sample(10, label=0)
    np.testing.assert_array_equal(trained.history["kl"][:, [2, 0, 2, 2]], picked.history["kl"])
    Z = DrawStreams(0, 1).normal(10, 3).numpy()
    y = np.zeros((1, 10), dtype=int)
    decoded = picked.decode(np.tile(Z, (4, 1, 1)), np.tile(y, (4, 1)))
    right = trained.decode(np.tile(Z, (3, 1, 1)), np.tile(y, (3, 1)))
    np.testing.assert_allclose(decoded, right[[2, 0, 2, 2]], atol=1e-6)
    assert sample.shape == (4, 10, 5)


def test_after_step_is_told_of_every_step_and_may_sample(data):
    steps = []
    vae = VAE(SMALL)
    vae.fit(*data, after_step=lambda step: steps.append((step, vae.sample(3)[0])))
    assert [step for step, _ in steps] == list(range(1, 26))
    np.testing.assert_array_equal(vae.sample(3)[0], steps[-1][1])
    undisturbed = VAE(SMALL).fit(*data)
    np.testing.assert_array_equal(vae.sample(3)[0], undisturbed.sample(3)[0])
    assert {name: h.shape for name, h in vae.history.items()} == dict.fromkeys(
        ("reconstruction", "kl", "variance"), (25, 3)
    )
    np.testing.assert_array_equal(vae.history["variance"][0], 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_dim": 0}, "latent_dim=0; expected a whole number of 1 or more"),
        ({"steps": 2.5}, "steps=2.5; expected a whole number"),
        ({"rate": 0}, "rate=0; expected a number above 0 and below 1"),
        ({"beta": -1.0}, r"beta=-1.0; expected a number of 0 or more"),
        ({"beta": float("inf")}, "beta=inf; expected"),
    ],
)
def test_impossible_settings_are_refused_by_name(settings, message):
    with pytest.raises(ConfigError, match=message):
        VAEConfig(**settings)


def test_bad_requests_are_refused_by_name(data, trained):
    X, y = data
    with pytest.raises(ConfigError, match=r"not trained yet; call fit\(X, y\)"):
        VAE().sample(3)
    with pytest.raises(ConfigError, match="not trained yet"):
        VAE().encode(X, y)
    with pytest.raises(ConfigError, match="not trained yet"):
        VAE().select([0])
    with pytest.raises(ConfigError, match="n=0; expected a whole number"):
        trained.sample(0)
    with pytest.raises(ConfigError, match="label=2 was never seen in training; possible: 0, 1"):
        trained.sample(3, label=2)
    with pytest.raises(ConfigError, match="samples=0; expected a whole number"):
        trained.log_likelihood(X, y, samples=0)
    with pytest.raises(DataError, match=r"expected \(3, m, 5\)"):
        trained.encode(X[:, :, :4], y)
    with pytest.raises(DataError, match=r"expected \(3, m, 5\)"):
        trained.log_likelihood(X[:2], y[:2])
    with pytest.raises(DataError, match=r"Z has shape .* expected \(3, m, 3\)"):
        trained.decode(X, y)
    with pytest.raises(DataError, match=r"label 2, which was never seen.*expected labels 0 to 1"):
        trained.encode(X, y + 1)
    with pytest.raises(ConfigError, match="batch_size=64 is larger than the 40 rows of a draw"):
        VAE().fit(X, y)
    with pytest.raises(DataError, match="No row of draw 1 has the label 1"):
        VAE(SMALL).fit(X, np.where(np.arange(3)[:, None] == 1, 0, y))


def test_a_start_that_does_not_fit_is_refused(data, trained):
    X, y = data
    with pytest.raises(ConfigError, match="to start from is not trained yet"):
        VAE(SMALL).fit(X, y, start=VAE(SMALL))
    with pytest.raises(ConfigError, match="latent_dim=3, this one latent_dim=4"):
        VAE(replace(SMALL, latent_dim=4)).fit(X, y, start=trained)
    with pytest.raises(ConfigError, match=r"3 draws, 5 dimensions and 2 labels.*select\(\)"):
        VAE(SMALL).fit(X[:2], y[:2], start=trained)


def test_divergence_stops_with_step_draw_and_hint():
    X = np.random.default_rng(0).normal(size=(3, 40, 5)).astype("float32")
    X[1] *= 1e30
    y = np.tile([0, 1], (3, 20))
    with pytest.raises(DivergenceError, match=r"diverged at step 0 in draw 1: .*Lower rate"):
        VAE(SMALL).fit(X, y)
