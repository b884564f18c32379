"""From words to photos: `query.py` what is asked, `parse.py` words into filters and meaning, `answer.py` the hits."""
