"""The eight EXIF orientations: how a stored picture is to be turned to stand upright."""

from __future__ import annotations

from PIL import Image

_METHODS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Each turn as a matrix (a, b, c, d): a point (x, y) around the centre, y downwards, goes to (ax + by, cx + dy).
_MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, -1, 1, 0),
    7: (0, -1, -1, 0),
    8: (0, 1, -1, 0),
}
_TURNS = {matrix: turn for turn, matrix in _MATRICES.items()}


def upright(image: Image.Image, turn: int) -> Image.Image:
    """The picture turned by EXIF orientation `turn` (1..8); 1 gives the same picture back."""
    method = _METHODS.get(turn)
    return image if method is None else image.transpose(method)


def upright_size(width: int, height: int, turn: int) -> tuple[int, int]:
    """Width and height after turning."""
    return (height, width) if turn >= 5 else (width, height)


def compose(first: int, second: int) -> int:
    """The one turn that does what `first` and then `second` do."""
    a, b, c, d = _MATRICES[second]
    e, f, g, h = _MATRICES[first]
    return _TURNS[(a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)]
