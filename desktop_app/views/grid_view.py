"""How the grid of photos lies and looks: an item view that asks `Shelves` where things lie and lets `CellPainter`
draw them. What a person does with it is in grid.py.

QListView lays every row out anew at each insertion and knows no headings; here an insertion costs as much
as there are sections, whatever the number of photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QRegion, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget

from desktop_app.items.photo_model import PHOTO, PhotoModel
from desktop_app.theme.tokens import CELL_GAP, RADIUS_CELL
from desktop_app.views.cell_painter import CellPainter, paint_heading
from desktop_app.views.fold_button import FoldButton
from desktop_app.views.shelves import Box, Shelves

MARGIN = 16
HEADING_PX = 44
# Rings reach this far beyond their cell.
RINGS = 3
# Rows asked for beyond the visible ones, on either side, as a share of what is visible.
AHEAD = 0.5
# While scrolling, pictures are asked for this often, ms: what flew past is not decoded.
ASK_EVERY_MS = 30

Index = QModelIndex | QPersistentModelIndex
Move = QAbstractItemView.CursorAction


class GridView(QAbstractItemView):
    """Shows a PhotoModel in sections, some of which have a button that unfolds them."""

    unfold_asked = Signal(object)  # name of the section

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._least_px = 176
        self._shelves = Shelves(1, 1, CELL_GAP, MARGIN, [])
        # What is to stay where it is while rows come and go: the photo on top, and how far it is scrolled past.
        self._anchor: tuple[QPersistentModelIndex, int] | None = None
        self._kept_photo: tuple[int, int] | None = None
        self._fold_buttons: list[FoldButton] = []
        self._decisions: Mapping[int, bool] = {}
        self._ask_soon = QTimer(self)
        self._ask_soon.setSingleShot(True)
        self._ask_soon.setInterval(ASK_EVERY_MS)
        self._ask_soon.timeout.connect(self._ask)
        self._painter = CellPainter()
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there: a bar that comes and goes would change the width, and with it every cell.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)

    # ---- what it shows

    def show_model(self, model: PhotoModel) -> None:
        old = self.selectionModel()
        before = self.model()
        if isinstance(before, PhotoModel):
            before.sections_changed.disconnect(self.relayout)
            before.cells_forgotten.disconnect(self._ask_soon.start)
            before.rowsAboutToBeInserted.disconnect(self._keep_anchor)
            before.modelAboutToBeReset.disconnect(self._keep_photo)
        self._kept_photo = None
        self.setModel(model)
        if old is not None:
            old.deleteLater()  # setModel makes a new one and leaves the old to us
        # Rows come in runs; one layout at the end of them is enough.
        model.sections_changed.connect(self.relayout)
        model.cells_forgotten.connect(self._ask_soon.start)
        model.rowsAboutToBeInserted.connect(self._keep_anchor)
        model.modelAboutToBeReset.connect(self._keep_photo)
        self.relayout()

    @property
    def photo_model(self) -> PhotoModel | None:
        model = self.model()
        return model if isinstance(model, PhotoModel) else None

    def set_cell_px(self, least_px: int) -> None:
        """Cells of this side at least, 96 to 320."""
        self._keep_anchor()
        self._least_px = least_px
        self.relayout()

    def set_folds(self, folds: Mapping[str, str]) -> None:
        """Put a button beside the heading of each of these sections: section -> words."""
        while len(self._fold_buttons) < len(folds):
            self._fold_buttons.append(FoldButton(self.viewport()))
            self._fold_buttons[-1].asked.connect(self.unfold_asked)
        for i, button in enumerate(self._fold_buttons):
            button.belong_to(*list(folds.items())[i] if i < len(folds) else (None, ""))
        self._place_fold_buttons()

    def show_decisions(self, decisions: Mapping[int, bool]) -> None:
        """Mark these photos as accepted (True) or rejected (False) in the album that is shown."""
        self._decisions = decisions
        self.viewport().update()

    @property
    def side_px(self) -> int:
        """The side of a cell in pixels of the screen."""
        return round(self._shelves.side * self.devicePixelRatioF())

    # ---- layout

    def relayout(self) -> None:
        """Lay the sections out again; the photo on top stays where it is unless the grid is at its very top."""
        anchor = self._anchor
        model = self.photo_model
        sections = model.sections if model is not None else []
        heights = [(section.count, HEADING_PX if section.title else 0) for section in sections]
        self._shelves = Shelves(self.viewport().width(), self._least_px, CELL_GAP, MARGIN, heights)
        self.updateGeometries()
        self._anchor = None
        if anchor is not None and anchor[0].isValid():
            self.verticalScrollBar().setValue(self._shelves.box(anchor[0].row()).y + anchor[1])
        self._place_fold_buttons()
        self._ask_soon.start()
        self.viewport().update()

    def updateGeometries(self) -> None:
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(24, self._shelves.side // 3))
        bar.setRange(0, max(0, self._shelves.height - self.viewport().height()))
        super().updateGeometries()

    def rowsAboutToBeRemoved(self, parent: Index, first: int, last: int) -> None:
        self._keep_anchor()
        super().rowsAboutToBeRemoved(parent, first, last)

    def reset(self) -> None:
        """Another question begins at its top; the timeline read anew stays at the photo that was on top."""
        super().reset()
        model, kept = self.photo_model, self._kept_photo
        row = model.row_of(kept[0]) if model is not None and model.is_by_time and kept else None
        self._anchor = None
        if model is not None and row is not None and kept:
            self._anchor = QPersistentModelIndex(model.index(row)), kept[1]
        else:
            self.verticalScrollBar().setValue(0)
        self.relayout()

    def _keep_photo(self) -> None:
        """Before a reset: indexes do not survive it, ids do."""
        self._keep_anchor()
        photo = self._anchor[0].data(PHOTO) if self._anchor is not None else None
        self._kept_photo = (
            (photo, self._anchor[1]) if self._anchor is not None and photo is not None else None
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._keep_anchor()
        super().resizeEvent(event)
        self.relayout()

    def _keep_anchor(self) -> None:
        top = self.verticalOffset()
        model = self.photo_model
        if self._anchor is not None or top <= 0 or model is None:
            return
        first, last = self._shelves.rows_between(top, top + self.viewport().height())
        if first <= last < model.rowCount():
            self._anchor = QPersistentModelIndex(model.index(first)), top - self._shelves.box(first).y

    def _place_fold_buttons(self) -> None:
        model = self.photo_model
        if model is not None and self._fold_buttons:
            sections, right = model.sections, self.viewport().width() - MARGIN
            for button in self._fold_buttons:
                button.place(sections, self._shelves.shelves, self.verticalOffset(), right)

    # ---- what QAbstractItemView asks of a view

    def visualRect(self, index: Index) -> QRect:
        if not index.isValid() or index.row() >= self._shelves.count:
            return QRect()
        box = self._shelves.box(index.row())
        return QRect(box.x, box.y - self.verticalOffset(), box.width, box.height)

    def indexAt(self, point: QPoint) -> QModelIndex:
        row = self._shelves.row_at(point.x(), point.y() + self.verticalOffset())
        model = self.photo_model
        if row is None or model is None or row >= model.rowCount():
            return QModelIndex()
        return model.index(row)

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        if not index.isValid() or index.row() >= self._shelves.count:
            return
        box = self._shelves.box(index.row())
        top, height = self.verticalOffset(), self.viewport().height()
        # Above a cell lies the heading that sticks to the top.
        above = HEADING_PX if self._shelves.shelves[0].cells_top > self._shelves.shelves[0].top else MARGIN
        if hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            self.verticalScrollBar().setValue(box.y - (height - box.height) // 2)
        elif box.y - above < top or hint == QAbstractItemView.ScrollHint.PositionAtTop:
            self.verticalScrollBar().setValue(box.y - above)
        elif box.y + box.height + MARGIN > top + height:
            self.verticalScrollBar().setValue(box.y + box.height + MARGIN - height)

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, index: Index) -> bool:
        return False

    def moveCursor(self, action: Move, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        model = self.photo_model
        if model is None or not self._shelves.count:
            return QModelIndex()
        row = self.currentIndex().row()
        if row < 0:
            return model.index(self.first_visible())
        lines_a_page = max(1, self.viewport().height() // (self._shelves.side + CELL_GAP) - 1)
        last = self._shelves.count - 1
        wanted = {
            Move.MoveLeft: row - 1,
            Move.MovePrevious: row - 1,
            Move.MoveRight: row + 1,
            Move.MoveNext: row + 1,
            Move.MoveUp: self._shelves.step(row, -1),
            Move.MoveDown: self._shelves.step(row, 1),
            Move.MovePageUp: self._shelves.step(row, -lines_a_page),
            Move.MovePageDown: self._shelves.step(row, lines_a_page),
            Move.MoveHome: 0,
            Move.MoveEnd: last,
        }[action]
        return model.index(min(max(wanted, 0), last))

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        model = self.photo_model
        if model is None:
            return
        rect = rect.normalized()
        box = Box(rect.x(), rect.y() + self.verticalOffset(), rect.width(), rect.height())
        selection = QItemSelection()
        for first, last in self._shelves.rows_in(box):
            selection.select(model.index(first), model.index(last))
        self.selectionModel().select(selection, command)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        top = self.verticalOffset()
        first, last = self._shelves.rows_between(top, top + self.viewport().height())
        region = QRegion()
        for index in selection.indexes() if selection.count() else []:
            if first <= index.row() <= last:
                region += self.visualRect(index)
        return region

    # ---- painting

    def dataChanged(self, top_left: Index, bottom_right: Index, roles: Sequence[int] = ()) -> None:
        """Only the lines of the changed rows are painted again."""
        if top_left.isValid() and bottom_right.row() < self._shelves.count:
            above, below = self._shelves.box(top_left.row()), self._shelves.box(bottom_right.row())
            height = below.y + below.height - above.y
            self.viewport().update(0, above.y - self.verticalOffset(), self.viewport().width(), height)

    def paintEvent(self, event: QPaintEvent) -> None:
        model = self.photo_model
        if model is None:
            return
        painter = QPainter(self.viewport())
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        top, dirty = self.verticalOffset(), event.rect()
        first, last = self._shelves.rows_between(top + dirty.top() - RINGS, top + dirty.bottom() + 1 + RINGS)
        self._paint_cells(painter, model, first, min(last, model.rowCount() - 1))
        self._paint_headings(painter, model, top, self.viewport().height())

    def _paint_cells(self, painter: QPainter, model: PhotoModel, first: int, last: int) -> None:
        top, ratio, entries = self.verticalOffset(), self.devicePixelRatioF(), model.entries
        selection, current = self.selectionModel(), self.currentIndex().row() if self.hasFocus() else -1
        any_selected, hovered = selection.hasSelection(), self._hovered_row()
        for row in range(first, last + 1):
            box = self._shelves.box(row)
            square = QRectF(box.x, box.y - top, box.width, box.height)
            photo = entries[row][0]
            self._painter.paint(painter, square, model.cells.get(photo), ratio, self._decisions.get(photo))
            is_selected = any_selected and selection.isSelected(model.index(row))
            if is_selected or row in (current, hovered):
                self._painter.mark(
                    painter,
                    square,
                    is_selected=is_selected,
                    is_hovered=row == hovered,
                    is_current=row == current,
                )

    def _hovered_row(self) -> int:
        if not self.underMouse():
            return -1
        return self.indexAt(self.viewport().mapFromGlobal(self.cursor().pos())).row()

    def _paint_headings(self, painter: QPainter, model: PhotoModel, top: int, height: int) -> None:
        """The visible sections' headings; that of the section on top sticks there until the next pushes it."""
        sections = model.sections
        for i in self._shelves.shelves_between(top, top + height):
            shelf, section = self._shelves.shelves[i], sections[i]
            if not section.title:
                continue
            y = max(shelf.top - top, 0)
            if section.count:
                y = min(y, max(shelf.bottom - top - HEADING_PX, shelf.top - top))
            band = QRect(0, y, self.viewport().width(), HEADING_PX)
            paint_heading(painter, band, MARGIN, section.title, section.count, is_stuck=shelf.top < top)

    # ---- asking for what is to be seen

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._place_fold_buttons()
        if not self._ask_soon.isActive():
            self._ask_soon.start()
        self.viewport().update()

    def _ask(self) -> None:
        model = self.photo_model
        # What is hidden asks for nothing: it would take the place of what is to be seen elsewhere.
        if model is None or not self._shelves.count or not self.isVisible():
            return
        top, height = self.verticalOffset(), self.viewport().height()
        first, last = self._shelves.rows_between(top, top + height)
        model.saw(first, last)
        ahead = round(AHEAD * (last - first + 1))
        photos = model.photos(first, last) + model.photos(last + 1, last + ahead)
        if first:
            photos += model.photos(first - ahead, first - 1)
        model.cells.want(photos, self.side_px, RADIUS_CELL * self.devicePixelRatioF())

    def first_visible(self) -> int:
        """The first row in sight; 0 where there is none."""
        top = self.verticalOffset()
        return self._shelves.rows_between(top, top + self.viewport().height())[0]

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask_soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._anchor = None
        super().hideEvent(event)
