"""Why one file could not be taken in: a stable code, what happened in words, and what to do.

The code is what `shiguang faults` prints and what tests and scripts rely on; the reason is for the person.
"""

from __future__ import annotations

import errno

from core.errors import PhotoFault

_LOOK = PhotoFault.what_to_do
_TOO_BIG = "Save a smaller copy of the picture; this one is left as it is."
_AGAIN = "It is tried again when the file changes, or with `shiguang index --rescan`."

# Every code that a fault can have, with the next step.
WHAT_TO_DO = {
    "empty": "The file holds nothing: copy it again from where it came from.",
    "not-a-picture": "Nothing to do, unless it should be a picture: then copy it again from where it came from.",
    "truncated": "The end of the file is missing: copy it again from where it came from.",
    "damaged": _LOOK,
    "unsupported": "Save a copy in another format, for instance as JPEG or PNG.",
    "too-large": _TOO_BIG,
    "no-memory": "Close other programs, or save a smaller copy of the picture.",
    "timeout": _LOOK,
    "crashed": _LOOK,
    "no-permission": "Allow your account to read the file.",
    "gone": "Nothing to do: the file was moved or deleted while it was being read.",
    "read-error": "Check the disk, the cable or the network; " + _AGAIN[0].lower() + _AGAIN[1:],
}


def fault(code: str, reason: str) -> PhotoFault:
    """A PhotoFault of one of the codes above; `reason` is a plain English sentence about this file."""
    made = PhotoFault(reason, what_to_do=WHAT_TO_DO[code])
    made.code = code
    return made


def fault_of_os_error(error: OSError) -> PhotoFault:
    """What the operating system said when the file was opened or read."""
    words = error.strerror or type(error).__name__
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return fault("gone", "The file is no longer there.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return fault("no-permission", "The file may not be read by this account.")
    if error.errno == errno.ENOMEM:
        return fault("no-memory", "There is not enough memory to read the file.")
    return fault("read-error", f"The file could not be read: {words}.")
