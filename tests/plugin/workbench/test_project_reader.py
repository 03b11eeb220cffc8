"""napari opens folders by the workbench: projects, and images for one."""

import pytest

from napari_qsa.errors import QsaError
from napari_qsa.plugin.workbench import project_reader, projects, tabs

pytestmark = pytest.mark.window


@pytest.fixture(autouse=True)
def no_tabs(monkeypatch):
    """Leave the tabs out: they have tests of their own."""
    monkeypatch.setattr(tabs, "TABS", ())


def test_napari_opens_a_project_like_a_file(screen, project_folder):
    screen.viewer.open(project_folder, plugin="napari-qsa")
    screen.wait_for_project()
    assert len(screen.viewer.layers) == 0


def test_napari_opens_a_folder_of_images_like_a_dropped_one(shown, images):
    shown.viewer.open(images, plugin="napari-qsa")
    dialog = shown.find(projects.NewProject)
    assert dialog.images == images
    assert len(shown.viewer.layers) == 0
    dialog.reject()


def test_a_folder_without_a_window_is_refused_in_a_sentence(images, monkeypatch):
    monkeypatch.setattr(project_reader.napari, "current_viewer", lambda: None)
    read = project_reader.get_reader(str(images))
    with pytest.raises(QsaError, match="start napari first"):
        read(str(images))


def test_several_folders_at_once_are_refused_in_a_sentence(screen, images, tmp_path):
    paths = [str(images), str(tmp_path)]
    with pytest.raises(QsaError, match="one folder at a time"):
        project_reader.get_reader(paths)(paths)


def test_files_and_naparis_own_folders_are_left_to_napari(images, tmp_path):
    zarr = tmp_path / "x.zarr"
    zarr.mkdir()
    for path in (images / "one.png", zarr, tmp_path / "nothing.qsa"):
        assert project_reader.get_reader(str(path)) is None
