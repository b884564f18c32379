"""How much memory this machine has, and how much of it is free."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path


def free_bytes() -> int:
    """Memory that can be had now without swapping; all of it where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return _windows_bytes(2) if sys.platform == "win32" else all_bytes()


def all_bytes() -> int:
    """Of the whole machine."""
    if sys.platform == "win32":
        return _windows_bytes(1)
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _windows_bytes(field: int) -> int:
    """GlobalMemoryStatusEx: two numbers of 32 bits and seven of 64, the second of which is all memory, the third what is
    free."""
    fields = (ctypes.c_ulonglong * 8)()
    ctypes.cast(fields, ctypes.POINTER(ctypes.c_ulong))[0] = ctypes.sizeof(fields)
    ctypes.CDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(fields))
    return int(fields[field])
