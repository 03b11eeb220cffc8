"""Asking for the next images of a project, on an engine that answers in this process."""

from dataclasses import replace

import numpy as np
import pytest

from napari_qsa.ensemble import card as cards
from napari_qsa.ensemble.card import TrainingImage
from napari_qsa.errors import EngineError, EnsembleFileError, ImageError
from napari_qsa.session import scoring
from napari_qsa.session.state import State
from napari_qsa.session.suggester import Suggester
from napari_qsa.suggestion import strategy_names

MODEL = "glas-suggestive"


@pytest.fixture
def suggester(room):
    suggester = Suggester(room.desk)
    suggester.batches = []
    suggester.suggested.connect(suggester.batches.append)
    yield suggester
    suggester.close()


def accept(project, ids, gland=1):
    for image_id in ids:
        glands = np.zeros(project.image(image_id).shape, np.uint16)
        glands[3:9, 3:9] = gland
        project.accept(image_id, glands, np.ones_like(glands))


def ids_of(picks):
    return [pick.image_id for pick in picks]


def ask(room, suggester, **options):
    suggester.suggest(**options)
    room.wait(suggester)
    return suggester.batches[-1] if suggester.status.state is State.DONE else None


def test_a_round_asks_for_images_and_marks_them(room, project, suggester):
    batch = ask(room, suggester, k=4)
    assert room.failures == []
    assert suggester.status.state is State.DONE
    assert (batch.round, len(batch.picks), batch.model) == (1, 4, MODEL)
    assert [pick.rank for pick in batch.ranking] == list(range(1, 13))
    assert [pick.picked for pick in batch.ranking] == [True] * 4 + [False] * 8
    asked = [i for i, r in project.images.items() if (r.round, r.asked_for) == (1, "annotate")]
    assert sorted(ids_of(batch.picks)) == sorted(asked)
    assert project.read_scores(MODEL).keys() == project.images.keys()


def test_the_same_project_and_seed_give_the_same_ranks_and_bytes(tmp_path, pictures, make_room):
    from napari_qsa.images import open_dataset
    from napari_qsa.project import Project

    seen = []
    for name in ("one", "two"):
        with Project.create(tmp_path / f"{name}.qsa", "Glands", pixel_size=0.5, seed=3) as project:
            project.add_images(open_dataset(pictures))
            project.assign_roles()
            room = make_room(project)
            suggester = Suggester(room.desk)
            batches = []
            suggester.suggested.connect(batches.append)
            suggester.suggest(k=3)
            room.wait(suggester)
            scores = (project.folder / "scores" / MODEL / "scores.safetensors").read_bytes()
            images = (project.folder / "images.json").read_bytes()
            seen.append((batches[0], scores, images))
            suggester.close()
    assert seen[0] == seen[1]


def test_a_second_call_scores_only_what_is_new(room, project, suggester):
    ask(room, suggester, k=2)
    assert len(room.engine.stems("score_file")) == 12
    first = ids_of(suggester.batches[0].picks)
    accept(project, first)
    batch = ask(room, suggester, k=2)
    assert len(room.engine.stems("score_file")) == 12
    assert batch.round == 2
    assert not set(first) & set(ids_of(batch.ranking))


def test_scores_of_another_pixel_size_are_made_anew(room, project, suggester):
    ask(room, suggester)
    project.set_pixel_size(0.25)
    ask(room, suggester)
    assert len(room.engine.asked) == 24
    assert {score.pixel_size for score in project.read_scores(MODEL).values()} == {0.25}


@pytest.mark.parametrize("strategy", strategy_names())
def test_every_strategy_asks_for_images_of_a_project(room, project, suggester, strategy):
    batch = ask(room, suggester, k=4, strategy=strategy, he_glands=True)
    assert room.failures == []
    assert len(batch.picks) == 4
    assert sorted(ids_of(batch.ranking)) == sorted(
        i for i, record in project.images.items() if record.role == "train"
    )


def test_scores_that_lack_what_a_strategy_needs_are_made_anew(room, project, suggester):
    ask(room, suggester)
    assert all(score.embedding is None for score in project.read_scores(MODEL).values())
    batch = ask(room, suggester, strategy="entropy")
    assert len(room.engine.asked) == 12, "the numbers of the first round are enough"
    earlier = {i: replace(s, columns={}) for i, s in project.read_scores(MODEL).items()}
    project.save_scores(MODEL, earlier)
    ask(room, suggester)
    assert len(room.engine.asked) == 12
    assert ids_of(ask(room, suggester, strategy="entropy").ranking) == ids_of(batch.ranking)
    assert len(room.engine.asked) == 24
    ask(room, suggester, strategy="badge", he_glands=True)
    ask(room, suggester, strategy="badge", he_glands=True)
    assert len(room.engine.asked) == 36, "the gradient embeddings are made once"


