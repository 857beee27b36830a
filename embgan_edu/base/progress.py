"""A progress line for long loops, in a terminal and in a notebook."""

import sys
from collections.abc import Iterator

from tqdm import tqdm


def track(n_steps: int, label: str, enabled: bool) -> Iterator[int]:
    """Count from 0 to ``n_steps - 1`` and show how far the count is.

    In a terminal this is a bar on standard error, in a file nothing. In a notebook one line is
    rewritten in place, and what stays in the stored output is the same on every machine.

    Example:
        >>> list(track(3, "train", enabled=False))
        [0, 1, 2]
    """
    if not enabled:
        yield from range(n_steps)
    elif not _in_notebook():
        yield from tqdm(range(n_steps), desc=label, leave=False, disable=None)
    else:
        from IPython.display import display

        line = display(_Line(f"{label}: 0 of {n_steps:,} steps"), display_id=True)
        for step in range(n_steps):
            if step % max(1, n_steps // 20) == 0:
                line.update(_Line(f"{label}: {step:,} of {n_steps:,} steps"))
            yield step
        line.update(_Line(f"{label}: {n_steps:,} of {n_steps:,} steps"))


def _in_notebook() -> bool:
    """Tell whether the code runs in the kernel of a notebook; only loading ipykernel is not it."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class _Line(str):
    """Text that a notebook shows without quotation marks."""

    __repr__ = str.__str__
