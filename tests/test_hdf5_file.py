"""Our reader of HDF5 beside h5py, over files of all versions of the format, and damaged ones."""

import io
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnn_ext
from cnn_ext.saving.hdf5_bytes import DamagedError
from cnn_ext.saving.hdf5_file import Dataset, File, Group

VERSIONS = ("earliest", "v108", "v110", "v112", "latest")


def written(write, libver="earliest", **how):
    content = io.BytesIO()
    with h5py.File(content, "w", libver=libver, **how) as file:
        write(file)
    return content.getvalue()


def tree(group):
    """All that is in a group, as our reader has it."""
    found = {}
    for name in group.links:
        item = group.get(name)
        found[name] = item.read() if isinstance(item, Dataset) else tree(item)
    return found


def tree_of_h5py(group):
    return {
        name: item[()] if isinstance(item, h5py.Dataset) else tree_of_h5py(item)
        for name, item in group.items()
    }


def check_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if isinstance(value, dict):
            check_same(value, theirs[name])
        else:
            assert (value.dtype, value.shape) == (theirs[name].dtype, theirs[name].shape)
            np.testing.assert_array_equal(value, theirs[name])


def check_as_h5py(content):
    with h5py.File(io.BytesIO(content)) as file:
        check_same(tree(File(content).root), tree_of_h5py(file))


