"""Words that stand about photos without having been said of them: folders' names and keywords."""

from __future__ import annotations

import os
import re
import sqlite3

# A folder's name that a camera or a program made, or that is a date, names no picture.
_SAYS_NOTHING = re.compile(
    r"(?:\d+[a-z_]*|[\d\W_年月日号]+|dcim|camera|photos?|pictures?|images?|downloads?|desktop|backup|scans?|misc|unsorted"
    r"|screenshots?|new folder|照片|图片|相机|相册|下载|桌面|备份|截图|新建文件夹|手机相册)(?:\s*\(?\d*\)?)",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:19|20)\d\d(?:[-_./年 ]?\d{1,2}(?:[-_./月 ]?\d{1,2}日?)?)?月?")


def folder_words(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """(photo, words) of the folder that each file lies in, below its root; dates and what cameras write left out."""
    found: dict[tuple[int, str], None] = {}
    for photo, path in connection.execute("SELECT photo, path FROM files WHERE photo AND state != 'missing'"):
        words = words_of_folder(os.fsdecode(os.path.basename(os.path.dirname(path))))
        if words:
            found[photo, words] = None
    return list(found)


def words_of_folder(name: str) -> str:
    """ "2019-07 青岛 海边" is 青岛 海边; "" where nothing is left that names a picture."""
    words = " ".join(re.sub(r"[_\-]+", " ", _DATE.sub(" ", name)).split())
    return "" if not words or len(words) < 2 or _SAYS_NOTHING.fullmatch(words) else words


def keyword_words(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """(photo, word) of the owner's keywords."""
    return connection.execute("SELECT photo, word FROM keywords ORDER BY photo, word").fetchall()
