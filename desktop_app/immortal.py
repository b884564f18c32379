"""Keeps None, True and False alive where Qt's binding forgets to count its references to them.

PySide6 6.12.0 relies on Python 3.12, where these never die: under 3.11 every call without a result gives away
one reference to None, and every `Signal.emit` one to True, until the interpreter stops with "deallocating
None". Measured: 100 calls of `QTimer.setSingleShot`, None has 100 references fewer. Take this out when Python
3.12 is the least version.
"""

from __future__ import annotations

import ctypes
import sys

# More than any run can give away, and far from the end of a signed 64-bit count.
PLENTY = 1 << 40


def keep_constants_alive() -> None:
    """Give the constants more references than can ever be lost. Does nothing where they are immortal."""
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython" or sys.maxsize < PLENTY:
        return
    for constant in (None, True, False):
        # A Python object begins with its reference count.
        ctypes.c_ssize_t.from_address(id(constant)).value += PLENTY
