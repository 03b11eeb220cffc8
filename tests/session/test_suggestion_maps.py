"""The suggestion's own heatmaps: of the model that scored, made in the same pass."""

from typing import Any

import numpy as np

from napari_qsa.images import read_image


def read_map(bench: Any, image_id: str) -> Any:
    answers: list[Any] = []
    bench.workbench.suggester.read_map(image_id, answers.append)
    bench.until(lambda: answers)
    return answers[0]


def test_where_the_model_that_suggests_is_unsure(bench: Any) -> None:
    from fake_engine import predict

    image_id = bench.pool.rows[0].id
    assert read_map(bench, image_id) is None
    bench.workbench.suggester.suggest(k=2)
    bench.until(lambda: not bench.workbench.suggester.running)
    calls = len(bench.engine.asked)
    project = bench.desk.project
    expected = predict(project.path_of(image_id), pixel_size=0.5).uncertainty
    found = read_map(bench, image_id)
    assert found.shape == read_image(project.path_of(image_id)).pixels.shape[:2]
    assert np.abs(found - expected).max() <= 0.5 / 255
    assert len(bench.engine.asked) == calls, "nothing is worked out for it"
    assert bench.failures == []
