"""One picture at a time, by the same processes and limits as an import: for a query by image and for the viewer."""

from __future__ import annotations

import threading

from core.errors import PhotoFault
from core.photos.decoding import Decoded, DecodePlan, DecodingPool, Job
from core.photos.faults import fault
from core.photos.jobs import Ended
from core.progress import CancelToken


class SingleDecoder:
    """Keeps one decoding process for the plan that was asked for last. Safe between threads, one picture at a time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._plan: DecodePlan | None = None
        self._pool: DecodingPool | None = None

    def decode(self, path: bytes, plan: DecodePlan) -> Decoded:
        """The picture at an absolute path. Raises PhotoFault."""
        with self._guard:
            if self._pool is None or plan != self._plan:
                self._end()
                self._plan, self._pool = plan, DecodingPool(plan, 1)
            answers = self._pool.run(
                iter([Job(0, path)]), lambda found: found.identity is not None, CancelToken()
            )
            result = next((answer.result for answer in answers if isinstance(answer, Ended)), None)
        if isinstance(result, Decoded):
            return result
        raise (
            result if isinstance(result, PhotoFault) else fault("not-a-picture", "The file is not a picture.")
        )

    def close(self) -> None:
        with self._guard:
            self._end()

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def decode_one(path: bytes, plan: DecodePlan) -> Decoded:
    """The picture at an absolute path, by a process made for it. Raises PhotoFault."""
    decoder = SingleDecoder()
    try:
        return decoder.decode(path, plan)
    finally:
        decoder.close()
