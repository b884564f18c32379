"""Spaces: one model's embeddings of the whole library, and how the nearest are found.

`vectors.py` holds the truth (float16 rows in one memory-mapped file), `index.py` finds the nearest rows
(exact, or HNSW where that pays), `space.py` puts both beside the library's photos.
"""
