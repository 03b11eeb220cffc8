"""Make the images of this folder anew; the same bytes come out."""

import sys
from pathlib import Path

from napari_qsa.images import write_synthetic_glas

IMAGES = 8
SEED = 0
SHAPE = (261, 388)


def make(folder: Path) -> None:
    write_synthetic_glas(folder, IMAGES, SEED, SHAPE)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
