"""Quantized ensembles that segment histology and say where they are unsure.

Importing this package is cheap: the public names are loaded when they are first used, and
only then do torch and scikit-image follow.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_qsa.ensemble.ensemble import Ensemble
    from napari_qsa.ensemble.prediction import Prediction
    from napari_qsa.errors import QsaError

__version__ = "0.1.0"
__all__ = ["Ensemble", "Prediction", "QsaError", "__version__"]

_HOMES = {
    "Ensemble": "napari_qsa.ensemble.ensemble",
    "Prediction": "napari_qsa.ensemble.prediction",
    "QsaError": "napari_qsa.errors",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module at first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
