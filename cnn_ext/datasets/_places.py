"""Where the files of a data set are: on this machine, or at the end of an address.

What is found or downloaded is always checked, and no more of it is read than there must be.
"""

from __future__ import annotations

import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cnn_ext.utils.files import download, keras_home

SYSTEM_FOLDER = Path("/usr/share/datasets")  # where Debian's packages dataset-* put them
_DAMAGED = (
    *(OSError, EOFError, ValueError, KeyError, NotImplementedError),
    *(zlib.error, tarfile.TarError, zipfile.BadZipFile),
)
T = TypeVar("T")


def folders(name: str) -> list[Path]:
    """Where the files of data set `name` may be, first choice first: the cache of cnn_ext, of
    Keras, the system's folder."""
    import pooch

    return [
        Path(pooch.os_cache("cnn_ext")) / name,
        keras_home() / "datasets" / name,
        SYSTEM_FOLDER / name,
    ]


def found(paths: Sequence[Path], read: Callable[[Path], T]) -> T | None:
    """What `read` returns for the first of the files that is there and undamaged, else None."""
    for path in paths:
        try:
            return read(path)
        except FileNotFoundError:
            continue
        except _DAMAGED as error:
            warnings.warn(f"Skipped {path}: {error}", stacklevel=6)
    return None


def obtained(
    paths: Sequence[Path],
    urls: Sequence[str],
    read: Callable[[Path], T],
    limit: int,
    hint: str = "",
) -> T:
    """What `read` returns for a file that is found, or else downloaded to the first path.

    Args:
        paths: where the file may be.
        urls: addresses to try in turn.
        read: reads the file and checks it.
        limit: most bytes that are downloaded.
        hint: another way to the file, said when there is none.
    """
    result = found(paths, read)
    if result is not None:
        return result
    failures = []
    for url in urls:
        try:
            return download(url, paths[0], read, limit)
        except _DAMAGED as error:
            text = f"{type(error).__name__}: {error}"
            failures.append(text if url in text else f"{url}: {text}")
    raise FileNotFoundError(
        f"{paths[0].name} is not on this machine and could not be downloaded. Connect to the "
        f"network and try again; or put the file into {paths[0].parent}{hint}. "
        f"Looked for: {', '.join(map(str, paths))}. Received: {'; '.join(failures)}"
    )
