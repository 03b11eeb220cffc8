"""Ensembles by content, slots and their history."""

from pathlib import Path

import pytest

from napari_qsa.ensemble import shipped
from napari_qsa.errors import EnsembleFileError, ProjectError
from napari_qsa.images import sha256
from napari_qsa.project import Project


def test_models_are_kept_by_content(project: Project, tmp_path: Path, ensemble_writer) -> None:
    file = ensemble_writer(tmp_path / "a.safetensors", 1)
    key = project.add_model(file)
    assert key == sha256(file)[:16]
    path = project.model_path(key)
    assert path == project.folder / "models" / f"{key}.safetensors"
    assert path.read_bytes() == file.read_bytes()
    written = path.stat().st_mtime_ns
    assert project.add_model(file) == key
    assert path.stat().st_mtime_ns == written, "never written again"
    assert project.models() == (key,)
    path.write_bytes(b"torn")
    assert project.add_model(file) == key
    assert path.read_bytes() == file.read_bytes()


def test_what_is_no_model(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(EnsembleFileError):
        project.add_model(tmp_path / "x.safetensors")
    with pytest.raises(ProjectError, match="no model 'abc'"):
        project.use_model("segmentation", "abc")
    with pytest.raises(ProjectError, match="no model"):
        project.model_path("../project")
    with pytest.raises(ProjectError, match="no slot"):
        project.use_model("other", "abc")
    assert project.models() == ()


def test_going_back_through_models(project: Project, tmp_path: Path, ensemble_writer) -> None:
    keys = [project.add_model(ensemble_writer(tmp_path / "m", seed)) for seed in range(3)]
    assert project.model_in("suggestive") is None
    with pytest.raises(ProjectError, match="No model was used"):
        project.back("suggestive")
    for key in keys:
        project.use_model("suggestive", key)
    assert project.back("suggestive") == keys[1]
    assert project.back("suggestive") == keys[0]
    with pytest.raises(ProjectError, match="No model was used"):
        project.back("suggestive")
    project.use_model("suggestive", keys[2])
    assert project.back("suggestive") == keys[0]
    assert project.model_in("suggestive") == keys[0]
    assert project.model_in("segmentation") is None
    assert len(project.facts.slots["suggestive"]) == 7
    project.close()
    with Project.open(project.folder) as again:
        assert again.facts == project.facts


@pytest.mark.skipif(not shipped.names(), reason="no ensemble is shipped")
def test_shipped_ensembles_can_be_used(project: Project) -> None:
    name = shipped.names()[0]
    project.use_model("segmentation", name)
    assert project.model_in("segmentation") == name
    assert project.model_path(name) == shipped.path(name)
