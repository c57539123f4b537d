"""Data for a model, beside Keras: PyDataset, splits, normalised arrays, files from the network."""

import hashlib
import http.server
import inspect
import io
import logging
import os
import pickle
import random
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cnn_ext import Tensor, config, preprocessing, utils
from cnn_ext.testing import check_gradients
from cnn_ext.utils import files
from cnn_ext.utils.py_dataset import batches

# --- the face ---------------------------------------------------------------------------------

NOT_OF_KERAS = {"print_summary"}


def parameters(function):
    """Names and defaults, `**kwargs` by any name."""
    known = inspect.signature(function).parameters.values()
    return [(p.kind if p.kind is p.VAR_KEYWORD else p.name, p.default) for p in known]


def test_names_and_signatures_are_those_of_keras(keras):
    for ours, theirs in (
        (utils, keras.utils),
        (preprocessing, keras.preprocessing),
        (preprocessing.image, keras.preprocessing.image),
    ):
        for name in set(ours.__all__) - NOT_OF_KERAS - {"image"}:
            mine, judge = getattr(ours, name), getattr(theirs, name)
            if inspect.isclass(judge) or name == "plot_model":  # their own tests compare them
                continue
            assert parameters(mine) == parameters(judge), name
    assert utils.Sequence is utils.PyDataset


def test_interactive_logging(capsys, caplog):
    caplog.set_level(logging.INFO, "cnn_ext")
    assert utils.is_interactive_logging_enabled()
    utils.disable_interactive_logging()
    try:
        assert not config.is_interactive_logging_enabled()
        bar = utils.Progbar(2)
        bar.update(2, [("loss", 1.0)])
        assert capsys.readouterr().out == ""
        assert "2/2" in caplog.text and "loss: 1.0000" in caplog.text
    finally:
        utils.enable_interactive_logging()
    utils.Progbar(2).update(2)
    assert "2/2" in capsys.readouterr().out


# --- normalize, to_categorical of a Tensor ------------------------------------------------------

MATRIX = np.array([[3.0, -4.0, 0.0], [0.0, 0.0, 0.0], [1e-3, 2.0, 5.0]])
NORMALIZED = {
    "rows": (MATRIX, {}),
    "order 1": (MATRIX, {"order": 1}),
    "largest": (MATRIX, {"order": np.inf}),
    "float32": (MATRIX.astype(np.float32), {}),
    "vector": (MATRIX[0], {}),
    "vector, no axis": (MATRIX[0], {"axis": None}),
    "middle axis": (np.arange(24.0).reshape(2, 3, 4), {"axis": 1}),
    "integers": (np.array([[3, 4]]), {}),
}


@pytest.mark.parametrize(("x", "kwargs"), NORMALIZED.values(), ids=NORMALIZED)
def test_normalize_is_that_of_keras(keras, x, kwargs):
    ours, theirs = (f(x, **kwargs) for f in (utils.normalize, keras.utils.normalize))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-12)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_normalize_of_a_tensor(keras, order):
    x = MATRIX.astype(np.float32)
    ours = utils.normalize(Tensor(x), order=order)
    theirs = keras.utils.normalize(keras.ops.convert_to_tensor(x), order=order)
    np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-5, atol=1e-7)
    away = np.random.default_rng(0).uniform(0.5, 2, (2, 3))
    check_gradients(lambda x: utils.normalize(x, order=order), [away])


def test_normalize_along_the_first_axis():
    columns = utils.normalize(MATRIX, axis=0)
    np.testing.assert_allclose(np.linalg.norm(columns, axis=0), 1)


def test_normalize_refuses_an_order():
    with pytest.raises(ValueError, match=r"must be an int >= 1\. Received: order=0"):
        utils.normalize(Tensor([1.0]), order=0)


