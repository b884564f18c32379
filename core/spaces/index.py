"""Which rows are nearest: exact search by NumKong on the mapped rows, HNSW where exact takes too long.

The planner measures exact search at its first query. While that stays within `EXACT_BUDGET_S`, exact
search answers everything: it needs no build, no memory, and its recall is 1. Above it an HNSW graph
(Malkov and Yashunin 2018, hnswlib) is built in the background, saved by write-new-then-rename, and used
for unfiltered questions; filtered ones stay exact on the rows that pass the filter, because a filtered
graph loses recall. The graph is a cache: whatever is wrong with it, it is built again.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

from core.disk import written_whole
from core.errors import DiskFull
from core.log import logger
from core.spaces.vectors import Embeddings, Rows

log = logger(__name__)
Indices = NDArray[np.int64]
Scores = NDArray[np.float32]

# A quarter of the 100 ms in which an answer feels immediate (Nielsen 1993); the text tower needs its part.
EXACT_BUDGET_S = 0.025
# Graphs below this size save nothing on any machine measured.
SMALLEST_GRAPH = 200_000
# hnswlib's parameters: 16 links and 200 candidates at building give recall above .98 at 512 wide.
LINKS, CANDIDATES_BUILDING, CANDIDATES_ASKING = 16, 200, 200
# Above this a graph is no quicker than looking at every row.
MOST_ASKED = 2_000

try:
    import hnswlib
except ImportError:
    # It comes as source and needs a compiler; exact search serves without it, and `doctor` says so.
    hnswlib = None


def has_hnswlib() -> bool:
    return hnswlib is not None


def cosines(query: Embeddings, rows: Rows) -> Scores:
    """[n] float32: the dot product of one query [d] with every row [n, d]; cosines, as both are normalised."""
    if not len(rows):
        return np.zeros(0, np.float32)
    asked = np.ascontiguousarray(query, np.float16)[None, :]
    products = numkong.cdist(asked, np.ascontiguousarray(rows), "dot")
    return np.asarray(products).astype(np.float32)[0]  # type: ignore[no-any-return]


def best(scores: Scores, limit: int) -> Indices:
    """Positions of the `limit` highest scores, best first; equal scores keep their order."""
    if limit >= len(scores):
        return np.argsort(-scores, kind="stable")
    # One more pass keeps equal scores at the border in row order.
    border = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    above = np.flatnonzero(scores > border)
    level = np.flatnonzero(scores == border)[: limit - len(above)]
    chosen = np.concatenate([above, level])
    return chosen[np.lexsort((chosen, -scores[chosen]))]


class Index:
    """The planner over one vector file. `nearest` may be called from any thread."""

    def __init__(self, file: Path, space: str) -> None:
        self._file = file
        self._space = space
        self._graph: Any = None
        self._graph_rows = 0
        self._exact_s_per_row = 0.0
        self._guard = threading.Lock()

    @property
    def kind(self) -> str:
        return "hnsw" if self._graph is not None else "exact"

    def wants_graph(self, count: int) -> bool:
        """Whether a graph over `count` rows would pay, by what exact search took here."""
        slow = self._exact_s_per_row * count > EXACT_BUDGET_S
        return has_hnswlib() and slow and count >= SMALLEST_GRAPH and count > 1.2 * self._graph_rows

    def nearest(
        self, query: Embeddings, rows: Rows, limit: int, *, exact: bool = False
    ) -> tuple[Indices, Scores]:
        """Row numbers and cosines of the `limit` nearest, best first.

        query [d] float32, L2-normalised; rows [n, d] float16; n may be 0.
        Rows added after the graph was saved are searched exactly beside it.
        """
        graph = None if exact else self._graph
        if graph is None or limit > MOST_ASKED:
            return self._exact(query, rows, limit)
        with self._guard:
            # hnswlib needs as many candidates as answers.
            graph.set_ef(max(CANDIDATES_ASKING, limit))
            labels, distances = graph.knn_query(query[None, :], k=min(limit, self._graph_rows))
        tail, tail_scores = self._exact(query, rows[self._graph_rows :], limit)
        found = np.concatenate([labels[0].astype(np.int64), tail + self._graph_rows])
        scores = np.concatenate([(1 - distances[0]).astype(np.float32), tail_scores])
        order = np.argsort(-scores, kind="stable")[:limit]
        return found[order], scores[order]

    def _exact(self, query: Embeddings, rows: Rows, limit: int) -> tuple[Indices, Scores]:
        begin = time.perf_counter()
        scores = cosines(query, rows)
        chosen = best(scores, limit)
        if len(rows) >= 1_000:
            took = (time.perf_counter() - begin) / len(rows)
            self._exact_s_per_row = took if not self._exact_s_per_row else min(took, self._exact_s_per_row)
        return chosen, scores[chosen]

    # ---- the graph

    def load(self, count: int, width: int) -> None:
        """Take the saved graph when it fits these rows; else forget it."""
        note = self._file.with_suffix(".json")
        if not has_hnswlib() or not self._file.exists():
            return
        try:
            said = json.loads(note.read_text())
            if said != {"space": self._space, "rows": said["rows"], "width": width} or said["rows"] > count:
                raise ValueError("it belongs to other vectors")
            graph = hnswlib.Index(space="ip", dim=width)
            graph.load_index(str(self._file), max_elements=said["rows"])
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            log.warning("the saved index is built again: %s", error)
            self.forget()
            return
        graph.set_ef(CANDIDATES_ASKING)
        self._graph, self._graph_rows = graph, said["rows"]

    def build(self, rows: Rows, stop: threading.Event) -> None:
        """Build the graph over `rows` and save it; returns early, with nothing changed, when `stop` is set."""
        graph = hnswlib.Index(space="ip", dim=rows.shape[1])
        graph.init_index(max_elements=len(rows), M=LINKS, ef_construction=CANDIDATES_BUILDING)
        for begin in range(0, len(rows), 10_000):
            if stop.is_set():
                return
            part = rows[begin : begin + 10_000].astype(np.float32)
            graph.add_items(part, np.arange(begin, begin + len(part)))
        graph.set_ef(CANDIDATES_ASKING)
        with self._guard:
            self._graph, self._graph_rows = graph, len(rows)
        try:
            self._save(graph, rows.shape)
        except (OSError, RuntimeError, DiskFull) as error:
            log.warning("the index could not be saved and will be built again: %s", error)

    def _save(self, graph: Any, shape: tuple[int, ...]) -> None:
        new = self._file.with_suffix(".new")
        graph.save_index(str(new))
        note = self._file.with_suffix(".json")
        # The note goes first and comes last: a graph without its note is not believed.
        note.unlink(missing_ok=True)
        new.replace(self._file)
        with written_whole(note) as file:
            file.write(json.dumps({"space": self._space, "rows": shape[0], "width": shape[1]}).encode())

    def forget(self) -> None:
        with self._guard:
            self._graph, self._graph_rows = None, 0
        for suffix in (".hnsw", ".json", ".new"):
            self._file.with_suffix(suffix).unlink(missing_ok=True)
