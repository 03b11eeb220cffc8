"""Results out: label images, float maps and tables, each written whole or not at all."""

from napari_qsa.formats.atomic import replacing, sync_folder
from napari_qsa.formats.labels import LABEL_FORMATS, LabelFormat, fit_numbers, save_labels
from napari_qsa.formats.tables import write_csv
from napari_qsa.formats.tiff import write_labels, write_map

__all__ = [
    "LABEL_FORMATS",
    "LabelFormat",
    "fit_numbers",
    "replacing",
    "save_labels",
    "sync_folder",
    "write_csv",
    "write_labels",
    "write_map",
]
