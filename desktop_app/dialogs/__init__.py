"""Dialogs: what failed and why, all keys, and errors with their details folded away."""