def test_a_cold_start_overrules_only_what_goes_by_uncertainty(room, project, suggester):
    by_entropy = ask(room, suggester, k=3, strategy="entropy")
    representative = ask(room, suggester, k=3, strategy="representative")
    coreset = ask(room, suggester, k=3, strategy="coreset")
    assert "uncertainty is only shown" in by_entropy.notes[0]
    assert not any("only shown" in note for note in representative.notes + coreset.notes)
    assert ids_of(by_entropy.ranking)[:3] == ids_of(representative.ranking)[:3]


def test_cancelled_in_the_middle_keeps_what_was_scored(room, project, suggester):
    room.engine.hold_after = 5
    suggester.suggest(k=2)
    room.inbox.run_until(lambda: bool(room.engine.held), 20)
    suggester.cancel()
    room.wait(suggester)
    assert suggester.status.state is State.CANCELLED
    assert room.engine.held[0][0].cancelled()
    assert len(project.read_scores(MODEL)) == 5
    assert suggester.batches == []
    assert all(record.round is None for record in project.images.values())
    room.engine.hold_after = None
    ask(room, suggester, k=2)
    assert len(room.engine.asked) == 5 + 1 + 7, "only those without a score are asked for again"


def test_a_cancel_writes_the_scores_also_where_nobody_listens_any_more(room, project, suggester):
    room.engine.hold_after = 3
    suggester.suggest()
    room.inbox.run_until(lambda: bool(room.engine.held), 20)
    suggester.cancel()
    assert suggester.flush(20)
    assert len(project.read_scores(MODEL)) == 3


def test_scores_are_written_while_others_are_still_made(room, project, suggester, monkeypatch):
    monkeypatch.setattr(scoring, "SAVE_EVERY", 3)
    told = []
    suggester.scores_changed.connect(lambda: told.append(len(project.read_scores(MODEL))))
    room.engine.hold_after = 7
    suggester.suggest()
    room.inbox.run_until(lambda: len(told) == 2, 20)
    assert told == [3, 6]


@pytest.mark.parametrize("broken", ["file", "engine"])
def test_an_image_that_cannot_be_used_does_not_stop_the_others(
    room, project, pictures, suggester, broken
):
    bad = next(i for i, r in project.images.items() if r.name == "slide_03")
    if broken == "file":
        (pictures / "slide_03.png").write_bytes(b"nothing to see")
    else:
        room.engine.errors["slide_03"] = ImageError("slide_03 is too dark.")
    batch = ask(room, suggester, k=2)
    assert project.read_scores(MODEL).keys() == project.images.keys() - {bad}
    assert bad not in ids_of(batch.ranking)
    assert len(room.failures) == 1
    assert "slide_03" in room.failures[0]
    assert "1 image could not be scored." in batch.notes


def test_an_engine_that_always_crashes_ends_it(room, suggester):
    room.engine.errors = {f"slide_{n:02d}": EngineError("It ended.") for n in range(12)}
    assert ask(room, suggester) is None
    assert suggester.status.state is State.FAILED
    assert len(room.engine.asked) == 3


def test_a_model_that_cannot_be_loaded_ends_it_at_once(room, suggester):
    room.engine.errors["slide_00"] = EnsembleFileError("It is damaged.")
    assert ask(room, suggester) is None
    assert suggester.status == replace(
        suggester.status, state=State.FAILED, message="It is damaged."
    )
    assert room.failures == ["It is damaged."]


def test_cold_start_covers_and_only_shows_the_uncertainty(room, project, suggester):
    batch = ask(room, suggester, k=3)
    assert batch.cold_start
    assert "only shown" in batch.notes[0]
    assert all("uncertain" not in pick.why and "like" in pick.why for pick in batch.picks)
    scores = project.read_scores(MODEL)
    assert all(p.uncertainty == scores[p.image_id].uncertainty > 0 for p in batch.ranking)
    # The first pick is the most like all others, whatever the uncertainty.
    vectors = np.stack([scores[i].descriptor for i in project.images]).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    best = int((vectors @ vectors.T).sum(axis=1).argmax())
    assert batch.picks[0].image_id == list(project.images)[best]


def test_glands_in_he_are_ranked_by_uncertainty_from_the_start(room, project, suggester):
    batch = ask(room, suggester, k=2, candidates=2, he_glands=True)
    scores = project.read_scores(MODEL)
    unsure = sorted(project.images, key=lambda i: -scores[i].uncertainty)
    assert set(ids_of(batch.picks)) == set(unsure[:2])
    assert batch.cold_start
    assert all("uncertain (number" in pick.why for pick in batch.picks)
    assert batch.notes == ()


