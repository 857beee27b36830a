r"""A GAN that bounds what any attack can learn about a single training row.

A randomized training :math:`M` is :math:`(\varepsilon, \delta)`-differentially private if, for any
two training sets of which one has a row more and for every set :math:`S` of outcomes,

.. math:: P(M(R) \in S) \le e^{\varepsilon} P(M(R') \in S) + \delta

(Dwork & Roth, 2014, definition 2.4). :class:`PrivateGAN` reaches that with DP-SGD (Abadi et al.,
2016, algorithm 1) in the discriminator, the only network that reads real rows.

Read the file from top to bottom: the budget and its accountant, one private step, and the class
that repeats it.
"""

import warnings
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from embgan_edu.base.errors import ConfigError, check_number, check_whole
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import (
    GAN,
    Discriminator,
    GANConfig,
    Optimizer,
    Players,
    generator_step,
    with_noise,
)
from embgan_edu.models.losses import binary_cross_entropy
from embgan_edu.models.stacked import (
    DrawStreams,
    StackedLinear,
    check_training_set,
    elementwise,
)
from embgan_edu.models.training import Record

# Orders of Rényi divergence that the accountant tries. Broken ones take it a hundred times as long,
# and are of use for large budgets only.
ORDERS = [1.25, 1.5, 2, 2.5, 3, 3.5, *range(4, 32), 40, 64, 128]


@dataclass(frozen=True)
class PrivacyBudget:
    r"""How much one row may change the outcome of training: :math:`(\varepsilon, \delta)`.

    Args:
        epsilon: Above 0. ``np.inf`` asks for no noise, and promises nothing.
        delta: Between 0 and 1, and well below one over the number of rows: a training that
            publishes one random row as it is has ``delta`` of just that.

    Raises:
        ConfigError: A number that cannot be a budget.

    Example:
        >>> budget = PrivacyBudget(epsilon=10, delta=0.001)
        >>> sigma = budget.noise_multiplier(sampling_rate=0.5, steps=100)
        >>> bool(9.9 < epsilon_spent(sigma, 0.5, 100, budget.delta) <= 10)
        True
    """

    epsilon: float
    delta: float = 1e-3

    def __post_init__(self) -> None:
        check_number(
            "a number above 0, or np.inf for no noise. Zero would mean that no training set "
            "makes a difference: use no private rows at all",
            lambda epsilon: epsilon > 0,
            epsilon=self.epsilon,
        )
        check_number(
            "a number above 0 and below 1, such as 0.001",
            lambda delta: 0 < delta < 1,
            delta=self.delta,
        )

    @cache  # noqa: B019 - a budget is two numbers, and there are few
    def noise_multiplier(self, sampling_rate: float, steps: int) -> float:
        """Least noise, in units of the clipping norm, that keeps ``steps`` steps in the budget.

        Args:
            sampling_rate: Probability that a row takes part in a step, independently of others.
            steps: Number of steps.

        Raises:
            ConfigError: A number that cannot work, or a budget too small for any useful noise.
        """
        if np.isinf(self.epsilon):
            return 0.0
        low, high = 0.0, 1.0
        while epsilon_spent(high, sampling_rate, steps, self.delta) > self.epsilon:
            low, high = high, 2 * high
            if high > 1e6:
                raise ConfigError(
                    f"epsilon={self.epsilon} and delta={self.delta} are too little for {steps} "
                    "steps: more than a million times the clipping norm would be needed as noise. "
                    "Give a larger budget or fewer steps."
                )
        while high - low > 1e-3 * high:
            middle = (low + high) / 2
            if epsilon_spent(middle, sampling_rate, steps, self.delta) > self.epsilon:
                low = middle
            else:
                high = middle
        return high


def epsilon_spent(noise_multiplier: float, sampling_rate: float, steps: int, delta: float) -> float:
    """What DP-SGD spends, by the Rényi accountant of opacus.

    It holds for *Poisson* sampling, where each row takes part in each step with probability
    ``sampling_rate``, and for training sets that differ by one added or removed row.

    Source: Mironov et al. (2019), "Rényi differential privacy of the sampled Gaussian mechanism",
    section 3.3; computed by opacus.

    Raises:
        ConfigError: A number that cannot work.

    Example:
        >>> round(epsilon_spent(noise_multiplier=2.0, sampling_rate=0.1, steps=100, delta=1e-3), 1)
        1.8
    """
    from opacus.accountants import RDPAccountant  # here: most of the package can do without it

    check_number(
        "a number above 0", lambda sigma: 0 < sigma < np.inf, noise_multiplier=noise_multiplier
    )
    check_number(
        "a number above 0 and up to 1", lambda rate: 0 < rate <= 1, sampling_rate=sampling_rate
    )
    check_number("a number above 0 and below 1", lambda share: 0 < share < 1, delta=delta)
    check_whole(1, steps=steps)
    accountant = RDPAccountant()
    accountant.history = [(noise_multiplier, sampling_rate, steps)]
    with warnings.catch_warnings():  # with other orders the bound could be tighter; it holds
        warnings.filterwarnings("ignore", message="Optimal order")
        return float(accountant.get_epsilon(delta, alphas=ORDERS))


