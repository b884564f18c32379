"""`python -m desktop_app [FOLDER ...]` opens the window."""

from __future__ import annotations

import sys

from desktop_app.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
