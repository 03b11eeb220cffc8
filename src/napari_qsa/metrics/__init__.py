"""How good a segmentation is: plain arrays in, numbers out.

Object-level scores follow the GlaS challenge (Sirinukunwattana et al., Medical Image Analysis
35, 2017): F1, object Dice and object Hausdorff distance, pooled over a part or per image.
"""

from napari_qsa.metrics.calibration import (
    Reliability,
    auroc,
    expected_calibration_error,
    reliability,
    spearman,
)
from napari_qsa.metrics.hausdorff import hausdorff_distance
from napari_qsa.metrics.objects import (
    ImageMean,
    ObjectScore,
    image_mean,
    pool,
    score_objects,
)
from napari_qsa.metrics.pixels import pixel_dice

__all__ = [
    "ImageMean",
    "ObjectScore",
    "Reliability",
    "auroc",
    "expected_calibration_error",
    "hausdorff_distance",
    "image_mean",
    "pixel_dice",
    "pool",
    "reliability",
    "score_objects",
    "spearman",
]
