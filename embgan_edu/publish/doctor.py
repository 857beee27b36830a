"""Look at an installation, and say what is wrong with it and how to mend it."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from embgan_edu.base.cache import cache_dir, sha256_of
from embgan_edu.base.errors import ConfigError
from embgan_edu.data.download import PACKAGES
from embgan_edu.models.stacked import pick_device
from embgan_edu.publish.chapters import checkout

_DISK_NEEDED = 500e6  # bytes: what the archives, the vectors, and the embeddings take, with room
_INSTALL = 'python -m pip install -c constraints.txt -e ".[book,test]"'


@dataclass(frozen=True)
class Finding:
    """What one look at the installation found.

    Attributes:
        what: what was looked at.
        state: what was found.
        mend: what to do about it; empty when all is well.
    """

    what: str
    state: str
    mend: str = ""


def examine() -> list[Finding]:
    """Look at Python, packages, device, cache, disk, and tools; return a finding for each."""
    return [
        _python(),
        *_packages(),
        _device(),
        *_cache(),
        _pip(),
        _jupyter_book(),
    ]


def read_pins(constraints: Path) -> dict[str, str]:
    """Return version by package name, both as in a file of constraints."""
    lines = constraints.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {name.strip(): version.strip() for name, version in pairs}


def differing_packages(pins: dict[str, str]) -> list[str]:
    """Return a text for each pinned package that is missing here, or is another version.

    A local label, as in ``2.13.0+cpu``, is no difference.
    """
    different = []
    for name, version in pins.items():
        try:
            installed = importlib.metadata.version(name).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            different.append(f"{name} is missing (pinned {version})")
            continue
        if installed != version:
            different.append(f"{name} {installed} (pinned {version})")
    return different


def _python() -> Finding:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    mend = "" if good else "Install Python 3.11, 3.12, or 3.13, remove .venv, and run make again."
    return Finding("Python", f"{platform.python_version()} at {sys.executable}", mend)


def _packages() -> list[Finding]:
    try:
        pins = read_pins(checkout() / "constraints.txt")
    except ConfigError:
        return [Finding("packages", "not compared: no checkout with a constraints.txt here")]
    different = differing_packages(pins)
    if not different:
        return [Finding("packages", f"all {len(pins)} pinned packages are as tested")]
    return [Finding("packages", text, f"Run {_INSTALL}") for text in different]


def _device() -> Finding:
    variable = os.environ.get("EMBGAN_DEVICE")
    chosen_by = "EMBGAN_DEVICE" if variable else "the package"
    try:
        return Finding("device", f"{pick_device()}, chosen by {chosen_by}")
    except ConfigError as error:
        return Finding("device", f"EMBGAN_DEVICE={variable}", str(error))


def _cache() -> list[Finding]:
    try:
        folder = cache_dir()
    except ConfigError as error:
        return [Finding("cache", "none", str(error))]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    findings = [Finding("cache", f"{folder}, {size / 1e6:,.0f} MB")]
    for package in PACKAGES:
        if not package.path.is_file():
            state = "not fetched yet; embgan-edu data fetches it"
            findings.append(Finding(package.filename, state))
        elif sha256_of(package.path) == package.sha256:
            findings.append(Finding(package.filename, "fetched, and its SHA-256 is right"))
        else:
            mend = "Run embgan-edu data, which fetches it again."
            findings.append(Finding(package.filename, "altered or cut short", mend))
    n_embeddings = len(list(folder.glob("embeddings/*.npz")))
    findings.append(Finding("embeddings", f"{n_embeddings} cached"))
    free = shutil.disk_usage(folder).free
    mend = ""
    if free < _DISK_NEEDED:
        mend = "Free some space, or set EMBGAN_CACHE to a folder on another disk."
    findings.append(Finding("free disk", f"{free / 1e9:,.1f} GB", mend))
    return findings


def _pip() -> Finding:
    command = [sys.executable, "-m", "pip", "--version"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        mend = "The data are fetched with it. Run python -m ensurepip --upgrade"
        return Finding("pip", "missing", mend)
    return Finding("pip", run.stdout.split()[1])


def _jupyter_book() -> Finding:
    try:
        return Finding("jupyter-book", importlib.metadata.version("jupyter-book"))
    except importlib.metadata.PackageNotFoundError:
        return Finding("jupyter-book", "missing", f"It builds the book. Run {_INSTALL}")
