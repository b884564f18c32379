"""Albums that fill themselves and take correction.

`Albums` (albums.py) is what the window and the command line talk to. Below it: `prompts.py` from words to a
direction, `backdrop.py` what scores look like in this library, `cutoff.py` where an album begins, `probe.py` the
score learned from prompt and marks, `panel.py` all albums side by side, `scoring.py` over all photos, `gathering.py`
who is in them, `members.py` what is answered of that, `review.py` what to ask next, `why.py` the reasons, `builtin.py`
the albums that ship, `carry.py` out of here and back.
"""

from core.albums.albums import Albums
from core.albums.members import Changed, Member, NameTaken, Shelved
from core.library.albums import Album

__all__ = ["Album", "Albums", "Changed", "Member", "NameTaken", "Shelved"]
