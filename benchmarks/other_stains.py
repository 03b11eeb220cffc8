"""How the segmentation ensemble does where it was not trained: EBHI-SEG by class, and brown stain.

EBHI-SEG's masks are semantic and some are rough, so only pixel Dice is reported; they are read at
1.24 µm, about the scale of GlaS halved. The immunohistochemistry image has no labels: its smoothed
DAB channel above Otsu's threshold stands in for them, at 0.62 µm.

    python benchmarks/other_stains.py src/napari_qsa/ensembles/glas-segmentation.safetensors \
        --ebhi ../shared/data/ebhi --out benchmarks/results/other_stains.json [--pictures DIR]
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2hed
from skimage.filters import gaussian, threshold_otsu

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.images import immunohistochemistry, read_image
from napari_qsa.metrics import pixel_dice

EBHI_PIXEL_SIZE = 1.24
IHC_PIXEL_SIZE = 0.62


def brown(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Smoothed DAB above Otsu's threshold, (H, W) bool."""
    smooth = gaussian(rgb2hed(pixels)[..., 2], sigma=6)
    return np.asarray(smooth > threshold_otsu(smooth))


def picture(path: Path, image: NDArray[Any], prediction: Any, truth: NDArray[np.bool_]) -> None:
    """Draw the image, the outlines (truth white, prediction cyan) and the uncertainty."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
    axes[0].imshow(image)
    axes[0].contour(truth, [0.5], colors="white", linewidths=1)
    axes[0].contour(prediction.probability, [0.5], colors="cyan", linewidths=1)
    axes[1].imshow(prediction.uncertainty, vmin=0, vmax=0.5, cmap="viridis")
    for axis in axes:
        axis.set_axis_off()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("--ebhi", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="write pictures here (never commit them)")
    parser.add_argument("--tta", action="store_true")
    args = parser.parse_args()
    ensemble = Ensemble.load(args.ensemble)
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    image = immunohistochemistry()
    prediction = ensemble.predict(image, pixel_size=IHC_PIXEL_SIZE, tta=args.tta)
    truth = brown(image.pixels)
    report: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "tta": args.tta,
        "immunohistochemistry_pixel_dice": round(
            pixel_dice(prediction.probability >= 0.5, truth), 4
        ),
        "ebhi": {},
    }
    if args.pictures:
        picture(args.pictures / "ihc.png", image.pixels, prediction, truth)
    everything: list[float] = []
    for folder in sorted(p for p in args.ebhi.iterdir() if p.is_dir()) if args.ebhi else []:
        scores: dict[str, float] = {}
        for path in sorted((folder / "image").iterdir()):
            pixels = read_image(path)
            mask = read_image(folder / "label" / path.name).pixels[..., 0] > 127
            found = ensemble.predict(pixels, pixel_size=EBHI_PIXEL_SIZE, tta=args.tta)
            scores[path.name] = pixel_dice(found.probability >= 0.5, mask)
            if args.pictures and scores[path.name] < 0.75:
                picture(
                    args.pictures / f"{folder.name}_{path.stem}.png", pixels.pixels, found, mask
                )
        values = list(scores.values())
        everything += values
        report["ebhi"][folder.name] = {
            "images": len(values),
            "pixel_dice_mean": round(float(np.mean(values)), 4),
            "pixel_dice_median": round(float(np.median(values)), 4),
            "under_0.75": {name: round(v, 3) for name, v in scores.items() if v < 0.75},
        }
    if everything:
        report["ebhi"]["all"] = {
            "images": len(everything),
            "pixel_dice_mean": round(float(np.mean(everything)), 4),
        }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
