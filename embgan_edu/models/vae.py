r"""A conditional variational autoencoder on sentence embeddings, for many draws at once.

An *encoder* turns a row and its label into a Gaussian over latents, a *decoder* turns a latent and
a label back into a Gaussian over rows:

.. math:: q(z \mid x, y) = \mathcal N\bigl(m(x, y),\, \operatorname{diag} s^2(x, y)\bigr), \qquad
          p(x \mid z, y) = \mathcal N\bigl(\mu(z, y),\, \sigma^2 I\bigr), \qquad
          p(z) = \mathcal N(0, I)

(Kingma & Welling, 2014; with labels: Sohn et al., 2015). Both are trained together to raise the
evidence lower bound, the ELBO:

.. math:: \log p(x \mid y) \ge \mathbb E_{q(z \mid x, y)} \log p(x \mid z, y)
          - \mathrm{KL}\bigl(q(z \mid x, y) \,\|\, p(z)\bigr)

The observation variance :math:`\sigma^2` is one number per draw, and it is *learned*. With a fixed
one, a factor beta before the KL and the variance are the same knob: only their product decides
where the networks end. A learned variance ends at the mean squared error of the reconstruction
(Rybkin et al., 2021), so it fits rows of any scale, and it is known when sampling.

Read the file from top to bottom: the settings, the densities, the two networks, the bound, and the
class that trains and samples.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from embgan_edu.base.errors import (
    ConfigError,
    DataError,
    check_number,
    check_whole,
)
from embgan_edu.models.stacked import (
    DrawStreams,
    StackedLinear,
    check_rows,
    check_start,
    check_training_arrays,
    check_training_set,
    elementwise,
    join_draws,
    pick_device,
    take_draws,
    take_rows,
    wanted_labels,
)
from embgan_edu.models.training import (
    DrawAdam,
    Record,
    split_draws,
    train_groups,
)

ADVICE = "Lower rate, and check that the rows are standardized."


@dataclass(frozen=True)
class VAEConfig:
    """All settings of the VAE.

    Raises:
        ConfigError: A value that cannot work, named with what is expected.

    Example:
        >>> VAEConfig(beta=4.0).beta
        4.0
    """

    latent_dim: int = 16  # length of the latent z
    hidden: int = 128  # width of both networks' two hidden layers
    steps: int = 250  # training steps; with 100 rows the held-out likelihood falls after that
    batch_size: int = 64  # rows per step
    rate: float = 1e-3  # Adam's learning rate
    beta: float = 1.0  # weight of the KL; 1 is the ELBO (Higgins et al., 2017)

    def __post_init__(self) -> None:
        for name in ("latent_dim", "hidden", "steps", "batch_size"):
            check_whole(1, **{name: getattr(self, name)})
        check_number("a number above 0 and below 1", lambda rate: 0 < rate < 1, rate=self.rate)
        check_number("a number of 0 or more", lambda beta: 0 <= beta < np.inf, beta=self.beta)


def gaussian_kl(
    mean: Float[Tensor, "draw ... latent"], log_variance: Float[Tensor, "draw ... latent"]
) -> Float[Tensor, "draw ..."]:
    r"""KL divergence of a diagonal Gaussian from the standard normal, in nats per row.

    .. math:: \mathrm{KL} = \tfrac12 \sum_j \bigl(m_j^2 + s_j^2 - 1 - \log s_j^2\bigr)

    It is a *sum* over latent dimensions. For the KL of every dimension, give each one an axis of
    its own: ``gaussian_kl(mean[..., None], log_variance[..., None])``.

    Source: Kingma & Welling (2014), appendix B.

    Example:
        >>> gaussian_kl(torch.ones(1, 2, 3), torch.zeros(1, 2, 3))
        tensor([[1.5000, 1.5000]])
    """
    variance = _exp(log_variance)
    return 0.5 * (mean.square() + variance - 1 - log_variance).sum(dim=-1)


def gaussian_log_density(
    x: Float[Tensor, "draw batch dim"],
    mean: Float[Tensor, "draw batch dim"],
    log_variance: Float[Tensor, "draw ..."],
) -> Float[Tensor, "draw batch"]:
    r"""Logarithm of a diagonal Gaussian's density, in nats per row.

    .. math:: \log \mathcal N(x;\, \mu, \sigma^2)
              = -\tfrac12 \sum_j \Bigl(\frac{(x_j - \mu_j)^2}{\sigma_j^2}
              + \log \sigma_j^2 + \log 2\pi\Bigr)

    Example:
        >>> x = torch.zeros(1, 1, 2)
        >>> gaussian_log_density(x, x, torch.zeros(1, 1, 1))
        tensor([[-1.8379]])
    """
    squares = (x - mean).square() * _exp(-log_variance)
    return -0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(dim=-1)


class Encoder(nn.Module):
    """q(z | x, y): a row and its one-hot label to the mean and log-variance of its latent.

    Example:
        >>> encoder = Encoder(50, 2, VAEConfig(), DrawStreams(0, n_draws=2))
        >>> mean, log_variance = encoder(torch.zeros(2, 3, 50), torch.zeros(2, 3, 2))
        >>> tuple(mean.shape), tuple(log_variance.shape)
        ((2, 3, 16), (2, 3, 16))
    """

    def __init__(self, dim: int, n_classes: int, config: VAEConfig, streams: DrawStreams) -> None:
        super().__init__()
        self.layers = _network(dim + n_classes, config.hidden, 2 * config.latent_dim, streams)

    def forward(
        self, x: Float[Tensor, "draw batch dim"], onehot: Float[Tensor, "draw batch label"]
    ) -> tuple[Float[Tensor, "draw batch latent"], Float[Tensor, "draw batch latent"]]:
        mean, log_variance = self.layers(torch.cat([x, onehot], dim=2)).chunk(2, dim=2)
        return mean, log_variance


class Decoder(nn.Module):
    """p(x | z, y): a latent and a one-hot label to the mean of a row.

    Attributes:
        log_variance: The logarithm of the observation variance, one number per draw, learned.
            It starts at 0: standardized rows have the variance 1.

    Example:
        >>> decoder = Decoder(50, 2, VAEConfig(), DrawStreams(0, n_draws=2))
        >>> tuple(decoder(torch.zeros(2, 3, 16), torch.zeros(2, 3, 2)).shape)
        (2, 3, 50)
    """

    def __init__(self, dim: int, n_classes: int, config: VAEConfig, streams: DrawStreams) -> None:
        super().__init__()
        self.dim = dim
        self.layers = _network(config.latent_dim + n_classes, config.hidden, dim, streams)
        self.log_variance = nn.Parameter(torch.zeros(len(streams.generators), 1, 1))

    def forward(
        self, z: Float[Tensor, "draw batch latent"], onehot: Float[Tensor, "draw batch label"]
    ) -> Float[Tensor, "draw batch dim"]:
        return self.layers(torch.cat([z, onehot], dim=2))


def elbo(
    encoder: Encoder,
    decoder: Decoder,
    x: Float[Tensor, "draw batch dim"],
    onehot: Float[Tensor, "draw batch label"],
    noise: Float[Tensor, "draw batch latent"],
) -> tuple[Float[Tensor, "draw batch"], Float[Tensor, "draw batch"]]:
    r"""The two terms of the ELBO, in nats per row; the ELBO is the first minus the second.

    The latent is :math:`z = m + s \varepsilon`, so that gradients reach the encoder through it
    (the reparameterization trick; Kingma & Welling, 2014, section 2.4).

    Args:
        encoder, decoder: The networks.
        x: Rows.
        onehot: Their labels.
        noise: Standard normal, one :math:`\varepsilon` for each row.

    Returns:
        The reconstruction term, :math:`\log p(x \mid z, y)`, a one-sample estimate of its mean
        over q, and the KL of q from the prior in closed form.
    """
    mean, log_variance = encoder(x, onehot)
    z = mean + _exp(0.5 * log_variance) * noise
    reconstruction = gaussian_log_density(x, decoder(z, onehot), decoder.log_variance)
    return reconstruction, gaussian_kl(mean, log_variance)


class VAE:
    """Train one conditional VAE per draw and sample labeled embeddings from each.

    Args:
        config: The settings.
        random_state: Seed of the initial weights, the minibatches and the noise.

    Attributes:
        history: ``"reconstruction"`` and ``"kl"`` (nats per row, mean over the batch) and
            ``"variance"`` (the observation variance), each an array ``(steps, draw)``.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(2, 20, 5)).astype("float32")
        >>> y = rng.integers(0, 2, size=(2, 20))
        >>> vae = VAE(VAEConfig(steps=10, batch_size=8)).fit(X, y)
        >>> X_new, y_new = vae.sample(100, random_state=1)
        >>> X_new.shape, y_new.shape
        ((2, 100, 5), (2, 100))
    """

    def __init__(self, config: VAEConfig | None = None, random_state: int = 0) -> None:
        self.config = config or VAEConfig()
        self.random_state = random_state
        self.history: dict[str, Float[np.ndarray, "steps draw"]] = {}

    def fit(
        self,
        X: Float[np.ndarray, "draw n dim"],
        y: Int[np.ndarray, "draw n"],
        start: "VAE | None" = None,
        progress: bool = False,
        after_step: Callable[[int], None] | None = None,
    ) -> "VAE":
        """Train on the rows of ``X`` with labels ``y``.

        Args:
            X: Real rows, standardized.
            y: Their labels.
            start: A trained VAE whose weights are the initial ones. It stays as it is.
            progress: Show a progress line.
            after_step: Called after every step with the number of steps done; it may sample.

        Raises:
            DataError: Wrong shapes, non-finite values, or a draw that lacks a label.
            ConfigError: ``batch_size`` is larger than the data, or ``start`` was made for other
                draws, dimensions, labels, or layers.
            DivergenceError: The loss stopped being finite; names the step and the draw.
        """
        config = self.config
        X, y, onehots = check_training_set(X, y, config.batch_size)
        n_draws, _, dim = X.shape
        self._check_start(start, n_draws, dim, onehots.shape[2])
        device = pick_device()
        streams = DrawStreams(self.random_state, n_draws, device)
        self._build(dim, onehots.mean(axis=1), streams)
        if start is not None:
            self.encoder_.load_state_dict(start.encoder_.state_dict())
            self.decoder_.load_state_dict(start.decoder_.state_dict())
        labeled = torch.as_tensor(np.concatenate([X, onehots], axis=2), device=device)
        # Whoever looks after every step sees all draws at the same step.
        groups = split_draws(n_draws, device) if after_step is None else [slice(0, n_draws)]
        parts = [self if len(groups) == 1 else self.select(draws) for draws in groups]
        learn = [
            part._learn(streams.part(draws), labeled[draws])
            for part, draws in zip(parts, groups, strict=True)
        ]
        self.history = train_groups(learn, groups, config.steps, ADVICE, progress, after_step)
        if len(parts) > 1:
            join_draws(self.encoder_, [part.encoder_ for part in parts])
            join_draws(self.decoder_, [part.decoder_ for part in parts])
        return self

    def _learn(
        self, streams: DrawStreams, rows: Float[Tensor, "draw n columns"]
    ) -> Callable[[], Record]:
        """What makes one step; the last columns of the rows are the labels."""
        config, encoder, decoder = self.config, self.encoder_, self.decoder_
        optimizer = DrawAdam([*encoder.parameters(), *decoder.parameters()], config.rate)
        n_labels = self.frequencies_.shape[1]

        def learn() -> Record:
            batch = take_rows(rows, streams.minibatch(rows.shape[1], config.batch_size))
            x, onehot = batch.split([rows.shape[2] - n_labels, n_labels], dim=2)
            noise = streams.normal(config.batch_size, config.latent_dim)
            reconstruction, kl = (
                term.mean(dim=1) for term in elbo(encoder, decoder, x, onehot, noise)
            )
            variance = _exp(decoder.log_variance.detach()).flatten()
            # Mean over a draw's rows, sum over draws: a draw's gradient is its own.
            loss = config.beta * kl - reconstruction
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
            return {
                "reconstruction": reconstruction.detach(),
                "kl": kl.detach(),
                "variance": variance,
            }

        return learn

    @torch.no_grad()
    def encode(
        self, X: Float[np.ndarray, "draw m dim"], y: Int[np.ndarray, "draw m"]
    ) -> tuple[Float[np.ndarray, "draw m latent"], Float[np.ndarray, "draw m latent"]]:
        """Return mean and standard deviation of every row's latent.

        Raises:
            ConfigError: Not trained yet.
            DataError: Rows or labels that do not fit the training data.
        """
        x, onehot = self._inputs("X", X, y)
        mean, log_variance = self.encoder_(x, onehot)
        return mean.cpu().numpy(), _exp(0.5 * log_variance).cpu().numpy()

    @torch.no_grad()
    def decode(
        self, Z: Float[np.ndarray, "draw m latent"], y: Int[np.ndarray, "draw m"]
    ) -> Float[np.ndarray, "draw m dim"]:
        """Return the mean of p(x | z, y) for every latent, without observation noise.

        Raises:
            ConfigError: Not trained yet.
            DataError: Latents or labels that do not fit this model.
        """
        z, onehot = self._inputs("Z", Z, y)
        return self.decoder_(z, onehot).cpu().numpy()

    def reconstruct(
        self, X: Float[np.ndarray, "draw m dim"], y: Int[np.ndarray, "draw m"]
    ) -> Float[np.ndarray, "draw m dim"]:
        """Encode every row to the mean of its latent, and decode that.

        Raises:
            ConfigError: Not trained yet.
            DataError: Rows or labels that do not fit the training data.
        """
        return self.decode(self.encode(X, y)[0], y)

    @torch.no_grad()
    def log_likelihood(
        self,
        X: Float[np.ndarray, "draw m dim"],
        y: Int[np.ndarray, "draw m"],
        samples: int = 1,
        random_state: int = 0,
    ) -> Float[np.ndarray, "draw m"]:
        r"""Estimate :math:`\log p(x \mid y)` of every row from below, in nats.

        .. math:: \log \frac1K \sum_{k=1}^K \frac{p(x \mid z_k, y)\, p(z_k)}{q(z_k \mid x, y)},
                  \qquad z_k \sim q(z \mid x, y)

        With one sample this is an unbiased estimate of the ELBO. In the mean the bound rises with
        the number of samples K, towards the log-likelihood itself.

        Source: Burda et al. (2016), "Importance weighted autoencoders", theorem 1.

        Args:
            X: Rows in the units of the training rows.
            y: Their labels.
            samples: K, the number of latents for each row.
            random_state: Seed of the latents.

        Raises:
            ConfigError: Not trained yet, or fewer than one sample.
            DataError: Rows or labels that do not fit the training data.
        """
        check_whole(1, samples=samples)
        x, onehot = self._inputs("X", X, y)
        mean, log_variance = self.encoder_(x, onehot)
        streams = DrawStreams(random_state, len(x), x.device)
        prior = torch.zeros_like(mean[:, :1, :1])
        log_weights = []
        for _ in range(samples):
            z = mean + _exp(0.5 * log_variance) * streams.normal(*mean.shape[1:])
            log_weights.append(
                gaussian_log_density(x, self.decoder_(z, onehot), self.decoder_.log_variance)
                + gaussian_log_density(z, torch.zeros_like(z), prior)
                - gaussian_log_density(z, mean, log_variance)
            )
        bound = torch.stack(log_weights).logsumexp(dim=0) - math.log(samples)
        return bound.cpu().numpy()

    @torch.no_grad()
    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Generate ``n`` labeled embeddings per draw.

        A row is drawn from p(x | z, y): the decoder's mean *plus* observation noise. The mean
        alone would be a cloud that is too narrow, by the observation variance in every direction.
        The sample of a draw depends on its own weights and on ``random_state``, not on the other
        draws.

        Args:
            n: Rows per draw.
            label: The label of all rows; ``None`` draws labels with the training frequencies.
            random_state: Seed of latents, labels and noise.

        Raises:
            ConfigError: Not trained yet, fewer than one row asked, or an unknown label.
        """
        self._check_trained()
        n_draws, n_classes = self.frequencies_.shape
        streams = DrawStreams(random_state, n_draws, self.frequencies_.device)
        y = wanted_labels(self.frequencies_, n, label, streams)
        mean = self.decoder_(
            streams.normal(n, self.config.latent_dim), F.one_hot(y, n_classes).float()
        )
        X = mean + _exp(0.5 * self.decoder_.log_variance) * streams.normal(n, self.decoder_.dim)
        return X.cpu().numpy(), y.cpu().numpy()

    def select(self, draws: slice | Sequence[int]) -> "VAE":
        """Return the VAEs of some draws, such as ``vae.select([0] * 16)`` for 16 copies of one.

        Raises:
            ConfigError: Not trained yet.
        """
        self._check_trained()
        chosen = draws if isinstance(draws, slice) else list(draws)
        vae = VAE(self.config, self.random_state)
        vae.history = {name: values[:, chosen] for name, values in self.history.items()}
        vae.frequencies_ = self.frequencies_[chosen]
        vae.encoder_ = take_draws(self.encoder_, chosen)
        vae.decoder_ = take_draws(self.decoder_, chosen)
        return vae

    def _check_trained(self) -> None:
        if not hasattr(self, "decoder_"):
            raise ConfigError("This VAE is not trained yet; call fit(X, y) first.")

    def _check_start(self, start: "VAE | None", n_draws: int, dim: int, n_classes: int) -> None:
        if start is None:
            return
        if not hasattr(start, "decoder_"):
            raise ConfigError("The VAE to start from is not trained yet; call its fit(X, y) first.")
        names = ("latent_dim", "hidden")
        given = len(start.frequencies_), start.decoder_.dim, start.frequencies_.shape[1]
        check_start("VAE", names, self.config, start.config, given, (n_draws, dim, n_classes))

    def _build(
        self, dim: int, frequencies: Float[np.ndarray, "draw label"], streams: DrawStreams
    ) -> None:
        n_classes = frequencies.shape[1]
        device = streams.device
        self.frequencies_ = torch.as_tensor(frequencies, device=device)
        self.encoder_ = Encoder(dim, n_classes, self.config, streams).to(device)
        self.decoder_ = Decoder(dim, n_classes, self.config, streams).to(device)

    def _inputs(
        self, name: str, values: Float[np.ndarray, "draw m width"], y: Int[np.ndarray, "draw m"]
    ) -> tuple[Float[Tensor, "draw m width"], Float[Tensor, "draw m label"]]:
        """Return rows or latents and their one-hot labels as tensors, or say what is wrong."""
        self._check_trained()
        n_draws, n_classes = self.frequencies_.shape
        width = self.decoder_.dim if name == "X" else self.config.latent_dim
        values = check_rows(values)
        if (values.shape[0], values.shape[2]) != (n_draws, width):
            raise DataError(
                f"{name} has shape {values.shape}; this VAE has {n_draws} draws and {name} needs "
                f"{width} columns, so expected ({n_draws}, m, {width})."
            )
        values, y = check_training_arrays(values, y)
        if y.max() >= n_classes:
            raise DataError(
                f"y holds the label {y.max()}, which was never seen in training; "
                f"expected labels 0 to {n_classes - 1}."
            )
        device = self.frequencies_.device
        onehot = F.one_hot(torch.as_tensor(y, device=device), n_classes).float()
        return torch.as_tensor(values, device=device), onehot


def _network(in_dim: int, hidden: int, out_dim: int, streams: DrawStreams) -> nn.Sequential:
    return nn.Sequential(
        StackedLinear(in_dim, hidden, streams),
        nn.ReLU(),
        StackedLinear(hidden, hidden, streams),
        nn.ReLU(),
        StackedLinear(hidden, out_dim, streams),
    )


def _exp(x: Float[Tensor, "draw ..."]) -> Float[Tensor, "draw ..."]:
    return elementwise(torch.exp, x.flatten(1)).view_as(x)