def example_norms(
    discriminator: Discriminator,
    real: Float[Tensor, "draw n dim"],
    onehot: Float[Tensor, "draw n label"],
    target: float,
) -> tuple[Float[Tensor, "draw n"], Float[Tensor, "draw n"]]:
    r"""The loss of every single row, and the length of its gradient in all weights.

    In a linear layer the gradient of one row's loss is the outer product of the row's input
    :math:`a` and the slope :math:`s` of its loss in the output, so its squared length is
    :math:`\|a\|^2 \|s\|^2` for the weights and :math:`\|s\|^2` for the bias. One pass over the
    batch has all of them, and no row's gradient is ever written out.

    Source: Goodfellow (2015), "Efficient per-example gradient computations"; Li et al. (2022),
    "Large language models can be strong differentially private learners", section 4.

    Args:
        discriminator: Its weights may be in stacked linear layers only.
        real: The rows.
        onehot: Their labels.
        target: 1 for real rows, less with label smoothing.

    Returns:
        Losses in nats, with their graph, and gradient norms, without.

    Example:
        >>> discriminator = Discriminator(3, 2, GANConfig(hidden=4), DrawStreams(0, n_draws=1))
        >>> _, norms = example_norms(discriminator, torch.ones(1, 5, 3), torch.ones(1, 5, 2), 1.0)
        >>> tuple(norms.shape)
        (1, 5)
    """
    kept: list[tuple[Tensor, Tensor]] = []
    hooks = [
        layer.register_forward_hook(lambda _, given, made: kept.append((given[0].detach(), made)))
        for layer in discriminator.modules()
        if isinstance(layer, StackedLinear)
    ]
    try:
        logits = discriminator(real, onehot)
    finally:
        for hook in hooks:
            hook.remove()

    def loss(x: Tensor) -> Tensor:
        targets = torch.full_like(x, target)
        return F.binary_cross_entropy_with_logits(x, targets, reduction="none")

    losses = elementwise(loss, logits)
    # Rows do not meet in the network, so the slope of the sum in a row's output is that row's own.
    slopes = torch.autograd.grad(losses.sum(), [made for _, made in kept], retain_graph=True)
    squares = [
        (given.square().sum(dim=2) + 1) * slope.square().sum(dim=2)
        for (given, _), slope in zip(kept, slopes, strict=True)
    ]
    return losses, torch.stack(squares).sum(dim=0).sqrt()


def private_discriminator_step(
    discriminator: Discriminator,
    optimizer: Optimizer,
    real: Float[Tensor, "draw n dim"],
    onehot: Float[Tensor, "draw n label"],
    included: Float[Tensor, "draw n"],
    fake: Float[Tensor, "draw batch dim"],
    fake_onehot: Float[Tensor, "draw batch label"],
    streams: DrawStreams,
    clip: float,
    noise_multiplier: float,
    target: float = 1.0,
) -> Float[Tensor, " draw"]:
    r"""Update the discriminator once, with a bound on what any single real row can do.

    .. math:: \frac1B \Bigl(\sum_{i \in \text{batch}} g_i \min\bigl(1, \tfrac{C}{\|g_i\|}\bigr)
              + \mathcal N(0, \sigma^2 C^2 I)\Bigr) + \nabla L_{\text{fake}}

    The real rows' part is that of Abadi et al. (2016, algorithm 1). The generated rows hold
    nothing that is not private already, so their part is left as it is.

    Args:
        discriminator: The discriminator.
        optimizer: Its optimizer; what it does with the gradient costs nothing more.
        real: *All* training rows.
        onehot: Their labels.
        included: 1 for the rows that are in the batch, 0 for the others.
        fake: Generated rows; their number is the expected batch size :math:`B`.
        fake_onehot: Their labels, which must not come from the real batch.
        streams: Source of the noise.
        clip: The largest length :math:`C` of a row's gradient.
        noise_multiplier: :math:`\sigma`.
        target: 1 for real rows, less with label smoothing.

    Returns:
        For every draw, the share of rows whose gradient was cut.
    """
    losses, norms = example_norms(discriminator, real, onehot, target)
    # A weight on a row's loss is a weight on its gradient.
    weights = included * (clip / norms).clamp(max=1)
    batch = fake.shape[1]
    real_loss = (weights * losses).sum(dim=1) / batch
    fake_loss = binary_cross_entropy(discriminator(fake, fake_onehot), 0.0)
    optimizer.zero_grad()
    (real_loss + fake_loss).sum().backward()
    for parameter in discriminator.parameters():
        noise = streams.normal(*parameter.shape[1:])
        assert parameter.grad is not None  # backward() has set it
        parameter.grad += noise_multiplier * clip / batch * noise
    optimizer.step()
    return (norms > clip).float().mean(dim=1)


