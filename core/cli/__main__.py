"""`python -m core.cli` is the `shiguang` command."""

import sys

from core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
