"""The sidebar: places to go, albums, the watched folders with their state, what failed, and the status strip."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from desktop_app.i18n import number, tr
from desktop_app.items.folder_model import ROOT, STATE_WORDS, FolderModel
from desktop_app.theme.dress import INK, INK_2
from desktop_app.theme.icons import IconButton, icon, icon_pixmap
from desktop_app.theme.tokens import CAPTION, ICON
from desktop_app.views.album_shelf import AlbumShelf
from desktop_app.views.places import ALL, FAVOURITES, QUESTION, SUGGESTIONS, Place
from desktop_app.views.status_strip import StatusStrip
from desktop_app.workers.keeping import Overview

State = QStyle.StateFlag
ROW_PX = 32
STATE_ROW_PX = 46
PAD = 8
# Two folders and a bit of the third: with more of them the list scrolls.
LEAST_FOLDERS_PX = 80


class PlaceButton(QPushButton):
    """A place to go: icon, name, and a count at the right."""

    def __init__(self, icon_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._count: int | None = None
        self.setObjectName("place")
        self.setCheckable(True)
        self.setFixedHeight(ROW_PX)
        self.setIconSize(QSize(ICON, ICON))
        self.setIcon(icon(icon_name, self.palette()))

    def show_count(self, count: int | None) -> None:
        self._count = count
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._count is not None:
            painter = QPainter(self)
            painter.setPen(self.palette().color(INK_2))
            painter.drawText(
                self.rect().adjusted(0, 0, -PAD, 0),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                number(self._count),
            )

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.setIcon(icon(self._icon_name, self.palette()))
        super().changeEvent(event)


class FolderDelegate(QStyledItemDelegate):
    """A folder's row: its name, elided in the middle, and under it its state where not all is well."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(64, STATE_ROW_PX if index.data(STATE_WORDS) else ROW_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        palette, rect = option.palette, option.rect.adjusted(PAD, 0, -PAD, 0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & (State.State_Selected | State.State_MouseOver):
            ground = palette.alternateBase() if option.state & State.State_Selected else palette.mid()
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(option.rect, 4, 4)
        words = str(index.data(STATE_WORDS))
        ratio = painter.device().devicePixelRatio()
        line = QRect(rect.x(), rect.y(), rect.width(), ROW_PX)
        colour = palette.color(INK_2 if words else INK)
        mark = icon_pixmap("disk-offline" if words else "folder", colour, ICON, ratio)
        painter.drawPixmap(line.x(), line.y() + (ROW_PX - ICON) // 2, mark)
        text = line.adjusted(ICON + PAD, 0, 0, 0)
        painter.setPen(colour)
        name = option.fontMetrics.elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, name)
        if words:
            font = painter.font()
            font.setPixelSize(CAPTION)
            painter.setFont(font)
            painter.drawText(text.translated(0, 18), Qt.AlignmentFlag.AlignVCenter, words)
        painter.restore()


class FolderList(QListView):
    """The watched folders; Delete or the menu takes one away."""

    remove_asked = Signal(object)  # Root
    open_asked = Signal(object)  # Root

    def __init__(self, model: FolderModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row_delegate = FolderDelegate()
        self.setItemDelegate(self._row_delegate)
        self.setModel(model)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.doubleClicked.connect(self._open)
        for changed in (model.modelReset, model.dataChanged):
            changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        rows = range(self.model().rowCount())
        high = (STATE_ROW_PX if self.model().index(row, 0).data(STATE_WORDS) else ROW_PX for row in rows)
        return QSize(160, sum(high) + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, min(self.sizeHint().height(), LEAST_FOLDERS_PX))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.currentIndex().isValid():
            self.remove_asked.emit(self.currentIndex().data(ROOT))
            return
        super().keyPressEvent(event)

    def _show_menu(self, point: QPoint) -> None:
        index = self.indexAt(point)
        if not index.isValid():
            return
        root = index.data(ROOT)
        menu = QMenu(self)
        menu.addAction(tr("Open folder"), lambda: self.open_asked.emit(root))
        menu.addAction(tr("Stop watching this folder"), lambda: self.remove_asked.emit(root))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.viewport().mapToGlobal(point))

    def _open(self, index: QModelIndex) -> None:
        self.open_asked.emit(index.data(ROOT))


