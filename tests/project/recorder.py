"""Log all that is done to a folder, and make it again as it was at any moment of the log.

What a power cut leaves is not what was written: contents that were not flushed may be gone, and
so may names in a folder that was not flushed. `Disk` keeps both views.
"""

import builtins
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Step:
    """One thing done: mkdir, create, write, truncate, rename, unlink, fsync, or acknowledged."""

    kind: str
    path: str = ""
    offset: int = 0
    data: bytes = b""
    target: str = ""


class RecordedFile:
    """A file whose writes are logged."""

    def __init__(self, file: Any, path: str, log: list[Step]) -> None:
        self._file, self._path, self._log = file, path, log

    def write(self, data: Any) -> int:
        raw = data.encode() if isinstance(data, str) else bytes(data)
        self._log.append(Step("write", self._path, self._file.tell(), raw))
        return self._file.write(data)

    def truncate(self, size: int | None = None) -> int:
        size = self._file.truncate(size)
        self._log.append(Step("truncate", self._path, size))
        return size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "RecordedFile":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


class Recorder:
    """The log of one folder, while `recording`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.parent
        self.folder = folder
        self.log: list[Step] = []
        self._handles: dict[int, str] = {}

    def acknowledge(self) -> None:
        """Note that all that was asked for until now has returned."""
        self.log.append(Step("acknowledged"))

    def inside(self, path: Any) -> str | None:
        """The path relative to the folder's parent; None if it is not in the folder."""
        if isinstance(path, int):
            return None
        absolute = Path(os.path.abspath(os.fspath(path)))
        if not absolute.is_relative_to(self.folder):
            return None
        return absolute.relative_to(self.root).as_posix()

    @contextmanager
    def recording(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(io, "open", self._opening(io.open))
            patch.setattr(builtins, "open", io.open)
            patch.setattr(os, "open", self._os_opening(os.open))
            patch.setattr(os, "fsync", self._fsyncing(os.fsync))
            patch.setattr(os, "mkdir", self._simple("mkdir", os.mkdir))
            for name in ("unlink", "remove"):
                patch.setattr(os, name, self._simple("unlink", getattr(os, name)))
            for name in ("rename", "replace"):
                patch.setattr(os, name, self._renaming(getattr(os, name)))
            for name in ("rmdir", "link", "symlink", "truncate", "ftruncate", "pwrite"):
                patch.setattr(os, name, self._refusing(name, getattr(os, name)))
            yield

    def _opening(self, original):
        def opened(file, mode="r", *args, **kwargs):
            path = self.inside(file)
            before = path is not None and os.path.exists(file)
            found = original(file, mode, *args, **kwargs)
            if path is None or set(mode) <= set("rbt"):
                return found
            if not before or "w" in mode:
                self.log.append(Step("create", path))
            self._handles[found.fileno()] = path
            return RecordedFile(found, path, self.log)

        return opened

    def _os_opening(self, original):
        def opened(path, flags, *args, **kwargs):
            name = self.inside(path)
            before = name is not None and os.path.exists(path)
            handle = original(path, flags, *args, **kwargs)
            self._handles.pop(handle, None)
            if name is not None:
                self._handles[handle] = name
                if flags & os.O_CREAT and not before:
                    self.log.append(Step("create", name))
            return handle

        return opened

    def _fsyncing(self, original):
        def fsynced(handle):
            original(handle)
            if handle in self._handles:
                self.log.append(Step("fsync", self._handles[handle]))

        return fsynced

    def _simple(self, kind, original):
        def done(path, *args, **kwargs):
            original(path, *args, **kwargs)
            if (name := self.inside(path)) is not None:
                self.log.append(Step(kind, name))

        return done

    def _renaming(self, original):
        def renamed(source, target, **kwargs):
            original(source, target, **kwargs)
            names = self.inside(source), self.inside(target)
            if names != (None, None):
                assert None not in names, "a rename across the folder's border is not recorded"
                self.log.append(Step("rename", names[0], target=names[1]))

        return renamed

    def _refusing(self, name, original):
        def refused(path, *args, **kwargs):
            assert self.inside(path) is None, f"os.{name} is not recorded"
            return original(path, *args, **kwargs)

        return refused


class Content:
    """A file's bytes: as written, and as they survive a power cut."""

    def __init__(self) -> None:
        self.written = b""
        self.durable = b""


@dataclass
class Tree:
    """Folders and files by path."""

    folders: set[str]
    files: dict[str, bytes]


class Disk:
    """What the steps of a log leave behind."""

    def __init__(self) -> None:
        self.names: dict[str, Content | None] = {}  # None is a folder
        self.durable_names: dict[str, Content | None] = {}

    def do(self, step: Step) -> None:
        match step.kind:
            case "mkdir":
                self.names[step.path] = None
            case "create":
                self.names[step.path] = Content()
            case "write":
                content = self.names[step.path]
                content.written = overwritten(content.written, step.offset, step.data)
            case "truncate":
                content = self.names[step.path]
                content.written = content.written[: step.offset].ljust(step.offset, b"\0")
            case "rename":
                self.names[step.target] = self.names.pop(step.path)
            case "unlink":
                del self.names[step.path]
            case "fsync":
                self._flush(step.path)

    def _flush(self, path: str) -> None:
        content = self.names[path]
        if content is not None:
            content.durable = content.written
            return
        for names in (self.durable_names, self.names):
            for name in [name for name in names if name.rpartition("/")[0] == path]:
                if name in self.names:
                    self.durable_names[name] = self.names[name]
                else:
                    del self.durable_names[name]

    def killed(self) -> Tree:
        """The process has ended: all that was done holds."""
        return tree({name: c and c.written for name, c in self.names.items()})

    def contents_lost(self) -> Tree:
        """The power was cut: names hold, contents that were not flushed are gone."""
        return tree({name: c and c.durable for name, c in self.names.items()})

    def names_lost(self) -> Tree:
        """The power was cut: nothing holds but what was flushed."""
        # The project's folder itself lies in one that is not recorded: taken as flushed.
        top = {name: None for name in self.names if "/" not in name}
        durable = {name: c and c.durable for name, c in self.durable_names.items()}
        return tree(top | durable)


def overwritten(old: bytes, offset: int, data: bytes) -> bytes:
    return old[:offset].ljust(offset, b"\0") + data + old[offset + len(data) :]


def tree(names: dict[str, bytes | None]) -> Tree:
    """Leave out what lies in a folder that is not there."""
    folders = {name for name, content in names.items() if content is None}
    kept = {name for name in names if all(parent in folders for parent in list(parents(name)))}
    files = {name: names[name] for name in kept if names[name] is not None}
    return Tree(folders & kept, files)


def parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


class Replica:
    """A folder that is brought from one tree to the next by what differs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._now = Tree(set(), {})

    def show(self, new: Tree) -> None:
        for name in self._now.files.keys() - new.files.keys():
            (self.root / name).unlink()
        for name in sorted(self._now.folders - new.folders, reverse=True):
            (self.root / name).rmdir()
        for name in sorted(new.folders - self._now.folders):
            (self.root / name).mkdir()
        for name, content in new.files.items():
            if self._now.files.get(name) != content:
                (self.root / name).write_bytes(content)
        self._now = new


def tree_on_disk(folder: Path) -> Tree:
    root = folder.parent
    paths = [folder, *folder.rglob("*")]
    return Tree(
        {p.relative_to(root).as_posix() for p in paths if p.is_dir()},
        {p.relative_to(root).as_posix(): p.read_bytes() for p in paths if p.is_file()},
    )
