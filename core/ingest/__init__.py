"""The photo's way: scan → identify → decode → encode → store; resumable and stoppable at any instant.

`ingest.py` scans and counts, `reading.py` decides what must be decoded, `encoding.py` encodes in batches,
`storing.py` stores them. `building.py` fills a second space with the photos that are known already: it decodes
and encodes, and leaves files, thumbnails and metadata as they are.

Three parties work at once. Decoder processes (core/photos/decoding.py) read, identify and decode files.
The calling thread feeds them, decides from a file's identity whether it must be decoded at all, and
writes down what needs no vector: a copy, a new keyword, a fault. The encoding thread takes what was
decoded, encodes it in batches, and stores each batch in the order that makes a crash harmless: vectors
(flushed), thumbnails, then the one transaction that makes the photos visible. The bounded queue between
the two threads keeps memory flat; the slower side sets the pace.

Nothing remembers where a run stood: files that are not yet looked into are found again by the next scan.
"""

from core.ingest.building import Building
from core.ingest.ingest import Ingest
from core.ingest.storing import Stored
from core.ingest.work import Counts

__all__ = ["Building", "Counts", "Ingest", "Stored"]
