import ast
import inspect
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name

MANIFEST = Path(__file__).parents[2] / "src/napari_qsa/napari.yaml"
HEAVY = ("torch", "openvino", "onnxruntime", "skimage", "scipy", "pandas", "qtpy")


def loaded_by(program):
    program = f"import sys\n{program}\nprint([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.window  # importing the widget needs a Qt binding
def test_manifest_is_valid_and_what_it_names_exists():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    commands = {command.id for command in manifest.contributions.commands}
    used = {
        entry.command
        for entry in (
            *manifest.contributions.readers,
            *manifest.contributions.writers,
            *manifest.contributions.widgets,
            *manifest.contributions.sample_data,
        )
    }
    in_menus = {entry.command for menu in manifest.contributions.menus.values() for entry in menu}
    assert used | in_menus <= commands
    for command in manifest.contributions.commands:
        if command.id not in used:  # called from the palette, with nothing
            inspect.signature(import_python_name(command.python_name)).bind()


def test_napari_discovers_the_installed_plugin():
    (entry,) = metadata.entry_points(group="napari.manifest", name="napari-qsa")
    assert entry.value == "napari_qsa:napari.yaml"
    assert PluginManifest.from_distribution("napari-qsa").name == "napari-qsa"


def test_reading_the_manifest_loads_nothing_heavy():
    program = f"from npe2 import PluginManifest\nPluginManifest.from_file({str(MANIFEST)!r})"
    assert loaded_by(program) == "[]"


@pytest.mark.window
def test_the_commands_load_neither_torch_nor_a_runtime():
    program = (
        "from npe2 import PluginManifest\n"
        f"manifest = PluginManifest.from_file({str(MANIFEST)!r})\n"
        "[command.python_name for command in manifest.contributions.commands]\n"
        "manifest.validate_imports()"
    )
    assert not {"torch", "openvino", "onnxruntime"} & set(ast.literal_eval(loaded_by(program)))
