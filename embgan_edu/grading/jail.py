"""Take from the running process what student code must not have: network, files, programs, memory.

Three layers, each as far as the system offers it:

1. *resource limits* of the system: memory, size of a written file (Linux, macOS);
2. *the kernel*, on Linux: a network namespace without any network, and Landlock, which forbids all
   files but a few, TCP, and signals to other processes. A process cannot undo it;
3. *Python's audit hook*, everywhere: a clear message for what the kernel would refuse, and a
   refusal where the kernel offers none. Code that leaves Python can get around it.

:func:`confine` says which of them hold, and the feedback of every submission repeats it.
"""

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Any

# --- What a process may still do -----------------------------------------------------------------

# Parts of the system that libraries read while they work.
SYSTEM_FILES = [
    *("/usr", "/lib", "/lib64", "/bin", "/etc", "/opt"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu"),
    *("/System", "/Library"),  # macOS
]
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

FILE_SIZE = 100_000_000  # bytes, of any one file that is written

FORBIDDEN_PROGRAMS = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
)
FORBIDDEN_SIGNALS = ("os.kill", "os.killpg")


class ForbiddenError(PermissionError):
    """Student code tried what an exercise never needs; the message says what.

    >>> issubclass(ForbiddenError, OSError)
    True
    """


def leave_the_network() -> bool:
    """Move this process to a network namespace of its own, which is empty; tell whether it worked.

    It must have a single thread, so call this before numerical libraries are imported.
    """
    if not sys.platform.startswith("linux"):
        return False
    new_user, new_network = 0x10000000, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(new_user | new_network) == 0 or libc.unshare(new_network) == 0


def confine(readable: list[Path], writable: Path, memory: int) -> list[str]:
    """Confine this process for good.

    Args:
        readable: Folders that it may read, besides Python and the system's libraries.
        writable: The one folder where it may write.
        memory: Bytes that it may still allocate.

    Returns:
        Names of the layers that hold here.
    """
    python = [sys.prefix, sys.base_prefix]
    readable = [Path(path).resolve() for path in (*readable, *map(Path, SYSTEM_FILES + python))]
    holds = []
    if _limit_resources(memory):
        holds.append("memory limit")
    if _landlock([path for path in readable if path.exists()], writable):
        holds.append("Landlock")
    _add_audit_hook((*map(str, readable), *DEVICES), str(writable.resolve()))
    return [*holds, "audit hook"]


# --- Layer 1: resource limits --------------------------------------------------------------------


def _limit_resources(memory: int) -> bool:
    import resource  # not on Windows, where nothing is graded

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return False  # macOS accepts a limit of memory, and does not enforce it
    used = int(statm.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    return True


# --- Layer 2: Landlock ---------------------------------------------------------------------------
#
# Three system calls, the same numbers on all processors, without a wrapper in the C library
# (https://docs.kernel.org/userspace-api/landlock.html).

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
ALL_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many bits each version of Landlock knows
NO_NEW_PRIVILEGES = 38


def _landlock(readable: list[Path], writable: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False  # the kernel is too old, or a container forbids the call
    everything = (1 << ALL_FILE_RIGHTS.get(version, 16)) - 1
    # Files; since version 4 also TCP; since version 6 also signals and sockets of other processes.
    length = 8 if version < 4 else 16 if version < 6 else 24
    rights = struct.pack("=QQQ", everything, 0b11, 0b11)[:length]
    rules = libc.syscall(CREATE_RULESET, rights, ctypes.c_size_t(len(rights)), 0)
    if rules < 0:
        return False
    for path in readable:
        _allow(libc, rules, path, READ_FILE | READ_FOLDER)
    for device in DEVICES:
        _allow(libc, rules, Path(device), READ_FILE | 1 << 1)
    # No rule allows to execute a file.
    _allow(libc, rules, writable, everything & ~1)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    held = libc.syscall(RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return held


def _allow(libc: Any, rules: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not path.is_dir():
        rights &= 0b110  # a file can be read or written; the rest is about folders
    rule = struct.pack("=Qi", rights, opened)
    libc.syscall(ADD_RULE, rules, 1, rule, 0)
    os.close(opened)


# --- Layer 3: Python's audit hook ----------------------------------------------------------------


def _add_audit_hook(readable: tuple[str, ...], writable: str) -> None:
    import socket

    local = getattr(socket, "AF_UNIX", None)

    def beneath(path: str, folders: tuple[str, ...]) -> bool:
        return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in folders)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.__new__" and arguments[1] != local:
            raise ForbiddenError("An exercise may not use the network.")
        if event == "socket.getaddrinfo":
            raise ForbiddenError("An exercise may not use the network.")
        if event in FORBIDDEN_PROGRAMS:
            raise ForbiddenError("An exercise may not start other programs.")
        if event in FORBIDDEN_SIGNALS:
            raise ForbiddenError("An exercise may not signal to processes.")
        if event in ("open", "os.listdir", "os.scandir"):
            path = arguments[0]
            if isinstance(path, int) or path is None:
                return
            full = os.path.realpath(os.fsdecode(path))
            flags = arguments[2] if event == "open" else 0
            # A mode of None: the event comes from os.open, and the flags tell.
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            if beneath(full, (writable,)) or (full in DEVICES):
                return
            if writes or not beneath(full, readable):
                verb = "write to" if writes else "read"
                raise ForbiddenError(f"An exercise may not {verb} {os.fsdecode(path)}.")

    sys.addaudithook(hook)
