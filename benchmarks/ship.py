"""Put a trained ensemble into the package: its terms are added, nothing else changes.

python benchmarks/ship.py TRAINED.safetensors glas-segmentation
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.ensemble import Ensemble

TERMS = (
    "Trained on GlaS: research use only, no commercial use, see LICENSE-WEIGHTS; cite "
    "Sirinukunwattana et al., Medical Image Analysis 35 (2017) and IEEE TMI 34 (2015).",
)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path)
    parser.add_argument("name")
    args = parser.parse_args()
    ensemble = Ensemble.load(args.trained)
    ensemble.card = dataclasses.replace(ensemble.card, notes=TERMS)
    ensemble.save(shipped.FOLDER / f"{args.name}{shipped.SUFFIX}")


if __name__ == "__main__":
    main()
