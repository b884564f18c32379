"""Photos by band as a Qt model, in an order that stands while somebody works on them.

Every mark moves every score, so an order by score would be another one after each. Here photos keep the place
that they had when the page was opened; those that come later go behind, and those that come back go back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from PySide6.QtCore import QModelIndex, QObject

from desktop_app.items.cells import Cells
from desktop_app.items.photo_model import PhotoModel, Section, band_title

# Photos by band, best first; the bands are always the same ones, some of them empty.
Bands = Mapping[str, Sequence[int]]
# Above this many runs of rows that come and go, one reset is quicker.
RUNS_AT_MOST = 500


class BandPhotos(PhotoModel):
    """Shows one set of bands at a time; bands may be folded."""

    def __init__(self, cells: Cells, parent: QObject | None = None) -> None:
        super().__init__(cells, parent)
        self._rank: dict[int, int] = {}
        # Bands that hold anything, folded or not: the others have no heading.
        self._filled: set[str] = set()

    def begin_bands(self, bands: Bands, folded: Collection[str]) -> None:
        """Another album or question: everything anew."""
        self._filled = {band for band, photos in bands.items() if photos}
        self._rank = {
            photo: rank for rank, photo in enumerate(photo for photos in bands.values() for photo in photos)
        }
        self.show_bands([(band, [] if band in folded else photos) for band, photos in bands.items()])

    def take_bands(self, bands: Bands, folded: Collection[str]) -> None:
        """The same one after a change: photos come and go, what stays stays where it is."""
        self._filled = {band for band, photos in bands.items() if photos}
        self._give_ranks(bands)
        wanted = {
            band: [] if band in folded else sorted(photos, key=self._rank.__getitem__)
            for band, photos in bands.items()
        }
        runs = sum(len(self._gone(band, wanted[band])) for band in self._counts)
        if runs > RUNS_AT_MOST:
            self.show_bands(list(wanted.items()))
            return
        for band in wanted:
            self._take_away(band, self._gone(band, wanted[band]))
        for band, photos in wanted.items():
            self._put_in(band, photos)
        self.sections_changed.emit()

    @property
    def sections(self) -> list[Section]:
        return [
            Section(key, count, self._title(key) if key in self._filled else "")
            for key, count in self._counts.items()
        ]

    def _title(self, band: str) -> str:
        return band_title(band)

    def _give_ranks(self, bands: Bands) -> None:
        for photos in bands.values():
            for photo in photos:
                self._rank.setdefault(photo, len(self._rank))

    def _first_row(self, band: str) -> int:
        keys = list(self._counts)
        return sum(self._counts[key] for key in keys[: keys.index(band)])

    def _shown(self, band: str) -> list[int]:
        first = self._first_row(band)
        return self.photos(first, first + self._counts[band] - 1)

    def _gone(self, band: str, wanted: Sequence[int]) -> list[tuple[int, int]]:
        stays = set(wanted)
        return list(_runs([photo not in stays for photo in self._shown(band)]))

    def _take_away(self, band: str, runs: Sequence[tuple[int, int]]) -> None:
        first = self._first_row(band)
        for begin, end in reversed(runs):
            self.beginRemoveRows(QModelIndex(), first + begin, first + end - 1)
            del self._entries[first + begin : first + end]
            self._counts[band] -= end - begin
            self.endRemoveRows()

    def _put_in(self, band: str, wanted: Sequence[int]) -> None:
        first, shown = self._first_row(band), set(self._shown(band))
        for begin, end in _runs([photo not in shown for photo in wanted]):
            self.beginInsertRows(QModelIndex(), first + begin, first + end - 1)
            self._entries[first + begin : first + begin] = [(photo, "") for photo in wanted[begin:end]]
            self._counts[band] += end - begin
            self.endInsertRows()


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """(begin, end) of each stretch that is true; end is the place after it."""
    begin: int | None = None
    for i, flag in enumerate((*flags, False)):
        if flag and begin is None:
            begin = i
        elif not flag and begin is not None:
            yield begin, i
            begin = None
