"""The images of *File > Open Sample > napari-qsa*."""

from napari_qsa.images.glas import GLAS_PIXEL_SIZE
from napari_qsa.images.samples import immunohistochemistry
from napari_qsa.images.synthetic import synthetic_glas
from napari_qsa.plugin.reader import LayerData, place

SEED = 0


def stained_glands() -> list[LayerData]:
    """Return scikit-image's colon glands in immunohistochemistry; their pixel size is unknown."""
    image = immunohistochemistry()
    return [
        (
            image.pixels,
            {"name": "colon glands (IHC)", "rgb": True, **place(image.pixel_size)},
            "image",
        )
    ]


def synthetic_glands() -> list[LayerData]:
    """Return a drawn image in the manner of H&E, with the labels it was drawn from."""
    pixels, labels, grade = next(iter(synthetic_glas(1, SEED)))
    name = f"synthetic {grade} glands"
    return [
        (pixels, {"name": name, "rgb": True, **place(GLAS_PIXEL_SIZE)}, "image"),
        (labels, {"name": f"{name}, truth", "visible": False, **place(GLAS_PIXEL_SIZE)}, "labels"),
    ]
