"""Start napari in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import napari_qsa

BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


def window_is_possible() -> bool:
    """Say whether there is a screen, and napari with a Qt binding is installed."""
    screen = sys.platform != "linux" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return screen and _is_installed("napari") and any(map(_is_installed, BINDINGS))


def run_window(module: str, *arguments: str) -> int:
    """Run a module that opens a window, and wait until it is closed.

    Parameters
    ----------
    module
        Such as ``napari_qsa.plugin.demo``; run as by ``python -m``.
    arguments
        Of its command line.

    Returns
    -------
    int
        Its exit status, 0 if all went well.
    """
    package = str(Path(napari_qsa.__file__).resolve().parent.parent)
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.call(
        [sys.executable, "-P", "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": path},
    )


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
