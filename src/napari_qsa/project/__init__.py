"""A project: one folder of plain files with images, annotations, models, runs and scores."""

from napari_qsa.project.annotations import Summary
from napari_qsa.project.lock import Owner, ProjectLocked
from napari_qsa.project.project import Project
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.references import Added
from napari_qsa.project.revisions import Annotation, Revision

__all__ = [
    "Added",
    "Annotation",
    "ImageRecord",
    "Owner",
    "Project",
    "ProjectLocked",
    "Revision",
    "Summary",
]
