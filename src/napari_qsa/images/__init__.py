"""Pixels and labels in: GlaS, folders of images, stacks; pixel sizes; folds by patient."""

from napari_qsa.images.dataset import GLAS_PIXEL_SIZE, Dataset, open_dataset, open_images
from napari_qsa.images.folds import patient_folds, read_folds, write_folds
from napari_qsa.images.identity import sha256
from napari_qsa.images.item import REVIEWED, Item
from napari_qsa.images.listing import encode_listing, read_listing
from napari_qsa.images.reading import Image, count_pages, read_image, read_labels, to_unit
from napari_qsa.images.samples import immunohistochemistry
from napari_qsa.images.scaling import rescale, resize_to
from napari_qsa.images.synthetic import synthetic_glas, write_synthetic_glas

__all__ = [
    "GLAS_PIXEL_SIZE",
    "REVIEWED",
    "Dataset",
    "Image",
    "Item",
    "count_pages",
    "encode_listing",
    "immunohistochemistry",
    "open_dataset",
    "open_images",
    "patient_folds",
    "read_folds",
    "read_image",
    "read_labels",
    "read_listing",
    "rescale",
    "resize_to",
    "sha256",
    "synthetic_glas",
    "to_unit",
    "write_folds",
    "write_synthetic_glas",
]