def test_with_eight_accepted_the_uncertainty_counts(room, project, suggester):
    accept(project, list(project.images)[:7])
    assert ask(room, suggester, k=1).cold_start
    accept(project, [list(project.images)[7]])
    batch = ask(room, suggester, k=1, candidates=1)
    assert not batch.cold_start
    scores = project.read_scores(MODEL)
    waiting = list(project.images)[8:]
    assert ids_of(batch.picks) == [max(waiting, key=lambda i: scores[i].uncertainty)]
    assert batch.picks[0].why.startswith("uncertain (number 1 of 4)")


def test_on_volumes_the_uncertainty_of_another_model_is_only_shown(room, project, suggester):
    accept(project, list(project.images)[:8])
    project.set_pixel_size(700.0)
    batch = ask(room, suggester, k=2)
    assert not batch.cold_start
    assert "12 images are of volumes, and the model was not trained on such" in batch.notes[0]
    assert all("uncertain" not in pick.why for pick in batch.picks)
    assert ask(room, suggester, k=2, strategy="coreset").notes == ()


def test_images_the_model_was_trained_on_are_left_out(room, project, suggester, monkeypatch):
    project.hash_images()
    known = list(project.images)[2:5]
    card = cards.read_card(project.model_path(MODEL))
    training = tuple(TrainingImage("x", project.image(i).sha256 or "") for i in known)
    monkeypatch.setattr(
        "napari_qsa.session.scoring.card_of_model", lambda *_: replace(card, training=training)
    )
    batch = ask(room, suggester, k=2)
    assert batch.trained_on == frozenset(known)
    assert set(ids_of(batch.ranking)) == project.images.keys() - set(known)
    assert any("3 images were left out" in note for note in batch.notes)
    assert set(known) <= project.read_scores(MODEL).keys()


def test_excluded_and_validation_images(room, project, suggester):
    excluded, *validation = list(project.images)[:4]
    project.set_role([excluded], "excluded")
    project.set_role(validation, "validation")
    batch = ask(room, suggester, k=8)
    assert project.read_scores(MODEL).keys() == project.images.keys() - {excluded}
    assert set(ids_of(batch.ranking)) == set(list(project.images)[4:])
    assert len(batch.validate) == 2
    assert set(batch.validate) <= set(validation)


def test_where_all_is_accepted_it_says_so(room, project, suggester):
    accept(project, project.images)
    assert ask(room, suggester) is None
    assert "Nothing is left to ask for" in suggester.status.message


def test_a_random_order_follows_the_seed(room, suggester):
    orders = [
        ids_of(ask(room, suggester, k=2, strategy="random", seed=seed).ranking)
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("options", [{"k": 0}, {"strategy": "none"}, {"candidates": 0}])
def test_options_that_mean_nothing_are_refused_before_any_image(room, suggester, options):
    assert ask(room, suggester, **options) is None
    assert suggester.status.state is State.FAILED
    assert room.engine.asked == []


def test_without_a_project_and_twice_at_once(make_room, room, suggester):
    empty = make_room()
    alone = Suggester(empty.desk)
    alone.suggest()
    assert empty.failures == ["No project is open: open one first."]
    alone.close()
    room.engine.hold_after = 0
    suggester.suggest()
    suggester.suggest()
    assert len(room.failures) == 1
    assert "not done yet" in room.failures[0]


def test_a_project_open_read_only_is_refused(room, project, make_room):
    from napari_qsa.project import Project

    with Project.open(project.folder, read_only=True) as reader:
        other = make_room(reader)
        suggester = Suggester(other.desk)
        suggester.suggest()
        other.wait(suggester)
        assert "read-only" in suggester.status.message
        assert other.engine.asked == []
        suggester.close()


def test_closing_the_project_keeps_the_scores_and_says_nothing_more(room, project, suggester):
    room.engine.hold_after = 4
    suggester.suggest()
    room.inbox.run_until(lambda: bool(room.engine.held), 20)
    room.desk.put_project(None)
    assert suggester.flush(20)
    assert len(project.read_scores(MODEL)) == 4
    room.settle(suggester)
    assert not suggester.running
    assert suggester.batches == []


def test_progress_names_the_image_and_grows(room, suggester):
    shown = []
    suggester.status_changed.connect(shown.append)
    room.engine.hold_after = 6
    suggester.suggest()
    room.inbox.run_until(lambda: bool(room.engine.held), 20)
    room.engine.release()
    room.wait(suggester)
    fractions = [s.fraction for s in shown if s.message.startswith("Scoring slide_")]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) >= 13
    assert max(fractions) < 1
