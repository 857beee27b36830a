"""Answers to the exercises of chapter 12."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from bank import right, wrong
from scipy.special import logsumexp
from torch.distributions import Independent, Normal

VALUE = "one number for each row, with the value of the divergence"
UNITS = "0 for the prior itself, and 1/2 per latent one standard deviation away"
STANDARD = "the chapter's formula for a standard normal prior"
EXACT = "finite for a code with a log-variance of -200"


def divergence(m, v, prior_m, prior_v):
    variance, prior_variance = torch.exp(v), torch.exp(prior_v)
    per_latent = (variance + (m - prior_m) ** 2) / prior_variance - 1 + prior_v - v
    return torch.einsum("ij->i", per_latent) / 2


@right("ex12-1")
def numpy_and_a_loop(mean, log_variance, prior_mean, prior_log_variance):
    a, b, c, d = (t.double().numpy() for t in (mean, log_variance, prior_mean, prior_log_variance))
    total = np.zeros(len(a))
    for j in range(a.shape[1]):
        total += 0.5 * (np.expm1(b - d)[:, j] - (b - d)[:, j])
        total += 0.5 * ((a - c)[:, j] / np.exp(d[:, j] / 2)) ** 2
    return torch.as_tensor(total)


@right("ex12-1")
def cross_entropy_minus_entropy(m, v, prior_m, prior_v):
    entropy = 0.5 * (1 + math.log(2 * math.pi) + v)
    squares = (v.exp() + (m - prior_m) ** 2) * torch.exp(-prior_v)
    cross = 0.5 * (math.log(2 * math.pi) + prior_v + squares)
    return (cross - entropy).sum(-1)


@wrong("ex12-1", [VALUE, STANDARD, EXACT], "code and prior are exchanged")
def prior_from_code(m, v, prior_m, prior_v):
    return divergence(prior_m, prior_v, m, v)


@wrong("ex12-1", [VALUE, UNITS, STANDARD, EXACT], "A mean over the latents")
def mean_over_latents(m, v, prior_m, prior_v):
    return divergence(m, v, prior_m, prior_v) / m.shape[-1]


@wrong("ex12-1", EXACT, "rounded to zero")
def logarithm_of_the_ratio(m, v, prior_m, prior_v):
    ratio = v.exp() / prior_v.exp()
    squares = (m - prior_m) ** 2 / prior_v.exp()
    return 0.5 * (ratio + squares - 1 - ratio.log()).sum(1)


@wrong("ex12-1", [VALUE, UNITS, STANDARD, EXACT], "logarithm of the standard deviation")
def log_variance_as_log_deviation(m, v, prior_m, prior_v):
    return divergence(m, 2 * v, prior_m, 2 * prior_v)


LOSS = "a 0-dimensional tensor, with the value of the negative ELBO"
REACHED = "the encoder learns through the code"
RESTS = "the observation variance rests where it is the mean squared error"
BETA = "beta multiplies the KL, and nothing else"
REBUILT = "half of log 2 pi plus log-variance per feature, where a row is rebuilt"


@right("ex12-2")
def with_torch_distributions(encoder, decoder, log_variance, x, onehot, noise, beta=1.0):
    mean, log_s2 = encoder(x, onehot)
    code = Independent(Normal(mean, torch.exp(log_s2 / 2)), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    z = mean + code.stddev * noise
    row = Independent(Normal(decoder(z, onehot), torch.exp(log_variance / 2)), 1)
    kl = torch.distributions.kl_divergence(code, prior)
    return -(row.log_prob(x) - beta * kl).mean()


@right("ex12-2")
def with_gaussian_nll(encoder, decoder, log_variance, x, onehot, noise, beta=1.0):
    mean, v = encoder(x, onehot)
    rebuilt = decoder(torch.addcmul(mean, (v / 2).exp(), noise), onehot)
    variance = log_variance.exp().expand_as(x)
    nll = F.gaussian_nll_loss(rebuilt, x, variance, full=True, reduction="sum")
    return (nll + beta * (mean * mean + v.expm1() - v).sum() / 2) / len(x)


def minus_bound(
    encoder, decoder, log_variance, x, onehot, noise, beta=1.0, pi=1, logdet=1, cut=False, power=0.5
):
    mean, v = encoder(x, onehot)
    z = mean + torch.exp(power * v) * noise
    if cut:
        z = z.detach()
    squares = (decoder(z, onehot) - x) ** 2 * torch.exp(-log_variance)
    surprise = squares.sum(1) + logdet * log_variance.sum() + pi * x.shape[1] * math.log(2 * np.pi)
    kl = (mean**2 + torch.exp(v) - v - 1).sum(1)
    return torch.mean(surprise + beta * kl) / 2


@wrong("ex12-2", [LOSS, REBUILT], "log 2 pi of every feature is missing")
def no_constant(*arguments):
    return minus_bound(*arguments, pi=0)


@wrong("ex12-2", [LOSS, RESTS, REBUILT], "log-determinant is missing")
def no_log_determinant(*arguments):
    return minus_bound(*arguments, logdet=0)


@wrong("ex12-2", REACHED, "sampled without a gradient")
def detached_code(*arguments):
    return minus_bound(*arguments, cut=True)


@wrong("ex12-2", [LOSS, REBUILT], "multiplied by the variance")
def noise_times_variance(*arguments):
    return minus_bound(*arguments, power=1.0)


@wrong("ex12-2", [LOSS, BETA], "a small beta in disguise")
def kl_as_a_mean(encoder, decoder, log_variance, x, onehot, noise, beta=1.0):
    latents = encoder(x, onehot)[0].shape[1]
    return minus_bound(encoder, decoder, log_variance, x, onehot, noise, beta / latents)


VERDICT = "the probability of every label, one line for each row"
PRIOR = "the labels' frequencies, where the row says nothing"
LONG = "finite for rows of a thousand nats"
ONE_CODE = "one code that fits is enough"


@right("ex12-3")
def row_by_row(log_weights, frequency):
    rows, labels = log_weights.shape[1:]
    result = np.empty((rows, labels))
    for i in range(rows):
        largest = log_weights[:, i].max()
        density = np.exp(log_weights[:, i] - largest).mean(axis=0)
        result[i] = frequency * density / (frequency * density).sum()
    return result


@right("ex12-3")
def torch_softmax_over_all(log_weights, frequency):
    # Every pair of a code and a label gets its share; then the codes are summed.
    joint = torch.as_tensor(log_weights) + torch.as_tensor(frequency).log()
    flat = joint.permute(1, 0, 2).flatten(1).softmax(dim=1)
    return flat.reshape(joint.shape[1], joint.shape[0], -1).sum(dim=1).numpy()


@wrong("ex12-3", [VERDICT, PRIOR], "frequencies of the labels are missing")
def no_frequencies(log_weights, frequency):
    density = logsumexp(log_weights, axis=0)
    return np.exp(density - logsumexp(density, axis=1, keepdims=True))


@wrong("ex12-3", [VERDICT, ONE_CODE], "these are ELBOs")
def mean_of_logarithms(log_weights, frequency):
    joint = log_weights.mean(axis=0) + np.log(frequency)
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


@wrong("ex12-3", LONG, "is rounded to zero")
def without_care(log_weights, frequency):
    with np.errstate(over="ignore", invalid="ignore"):
        joint = np.exp(log_weights).mean(axis=0) * frequency
        return joint / joint.sum(axis=1, keepdims=True)
