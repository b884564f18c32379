"""What a file is: its content decides; its name only breaks ties and says what is passed over unread."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal

# Enough of a file's beginning to say what it is.
HEAD_BYTES = 4096


class Kind(StrEnum):
    PHOTO = "photo"
    RAW = "raw"
    VIDEO = "video"
    SIDECAR = "sidecar"
    JUNK = "junk"
    OTHER = "other"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PICTURE_ENDINGS = _words(
    "jpg jpeg jpe jfif jif mpo png apng gif webp bmp dib tif tiff avif avifs heic heif heics heifs hif"
    " jp2 j2k jpf jpx jpm j2c jpc jxl"
)
_RAW_ENDINGS = _words(
    "dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 raw rwl raf pef srw x3f erf mrw dcr kdc mos mef 3fr fff"
    " iiq gpr"
)
_VIDEO_ENDINGS = _words("mov mp4 m4v avi mkv webm mpg mpeg mts m2ts 3gp 3g2 wmv flv ogv insv lrv")
_SIDECAR_ENDINGS = _words("xmp aae thm pp3 dop cos on1")

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")
_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
# Sizes of the BMP headers in use (Windows 2 to 5, OS/2 1 and 2): two letters alone would take texts for pictures.
_BMP_HEADERS = frozenset((12, 16, 40, 52, 56, 64, 108, 124))
# What raw formats other than TIFF begin with: Fujifilm, Canon CRW, Olympus, Panasonic, Sigma, Minolta.
_RAW_STARTS = (
    b"FUJIFILMCCD-RAW",
    b"II\x1a\0\0\0HEAPCCDR",
    b"IIRO",
    b"IIRS",
    b"MMOR",
    b"IIU\0",
    b"FOVb",
    b"\0MRM",
)
_DNG_VERSION = 0xC612

_JUNK_NAMES = _words(
    "thumbs.db ehthumbs.db desktop.ini .ds_store .picasa.ini picasa.ini .nomedia zbthumbnail.info"
    " .localized .directory"
)
_JUNK_FOLDERS = _words(
    "@eadir .thumbnails .thumbcache #recycle @recycle #snapshot .@__thumb $recycle.bin .trash .trashes"
    " .spotlight-v100 .fseventsd .documentrevisions-v100 lost+found"
) | {"system volume information"}
_JUNK_PATTERN = re.compile(r"\._.*|\.trashed-.*|\.trash-\d+|.*\.thm", re.DOTALL)


def ending(name: str) -> str:
    """The extension in lower case without its dot; "" where there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def passed_over_by_name(name: str) -> bool:
    """Whether a file or folder of this name is passed over unread (the list in CONTRACTS.md and its kin)."""
    low = name.lower()
    return low in _JUNK_NAMES or low in _JUNK_FOLDERS or _JUNK_PATTERN.fullmatch(low) is not None


def kind_of(name: str, head: bytes) -> Kind:
    """What the file is; `head` is its first 4 KiB at most (fewer bytes only where the file is shorter).

    A file named as a picture that holds none is PHOTO still: decoding it records the fault.
    """
    suffix = ending(name)
    if passed_over_by_name(name) or head.startswith(b"\0\5\x16\7"):  # AppleDouble, whatever its name
        return Kind.SIDECAR if suffix == "thm" else Kind.JUNK
    if _is_raw(suffix, head):
        return Kind.RAW
    if format_of(head) is not None:
        return Kind.PHOTO
    if suffix in _SIDECAR_ENDINGS:
        return Kind.SIDECAR
    if suffix in _PICTURE_ENDINGS:
        return Kind.PHOTO
    if suffix in _RAW_ENDINGS:
        return Kind.RAW
    return Kind.VIDEO if is_video(head) or suffix in _VIDEO_ENDINGS else Kind.OTHER


def format_of(head: bytes) -> str | None:
    """The picture format that these first bytes announce, by the names that Pillow gives; None for none."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(_TIFF_STARTS):
        return "TIFF"
    if head[4:8] == b"ftyp":
        return _format_by_brand(head)
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return "JXL"
    if head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return "JPEG2000"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return None


def _format_by_brand(head: bytes) -> str | None:
    major = head[8:12]
    if major in _AVIF_BRANDS:
        return "AVIF"
    if major not in _HEIF_BRANDS:
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    compatible = {head[at : at + 4] for at in range(16, size - 3, 4)}
    # mif1 says only "a picture in boxes": the codec is among the compatible brands.
    if major in (b"mif1", b"msf1") and compatible & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF"


def _is_raw(suffix: str, head: bytes) -> bool:
    if head.startswith(_RAW_STARTS) or head[4:12] == b"ftypcrx ":
        return True
    if not head.startswith(_TIFF_STARTS):
        return False
    return suffix in _RAW_ENDINGS or head[8:10] == b"CR" or _says_dng(head)


def _says_dng(head: bytes) -> bool:
    """Whether the first directory of a TIFF carries the version of DNG: else a DNG opens as its small preview."""
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    first = int.from_bytes(head[4:8], order)
    count = int.from_bytes(head[first : first + 2], order)
    for at in range(first + 2, min(first + 2 + 12 * count, len(head) - 1), 12):
        if int.from_bytes(head[at : at + 2], order) == _DNG_VERSION:
            return True
    return False


def is_video(head: bytes) -> bool:
    """Whether these first bytes are of a film."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    return head.startswith(
        (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1", b"0&\xb2u\x8ef\xcf\x11", b"OggS")
    )
