"""What the owner said, carried out of the library and back: sidecars beside the photos, and backups."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from core.albums import Albums
from core.albums.read_sidecars import Read, read_sidecars
from core.albums.sidecar_files import OwnWrites
from core.albums.write_sidecars import Written, write_sidecars
from core.backup import BackedUp, Restored, backup, restore
from core.errors import ShiguangError
from core.ingest.turns import Turns
from core.library import sidecars, spaces
from core.library.albums import has_albums
from core.library.database import Database
from core.library.roots import watched_roots
from core.log import logger
from core.progress import Cancelled, CancelToken, Report, silent
from core.settings import SIDECARS, SIDECARS_AUTOMATIC, Settings

log = logger(__name__)

# Tables whose new rows may move photos into albums or out of them.
FILL_ALBUMS = ("albums", "album_decisions", "opinions", "given_names", "given_name_examples")


class Carrying:
    """Of one open library. `albums` gives those of the model in use.

    own  the sidecars that were written in this run: events about them are no news
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        settings: Settings,
        turns: Turns,
        albums: Callable[[], Albums],
    ) -> None:
        self._folder = folder
        self._database = database
        self._settings = settings
        self._turns = turns
        self._albums = albums
        self.own = OwnWrites()

    def write_sidecars(self, report: Report, cancel: CancelToken, *, dry_run: bool = False) -> Written:
        """Write what was said beside the photos (core/albums/write_sidecars.py says what it raises)."""
        space = None
        if self._settings.get(SIDECARS_AUTOMATIC):
            active = spaces.active_space(self._database.reader())
            space = active.id if active is not None else None
        return write_sidecars(self._database, self.own, report, cancel, space=space, dry_run=dry_run)

    def after_index(self, paths: Iterable[bytes] | None, cancel: CancelToken) -> None:
        """The same, if the setting asks for it, after an import that looked through a whole folder: what waited may
        have its drive again. `paths` were looked at, None for all. Said in the log alone: it is no part of the
        import's progress."""
        whole = {root.path for root in watched_roots(self._database.reader())}
        if not self._settings.get(SIDECARS) or (paths is not None and whole.isdisjoint(paths)):
            return
        try:
            done = self.write_sidecars(silent, cancel)
        except ShiguangError as error:
            log.warning("sidecars: %s", error)
        else:
            log.info("sidecars: %d written, %d waiting", done.written, done.waiting)

    def read_sidecars(self, report: Report, cancel: CancelToken, *, dry_run: bool = False) -> Read:
        """Take in what other programs wrote (core/albums/read_sidecars.py says by which rule)."""
        try:
            done = read_sidecars(self._database, report, cancel, dry_run=dry_run)
        except Cancelled:
            # What was taken in until then stays, and is no news to the next call.
            if not dry_run:
                self._fill_albums()
            raise
        if (done.accepted or done.ratings) and not dry_run:
            self._fill_albums()
        return done

    def sidecar_counts(self) -> dict[str, int]:
        """Sidecars `written`, and `waiting` to be."""
        return sidecars.counts(self._database.reader())

    def sidecar_states(self, photo: int) -> dict[str, str]:
        """path of a photo's file -> "written", or why its sidecar is not written yet."""
        return sidecars.states_of_photo(self._database.reader(), photo)

    def backup(self, path: Path, report: Report, cancel: CancelToken, *, models: bool = False) -> BackedUp:
        """Everything that was said, in one file (core/backup)."""
        return backup(self._database, self._folder, path, report, cancel, models=models)

    def restore(self, path: Path, report: Report, cancel: CancelToken) -> Restored:
        """Merge a backup in (core/backup), between two imports. Albums are filled by what came."""
        with self._turns.alone(cancel):
            done = restore(self._database, self._folder, path, report, cancel)
        if any(done.merged.came[name] for name in FILL_ALBUMS):
            self._fill_albums()
        return done

    def _fill_albums(self) -> None:
        """By what is in already: not stopped with what brought it, for a second at most."""
        if not has_albums(self._database.reader()):
            return
        try:
            self._albums().rescore()
        except ShiguangError as error:
            # Without a model albums cannot fill; the decisions are in, and the next import fills them.
            log.warning("the albums are not filled anew: %s", error)
