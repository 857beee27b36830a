r"""A conditional GAN on sentence embeddings, for many draws at once.

The generator :math:`G(z, y)` turns noise and a label into an embedding. The discriminator
:math:`D(x, y)` returns one logit: is the pair real or generated? They play

.. math:: \min_G \max_D \; \mathbb{E}_{x,y} \log \sigma(D(x, y))
          + \mathbb{E}_{z,y} \log\bigl(1 - \sigma(D(G(z, y), y))\bigr)

(Goodfellow et al., 2014, eq. 1; with labels: Mirza & Osindero, 2014, eq. 2). The generator
minimizes the non-saturating form :math:`-\log \sigma(D(G(z, y), y))` instead (Goodfellow et al.,
2014, section 3), because the other form has almost no gradient while D wins.

Four changes are those of Gupta (2019): a classifier's verdict on the generated rows, a start from a
GAN that was trained on another corpus, fresh noise on the real rows at every pass, and one-sided
label smoothing. Each is one field of the settings or one argument of ``fit``.
What came after that paper is the rest of the fields: other losses and penalties
(:mod:`embgan_edu.models.losses`), spectral normalization, packing, and averaged weights.

Read the file from top to bottom: the settings, the two networks, one training step, and the
class that repeats the step and samples.
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from embgan_edu.base.cache import atomic_path
from embgan_edu.base.errors import (
    ConfigError,
    DataError,
    check_number,
    check_whole,
)
from embgan_edu.models.classifier import ClassifierNetwork, StackedClassifier
from embgan_edu.models.losses import (
    LOSSES,
    between,
    discriminator_loss,
    generator_loss,
    slope,
    unit_slope_penalty,
    zero_centered_penalty,
)
from embgan_edu.models.stacked import (
    DrawStreams,
    SpectralLinear,
    StackedBatchNorm,
    StackedLinear,
    check_start,
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

ADVICE = "Lower generator_rate and discriminator_rate, and check that the rows are standardized."


@dataclass(frozen=True)
class GANConfig:
    """All settings of the GAN. They are ours: the paper's are not public.

    Raises:
        ConfigError: A value that cannot work, named with what is expected.

    Example:
        >>> GANConfig(steps=500).steps
        500
    """

    latent_dim: int = 32  # length of the noise vector z
    hidden: int = 128  # width of both networks' two hidden layers
    batch_norm: bool = False  # batch normalization in the generator
    steps: int = 2000  # training steps, one update of each network per step
    batch_size: int = 64  # real rows per step
    generator_rate: float = 2e-4  # Adam's learning rate for G
    discriminator_rate: float = 4e-4  # and for D
    beta1: float = 0.5  # Adam's momentum; 0.5 is customary for GANs (Radford et al., 2015)
    beta2: float = 0.999  # Adam's decay of squared gradients
    consistency: float = 0.0  # weight of the classifier's verdict in G's loss (chapter 6)
    noise: float = 0.0  # standard deviation of noise on real rows, new at every pass (chapter 8)
    label_smoothing: float = 0.0  # taken off the target 1 of real rows, never of fakes (chapter 9)
    # Chapter 11: what came later.
    loss: str = "standard"  # or "hinge", "wasserstein", "relativistic"
    zero_penalty: float = 0.0  # weight of R1 + R2: slope of D towards 0 at real and generated rows
    unit_penalty: float = 0.0  # weight of WGAN-GP's penalty: slope of D towards 1 between them
    spectral_norm: bool = False  # every matrix of D divided by its largest singular value
    pack: int = 1  # rows of which D judges all at once
    critic_steps: int = 1  # updates of D for each update of G
    average: float = 0.0  # decay of the moving average of G's weights that samples; 0 for none

    def __post_init__(self) -> None:
        for name in ("latent_dim", "hidden", "steps", "batch_size", "pack", "critic_steps"):
            check_whole(1, **{name: getattr(self, name)})
        for name in ("batch_norm", "spectral_norm"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name}={getattr(self, name)!r}; expected True or False.")
        if self.loss not in LOSSES:
            raise ConfigError(f"There is no loss {self.loss!r}; possible: {', '.join(LOSSES)}.")
        if self.label_smoothing and self.loss != "standard":
            raise ConfigError(
                f"label_smoothing={self.label_smoothing} changes the target of the standard loss; "
                f"the loss {self.loss!r} has none. Set label_smoothing to 0."
            )
        if self.batch_size % self.pack:
            raise ConfigError(
                f"batch_size={self.batch_size} cannot be cut into packs of {self.pack}; "
                "set batch_size to a multiple of pack."
            )
        if self.batch_norm and self.batch_size < 2:
            raise ConfigError("batch_norm=True needs batch_size of 2 or more, got 1.")
        check_number(
            "a number above 0 and below 1",
            lambda rate: 0 < rate < 1,
            generator_rate=self.generator_rate,
            discriminator_rate=self.discriminator_rate,
        )
        check_number(
            "a number from 0 to below 1",
            lambda beta: 0 <= beta < 1,
            beta1=self.beta1,
            beta2=self.beta2,
            average=self.average,
        )
        check_number(
            "a number of 0 or more",
            lambda amount: 0 <= amount < np.inf,
            consistency=self.consistency,
            noise=self.noise,
            zero_penalty=self.zero_penalty,
            unit_penalty=self.unit_penalty,
        )
        check_number(
            "a number from 0 to below 0.5: the target of real rows is 1 - label_smoothing",
            lambda smoothing: 0 <= smoothing < 0.5,
            label_smoothing=self.label_smoothing,
        )


class Generator(nn.Module):
    """G(z, y): noise and a one-hot label to an embedding.

    Example:
        >>> streams = DrawStreams(0, n_draws=2)
        >>> generator = Generator(50, 2, GANConfig(), streams)
        >>> onehot = F.one_hot(torch.tensor([[0, 1, 1]] * 2)).float()
        >>> tuple(generator(streams.normal(3, 32), onehot).shape)
        (2, 3, 50)
    """

    def __init__(self, dim: int, n_classes: int, config: GANConfig, streams: DrawStreams) -> None:
        super().__init__()
        self.dim = dim
        n_draws = len(streams.generators)

        def block(in_dim: int) -> nn.Sequential:
            layers: list[nn.Module] = [StackedLinear(in_dim, config.hidden, streams)]
            if config.batch_norm:
                layers.append(StackedBatchNorm(config.hidden, n_draws))
            return nn.Sequential(*layers, nn.ReLU())

        self.layers = nn.Sequential(
            block(config.latent_dim + n_classes),
            block(config.hidden),
            StackedLinear(config.hidden, dim, streams),
        )

    def forward(
        self, z: Float[Tensor, "draw batch latent"], onehot: Float[Tensor, "draw batch label"]
    ) -> Float[Tensor, "draw batch dim"]:
        return self.layers(torch.cat([z, onehot], dim=2))


class Discriminator(nn.Module):
    """D(x, y): an embedding and its one-hot label to one logit, positive for "real".

    With ``pack`` above 1 the rows are judged in packs, and there is one logit for each pack (Lin et
    al., 2018, section 3.1): a pack of rows that are all alike is easily told from a real one.

    Example:
        >>> discriminator = Discriminator(50, 2, GANConfig(pack=2), DrawStreams(0, n_draws=3))
        >>> tuple(discriminator(torch.zeros(3, 8, 50), torch.zeros(3, 8, 2)).shape)
        (3, 4)
    """

    def __init__(self, dim: int, n_classes: int, config: GANConfig, streams: DrawStreams) -> None:
        super().__init__()
        linear = SpectralLinear if config.spectral_norm else StackedLinear
        self.pack = config.pack
        self.layers = nn.Sequential(
            linear(config.pack * (dim + n_classes), config.hidden, streams),
            nn.LeakyReLU(0.2),
            linear(config.hidden, config.hidden, streams),
            nn.LeakyReLU(0.2),
            linear(config.hidden, 1, streams),
        )

    def forward(
        self, x: Float[Tensor, "draw n dim"], onehot: Float[Tensor, "draw n label"]
    ) -> Float[Tensor, "draw batch"]:
        rows = torch.cat([x, onehot], dim=2)
        packs = rows.reshape(len(rows), rows.shape[1] // self.pack, -1)
        return self.layers(packs).squeeze(2)


class Optimizer(Protocol):
    """What moves weights: one of torch's, or :class:`~embgan_edu.models.training.DrawAdam`."""

    def zero_grad(self) -> None: ...
    def step(self) -> None: ...


