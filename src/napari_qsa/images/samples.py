"""The real image that comes with a dependency."""

from napari_qsa.images.reading import Image


def immunohistochemistry() -> Image:
    """Return scikit-image's colon glands, DAB (brown) with haematoxylin counterstain.

    The file lies in scikit-image's wheel, so nothing is downloaded. Its pixel size is not
    known, and the image is ``(512, 512, 3) uint8``.
    """
    from skimage import data

    return Image(data.immunohistochemistry())
