"""Search works while the library moves to another model, and nothing that happens to the move takes it away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.app import Shiguang, open_library
from core.progress import CancelToken, Progress, silent
from core.search.query import Query
from tests.made_models import COLOURS, make_model
from tests.promises.conftest import Photos, shiguang

FIRST, SECOND = "local:first", "local:second"
PHOTOS = 60

MOVE = """
import sys; from pathlib import Path
from core.app import open_library
from core.progress import CancelToken
library = open_library(Path(sys.argv[1]), writable=True)
print("go", flush=True)
library.switch_model(sys.argv[2], lambda progress: print(progress.done, flush=True), CancelToken())
library.close()
"""


@pytest.fixture
def home(tmp_path: Path, photos: Photos) -> Path:
    """A library of 60 photos indexed with FIRST; SECOND, of another width, is there."""
    home = tmp_path / "library"
    make_model(home / "models/local%3Afirst", FIRST, width=32, side=32, seed=1)
    make_model(home / "models/local%3Asecond", SECOND, width=48, side=16, seed=2)
    (home / "settings.json").write_text(json.dumps({"model": FIRST}))
    for seed in range(PHOTOS):
        photos.add(f"{seed}.jpg", seed)
    library = open_library(home, writable=True)
    library.watch_folder(photos.folder)
    library.index(silent, CancelToken())
    library.close()
    return home


@pytest.fixture
def library(home: Path) -> Iterator[Shiguang]:
    opened = open_library(home, writable=True)
    yield opened
    opened.close()


class Asker(threading.Thread):
    """Asks without a pause, and keeps for each answer whose it was."""

    def __init__(self, library: Shiguang) -> None:
        super().__init__()
        self._library = library
        self._done = threading.Event()
        self._news = threading.Condition()
        self.answers: list[tuple[str, list[tuple[int, float]]]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        words = list(COLOURS)
        try:
            while not self._done.is_set():
                word = words[len(self.answers) % len(words)]
                answer = self._library.search(Query(word, everything=True, limit=5))
                with self._news:
                    self.answers.append((word, [(hit.photo, hit.score) for hit in answer.hits]))
                    self._news.notify_all()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error
        finally:
            self._library.database.close_reader()

    def goes_on(self) -> bool:
        """Wait for two more answers, of which one was asked for after this call; False where none come."""
        wanted = len(self.answers) + 2
        with self._news:
            return self._news.wait_for(lambda: len(self.answers) >= wanted, 60)

    def stop(self) -> None:
        self._done.set()
        self.join()
        if self.error is not None:
            raise self.error


def plain_scores(library: Shiguang) -> dict[str, dict[int, float]]:
    """Word -> photo -> cosine by the model in use, by the plain product."""
    ids = library.photo_ids()
    rows = library.space.vectors_of(ids)
    texts = library.encoder.encode_texts(list(COLOURS))
    return {
        word: dict(zip(ids, (rows @ text).tolist(), strict=True))
        for word, text in zip(COLOURS, texts, strict=True)
    }


def agrees(hits: list[tuple[int, float]], scores: dict[int, float]) -> bool:
    # float16 of query and rows on one side, float32 on the other.
    return bool(hits) and all(abs(score - scores[photo]) < 5e-3 for photo, score in hits)


def test_search_answers_all_the_time_and_no_answer_mixes_two_models(library: Shiguang) -> None:
    before = plain_scores(library)
    asker = Asker(library)
    asker.start()
    for model in (SECOND, FIRST, SECOND):
        library.switch_model(model, silent, CancelToken())
    asker.stop()
    after = plain_scores(library)
    assert len(asker.answers) > 20
    for word, hits in asker.answers:
        assert len(hits) == 5
        assert agrees(hits, before[word]) != agrees(hits, after[word]), "an answer belongs to one model"


def test_search_does_not_wait_for_a_build(library: Shiguang) -> None:
    asker = Asker(library)
    held: dict[str, bool] = {}

    def hold(progress: Progress) -> None:
        """The move stands still at the first word of each stage until further answers have come."""
        if progress.stage not in held:
            held[progress.stage] = asker.goes_on()

    asker.start()
    library.switch_model(SECOND, hold, CancelToken())
    asker.stop()
    assert {"check", "build"} <= set(held)
    assert all(held.values()), held


def test_photos_can_be_taken_in_and_decided_on_during_a_move(library: Shiguang, photos: Photos) -> None:
    begun = threading.Event()

    def hold(progress: Progress) -> None:
        if progress.stage == "build":
            begun.set()

    cancel = CancelToken()
    ends: list[object] = []
    mover = threading.Thread(target=lambda: ends.append(library.switch_model(SECOND, hold, cancel)))
    mover.start()
    assert begun.wait(60)
    photos.add("new.jpg", 1000)
    assert library.index(silent, CancelToken()).encoded == 1
    photo = library.photo_ids()[0]
    library.set_favourite(photo, True)
    mover.join(60)
    details = library.details(photo)
    assert details is not None
    assert details.favourite
    assert {record.vectors for record in library.spaces()} <= {PHOTOS, PHOTOS + 1}
    library.index(silent, CancelToken())
    assert library.spaces()[0].vectors == PHOTOS + 1


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9 on Windows")
def test_killed_again_and_again_a_move_comes_to_its_end(home: Path) -> None:
    command = [sys.executable, "-c", MOVE, str(home), SECOND]
    seen: list[int] = []
    for at_least in (1, 17, 33, 50):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().isdigit() and int(line) >= at_least:
                break
        process.kill()
        process.wait()
        process.stdout.close()
        reading = open_library(home, writable=False)
        by_model = {record.model: record for record in reading.spaces()}
        assert by_model[FIRST].vectors == PHOTOS, "the old space is whole"
        seen.append(by_model[SECOND].vectors)
        used = reading.use_model().id
        assert used == SECOND if by_model[SECOND].state == "in use" else used == FIRST
        assert reading.search(Query("red", everything=True, limit=3)).hits
        reading.close()
    assert seen == sorted(seen), "what was encoded is kept"
    shiguang(home, "models", "use", SECOND)
    status = shiguang(home, "status")[-1]
    assert (status["model"], status["index"]["vectors"], status["building"]) == (SECOND, PHOTOS, None)


def test_status_tells_of_a_move_that_was_interrupted(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", MOVE, str(home), SECOND], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    stop_at: Callable[[str], bool] = lambda line: line.strip().isdigit() and int(line) > 0  # noqa: E731
    next((line for line in process.stdout if stop_at(line)), None)
    process.kill()
    process.wait()
    process.stdout.close()
    status = shiguang(home, "status")[-1]
    if status["model"] == SECOND:
        pytest.skip("it was done before it could be killed")
    assert status["building"]["model"] == SECOND
    assert 0 < status["building"]["done"] <= status["building"]["total"] == PHOTOS


def test_index_with_another_model_builds_before_it_changes_over(home: Path, photos: Photos) -> None:
    photos.add("new.jpg", 1000)
    done = shiguang(home, "index", "--model", SECOND)[-1]
    assert (done["event"], done["photos"], done["failed"]) == ("done", PHOTOS + 1, 0)
    status = shiguang(home, "status")[-1]
    assert (status["model"], status["index"]["vectors"]) == (SECOND, PHOTOS + 1)


def test_a_model_that_cannot_be_used_leaves_the_library_as_it_was(home: Path) -> None:
    broken = home / "models/local%3Asecond/text.onnx"
    broken.write_bytes(b"no graph")
    shiguang(home, "index", "--model", SECOND, code=2)
    shiguang(home, "models", "use", "local:none", code=4)
    status = shiguang(home, "status")[-1]
    assert (status["model"], status["index"]["vectors"], status["building"]) == (FIRST, PHOTOS, None)
