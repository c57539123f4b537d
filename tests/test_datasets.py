"""Readers of data sets: each source, each kind of damage, on small files made here."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import inspect
import io
import os
import pickle
import socket
import struct
import tarfile
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest

from cnn_ext import config, datasets
from cnn_ext.datasets import _idx, _places, cifar10, cifar100, fashion_mnist, mnist
from cnn_ext.datasets._cifar import CifarDataset
from cnn_ext.datasets._idx import IdxDataset, IdxFile

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
    return IdxDataset(name="small", urls=tuple(urls), hint="; or ask Ada", **files)


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
    monkeypatch.setattr(_places, "SYSTEM_FOLDER", tmp_path / "system")
    folders = [
        tmp_path / "cache" / "small",
        tmp_path / "keras" / "datasets" / "small",
        tmp_path / "system" / "small",
    ]
    assert _places.folders("small") == folders
    return dict(zip(PLACES, folders, strict=True))


@pytest.fixture
def server(tmp_path):
    """The address of a server on this machine that offers what is under tmp_path."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args):
            pass

    handler = functools.partial(Silent, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.handle_error = lambda *_: None  # a client that has had enough
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
    assert _places.folders("small")[1] == tmp_path / ".keras" / "datasets" / "small"


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
        _idx.read_idx(path, described("images", IMAGES, content))


def test_bomb_is_not_uncompressed(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(50_000_000), compresslevel=1))
    file = described("bomb", IMAGES)
    tracemalloc.start()
    with pytest.raises(ValueError, match="Received: more"):
        _idx.read_idx(path, file)
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
    for words in [*map(str, places.values()), "train_images.gz", "; or ask Ada. "]:
        assert words in message
    assert f"Received: OSError: URL fetch failure on {closed}" in message


@pytest.mark.parametrize("described", [fashion_mnist._FASHION_MNIST, mnist._MNIST])
def test_mnists_are_spelt_like_their_files(described):
    files = dataclasses.asdict(described)
    sizes = {key: files[key]["shape"] for key in ARRAYS}
    assert sizes == {
        "train_images": (60000, 28, 28),
        "train_labels": (60000,),
        "test_images": (10000, 28, 28),
        "test_labels": (10000,),
    }
    assert len({files[key]["sha256"] for key in ARRAYS}) == 4
    assert len(files["urls"]) >= 2
    assert all(url.startswith("https://") and url.endswith("/") for url in files["urls"])


# --- the same arrays in one .npz file ---------------------------------------------------------

NPZ_NAMES = ("x_train", "y_train", "x_test", "y_test")


class Trap:
    """Unpickling one makes a file."""

    def __reduce__(self):
        return os.mkdir, ("sprung",)


def npz(**replaced):
    """An .npz file's content; a keyword replaces an array or, by bytes, a member."""
    arrays = dict(zip(NPZ_NAMES, ARRAYS.values(), strict=True)) | replaced
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            if isinstance(array, bytes):
                member.write(array)
            elif array is not None:
                np.lib.format.write_array(member, array, allow_pickle=True)
            if array is not None:
                archive.writestr(f"{name}.npy", member.getvalue())
    return whole.getvalue()


def npy_header(shape, version=(1, 0)):
    written = io.BytesIO()
    header = {"shape": shape, "fortran_order": False, "descr": "|u1"}
    (
        np.lib.format.write_array_header_1_0
        if version == (1, 0)
        else np.lib.format.write_array_header_2_0
    )(written, header)
    return written.getvalue()


@pytest.mark.parametrize("folder", ["cache/small", "keras/datasets"])
def test_npz_in_a_cache_of_keras(places, tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "all.npz").write_bytes(npz())
    check_loaded(dataset().load(npz="all.npz"))
    with pytest.raises(OSError):
        dataset().load(npz="other.npz")


X_TRAIN = ARRAYS["train_images"]
SPOILT_NPZ = {
    "not a zip file": (b"hello", "File is not a zip file"),
    "an array missing": (npz(y_test=None), "There is no item named 'y_test.npy'"),
    "an object": (npz(y_test=np.array([Trap(), Trap()])), r"Received: object of shape \(2,\)"),
    "dtype": (npz(y_test=np.array([9, 3])), "Received: int64"),
    "shape": (npz(x_train=X_TRAIN[:4]), r"Received: uint8 of shape \(4, 4, 3\)"),
    "order": (npz(x_train=np.asfortranarray(X_TRAIN)), "Received: uint8"),
    "one bit": (npz(x_train=X_TRAIN ^ 1), "SHA-256"),
    "more bytes": (npz(y_test=npy_header((2,)) + bytes(50_000_000)), "Received: more"),
    "fewer bytes": (npz(y_test=npy_header((2,)) + b"1"), "Received: 1 bytes"),
    "version": (npz(y_test=npy_header((2,), (2, 0)) + b"12"), r"Received: \(2, 0\)"),
    "no array": (npz(y_test=b"text"), "magic"),
}


