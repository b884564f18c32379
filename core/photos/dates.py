"""When a photo was taken, as people, phones and programs write it down. Local time, ISO 8601, to the second."""

from __future__ import annotations

import re
from datetime import datetime

# The first photograph is of 1826; a camera whose battery died may say anything, the year 9999 included.
_FIRST_YEAR, _LAST_YEAR = 1826, 2100

_EXIF = re.compile(
    r"\s*(\d{4})[:\-/. ](\d{1,2})[:\-/. ](\d{1,2})(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?(?:[.,]\d+)?\s*"
    r"(Z|[+-]\d{2}:?\d{2})?"
)
_OFFSET = re.compile(r"\s*([+-])(\d{2}):?(\d{2})\s*")

_DAY = r"(?P<year>(?:19|20)\d{2})(?P<gap>[-_.年]?)(?P<month>0[1-9]|1[0-2])[-_.月]?(?P<day>0[1-9]|[12]\d|3[01])日?"
_CLOCK = (
    r"(?:[\s_T\-,]*(?:at|um|à)?[\s_\-]*(?P<half>上午|下午|AM|PM)?\s*"
    r"(?P<hour>\d{1,2})(?P<sep>[.:：\-_h时]?)(?P<minute>[0-5]\d)[.:：\-_m分]?(?P<second>[0-5]\d)秒?"
    r"(?:\d{3}(?!\d))?(?:[\s  ]*(?P<half_after>AM|PM))?)?"
)
_NAME = re.compile(r"(?<!\d)" + _DAY + _CLOCK + r"(?!\d)", re.IGNORECASE)
_NAME_DAY = re.compile(r"(?<!\d)" + _DAY + r"(?!\d)")
# Messengers name a file after the milliseconds since 1970: mmexport1603801234567, wx_camera_..., FB_IMG_...
_EPOCH_MS = re.compile(
    r"(?:mmexport|wx_camera_|microMsg\.|FB_IMG_|IMG_|received_)(1[0-9]{12})(?!\d)", re.IGNORECASE
)


def from_tag(text: str | None, offset: str | None = None) -> str | None:
    """An EXIF or XMP date; `offset` is EXIF's own tag for it. None for blanks, zeros and impossible dates."""
    match = _EXIF.fullmatch(text or "")
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    written = _offset(match[7] or offset or "")
    return _iso(year, month, day, hour, minute, second, written)


def from_name(name: str) -> str | None:
    """The date and time in a file's name, at midnight where it has only a day; None where there is none."""
    epoch = _EPOCH_MS.search(name)
    if epoch is not None:
        return datetime.fromtimestamp(int(epoch[1]) // 1000).isoformat()
    for match in _NAME.finditer(name):
        hour = int(match["hour"] or 0)
        half = (match["half"] or match["half_after"] or "").upper()
        if half in ("下午", "PM") and hour < 12:
            hour += 12
        elif half in ("上午", "AM") and hour == 12:
            hour = 0
        found = _iso(
            int(match["year"]), int(match["month"]), int(match["day"]), hour,
            int(match["minute"] or 0), int(match["second"] or 0), "",
        )  # fmt: skip
        if found is not None:
            return found
    day = _NAME_DAY.search(name)
    return None if day is None else _iso(int(day["year"]), int(day["month"]), int(day["day"]), 0, 0, 0, "")


def from_mtime(mtime_ns: int) -> str | None:
    """The file's change date in this machine's zone."""
    try:
        return datetime.fromtimestamp(mtime_ns // 10**9).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _offset(text: str) -> str:
    if text == "Z":
        return "+00:00"
    match = _OFFSET.fullmatch(text)
    return f"{match[1]}{match[2]}:{match[3]}" if match and int(match[2]) <= 14 and int(match[3]) < 60 else ""


def _iso(year: int, month: int, day: int, hour: int, minute: int, second: int, offset: str) -> str | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59))
    except ValueError:
        return None
    return moment.isoformat() + offset
