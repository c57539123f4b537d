"""Files from the network: downloaded whole or not at all, checked, unpacked safely."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from cnn_ext._errors import teaches_keywords
from cnn_ext.config import one_of
from cnn_ext.utils.messages import message
from cnn_ext.utils.progbar import Progbar

_TIMEOUT = 30  # seconds without an answer
_CHUNK = 1 << 18


@teaches_keywords
def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file that is downloaded once and then kept (`keras.utils.get_file`).

    Args:
        fname: its name in the cache; that of `origin` if None. With `extract`, a name without a
            suffix is that of the folder.
        origin: where it is: an http(s), ftp or file address.
        untar: older word for `extract` with `archive_format="tar"`.
        md5_hash: older word for `file_hash` with `hash_algorithm="md5"`.
        file_hash: checksum that the file must have. Without one, what arrives is believed.
        cache_subdir: folder in the cache; an absolute path is used as it is.
        hash_algorithm: `"md5"`, `"sha256"` or `"auto"`, which tells by the length.
        extract: whether to unpack an archive beside itself. A folder that is there is used as it
            is, and replaced when the archive is downloaded anew.
        archive_format: `"tar"`, `"zip"`, a list of them, or `"auto"` for both.
        cache_dir: the cache; `$KERAS_HOME` or `~/.keras` if None.
        force_download: download even what is there.

    Returns:
        The path of the file, or with `extract` of the folder.

    Raises:
        OSError: It cannot be downloaded. Nothing is left behind, and what was there stays.
        ValueError: The file has another checksum, or a name is not one.

    Members of an archive that would be written outside of the folder, and links that lead
    upwards, are skipped with a warning.

    >>> from pathlib import Path
    >>> _ = Path("there.txt").write_text("hello")
    >>> path = get_file(origin=Path("there.txt").resolve().as_uri(), cache_dir="here")
    ... # doctest: +ELLIPSIS
    Downloading data from file://...
    5/5 ━━━━━━━━━━━━━━━━━━━━ 0s ...
    >>> Path(path).read_text()
    'hello'
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    extract = extract or untar
    folder = _writable(cache_dir) / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    target, unpacked = _places(folder, fname, origin, extract)

    def check(path: Path) -> None:
        if file_hash is not None and not _has_hash(path, file_hash, hash_algorithm):
            raise ValueError(
                f"Incomplete or corrupted file detected. The {hash_algorithm} file hash does not "
                f"match the provided value of {file_hash}. Received: {origin}"
            )

    needed = force_download or not target.exists()
    if not needed and file_hash is not None and not _has_hash(target, file_hash, hash_algorithm):
        message(
            "A local file was found, but it seems to be incomplete or outdated because the "
            f"{hash_algorithm} file hash does not match the original value of {file_hash} so we "
            "will re-download the data."
        )
        needed = True
    if needed:
        download(origin, target, check)
    if not extract:
        return str(target)
    if needed or not unpacked.is_dir():
        from cnn_ext.utils.archives import unpack

        unpack(target, unpacked, "tar" if untar else archive_format)
    return str(unpacked)


def keras_home() -> Path:
    """The folder that Keras keeps its files in: `$KERAS_HOME`, else `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))


def download(
    url: str,
    target: Path,
    check: Callable[[Path], Any] = lambda path: None,
    limit: int | None = None,
) -> Any:
    """Download into a folder of its own, check, and only then put it at `target`.

    Args:
        url: an http(s), ftp or file address.
        target: where the file goes; what is there already is replaced in one step.
        check: called with the path of the downloaded file; what it raises ends it.
        limit: most bytes that are taken.

    Returns what `check` returns. Raises OSError where the address gives nothing, ValueError where
    it gives more than `limit`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    message(f"Downloading data from {url}")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as scratch:
        part = Path(scratch, target.name)
        with open(part, "wb") as file:
            meter = _Meter(file, limit)
            try:
                _fetch(url, meter)
            except OSError as error:
                code = getattr(getattr(error, "response", None), "status_code", error.errno)
                raise OSError(f"URL fetch failure on {url}: {code} -- {error}") from error
            meter.finish()
        result = check(part)
        os.replace(part, target)
    return result


class _Meter:
    """What pooch writes to and tells of its progress: a file, its limit and its progress bar."""

    def __init__(self, file: BinaryIO, limit: int | None) -> None:
        self.file = file
        self.limit = limit
        self.total = 0  # set by pooch, 0 if unknown
        self.written = 0
        self._bar: Progbar | None = None

    def write(self, chunk: bytes) -> None:
        self.written += len(chunk)
        if self.limit is not None and self.written > self.limit:
            raise ValueError(f"the file must have at most {self.limit} bytes. Received: more")
        self.file.write(chunk)
        self._bar = self._bar or Progbar(self.total or None)
        if self.written < self.total:
            self._bar.update(self.written)

    def finish(self) -> None:
        (self._bar or Progbar(None)).update(self.written, finalize=True)

    def flush(self) -> None: ...
    def update(self, _: int) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


def _fetch(url: str, meter: _Meter) -> None:
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme in ("http", "https"):
        import pooch

        # The bytes as they are: a .gz file is not to be unpacked on the way.
        plain = {"Accept-Encoding": "identity"}
        get = pooch.HTTPDownloader(meter, chunk_size=_CHUNK, timeout=_TIMEOUT, headers=plain)
        get(url, meter, None)
    elif scheme in ("ftp", "file"):
        from urllib.request import urlopen  # which brings in all that HTTP needs

        with urlopen(url, timeout=_TIMEOUT) as source:
            meter.total = int(source.headers.get("content-length") or 0)
            shutil.copyfileobj(source, meter, _CHUNK)
    else:
        raise ValueError(f"origin must be an http, https, ftp or file address. Received: {url!r}")


def _writable(cache_dir: str | os.PathLike[str] | None) -> Path:
    """The cache folder, or, where that cannot be written, one that is this user's alone."""
    base = keras_home() if cache_dir is None else Path(os.path.expanduser(cache_dir))
    try:
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except OSError:
        pass
    user = os.getuid() if hasattr(os, "getuid") else 0
    private = Path(tempfile.gettempdir(), f".keras-{user}")
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != user):
        raise PermissionError(
            f"neither {base} nor {private} can be written safely; pass cache_dir. "
            f"Received: cache_dir={cache_dir!r}"
        )
    return private


def _places(folder: Path, fname: Any, origin: str, extract: bool) -> tuple[Path, Path]:
    """Where the file goes, and the folder that it is unpacked to."""
    given = os.fspath(fname) if fname else ""
    name = given or os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name:
        raise ValueError(
            f"Can't parse the file name from the origin provided: '{origin}'. Please specify the "
            "`fname` argument."
        )
    if "/" in name or os.sep in name or name in (".", ".."):
        raise ValueError(
            "Paths are no longer accepted as the `fname` argument. To specify the file's parent "
            f"directory, use the `cache_dir` argument. Received: fname={name}"
        )
    if extract and "." in given:
        return folder / name, folder / f"{name[: name.find('.')]}_extracted"
    return (folder / f"{name}_archive" if extract else folder / name), folder / name


def _has_hash(path: Path, expected: str, algorithm: str) -> bool:
    one_of("hash_algorithm", algorithm, ("auto", "md5", "sha256"))
    if algorithm == "auto":
        algorithm = "sha256" if len(expected) == 64 else "md5"
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == expected.lower()
