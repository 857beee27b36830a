"""The folder where fetched and computed files live, and how to write there without harm."""

import ast
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock

from embgan_edu.base.errors import ConfigError

_PACKAGE = Path(__file__).parents[1]


def results_dir() -> Path:
    """Return the folder of what the book publishes: stored tables, and the register of figures.

    Example:
        >>> sorted(path.name for path in results_dir().glob("*.json"))
        ['clinic.json', 'figures.json']
    """
    return _PACKAGE / "results"


def cache_dir() -> Path:
    """Return the cache folder, created if need be.

    It is ``$EMBGAN_CACHE``, or the usual cache folder of the platform.

    Raises:
        ConfigError: the folder cannot be created.

    Example:
        >>> cache_dir().is_dir()
        True
    """
    chosen = os.environ.get("EMBGAN_CACHE")
    folder = Path(chosen or platformdirs.user_cache_dir("embgan_edu", False)).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The cache folder {folder} cannot be created ({error.strerror}). "
            "Set the environment variable EMBGAN_CACHE to a folder that you may write to."
        ) from error
    return folder


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits.

    Example:
        >>> sha256_of(os.devnull)[:8]
        'e3b0c442'
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_key(*parts: str | bytes | np.ndarray) -> str:
    """Return 20 hexadecimal digits that change when the content of any part changes.

    An array counts with its dtype and shape. Where one part ends and the next begins matters.

    Example:
        >>> content_key("good", "film")
        '873962dd303ee85ea120'
        >>> content_key("good", "film") == content_key("goodfilm")
        False
    """
    digest = hashlib.blake2b(digest_size=10)
    for part in parts:
        if isinstance(part, np.ndarray):
            head = f"array {part.dtype.str} {part.shape}"
            body: bytes | memoryview = np.ascontiguousarray(part).reshape(-1).view(np.uint8).data
        elif isinstance(part, str):
            body = part.encode("utf-8", "surrogatepass")
            head = f"str {len(body)}"
        else:
            body = part
            head = f"bytes {len(body)}"
        digest.update(f"{head}\n".encode())
        digest.update(body)
    return digest.hexdigest()


def code_key(*modules: str) -> str:
    """Return 20 hexadecimal digits that change when the code of some modules changes.

    Comments and docstrings do not count.

    Args:
        modules: names of modules of this package, such as ``"models.gan"``.

    Example:
        >>> code_key("base.errors") == code_key("base.errors")
        True
    """
    code = []
    for module in modules:
        path = _PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and _is_docstring(body[0]):
                body[0] = ast.Pass()
        code += [module, ast.dump(tree)]
    return content_key(*code)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``target``; move it there on success, remove it on failure.

    A reader sees the old file or the whole new one, never a part. The temporary name keeps the
    ending of ``target``, because ``np.save`` and others look at it.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "note.txt"
        >>> with atomic_path(target) as path:
        ...     _ = path.write_text("whole")
        ...     target.exists()
        False
        >>> target.read_text()
        'whole'
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{uuid.uuid4().hex}-{target.name}")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process at a time into the block, by a lock file in the cache.

    Example:
        >>> with lock("demo"):
        ...     print("alone")
        alone
    """
    with FileLock(cache_dir() / f"{name}.lock"):
        yield