class Sidebar(QWidget):
    """Places, albums, folders, faults, status."""

    all_photos_asked = Signal()
    favourites_asked = Signal()
    faults_asked = Signal()
    add_folder_asked = Signal()

    def __init__(self, folders: FolderModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.status = StatusStrip()
        self.folders = FolderList(folders)
        self._brand = QLabel("拾光")
        self._brand.setObjectName("brand")
        self._all = PlaceButton("photos")
        self._favourites = PlaceButton("heart")
        self._suggestions = PlaceButton("suggestions")
        self.albums = AlbumShelf(self._suggestions)
        self._faults = PlaceButton("warning")
        self._faults.setCheckable(False)
        self._folders_label = QLabel()
        self._folders_label.setObjectName("section")
        self._add = IconButton("plus")
        self._places = QButtonGroup(self)
        for button in (self._all, self._favourites, self._suggestions):
            self._places.addButton(button)
        self._all.setChecked(True)
        self._all.clicked.connect(self.all_photos_asked)
        self._favourites.clicked.connect(self.favourites_asked)
        self._faults.clicked.connect(self.faults_asked)
        self._add.clicked.connect(self.add_folder_asked)
        self._faults.hide()
        self._lay_out()
        self._say()

    def _lay_out(self) -> None:
        heading = QHBoxLayout()
        heading.setContentsMargins(PAD, 12, 0, 4)
        heading.addWidget(self._folders_label, 1)
        heading.addWidget(self._add)
        inner = QVBoxLayout()
        inner.setContentsMargins(8, 0, 8, 8)
        inner.setSpacing(2)
        inner.addWidget(self._brand)
        self._brand.setContentsMargins(PAD, 14, 0, 10)
        inner.addWidget(self._all)
        inner.addWidget(self._favourites)
        inner.addWidget(self.albums)
        inner.addLayout(heading)
        inner.addWidget(self.folders)
        inner.addStretch(1)
        inner.addWidget(self._faults)
        line = QFrame()
        line.setObjectName("hairline")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(inner, 1)
        column.addWidget(line)
        column.addWidget(self.status)

    def show_overview(self, overview: Overview) -> None:
        self._all.show_count(overview.counts["photos"])
        failed = overview.counts["failed"]
        self._faults.show_count(failed)
        self._faults.setVisible(failed > 0)

    def show_place(self, place: Place) -> None:
        """Which place is shown beside, as a checked button or as the current album."""
        button = {
            ALL: self._all,
            QUESTION: self._all,
            FAVOURITES: self._favourites,
            SUGGESTIONS: self._suggestions,
        }.get(place)
        if button is not None:
            button.setChecked(True)
        else:
            self._uncheck()
        self.albums.show_current(place if isinstance(place, int) else None)

    def _uncheck(self) -> None:
        """None of the buttons: an exclusive group keeps one checked by itself."""
        self._places.setExclusive(False)
        for button in self._places.buttons():
            button.setChecked(False)
        self._places.setExclusive(True)

    def _say(self) -> None:
        self._all.setText(f" {tr('All photos')}")
        self._favourites.setText(f" {tr('Favourites')}")
        self._suggestions.setText(f" {tr('Suggestions')}")
        self._suggestions.setToolTip(tr("Albums that would fill with your photos"))
        self._faults.setText(f" {tr('Not taken in')}")
        self._faults.setToolTip(tr("Files that could not be read, and why"))
        self._folders_label.setText(tr("Folders"))
        self.folders.setAccessibleName(tr("Folders"))
        self._add.say(tr("Add a folder"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
