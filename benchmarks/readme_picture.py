"""Copy the picture that README.md shows from the stored outputs of its chapter.

    python benchmarks/readme_picture.py

`make notebooks` does it; a test compares the two.
"""

import base64
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHAPTER = ROOT / "book" / "07-pretraining.ipynb"
FIGURE = "fig-ch07-staircase"
PICTURE = ROOT / "book" / "images" / "staircase.png"


def stored_picture() -> bytes:
    """Return the picture of the figure as the chapter's notebook holds it."""
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    (png,) = (
        output["data"]["image/png"]
        for cell in cells
        if cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") == FIGURE
        for output in cell["outputs"]
    )
    return base64.b64decode(png)


if __name__ == "__main__":
    PICTURE.write_bytes(stored_picture())