def test_to_categorical_of_a_tensor(keras):
    labels = np.array([[0], [2]])
    ours = utils.to_categorical(Tensor(labels), 3)
    theirs = keras.utils.to_categorical(keras.ops.convert_to_tensor(labels), 3)
    assert isinstance(ours, Tensor)
    np.testing.assert_array_equal(ours.data, theirs.numpy())
    assert ours.dtype == "float32"


# --- split_dataset ------------------------------------------------------------------------------

ROWS = np.arange(20).reshape(10, 2)
SPLITS = {
    "left": (ROWS, {"left_size": 0.8}),
    "right": (ROWS, {"right_size": 3}),
    "both": (ROWS, {"left_size": 0.5, "right_size": 0.2}),
    "count and share": (ROWS, {"left_size": 6, "right_size": 0.2}),
    "rounded": (ROWS, {"left_size": 0.25}),
    "shuffled": (ROWS, {"left_size": 7, "shuffle": True, "seed": 5}),
    "tuple": ((ROWS, ROWS[:, 0]), {"left_size": 0.5}),
    "list": ([ROWS, -ROWS], {"left_size": 2, "shuffle": True, "seed": 1}),
}


def whole(dataset):
    """The samples of a tf.data.Dataset, as arrays."""
    samples = list(dataset.as_numpy_iterator())
    if isinstance(samples[0], tuple):
        return [np.array(part) for part in zip(*samples, strict=True)]
    return [np.array(samples)]


@pytest.mark.parametrize(("dataset", "kwargs"), SPLITS.values(), ids=SPLITS)
def test_split_is_that_of_keras(keras, dataset, kwargs):
    before = random.getstate()
    ours = utils.split_dataset(dataset, **kwargs)
    assert random.getstate() == before
    for mine, judge in zip(ours, keras.utils.split_dataset(dataset, **kwargs), strict=True):
        assert type(mine) is type(dataset)
        arrays = mine if isinstance(mine, tuple | list) else [mine]
        for array, expected in zip(arrays, whole(judge), strict=True):
            np.testing.assert_array_equal(array, expected)


SPLIT_ERRORS = {
    "no size": (ROWS, {}),
    "a set": ({1, 2}, {"left_size": 1}),
    "empty list": ([], {"left_size": 1}),
    "empty tuple": ((), {"left_size": 1}),
    "list of lists": ([[1, 2]], {"left_size": 1}),
    "lengths": ([ROWS, ROWS[:3]], {"left_size": 1}),
    "left type": (ROWS, {"left_size": "1"}),
    "right type": (ROWS, {"right_size": [1]}),
    "left too large": (ROWS, {"left_size": 10}),
    "left negative": (ROWS, {"left_size": -1}),
    "right above one": (ROWS, {"right_size": 1.5}),
    "sum of shares": (ROWS, {"left_size": 0.6, "right_size": 0.6}),
    "sum": (ROWS, {"left_size": 6, "right_size": 6}),
    "nothing left": (ROWS, {"left_size": 0.01}),
}


@pytest.mark.parametrize(("dataset", "kwargs"), SPLIT_ERRORS.values(), ids=SPLIT_ERRORS)
def test_split_refuses_what_keras_refuses(keras, dataset, kwargs):
    with pytest.raises((TypeError, ValueError)) as theirs:
        keras.utils.split_dataset(dataset, **kwargs)
    with pytest.raises(theirs.type) as ours:
        utils.split_dataset(dataset, **kwargs)
    assert str(ours.value)[:30] == str(theirs.value)[:30]


# --- PyDataset ----------------------------------------------------------------------------------


class Squares(utils.PyDataset):
    def __init__(self, count=7, fails_at=None, **kwargs):
        super().__init__(**kwargs)
        self.count, self.fails_at = count, fails_at
        self.alive = self.most = 0
        self.threads = set()

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index == self.fails_at:
            raise RuntimeError(f"batch {index}")
        self.threads.add((os.getpid(), threading.get_ident()))
        time.sleep(0.002 * (index % 2))
        return np.array([index]), np.array([index**2]), os.getpid()


