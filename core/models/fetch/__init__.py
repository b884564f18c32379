"""Getting the original files of a model: the one place that opens an internet socket, and only when asked to.

`fetch` downloads what an entry of the list names. The standard library's HTTP serves: the hub's own client
(huggingface_hub) can neither be stopped between two chunks nor does it compare what came with its sha256.
"""

from core.models.fetch.download import Wanted, download
from core.models.fetch.fetch import fetch, path_to_import, put_by_hand
from core.models.fetch.http import Unreachable
from core.models.fetch.meter import Meter
from core.models.fetch.route import HUB, Route, route_of

__all__ = [
    "HUB",
    "Meter",
    "Route",
    "Unreachable",
    "Wanted",
    "download",
    "fetch",
    "path_to_import",
    "put_by_hand",
    "route_of",
]
