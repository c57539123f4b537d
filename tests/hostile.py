"""What a file can hold that would hurt a careless reader, for the tests of all formats."""

from __future__ import annotations

import warnings

import h5py

from cnn_ext.models import load_model
from cnn_ext.saving import ModelFileError


def in_place_of(name, make):
    """A change of an HDF5 file that has `make(file, name, shape)` replace a dataset."""

    def change(file):
        shape = file[name].shape
        del file[name]
        make(file, name, shape)

    return change


def linked(link):
    return lambda file, name, shape: file.__setitem__(name, link)


def stored(shape=None, dtype="float32", **how):
    return lambda file, name, own: file.create_dataset(name, shape or own, dtype, **how)


def virtual(file, name, shape):
    layout = h5py.VirtualLayout(shape, "float32")
    layout[:] = h5py.VirtualSource("other.h5", "data", shape)
    file.create_virtual_dataset(name, layout)


def survives(data, path):
    """Whether a file of these bytes loads; nothing but a ModelFileError may say no."""
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load_model(path)
        except ModelFileError:
            return False
    return True


def paths_of(value, path=()):
    """The place of each value within lists and dicts."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from paths_of(item, (*path, key))
