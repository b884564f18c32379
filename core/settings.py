"""What the owner may choose: declared once as data, kept in the library's `settings.json`.

The window's settings page and `--help` show `Setting.sentence`; code is handed values, never this object.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import platformdirs

from core.disk import written_whole
from core.errors import LibraryError, WrongUse
from core.log import logger

log = logger(__name__)

FILE_NAME = "settings.json"

Value = str | int | float | bool
T = TypeVar("T", str, int, float, bool)


class BadSetting(WrongUse):
    """A setting that is not known, or a value that it does not take."""

    code = "bad-setting"
    what_to_do = "Choose one of the allowed values, or delete the line from settings.json."


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One choice. `sentence` is the English source that the translations start from."""

    name: str
    default: T
    sentence: str
    choices: tuple[T, ...] = ()
    least: float | None = None
    most: float | None = None
    unit: str = ""  # "px", "min", "s"; empty where the value has none
    renamed_from: tuple[str, ...] = ()  # read for ever, never written again

    def checked(self, value: object) -> T:
        """`value` in the setting's own type, or BadSetting that says what is allowed."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        # `type`, not `isinstance`: True is an int to Python and a mistake to the owner.
        if type(value) is not kind or not self._allows(value):
            raise BadSetting(f"{self.name} cannot be {value!r}: it is {self.allowed}.")
        return value

    def _allows(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, str):
            return bool(value)
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def allowed(self) -> str:
        """What the setting takes, in words: "auto, light, dark" or "a whole number from 96 to 320 px"."""
        if self.choices:
            return ", ".join(json.dumps(choice, ensure_ascii=False).strip('"') for choice in self.choices)
        kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        words = kinds[type(self.default)]
        if self.least is not None and self.most is not None:
            words += f" from {self.least:g} to {self.most:g}"
        return f"{words} {self.unit}".rstrip()


LANGUAGE = Setting(
    "language", "auto", "The language of the window; auto is the system's.", choices=("auto", "zh_CN", "en")
)
THEME = Setting("theme", "auto", "Light or dark; auto is the system's.", choices=("auto", "light", "dark"))
CELL_PX = Setting("cell_px", 176, "The width of a photo in the grid.", least=96, most=320, unit="px")
SIDEBAR_PX = Setting("sidebar_px", 224, "The width of the sidebar.", least=180, most=320, unit="px")
MODEL = Setting("model", "starter", "The model that search and albums use.")
DECODE_WORKERS = Setting(
    "decode_workers", 0, "How many photos are decoded at once; 0 goes by the processor.", least=0, most=64
)
RESCAN_MINUTES = Setting(
    "rescan_minutes",
    30,
    "How often watched folders are looked through for what was missed.",
    least=1,
    most=1440,
    unit="min",
)
SETTLE_SECONDS = Setting(
    "settle_seconds",
    2.0,
    "How long a file must lie still before it is taken in.",
    least=0.1,
    most=60,
    unit="s",
)
MODEL_MIRROR = Setting(
    "model_mirror",
    "auto",
    "Where models are fetched from: an address like https://hf-mirror.com; auto is the hub itself, or $HF_ENDPOINT.",
)
PROXY = Setting(
    "proxy",
    "auto",
    "The proxy through which models are fetched: http://host:port; auto is the system's, none is no proxy.",
)
SIDECARS = Setting(
    "sidecars",
    False,
    "Write what you say about photos into XMP sidecars beside them, whenever folders were looked through.",
)
SIDECARS_AUTOMATIC = Setting(
    "sidecars_automatic", False, "Name in sidecars also the albums that a photo is in by itself."
)
TEACH_FOLDERS = Setting(
    "teach_folders", False, "Names of folders teach the model too, when it learns from what you said."
)
TEACH_KEYWORDS = Setting(
    "teach_keywords", False, "Keywords teach the model too, when it learns from what you said."
)
LOG_VERBOSE = Setting("log_verbose", False, "Write more into the log file, for a report of a fault.")

# In the order of the settings page.
SETTINGS: tuple[Setting[Any], ...] = (
    LANGUAGE,
    THEME,
    CELL_PX,
    SIDEBAR_PX,
    MODEL,
    DECODE_WORKERS,
    RESCAN_MINUTES,
    SETTLE_SECONDS,
    MODEL_MIRROR,
    PROXY,
    SIDECARS,
    SIDECARS_AUTOMATIC,
    TEACH_FOLDERS,
    TEACH_KEYWORDS,
    LOG_VERBOSE,
)


def default_folder() -> Path:
    """Where the library lies when nobody says: $SHIGUANG_LIBRARY, else the user's data folder."""
    given = os.environ.get("SHIGUANG_LIBRARY")
    return Path(given) if given else Path(platformdirs.user_data_dir("shiguang", appauthor=False))


