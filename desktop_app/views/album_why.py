"""Why a photo is in an album or not: how likely, the words that fit it best, and the accepted photo most like it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from desktop_app.i18n import number, tr
from desktop_app.workers.album_tasks import Reason

LIKE_PX = 132
# Marks that add less than this to a photo's logit have not been about it.
TAUGHT_LEAST = 0.25


def reason_words(reason: Reason) -> list[str]:
    """The reasons, a sentence each, the weightiest first."""
    member, why = reason.member, reason.why
    said = {
        True: tr("You said that it belongs here."),
        False: tr("You said that it does not belong here."),
        None: tr("Likely to belong here: {percent}%.", percent=number(100 * member.relevance)),
    }[member.decision]
    words = [said]
    if not why.rule:
        words.append(tr("It does not pass the album's rule."))
    if why.prompt:
        fit = number(why.cosine, 2)
        words.append(tr("Of its words “{words}” fit best: {score}.", words=why.prompt, score=fit))
    if abs(why.taught) >= TAUGHT_LEAST:
        words.append(tr("Your marks speak for it.") if why.taught > 0 else tr("Your marks speak against it."))
    if why.like is not None:
        words.append(tr("The accepted photo most like it: {score}.", score=number(why.likeness, 2)))
    return words


class WhyPanel(QWidget):
    """Shows a Reason; nothing until there is one. As wide as it is given."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reason: Reason | None = None
        self._title, self._words, self._like = QLabel(), QLabel(), QLabel()
        self._title.setObjectName("section")
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self._title, self._words, self._like):
            column.addWidget(widget)
        column.addStretch()
        self._say()

    def show_reason(self, reason: Reason | None) -> None:
        self._reason = reason
        self._like.setPixmap(self._scaled(reason.like) if reason and reason.like else QPixmap())
        self._say()

    def _scaled(self, image: QImage) -> QPixmap:
        ratio = self.devicePixelRatioF()
        side = QSize(round(LIKE_PX * ratio), round(LIKE_PX * ratio))
        smooth = Qt.TransformationMode.SmoothTransformation
        pixmap = QPixmap.fromImage(image.scaled(side, Qt.AspectRatioMode.KeepAspectRatio, smooth))
        pixmap.setDevicePixelRatio(ratio)
        return pixmap

    def _say(self) -> None:
        reason = self._reason
        self._title.setText(tr("Why is this here?") if reason is not None else "")
        self._words.setText("\n".join(reason_words(reason)) if reason is not None else "")
        self._like.setAccessibleName(tr("The accepted photo most like it"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
