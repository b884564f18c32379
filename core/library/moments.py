"""Photos of one moment: bursts, and copies of one shot. Reading functions take a reader."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import datetime, timedelta

# Between one photo of a moment and the next.
PAUSE = timedelta(seconds=5)
# No camera takes more photos in a second; a scanner's program or its owner dates hundreds alike.
MOST_A_SECOND = 20
TO_THE_SECOND = len("2019-07-04T10:00:00")


def moments(connection: sqlite3.Connection) -> dict[int, int]:
    """photo -> the first photo of its moment, of those whose camera said to the second when it took them.

    Of all photos that were ever seen, so that a burst stays what it is when its first photo is deleted. A file's
    change date says when it was copied, so it says nothing here; midnight is a day without a time.
    """
    rows = connection.execute(
        "SELECT photo, min(json_extract(metadata, '$.taken')) FROM files WHERE photo"
        " AND json_extract(metadata, '$.taken_from') != 'file' GROUP BY photo"
    )
    # Local times: clocks of one trip agree, whether they say their offset from UTC or not.
    taken = sorted(
        (datetime.fromisoformat(text[:TO_THE_SECOND]), photo)
        for photo, text in rows
        if len(text) >= TO_THE_SECOND and text[len("2019-07-04T") : TO_THE_SECOND] != "00:00:00"
    )
    together = Counter(time for time, _ in taken)
    found: dict[int, int] = {}
    before = datetime.min
    first = 0
    for time, photo in taken:
        if together[time] > MOST_A_SECOND:
            continue
        if time - before > PAUSE:
            first = photo
        found[photo], before = first, time
    return found