class Settings:
    """The values of one library. Safe to use from several threads."""

    def __init__(self, path: Path, declared: Sequence[Setting[Any]], stored: dict[str, Any]) -> None:
        self._path = path
        self._declared = {setting.name: setting for setting in declared}
        self._lock = threading.Lock()
        self._values = _values_of(declared, stored, path)

    @classmethod
    def load(cls, folder: Path, declared: Sequence[Setting[Any]] = SETTINGS) -> Settings:
        """The settings of the library in `folder`; defaults where nothing is stored.

        A file that is no JSON object is kept aside as `settings.json.broken`, said in the log, and the
        defaults hold. Raises BadSetting (with file, name and value) for a value that is not allowed, and
        LibraryError when the file cannot be read.
        """
        path = folder / FILE_NAME
        return cls(path, declared, _read(path))

    @overload
    def get(self, setting: Setting[T]) -> T: ...
    @overload
    def get(self, setting: str) -> Value: ...
    def get(self, setting: Setting[Any] | str) -> Any:
        """The value that holds now. By `CELL_PX` the type is known, by `"cell_px"` it is any of the four.

        Raises BadSetting for a name that is not declared.
        """
        return self._values[self._find(setting).name]

    def set(self, setting: Setting[Any] | str, value: Value) -> None:
        """Keep a value, now and on disk, or raise BadSetting and change nothing.

        The file is read again first, so what another program of ours or a newer version wrote beside it stays.
        Raises DiskFull or LibraryError when it cannot be written; then the old value still holds.
        """
        found = self._find(setting)
        good = found.checked(value)
        with self._lock:
            stored = _read(self._path)
            for one in self._declared.values():
                for old in one.renamed_from:
                    if old in stored:
                        stored.setdefault(one.name, stored.pop(old))
            stored[found.name] = good
            _write(self._path, stored)
            self._values[found.name] = good

    def _find(self, setting: Setting[Any] | str) -> Setting[Any]:
        name = setting if isinstance(setting, str) else setting.name
        if name not in self._declared:
            raise BadSetting(f"There is no setting {name!r}.", what_to_do="Choose one of the known settings.")
        return self._declared[name]


def _values_of(declared: Sequence[Setting[Any]], stored: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Name to value for every declared setting: the stored one, an old name's, or the default."""
    values = {}
    for setting in declared:
        names = (setting.name, *setting.renamed_from)
        name = next((name for name in names if name in stored), None)
        try:
            values[setting.name] = setting.default if name is None else setting.checked(stored[name])
        except BadSetting as error:
            raise BadSetting(f"{path}: {error}") from error
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")  # an editor on Windows may have put the mark in front
        stored = json.loads(text)
        if not isinstance(stored, dict):
            raise ValueError(f"a JSON object is wanted, this is a {type(stored).__name__}")
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        aside = path.with_name(path.name + ".broken")
        path.replace(aside)
        log.warning("%s is broken (%s); kept as %s, the defaults hold", path, error, aside.name)
        return {}
    except OSError as error:
        raise LibraryError(f"The settings {path} cannot be read: {error.strerror or error}") from error
    return stored


def _write(path: Path, stored: Mapping[str, Any]) -> None:
    try:
        with written_whole(path, shared=True) as file:
            file.write(json.dumps(stored, indent=2).encode() + b"\n")
    except OSError as error:
        raise LibraryError(f"The settings {path} cannot be written: {error.strerror or error}") from error