class Endless(utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return index


class Forgetful(utils.PyDataset):
    def __init__(self):
        pass


@pytest.mark.parametrize(
    "kwargs", [{}, {"workers": 3}, {"workers": 2, "max_queue_size": 1}], ids=str
)
def test_batches_come_in_order(kwargs):
    data = Squares(**kwargs)
    assert [x.item() for x, _, _ in batches(data)] == list(range(7))
    assert [x.item() for x, _, _ in batches(data, [4, 0, 2])] == [4, 0, 2]
    here = (os.getpid(), threading.get_ident())
    assert (here in data.threads) == (data.workers == 1)


def test_batches_made_in_processes():
    assert {p for _, _, p in batches(Squares(use_multiprocessing=True))} != {os.getpid()}


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_hand_on_errors(workers):
    data = Squares(fails_at=2, workers=workers)
    seen = []
    with pytest.raises(RuntimeError, match="batch 2"):
        seen.extend(x.item() for x, _, _ in batches(data))
    assert threading.active_count() < 10


@pytest.mark.parametrize("workers", [1, 2])
def test_a_data_set_without_an_end(workers):
    data = Endless(workers=workers)
    made = batches(data)
    assert [next(made) for _ in range(25)] == list(range(25))
    made.close()
    assert [b for b, _ in zip(data, range(3), strict=False)] == [0, 1, 2]


def test_py_dataset_is_that_of_keras(keras):
    assert parameters(utils.PyDataset) == parameters(keras.utils.PyDataset)
    for cls in (utils.PyDataset, keras.utils.PyDataset):
        forgetful = type("Forgetful", (cls,), {"__init__": lambda self: None})()
        with pytest.warns(UserWarning, match=r"^Your `PyDataset` class should call"):
            assert forgetful.workers == 1
        assert forgetful.max_queue_size == 10 and forgetful.use_multiprocessing is False
        with pytest.raises(NotImplementedError, match="You need to implement the `num_batches`"):
            _ = forgetful.num_batches
        with pytest.raises(NotImplementedError):
            forgetful[0]
        forgetful.workers = 3
        assert forgetful.workers == 3
        assert forgetful.on_epoch_begin() is forgetful.on_epoch_end() is None


PACKED = [(1,), ((1, 2),), ([1],), (1, 2), (1, 2, 3), (1, None, 3)]


@pytest.mark.parametrize("arguments", PACKED, ids=str)
def test_packing_is_that_of_keras(keras, arguments):
    ours = utils.pack_x_y_sample_weight(*arguments)
    assert ours == keras.utils.pack_x_y_sample_weight(*arguments)
    assert utils.unpack_x_y_sample_weight(ours) == keras.utils.unpack_x_y_sample_weight(ours)


def test_unpacking_refuses_more_than_three(keras):
    for module in (utils, keras.utils):
        with pytest.raises(ValueError, match=r"^Data is expected to be in format `x`, .* found"):
            module.unpack_x_y_sample_weight((1, 2, 3, 4))


# --- get_file -----------------------------------------------------------------------------------

HELLO = b"hello, world"
SHA, MD5 = hashlib.sha256(HELLO).hexdigest(), hashlib.md5(HELLO).hexdigest()


@pytest.fixture
def origin(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "hello.txt").write_bytes(HELLO)
    return (tmp_path / "there" / "hello.txt").as_uri()


def inside(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"fname": "mine.txt"},
        {"file_hash": SHA},
        {"file_hash": MD5},
        {"md5_hash": MD5},
        {"file_hash": SHA, "hash_algorithm": "sha256", "cache_subdir": "models/deep"},
    ],
    ids=str,
)
def test_get_file_puts_it_where_keras_does(keras, origin, tmp_path, capsys, kwargs):
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours = utils.get_file(origin=origin, cache_dir=tmp_path / "ours", **kwargs)
    assert f"Downloading data from {origin}\n12/12 ━" in capsys.readouterr().out
    theirs = keras.utils.get_file(origin=origin, cache_dir=str(tmp_path / "theirs"), **kwargs)
    assert type(ours) is type(theirs)
    assert os.path.relpath(ours, tmp_path / "ours") == os.path.relpath(theirs, tmp_path / "theirs")
    assert inside(tmp_path / "ours") == inside(tmp_path / "theirs")
    assert Path(ours).read_bytes() == HELLO
    assert stat.S_IMODE(os.stat(ours).st_mode) == stat.S_IMODE(os.stat(theirs).st_mode)


