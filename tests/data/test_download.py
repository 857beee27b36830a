"""The package source of these tests is a folder with tiny packages; the pip is the real one."""

import io
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.base.cache import sha256_of
from embgan_edu.base.errors import DataError, DownloadError
from embgan_edu.data.download import PACKAGES, VADER, Package, _check_members, extract, fetch

# A build backend without dependencies. It leaves a line in a log each time that pip runs it.
BACKEND = """
import os
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    with open(os.environ["SETUP_LOG"], "a") as log:
        log.write("ran\\n")
    os.makedirs(f"{folder}/tiny-1.0.dist-info")
    with open(f"{folder}/tiny-1.0.dist-info/METADATA", "w") as file:
        file.write("Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
    return "tiny-1.0.dist-info"
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


Make = Callable[[Path, dict[str, bytes]], None]


def make_tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))


class Source:
    """A folder that pip takes for its only package source."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder, self.log = folder, log
        folder.mkdir()
        self.archive = folder / "tiny-1.0.tar.gz"
        members = {"backend.py": BACKEND, "pyproject.toml": PROJECT, "PKG-INFO": "Name: tiny\n"}
        make_tar(self.archive, {f"tiny-1.0/{name}": s.encode() for name, s in members.items()})
        self.sdist = Package(
            "tiny", "1.0", self.archive.name, sha256_of(self.archive), "sdist", "MIT"
        )

    def setup_runs(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def source(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "source"))
    monkeypatch.setenv("SETUP_LOG", str(tmp_path / "log"))
    return Source(tmp_path / "source", tmp_path / "log")


def litter(cache: Path) -> list[Path]:
    """What a fetch left behind in the cache beside archives and lock files."""
    return [path for path in cache.iterdir() if path.name != "archives" and path.suffix != ".lock"]


def test_fetch_brings_the_archive_once(source: Source, cache: Path) -> None:
    path = fetch(source.sdist)
    assert path == cache / "archives" / "tiny-1.0.tar.gz"
    assert path.read_bytes() == source.archive.read_bytes()
    assert litter(cache) == []
    source.archive.unlink()  # from here on we are offline, and the cache is enough
    assert fetch(source.sdist) == path
    assert source.setup_runs() == 1


def test_fetch_takes_a_wheel(source: Source) -> None:
    wheel = source.folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        file.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("tiny-1.0.dist-info/RECORD", "")
    package = Package("tiny", "1.0", wheel.name, sha256_of(wheel), "wheel", "MIT")
    assert sha256_of(fetch(package)) == package.sha256
    assert source.setup_runs() == 0


def test_processes_that_fetch_at_once_share_one_download(source: Source, cache: Path) -> None:
    code = f"from embgan_edu.data.download import Package, fetch; fetch({source.sdist!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert source.setup_runs() == 1
    assert sha256_of(cache / "archives" / "tiny-1.0.tar.gz") == source.sdist.sha256
    assert litter(cache) == []


@pytest.mark.parametrize("damage", ["altered", "cut short"])
def test_a_damaged_archive_in_the_cache_is_refused_and_fetched_again(
    source: Source, damage: str
) -> None:
    path = fetch(source.sdist)
    content = path.read_bytes()
    path.write_bytes(content[:-9] if damage == "cut short" else content[:-1] + b"?")
    found = sha256_of(path)
    with pytest.warns(UserWarning) as warned:
        assert fetch(source.sdist) == path
    assert found in str(warned[0].message)
    assert source.sdist.sha256 in str(warned[0].message)
    assert path.read_bytes() == content


def test_a_damaged_archive_offline_is_refused(source: Source) -> None:
    path = fetch(source.sdist)
    path.write_bytes(b"not it")
    source.archive.unlink()
    with pytest.warns(UserWarning, match="altered"), pytest.raises(DownloadError):
        fetch(source.sdist)


def test_another_archive_at_the_source_is_refused_before_its_code_runs(
    source: Source, cache: Path
) -> None:
    make_tar(source.archive, {"tiny-1.0/pyproject.toml": PROJECT.encode()})
    with pytest.raises(DownloadError) as caught:
        fetch(source.sdist)
    assert source.sdist.sha256 in str(caught.value)
    assert sha256_of(source.archive) in str(caught.value)
    assert source.setup_runs() == 0
    assert not source.sdist.path.exists()
    assert litter(cache) == []


