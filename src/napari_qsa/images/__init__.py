"""Pixels and labels in: GlaS, folders of images, stacks; pixel sizes; folds by patient."""

from napari_qsa.images.dataset import (
    GLAS_PIXEL_SIZE,
    Dataset,
    Item,
    open_dataset,
    open_images,
)
from napari_qsa.images.folds import patient_folds, read_folds, write_folds
from napari_qsa.images.identity import sha256
from napari_qsa.images.reading import Image, count_pages, read_image, read_labels, to_unit
from napari_qsa.images.samples import immunohistochemistry
from napari_qsa.images.scaling import rescale, resize_to
from napari_qsa.images.synthetic import synthetic_glas, write_synthetic_glas

__all__ = [
    "GLAS_PIXEL_SIZE",
    "Dataset",
    "Image",
    "Item",
    "count_pages",
    "immunohistochemistry",
    "open_dataset",
    "open_images",
    "patient_folds",
    "read_folds",
    "read_image",
    "read_labels",
    "rescale",
    "resize_to",
    "sha256",
    "synthetic_glas",
    "to_unit",
    "write_folds",
    "write_synthetic_glas",
]
