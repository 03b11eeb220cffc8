"""Folders of images with labels, as a list of items: GlaS as downloaded, or any other."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os.path import commonpath
from pathlib import Path

from napari_qsa.errors import DatasetError, ImageError
from napari_qsa.images.folder import Pair, natural, scan_files, scan_folder
from napari_qsa.images.glas import GLAS_PIXEL_SIZE, Case, glas_part, is_glas, read_grades
from napari_qsa.images.item import ALL, Item
from napari_qsa.images.listing import SUFFIX, read_listing
from napari_qsa.images.not_square import not_square
from napari_qsa.images.predictions import passed_over
from napari_qsa.images.reading import count_pages
from napari_qsa.wording import counted

__all__ = ["ALL", "GLAS_PIXEL_SIZE", "Dataset", "Item", "open_dataset", "open_images"]


@dataclass(frozen=True)
class Dataset:
    """What a folder, or the files of a command line, hold.

    Attributes
    ----------
    root : Path
        The folder.
    items : tuple of Item
        In natural order: 2 before 10.
    pixel_size : float or None
        In µm. If not None it is that of every item.
    problems : tuple of str
        A sentence for each file that was left out.
    notes : tuple of str
        Sentences about what was passed over, or is taken for what it is not quite.
    """

    root: Path
    items: tuple[Item, ...]
    pixel_size: float | None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def part(self, name: str) -> "Dataset":
        """Keep the items of one part.

        ``"all"`` keeps all of them, and so does ``"train"`` where nothing is set aside for
        testing: neither a training nor a test part exists.

        Raises
        ------
        DatasetError
            If there is no such part.
        """
        parts = sorted({item.part for item in self.items})
        undivided = not any(part == "train" or part.startswith("test") for part in parts)
        if name == ALL or (name == "train" and undivided):
            return self
        if name not in parts:
            raise DatasetError(f"{self.root} has no part {name!r}: it has {', '.join(parts)}.")
        return replace(self, items=tuple(item for item in self.items if item.part == name))

    def labelled(self) -> "Dataset":
        """Keep the items that have labels."""
        return replace(self, items=tuple(item for item in self.items if item.label is not None))


def open_dataset(path: str | Path) -> Dataset:
    """List the images of a folder with their labels.

    The folder is GlaS's if at least half of its images are called ``train_N``, ``testA_N``
    or ``testB_N``. In any folder, the labels of ``X.*`` are ``X_anno.*``, ``X_labels.*``,
    ``X_label.*``, ``X_mask.*`` or ``X_masks.*`` beside it, or ``X.*`` in a folder
    ``labels``, ``label``, ``masks`` or ``mask`` inside or beside the images' folder. Where
    a folder holds no images, those of its folder ``images`` or ``image``, else of all its
    subfolders, are taken. Of the folders ``imagesTr`` and ``imagesTs`` of the Medical Segmentation
    Decathlon the labels are in ``labelsTr`` and ``labelsTs``, and volumes may have ``X_seg.*``
    beside them. Each page of a stack, and each slice of a volume, is an item. Files are told
    from their first bytes, pixels are not read. What napari-qsa predicted (`is_prediction`) is
    taken neither as an image nor as labels.

    Instead of a folder it may be a list of images (`encode_listing`), a JSON file.

    Raises
    ------
    DatasetError
        If there is no such folder, or no image in it.
    """
    root = Path(path)
    if root.suffix.lower() == SUFFIX and root.is_file():
        return Dataset(root, read_listing(root), None)
    if not root.is_dir():
        reason = "is not a folder" if root.exists() else "does not exist"
        raise DatasetError(f"{root} {reason}: give a folder of images.")
    try:
        scan = scan_folder(root)
    except OSError as error:
        raise DatasetError(f"{root} cannot be listed ({error.strerror}): check it.") from error
    items: list[Item] = []
    problems = list(scan.problems)
    glas: list[bool] = []
    for folder in scan.folders:
        cases, complaints = read_grades(folder.path)
        problems += complaints
        glas.append(is_glas([pair.stem for pair in folder.pairs]))
        part = ALL if folder.part in ("", ".") else folder.part
        for pair in folder.pairs:
            found = _items(pair, part, cases.get(pair.stem), glas[-1])
            items += found[0]
            problems += found[1]
    if not items and not problems:
        if scan.predictions:
            raise DatasetError(
                f"{root} holds nothing but predictions of napari-qsa: give the folder of images."
            )
        raise DatasetError(
            f"{root} holds no PNG, JPEG, TIFF, BMP or NIfTI images: give another folder."
        )
    pixel_size = GLAS_PIXEL_SIZE if glas and all(glas) else None
    problems = list(dict.fromkeys(problems))  # a package that is missing is one problem
    notes = passed_over(list(scan.predictions)) + not_square(item.image for item in items)
    return Dataset(root, _named(items), pixel_size, tuple(problems), notes)


def open_images(paths: Sequence[str | Path]) -> Dataset:
    """List files and folders given on a command line; what cannot be used is a problem.

    Labels and pixel sizes are found as by `open_dataset`, each item's whatever else is given.
    """
    items: list[Item] = []
    problems: list[str] = []
    notes: list[str] = []
    pixel_sizes: set[float | None] = set()
    given = list(dict.fromkeys(Path(path) for path in paths))
    folders = [path for path in given if path.is_dir()]
    for folder in folders:
        try:
            dataset = open_dataset(folder)
        except DatasetError as error:
            problems.append(str(error))
            continue
        items += dataset.items
        problems += dataset.problems
        notes += dataset.notes
        pixel_sizes.add(dataset.pixel_size)
    pairs, predictions = scan_files([path for path in given if path not in folders])
    notes += passed_over(predictions)
    singles: list[Item] = []
    for pair in pairs:
        found, complaints = _items(pair, ALL, None, glas=False)
        singles += found
        problems += complaints
        pixel_sizes.add(None)
    notes += not_square(item.image for item in singles)
    items += singles
    unique = {(item.image.absolute(), item.page): item for item in reversed(items)}
    pixel_size = pixel_sizes.pop() if len(pixel_sizes) == 1 else None
    told = tuple(dict.fromkeys(problems))
    said = tuple(dict.fromkeys(notes))
    return Dataset(_root(given), _named(unique.values()), pixel_size, told, said)


def _root(paths: Sequence[Path]) -> Path:
    folders = [path if path.is_dir() else path.parent for path in paths]
    try:
        return Path(commonpath([folder.absolute() for folder in folders]))
    except ValueError:  # nothing given, or on several drives
        return Path()


def _items(pair: Pair, part: str, case: Case | None, glas: bool) -> tuple[list[Item], list[str]]:
    """Make the items of one file, several for a stack, and the problems it has."""
    if glas:
        glas_name = glas_part(pair.stem)
        if glas_name is None:
            return [], [f"{pair.image} was left out: it is not named as the images of GlaS are."]
        part = glas_name
    patient, grade = (case.patient, case.grade) if case else (None, None)
    label, problems = pair.label, []
    try:
        pages = count_pages(pair.image)
    except ImageError as error:
        return [], [str(error)]
    if label is not None:
        try:
            if (label_pages := count_pages(label)) != pages:
                problems.append(
                    f"{label} was left out: it has {counted(label_pages, 'page')} and "
                    f"{pair.image.name} {pages}, and they must be as many{_remedy(label_pages)}."
                )
                label = None
        except ImageError as error:
            problems.append(str(error))
            label = None
    pixel_size = GLAS_PIXEL_SIZE if glas else None
    whole = Item(pair.stem, pair.image, label, part, patient, grade, pixel_size=pixel_size)
    if pages == 1:
        return [whole], problems
    numbered = [
        replace(whole, name=f"{pair.stem}_p{page + 1:04d}", page=page) for page in range(pages)
    ]
    return numbered, problems


def _remedy(label_pages: int) -> str:
    """Say what to do where a stack was perhaps written as one image of several channels."""
    if label_pages > 1:
        return ""
    return " (of a label stack, save each slice as a page: tifffile's photometric='minisblack')"


def _named(items: Iterable[Item]) -> tuple[Item, ...]:
    """Sort, and tell apart items of one name by extension, then by folder, then by number."""
    items = sorted(items, key=lambda item: (natural(item.part), natural(item.name), item.image))
    for longer in (_with_extension, _with_folder):
        repeated = _repeated(items)
        items = [
            replace(item, name=longer(item)) if item.name.casefold() in repeated else item
            for item in items
        ]
    taken: set[str] = set()
    for place, item in enumerate(items):
        name, number = item.name, 2
        while name.casefold() in taken:
            name, number = f"{item.name}_{number}", number + 1
        taken.add(name.casefold())
        items[place] = replace(item, name=name)
    return tuple(items)


def _repeated(items: Sequence[Item]) -> set[str]:
    counts = Counter(item.name.casefold() for item in items)
    return {name for name, count in counts.items() if count > 1}


def _with_extension(item: Item) -> str:
    return f"{item.name}_{item.image.suffix[1:].lower().replace('gz', 'nii_gz')}"


def _with_folder(item: Item) -> str:
    return f"{item.image.absolute().parent.name}_{item.name}"