def test_get_file_uses_the_folder_of_keras(origin, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    path = utils.get_file(origin=origin)
    assert path == str(tmp_path / "home" / "datasets" / "hello.txt")


def test_get_file_downloads_once(origin, tmp_path, capsys):
    cache = tmp_path / "cache"
    path = utils.get_file(origin=origin, cache_dir=cache)
    Path(path).write_bytes(b"changed")
    capsys.readouterr()
    assert utils.get_file(origin=origin, cache_dir=cache) == path
    assert capsys.readouterr().out == "" and Path(path).read_bytes() == b"changed"
    utils.get_file(origin=origin, cache_dir=cache, file_hash=SHA)
    assert "A local file was found, but it seems to be incomplete" in capsys.readouterr().out
    assert Path(path).read_bytes() == HELLO
    Path(path).write_bytes(b"changed")
    utils.get_file(origin=origin, cache_dir=cache, force_download=True)
    assert Path(path).read_bytes() == HELLO


def test_get_file_keeps_what_is_there_on_failure(origin, tmp_path):
    path = utils.get_file(origin=origin, cache_dir=tmp_path / "cache")
    with pytest.raises(ValueError, match=r"^Incomplete or corrupted file detected"):
        utils.get_file(origin=origin, cache_dir=tmp_path / "cache", file_hash="0" * 64)
    with pytest.raises(OSError, match=r"^URL fetch failure on file://.*missing"):
        utils.get_file(
            "hello.txt", origin + "missing", cache_dir=tmp_path / "cache", force_download=True
        )
    assert inside(tmp_path / "cache") == ["datasets/hello.txt"]
    assert Path(path).read_bytes() == HELLO


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({}, 'Please specify the "origin" argument'),
        ({"origin": "http://127.0.0.1/"}, "Can't parse the file name from the origin"),
        ({"fname": "a/b", "origin": "http://x/y"}, "Paths are no longer accepted as the `fname`"),
    ],
)
def test_get_file_refuses_what_keras_refuses(keras, tmp_path, kwargs, says):
    for module in (utils, keras.utils):
        with pytest.raises(ValueError, match=f"^{says}"):
            module.get_file(cache_dir=str(tmp_path), **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"fname": "..", "origin": "http://x/y"}, r"Received: fname=\.\."),
        ({"origin": "data:text,hello"}, "origin must be an http, https, ftp or file address"),
        ({"file_hash": SHA, "hash_algorithm": "sha1"}, "hash_algorithm must be one of"),
    ],
)
def test_get_file_refuses(origin, tmp_path, kwargs, says):
    with pytest.raises(ValueError, match=says):
        utils.get_file(cache_dir=tmp_path, **{"origin": origin, **kwargs})
    assert inside(tmp_path) == ["there/hello.txt"]


