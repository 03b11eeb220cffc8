"""Starting from an ensemble: the same function, still trainable, and no leak into a fold."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.card import TrainingImage as Record
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.member import MemberTrainer
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage
from napari_qsa.ensemble.training.start import start_digest
from napari_qsa.ensemble.training.warm_start import check_start, take_over
from napari_qsa.errors import TrainingError
from napari_qsa.networks import build_network
from napari_qsa.quantization import freeze, prepare

OPTIONS = TrainingOptions(
    network="unet", network_options={"width": 4}, members=1, iterations=8, batch=2, crop=64
)
CARD = EnsembleCard(
    role="segmentation",
    network="unet",
    network_options={"width": 4},
    in_channels=3,
    members=1,
    weights="float",
    activations="float",
    pixel_size=1.24,
    source_pixel_size=0.62,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    halo=16,
    stride=16,
)


def trained_network(seed: int) -> torch.nn.Module:
    """A frozen network with statistics of its own, which ImageNet or He would not give."""
    torch.manual_seed(seed)
    network = prepare(build_network("unet", width=4)).train()
    for _ in range(5):
        network(torch.randn(4, 3, 32, 32) * 2 + 1)
    return freeze(network)


def images(folds: tuple[int, ...]) -> list[TrainingImage]:
    torch.manual_seed(1)
    return [
        TrainingImage(
            f"image {n}", f"{n:064x}", fold, torch.randint(0, 256, (5, 80, 80), dtype=torch.uint8)
        )
        for n, fold in enumerate(folds)
    ]


def test_takes_over_the_function_and_stays_trainable() -> None:
    source = trained_network(0)
    torch.manual_seed(9)
    network = prepare(build_network("unet", width=4)).train()
    batch = torch.randn(4, 3, 64, 64)
    assert not torch.allclose(network.eval()(batch).logits, source(batch).logits, atol=0.1)
    take_over(network, source, [batch])
    torch.testing.assert_close(
        network.eval()(batch).logits, source(batch).logits, rtol=1e-3, atol=1e-3
    )
    # On the very batch the statistics were measured on, training mode is the same function too.
    torch.testing.assert_close(
        network.train()(batch).logits, source(batch).logits, rtol=1e-3, atol=1e-3
    )
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_a_run_begins_with_the_members_of_the_start(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    Ensemble([trained_network(3)], CARD).save(path)
    options = replace(OPTIONS, start=str(path))
    first: dict[str, torch.Tensor] = {}

    class Stop(Exception):
        pass

    def stop(event: dict[str, object]) -> None:
        if event["event"] == "phase":
            raise Stop

    trainer = MemberTrainer(
        images((-1, -1)), options, 0, tmp_path / "run", (CARD.mean, CARD.std), report=stop
    )
    with pytest.raises(Stop):
        trainer.run()
    first = trainer.network.state_dict()
    source = Ensemble.load(path).networks()[0].state_dict()
    assert torch.equal(first["head.weight"], source["head.weight"])
    assert torch.equal(first["down.0.0.0.weight"], source["down.0.0.0.weight"])


def test_a_start_that_has_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    Ensemble([trained_network(3)], CARD).save(path)
    digest = start_digest(str(path))
    Ensemble([trained_network(4)], CARD).save(path)
    trainer = MemberTrainer(
        images((-1, -1)),
        replace(OPTIONS, start=str(path)),
        0,
        tmp_path / "run",
        (CARD.mean, CARD.std),
        start_sha256=digest,
    )
    with pytest.raises(TrainingError, match="not the one this run started from"):
        trainer.run()


def test_the_float_phase_of_another_start_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    Ensemble([trained_network(3)], CARD).save(path)

    def trainer(folder: str, digest: str | None, source: Path | None = None) -> MemberTrainer:
        return MemberTrainer(
            images((-1, -1)),
            replace(OPTIONS, start=str(path), weights="float"),
            0,
            tmp_path / folder,
            (CARD.mean, CARD.std),
            start_from=source,
            start_sha256=digest,
        )

    trainer("old", None).run()  # of a version that did not record what it started from
    trainer("new", start_digest(str(path))).run()
    trainer("a", start_digest(str(path)), tmp_path / "old").run()
    trainer("b", start_digest(str(path)), tmp_path / "new").run()
    with pytest.raises(TrainingError, match="other images or options"):
        trainer("c", "0" * 64, tmp_path / "new").run()


def test_refuses_another_network() -> None:
    with pytest.raises(TrainingError, match="ask for the same network"):
        check_start(CARD, replace(OPTIONS, network_options={"width": 8}), images((-1,)))


def test_refuses_a_start_that_has_seen_a_held_out_image() -> None:
    pool = images((0, 1))
    seen = replace(CARD, training=tuple(Record(i.name, i.sha256, None) for i in pool))
    check_start(seen, OPTIONS, pool)  # bootstraps hold nothing out
    with pytest.raises(TrainingError, match="image 0"):
        check_start(seen, replace(OPTIONS, folds=2), pool)
    with pytest.raises(TrainingError, match="image 1"):
        check_start(seen, replace(OPTIONS, folds=2, fold=1), pool)


def test_takes_a_start_with_the_same_folds_only() -> None:
    pool = images((0, 1))
    records = tuple(Record(i.name, i.sha256, i.fold) for i in pool)
    same = replace(CARD, members=2, folds=2, training=records)
    check_start(same, replace(OPTIONS, folds=2, members=2), pool)
    turned = tuple(Record(i.name, i.sha256, 1 - i.fold) for i in pool)
    with pytest.raises(TrainingError, match="would flatter"):
        check_start(replace(same, training=turned), replace(OPTIONS, folds=2, members=2), pool)
    copied = (Record("copy", pool[0].sha256, 1), *records)  # then every member saw image 0
    with pytest.raises(TrainingError, match="would flatter"):
        check_start(replace(same, training=copied), replace(OPTIONS, folds=2, members=2), pool)
