"""A personal training is taken when it is better, refused when it is not, and leaves no trace when it is stopped."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")
pytest.importorskip("onnx", reason="needs the train extra (onnx)")

from core.app import Shiguang, open_library
from core.library import albums, spaces
from core.library.albums import Album
from core.models.registry import folder_name, known_models
from core.models.trained import NOTE_FILE, base_of, read_note
from core.progress import Cancelled, CancelToken, Progress, silent
from core.spaces.vectors import Embeddings
from core.training import adapter, pairs
from core.training.gate import CHANCE, DIVERGED, NO_GAIN, TOO_LITTLE
from core.training.installing import CHECKPOINTS, PENDING_FILE, next_id, unfinished
from core.training.kept import OTHERWISE, Begun, keep
from core.training.pairs import Sayings
from core.training.personal import Learned, Personal, opened
from tests.made_models import make_model
from tests.training.conftest import PHOTOS, Say, kind_of, truth
from tests.training.made_sets import wall, write_split


@contextmanager
def personal(library: Shiguang) -> Iterator[Personal]:
    with opened(library.folder, library.database, library.encoder, library.space, library.thumbs) as found:
        yield found


def learn(library: Shiguang, how: str = "adapter", **more: object) -> Learned:
    with personal(library) as found:
        return found.learn(how, 1, silent, CancelToken(), **more)


def share_found(library: Shiguang) -> float:
    """Of the names, how many have only their own photos among the first ten hits."""
    names = sorted(set(truth().values()))
    found = 0
    for name, text in zip(names, library.encoder.encode_texts(names), strict=True):
        hits = library.space.nearest(text, 10).photos.tolist()
        found += all(kind_of(photo) == name for photo in hits)
    return found / len(names)


def test_what_the_owner_said_is_found_and_undone_again(library: Shiguang, say: Say) -> None:
    say(truth())
    before = share_found(library)

    learned = learn(library)
    assert learned.verdict.accepted, learned.verdict.why
    assert learned.spec is not None
    library.switch_model(learned.spec.id, silent, CancelToken())

    assert before < 0.5 < share_found(library)
    assert library.encoder.spec.id == "local:tiny+personal"
    assert len(library.space) == PHOTOS
    note = read_note(library.folder / "models", library.encoder.spec.id)
    library.switch_model(note.before, silent, CancelToken())
    assert share_found(library) == before


def test_moved_rows_are_what_the_new_graphs_give(library: Shiguang, say: Say) -> None:
    say(truth())
    squares = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    photos = [1, 2, 3, 4, 5]
    rows = library.space.append(library.encoder.encode_images(squares))
    given = [(photo, rows + i) for i, photo in enumerate(photos)]
    library.database.write(lambda db: spaces.set_rows(db, library.space.id, given))
    library.space.adopt(photos, rows)
    with personal(library) as found:
        spec = found.learn("adapter", 1, silent, CancelToken()).spec
    assert spec is not None
    library.switch_model(spec.id, silent, CancelToken())

    moved: Embeddings = library.space.vectors_of(photos)
    # Rows are kept in half precision.
    assert np.allclose(moved, library.encoder.encode_images(squares), atol=2e-3)


def test_a_probe_moves_texts_alone(library: Shiguang, say: Say) -> None:
    say(truth())
    old = library.space.vectors_of([1, 2, 3])

    learned = learn(library, "probe")

    assert learned.verdict.accepted, learned.verdict.why
    assert learned.spec is not None
    library.switch_model(learned.spec.id, silent, CancelToken())
    assert np.array_equal(library.space.vectors_of([1, 2, 3]), old)
    assert share_found(library) > 0.5


def test_shuffled_captions_are_refused(library: Shiguang, say: Say) -> None:
    photos, texts = list(truth()), list(truth().values())
    random.Random(9).shuffle(texts)
    say(dict(zip(photos, texts, strict=True)))

    learned = learn(library)

    assert not learned.verdict.accepted
    assert learned.spec is None
    assert learned.verdict.why
    assert known_models(library.folder / "models") == ["starter", "local:tiny"]
    assert [record.model for record in library.spaces()] == ["local:tiny"]


def decide(library: Shiguang, photos: range, prompts: tuple[str, str]) -> None:
    """Two albums, and what one takes the other refuses: every second photo."""

    def write(db: object) -> None:
        for name, prompt in zip(("mine", "yours"), prompts, strict=True):
            number = albums.add_album(db, Album(0, name, prompts=(prompt,)))
            albums.mark(db, number, {photo: (photo // 2 + (name == "mine")) % 2 == 0 for photo in photos})

    library.database.write(write)


def test_contradictory_decisions_are_refused(library: Shiguang) -> None:
    decide(library, range(1, 21), ("red", "red"))

    learned = learn(library)

    assert not learned.verdict.accepted
    assert learned.verdict.reason == TOO_LITTLE


def test_decisions_that_agree_with_nothing_are_learned_from_and_refused(library: Shiguang) -> None:
    decide(library, range(1, PHOTOS + 1), ("red", "something red"))

    learned = learn(library)

    assert not learned.verdict.accepted
    assert learned.verdict.reason in (NO_GAIN, CHANCE)
    assert learned.verdict.photos > 10


def test_a_training_that_runs_away_is_refused(library: Shiguang, say: Say) -> None:
    say(truth())

    learned = learn(library, settings=replace(adapter.SETTINGS, learning_rate=1e9, warm_up=0.0))

    assert not learned.verdict.accepted
    assert learned.verdict.reason == DIVERGED


def test_too_little_said_is_told_before_it_starts(library: Shiguang, say: Say) -> None:
    say({1: "red", 2: "green"})

    with personal(library) as found:
        plan = found.plan("adapter")
    learned = learn(library)

    assert plan.counts["captions"] == 2
    assert plan.why_not
    assert learned.verdict.why == plan.why_not


def test_encoders_are_not_trained_on_what_could_not_be_judged(library: Shiguang, say: Say) -> None:
    say({photo: text for photo, text in truth().items() if photo <= 24})

    with personal(library) as found:
        plan = found.plan("full")
    learned = learn(library, "full")

    assert "too few" in plan.why_not
    assert learned.verdict.why == plan.why_not


@pytest.mark.parametrize("stage", ["gather", "train", "judge", "write", "move"])
def test_a_stop_at_any_stage_leaves_the_old_model_serving(library: Shiguang, say: Say, stage: str) -> None:
    say(truth())
    cancel = CancelToken()

    def stop(progress: Progress) -> None:
        if progress.stage == stage:
            cancel.cancel()

    with personal(library) as found, pytest.raises(Cancelled):
        found.learn("adapter", 1, stop, cancel)
        cancel.check()

    assert library.encoder.spec.id == "local:tiny"
    # What was moved already is taken back by the next training.
    for model in unfinished(library.database, library.folder):
        library.drop_model(model)
    assert not list((library.folder / "models").glob(".new-*"))
    learned = learn(library)
    assert learned.spec is not None


def test_a_second_training_begins_from_the_same_model(library: Shiguang, say: Say) -> None:
    kinds = sorted(set(truth().values()))[:3]
    say({photo: text for photo, text in truth().items() if text in kinds})
    first = learn(library).spec
    assert first is not None
    library.switch_model(first.id, silent, CancelToken())
    say(truth())

    second = learn(library).spec

    assert second is not None
    assert (first.id, second.id) == ("local:tiny+personal", "local:tiny+personal-2")
    note = read_note(library.folder / "models", second.id)
    assert (note.base, note.before) == ("local:tiny", first.id)


def test_a_training_that_is_no_better_than_the_model_in_use_is_refused(library: Shiguang, say: Say) -> None:
    say(truth())
    first = learn(library).spec
    assert first is not None
    library.switch_model(first.id, silent, CancelToken())

    again = learn(library)

    assert again.spec is None
    assert not again.verdict.accepted
    assert again.verdict.before is not None and again.verdict.after is not None
    assert again.verdict.before.recall == pytest.approx(again.verdict.after.recall, abs=0.1)


def test_the_model_in_use_has_to_be_beaten_though_it_has_not_seen_every_photo(
    library: Shiguang, say: Say
) -> None:
    say(truth())
    first = learn(library).spec
    assert first is not None
    library.switch_model(first.id, silent, CancelToken())
    judging = pairs.sayings(library.database.reader(), first.space_id).held_out[0].photo
    # As if its drive had been away while the library moved.
    library.database.write(
        lambda db: db.execute("DELETE FROM vectors WHERE space = ? AND photo = ?", (first.space_id, judging))
    )
    folder = library.folder
    library.close()
    again = open_library(folder, writable=True)

    learned = learn(again)
    again.close()

    assert learned.spec is None
    assert learned.verdict.reason == NO_GAIN


def test_ids_of_fine_tunes_name_their_beginning(library: Shiguang) -> None:
    assert base_of("starter+personal-3") == "starter"
    models = library.folder / "models"
    assert next_id("starter", models) == "starter+personal"
    # The first was dropped; undoing the second would go to whatever has its name.
    folder = models / folder_name("starter+personal-2")
    make_model(folder, "starter+personal-2")
    note = {"base": "starter", "before": "starter+personal", "how": "adapter", "seed": 1, "verdict": {}}
    (folder / NOTE_FILE).write_text(json.dumps(note))
    assert next_id("starter", models) == "starter+personal-3"


def test_a_quick_training_says_that_it_takes_the_place_of_a_stopped_one(
    library: Shiguang, tmp_path: Path
) -> None:
    checkpoints = library.folder / CHECKPOINTS
    keep(checkpoints, Begun("full", "0123", Sayings((), ()), ()))
    with personal(library) as found:
        assert found.instead() == ""
        # Its model stands: the library was about to move to it.
        folder = library.folder / "models" / folder_name("local:trained")
        make_model(folder, "local:trained")
        (checkpoints / PENDING_FILE).write_text(json.dumps({"model": "local:trained", "digest": "0123"}))
        assert found.instead() == OTHERWISE
        write_split(tmp_path / "set", "train", {"1": wall(1)}, [("红色的墙", ["1"])])
        assert found.towers("full", 0, tmp_path / "set").instead == OTHERWISE
