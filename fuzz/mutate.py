"""Mutations that know the formats: JSON within an archive or HDF5, members, bytes.

Bytes changed blindly end at a checksum or a brace; these get past them.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from cnn_ext.saving import hdf5
from cnn_ext.saving.hdf5_file import Dataset, File, Group

Blind = Callable[[bytes], bytes]  # a change of bytes, the fuzzer's own
VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2, 7, 255, 2**31, 2**63, 10**9, 1e300, 0.5, float("nan"), "", "x",
    "same", "relu", "channels_first", "float64", [], {}, [[]], [1], [2, 2], [None, 3], [3, 3, 3],
    {"class_name": "Dense", "config": {"units": 3}},
    {"class_name": "__lambda__", "config": {"value": "AA=="}},
    {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "dtype": "float32",
                                                  "keras_history": ["dense", 0, 0]}},
    {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}},
    {"class_name": "__tensor__", "config": {"value": [[1.0]], "dtype": "float64"}},
    {"class_name": "__slice__", "config": {"start": 0, "stop": 1, "step": None}},
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
]  # fmt: skip
CLASSES = [
    "Activation", "Add", "AveragePooling2D", "BatchNormalization", "Bidirectional",
    "CategoryEncoding", "Concatenate", "Conv1D", "Conv2D", "Conv2DTranspose", "Conv3D",
    "Cropping2D", "Dense", "DepthwiseConv2D", "Discretization", "Dot", "Dropout", "Embedding",
    "Flatten", "Functional", "GlobalAveragePooling2D", "GroupNormalization", "InputLayer",
    "Lambda", "LayerNormalization", "MaxPooling2D", "Normalization", "Permute", "RandomCrop",
    "RandomFlip", "RepeatVector", "Rescaling", "Reshape", "Resizing", "SeparableConv2D",
    "Sequential", "TFSMLayer", "TimeDistributed", "UpSampling2D", "Wrapper", "ZeroPadding2D",
    "Adam", "SGD", "AUC", "MeanIoU", "GlorotUniform", "Constant", "L1L2", "MaxNorm",
    "ExponentialDecay", "DTypePolicy", "SeedGenerator",
]  # fmt: skip


def mutated(name: str, data: bytes, chance: random.Random, blind: Blind | None = None) -> bytes:
    """Another input for a target, made of one."""
    blind = blind or (lambda content: flipped(content, chance))
    if chance.random() < 0.1:
        return blind(data)
    try:
        if name in ("keras", "npz"):
            return _archive(name, data, chance, blind)
        if name in ("legacy", "backup", "weights"):
            return _hdf5(name, data, chance, blind)
        content = gzip.decompress(data)
        return gzip.compress(blind(content), 1, mtime=0)
    except Exception:  # what was no archive is bytes
        return blind(data)


def flipped(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, cut out or repeated."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if not changed:
            return bytes([chance.randrange(256)])
        at = chance.randrange(min(len(changed), chance.choice((100, 3000, 10**9))))
        kind = chance.random()
        if kind < 0.5:
            changed[at] = chance.randrange(256)
        elif kind < 0.7:
            value = chance.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**40, 2**64 - 1, len(data)))
            changed[at : at + 8] = struct.pack("<Q", value)
        elif kind < 0.85:
            del changed[at : at + chance.choice((1, 8, 100))]
        else:
            changed[at:at] = changed[at : at + chance.choice((1, 8, 100))]
    return bytes(changed)


def _archive(name: str, data: bytes, chance: random.Random, blind: Blind) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        content = {one: archive.read(one) for one in archive.namelist()}
    member = chance.choice(list(content))
    if name == "keras" and chance.random() < 0.7:
        member = "config.json" if "config.json" in content else member
    kind = chance.random()
    if kind < 0.03:
        del content[member]
    elif kind < 0.06:
        content[chance.choice(["../x", "/x", "a/b", "assets/x", "model.weights.json"])] = b"x"
    elif member.endswith(".json"):
        content[member] = _json(content[member], chance)
    elif member.endswith(".h5"):
        content[member] = _hdf5("weights", content[member], chance, blind)
    else:
        content[member] = blind(content[member])
    file = io.BytesIO()
    method = zipfile.ZIP_STORED if chance.random() < 0.8 else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(file, "w", method) as archive:
        for one, text in content.items():
            archive.writestr(one, text)
    return file.getvalue()


def _json(text: bytes, chance: random.Random) -> bytes:
    tree = json.loads(text)
    for _ in range(chance.randint(1, 3)):
        tree = _changed(tree, chance)
    return json.dumps(tree).encode()


def _changed(tree: Any, chance: random.Random) -> Any:
    places = list(_places(tree))
    if not places:
        return copy.deepcopy(chance.choice(VALUES))
    *path, key = chance.choice(places)
    holder = tree
    for step in path:
        holder = holder[step]
    kind = chance.random()
    if kind < 0.1:
        del holder[key]
    elif key in ("class_name", "registered_name") and kind < 0.8:
        holder[key] = chance.choice(CLASSES)
    elif kind < 0.3:  # what is there somewhere else
        *other, last = chance.choice(places)
        donor = tree
        for step in other:
            donor = donor[step]
        holder[key] = copy.deepcopy(donor[last])
    elif kind < 0.4 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind < 0.7 and isinstance(holder[key], int) and not isinstance(holder[key], bool):
        holder[key] = chance.choice(
            (-1, 0, 1, 2, holder[key] + 1, holder[key] * 1000, 10**9, 2**63)
        )
    else:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    return tree


def _places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside if isinstance(value, dict | list) else ():
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*path, key))


def _hdf5(name: str, data: bytes, chance: random.Random, blind: Blind) -> bytes:
    """Other bytes, which HDF5 does not check, or another value at some place of the tree.

    In a new file of the same content: HDF5's own library is not to be trusted with what is damaged.
    """
    if chance.random() < 0.6:
        return blind(data)
    import h5py
    import numpy as np

    file = io.BytesIO()
    newer = chance.random() < 0.3
    with h5py.File(file, "w", libver="latest" if newer else "earliest", track_order=newer) as store:
        _copy(File(data).root, store)
        found: list[str] = []
        store.visit(found.append)
        texts = [key for key in ("model_config", "training_config") if key in store.attrs]
        if texts and chance.random() < 0.7:
            key = chance.choice(texts)
            store.attrs[key] = _json(store.attrs[key].encode(), chance).decode()
        elif name == "backup" and chance.random() < 0.7 and "training/state" in store:
            changed = _json(store["training/state"][()].tobytes(), chance)
            del store["training/state"]
            store["training/state"] = np.frombuffer(changed, np.uint8)
        elif found:
            _other_member(store, chance.choice(found), chance)
    return file.getvalue()


def _copy(root: Group, store: Any) -> None:
    """Write what a file holds, as far as it is read, to a new one."""
    for place, group in [("/", root), *hdf5.groups(root)]:
        copied = store.require_group(place)
        for name, attribute in group.attributes.items():
            if attribute.type.padding is not None and attribute.shape is not None:
                texts = attribute.texts()
                is_list = attribute.shape != ()
                copied.attrs[name] = [text.encode() for text in texts] if is_list else texts[0]
        for name in group.links:
            found = group.get(name)
            if isinstance(found, Dataset) and found.type.dtype and not found.is_chunked:
                copied[name] = found.read()


def _other_member(store: Any, place: str, chance: random.Random) -> None:
    import h5py
    import numpy as np

    kind = chance.random()
    if kind < 0.2:
        attributes = store[place].attrs
        key = chance.choice([*attributes, "weight_names", "name"])
        attributes[key] = chance.choice(
            [b"", "x", 5, [b"a", b"b"], np.zeros(3), "../x", [b"/", b"."]]
        )
        return
    del store[place]
    if kind < 0.3:
        store[place] = chance.choice(
            [h5py.SoftLink("/"), h5py.SoftLink("/layers"), h5py.ExternalLink("other.h5", "/x")]
        )
    elif kind < 0.4:
        store.create_group(place)
    elif kind < 0.5:
        store.create_dataset(place, shape=(10**6, 10**6), dtype="f4", chunks=(10, 10))
    elif kind < 0.6:
        store.create_dataset(place, shape=chance.choice([(), (2,), (2**40,)]), dtype="f8")
    elif kind < 0.9:
        values = [np.zeros(0), 1.5, np.zeros((3, 3, 1, 2), "f4"), np.array([b"x"]), True, 2**62]
        store[place] = chance.choice(values)
