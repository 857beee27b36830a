"""The pictures that more than one chapter needs.

Real rows of the corpus at hand are blue, synthetic rows orange, real rows of another corpus green;
gray and black are for what is no data: networks, thresholds, references. Where labels are told
apart, a filled point is positive and a ring negative. Shapes and lines differ as well, so the
pictures survive color blindness and gray print. Every function returns the figure and changes no
global setting. In a notebook the figure is shown when it is the last thing in a cell.
"""

import base64
import html
import io
import json
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

REAL_COLOR = "#0072B2"
SYNTHETIC_COLOR = "#D55E00"
OTHER_COLOR = "#009E73"  # real rows of another corpus: the tweets, where reviews are at hand
REFERENCE_COLOR = "#666666"


def plot_history(history: Mapping[str, Float[np.ndarray, "steps draw"]]) -> Figure:
    """Draw the losses and the discriminator's probabilities over training.

    Lines are medians over draws; bands hold the middle 80 % of the draws.

    Args:
        history: ``GAN.history``.

    Example:
        >>> names = ("discriminator_loss", "generator_loss", "real_probability", "fake_probability")
        >>> figure = plot_history({name: np.ones((100, 3)) for name in names})
        >>> len(figure.axes)
        2
    """
    figure = new_figure(7, 3)
    losses, probabilities = figure.subplots(1, 2)
    lines = (
        (losses, "discriminator_loss", "discriminator", REFERENCE_COLOR, "-"),
        (losses, "generator_loss", "generator", SYNTHETIC_COLOR, "--"),
        (probabilities, "real_probability", "real rows", REAL_COLOR, "-"),
        (probabilities, "fake_probability", "generated rows", SYNTHETIC_COLOR, "--"),
    )
    for axes, name, label, color, style in lines:
        low, middle, high = np.quantile(_smooth(history[name]), [0.1, 0.5, 0.9], axis=1)
        steps = np.linspace(0, len(history[name]), len(middle))
        axes.plot(steps, middle, style, color=color, label=label)
        axes.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
    losses.axhline(2 * np.log(2), color=REFERENCE_COLOR, linewidth=1, linestyle=":")
    losses.set(title="Loss (nats)", xlabel="training step")
    probabilities.axhline(0.5, color=REFERENCE_COLOR, linewidth=1, linestyle=":")
    probabilities.set(title="Probability of “real”", xlabel="training step", ylim=(0, 1))
    for axes in (losses, probabilities):
        tidy(axes)
        axes.legend(frameon=False)
    return figure