@dataclass
class Players:
    """Both networks, and what a training step needs beside the rows."""

    generator: Generator
    discriminator: Discriminator
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    streams: DrawStreams  # of all random numbers
    config: GANConfig
    classifier: ClassifierNetwork | None = None  # the judge, where consistency is above 0


def with_noise(
    real: Float[Tensor, "draw batch dim"], streams: DrawStreams, config: GANConfig
) -> Float[Tensor, "draw batch dim"]:
    """Real rows as the discriminator sees them: never the same row twice, where there is noise."""
    if config.noise == 0:
        return real
    return real + config.noise * streams.normal(*real.shape[1:])


def discriminator_step(
    players: Players,
    real: Float[Tensor, "draw batch dim"],
    onehot: Float[Tensor, "draw batch label"],
) -> Record:
    """Update the discriminator once for every draw: real rows up, generated rows down.

    Returns:
        The first, third and fourth quantity of :func:`training_step`.
    """
    config, streams, discriminator = players.config, players.streams, players.discriminator
    real = with_noise(real, streams, config)
    # The generated rows are computed without a graph, so that this step cannot move the generator.
    with torch.no_grad():
        fake = players.generator(streams.normal(real.shape[1], config.latent_dim), onehot)
    if config.zero_penalty > 0:
        real, fake = real.detach().requires_grad_(), fake.requires_grad_()
    real_logits = discriminator(real, onehot)
    fake_logits = discriminator(fake, onehot)
    loss = discriminator_loss(config.loss, real_logits, fake_logits, config.label_smoothing)
    total = loss
    if config.zero_penalty > 0:
        r1 = zero_centered_penalty(slope(real_logits, real))
        r2 = zero_centered_penalty(slope(fake_logits, fake))
        total = total + config.zero_penalty * (r1 + r2)
    if config.unit_penalty > 0:
        middle = between(real, fake, streams.uniform(real.shape[1], 1))
        gradient = slope(discriminator(middle, onehot), middle)
        total = total + config.unit_penalty * unit_slope_penalty(gradient)
    players.discriminator_optimizer.zero_grad()
    total.sum().backward(inputs=list(discriminator.parameters()))
    players.discriminator_optimizer.step()
    return {
        "discriminator_loss": loss.detach(),
        "real_probability": elementwise(torch.sigmoid, real_logits.detach()).mean(dim=1),
        "fake_probability": elementwise(torch.sigmoid, fake_logits.detach()).mean(dim=1),
    }


