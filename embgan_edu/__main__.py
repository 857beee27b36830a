"""``python -m embgan_edu`` is the command ``embgan-edu``."""

import sys

from embgan_edu.cli import main

if __name__ == "__main__":
    sys.exit(main())
