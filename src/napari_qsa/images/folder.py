"""Find the images of a folder, and which file labels which."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_qsa.images.files import VOLUME_EXTENSIONS, has_known_name, is_volume
from napari_qsa.images.predictions import is_prediction

LABEL_SUFFIXES = ("_anno", "_labels", "_label", "_mask", "_masks")
VOLUME_LABEL_SUFFIX = "_seg"
"""Of volumes only."""
LABEL_FOLDERS = ("labels", "label", "masks", "mask")
IMAGE_FOLDERS = ("images", "image")
DECATHLON = {"imagestr": ("train", "labelstr"), "imagests": ("test", "labelsts")}
"""Of the Medical Segmentation Decathlon: folders of images, their part, and where labels are."""
MAP_SUFFIXES = ("_probability", "_uncertainty", "_separator", "_region")
"""Maps that a segmentation or an export left beside its image: they are no images."""

DEPTH = 3
"""How many levels of subfolders are searched for images."""


@dataclass(frozen=True)
class Pair:
    """An image file and, if there is one, its label file."""

    stem: str
    image: Path
    label: Path | None


@dataclass(frozen=True)
class Folder:
    """The pairs of one folder, which is the part `part` of what was opened."""

    path: Path
    part: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Scan:
    """What was found at or below a folder.

    Attributes
    ----------
    folders : tuple of Folder
        Those that hold images.
    problems : tuple of str
        A sentence for each mask without an image.
    predictions : tuple of Path
        Files that napari-qsa predicted: they are taken neither as images nor as labels.
    """

    folders: tuple[Folder, ...]
    problems: tuple[str, ...]
    predictions: tuple[Path, ...]


def natural(text: str) -> list[tuple[int, int, str]]:
    """Give a sort key by which 2 comes before 10."""
    pieces = re.split(r"(\d+)", text.casefold())
    return [
        (1, int(piece), "") if piece.isascii() and piece.isdigit() else (0, 0, piece)
        for piece in pieces
    ]


def stem_of(path: Path) -> str:
    """Return the name without its extension, of which ``.ome.tif`` and ``.nii.gz`` are some."""
    volume = next((end for end in VOLUME_EXTENSIONS if path.name.lower().endswith(end)), None)
    if volume is not None:
        return path.name[: -len(volume)]
    stem = path.stem
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") else stem


def scan_folder(root: Path) -> Scan:
    """Find the image folders at or below `root`, and the masks without an image.

    Raises
    ------
    OSError
        If a folder cannot be listed.
    """
    folders: list[Folder] = []
    problems: list[str] = []
    predictions: set[Path] = set()
    _descend(root, root, DEPTH, folders, problems, predictions)
    return Scan(tuple(folders), tuple(problems), tuple(sorted(predictions)))


def scan_files(paths: Sequence[Path]) -> tuple[list[Pair], list[Path]]:
    """Find the labels of single image files.

    Returns
    -------
    pairs : list of Pair
        One for each file that is no prediction; it is not looked at otherwise.
    predictions : list of Path
        The other ones.
    """
    predictions = {path: is_prediction(path) for path in paths}
    paths = [path for path in paths if not predictions[path]]
    parents = {path.parent for path in paths if path.parent.is_dir()}
    labels = {
        parent: (_labels_beside(_files(parent, set())), _labels_in_folders(parent, set()))
        for parent in parents
    }
    pairs = []
    for path in paths:
        stem = stem_of(path)
        found = [
            label
            for some in labels.get(path.parent, ())
            for label in some.get(stem.casefold(), [])
            if label != path
        ]
        pairs.append(Pair(stem, path, found[0] if found else None))
    return pairs, [path for path, is_one in predictions.items() if is_one]


def _descend(
    root: Path,
    folder: Path,
    depth: int,
    folders: list[Folder],
    problems: list[str],
    predictions: set[Path],
) -> None:
    files = _files(folder, predictions)
    if not files:
        subfolders = sorted(
            (entry for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."),
            key=lambda entry: natural(entry.name),
        )
        named = [entry for entry in subfolders if entry.name.lower() in IMAGE_FOLDERS][:1]
        named = named or [entry for entry in subfolders if entry.name.lower() in DECATHLON]
        if depth:
            for entry in named or subfolders:
                if entry.name.lower() not in LABEL_FOLDERS:
                    _descend(root, entry, depth - 1, folders, problems, predictions)
        return
    name = folder.name.lower()
    place = folder.parent if name in IMAGE_FOLDERS and folder != root else folder
    pairs, orphans = _pairs(folder, files, predictions)
    problems += [
        f"{label} is a mask without an image: put its image by it, or remove it."
        for label in orphans
    ]
    part = place.relative_to(root).as_posix()
    if name in DECATHLON and folder.parent == root:
        part = DECATHLON[name][0]
    folders.append(Folder(folder, part, tuple(pairs)))


def _pairs(
    folder: Path, files: list[Path], predictions: set[Path]
) -> tuple[list[Pair], list[Path]]:
    beside = _labels_beside(files)
    aside = {label for labels in beside.values() for label in labels}
    images = [file for file in files if file not in aside]
    stems = {stem_of(image).casefold() for image in images}
    images = [image for image in images if not _is_map(image, stems)]
    inside = _labels_in_folders(folder, predictions)
    pairs = []
    for image in images:
        stem = stem_of(image)
        labels = beside.get(stem.casefold(), []) + inside.get(stem.casefold(), [])
        pairs.append(Pair(stem, image, labels[0] if labels else None))
    orphans = [label for stem in beside.keys() - stems for label in beside[stem]]
    if inside.keys() & stems:  # else that folder belongs to other images
        orphans += [label for stem in inside.keys() - stems for label in inside[stem]]
    return pairs, sorted(orphans)


def _files(folder: Path, predictions: set[Path]) -> list[Path]:
    """List the images and labels of a folder; what was predicted joins `predictions` instead."""
    files = []
    for entry in folder.iterdir():
        if has_known_name(entry) and entry.name[0] != "." and entry.is_file():
            if is_prediction(entry):
                predictions.add(entry)
            else:
                files.append(entry)
    return sorted(files, key=lambda file: (natural(stem_of(file)), file.name))


def _labels_beside(files: list[Path]) -> dict[str, list[Path]]:
    """Label files by the stem of their image in lower case, those named first come first."""
    labels: dict[str, list[Path]] = defaultdict(list)
    for suffix in (*LABEL_SUFFIXES, VOLUME_LABEL_SUFFIX):
        for file in files:
            stem = stem_of(file).casefold()
            known = suffix != VOLUME_LABEL_SUFFIX or is_volume(file)
            if known and stem.endswith(suffix) and stem != suffix:
                labels[stem.removesuffix(suffix)].append(file)
    return dict(labels)


def _labels_in_folders(folder: Path, predictions: set[Path]) -> dict[str, list[Path]]:
    """Label files of the folders inside `folder`, else of those beside it."""
    for parent in (folder, folder.parent):
        for place in _label_folders(folder, parent):
            if place != folder:
                files = _files(place, predictions)
                labels = _labels_beside(files)
                suffixed = {file for some in labels.values() for file in some}
                for file in files:
                    if file not in suffixed:
                        labels.setdefault(stem_of(file).casefold(), []).insert(0, file)
                return labels
    return {}


def _label_folders(folder: Path, parent: Path) -> list[Path]:
    """Give the folders in `parent` that may hold the labels of a folder's images."""
    named = [parent / name for name in LABEL_FOLDERS]
    if folder.name.lower() in DECATHLON and parent == folder.parent:
        wanted = DECATHLON[folder.name.lower()][1]
        named = [*(entry for entry in parent.iterdir() if entry.name.lower() == wanted), *named]
    return [place for place in named if place.is_dir()]


def _is_map(file: Path, stems: set[str]) -> bool:
    stem = stem_of(file).casefold()
    return any(
        stem.endswith(suffix) and stem.removesuffix(suffix) in stems for suffix in MAP_SUFFIXES
    )
