"""A workbench of plain objects, so that a tab is tested on what its signals say alone."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from psygnal import Signal

from napari_qsa.metrics.glands import gland_table
from napari_qsa.plugin.workbench import room
from napari_qsa.session.desk import Failure
from napari_qsa.session.model_list import ModelInfo
from napari_qsa.session.pool import Row
from napari_qsa.session.proposals import Proposal, Rules
from napari_qsa.session.state import State, Status
from napari_qsa.session.trainer import Plan, RunInfo

OWN_RULES = Rules(0.5, 150.0)


class Lane:
    """Does its work at once."""

    def do(self, work, then=None, failed=None):
        try:
            result = work()
        except Exception as error:
            failed(error)
        else:
            if then is not None:
                then(result)


class Desk:
    failed = Signal(Failure)
    project_changed = Signal()

    def __init__(self):
        self.project = SimpleNamespace(
            folder=Path("/data/colon.qsa"),
            problems=list,
            read_prediction=lambda *_: None,
            facts=SimpleNamespace(slots={"segmentation": (), "suggestive": ()}),
        )
        self.background = self.disk = Lane()

    def do(self, part, work, then=None):
        self.disk.do(work, then)

    def fail(self, part, error):
        self.failed.emit(Failure(str(error), "", part))


class Pool:
    rows_changed = Signal()
    row_changed = Signal(str)
    current_changed = Signal(object)

    def __init__(self):
        self.rows = ()
        self.current = None

    def put(self, *rows):
        self.rows = rows
        self.rows_changed.emit()

    def open(self, image_id):
        self.current = image_id
        self.current_changed.emit(image_id)


class Part:
    """What has long work; it notes each call in `calls`."""

    status_changed = Signal(Status)

    def __init__(self):
        self.status = Status()
        self.calls = []

    @property
    def running(self):
        return self.status.state is State.RUNNING

    def become(self, state, message="", fraction=None, details=""):
        self.status = Status(state, message, fraction, details)
        self.status_changed.emit(self.status)

    def cancel(self):
        self.calls.append(("cancel",))


class Segmenter(Part):
    predicted = Signal(str)
    shown = Signal(object)
    models_changed = Signal()

    def __init__(self):
        super().__init__()
        self.model = "abc"
        self.known = (
            ModelInfo("abc", "trained 2026-01-02 (abc)", "segmentation", "", 5, 5_600_000, True),
            ModelInfo("sug", "glas-suggestive", "suggestive", "", 4, 1_000_000, True),
            ModelInfo("glas", "glas-segmentation", "segmentation", "", 5, 5_600_000, False),
        )

    def models(self):
        return self.known

    def choose(self, model):
        self.calls.append(("choose", model))

    def segment(self, ids, model=None, tta=False, again=False):
        self.calls.append(("segment", tuple(ids), model, tta, again))

    def show(self, image_id):
        self.calls.append(("show", image_id))

    def set_rules(self, threshold, min_area_um2):
        self.calls.append(("rules", threshold, min_area_um2))


class Suggester(Part):
    suggested = Signal(object)

    def __init__(self):
        super().__init__()
        self.maps = {}

    def read_map(self, image_id, then):
        then(self.maps.get(image_id))

    def suggest(self, **options):
        self.calls.append(("suggest", options))


class Exporter(Part):
    has_volumes = False

    def export(self, what, folder, format, **options):
        self.calls.append(("export", what, folder, format, options))


class Trainer(Part):
    curves_changed = Signal()
    changed = Signal()
    finished = Signal(str)

    def __init__(self):
        super().__init__()
        self.curves = {}
        self.known = ()
        self.comparisons = {}
        self.planned = Plan(12, 3, 85, (), 10.0, None, 6_600_000, "glas-segmentation")

    def runs(self):
        return self.known

    def comparison(self, run_id):
        return self.comparisons.get(run_id)

    def plan(self, then, options=None):
        self.calls.append(("plan", options))
        then(self.planned)

    def __getattr__(self, name):
        if name in ("start", "resume", "adopt", "discard", "back"):
            return lambda *arguments: self.calls.append((name, *arguments))
        raise AttributeError(name)

    def put(self, *runs, **comparisons):
        self.known, self.comparisons = runs, comparisons
        self.changed.emit()


class Thumbnails:
    ready = Signal(str)

    def __init__(self):
        self.there = {}
        self.wanted = []

    def want(self, ids, *_):
        self.wanted = list(ids)

    def get(self, image_id):
        return self.there.get(image_id)


@pytest.fixture
def workbench():
    return SimpleNamespace(
        desk=Desk(),
        pool=Pool(),
        thumbnails=Thumbnails(),
        segmenter=Segmenter(),
        suggester=Suggester(),
        exporter=Exporter(),
        trainer=Trainer(),
        annotator=SimpleNamespace(flush=lambda _: True, save_now=lambda: None),
        close=lambda: None,
    )


@pytest.fixture
def viewer(workbench, qapp, monkeypatch):
    """A viewer without a window, whose docks share the fake workbench."""
    model = ViewerModel()
    monkeypatch.setitem(room._rooms, id(model), room.Room(model, workbench))
    return model


@pytest.fixture
def select(viewer):
    return room.room_of(viewer).select


@pytest.fixture
def image_row():
    def make(image_id, **facts):
        return Row(image_id, facts.pop("name", f"{image_id}.tif"), **facts)

    return make


def three_glands():
    labels = np.zeros((60, 80), np.int32)
    labels[5:15, 5:15] = 1
    labels[30:50, 40:50] = 2
    labels[20:24, 60:78] = 7
    return labels


@pytest.fixture
def proposal():
    def make(image_id="one", rules=None, labels=None):
        labels = three_glands() if labels is None else labels
        uncertainty = np.where(labels == 7, 0.25, 0.0).astype(np.float32)
        rules = rules or Rules()
        glands = gland_table(labels, 0.5, uncertainty)
        maps = (uncertainty, uncertainty, uncertainty)
        return Proposal(image_id, "abc", labels, *maps, glands, 0.5, (), rules, OWN_RULES)

    return make


@pytest.fixture
def run_info():
    def make(run_id="run", status="finished", **facts):
        usual = {"message": "", "fraction": 1.0, "seconds_left": None, "images": 12}
        facts = usual | {"validation": 3, "options": {}} | facts
        return RunInfo(run_id, "2026-01-02T03:04:05Z", status, **facts)

    return make
