"""The shipped ensembles on a small project, in the real engine process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.errors import QsaError
from napari_qsa.images import open_dataset, read_image
from napari_qsa.jobs import Engine
from napari_qsa.project import Project
from napari_qsa.session.desk import Desk
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.proposals import Rules
from napari_qsa.session.segmenter import ProjectSegmenter
from napari_qsa.session.state import State
from napari_qsa.session.suggester import Suggester

SAMPLES = Path(__file__).parents[2] / "sample_data"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three of the sample images, cut to 160 pixels."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("samples") / "images"
    folder.mkdir()
    for number in (1, 2, 3):
        pixels = read_image(SAMPLES / f"train_{number}.bmp").pixels[:160, :160]
        Image.fromarray(pixels).save(folder / f"slide_{number}.png")
    return folder


@pytest.fixture
def project(tmp_path, pictures):
    with Project.create(tmp_path / "glands.qsa", "Glands", pixel_size=0.62) as project:
        project.add_images(open_dataset(pictures))
        project.set_role(project.images, "train")
        yield project


@pytest.fixture(scope="module")
def desk():
    inbox = Inbox()
    desk = Desk(inbox.post, Engine())
    desk.inbox = inbox
    desk.failures = []
    desk.failed.connect(desk.failures.append)
    yield desk
    desk.close()


def wait(desk, part):
    desk.inbox.run_until(lambda: not part.running, 300)
    assert desk.failures == []
    assert part.status.state is State.DONE


def test_a_round_and_its_predictions_are_those_of_the_ensembles(desk, project, pictures):
    from napari_qsa.ensemble.ensemble import Ensemble

    desk.put_project(project)
    suggester, segmenter = Suggester(desk), ProjectSegmenter(desk)
    batches, shown = [], []
    suggester.suggested.connect(batches.append)
    segmenter.shown.connect(shown.append)
    suggester.suggest(k=2)
    wait(desk, suggester)
    suggestive = Ensemble.load("glas-suggestive")
    scores = project.read_scores("glas-suggestive")
    assert scores.keys() == project.images.keys()
    last = list(project.images)[-1]
    alone = suggestive.predict(read_image(project.path_of(last)), pixel_size=0.62)
    assert scores[last].uncertainty == pytest.approx(alone.image_uncertainty, rel=1e-4)
    np.testing.assert_allclose(scores[last].descriptor, alone.descriptor, rtol=1e-3)
    picks = [pick.image_id for pick in batches[0].picks]
    assert len(picks) == 2
    segmenter.segment(picks)
    wait(desk, segmenter)
    segmenter.show(picks[0])
    desk.inbox.run_until(lambda: bool(shown), 60)
    plain = shown[-1]
    direct = Ensemble.load("glas-segmentation").predict(
        read_image(project.path_of(picks[0])), pixel_size=0.62
    )
    np.testing.assert_allclose(plain.probability, direct.probability, atol=1e-4)
    assert (plain.labels != direct.labels).mean() < 0.001
    assert len(plain.glands) == int(direct.labels.max()) > 0
    # The model's own rules, applied to what was stored, give what the engine gave, bit for bit.
    segmenter.set_rules(plain.own_rules.threshold, plain.own_rules.min_area_um2)
    desk.inbox.run_until(lambda: shown[-1].rules != Rules(), 60)
    np.testing.assert_array_equal(shown[-1].labels, plain.labels)
    suggester.close()
    segmenter.close()
    desk.put_project(None)


def test_two_projects_of_the_same_images_get_the_same_bytes(desk, tmp_path, pictures):
    seen = []
    for name in ("one", "two"):
        with Project.create(tmp_path / f"{name}.qsa", "Glands", pixel_size=0.62) as project:
            project.add_images(open_dataset(pictures))
            project.set_role(project.images, "train")
            desk.put_project(project)
            suggester, segmenter = Suggester(desk), ProjectSegmenter(desk)
            suggester.suggest(k=2)
            wait(desk, suggester)
            segmenter.segment(list(project.images)[:1])
            wait(desk, segmenter)
            files = [
                "images.json",
                "scores/glas-suggestive/scores.safetensors",
                *(p.relative_to(project.folder) for p in project.folder.glob("predictions/*/*")),
            ]
            seen.append({str(file): (project.folder / file).read_bytes() for file in files})
            desk.put_project(None)
            suggester.close()
            segmenter.close()
    assert len(seen[0]) == 3
    assert seen[0] == seen[1]


def test_cancel_ends_the_process_and_keeps_the_scores(desk, project):
    desk.put_project(project)
    suggester = Suggester(desk)
    suggester.suggest()
    desk.inbox.run_until(lambda: "slide_2" in suggester.status.message, 300)
    job = suggester._run.errand._job
    desk.inbox.run_until(job.running, 300)
    before = desk.engine.pid
    suggester.cancel()
    desk.inbox.run_until(lambda: not suggester.running, 60)
    assert suggester.status.state is State.CANCELLED
    assert len(project.read_scores("glas-suggestive")) == 1
    assert job.cancelled()
    assert desk.engine.submit(os.getpid).result(300) != before
    desk.put_project(None)
    suggester.close()


def test_an_unreadable_file_is_told_by_the_engine(desk, tmp_path):
    from napari_qsa.jobs import tasks

    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    job = desk.engine.submit(tasks.score_file, str(bad), None, "glas-suggestive")
    with pytest.raises(QsaError, match=r"bad\.png"):
        job.result(300)


def test_the_parts_load_no_network_in_this_process():
    program = (
        "import sys\n"
        "import napari_qsa.session.segmenter, napari_qsa.session.suggester\n"
        "import napari_qsa.session.exporter, napari_qsa.plugin.writers\n"
        "print([m for m in ('torch', 'openvino', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