def test_get_file_over_http(tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/file.bin":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", "2000000")
            self.end_headers()
            self.wfile.write(bytes(2_000_000 if not short else 1_000_000))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            base = f"http://127.0.0.1:{server.server_port}"
            short = True
            with pytest.raises(OSError, match="URL fetch failure"):
                utils.get_file(origin=f"{base}/file.bin", cache_dir=tmp_path)
            assert inside(tmp_path) == []
            short = False
            path = utils.get_file(origin=f"{base}/file.bin", cache_dir=tmp_path)
            assert os.path.getsize(path) == 2_000_000
            with pytest.raises(OSError, match=f"^URL fetch failure on {base}/none: 404 -- "):
                utils.get_file(origin=f"{base}/none", cache_dir=tmp_path)
            with pytest.raises(ValueError, match="at most 10 bytes"):
                files.download(f"{base}/file.bin", tmp_path / "big", limit=10)
            assert inside(tmp_path) == ["datasets/file.bin"]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif(os.name != "posix", reason="needs users")
def test_a_cache_that_cannot_be_written(origin, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "file").write_text("no folder")
    path = utils.get_file(origin=origin, cache_dir=tmp_path / "file" / "cache")
    home = tmp_path / "temporary" / f".keras-{os.getuid()}"
    assert path == str(home / "datasets" / "hello.txt")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    home.rename(tmp_path / "elsewhere")
    home.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="pass cache_dir"):
        utils.get_file(origin=origin, cache_dir=tmp_path / "file" / "cache")


# --- archives -----------------------------------------------------------------------------------


