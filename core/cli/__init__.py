"""The `shiguang` command: `parser.py` what can be asked, one module a group of commands, `main` the edge.

Standard output carries results alone (with --json one object a line); progress and messages go to
standard error. Exit codes are those of docs/contracts.md: every `ShiguangError` knows its own.
"""

from core.cli.main import main

__all__ = ["main"]