def generator_step(
    players: Players,
    real: Float[Tensor, "draw batch dim"],
    onehot: Float[Tensor, "draw batch label"],
) -> Record:
    """Update the generator once for every draw: the discriminator should say "real".

    Gradients flow through the discriminator to the generator; those of the discriminator's weights
    are not computed.

    Returns:
        The second quantity of :func:`training_step`.
    """
    config, streams, generator = players.config, players.streams, players.generator
    fake = generator(streams.normal(real.shape[1], config.latent_dim), onehot)
    fake_logits = players.discriminator(fake, onehot)
    real_logits = fake_logits  # not looked at, but for the relativistic loss
    if config.loss == "relativistic":
        real_logits = players.discriminator(with_noise(real, streams, config), onehot)
    loss = generator_loss(config.loss, real_logits, fake_logits)
    if players.classifier is not None and config.consistency > 0:
        # Its verdict should be the label that was asked for.
        logits = players.classifier(fake)
        verdict = -(onehot * F.log_softmax(logits, dim=2)).sum(dim=2).mean(dim=1)
        loss = loss + config.consistency * verdict
    players.generator_optimizer.zero_grad()
    loss.sum().backward(inputs=list(generator.parameters()))
    players.generator_optimizer.step()
    return {"generator_loss": loss.detach()}


def training_step(
    players: Players,
    real: Float[Tensor, "draw batch dim"],
    onehot: Float[Tensor, "draw batch label"],
) -> Record:
    """Update the discriminator once, then the generator once, for every draw.

    The generated rows carry the labels of the real batch. Losses are summed over draws, so each
    draw's gradient is its own. The classifier is only read.

    Returns:
        For every draw: both losses (nats, without penalties) and the mean probability of "real"
        that the discriminator gave to the real and to the generated rows.
    """
    return discriminator_step(players, real, onehot) | generator_step(players, real, onehot)


@torch.no_grad()
def move_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    r"""Move a copy of a network towards it: :math:`\bar w \leftarrow d\, \bar w + (1 - d)\, w`.

    Parameters and running averages alike. The copy follows the last :math:`1/(1 - d)` steps or so,
    and the circles that two players run around each other average out (Yazici et al., 2019,
    section 3).

    Example:
        >>> average, network = nn.Linear(1, 1), nn.Linear(1, 1)
        >>> _ = nn.init.zeros_(average.weight), nn.init.ones_(network.weight)
        >>> move_average(average, network, decay=0.75)
        >>> average.weight.item()
        0.25
    """
    pairs = (average.parameters(), network.parameters()), (average.buffers(), network.buffers())
    for followers, followed in pairs:
        for mean, value in zip(followers, followed, strict=True):
            mean.lerp_(value, 1 - decay)


class GAN:
    """Train one GAN per draw and sample labeled embeddings from each.

    Args:
        config: The settings.
        random_state: Seed of the initial weights, the minibatches and the noise.

    Attributes:
        history: For each quantity of :func:`training_step` an array ``(steps, draw)``.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(2, 20, 5)).astype("float32")
        >>> y = rng.integers(0, 2, size=(2, 20))
        >>> gan = GAN(GANConfig(steps=10, batch_size=8)).fit(X, y)
        >>> X_new, y_new = gan.sample(100, random_state=1)
        >>> X_new.shape, y_new.shape
        ((2, 100, 5), (2, 100))
    """

    def __init__(self, config: GANConfig | None = None, random_state: int = 0) -> None:
        self.config = config or GANConfig()
        self.random_state = random_state
        self.history: dict[str, Float[np.ndarray, "steps draw"]] = {}

    def fit(
        self,
        X: Float[np.ndarray, "draw n dim"],
        y: Int[np.ndarray, "draw n"],
        classifier: StackedClassifier | None = None,
        start: "GAN | None" = None,
        progress: bool = False,
        after_step: Callable[[int], None] | None = None,
    ) -> "GAN":
        """Train on the rows of ``X`` with labels ``y``.

        Args:
            X: Real rows, standardized.
            y: Their labels.
            classifier: Whose verdict the generated rows must meet, where ``consistency`` is
                above 0. It is trained, and stays as it is.
            start: A trained GAN whose weights are the initial ones. It stays as it is.
            progress: Show a progress line.
            after_step: Called after every step with the number of steps done; it may sample.

        Raises:
            DataError: Wrong shapes, non-finite values, or a draw that lacks a label.
            ConfigError: ``batch_size`` is larger than the data, ``consistency`` and
                ``classifier`` come one without the other, or ``classifier`` or ``start`` were
                made for other draws, dimensions, labels, or layers.
            DivergenceError: A loss stopped being finite; names the step and the draw.
        """
        X, y, onehots = check_training_set(X, y, self.config.batch_size)
        return self._train(X, onehots, classifier, start, progress, after_step)

    @torch.no_grad()
    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
        """Generate ``n`` labeled embeddings per draw.

        The sample of a draw depends on its own weights and on ``random_state``, not on the other
        draws. Batch normalization uses its running averages.

        Args:
            n: Rows per draw.
            label: The label of all rows; ``None`` draws labels with the training frequencies.
            random_state: Seed of noise and labels.

        Raises:
            ConfigError: Not trained yet, fewer than one row asked, or an unknown label.
        """
        if not hasattr(self, "generator_"):
            raise ConfigError("This GAN is not trained yet; call fit(X, y) first.")
        n_draws, n_classes = self.frequencies_.shape
        streams = DrawStreams(random_state, n_draws, self.frequencies_.device)
        y = wanted_labels(self.frequencies_, n, label, streams)
        self.sampler_.eval()
        X = self.sampler_(
            streams.normal(n, self.config.latent_dim), F.one_hot(y, n_classes).float()
        )
        return X.cpu().numpy(), y.cpu().numpy()

    def select(self, draws: slice | Sequence[int]) -> Self:
        """Return the GANs of some draws, such as ``gan.select([0] * 16)`` for 16 copies of one.

        Raises:
            ConfigError: Not trained yet.
        """
        if not hasattr(self, "generator_"):
            raise ConfigError("This GAN is not trained yet; call fit(X, y) before select().")
        chosen = draws if isinstance(draws, slice) else list(draws)
        gan = copy.copy(self)
        gan.history = {name: values[:, chosen] for name, values in self.history.items()}
        gan.frequencies_ = self.frequencies_[chosen]
        gan.generator_ = take_draws(self.generator_, chosen)
        gan.sampler_ = gan.generator_
        gan.discriminator_ = take_draws(self.discriminator_, chosen)
        if self.sampler_ is not self.generator_:
            gan.sampler_ = take_draws(self.sampler_, chosen)
        return gan

    def save(self, path: str | PathLike[str]) -> Path:
        """Write settings and weights to a safetensors file; no code is stored in it.

        Raises:
            ConfigError: Not trained yet.
        """
        if not hasattr(self, "generator_"):
            raise ConfigError("This GAN is not trained yet; call fit(X, y) before save().")
        tensors = {"frequencies": self.frequencies_}
        for name, network in self._networks().items():
            for key, tensor in network.state_dict().items():
                tensors[f"{name}.{key}"] = tensor
        metadata = {"config": json.dumps(asdict(self.config)), "seed": str(self.random_state)}
        with atomic_path(path) as temporary:
            save_file({k: t.cpu().contiguous() for k, t in tensors.items()}, temporary, metadata)
        return Path(path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "GAN":
        """Read a GAN that :meth:`save` wrote.

        Raises:
            DataError: The file is missing, damaged, or does not hold such a GAN.
        """
        if not Path(path).is_file():
            raise DataError(f"There is no file {path}. Train a GAN and call save({str(path)!r}).")
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            gan = cls(GANConfig(**json.loads(metadata["config"])), int(metadata["seed"]))
            device = pick_device()
            frequencies = tensors.pop("frequencies")
            inputs = tensors["discriminator.layers.0.weight"].shape[1]
            dim = inputs // gan.config.pack - frequencies.shape[1]
            gan._build(dim, frequencies.numpy(), DrawStreams(0, len(frequencies), device))
            for name, network in gan._networks().items():
                prefix = name + "."
                state = {
                    key.removeprefix(prefix): tensor
                    for key, tensor in tensors.items()
                    if key.startswith(prefix)
                }
                network.load_state_dict(state)
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"{path} does not hold a GAN of this package ({error}). Train it again."
            ) from error
        return gan

    def _check_classifier(
        self, classifier: StackedClassifier | None, n_draws: int, dim: int, n_classes: int
    ) -> None:
        weight = self.config.consistency
        if classifier is None:
            if weight > 0:
                raise ConfigError(
                    f"consistency={weight} needs a trained classifier: fit(X, y, classifier=...)."
                )
            return
        if weight == 0:
            raise ConfigError(
                "A classifier was given, but consistency=0; set it to a weight such as 1.0."
            )
        classifier.check_trained()
        network = classifier.network_
        given = (*network.hidden.weight.shape[:2], network.output.weight.shape[2])
        if given != (n_draws, dim, n_classes):
            raise ConfigError(
                "The consistency classifier was trained on {} draws of {}-dimensional rows with {} "
                "labels; ".format(*given)
                + f"X and y have {n_draws}, {dim} and {n_classes}. "
                "Train it on rows of the same draws."
            )

    def _train(
        self,
        X: Float[np.ndarray, "draw n dim"],
        onehots: Float[np.ndarray, "draw n label"],
        classifier: StackedClassifier | None,
        start: "GAN | None",
        progress: bool,
        after_step: Callable[[int], None] | None = None,
    ) -> Self:
        """Make the networks, and let those of every group of draws play on a core of their own."""
        config, device = self.config, pick_device()
        n_draws, _, dim = X.shape
        needed = n_draws, dim, onehots.shape[2]
        self._check_classifier(classifier, *needed)
        if start is not None:
            self._check_start(start, needed)
        streams = DrawStreams(self.random_state, n_draws, device)
        self._build(dim, self._label_frequencies(onehots), streams)
        if start is not None:
            for network in (self.generator_, self.sampler_):
                network.load_state_dict(start.sampler_.state_dict())
            self.discriminator_.load_state_dict(start.discriminator_.state_dict())
        labeled = torch.as_tensor(np.concatenate([X, onehots], axis=2), device=device)
        # Whoever looks after every step sees all draws at the same step.
        groups = split_draws(n_draws, device) if after_step is None else [slice(0, n_draws)]
        parts = [self if len(groups) == 1 else self.select(draws) for draws in groups]
        play = [
            part._play(streams.part(draws), classifier, draws, labeled[draws])
            for part, draws in zip(parts, groups, strict=True)
        ]

        def look(step: int) -> None:
            assert after_step is not None
            after_step(step)
            self.generator_.train()  # sampling switched it to its running statistics

        looks = None if after_step is None else look
        self.history = train_groups(play, groups, config.steps, ADVICE, progress, looks)
        if len(parts) > 1:
            for name, whole in self._networks().items():
                join_draws(whole, [part._networks()[name] for part in parts])
        return self

    def _label_frequencies(
        self, onehots: Float[np.ndarray, "draw n label"]
    ) -> Float[np.ndarray, "draw label"]:
        """How often a sample shall have each label."""
        return onehots.mean(axis=1)

    def _play(
        self,
        streams: DrawStreams,
        classifier: StackedClassifier | None,
        draws: slice,
        rows: Float[Tensor, "draw n columns"],
    ) -> Callable[[], Record]:
        """What makes one step with these networks."""
        config, judge = self.config, None
        if classifier is not None:
            judge = take_draws(classifier.network_, draws).requires_grad_(False).to(streams.device)
        betas = config.beta1, config.beta2
        players = Players(
            self.generator_,
            self.discriminator_,
            DrawAdam(self.generator_.parameters(), config.generator_rate, betas),
            DrawAdam(self.discriminator_.parameters(), config.discriminator_rate, betas),
            streams,
            config,
            judge,
        )

        def play() -> Record:
            record = self._play_once(players, rows)
            if config.average > 0:
                move_average(self.sampler_, self.generator_, config.average)
            return record

        return play

    def _play_once(self, players: Players, rows: Float[Tensor, "draw n columns"]) -> Record:
        """One training step on minibatches of the rows, whose last columns are the labels."""
        config = self.config

        def batch() -> tuple[Tensor, ...]:
            chosen = players.streams.minibatch(rows.shape[1], config.batch_size)
            labels = self.frequencies_.shape[1]
            return take_rows(rows, chosen).split([rows.shape[2] - labels, labels], dim=2)

        for _ in range(config.critic_steps - 1):
            discriminator_step(players, *batch())
        return training_step(players, *batch())

    def _check_start(self, start: "GAN", needed: tuple[int, int, int]) -> None:
        if not hasattr(start, "generator_"):
            raise ConfigError("The GAN to start from is not trained yet; call its fit(X, y) first.")
        names = ("latent_dim", "hidden", "batch_norm", "spectral_norm", "pack")
        given = len(start.frequencies_), start.generator_.dim, start.frequencies_.shape[1]
        check_start("GAN", names, self.config, start.config, given, needed)

    def _build(
        self, dim: int, frequencies: Float[np.ndarray, "draw label"], streams: DrawStreams
    ) -> None:
        n_classes = frequencies.shape[1]
        device = streams.device
        self.frequencies_ = torch.as_tensor(frequencies, device=device)
        self.generator_ = Generator(dim, n_classes, self.config, streams).to(device)
        self.discriminator_ = Discriminator(dim, n_classes, self.config, streams).to(device)
        # The generator that samples: the moving average of the weights, or the generator itself.
        averaged = self.config.average > 0
        self.sampler_ = copy.deepcopy(self.generator_) if averaged else self.generator_

    def _networks(self) -> dict[str, nn.Module]:
        """What holds weights, by the names that a file gives them."""
        networks = {"generator": self.generator_, "discriminator": self.discriminator_}
        return (
            networks if self.sampler_ is self.generator_ else networks | {"average": self.sampler_}
        )
