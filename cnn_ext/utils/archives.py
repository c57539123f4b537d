"""Archives unpacked into a folder: nothing leaves it, by name or by link."""

from __future__ import annotations

import os
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def unpack(archive: Path, folder: Path, formats: str | list[str] | None) -> None:
    """Unpack beside the folder, then put the whole in its place."""
    chosen = (
        ["tar", "zip"] if formats == "auto" else [formats] if isinstance(formats, str) else None
    )
    for name in formats or () if chosen is None else chosen:
        if name not in ("tar", "zip"):
            raise NotImplementedError(f"archive_format must be 'tar' or 'zip'. Received: {name!r}")
        matches = tarfile.is_tarfile if name == "tar" else zipfile.is_zipfile
        if not matches(archive):
            continue
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as scratch:
            new = Path(scratch, "new")
            new.mkdir()
            (_untar if name == "tar" else _unzip)(archive, new)
            if folder.exists():
                os.replace(folder, Path(scratch, "old"))
            os.replace(new, folder)
        return
    warnings.warn(f"Could not extract archive. Received: {archive}", stacklevel=4)


def _untar(path: Path, folder: Path) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise RuntimeError("unpacking a tar file safely needs Python 3.11.4 or later")
    with tarfile.open(path) as archive:
        archive.extractall(folder, members=_safe_members(archive, folder), filter="data")


def _safe_members(archive: tarfile.TarFile, folder: Path) -> Iterator[tarfile.TarInfo]:
    """What Python's data filter lets through, less links that lead upwards: with those, folder
    within folder, the filter was got round (CVE-2025-4517)."""
    for member in archive:
        link = PurePosixPath(member.linkname) if member.issym() or member.islnk() else None
        try:
            tarfile.data_filter(member, str(folder))
            safe = link is None or not (link.is_absolute() or ".." in link.parts)
        except tarfile.FilterError:
            safe = False
        if safe and _inside(folder, member.name):
            yield member
        else:
            _warn_skipped(member.name)


def _unzip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if _inside(folder, member.filename):
                archive.extract(member, folder)
            else:
                _warn_skipped(member.filename)


def _inside(folder: Path, name: str) -> bool:
    root = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(root, name))
    return path == root or path.startswith(root + os.sep)


def _warn_skipped(name: str) -> None:
    warnings.warn(
        f"Skipping invalid path during archive extraction: '{name}'.", UserWarning, stacklevel=2
    )
