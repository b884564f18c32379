"""The encoding thread: decoded pictures are encoded in batches, and each batch is handed on to be stored."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from core.errors import ModelError
from core.models.encoder import Encoder
from core.progress import CancelToken
from core.spaces.vectors import Embeddings

T = TypeVar("T")

# Stored together: fewer would wait for the disk more often, more would come into view later.
BATCH = 16
# A batch is not held back longer than this when decoding is slower than encoding.
BATCH_WAIT_S = 0.5
# How long a full queue is waited for before looking whether the other side is still there.
PATIENCE_S = 0.2


class Encoding(Generic[T]):
    """Runs from `start` to `finish` or `stop`; all but those three callbacks belong to one calling thread.

    store   called in the encoding thread with items and their embeddings [n, width], in the order of `put`
    refuse  called there with one item that the model cannot encode, and why; what it raises ends the thread
    close   called there at the end, whatever happened
    cancel  holds and stops this thread too: a slow model would else go on for minutes with what waits
    """

    def __init__(
        self,
        encoder: Encoder,
        store: Callable[[Sequence[T], Embeddings], None],
        refuse: Callable[[T, ModelError], None],
        close: Callable[[], None],
        cancel: CancelToken,
    ) -> None:
        self._encoder = encoder
        self._store = store
        self._refuse = refuse
        self._close = close
        self._cancel = cancel
        self._waiting: queue.Queue[tuple[T, bytes] | None] = queue.Queue(maxsize=4 * BATCH)
        self._broken: BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="encode and store")

    def start(self) -> None:
        self._thread.start()

    def put(self, item: T, pixels: bytes) -> None:
        """Wait for room and hand in; pixels is the model's input [side, side, 3] uint8.

        Raises Cancelled, or what the thread died of.
        """
        while not self._put((item, pixels), PATIENCE_S):
            self._cancel.check()
            self.check()

    def check(self) -> None:
        """Raise what the thread died of, if it did (a full disk, for one)."""
        if self._broken is not None:
            raise self._broken

    def finish(self, tick: Callable[[], None]) -> None:
        """Wait until everything handed in is stored, or the thread has died; `tick` is called now and then meanwhile."""
        self._end(tick)

    def stop(self) -> None:
        """Wait for what is being encoded now; it is stored, the rest is dropped."""
        self._stopping.set()
        self._end(lambda: None)

    def _end(self, tick: Callable[[], None]) -> None:
        is_told = False
        while self._thread.is_alive():
            # The queue may be full, and the thread may die before it is not.
            is_told = is_told or self._put(None, PATIENCE_S)
            self._thread.join(PATIENCE_S)
            tick()

    def _put(self, item: tuple[T, bytes] | None, timeout_s: float) -> bool:
        try:
            self._waiting.put(item, timeout=timeout_s)
        except queue.Full:
            return False
        return True

    def _is_stopping(self) -> bool:
        return self._stopping.is_set() or self._cancel.hold()

    # ---- in the encoding thread

    def _run(self) -> None:
        try:
            # While the decoders start.
            self._encoder.load_images()
            while (batch := self._next_batch()) and not self._is_stopping():
                for items, embeddings in self._encode(batch):
                    self._store(items, embeddings)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that hands in
            self._broken = error
        finally:
            self._close()

    def _next_batch(self) -> list[tuple[T, bytes]]:
        """Up to BATCH pictures, at least one; empty at the end."""
        first = self._waiting.get()
        if first is None:
            return []
        batch = [first]
        until = time.monotonic() + BATCH_WAIT_S
        while len(batch) < BATCH:
            try:
                item = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if item is None:
                self._waiting.put(None)
                break
            batch.append(item)
        return batch

    def _encode(self, batch: list[tuple[T, bytes]]) -> Iterator[tuple[list[T], Embeddings]]:
        """The batch's embeddings; in halves when memory runs out, and a picture that cannot be encoded is refused."""
        side = self._encoder.spec.preprocessing.size_px
        pixels = np.stack([np.frombuffer(each, np.uint8).reshape(side, side, 3) for _, each in batch])
        parts: list[Embeddings] = []
        at_once = self._encoder.images_at_once
        try:
            for begin in range(0, len(pixels), at_once):
                if parts and self._is_stopping():
                    break  # half a batch is stored
                parts.append(self._encoder.encode_images(pixels[begin : begin + at_once]))
        except ModelError as error:
            if len(batch) == 1:
                self._refuse(batch[0][0], error)
                return
            half = len(batch) // 2
            yield from self._encode(batch[:half])
            yield from self._encode(batch[half:])
            return
        embeddings = np.concatenate(parts)
        yield [item for item, _ in batch[: len(embeddings)]], embeddings
