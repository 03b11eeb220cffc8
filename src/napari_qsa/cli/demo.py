"""``napari-qsa demo``."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_qsa.cli.console import bar, note, say
from napari_qsa.cli.options import SEGMENTATION, EnsembleOption

if TYPE_CHECKING:
    from napari_qsa.images import Image

FOLDER = Path("napari-qsa-demo")
WINDOW = "napari_qsa.plugin.demo"


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the pictures.")
    ] = FOLDER,
    ensemble: EnsembleOption = SEGMENTATION,
    window: Annotated[
        bool,
        typer.Option("--window/--no-window", help="Open napari if there is a screen."),
    ] = True,
) -> None:
    """Segment a real and a synthetic image, and show them.

    Where there is a screen and napari, a window opens. Elsewhere pictures are written: the image,
    the glands found in it, and the uncertainty, which is the standard deviation over the members.

    Example:
      napari-qsa demo --no-window
    """
    from napari_qsa.jobs.window import run_window, window_is_possible

    if window and window_is_possible():
        note("Opening napari; --no-window writes pictures instead.")
        if run_window(WINDOW, "--ensemble", ensemble) == 0:
            return
        note("napari did not start or failed, so pictures are written instead.")
    _write_pictures(out, ensemble)


def _write_pictures(out: Path, ensemble: str) -> None:
    from napari_qsa.cli.pictures import glands, write_picture
    from napari_qsa.errors import QsaError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QsaError(
            f"The folder {out} cannot be made ({error.strerror}): choose one with --out."
        ) from error
    with bar("Segmenting") as shown:
        shown.update(0.0, "loading the ensemble")
        from napari_qsa.ensemble.ensemble import Ensemble

        predictor = Ensemble.load(ensemble)
        for number, (name, title, image) in enumerate(_images()):
            shown.update(number / 2, title)
            begun = time.monotonic()
            prediction = predictor.predict(image)
            seconds = time.monotonic() - begun
            file = out / f"{name}.png"
            write_picture(file, image.pixels, prediction, title)
            say(
                f"{title}: {glands(prediction)}, mean uncertainty "
                f"{prediction.image_uncertainty:.3f}, {seconds:.1f} s\n  {file}"
            )
            for sentence in prediction.notes:
                note(sentence)


def _images() -> "Iterator[tuple[str, str, Image]]":
    """File name, title and image of what is shown."""
    from napari_qsa.images import GLAS_PIXEL_SIZE, Image, immunohistochemistry
    from napari_qsa.images.synthetic import synthetic_glas

    yield "immunohistochemistry", "Colon glands, immunohistochemistry", immunohistochemistry()
    pixels: Any
    for pixels, _, _ in synthetic_glas(1, seed=0):
        yield "synthetic", "Synthetic glands, H&E-like", Image(pixels, GLAS_PIXEL_SIZE)
