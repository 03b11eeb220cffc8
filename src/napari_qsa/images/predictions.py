"""Tell the files that napari-qsa predicted from what people made."""

from pathlib import Path

SOFTWARE = "napari-qsa"
PREDICTION = "napari-qsa prediction"
"""The description of a predicted TIFF file. With the software's name it is the marker: an image
editor that saves the file anew writes its own, and what was edited is the user's."""

_EXTENSIONS = (".tif", ".tiff")
_NAMED = 3


def is_prediction(path: Path) -> bool:
    """Tell whether a file carries the marker; what cannot be read does not."""
    if path.suffix.lower() not in _EXTENSIONS or not path.is_file():
        return False
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            return page.software == SOFTWARE and page.description == PREDICTION
    except Exception:  # what a parser raises on damaged bytes is not foreseeable
        return False


def passed_over(files: list[Path]) -> tuple[str, ...]:
    """Write the note about predictions that lay among the images, if there are any."""
    if not files:
        return ()
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    named = ", ".join(str(file) for file in files[:_NAMED])
    return (
        f"Predictions of napari-qsa are taken neither as images nor as labels ({named}{more}): "
        "to use one as labels, check it in an image editor and save it from there.",
    )
