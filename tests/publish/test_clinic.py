"""The clinic's recordings load, come from their script, and show what the answers say."""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from embgan_edu.checks.clinic import FAULTS
from embgan_edu.grading.marking import load_reference
from embgan_edu.publish.clinic import Cloud, Run, load_runs, plot_run
from embgan_edu.publish.plots import REAL_COLOR, SYNTHETIC_COLOR

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "embgan_edu" / "results" / "clinic.json"
RUNS = load_runs()


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "solutions" / "clinic" / "record_runs.py"
    spec = importlib.util.spec_from_file_location("record_runs", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["record_runs"] = module
    spec.loader.exec_module(module)
    return module


def end(run: Run, name: str) -> float:
    return float(run.curves[name][-10:].mean())


def groups(cloud: Cloud, centers: np.ndarray) -> np.ndarray:
    """The group whose center is nearest, of every fake row."""
    return np.linalg.norm(cloud.fake[:, None] - centers, axis=2).argmin(axis=1)


def groups_in_use(run: Run) -> int:
    last = run.clouds[-1]
    return int((np.bincount(groups(last, run.centers)) >= 0.05 * len(last.fake)).sum())


def widths(run: Run) -> list[float]:
    """Standard deviation of the last fakes within each label."""
    last = run.clouds[-1]
    return [float(last.fake[last.labels == label].std(axis=0).max()) for label in (0, 1)]


def drift(run: Run) -> float:
    """How far a fake row goes at most after step 200."""
    (at_200,) = [cloud for cloud in run.clouds if cloud.step == 200]
    return float(np.abs(run.clouds[-1].fake - at_200.fake).max())


def at_its_label(run: Run) -> float:
    last = run.clouds[-1]
    lower = groups(last, run.centers) >= len(run.centers) // 2
    return float((lower == last.labels).mean())


def two_places(run: Run) -> bool:
    last = run.clouds[-1]
    middles = [last.fake[last.labels == label].mean(axis=0) for label in (0, 1)]
    return float(np.linalg.norm(middles[0] - middles[1])) > 1


def undecided(run: Run) -> bool:
    return all(abs(end(run, f"{k}_probability") - 0.5) < 0.05 for k in ("real", "fake"))


def test_all_runs_have_the_same_form() -> None:
    assert list(RUNS) == list("ABCDEF")
    for name, run in RUNS.items():
        assert run.name == name and run.centers.shape == (8, 2)
        assert run.curves.keys() == RUNS["A"].curves.keys()
        for curve, values in run.curves.items():
            assert f"``{curve}``" in str(Run.__doc__)
            assert values.shape == run.steps.shape and np.isfinite(values).all()
        assert len(run.clouds) == 4 and run.clouds[-1].step == run.steps[-1]
        for cloud in run.clouds:
            assert cloud.real.shape == cloud.fake.shape == (len(cloud.labels), 2)
            assert (np.bincount(cloud.labels) == len(cloud.labels) / 2).all()


def test_the_recording_is_small_and_tells_no_fault() -> None:
    text = RECORDING.read_text(encoding="utf-8")
    assert len(text) < 150_000
    for word in ("dead", "leak", "detach", "collapse", "overpower", "healthy"):
        assert word not in text


def test_a_picture_shows_real_blue_and_synthetic_orange() -> None:
    figure = plot_run(RUNS["D"])
    figure.draw_without_rendering()
    assert len(figure.axes) == 8
    clouds = [axes for axes in figure.axes if axes.collections]
    assert len(clouds) == 4
    for axes in clouds:
        edges = [to_hex(rows.get_edgecolor()[0]).upper() for rows in axes.collections]
        assert edges == 2 * [REAL_COLOR] + 2 * [SYNTHETIC_COLOR]
    assert "46 outside" in plot_run(RUNS["B"]).axes[1].get_title()


def test_a_picture_needs_no_four_clouds() -> None:
    run = RUNS["D"]
    for many in (1, 2, 6):
        clouds = (6 * run.clouds)[:many]
        figure = plot_run(Run("x", run.steps, run.curves, clouds, run.centers))
        assert len(figure.axes) == many + 4


def test_the_script_writes_what_is_stored(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the first record: long games end differently on another kind of processor.
    monkeypatch.setattr(script, "STEPS", script.EVERY)
    train = script.train
    monkeypatch.setattr(script, "train", lambda treatment: train(treatment, script.EVERY))
    threads = torch.get_num_threads()
    try:
        script.main(tmp_path / "clinic.json")
    finally:
        torch.set_num_threads(threads)
    now = json.loads((tmp_path / "clinic.json").read_text(encoding="utf-8"))
    stored = json.loads(RECORDING.read_text(encoding="utf-8"))
    assert now.keys() == stored.keys() and list(now["runs"]) == list(stored["runs"])
    assert now["labels"] == stored["labels"] and now["steps"] == stored["steps"][:1]
    for name in ("centers", "real"):
        np.testing.assert_allclose(now[name], stored[name], atol=1e-3)
    for name, run in now["runs"].items():
        old = stored["runs"][name]
        assert run["curves"].keys() == old["curves"].keys()
        for curve, values in run["curves"].items():
            first = old["curves"][curve][:1]
            np.testing.assert_allclose(values, first, rtol=0.01, atol=1e-3, err_msg=curve)
        (cloud,) = run["clouds"]
        np.testing.assert_allclose(cloud["fake"], old["clouds"][0]["fake"], atol=2e-3)


def test_every_fault_occurs_once(script: ModuleType) -> None:
    faults = [fault for fault, _ in script.RUNS.values()]
    assert sorted(faults) == sorted([*FAULTS, "healthy"])
    healthy = script.Treatment()
    for fault, treatment in script.RUNS.values():
        assert (treatment == healthy) == (fault == "healthy")


def test_the_instructors_doctor_agrees_with_the_script(script: ModuleType) -> None:
    diagnose = load_reference(ROOT / "solutions" / "clinic" / "clinic.ipynb").answers["clinic-6"]
    found = {name: diagnose(run) for name, run in RUNS.items()}
    assert found == {name: fault for name, (fault, _) in script.RUNS.items()}


# The sentences of the exercises, in their order, for each patient.
SENTENCES: dict[str, tuple[Callable[[Run], bool], ...]] = {
    "A": (
        lambda run: run.curves["generator_gradient"].min() < 1e-3,
        lambda run: drift(run) < 0.1,
        lambda run: run.curves["label_alone"].min() > 0.9,
        lambda run: end(run, "wrong_label_found") > 0.1,
    ),
    "B": (
        lambda run: end(run, "generator_gradient") == 0 and np.ptp(run.clouds[-1].fake) == 0,
        lambda run: end(run, "generator_gradient") > 0,
        lambda run: end(run, "fake_probability") < 0.1,
        two_places,
    ),
    "C": (
        lambda run: undecided(run) and groups_in_use(run) == 8,
        lambda run: end(run, "fake_probability") < 0.1 and max(widths(run)) < 0.3,
        lambda run: end(run, "generator_change") < 1e-3 and max(widths(run)) < 0.3,
        lambda run: undecided(run) and max(widths(run)) < 0.3 and two_places(run),
    ),
    "E": (
        lambda run: end(run, "generator_gradient") < 0.1,
        lambda run: run.curves["leftover_gradient"].min() > 0,
        lambda run: at_its_label(run) < 0.9,
        lambda run: end(run, "label_alone") > 0.6,
    ),
    "F": (
        lambda run: end(run, "generator_gradient") == 0,
        lambda run: max(widths(run)) < 0.02,
        lambda run: end(run, "generator_gradient") < 1e-4 and 0 < drift(run) < 0.02,
        lambda run: end(run, "label_alone") > 0.6,
    ),
}


@pytest.mark.parametrize(("patient", "exercise"), list(zip("ABCEF", range(1, 6), strict=True)))
def test_one_sentence_is_true_of_each_patient(patient: str, exercise: int) -> None:
    answers = load_reference(ROOT / "solutions" / "clinic" / "clinic.ipynb").answers
    chosen = answers[f"clinic-{exercise}"]["evidence"]
    true = [letter for letter, holds in zip("abcd", SENTENCES[patient], strict=True)
            if holds(RUNS[patient])]  # fmt: skip
    assert true == [chosen]


def test_each_sign_is_seen_in_one_run_alone() -> None:
    def seen(sign: Callable[[Run], bool]) -> str:
        return "".join(name for name, run in RUNS.items() if sign(run))

    assert seen(lambda run: end(run, "label_alone") != 0.5) == "A"
    assert seen(lambda run: run.curves["generator_gradient"][-1] == 0) == "B"
    assert seen(lambda run: run.curves["leftover_gradient"].any()) == "E"
    assert seen(lambda run: 0 < run.curves["generator_gradient"][-1] < 1e-3) == "F"
    assert seen(lambda run: groups_in_use(run) == 8) == "D"
    assert seen(undecided) == "CD"
    assert seen(lambda run: end(run, "fake_probability") < 1e-3) == "AF"
