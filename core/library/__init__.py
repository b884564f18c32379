"""The library: everything Shiguang knows, in one SQLite file with one writer.

`database.py` opens it (lock, migrations, backups) and owns the writer thread; the other modules are
the named questions and changes, one module a noun: `roots`, `files`, `photos`, `faults`, `spaces`.
All SQL of the program stands in this package.
"""
