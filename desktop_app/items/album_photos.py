"""The photos of an album's page: in, maybe and rejected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from desktop_app.i18n import tr
from desktop_app.items.band_photos import BandPhotos

if TYPE_CHECKING:
    from core.albums import Album, Changed

IN, MAYBE, REJECTED = "in", "maybe", "rejected"
CAME, WENT = "came", "went"


@dataclass(frozen=True, slots=True)
class Page:
    """An album looked into: photos by band (IN, MAYBE, REJECTED), best first, and what was decided."""

    album: Album
    bands: Mapping[str, tuple[int, ...]]
    decisions: Mapping[int, bool]

    def moved(self, changed: Changed) -> Page:
        """The page as it would be with what comes and goes, for a preview."""
        came, went = set(changed.came), set(changed.went)
        inside = tuple(photo for photo in self.bands[IN] if photo not in went)
        known = {photo for photos in self.bands.values() for photo in photos}
        inside += tuple(photo for photo in self.bands[MAYBE] if photo in came)
        inside += tuple(photo for photo in changed.came if photo not in known)
        maybe = tuple(photo for photo in self.bands[MAYBE] if photo not in came)
        # What falls out of the album is at most maybe: where it lands shows when the border is let go.
        return Page(self.album, {**self.bands, IN: inside, MAYBE: maybe}, self.decisions)


class AlbumPhotos(BandPhotos):
    """Shows one Page at a time; bands may be folded."""

    def show_page(self, page: Page, folded: Collection[str]) -> None:
        """Another album: everything anew."""
        self.begin_bands(page.bands, folded)

    def take_page(self, page: Page, folded: Collection[str]) -> None:
        """The same album after a change."""
        self.take_bands(page.bands, folded)

    def show_change(self, changed: Changed) -> None:
        """Only the photos that came and went."""
        self._filled = {CAME, WENT} if changed.came and changed.went else {CAME if changed.came else WENT}
        self.show_bands([(CAME, changed.came), (WENT, changed.went)])

    def _title(self, band: str) -> str:
        return section_title(band)


def section_title(key: str) -> str:
    """The heading of a band; what is in needs none."""
    titles = {MAYBE: tr("Maybe"), REJECTED: tr("Rejected"), CAME: tr("Came in"), WENT: tr("Went out")}
    return titles.get(key, "")
