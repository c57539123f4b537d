"""Readers of data sets: each source, each kind of damage, on small files made here."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import socket
import struct
import threading
import tracemalloc

import numpy as np
import pytest

from cnn_ext.datasets import _files, fashion_mnist
from cnn_ext.datasets._files import IdxDataset, IdxFile

ARRAYS = {
    "train_images": np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3),
    "train_labels": np.arange(5, dtype=np.uint8),
    "test_images": np.arange(100, 100 + 2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3),
    "test_labels": np.array([9, 3], dtype=np.uint8),
}
PLACES = ["cache", "keras", "system"]


def idx(array, code=0x08, axes=None, sizes=None):
    """An idx file's content; the keywords spoil its header."""
    header = bytes((0, 0, code, array.ndim if axes is None else axes))
    sizes = array.shape if sizes is None else sizes
    return header + struct.pack(f">{len(sizes)}I", *sizes) + array.tobytes()


def described(name, array, content=None):
    content = idx(array) if content is None else content
    return IdxFile(f"{name}.gz", array.shape, hashlib.sha256(content).hexdigest())


def dataset(urls=()):
    files = {name: described(name, array) for name, array in ARRAYS.items()}
    return IdxDataset(name="small", urls=tuple(urls), **files)


def fill(folder, **contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in ARRAYS.items():
        packed = contents.get(name, gzip.compress(idx(array)))
        (folder / f"{name}.gz").write_bytes(packed)


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The three folders that are searched, none of which exists yet."""
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(_files, "SYSTEM_FOLDER", tmp_path / "system")
    folders = [
        tmp_path / "cache" / "small",
        tmp_path / "keras" / "datasets" / "small",
        tmp_path / "system" / "small",
    ]
    assert _files.folders("small") == folders
    return dict(zip(PLACES, folders, strict=True))


@pytest.fixture
def server(tmp_path):
    """The address of a server on this machine that offers what is under tmp_path."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args):
            pass

    handler = functools.partial(Silent, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def check_loaded(loaded):
    (x_train, y_train), (x_test, y_test) = loaded
    for array, name in zip((x_train, y_train, x_test, y_test), ARRAYS, strict=True):
        np.testing.assert_array_equal(array, ARRAYS[name])
        assert array.dtype == np.uint8
        assert array.flags.owndata and array.flags.writeable


@pytest.mark.parametrize("place", PLACES)
def test_found_in(places, place):
    fill(places[place])
    check_loaded(dataset().load())


def test_keras_cache_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert _files.folders("small")[1] == tmp_path / ".keras" / "datasets" / "small"


def test_files_of_one_set_may_lie_apart(places):
    fill(places["cache"])
    fill(places["system"])
    (places["cache"] / "test_labels.gz").unlink()
    check_loaded(dataset().load())


def test_earlier_place_wins(places):
    fill(places["cache"])
    fill(places["system"], test_labels=b"damaged, but never looked at")
    check_loaded(dataset().load())


IMAGES = ARRAYS["train_images"]
GOOD = idx(IMAGES)
SPOILT = {  # what is in the file: (its bytes, what the warning must say)
    "not gzip": (b"hello", "Not a gzipped file"),
    "empty": (b"", "must be 76 bytes long. Received: 0 bytes"),
    "gzip cut off": (gzip.compress(GOOD)[:-12], "end-of-stream"),
    "gzip damaged": (gzip.compress(GOOD)[:10] + b"\xff" * 40, "invalid block type"),
    "gzip checksum": (gzip.compress(GOOD)[:-8] + b"\0" * 8, "CRC"),
    "too short": (gzip.compress(GOOD[:-1]), "must be 76 bytes long. Received: 75 bytes"),
    "too long": (gzip.compress(GOOD + b"\0"), "must be 76 bytes long. Received: more"),
    "dtype code": (gzip.compress(idx(IMAGES, code=0x0D)), "Received: 00 00 0d 03"),
    "axes": (gzip.compress(idx(IMAGES, axes=1)), "Received: 00 00 08 01"),
    "sizes": (gzip.compress(idx(IMAGES, sizes=(4, 5, 3))), r"Received: \(4, 5, 3\)"),
    "one bit": (gzip.compress(GOOD[:-1] + bytes([GOOD[-1] ^ 1])), "SHA-256"),
}


@pytest.mark.parametrize(("spoilt", "says"), SPOILT.values(), ids=SPOILT)
def test_damaged_file_is_named_and_skipped(places, spoilt, says):
    fill(places["cache"], train_images=spoilt)
    fill(places["keras"])
    with pytest.warns(UserWarning, match=says) as caught:
        check_loaded(dataset().load())
    assert str(places["cache"] / "train_images.gz") in str(caught[0].message)
    assert len(caught) == 1


@pytest.mark.parametrize("content", [idx(IMAGES, code=0x0D), idx(IMAGES, sizes=(4, 5, 3))])
def test_header_is_read_even_when_the_checksum_is_right(tmp_path, content):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match="Received"):
        _files.read_idx(path, described("images", IMAGES, content))


def test_bomb_is_not_uncompressed(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(50_000_000), compresslevel=1))
    file = described("bomb", IMAGES)
    tracemalloc.start()
    with pytest.raises(ValueError, match="Received: more"):
        _files.read_idx(path, file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_download_goes_into_the_cache(places, server, tmp_path, capsys):
    fill(tmp_path / "mirror")
    check_loaded(dataset([server + "mirror/"]).load())
    assert capsys.readouterr().out.count("Downloading data from http://") == 4
    assert sorted(p.name for p in places["cache"].iterdir()) == sorted(f"{n}.gz" for n in ARRAYS)
    check_loaded(dataset().load())  # now without any address


def test_second_address_is_tried(places, server, tmp_path):
    fill(tmp_path / "first", train_labels=gzip.compress(b"damaged"))
    (tmp_path / "first" / "test_images.gz").unlink()
    fill(tmp_path / "second")
    check_loaded(dataset([server + "first/", server + "second/"]).load())


def test_download_replaces_a_damaged_file(places, server, tmp_path):
    fill(places["cache"], train_images=b"damaged")
    fill(tmp_path / "mirror")
    with pytest.warns(UserWarning, match=r"Skipped .*train_images\.gz"):
        check_loaded(dataset([server + "mirror/"]).load())
    check_loaded(dataset().load())


def test_damaged_download_leaves_nothing(places, server, tmp_path):
    fill(tmp_path / "mirror", train_images=gzip.compress(GOOD[:-1]))
    with pytest.raises(OSError, match=r"must be 76 bytes long\. Received: 75 bytes"):
        dataset([server + "mirror/"]).load()
    assert list(places["cache"].iterdir()) == []


def test_nothing_found_says_where_and_what_to_do(places):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with pytest.raises(OSError, match="ConnectionError") as caught:
        dataset([closed]).load()
    message = str(caught.value)
    for words in [*map(str, places.values()), "train_images.gz", "apt install dataset-small"]:
        assert words in message
    assert f"Received: {closed}" in message


def test_fashion_mnist_is_spelt_like_its_files():
    files = dataclasses.asdict(fashion_mnist._FASHION_MNIST)
    sizes = {key: files[key]["shape"] for key in ARRAYS}
    assert sizes == {
        "train_images": (60000, 28, 28),
        "train_labels": (60000,),
        "test_images": (10000, 28, 28),
        "test_labels": (10000,),
    }
    assert len({files[key]["sha256"] for key in ARRAYS}) == 4
    assert all(url.startswith("https://") and url.endswith("/") for url in files["urls"])


def test_fashion_mnist_of_debian(tmp_path, monkeypatch):
    if not (_files.SYSTEM_FOLDER / "fashion-mnist").is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10


def test_unknown_data_set_suggests_one():
    from cnn_ext import datasets

    with pytest.raises(AttributeError, match="did you mean 'fashion_mnist'"):
        datasets.fashion_mnst  # noqa: B018