def tar_of(*members):
    """A tar file of (name, content) or (name, kind, link)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, what, *link in members:
            member = tarfile.TarInfo(name)
            if link:
                member.type, member.linkname = what, link[0]
                archive.addfile(member)
            else:
                member.size = len(what)
                archive.addfile(member, io.BytesIO(what))
    return packed.getvalue()


def zip_of(*members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


GOOD = (("top/a.txt", b"A"), ("top/deep/b.txt", b"B"))


@pytest.mark.parametrize("pack", [tar_of, zip_of])
@pytest.mark.parametrize("fname", [None, "data", "data.tar.gz"])
def test_archives_are_unpacked_where_keras_does(keras, tmp_path, pack, fname):
    (tmp_path / "packed.tgz").write_bytes(pack(*GOOD))
    places = {}
    for name, module in (("ours", utils), ("theirs", keras.utils)):
        (tmp_path / name).mkdir()
        origin = (tmp_path / "packed.tgz").as_uri()
        path = module.get_file(fname, origin, extract=True, cache_dir=str(tmp_path / name))
        places[name] = os.path.relpath(path, tmp_path / name), inside(tmp_path / name)
    assert places["ours"] == places["theirs"]


@pytest.mark.parametrize(
    ("kwargs", "unpacked"),
    [({"untar": True}, True), ({"extract": True, "archive_format": "tar"}, True),
     ({"extract": True, "archive_format": ["zip", "tar"]}, True),
     ({"extract": True, "archive_format": "zip"}, False),
     ({"extract": True, "archive_format": None}, False)],
    ids=str,
)  # fmt: skip
def test_archive_formats(tmp_path, kwargs, unpacked):
    (tmp_path / "packed").write_bytes(tar_of(*GOOD))
    arguments = {"origin": (tmp_path / "packed").as_uri(), "cache_dir": tmp_path / "c", **kwargs}
    if unpacked:
        assert inside(tmp_path / "c" / "datasets" / "packed") or utils.get_file(**arguments)
        assert "datasets/packed/top/a.txt" in inside(tmp_path / "c")
    else:
        with pytest.warns(UserWarning, match="Could not extract archive"):
            utils.get_file(**arguments)
        assert inside(tmp_path / "c") == ["datasets/packed_archive"]


def test_an_unknown_archive_format(tmp_path):
    (tmp_path / "packed").write_bytes(tar_of(*GOOD))
    with pytest.raises(NotImplementedError, match=r"'tar' or 'zip'\. Received: 'rar'"):
        utils.get_file(
            origin=(tmp_path / "packed").as_uri(), cache_dir=tmp_path, extract=True,
            archive_format="rar",
        )  # fmt: skip


def test_a_folder_is_used_again_and_replaced_as_a_whole(tmp_path):
    packed = tmp_path / "packed"
    packed.write_bytes(tar_of(*GOOD))
    arguments = {"origin": packed.as_uri(), "cache_dir": tmp_path / "c", "extract": True}
    folder = tmp_path / "c" / "datasets" / "packed"
    assert utils.get_file(**arguments) == str(folder)
    (folder / "top" / "a.txt").write_text("changed")
    utils.get_file(**arguments)
    assert (folder / "top" / "a.txt").read_text() == "changed"
    packed.write_bytes(tar_of(("new.txt", b"N")))
    utils.get_file(**arguments, force_download=True)
    assert inside(folder) == ["new.txt"]
    packed.write_bytes(tar_of(*GOOD)[:100])
    with pytest.raises((tarfile.TarError, EOFError)):
        utils.get_file(**arguments, force_download=True)
    assert inside(folder) == ["new.txt"]
    assert sorted(os.listdir(folder.parent)) == ["packed", "packed_archive"]


SYMLINK, HARDLINK = tarfile.SYMTYPE, tarfile.LNKTYPE
EVIL = {  # archive, how many of its members are skipped
    "upwards": (tar_of(("../../evil.txt", b"E"), *GOOD), 1),
    "absolute": (tar_of(("../" * 30 + "tmp/evil_of_test.txt", b"E"), *GOOD), 1),
    "link out": (tar_of(("link", SYMLINK, "/"), *GOOD), 1),
    "link upwards": (tar_of(("link", SYMLINK, "../.."), ("link/evil.txt", b"E"), *GOOD), 1),
    "hard link out": (tar_of(("link", HARDLINK, "../../there.txt"), *GOOD), 1),
    "link within, upwards": (tar_of(("top/link", SYMLINK, "../top"), *GOOD), 1),
    "a device": (tar_of(("null", tarfile.CHRTYPE, "x"), *GOOD), 1),
    "zip upwards": (zip_of(("../../evil.txt", b"E"), *GOOD), 1),
    "zip absolute": (zip_of(("/tmp/evil_of_test.txt", b"E"), *GOOD), 1),
}


@pytest.mark.parametrize(("content", "skipped"), EVIL.values(), ids=EVIL)
def test_nothing_is_unpacked_elsewhere(tmp_path, content, skipped):
    (tmp_path / "there.txt").write_text("secret")
    (tmp_path / "packed").write_bytes(content)
    with pytest.warns(UserWarning, match="Skipping invalid path") as caught:
        folder = utils.get_file(
            origin=(tmp_path / "packed").as_uri(), cache_dir=tmp_path / "c", extract=True
        )
    assert len(caught) == skipped
    assert not [p for p in tmp_path.rglob("evil*") if "datasets/packed/" not in str(p)]
    assert not os.path.exists("/tmp/evil_of_test.txt")
    assert {"top/a.txt", "top/deep/b.txt"} <= set(inside(tmp_path / "c" / "datasets" / "packed"))
    assert not [p for p in os.scandir(folder) if p.is_symlink()]


def test_links_downwards_stay(tmp_path):
    links = (("link", SYMLINK, "top/a.txt"), ("hard", HARDLINK, "top/a.txt"))
    (tmp_path / "packed").write_bytes(tar_of(*GOOD, *links))
    folder = utils.get_file(
        origin=(tmp_path / "packed").as_uri(), cache_dir=tmp_path / "c", extract=True
    )
    assert Path(folder, "link").read_text() == Path(folder, "hard").read_text() == "A"


# --- all ----------------------------------------------------------------------------------------


def test_a_py_dataset_pickles():
    assert [x.item() for x, _, _ in pickle.loads(pickle.dumps(Squares(3)))] == [0, 1, 2]


def test_heavy_modules_wait():
    code = "import cnn_ext, sys; print([m for m in sys.modules if m in " + str(
        ["PIL", "matplotlib", "pooch", "requests", "multiprocessing.pool", "tensorflow"]
    ) + "])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
