"""Recordings of six small GANs, for the clinic: five have a fault each, one is healthy.

All play on the same toy. Real rows lie in eight groups on a ring; the upper half has label 0, the
lower half label 1. Nothing is trained here: the recordings come with the package.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embgan_edu.base.cache import results_dir
from embgan_edu.publish.plots import REAL_COLOR, REFERENCE_COLOR, SYNTHETIC_COLOR, new_figure, tidy

_EXTENT = 3.2  # of the pictures of clouds

# The pictures of curves: under each title the curves with their names, colors and styles.
_PICTURES = {
    "Loss (nats)": (
        ("discriminator_loss", "discriminator", REFERENCE_COLOR, "-"),
        ("generator_loss", "generator", SYNTHETIC_COLOR, "--"),
    ),
    "Probability of “real”": (
        ("real_probability", "real rows", REAL_COLOR, "-"),
        ("fake_probability", "fake rows", SYNTHETIC_COLOR, "--"),
    ),
    "Generator: lengths": (
        ("generator_gradient", "own gradient", SYNTHETIC_COLOR, "-"),
        ("leftover_gradient", "leftover gradient", "black", ":"),
        ("generator_change", "change of weights", REFERENCE_COLOR, "--"),
    ),
    "Discriminator: labels": (
        ("wrong_label_found", "wrong label found", REFERENCE_COLOR, "-"),
        ("label_alone", "right by label alone", "black", ":"),
    ),
}


@dataclass(frozen=True)
class Cloud:
    """Real rows, and what the generator made at one moment.

    Attributes:
        step: training step.
        real: real rows; the same ones at every moment.
        fake: generated rows, from the same noise at every moment.
        labels: of the real rows, and of the generated rows in the same place: what the generator
            was asked for.

    Example:
        >>> cloud = load_runs()["D"].clouds[-1]
        >>> cloud.step, cloud.fake.shape == cloud.real.shape
        (1000, True)
    """

    step: int
    real: Float[np.ndarray, "n 2"]
    fake: Float[np.ndarray, "n 2"]
    labels: Int[np.ndarray, " n"]


@dataclass(frozen=True)
class Run:
    """The recording of one GAN's training.

    Attributes:
        name: ``"A"`` to ``"F"``.
        steps: the training steps that were recorded.
        curves: one number per recorded step under each of these names:
            ``discriminator_loss`` and ``generator_loss``, what each player minimizes, in nats;
            ``real_probability`` and ``fake_probability``, the discriminator's mean verdict;
            ``generator_gradient``, length of the gradient of the generator's own loss;
            ``leftover_gradient``, length of the gradient that the generator's weights already hold
            when the discriminator's half of the step is over;
            ``generator_change``, length of the way that the generator's weights go in this step;
            ``wrong_label_found``, share of the real rows that the discriminator calls fake when
            their labels are exchanged;
            ``label_alone``, share of right verdicts when the discriminator sees labels as they come
            with real and with fake rows, half of each, and the origin in place of every row.
        clouds: rows at some moments.
        centers: of the groups of real rows.

    Example:
        >>> run = load_runs()["D"]
        >>> len(run.steps) == len(run.curves["generator_loss"])
        True
    """

    name: str
    steps: Int[np.ndarray, " steps"]
    curves: Mapping[str, Float[np.ndarray, " steps"]]
    clouds: tuple[Cloud, ...]
    centers: Float[np.ndarray, "groups 2"]


def load_runs() -> dict[str, Run]:
    """Return the recordings of the clinic by name.

    Example:
        >>> runs = load_runs()
        >>> list(runs)
        ['A', 'B', 'C', 'D', 'E', 'F']
        >>> runs["D"].steps[:3]
        array([20, 40, 60])
    """
    text = (results_dir() / "clinic.json").read_text(encoding="utf-8")
    recording = json.loads(text)
    return {
        name: Run(
            name,
            np.array(recording["steps"]),
            {curve: np.array(values, float) for curve, values in run["curves"].items()},
            tuple(
                Cloud(
                    cloud["step"],
                    np.array(recording["real"]),
                    np.array(cloud["fake"]),
                    np.array(recording["labels"]),
                )
                for cloud in run["clouds"]
            ),
            np.array(recording["centers"]),
        )
        for name, run in recording["runs"].items()
    }


def plot_run(run: Run) -> Figure:
    """Draw a recording: its clouds above, its curves below.

    Rows of label 0 are filled, rows of label 1 hollow. Lengths have a scale of powers of ten that
    ends in a zero, so that an exact zero can be seen.

    Args:
        run: One of :func:`load_runs`.

    Example:
        >>> figure = plot_run(load_runs()["D"])
        >>> len(figure.axes)
        8
    """
    figure = new_figure(10, 5.2)
    panels = figure.subplots(2, max(4, len(run.clouds)), squeeze=False)
    for axes, cloud in zip(panels[0], run.clouds, strict=False):
        _draw_cloud(axes, cloud)
    # Beside the title: inside a panel it would hide rows.
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="upper right", ncols=2, frameon=False, fontsize=8)
    for axes, (title, lines) in zip(panels[1], _PICTURES.items(), strict=False):
        for name, label, color, style in lines:
            axes.plot(run.steps, run.curves[name], style, color=color, label=label)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("training step", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.legend(frameon=False, fontsize=7)
        tidy(axes)
    losses, probabilities, lengths, labels = panels[1, :4]
    losses.axhline(2 * np.log(2), color=REFERENCE_COLOR, linewidth=1, linestyle=":")
    probabilities.axhline(0.5, color=REFERENCE_COLOR, linewidth=1, linestyle=":")
    for axes in (probabilities, labels):
        axes.set_ylim(-0.04, 1.04)
    lengths.set_yscale("symlog", linthresh=1e-8, linscale=0.5)
    lengths.set_yticks([0, 1e-8, 1e-6, 1e-4, 1e-2, 1, 100])
    lengths.set_ylim(-1e-9, 1e8)  # room for the legend
    for axes in [*panels[0, len(run.clouds) :], *panels[1, 4:]]:
        axes.remove()
    figure.suptitle(f"Run {run.name}", fontsize=11)
    return figure


def _draw_cloud(axes: Axes, cloud: Cloud) -> None:
    kinds = (
        (cloud.real, REAL_COLOR, "o", 12, "real"),
        (cloud.fake, SYNTHETIC_COLOR, "^", 22, "synthetic"),
    )
    for rows, color, marker, size, label in kinds:
        # Of each cloud, label 0 gives its name to the legend.
        for asked, face, name in ((0, color, label), (1, "none", None)):
            chosen = rows[cloud.labels == asked]
            axes.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=size,
                marker=marker,
                facecolors=face,
                edgecolors=color,
                label=name,
            )
    outside = int((np.abs(cloud.fake) > _EXTENT).any(axis=1).sum())
    title = f"step {cloud.step:,}" + (f" ({outside} outside)" if outside else "")
    axes.set_title(title, fontsize=9)
    axes.set(xlim=(-_EXTENT, _EXTENT), ylim=(-_EXTENT, _EXTENT), xticks=[], yticks=[])
    axes.set_aspect("equal")
