"""One family of errors. `str(error)` says what happened, `.what_to_do` the next step.

Two branches (docs/design.md): what the world does to us (disk full, locked, a broken file) is a
`ShiguangError` and is shown as it is; what we did wrong is any other exception, travels up to the
edge of a worker or of the command line, and is wrapped there by `Bug`.

    ShiguangError
    ├── LibraryError            the library cannot be opened or written        exit code 3
    │   ├── LibraryLocked, LibraryNewer, LibraryDamaged, LibraryMissing, DiskFull
    ├── WrongUse                asked in a way that cannot work                exit code 2
    ├── NotThere                a model, photo or folder that is not there     exit code 4
    ├── ModelError              a model folder that does not fit together      exit code 2
    ├── PhotoFault              one file that could not be taken in            recorded, the run goes on
    └── Bug                     our own fault
"""

from __future__ import annotations


class ShiguangError(Exception):
    """What the world does to us. `code` is stable, for --json and the list of faults."""

    code = "error"
    what_to_do = ""
    exit_code = 1

    def __init__(self, message: str, *, what_to_do: str | None = None) -> None:
        super().__init__(message)
        if what_to_do is not None:
            self.what_to_do = what_to_do


class LibraryError(ShiguangError):
    code = "library"
    what_to_do = "Run `shiguang doctor` to see what is wrong."
    exit_code = 3


class LibraryLocked(LibraryError):
    code = "library-locked"
    what_to_do = "Close the other Shiguang, or choose another library with --library."


class LibraryNewer(LibraryError):
    code = "library-newer"
    what_to_do = "Update Shiguang, or choose another library with --library."


class LibraryDamaged(LibraryError):
    code = "library-damaged"
    what_to_do = "Restore the newest file of the library's folder `backups`, or choose another library."


class LibraryMissing(LibraryError):
    code = "library-missing"
    what_to_do = "Index a folder first: shiguang index FOLDER"


class DiskFull(LibraryError):
    code = "disk-full"
    what_to_do = "Free some space on the library's disk and start again; nothing is lost."


class WrongUse(ShiguangError):
    code = "wrong-use"
    what_to_do = "See `shiguang --help`."
    exit_code = 2


class NotThere(ShiguangError):
    code = "not-there"
    what_to_do = "Check the name; `shiguang status` says what there is."
    exit_code = 4


class ModelError(ShiguangError):
    code = "model"
    what_to_do = "Choose another model, or get this one again."
    exit_code = 2


class EncoderOutOfMemory(ModelError):
    code = "encoder-out-of-memory"
    what_to_do = "Close other programs, or choose a smaller model."


class PhotoFault(ShiguangError):
    """One file that could not be taken in: recorded with stage and code, listed, retried when it changes."""

    code = "unreadable"
    what_to_do = "Look at the file in another program; it is tried again when it changes."


class Bug(ShiguangError):
    """Our own fault, wrapped at the edge of a worker or of the command line for the crash report."""

    code = "bug"
    what_to_do = "Please report this, with the log file."
    exit_code = 70

    @classmethod
    def of(cls, error: BaseException) -> Bug:
        bug = cls(f"{type(error).__name__}: {error}")
        bug.__cause__ = error
        return bug