def test_offline_without_a_cache_says_in_two_lines_what_to_do(source: Source) -> None:
    source.archive.unlink()
    with pytest.raises(DownloadError) as caught:
        fetch(source.sdist)
    first, second = str(caught.value).splitlines()
    assert first.startswith("Cannot fetch tiny-1.0.tar.gz")
    assert "Connect to the network" in second and str(source.sdist.path) in second
    assert "No matching distribution" in caught.value.__notes__[0]


def test_the_archive_may_be_put_into_the_cache_by_hand(source: Source) -> None:
    target = source.sdist.path
    target.parent.mkdir(parents=True)
    source.archive.rename(target)
    assert fetch(source.sdist) == target
    assert source.setup_runs() == 0


def test_a_python_without_pip_is_told_how_to_get_it(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(DownloadError, match=r"has no pip(.|\n)*ensurepip"):
        fetch(source.sdist)


def make_zip(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_extract_takes_the_named_members_and_no_others(tmp_path: Path, make: Make) -> None:
    make(tmp_path / "a", {"x/one.txt": b"1", "x/two.txt": b"2", "three.txt": b"3"})
    paths = extract(tmp_path / "a", ["three.txt", "x/one.txt"], tmp_path / "out")
    assert [path.read_bytes() for path in paths] == [b"3", b"1"]
    found = {path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("*.txt")}
    assert found == {"three.txt", "x/one.txt"}


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "x/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:\\evil.txt", "C:evil.txt"],
)
def test_extract_refuses_an_archive_with_a_path_out_of_the_folder(
    tmp_path: Path, make: Make, name: str
) -> None:
    make(tmp_path / "a", {"good.txt": b"good", name: b"evil"})
    for wanted in ("good.txt", name):
        with pytest.raises(DataError, match="Refused") as caught:
            extract(tmp_path / "a", [wanted], tmp_path / "out")
        assert repr(name) in str(caught.value)
    assert list(tmp_path.rglob("*.txt")) == []


@given(st.lists(st.sampled_from(["..", "a", "b.txt", ".", "...", "..a"]), min_size=1))
def test_extract_refuses_exactly_the_paths_that_climb(parts: list[str]) -> None:
    name = "/".join(parts)
    if ".." in parts:
        with pytest.raises(DataError, match="leads out of the folder"):
            _check_members(Path("a.zip"), [name], [])
    else:
        _check_members(Path("a.zip"), [name], [name])


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_extract_refuses_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as file:
        info = tarfile.TarInfo("pointer")
        info.type, info.linkname = kind, "/etc/hostname"
        file.addfile(info)
    with pytest.raises(DataError, match="'pointer' is a link or a device"):
        extract(tmp_path / "a.tar.gz", ["pointer"], tmp_path / "out")


def test_extract_says_what_an_archive_holds(tmp_path: Path) -> None:
    make_tar(tmp_path / "a.tar.gz", {"one.txt": b""})
    with pytest.raises(DataError, match=r"no member 'two.txt'; it holds \['one.txt'\]"):
        extract(tmp_path / "a.tar.gz", ["two.txt"], tmp_path)


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_extract_names_a_damaged_archive(tmp_path: Path, make: Make) -> None:
    make(tmp_path / "whole", {"one.txt": os.urandom(5000)})
    content = (tmp_path / "whole").read_bytes()
    for damaged in (b"no archive", content[:3000]):
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(DataError, match=r"damaged cannot be read .*Delete it"):
            extract(tmp_path / "damaged", ["one.txt"], tmp_path / "out")


def test_pins_are_complete_and_differ() -> None:
    assert len({package.sha256 for package in PACKAGES}) == len(PACKAGES) == 2
    for package in PACKAGES:
        assert len(package.sha256) == 64 and package.license
        assert package.version in package.filename


@pytest.mark.data
def test_the_real_archive_can_be_fetched(cache: Path) -> None:
    try:
        path = fetch(VADER)
    except DownloadError as error:
        if "not in the cache" not in str(error):
            raise
        pytest.skip("no network")
    assert sha256_of(path) == VADER.sha256
