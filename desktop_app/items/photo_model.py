"""The photos of one view as a Qt model over ids: all of them by time, or the hits of a question by band."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot

from desktop_app.i18n import month_name, tr
from desktop_app.items.cells import Cells
from desktop_app.items.timeline import Edit, Entry, Insert, Remove, month_of, months_of

PHOTO = Qt.ItemDataRole.UserRole + 1  # int, the photo's id
CELL = Qt.ItemDataRole.UserRole + 2  # Cell | None

AnyIndex = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under one heading. `key` is a month ("2019-07", "" without a date) or the name of a band."""

    key: str
    count: int
    title: str


class PhotoModel(QAbstractListModel):
    """Rows are photos. `data` answers from memory only; what is missing is asked for by the view, in bulk."""

    sections_changed = Signal()
    cells_forgotten = Signal()

    def __init__(self, cells: Cells, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cells = cells
        self._entries: list[Entry] = []
        # Rows by section, in the order shown.
        self._counts: dict[str, int] = {}
        self._is_by_time = True
        self._seen = (0, -1)
        cells.arrived.connect(self._say_cells_arrived)
        cells.forgotten.connect(self.cells_forgotten)

    # ---- what Qt asks

    def rowCount(self, parent: AnyIndex = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._entries):
            return None
        photo = self._entries[index.row()][0]
        if role == PHOTO:
            return photo
        if role == CELL:
            return self.cells.get(photo)
        if role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
        ):
            cell = self.cells.get(photo)
            if cell is None:
                return None
            return f"{cell.card.name}\n{cell.card.taken[:16].replace('T', ' ')}".strip()
        return None

    # ---- what is shown

    @property
    def entries(self) -> Sequence[Entry]:
        return self._entries

    def photo(self, row: int) -> int | None:
        return self._entries[row][0] if 0 <= row < len(self._entries) else None

    def photos(self, first: int, last: int) -> list[int]:
        """Ids of the rows first to last, both included."""
        return [photo for photo, _ in self._entries[max(0, first) : last + 1]]

    def row_of(self, photo: int) -> int | None:
        return next((row for row, entry in enumerate(self._entries) if entry[0] == photo), None)

    @property
    def is_by_time(self) -> bool:
        """Whether this is the timeline, which stays the same question for ever."""
        return self._is_by_time

    @property
    def sections(self) -> list[Section]:
        """In the order shown; their counts add up to the rows."""
        title = month_name if self._is_by_time else band_title
        return [Section(key, count, title(key)) for key, count in self._counts.items()]

    def saw(self, first: int, last: int) -> None:
        """The view shows these rows now: only they are told when something arrives."""
        self._seen = first, last

    # ---- another question: everything anew

    def show_timeline(self, entries: list[Entry], months: dict[str, int] | None = None) -> None:
        """All photos, newest first, in this very list; `months_of` them where that is known already."""
        self.beginResetModel()
        self._is_by_time = True
        self._entries = entries
        self._counts = months_of(entries) if months is None else months
        self.endResetModel()

    def show_bands(self, bands: Sequence[tuple[str, Sequence[int]]]) -> None:
        """The hits of a question, best first, under the name of their band; a band may be folded (empty)."""
        self.beginResetModel()
        self._is_by_time = False
        self._entries = [(photo, "") for _, photos in bands for photo in photos]
        self._counts = {name: len(photos) for name, photos in bands}
        self.endResetModel()

    # ---- the same question: rows come and go

    def apply(self, edits: Sequence[Edit]) -> None:
        """Bring a timeline up to date, run by run, so that selection and scroll position survive."""
        for edit in edits:
            if isinstance(edit, Remove):
                self.beginRemoveRows(QModelIndex(), edit.row, edit.row + edit.count - 1)
                gone = self._entries[edit.row : edit.row + edit.count]
                del self._entries[edit.row : edit.row + edit.count]
                self._add_to_months(gone, -1)
                self.endRemoveRows()
            else:
                self._insert(edit)
        if edits:
            self.sections_changed.emit()

    def _insert(self, edit: Insert) -> None:
        self.beginInsertRows(QModelIndex(), edit.row, edit.row + len(edit.entries) - 1)
        self._entries[edit.row : edit.row] = edit.entries
        self._add_to_months(edit.entries, 1)
        self.endInsertRows()

    def unfold(self, name: str, photos: Sequence[int]) -> None:
        """Fill a folded band with its photos, or fold it again with none."""
        names = list(self._counts)
        first = sum(self._counts[each] for each in names[: names.index(name)])
        count = self._counts[name]
        if count:
            self.beginRemoveRows(QModelIndex(), first, first + count - 1)
            del self._entries[first : first + count]
            self._counts[name] = 0
            self.endRemoveRows()
        if photos:
            self.beginInsertRows(QModelIndex(), first, first + len(photos) - 1)
            self._entries[first:first] = [(photo, "") for photo in photos]
            self._counts[name] = len(photos)
            self.endInsertRows()
        self.sections_changed.emit()

    def _add_to_months(self, entries: Sequence[Entry], sign: int) -> None:
        for _, taken in entries:
            month = month_of(taken)
            self._counts[month] = self._counts.get(month, 0) + sign
        self._counts = {
            month: self._counts[month] for month in sorted(self._counts, reverse=True) if self._counts[month]
        }

    @Slot(object)
    def _say_cells_arrived(self, photos: Set[int]) -> None:
        first, last = self._seen
        rows = [first + i for i, photo in enumerate(self.photos(first, last)) if photo in photos]
        if rows:
            self.dataChanged.emit(self.index(rows[0]), self.index(rows[-1]))


def band_title(band: str) -> str:
    """The heading of a band of hits; the best ones need none."""
    titles = {
        "less sure": tr("Less sure below"),
        "no": tr("The nearest anyway"),
        "not it": tr("You said: not it"),
    }
    return titles.get(band, "")
