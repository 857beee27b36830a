import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.base.cache import atomic_path, cache_dir, content_key, lock, sha256_of
from embgan_edu.base.errors import ConfigError


def test_cache_dir_follows_the_environment_and_exists(cache: Path) -> None:
    assert cache_dir() == cache
    assert cache.is_dir()


def test_cache_dir_expands_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("EMBGAN_CACHE", "~/of-mine")
    assert cache_dir() == tmp_path / "of-mine"


def test_cache_dir_that_cannot_be_made_names_itself_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EMBGAN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ConfigError, match=r"file.cache.* EMBGAN_CACHE"):
        cache_dir()


def test_sha256_of_a_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_content_key_is_the_same_exactly_for_the_same_parts(a: list[str], b: list[str]) -> None:
    assert (content_key(*a) == content_key(*b)) == (a == b)


def test_content_key_sees_kind_dtype_shape_and_every_byte() -> None:
    array = np.arange(6, dtype=np.float32)
    changed = array.copy()
    changed[3] = np.nextafter(changed[3], 9)
    keys = [
        content_key("a"),
        content_key(b"a"),
        content_key(array),
        content_key(array.view(np.int32)),
        content_key(array.reshape(2, 3)),
        content_key(array.reshape(3, 2)),
        content_key(changed),
        content_key(array.tobytes()),
        content_key(np.empty((0, 3))),
        content_key(),
    ]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 20 and int(key, 16) >= 0 for key in keys)


def test_content_key_ignores_how_an_array_lies_in_memory() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert content_key(np.asfortranarray(array)) == content_key(array)
    assert content_key(np.arange(10)[::2]) == content_key(np.arange(0, 10, 2))


def test_content_key_takes_any_text() -> None:
    assert content_key("\udcff") != content_key("\udcfe")


def test_atomic_path_leaves_the_old_file_and_no_litter_when_the_writer_fails(
    tmp_path: Path,
) -> None:
    target = tmp_path / "new-folder" / "file.npz"
    with atomic_path(target) as path:
        assert path.suffix == ".npz"
        path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as path:
        path.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_atomic_path_replaces_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    # A second name of the old file stands for a reader in the middle of it: it must keep the old
    # content, so the new file is moved into place and not written over the old one.
    (tmp_path / "reader").hardlink_to(target)
    with atomic_path(target) as path:
        path.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert (tmp_path / "reader").read_text() == "old"


def test_lock_lets_one_process_in_at_a_time(cache: Path) -> None:
    # Each process reads a counter, waits, writes it plus one: without the lock, counts get lost.
    code = """
import sys, time
from pathlib import Path
from embgan_edu.base.cache import cache_dir, lock
file = cache_dir() / "counter"
for _ in range(5):
    with lock("counter"):
        value = int(file.read_text())
        time.sleep(0.01)
        file.write_text(str(value + 1))
"""
    counter = cache_dir() / "counter"
    counter.write_text("0")
    with lock("counter"):  # so that all are ready when the first gets in
        processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert counter.read_text() == "15"
