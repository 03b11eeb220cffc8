"""What a layer is, independent of its name: people rename, copy and delete layers.

The identity lies in ``layer.metadata["napari-qsa"]``, so that it survives the dock. A copy of a
layer copies its metadata too: a weak reference tells the original.
"""

import uuid
import weakref
from typing import Any

from napari.layers import Layer

KEY = "napari-qsa"
_originals: "weakref.WeakValueDictionary[str, Layer]" = weakref.WeakValueDictionary()


def unwrap(thing: Any) -> Any:
    """Return the object behind the proxy that napari gives to docks.

    A proxy is made anew at each access, so it can be neither compared nor referred to.
    """
    return getattr(thing, "__wrapped__", thing)


def record(layer: Layer) -> dict[str, Any]:
    """Return what is noted about a layer; empty for one that is not ours, or a copy of ours."""
    found = layer.metadata.get(KEY)
    if not isinstance(found, dict) or "id" not in found:
        return {}
    return found if _originals.setdefault(found["id"], layer) is layer else {}


def identify(layer: Layer, **facts: Any) -> str:
    """Give a layer an identity unless it has one, note `facts` about it, and return it."""
    noted = record(layer)
    if not noted:
        noted = {"id": uuid.uuid4().hex}
        _originals[noted["id"]] = layer
        layer.metadata[KEY] = noted
    noted.update(facts)
    return str(noted["id"])
