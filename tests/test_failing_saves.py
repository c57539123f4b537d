"""Disks that are full, folders and files that may not be written: an error, and the old file."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import cnn_ext
from cnn_ext import callbacks, layers

X, Y = np.ones((8, 30), "float32"), np.ones((8, 400), "float32")


def small_model(value=1.0):
    model = cnn_ext.Sequential([layers.Input((30,)), layers.Dense(400)])
    model.compile("sgd", "mse")
    model.set_weights([np.full(w.shape, value, "float32") for w in model.get_weights()])
    return model


def save_keras(model, folder):
    model.save(folder / "m.keras")


def save_weights(model, folder):
    model.save_weights(folder / "m.weights.h5")


def checkpoint(model, folder):
    model.fit(X, Y, verbose=0, callbacks=[callbacks.ModelCheckpoint(folder / "c.keras")])


def checkpoint_weights(model, folder):
    keep = callbacks.ModelCheckpoint(folder / "c.weights.h5", save_weights_only=True)
    model.fit(X, Y, verbose=0, callbacks=[keep])


def backup(model, folder):
    keep = callbacks.BackupAndRestore(folder, double_checkpoint=True, delete_checkpoint=False)
    epochs = 1 if not (folder / "latest.weights.h5").exists() else 2
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[keep])


SAVES = {f.__name__: f for f in (save_keras, save_weights, checkpoint, checkpoint_weights, backup)}


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def assert_fails(name, folder, number, says):
    """The error names what happened and the file; the folder is as it was."""
    before = contents(folder)
    with pytest.raises(OSError, match=says) as caught:
        SAVES[name](small_model(2.0), folder)
    assert caught.value.errno == number
    assert str(folder) in caught.value.filename
    text = "as it was" if Path(caught.value.filename).exists() else "nothing was written"
    assert text in str(caught.value)
    after = contents(folder)
    old = {n: content for n, content in after.items() if not n.endswith(".bkp")}
    assert old == before  # which loads, byte for byte
    assert {n.removesuffix(".bkp") for n in after} == set(before)


@pytest.mark.parametrize("name", SAVES)
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_cannot_be_written(number, name, tmp_path, monkeypatch):
    """As the system says it to anyone but root."""
    SAVES[name](small_model(), tmp_path)

    def refuses(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "mkstemp", refuses)
    assert_fails(name, tmp_path, number, os.strerror(number))


@pytest.mark.parametrize("name", SAVES)
def test_a_file_that_may_not_be_written_is_not_replaced(name, tmp_path, monkeypatch):
    SAVES[name](small_model(), tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert_fails(name, tmp_path, errno.EACCES, "Permission denied")


NOBODY = 65534


@contextlib.contextmanager
def as_nobody():
    """Root, who may do all, is someone else for a while."""
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="rights are others")
@pytest.mark.parametrize("name", SAVES)
@pytest.mark.parametrize("what", ["folder", "file"])
def test_rights(what, name):
    with tempfile.TemporaryDirectory() as folder:
        folder, is_root = Path(folder), os.geteuid() == 0
        SAVES[name](small_model(), folder)
        for path in [folder, *folder.iterdir()]:
            if is_root:
                os.chown(path, NOBODY, -1)
            if (what == "folder") == path.is_dir():
                path.chmod(0o555)
        with as_nobody() if is_root else contextlib.nullcontext():
            assert_fails(name, folder, errno.EACCES, "Permission denied")
        folder.chmod(0o755)


def test_what_a_link_leads_to_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "m.weights.h5", tmp_path / "there" / "x.h5"
    link.symlink_to(target)
    small_model(3.0).save_weights(link)
    small_model(4.0).save_weights(link)
    assert link.is_symlink() and contents(tmp_path / "there").keys() == {"x.h5"}
    model = small_model()
    model.load_weights(link)
    assert (model.get_weights()[0] == 4).all()


def run(code, *arguments):
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([here, *sys.path])},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


LIMITED = """
import resource, sys
from pathlib import Path
import errno, test_failing_saves as t
folder, name = Path(sys.argv[1]), sys.argv[2]
t.SAVES[name](t.small_model(), folder)
for size in (0, 1, 5000, 40000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    t.assert_fails(name, folder, errno.EFBIG, "File too large")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on processes")
@pytest.mark.parametrize("name", [n for n in SAVES if n != "backup"])
def test_a_limit_on_the_size_of_files(name, tmp_path):
    run(LIMITED, tmp_path, name)


FULL = """
import ctypes, os, sys
from pathlib import Path
import errno, test_failing_saves as t
folder, name = Path(sys.argv[1]), sys.argv[2]
libc = ctypes.CDLL(None, use_errno=True)
own = not libc.unshare(0x00020000)  # mounts of its own, gone with this process
private = 1 << 18 | 1 << 14
libc.mount(b"none", b"/", None, private, None)
if not own or libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, b"size=128k"):
    sys.stderr.write("mounting is not permitted")
    sys.exit(77)
t.SAVES[name](t.small_model(), folder)
filling = folder / "filling"
with open(filling, "wb", 0) as file:
    try:
        while file.write(bytes(4096)) == 4096:
            pass
    except OSError:
        pass
t.assert_fails(name, folder, errno.ENOSPC, "No space left on device")
filling.unlink()
t.SAVES[name](t.small_model(), folder)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a disk of one's own is mounted")
@pytest.mark.parametrize("name", [n for n in SAVES if n != "backup"])
def test_a_full_disk(name, tmp_path):
    run(FULL, tmp_path, name)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_who_may_read_a_file_stays(mode, tmp_path):
    """A new file is as the umask says, one that is replaced as it was."""
    path, model = tmp_path / "m.keras", small_model()
    before = os.umask(0o027)
    try:
        model.save(path)
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(mode)
        model.save(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode
