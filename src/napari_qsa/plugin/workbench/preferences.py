"""What the user prefers, as set on this plugin's page of napari's Preferences."""

from typing import Any

from napari.settings import get_plugin_settings

PLUGIN = "napari-qsa"


def get(group: str, name: str) -> Any:
    """Return a preference; the manifest's ``configurations`` name them and their defaults."""
    return getattr(getattr(get_plugin_settings(PLUGIN), group), name)