ARRAYS = [
    np.arange(24, dtype=dtype).reshape(2, 3, 4)
    for dtype in ("i1", "u2", "<i4", ">i4", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8")
]


@pytest.mark.parametrize("order", [False, True], ids=["", "ordered"])
@pytest.mark.parametrize("libver", VERSIONS)
def test_arrays_of_all_dtypes_and_sizes(libver, order):
    def write(file):
        for index, array in enumerate([*ARRAYS, np.float32(3), np.zeros((0, 5)), np.ones(10**5)]):
            file[f"a/b/{index}"] = array

    check_as_h5py(written(write, libver, track_order=order))


@pytest.mark.parametrize("count", [0, 1, 8, 9, 40, 1000, 20_000])
@pytest.mark.parametrize(
    ("libver", "order"), [("earliest", False), ("latest", False), ("latest", True)]
)
def test_groups_of_any_number_of_links(libver, order, count):
    """20,000 links need trees of three levels, and heaps of blocks within blocks."""

    def write(file):
        group = file.create_group("layers", track_order=order)
        target = group.create_group("first")
        for index in range(count):
            group[f"a layer of number {index}" + "x" * (index % 50)] = target

    root = File(written(write, libver)).root
    links = root.get("layers").links
    wanted = {f"a layer of number {i}" + "x" * (i % 50) for i in range(count)} | {"first"}
    assert links.keys() == wanted
    assert set(links.values()) == {root.get("layers").get("first").address}


@pytest.mark.parametrize("link", [h5py.SoftLink("/there"), h5py.ExternalLink("other.h5", "/x")])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_links_to_somewhere_else_are_told(libver, link):
    def write(file):
        file["link"], file["there"] = link, np.zeros(3)

    root = File(written(write, libver)).root
    assert root.links["link"] is None
    assert root.get("link") is None
    assert root.get("there").read().tolist() == [0, 0, 0]


TEXTS = {
    "bytes": b"some bytes", "text": "väriable", "empty": "", "fixed": np.bytes_(b"fix\0\0"),
    "list": [b"a", b"bcd", b""], "of any length": ["x" * 5000, "", "y"], "none": np.zeros(0, "S1"),
    "padded": np.array([b"a", b"abc"]),
}  # fmt: skip


@pytest.mark.parametrize("more", [0, 5, 300], ids="{} more".format)
@pytest.mark.parametrize("order", [False, True], ids=["", "ordered"])
@pytest.mark.parametrize("libver", VERSIONS)
def test_attributes_of_text(libver, order, more):
    """More than eight are kept in a heap, in the newer versions."""
    extra = {f"attribute {i}": f"its text {i}" for i in range(more)}

    def write(file):
        group = file.create_group("g", track_order=order)
        for name, value in (TEXTS | extra).items():
            group.attrs[name] = value

    content = written(write, libver)
    attributes = File(content).root.get("g").attributes
    with h5py.File(io.BytesIO(content)) as file:
        assert attributes.keys() == {*file["g"].attrs}
        for name in TEXTS | extra:
            value = np.asarray(file["g"].attrs[name]).reshape(-1).tolist()
            wanted = [v if isinstance(v, str) else v.decode() for v in value]
            found = attributes[name].texts() if 0 not in attributes[name].shape else []
            assert found == wanted


names = st.text(st.characters(exclude_characters="/\0.", codec="utf8"), min_size=1, max_size=30)
values = st.builds(np.arange, st.integers(0, 50), dtype=st.sampled_from(["f4", "i8", "u1"]))
trees = st.recursive(values, lambda inside: st.dictionaries(names, inside, max_size=12))


@settings(max_examples=150, deadline=None)
@given(tree=trees, libver=st.sampled_from(VERSIONS), order=st.booleans())
def test_any_tree(tree, libver, order):
    def write(group, content):
        for name, value in content.items():
            if isinstance(value, dict):
                write(group.create_group(name, track_order=order), value)
            else:
                group[name] = value

    check_as_h5py(written(lambda file: write(file, {"top": tree}), libver, track_order=order))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_what_is_no_plain_array_is_told(libver):
    def write(file):
        file.create_dataset("chunks", data=np.ones((6, 6)), chunks=(3, 3))
        file.create_dataset("gzip", data=np.ones((6, 6)), compression="gzip")
        file.create_dataset("outside", shape=(3,), dtype="f4", external=[("x", 0, 12)])
        layout = h5py.VirtualLayout((3,), "f4")
        layout[:] = h5py.VirtualSource("x.h5", "data", (3,))
        file.create_virtual_dataset("virtual", layout)
        file["bools"], file["texts"], file["complex"] = [True], np.array([b"a"]), [1j]
        file.create_dataset("nothing", data=h5py.Empty("f4"))
        file.create_dataset("unwritten", (3,), "f4")
        h5py.h5d.create(file.id, b"bfloat16", _bfloat16(), h5py.h5s.create_simple((3,)))
        file["type"] = np.dtype("f4")
        file.create_dataset("named type", data=np.ones(2), dtype=file["type"])

    root = File(written(write, libver)).root
    assert all(root.get(name).is_chunked for name in ("chunks", "gzip"))
    assert all(root.get(name).is_outside for name in ("outside", "virtual"))
    assert root.get("nothing").shape is None
    told = {name: root.get(name).type for name in ("bools", "texts", "complex", "bfloat16")}
    assert [t.name for t in told.values()] == [
        "enumerated values", "texts", "records", "floats of another format",
    ]  # fmt: skip
    assert all(t.dtype is None for t in told.values())
    assert root.get("type") is None
    for name in (*told, "chunks", "virtual", "nothing"):
        with pytest.raises(DamagedError, match="holds no plain numbers"):
            root.get(name).read()
    with pytest.raises(DamagedError, match="was never written"):
        root.get("unwritten").read()
    with pytest.raises(DamagedError, match="shares what it is with others"):
        root.get("named type").read()


def test_floats_are_of_one_format_only():
    """The same but for one thing: a first bit of the mantissa that is not left out, or the sign."""
    kinds = [h5py.h5t.IEEE_F32LE.copy() for _ in range(2)]
    kinds[0].set_norm(h5py.h5t.NORM_NONE)
    kinds[1].set_fields(0, 24, 8, 1, 23)

    def write(file):
        for index, kind in enumerate(kinds):
            space = h5py.h5s.create_simple((3,))
            h5py.Dataset(h5py.h5d.create(file.id, str(index).encode(), kind, space))[:] = 1.5

    root = File(written(write)).root
    assert [root.get(name).type.name for name in "01"] == ["floats of another format"] * 2


def test_one_strange_attribute_does_not_hide_others():
    def write(file):
        file["type"] = np.dtype("S5")
        file.attrs.create("strange", b"abc", dtype=file["type"])
        file.attrs["name"] = "text"

    attributes = File(written(write)).root.attributes
    assert attributes["name"].texts() == ["text"]
    with pytest.raises(DamagedError, match="'strange' shares what it is"):
        attributes["strange"].texts()


@pytest.mark.parametrize("padding", [0, 1, 2], ids=["terminated", "zeros", "spaces"])
def test_texts_of_one_length(padding):
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(6)
    kind.set_strpad(padding)

    def write(file):
        attribute = h5py.h5a.create(file.id, b"name", kind, h5py.h5s.create(h5py.h5s.SCALAR))
        attribute.write(np.array(b"abc"))

    content = written(write)
    with h5py.File(io.BytesIO(content)) as file:
        assert file.attrs["name"] == b"abc"
    assert File(content).root.attributes["name"].texts() == ["abc"]


def test_large_attributes():
    """Too large for a block of the heap in which many, or such, attributes are."""
    many = {f"a{i}": np.bytes_(b"x" * (500 * i + 1)) for i in range(12)}

    def write(file):
        file.create_group("many").attrs.update(many)
        file.create_group("one").attrs["big"] = np.array([b"x" * 100] * 2000)

    root = File(written(write, "latest")).root
    found = root.get("many").attributes
    assert {name: found[name].texts()[0].encode() for name in found} == many
    assert root.get("one").attributes["big"].texts() == ["x" * 100] * 2000


def test_a_text_is_not_read_beyond_its_end():
    content = written(lambda file: file.attrs.create("name", "x" * 77, dtype=h5py.string_dtype()))
    assert File(content).root.attributes["name"].texts() == ["x" * 77]
    changed = content.replace(struct.pack("<I", 77), struct.pack("<I", 78), 1)
    with pytest.raises(DamagedError, match="has no text 1 of 78 bytes"):
        File(changed).root.attributes["name"].texts()


def _bfloat16():
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)
    return kind


