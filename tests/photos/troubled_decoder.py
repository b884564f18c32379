"""A decoder with every trouble that a real one can have, chosen by the file's name; else it decodes."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Any

from core.photos.costs import Cost
from core.photos.decode import decode as real_decode
from core.photos.jobs import Decoded, DecodePlan

DECODER = f"{__name__}:decode"


def decode(data: bytes, name: str, plan: DecodePlan, **more: Any) -> Decoded:
    trouble = name.partition(" ")[0]
    if trouble == "segfault":
        ctypes.string_at(0)
    elif trouble == "hang":
        while True:  # with the interpreter's lock in hand, as a C loop would
            pass
    elif trouble == "freeze":
        ctypes.PyDLL(None).sleep(3600)  # keeps the interpreter's lock, so that no thread of ours can run
    elif trouble == "sleep":
        time.sleep(3600)
    elif trouble == "grow":
        kept = []
        while True:
            # Address space is what is limited; to touch it, as bytearray does, would only take time.
            kept.append(bytes(16 << 20))
    elif trouble == "exit":
        os._exit(3)
    elif trouble == "quit":
        sys.exit("a library that thinks it is the program")
    elif trouble == "print":
        print("a library that talks")
        os.write(2, b"on every channel\n")
    elif trouble == "giant":
        more["afford"](Cost(1 << 20, alone=True))
        time.sleep(0.5)
    elif trouble == "costly":
        more["afford"](Cost(500 << 20))
    elif trouble == "slow":
        time.sleep(0.3)
    return real_decode(data, name, plan, **more)