@pytest.mark.parametrize(("spoilt", "says"), SPOILT_NPZ.values(), ids=SPOILT_NPZ)
def test_damaged_npz_is_named_and_skipped(places, tmp_path, monkeypatch, spoilt, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    (tmp_path / "keras" / "datasets" / "all.npz").write_bytes(spoilt)
    fill(places["system"])
    tracemalloc.start()
    with pytest.warns(UserWarning, match=says) as caught:
        check_loaded(dataset().load(npz="all.npz"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(caught) == 1 and "all.npz" in str(caught[0].message)
    assert peak < 1_000_000
    assert not (tmp_path / "sprung").exists()


def test_mnist_looks_for_the_file_of_keras(monkeypatch):
    monkeypatch.setattr(IdxDataset, "load", lambda self, npz: (self.name, npz))
    assert mnist.load_data() == ("mnist", "mnist.npz")
    assert mnist.load_data("digits.npz") == ("mnist", "digits.npz")
    with pytest.raises(ValueError, match=r"without folders\. Received: '\.\./mnist\.npz'"):
        mnist.load_data("../mnist.npz")


# --- CIFAR, whose archives are tar files -------------------------------------------------------

RANDOM = np.random.default_rng(0)
PARTS = {"bin/part_1": 3, "bin/part_2": 3, "bin/test": 2}
RECORDS = {
    name: RANDOM.integers(0, 256, (count, 2 + 3072), dtype=np.uint8)
    for name, count in PARTS.items()
}


def tar(files, kind=tarfile.REGTYPE):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in {"bin/readme.html": b"hello", **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if name == "bin/test":
                member.type = kind
                member.linkname = "/etc/passwd"
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


FILES = {name: records.tobytes() for name, records in RECORDS.items()}
ARCHIVE = tar(FILES)


def cifar(content=ARCHIVE, urls=(), **changes):
    described = CifarDataset(
        name="cifar-small",
        archive="small.tar.gz",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        train=("bin/part_1", "bin/part_2"),
        test=("bin/test",),
        images=3,
        test_images=2,
        labels=2,
        urls=tuple(urls),
    )
    return dataclasses.replace(described, **changes)


CIFAR_PLACES = {
    "cache": "cache/cifar-small",
    "keras": "keras/datasets/cifar-small",
    "keras, flat": "keras/datasets",
    "system": "system/cifar-small",
}


def put(tmp_path, place, content):
    folder = tmp_path / CIFAR_PLACES[place]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "small.tar.gz").write_bytes(content)


def check_cifar(loaded, data_format="channels_last"):
    (x_train, y_train), (x_test, y_test) = loaded
    train = np.concatenate([RECORDS["bin/part_1"], RECORDS["bin/part_2"]])
    for x, y, records in ((x_train, y_train, train), (x_test, y_test, RECORDS["bin/test"])):
        np.testing.assert_array_equal(y, records[:, :2])
        for pixel in ((0, 0), (5, 7), (31, 30)):
            at = pixel[0] * 32 + pixel[1]
            expected = records[:, [2 + at, 2 + 1024 + at, 2 + 2048 + at]]
            last = x if data_format == "channels_last" else x.transpose(0, 2, 3, 1)
            np.testing.assert_array_equal(last[:, pixel[0], pixel[1]], expected)
        assert x.dtype == y.dtype == np.uint8
        assert x.flags.c_contiguous and x.flags.owndata and y.flags.owndata


@pytest.mark.parametrize("place", CIFAR_PLACES)
def test_cifar_is_found(places, tmp_path, place):
    put(tmp_path, place, ARCHIVE)
    check_cifar(cifar().load())
    assert not any(path.is_file() for path in (tmp_path).rglob("part_1"))


def test_cifar_in_channels_first(places, tmp_path):
    put(tmp_path, "cache", ARCHIVE)
    config.set_image_data_format("channels_first")
    try:
        check_cifar(cifar().load(), "channels_first")
    finally:
        config.set_image_data_format("channels_last")


def test_cifar_is_downloaded_once(places, server, tmp_path, capsys):
    put(tmp_path, "system", ARCHIVE)
    (tmp_path / CIFAR_PLACES["system"]).rename(tmp_path / "mirror")
    check_cifar(cifar(urls=[server + "none/", server + "mirror/"]).load())
    out = capsys.readouterr().out
    assert out.count("Downloading data from http://") == 2
    assert f"{len(ARCHIVE)}/{len(ARCHIVE)} ━" in out
    assert [p.name for p in (tmp_path / "cache" / "cifar-small").iterdir()] == ["small.tar.gz"]
    check_cifar(cifar().load())


@pytest.mark.parametrize(
    ("received", "says"),
    [
        (ARCHIVE[:-1], f"must be {len(ARCHIVE)} bytes long. Received: {len(ARCHIVE) - 1} bytes"),
        (ARCHIVE + bytes(10_000_000), f"at most {len(ARCHIVE)} bytes. Received: more"),
        (ARCHIVE[:-1] + bytes([ARCHIVE[-1] ^ 1]), "it must have SHA-256"),
    ],
    ids=["short", "long", "one bit"],
)
def test_damaged_archive_is_not_kept(places, server, tmp_path, received, says):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "small.tar.gz").write_bytes(received)
    with pytest.raises(OSError, match=says) as caught:
        cifar(urls=[server + "mirror/"]).load()
    assert "a pickle can run code" in str(caught.value)
    assert list((tmp_path / "cache" / "cifar-small").iterdir()) == []


def test_damaged_archive_is_skipped(places, tmp_path):
    put(tmp_path, "cache", ARCHIVE + b"more")
    put(tmp_path, "system", ARCHIVE)
    with pytest.warns(UserWarning, match=f"must be {len(ARCHIVE)} bytes long. Received: more"):
        check_cifar(cifar().load())


WRONG_MEMBERS = {
    "size": (tar({**FILES, "bin/test": b"short"}), "bin/test must be a file of 6148 bytes"),
    "missing": (tar({"bin/part_1": FILES["bin/part_1"]}), "Received: no bin/part_2"),
    "link": (tar(FILES, tarfile.SYMTYPE), "bin/test must be a file of 6148 bytes"),
    "folder": (tar(FILES, tarfile.DIRTYPE), "bin/test must be a file of 6148 bytes"),
}


@pytest.mark.parametrize(("content", "says"), WRONG_MEMBERS.values(), ids=WRONG_MEMBERS)
def test_members_are_read_by_name_and_size(places, tmp_path, content, says):
    put(tmp_path, "cache", content)
    with pytest.warns(UserWarning, match=says), pytest.raises(OSError):
        cifar(content).load()


def test_pickles_of_keras_are_ignored(places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("cifar-10-batches-py", "cifar-10-batches-py-target/cifar-10-batches-py"):
        batches = tmp_path / "keras" / "datasets" / folder
        batches.mkdir(parents=True)
        for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
            (batches / name).write_bytes(pickle.dumps(Trap()))
    monkeypatch.setattr(cifar10, "_CIFAR10", dataclasses.replace(cifar10._CIFAR10, urls=()))
    with pytest.raises(OSError, match="a pickle can run code"):
        cifar10.load_data()
    assert not (tmp_path / "sprung").exists()


def test_cifar100_is_that_of_keras(keras, places, tmp_path, monkeypatch):
    """Keras reads pickles that are made here, we the same records in the binary form."""
    parts = {"train": RECORDS["bin/part_1"], "test": RECORDS["bin/test"]}
    (tmp_path / "cifar-100-python").mkdir()
    for name, records in parts.items():
        batch = {
            b"coarse_labels": records[:, 0].tolist(),
            b"fine_labels": records[:, 1].tolist(),
            b"data": records[:, 2:],
        }
        (tmp_path / "cifar-100-python" / name).write_bytes(pickle.dumps(batch))
    theirs = keras.src.datasets.cifar100
    monkeypatch.setattr(theirs, "get_file", lambda **kwargs: str(tmp_path))
    small = {"train": ("bin/part_1",), "name": "cifar-small", "archive": "small.tar.gz"}
    small |= {"test": ("bin/test",), "images": 3, "test_images": 2}
    small |= {"size": len(ARCHIVE), "sha256": hashlib.sha256(ARCHIVE).hexdigest()}
    monkeypatch.setattr(cifar100, "_CIFAR100", dataclasses.replace(cifar100._CIFAR100, **small))
    put(tmp_path, "cache", ARCHIVE)
    for label_mode in ("fine", "coarse"):
        for ours, judge in zip(
            sum(cifar100.load_data(label_mode), ()),
            sum(theirs.load_data(label_mode), ()),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, judge)
            assert ours.dtype == judge.dtype
    with pytest.raises(ValueError, match=r"^`label_mode` must be one of .*Received: label_mode=x"):
        cifar100.load_data("x")


@pytest.mark.parametrize("described", [cifar10._CIFAR10, cifar100._CIFAR100], ids=lambda d: d.name)
def test_cifar_is_spelt_like_its_files(described):
    assert len(described.train) * described.images == 50_000
    assert described.test_images == 10_000
    assert len(bytes.fromhex(described.sha256)) == 32
    assert len(described.urls) >= 2
    assert all(url.startswith("https://") and url.endswith("/") for url in described.urls)


def test_signatures_are_those_of_keras(keras):
    for name in ("cifar10", "cifar100", "fashion_mnist", "mnist"):
        ours, theirs = (getattr(m, name).load_data for m in (datasets, keras.datasets))
        assert [(p.name, p.default) for p in inspect.signature(ours).parameters.values()] == [
            (p.name, p.default) for p in inspect.signature(theirs).parameters.values()
        ]


def test_fashion_mnist_of_debian(tmp_path, monkeypatch):
    if not (_places.SYSTEM_FOLDER / "fashion-mnist").is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10


def test_unknown_data_set_suggests_one():
    with pytest.raises(AttributeError, match="did you mean 'fashion_mnist'"):
        datasets.fashion_mnst  # noqa: B018
