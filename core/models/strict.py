"""Reading JSON or TOML strictly: what is missing, unknown or of the wrong kind is a ModelError that names file and value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core.errors import ModelError

Value = TypeVar("Value")


class StrictReader:
    """Takes values out of one JSON object by name and kind; what is left over at the end is an error."""

    def __init__(self, path: Path, content: object, at: str) -> None:
        self._path = path
        self._at = at
        if not isinstance(content, dict):
            raise self.error(f"{at or 'the file'} is not an object")
        self._left: dict[str, object] = dict(content)

    def error(self, what: str) -> ModelError:
        return ModelError(f"{self._path}: {what}")

    def all(self, read: Callable[[StrictReader], Value]) -> Value:
        """What `read` makes of this object. Raises when `read` left a key untouched."""
        value = read(self)
        if self._left:
            raise self.error(f"{self._at}{sorted(self._left)[0]} is not known")
        return value

    def take(self, name: str) -> object:
        if name not in self._left:
            raise self.error(f"{self._at}{name} is missing")
        return self._left.pop(name)

    def has(self, name: str) -> bool:
        """Whether an optional value is given; take it then."""
        return name in self._left

    def inner(self, name: str, read: Callable[[StrictReader], Value]) -> Value:
        return StrictReader(self._path, self.take(name), f"{self._at}{name}.").all(read)

    def text(self, name: str, allowed: tuple[str, ...] = ()) -> str:
        value = self.take(name)
        if not isinstance(value, str) or (allowed and value not in allowed):
            raise self.error(f"{self._at}{name} {value!r} is not {' or '.join(allowed) or 'a text'}")
        return value

    def number(self, name: str) -> float:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{self._at}{name} {value!r} is not a number")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.error(f"{self._at}{name} {value!r} is not true or false")
        return value

    def count(self, name: str, least: int = 1) -> int:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(f"{self._at}{name} {value!r} is not a whole number of at least {least}")
        return value

    def three(self, name: str) -> tuple[float, float, float]:
        match self.take(name):
            case [int() | float() as red, int() | float() as green, int() | float() as blue]:
                return float(red), float(green), float(blue)
            case value:
                raise self.error(f"{self._at}{name} {value!r} is not three numbers")

    def texts(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        value = self.take(name)
        if not isinstance(value, list) or not value or any(one not in allowed for one in value):
            raise self.error(f"{self._at}{name} {value!r} is not a list of {', '.join(allowed)}")
        return tuple(value)

    def each(self, name: str, read: Callable[[StrictReader], Value]) -> tuple[Value, ...]:
        value = self.take(name)
        if not isinstance(value, list):
            raise self.error(f"{self._at}{name} {value!r} is not a list")
        return tuple(
            StrictReader(self._path, one, f"{self._at}{name}[{i}].").all(read) for i, one in enumerate(value)
        )

    def rest(self) -> dict[str, str]:
        left, self._left = self._left, {}
        for name, value in left.items():
            if not isinstance(value, str):
                raise self.error(f"{self._at}{name} {value!r} is not a text")
        return {name: str(value) for name, value in left.items()}