# Settings of chapter 11, which private training leaves alone.
LATER = (
    "loss",
    "zero_penalty",
    "unit_penalty",
    "spectral_norm",
    "pack",
    "critic_steps",
    "average",
)


class PrivateGAN(GAN):
    r"""A GAN whose generator is :math:`(\varepsilon, \delta)`-differentially private.

    Every row joins a step with probability ``config.batch_size / n``, as the accountant assumes;
    the discriminator takes :func:`private_discriminator_step`. The generator never sees a real
    row, so its weights and all that it will ever sample have the same guarantee (Dwork & Roth,
    2014, proposition 2.1: post-processing). That is the idea of DPGAN (Xie et al., 2018).

    The promise is about *training*. It does not cover what else is computed from the private rows:
    the mean and the scale that standardize them, a consistency classifier that has read them, and
    settings that were chosen by looking at them. The labels of a sample are uniform, since the
    frequencies of the training labels are private too. Two training sets are neighbors if one has
    a row more; their number of rows is taken as known.

    Args:
        config: The settings, without the changes of chapter 11.
        budget: What may be spent.
        clip: The largest length of a row's gradient; 1 is customary.
        random_state: Seed. Whoever knows it knows the noise, so keep it to yourself.

    Attributes:
        noise_multiplier_: The noise in use, in units of ``clip``.
        history: ``generator_loss`` and ``clipped``, the share of rows whose gradient was cut, as
            arrays ``(steps, draw)``. The second reads the private rows and is not for publication.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(2, 20, 5)), rng.integers(0, 2, size=(2, 20))
        >>> config = GANConfig(steps=10, batch_size=8)
        >>> gan = PrivateGAN(config, PrivacyBudget(epsilon=10)).fit(X, y)
        >>> gan.sample(100)[0].shape
        (2, 100, 5)
    """

    def __init__(
        self,
        config: GANConfig | None = None,
        budget: PrivacyBudget = PrivacyBudget(epsilon=10.0),
        clip: float = 1.0,
        random_state: int = 0,
    ) -> None:
        super().__init__(config, random_state)
        check_number("a number above 0", lambda norm: 0 < norm < np.inf, clip=clip)
        plain, given = asdict(GANConfig()), asdict(self.config)
        for name in LATER:
            if given[name] != plain[name]:
                raise ConfigError(
                    f"{name}={given[name]!r} cannot be trained privately here: the gradient of one "
                    f"row is known for the plain GAN only. Leave it at {plain[name]!r}."
                )
        self.budget = budget
        self.clip = clip

    def fit(  # type: ignore[override]
        self,
        X: Float[np.ndarray, "draw n dim"],
        y: Int[np.ndarray, "draw n"],
        classifier: StackedClassifier | None = None,
        start: GAN | None = None,
        progress: bool = False,
    ) -> "PrivateGAN":
        """Train on the private rows of ``X`` with labels ``y``.

        Args:
            X: Real rows, standardized.
            y: Their labels.
            classifier: Whose verdict the generated rows must meet, where ``consistency`` is above
                0. It must not have read the private rows.
            start: A GAN to start from, trained on public rows.
            progress: Show a progress line.

        Raises:
            DataError: Wrong shapes or non-finite values.
            ConfigError: What :meth:`embgan_edu.models.gan.GAN.fit` refuses, or a budget that is too
                small.
        """
        config = self.config
        X, y, onehots = check_training_set(X, y, config.batch_size)
        rate = config.batch_size / X.shape[1]
        self.noise_multiplier_ = self.budget.noise_multiplier(rate, config.steps)
        return self._train(X, onehots, classifier, start, progress)

    def _label_frequencies(
        self, onehots: Float[np.ndarray, "draw n label"]
    ) -> Float[np.ndarray, "draw label"]:
        return np.full_like(onehots[:, 0], 1 / onehots.shape[2])

    def _play_once(self, players: Players, rows: Float[Tensor, "draw n columns"]) -> Record:
        config, streams = self.config, players.streams
        n_draws, n, columns = rows.shape
        n_classes = self.frequencies_.shape[1]
        real, onehot = rows.split([columns - n_classes, n_classes], dim=2)
        included = (streams.uniform(n) < config.batch_size / n).float()
        uniform = self.frequencies_[:n_draws]  # the same for every draw
        made_up = streams.labels(uniform, config.batch_size)
        fake_onehot = F.one_hot(made_up, n_classes).float()
        with torch.no_grad():
            latent = streams.normal(config.batch_size, config.latent_dim)
            fake = players.generator(latent, fake_onehot)
        clipped = private_discriminator_step(
            players.discriminator,
            players.discriminator_optimizer,
            with_noise(real, streams, config),
            onehot,
            included,
            fake,
            fake_onehot,
            streams,
            self.clip,
            self.noise_multiplier_,
            1.0 - config.label_smoothing,
        )
        # The generated rows in place of real ones, which this loss does not look at.
        return generator_step(players, fake, fake_onehot) | {"clipped": clipped}
