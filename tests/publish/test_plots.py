"""Notebooks show the pictures; the slider shows those it was given, and says what they are."""

import base64
import html
import json
import re

import matplotlib.image
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from nbformat.v4 import new_code_cell, new_notebook

from embgan_edu.publish.chapters import run_chapter
from embgan_edu.publish.plots import (
    OTHER_COLOR,
    REAL_COLOR,
    REFERENCE_COLOR,
    SYNTHETIC_COLOR,
    plane,
    plot_gains,
    plot_game,
    plot_history,
    plot_tsne,
    scrub,
)


def picture(level: float) -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.add_axes((0, 0, 1, 1)).imshow([[level]], cmap="gray", vmin=0, vmax=1)
    return figure


def test_the_slider_holds_every_picture_with_its_caption(tmp_path) -> None:
    page = scrub({"step 1": picture(0.0), "step <2>": picture(1.0)}, alt='a "cloud" & more')
    frames = json.loads(html.unescape(re.search(r'data-frames="([^"]*)"', page)[1]))
    assert [caption for caption, _ in frames] == ["step 1", "step <2>"]
    shades = []
    for number, (_, address) in enumerate(frames):
        path = tmp_path / f"{number}.webp"
        path.write_bytes(base64.b64decode(address.removeprefix("data:image/webp;base64,")))
        shades.append(matplotlib.image.imread(path)[40, 40, 0])
    assert shades == [0, 255]
    # The first picture is shown before anybody moves the slider.
    assert f'<img src="{frames[0][1]}" alt="a &quot;cloud&quot; &amp; more">' in page
    assert 'min="0" max="1" value="0"' in page and "<output>step 1</output>" in page


def test_a_page_may_hold_several_sliders() -> None:
    assert "getElementById" not in scrub({"a": picture(0.5)}, alt="gray") and "id=" not in scrub(
        {"a": picture(0.5)}, alt="gray"
    )


def test_a_notebook_shows_a_picture_even_if_it_is_the_first(tmp_path) -> None:
    code = (
        "import pandas as pd\nfrom embgan_edu.publish.plots import plot_gains\n"
        "columns = ['gain', 'gain_low', 'gain_high', 'tstr']\n"
        "gains = pd.DataFrame([[1.0, 0.5, 1.5, 60.0]], ['a'], columns)\n"
        "plot_gains({'movie': gains})"
    )
    path = tmp_path / "07-x.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code)]), path)
    run_chapter(path, path)
    (output,) = nbformat.read(path, as_version=4).cells[0].outputs
    assert "image/png" in output.data
    assert not plt.get_fignums()


def colors_of(axes: Axes) -> dict[str, set[str]]:
    """The colors of lines and points, by their labels."""
    found: dict[str, set[str]] = {}
    for line in axes.lines:
        found.setdefault(str(line.get_label()), set()).add(to_hex(line.get_color()).upper())
    for points in axes.collections:
        if isinstance(points, PathCollection):
            shades = {to_hex(color).upper() for color in points.get_facecolor()}
            found.setdefault(str(points.get_label()), set()).update(shades)
    return found


def test_real_is_blue_and_synthetic_is_orange_on_the_map() -> None:
    rng = np.random.default_rng(0)
    figure = plot_tsne({"a": (rng.normal(size=(20, 5)), rng.normal(size=(20, 5)))})
    colors = colors_of(figure.axes[0])
    assert colors["real"] == {REAL_COLOR} and colors["synthetic"] == {SYNTHETIC_COLOR}


def test_rows_of_another_corpus_are_green_on_the_map_and_each_color_is_explained_once() -> None:
    rng = np.random.default_rng(0)
    titles = ("SMOTE", "real tweets", "plain GAN")
    panels = plot_tsne({t: tuple(rng.normal(size=(2, 20, 5))) for t in titles}).axes
    colors = [colors_of(axes) for axes in panels]
    assert colors[1] == {"real": {REAL_COLOR}, "real tweets": {OTHER_COLOR}}
    assert colors[2] == {"real": {REAL_COLOR}, "synthetic": {SYNTHETIC_COLOR}}
    assert [axes.get_legend() is not None for axes in panels] == [True, True, False]


def test_networks_are_gray_and_rows_have_their_color_in_the_history() -> None:
    names = ("discriminator_loss", "generator_loss", "real_probability", "fake_probability")
    losses, probabilities = plot_history({name: np.ones((10, 3)) for name in names}).axes
    assert colors_of(losses)["discriminator"] == {REFERENCE_COLOR}
    assert colors_of(probabilities)["real rows"] == {REAL_COLOR}
    assert colors_of(probabilities)["generated rows"] == {SYNTHETIC_COLOR}


def test_a_game_in_the_plane_has_blue_rows_orange_fakes_and_a_gray_field() -> None:
    points = plane(extent=2, side=5)
    fakes = np.array([[0.0, 0.0], [1.0, 1.0]])
    right = points[:, 0] > 0  # what the discriminator calls real
    figure = plot_game(
        {"a": (fakes, right.astype(float)), "b": (fakes, right.astype(float))},
        np.ones((3, 2)),
        pulls={"b": np.array([[0.0, 2.0], [0.0, 1.0]])},
        extent=2,
    )
    plain, with_arrows = figure.axes
    assert colors_of(plain) == {"real": {REAL_COLOR}, "synthetic": {SYNTHETIC_COLOR}}
    (field,) = plain.images
    assert field.get_cmap().name == "gray" and field.origin == "lower"
    assert (np.asarray(field.get_array())[:, 3:] == 1).all()
    assert not [c for c in plain.collections if isinstance(c, Quiver)]
    (arrows,) = [c for c in with_arrows.collections if isinstance(c, Quiver)]
    np.testing.assert_allclose(arrows.V, [1.0, 0.5])


def test_gains_tell_synthetic_rows_from_rows_of_another_corpus_and_from_classifiers() -> None:
    methods = {"jitter": 60.0, "real tweets": 61.0, "mean of two": np.nan}
    summary = pd.DataFrame({"gain": 1.0, "gain_low": 0.5, "gain_high": 1.5, "tstr": methods})
    (axes,) = plot_gains({"movie": summary}).axes
    by_height = {
        axes.get_yticklabels()[list(axes.get_yticks()).index(y)].get_text(): color
        for bars in axes.containers
        for y, color in [(bars.lines[0].get_ydata()[0], bars.lines[0].get_color())]
    }
    assert by_height == {
        "jitter": SYNTHETIC_COLOR,
        "real tweets": OTHER_COLOR,
        "mean of two": REFERENCE_COLOR,
    }
