"""Shiguang's core: everything but the window. It never imports Qt (docs/design.md, "The rooms")."""

__version__ = "0.1.0"
