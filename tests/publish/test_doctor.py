"""The doctor sees what is wrong, and says how to mend it."""

import importlib.metadata
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from embgan_edu.data.download import GLOVE, VADER
from embgan_edu.publish import doctor


def examined() -> dict[str, doctor.Finding]:
    return {finding.what: finding for finding in doctor.examine()}


def test_an_empty_cache_is_no_problem(cache: Path) -> None:
    found = examined()
    assert found["cache"].state == f"{cache}, 0 MB"
    assert found[VADER.filename].state.startswith("not fetched yet")
    assert found[VADER.filename].mend == ""


def test_an_altered_archive_is_a_problem(cache: Path) -> None:
    GLOVE.path.parent.mkdir(parents=True)
    GLOVE.path.write_bytes(b"cut short")
    assert "fetches it again" in examined()[GLOVE.filename].mend


def test_this_environment_is_the_tested_one() -> None:
    found = examined()
    assert found["packages"].state.endswith("pinned packages are as tested")
    for tool in ("Python", "pip", "jupyter-book", "device", "free disk"):
        assert found[tool].mend == "", found[tool]


def test_a_package_that_differs_or_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"torch": "2.13.0+cpu", "numpy": "2.0.0"}

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    pins = {"torch": "2.13.0", "numpy": "2.4.6", "keras": "3.15.1"}
    assert doctor.differing_packages(pins) == [
        "numpy 2.0.0 (pinned 2.4.6)",
        "keras is missing (pinned 3.15.1)",
    ]


def test_pins_are_read_without_comments(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text("# made with a==1\nnumpy==2.4.6\n\ntorch==2.13.0\n", encoding="utf-8")
    assert doctor.read_pins(path) == {"numpy": "2.4.6", "torch": "2.13.0"}


def test_a_device_that_is_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBGAN_DEVICE", "abacus")
    finding = examined()["device"]
    assert "abacus" in finding.state and "cpu" in finding.mend
    monkeypatch.setenv("EMBGAN_DEVICE", "cpu")
    assert examined()["device"] == doctor.Finding("device", "cpu, chosen by EMBGAN_DEVICE")


def test_another_python_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert "3.11, 3.12, or 3.13" in examined()["Python"].mend


def test_a_full_disk_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10e6))
    assert "EMBGAN_CACHE" in examined()["free disk"].mend


def test_a_python_without_pip_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    no_pip = SimpleNamespace(returncode=1, stdout="", stderr="No module named pip")
    monkeypatch.setattr("subprocess.run", lambda *args, **options: no_pip)
    assert "ensurepip" in examined()["pip"].mend
