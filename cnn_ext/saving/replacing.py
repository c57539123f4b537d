"""Files that change at once or not at all, whatever happens to the process that writes them.

What is new goes into a temporary file in the same folder, `.NAME.XXXXXXXX.saving`, which takes the
old file's place when it is whole and on the disk. Its writer holds a lock on it; one without a lock
was left by a process that is no more, and the next save under the same name removes it.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where what is left stays
    fcntl = None  # type: ignore[assignment]

_ENDING = ".saving"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """An open temporary file that replaces `path`, whole, if the block succeeds.

    Otherwise what was at `path` is untouched, and nothing else is left.

    Raises:
        OSError: what the system says, with the path and that the old file is as it was: no space
            left, no permission (a file that may not be written is not replaced either).
    """
    path = Path(os.path.realpath(path))  # what a link leads to is replaced, not the link
    is_new = not path.exists()
    try:
        if not is_new and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left(path)
        with _temporary(path) as (file, name):
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask() if is_new else stat.S_IMODE(path.stat().st_mode))
            if fcntl is None:  # Windows renames closed files only
                file.close()
            os.replace(name, path)
        _flush_folder(path.parent)
    except OSError as error:
        if error.errno is None:
            raise
        now = "nothing was written" if is_new else "the file that is there is as it was"
        reason = error.strerror or os.strerror(error.errno)
        raise OSError(error.errno, f"{reason}; {now}", str(path)) from error


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """A new file, open and locked, and its name; removed after a block that failed."""
    while True:
        handle, name = tempfile.mkstemp(_ENDING, f".{path.name}.", path.parent)
        if _locked(handle, wait=True) is None or _is_there(handle):
            break
        os.close(handle)  # taken for one that was left, and removed
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file, name
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _locked(handle: int, wait: bool) -> bool | None:
    """Lock a file; False if another has done so, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without
        return None
    return True


def _is_there(handle: int) -> bool:
    return os.fstat(handle).st_nlink > 0


def _remove_left(path: Path) -> None:
    """Remove the temporary files that processes which are no more have left."""
    pattern = f".{glob.escape(path.name)}.????????{_ENDING}"
    for name in glob.glob(os.path.join(glob.escape(str(path.parent)), pattern)):
        with contextlib.suppress(OSError):
            handle = os.open(name, os.O_RDWR)
            try:
                if _locked(handle, wait=False):
                    os.unlink(name)
            finally:
                os.close(handle)


def _flush_folder(folder: Path) -> None:
    """Have the new name on the disk too, where a folder can be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
