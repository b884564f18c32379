"""Whether a model folder still holds the files that a space was made with.

The spec's hashes name the space, so a folder that was replaced as a whole is another space from the start. A
file that was replaced alone shows in its size or date, which stand in `space.json` from when the file was last
hashed: comparing costs a stat a file, and only a file that differs is hashed again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.disk import written_whole
from core.errors import ModelError
from core.models.spec import ModelSpec, file_sha256

NOTE = "space.json"
_KEY = "model_files"

Stamp = list[int]  # size in bytes, mtime in ns


def confirm(space: Path, model: Path, spec: ModelSpec, *, writable: bool) -> None:
    """Raises ModelError where a file of the folder `model` is missing or is not the one that its spec describes.

    space     the space's folder; what was hashed is noted there when `writable`
    Files in subfolders shape no embedding and are passed over.
    """
    note = read_note(space)
    known: dict[str, Stamp] = note.get(_KEY, {})
    found: dict[str, Stamp] = {}
    for name, expected in spec.sha256.items():
        if "/" in name or name.endswith(".md"):
            continue
        try:
            status = (model / name).stat()
            found[name] = [status.st_size, status.st_mtime_ns]
            is_same = known.get(name) == found[name] or file_sha256(model / name) == expected
        except OSError as error:
            raise ModelError(f"{model / name} cannot be read: {error.strerror or error}") from error
        if not is_same:
            raise ModelError(f"{model / name} was changed: it is not the file that its model.json describes")
    if writable and found != known:
        write_note(space, note | {_KEY: found})


def read_note(space: Path) -> dict[str, Any]:
    """What `space.json` says; empty where there is none or it is broken, for it only saves work."""
    try:
        note = json.loads((space / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(space: Path, note: dict[str, Any]) -> None:
    """Raises DiskFull."""
    with written_whole(space / NOTE) as file:
        file.write(json.dumps(note).encode())