def plot_tsne(
    clouds: Mapping[str, tuple[Float[np.ndarray, "n dim"], Float[np.ndarray, "m dim"]]],
    random_state: int = 0,
) -> Figure:
    """Draw real and synthetic rows of several panels on one t-SNE map.

    A panel whose title begins with "real " has real rows of another corpus in place of synthetic
    ones; they are green. All rows of all panels are embedded together: maps that were fitted apart
    cannot be compared. t-SNE illustrates and proves nothing; distances between groups mean little
    (van der Maaten & Hinton, 2008).

    Args:
        clouds: For each panel's title, the real and the synthetic rows.
        random_state: Seed of t-SNE.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> figure = plot_tsne({"a": (rng.normal(size=(20, 5)), rng.normal(size=(20, 5)))})
        >>> len(figure.axes)
        1
    """
    stacked = [rows for pair in clouds.values() for rows in pair]
    # Panels often share their real rows. Copies would pull the map apart, so each row counts once.
    unique, where = np.unique(np.concatenate(stacked), axis=0, return_inverse=True)
    perplexity = min(30.0, (len(unique) - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=random_state).fit_transform(
        unique
    )[where.ravel()]
    parts = iter(np.split(points, np.cumsum([len(rows) for rows in stacked])[:-1]))
    columns = min(2, len(clouds))
    rows = -(-len(clouds) // columns)
    figure = new_figure(7, 3.4 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    explained = set()
    for axes, title in zip(panels, clouds, strict=False):
        marker, color = _looks(title, added_rows=True)
        other = title if color == OTHER_COLOR else "synthetic"
        axes.scatter(*next(parts).T, s=14, color=REAL_COLOR, marker="o", alpha=0.6, label="real")
        axes.scatter(*next(parts).T, s=20, color=color, marker=marker, alpha=0.6, label=other)
        axes.set(title=title, xticks=[], yticks=[])
        if other not in explained:
            axes.legend(frameon=True)
        explained.add(other)
    for axes in panels[len(clouds) :]:
        axes.remove()
    return figure


def plot_gains(summaries: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the gain of every method with its 95 % interval, one panel per domain.

    A dot is orange where synthetic rows were added, green where rows of another corpus were, and
    gray where no row was added: a classifier.

    Args:
        summaries: For each panel's title, what :func:`embgan_edu.measure.evaluation.summarize`
            returns. A method that has no ``tstr`` is a classifier, and one whose name begins with
            "real " added real rows of another corpus.

    Example:
        >>> columns = {"gain": [1.0], "gain_low": [0.5], "gain_high": [1.5], "tstr": [60.0]}
        >>> figure = plot_gains({"movie": pd.DataFrame(columns, index=["jitter"])})
        >>> len(figure.axes)
        1
    """
    methods = list(next(iter(summaries.values())).dropna(subset=["gain"]).index)
    height = 1.2 + 0.32 * len(methods)
    figure = new_figure(7, height)
    panels = figure.subplots(1, len(summaries), squeeze=False, sharey=True, sharex=True)[0]
    y = np.arange(len(methods))[::-1]
    for axes, (title, summary) in zip(panels, summaries.items(), strict=True):
        for place, method in zip(y, methods, strict=True):
            gain, low, high, tstr = summary.loc[
                method, ["gain", "gain_low", "gain_high", "tstr"]
            ].to_numpy(dtype=float)
            style, color = _looks(method, added_rows=bool(np.isfinite(tstr)))
            error = [[gain - low], [high - gain]]
            axes.errorbar(gain, place, xerr=error, fmt=style, color=color, capsize=3)
        axes.axvline(0, color=REFERENCE_COLOR, linewidth=1)
        axes.set(title=title, xlabel="gain (points)", yticks=y, yticklabels=methods)
        tidy(axes)
    return figure


def plane(extent: float = 3.0, side: int = 61) -> Float[np.ndarray, "points 2"]:
    """Points of a square grid around the origin, row by row from below, for :func:`plot_game`.

    Args:
        extent: The grid reaches from minus this to plus this.
        side: Points along each side.

    Example:
        >>> plane(extent=1, side=2).tolist()
        [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
    """
    axis = np.linspace(-extent, extent, side, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis), axis=2).reshape(-1, 2)


def plot_game(
    moments: Mapping[str, tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " points"]]],
    real: Float[np.ndarray, "m 2"],
    pulls: Mapping[str, Float[np.ndarray, "n 2"]] | None = None,
    extent: float = 3.0,
    columns: int = 3,
) -> Figure:
    """Draw a game in the plane at some moments: real rows, fakes, and what the discriminator says.

    Its probability of "real" is a shade of gray: white is 1, and the darkest gray is 0.

    Args:
        moments: For each panel's title, the fakes, and the probability at the points of
            :func:`plane`.
        real: Real rows; the same ones in every panel.
        pulls: For panels with arrows, where each fake is pulled to. Of each panel the longest arrow
            has the same length: only the others of the panel can be compared with it.
        extent: That of :func:`plane`.
        columns: Panels beside each other.

    Example:
        >>> figure = plot_game({"step 1": (np.zeros((5, 2)), np.ones(61 * 61))}, np.ones((9, 2)))
        >>> len(figure.axes)
        1
    """
    rows = -(-len(moments) // columns)
    figure = new_figure(7, 0.3 + (0.25 + 6.4 / columns) * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    square = (-extent, extent)
    for axes, (title, (fakes, verdict)) in zip(panels, moments.items(), strict=False):
        side = round(len(verdict) ** 0.5)
        field = verdict.reshape(side, side)
        axes.imshow(
            field, extent=(*square, *square), origin="lower", cmap="gray", vmin=-0.8, vmax=1
        )
        axes.scatter(*real.T, s=8, color=REAL_COLOR, marker="o", label="real")
        axes.scatter(*fakes.T, s=9, color=SYNTHETIC_COLOR, marker="^", label="synthetic")
        if pulls and title in pulls:
            longest = np.linalg.norm(pulls[title], axis=1).max()
            arrows = pulls[title] / max(longest, 1e-12)
            axes.quiver(*fakes.T, *arrows.T, angles="xy", scale_units="xy", scale=1, width=0.007)
        axes.set(title=title, xlim=square, ylim=square, xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    for axes in panels[len(moments) :]:
        axes.remove()
    return figure


def scrub(frames: Mapping[str, Figure], alt: str) -> str:
    """Return HTML that shows one of several pictures, chosen with a slider.

    The pictures are in the HTML itself, so the page needs no server and no network.

    Args:
        frames: For each caption, a picture; all of one size.
        alt: What is seen, for those who do not see it.

    Example:
        >>> page = scrub({"step 1": Figure(), "step 2": Figure()}, alt="an empty picture, twice")
        >>> page.startswith("<div"), 'max="1"' in page
        (True, True)
    """
    pictures = {}
    for caption, figure in frames.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="webp", dpi=100, pil_kwargs={"lossless": True})
        data = base64.b64encode(buffer.getvalue()).decode()
        pictures[caption] = f"data:image/webp;base64,{data}"
    first = next(iter(pictures))
    # Only this element's own picture and caption are touched: a page may hold several.
    script = (
        "const f = JSON.parse(this.dataset.frames)[this.value], p = this.parentElement;"
        "p.querySelector('img').src = f[1]; p.querySelector('output').value = f[0];"
    )
    data = html.escape(json.dumps(list(pictures.items())))
    return (
        f'<div class="scrub"><img src="{pictures[first]}" alt="{html.escape(alt)}"><br>'
        f'<input type="range" min="0" max="{len(pictures) - 1}" value="0" style="width: 60%" '
        f'aria-label="moment" data-frames="{data}" oninput="{script}"> '
        f"<output>{html.escape(first)}</output></div>"
    )


def new_figure(width: float, height: float) -> Figure:
    """Make a figure, by pyplot, so that a notebook knows how to show it.

    Pyplot forgets it at once: else it would be shown twice, and kept in memory.

    Args:
        width: In inches.
        height: In inches.

    Example:
        >>> new_figure(7, 3).get_size_inches().tolist()
        [7.0, 3.0]
    """
    figure = plt.figure(figsize=(width, height), layout="constrained")
    plt.close(figure)
    return figure


def _looks(method: str, added_rows: bool) -> tuple[str, str]:
    """Marker and color of a method, by what it adds."""
    if not added_rows:
        return "D", REFERENCE_COLOR
    return ("s", OTHER_COLOR) if method.startswith("real ") else ("^", SYNTHETIC_COLOR)


def _smooth(values: Float[np.ndarray, "steps draw"]) -> Float[np.ndarray, "points draw"]:
    """Average consecutive steps, so that at most 100 points are drawn."""
    points = min(100, len(values))
    return np.stack([part.mean(axis=0) for part in np.array_split(values, points)])


def tidy(axes: Axes) -> None:
    """Remove the frame above and to the right.

    Args:
        axes: A panel.

    Example:
        >>> axes = new_figure(7, 3).subplots()
        >>> tidy(axes)
        >>> axes.spines["top"].get_visible()
        False
    """
    axes.spines[["top", "right"]].set_visible(False)
