"""Make the layers of an opened image, each in the look it has at first."""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.compat import isalive

from napari_qsa.images.folder import stem_of
from napari_qsa.plugin.identity import identify
from napari_qsa.plugin.reader import place
from napari_qsa.plugin.results import OUTLINED_PIXELS
from napari_qsa.plugin.workbench import looks
from napari_qsa.plugin.workbench.heatmap import heatmap
from napari_qsa.session.annotator import Opened

KINDS = ("image", "uncertainty", "glands", "region", "proposal")
"""What the layers are noted as, from the lowest to the highest."""
PAINTED = ("glands", "region")
PREDICTED = ("uncertainty", "proposal")
OVERLAYS = KINDS[1:]


def is_shown(viewer: Any) -> bool:
    """Tell whether the layers of a viewer can still be changed: its window, if any, is there."""
    window = getattr(viewer, "window", None)
    shown = getattr(window, "_qt_window", None)  # napari takes it off a window that it closes
    return window is None or (shown is not None and isalive(shown))


def make_layer(kind: str, opened: Opened, proposal: Any = None) -> Layer:
    """Make a layer over the pixels of an opened image or of its proposal, without a copy.

    Parameters
    ----------
    kind
        One of `KINDS`.
    opened
        The image, and what is painted into.
    proposal
        What a model proposes for it; for the kinds in `PREDICTED`.
    """
    name = stem_of(opened.image.path) if opened.image.path else opened.image_id
    subject = proposal if kind in PREDICTED else opened
    options = place(opened.image.pixel_size)
    if kind == "image" and opened.slices is not None:
        options = _between_slices(options)
    layer = _MAKERS[kind](subject, name=f"{kind} · {name}", **options)
    if kind in PAINTED:
        layer.editable = not opened.read_only
    identify(layer, kind=kind, image=opened.image_id)
    return layer


def _between_slices(options: dict[str, Any]) -> dict[str, Any]:
    """Put slices one apart, so that a place on the slider is the number of a page."""
    if not options:
        return options
    return {"scale": (1.0, *options["scale"]), "units": ("um", *options["units"])}


def _image(opened: Opened, **options: Any) -> Layer:
    pixels = opened.image.pixels
    if pixels.shape[2] == 3:
        colours = pixels if opened.slices is None else opened.slices
        return Image(colours, rgb=True, **options)
    full = opened.image.full_scale or int(np.iinfo(pixels.dtype).max)
    gray = pixels[..., 0] if opened.slices is None else opened.slices
    return Image(gray, rgb=False, contrast_limits=(0, full), **options)


def _uncertainty(proposal: Any, **options: Any) -> Layer:
    return heatmap(proposal.uncertainty, **options)


def _glands(opened: Opened, **options: Any) -> Layer:
    layer = Labels(
        opened.glands, colormap=looks.glands_colormap(), opacity=looks.GLANDS_OPACITY, **options
    )
    layer.brush_size = looks.GLANDS_BRUSH
    layer.preserve_labels = True  # a stroke leaves the glands beside it alone
    return layer


def _region(opened: Opened, **options: Any) -> Layer:
    layer = Labels(
        opened.region,
        colormap=looks.region_colormap(False),
        features={"region": list(looks.REGION_WORDS)},
        opacity=1.0,
        **options,
    )
    layer.brush_size = looks.REGION_BRUSH
    return layer


def _proposal(proposal: Any, **options: Any) -> Layer:
    labels = proposal.labels
    outlined = labels.size <= OUTLINED_PIXELS
    opacity = 1.0 if outlined else looks.FILLED_OPACITY
    layer = Labels(labels, colormap=looks.proposal_colormap(), opacity=opacity, **options)
    layer.contour = looks.OUTLINE if outlined else 0
    layer.editable = False
    return layer


_MAKERS: dict[str, Callable[..., Layer]] = {
    "image": _image,
    "uncertainty": _uncertainty,
    "glands": _glands,
    "region": _region,
    "proposal": _proposal,
}
