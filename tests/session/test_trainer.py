"""Training on a project: a process of its own, watched, stopped, resumed and adopted."""

from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory, ensemble_maker) -> Iterator[tuple[Any, str]]:
    """A project with one run that is trained to its end."""
    from training_room import Room, make_project

    project = make_project(tmp_path_factory.mktemp("trained"), ensemble_maker)
    room = Room(project)
    try:
        yield room, room.train()
    finally:
        room.close()
        project.close()


def test_a_training_ends_with_both_models(trained) -> None:
    room, run_id = trained
    (run,) = room.trainer.runs()
    assert (run.id, run.status, run.images, run.validation) == (run_id, "finished", 3, 1)
    print(room.trainer.curves)
    print(room.trainer.comparison(run_id))
