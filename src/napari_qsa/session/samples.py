"""Sample images for a first try, drawn by code and written as files; nothing is downloaded."""

from pathlib import Path

from napari_qsa.errors import QsaError
from napari_qsa.formats import replacing
from napari_qsa.images import GLAS_PIXEL_SIZE, immunohistochemistry, synthetic_glas
from napari_qsa.session.chores import Cancelled, Progress

DRAWN = 11
SHAPE = (320, 480)
SEED = 0
_DPI = 25400 / GLAS_PIXEL_SIZE


def write_samples(folder: Path, progress: Progress, cancelled: Cancelled) -> Path:
    """Write the sample images into a folder, which is made; return it.

    Drawn glands at the scale of GlaS, and scikit-image's colon glands in immunohistochemistry
    where they are installed. Files that are there already are kept.

    Raises
    ------
    QsaError
        If the folder cannot be written.
    """
    from PIL import Image

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QsaError(
            f"{folder} cannot be made ({error.strerror}): choose a folder with write permission."
        ) from error
    for number, (pixels, _, _) in enumerate(synthetic_glas(DRAWN, SEED, SHAPE), start=1):
        if cancelled():
            break
        path = folder / f"drawn glands {number:02d}.png"
        if not path.exists():
            with replacing(path) as file:
                Image.fromarray(pixels).save(file, "PNG", dpi=(_DPI, _DPI))
        progress(number, DRAWN + 1)
    try:
        stained = immunohistochemistry().pixels
    except (ImportError, OSError):  # an installation without scikit-image's sample files
        return folder
    path = folder / "stained glands (IHC).png"
    if not path.exists():
        with replacing(path) as file:
            Image.fromarray(stained).save(file, "PNG")
    progress(DRAWN + 1, DRAWN + 1)
    return folder