# --- Damaged files --------------------------------------------------------------------------------


def walk_all(content):
    """Read all that there is to read."""
    waiting, met = [File(content).root], set()
    while waiting:
        group = waiting.pop()
        met.add(group.address)
        for attribute in group.attributes.values():
            if attribute.type.padding is not None and attribute.shape is not None:
                attribute.texts()
        for found in map(group.get, group.links):
            if isinstance(found, Group) and found.address not in met:
                waiting.append(found)
            if isinstance(found, Dataset):
                found.read()


def walk(content):
    """Whether all could be read."""
    try:
        walk_all(content)
    except (ValueError, IndexError, struct.error) as error:
        assert not isinstance(error.__context__, MemoryError | RecursionError)
        return False
    return True


def rich(libver):
    """A file that has something of each kind."""

    def write(file):
        file["a/b"], file["a/c"] = np.arange(5.0), np.arange(6).reshape(2, 3)
        for index in range(30):
            file[f"many/{index}"] = index
            file["many"].attrs[f"text {index}"] = "x" * index
        file.attrs["names"] = np.array([b"a", b"many"])

    return written(write, libver, track_order=libver == "latest")


FORGED = {  # version, what comes before the bytes, how far, other bytes, and what is said
    "signature": ("earliest", b"\x89HDF", 0, b"x", "first bytes are not HDF5's"),
    "superblock": ("earliest", b"\x89HDF", 8, b"\4", "superblock is of version 4, later than 3"),
    "sizes": ("earliest", b"\x89HDF", 13, b"\4", "not of 8 bytes"),
    "end": ("earliest", b"\x89HDF", 46, b"\1", r"it was \d{15} bytes long. Received: "),
    "base": ("latest", b"\x89HDF", 12, b"\1", "its addresses begin at 1, not at its first byte"),
    "root": ("earliest", b"\x89HDF", 64, b"\0\1", "there is no object at|no root group"),
    "tree of tables": ("earliest", b"TREE", 4, b"\1", "is not one of groups"),
    "table": ("earliest", b"SNOD", 0, b"x", "there is no SNOD at"),
    "heap of names": ("earliest", b"HEAP", 8, b"\0\0", "does not end"),
    "filters": ("latest", b"FRHP", 7, b"\1", "the heap at .* cannot be read"),
    "columns": ("latest", b"FRHP", 110, b"\0\0", "the heap at .* cannot be read"),
    "rows": ("latest", b"FRHP", 140, b"\0\0", "there is no FHDB at"),
    "large part": ("latest", b"BTLF", 6, b"\x10", "there is no BTHD|are not in its"),
    "strange part": ("latest", b"BTLF", 6, b"\x20", "a part of a heap is of an unknown kind"),
    "tree of names": ("latest", b"BTHD", 5, b"\7", "the tree at .* cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("libver", "after", "place", "to", "says"), FORGED.values(), ids=FORGED)
def test_forged(libver, after, place, to, says):
    content = bytearray(rich(libver))
    for at in [i for i in range(len(content)) if content.startswith(after, i)]:
        content[at + place : at + place + len(to)] = to
    with pytest.raises((ValueError, struct.error), match=says):
        walk_all(bytes(content))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_every_byte_changed(libver):
    """Each byte that says how the file is made, to others: an error or another tree, in no time."""
    content = rich(libver)
    assert walk(content)
    damaged = 0
    for place in range(0, len(content), 11):
        for value in (0, 1, 255, content[place] ^ 8):
            changed = bytearray(content)
            changed[place] = value
            damaged += not walk(bytes(changed))
    assert damaged > 50


def test_parts_without_number():
    """A header of two million empty messages."""
    content = bytearray(rich("earliest") + bytes(2**24))
    at = struct.unpack_from("<Q", content, 64)[0]  # the root's header, of version 1
    struct.pack_into("<Q", content, 40, len(content))  # its end
    place = at + 16
    while struct.unpack_from("<H", content, place)[0] != 0x10:
        place += 8 + struct.unpack_from("<H", content, place + 2)[0]
    struct.pack_into("<2Q", content, place + 8, len(content) - 2**24, 2**24)
    with pytest.raises(DamagedError, match="it has more than 1048576 parts"):
        walk_all(bytes(content))


def test_reading_needs_no_library_in_c(tmp_path):
    """As long as h5py takes no part, no file can bring the process down by it."""
    model = cnn_ext.Sequential([cnn_ext.layers.Input((3,)), cnn_ext.layers.Dense(2)])
    model.compile("adam", "mse")
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    old = Path(__file__).parents[1] / "fuzz/corpus/legacy/small"
    script = f"""
        import sys
        sys.modules["h5py"] = None  # an import of it fails
        from cnn_ext import models
        model = models.load_model(r"{tmp_path / "model.keras"}")
        model.load_weights(r"{tmp_path / "model.weights.h5"}")
        print(model.predict([[1.0, 2.0, 3.0]], verbose=0).tolist())
        models.load_model(r"{old}").summary()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(model.predict([[1.0, 2.0, 3.0]], verbose=0).tolist()))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_every_length(libver):
    content = rich(libver)
    for size in range(0, len(content), 7):
        assert not walk(content[:size])


def test_parts_that_refer_to_themselves():
    """Continuations, trees and groups in circles end soon."""
    content = rich("earliest")
    continued = struct.pack("<2H", 0x10, 16)  # a message's kind and length
    for signature in (continued, b"TREE", b"SNOD", b"HEAP", b"GCOL"):
        places = [i for i in range(len(content)) if content.startswith(signature, i)]
        for place in places:
            changed = bytearray(content)
            for at in range(place, place + 80, 8):  # all that is an address leads back
                changed[at : at + 8] = struct.pack("<Q", place)
                walk(bytes(changed))
