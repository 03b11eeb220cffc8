"""A project: one folder of plain files with images, annotations, models, runs and scores."""

from napari_qsa.project.adding import Added
from napari_qsa.project.annotations import Summary
from napari_qsa.project.facts import Facts
from napari_qsa.project.lock import Owner, ProjectLocked, ProjectNotOwned
from napari_qsa.project.project import Project
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.revisions import Annotation, Revision
from napari_qsa.project.roles import Assigned
from napari_qsa.project.rounds import Round
from napari_qsa.project.runs import Input, Run
from napari_qsa.project.scores import Score

__all__ = [
    "Added",
    "Annotation",
    "Assigned",
    "Facts",
    "ImageRecord",
    "Input",
    "Owner",
    "Project",
    "ProjectLocked",
    "ProjectNotOwned",
    "Revision",
    "Round",
    "Run",
    "Score",
    "Summary",
]
