"""Numbered changes of the library's form: `NNN_name.py` with one `apply(db)`. Published ones are never edited."""
