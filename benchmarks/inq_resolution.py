"""The error of quantizing Gaussian weights once, by bits: INQ, and DoReFa as a companion.

More bits of INQ only extend its exponents downwards; those of DoReFa make its steps smaller. What
is given is ``|W' - W| / |W|`` in the L2 norm, for 589,824 weights (256 x 256 x 3 x 3) of standard
deviation .03. Nothing is trained; it takes some seconds.

    python benchmarks/inq_resolution.py --out benchmarks/results/inq_resolution.json
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from napari_qsa.quantization import weight_scheme

SHAPE, DEVIATION, SEED = (256, 256, 3, 3), 0.03, 0
BITS = range(2, 9)
SAME = 0.01
"""A fall of the error by less than this share is none."""


def relative_error(name: str, weight: torch.Tensor) -> float:
    """Quantize once, and give the relative L2 error."""
    scheme = weight_scheme(name)
    levels = scheme.quantize(weight, scheme.codebook(weight))
    return float((levels - weight).norm() / weight.norm())


def main() -> None:
    """Work out all errors and write them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    drawn = np.random.default_rng(SEED).normal(0, DEVIATION, SHAPE)
    weight = torch.tensor(drawn, dtype=torch.float32)
    names = [f"{kind}{bits}" for kind in ("inq", "dorefa") for bits in BITS]
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python benchmarks/inq_resolution.py",
        "seed": SEED,
        "data": f"{weight.numel():,} Gaussian weights of standard deviation {DEVIATION:g}",
        "same": SAME,
        "schemes": [
            {"scheme": name, "relative_error": round(relative_error(name, weight), 5)}
            for name in names
        ],
    }
    args.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
