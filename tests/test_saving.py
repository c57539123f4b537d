"""The `.weights.h5` file: Keras reads what is written here and the other way round; and no file,
whatever is in it, harms a model, nor a failed save a file.

Over 400 lines because of its tables.
"""

import os
import stat
import tracemalloc
import warnings

import h5py
import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from cnn_ext.naming import clear_session
from cnn_ext.saving import ModelFileError, load_weights, save_weights

# What Keras's own saving calls h5py with.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# --- Models -----------------------------------------------------------------------------------


def images(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu", padding="same"),
            layers.Conv2D(2, 2, use_bias=False),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.AveragePooling2D(1),
            layers.Flatten(),
            layers.Dropout(0.0),
            layers.Dense(4),
            layers.Dense(3, activation="softmax"),
        ]
    )


def one_dense(keras):
    return keras.Sequential([keras.layers.Input((36,)), keras.layers.Dense(3)])


def nested(keras):
    layers = keras.layers
    inner = keras.Sequential([layers.Dense(4), layers.ReLU(), layers.Dense(4)], name="inner")
    outer = keras.Sequential([layers.Dense(4), inner], name="outer")
    return keras.Sequential([layers.Input((36,)), layers.Dense(4), outer, layers.Dense(3)])


def with_a_head(keras):
    """A Sequential with an attribute for one of its layers, named before "layers"."""

    class Headed(keras.Sequential):
        def __init__(self):
            super().__init__(
                [keras.layers.Input((36,)), keras.layers.Dense(4), keras.layers.Dense(3)]
            )
            self.head = self.layers[-1]

    return Headed()


def gate(keras):
    """A class of layer with weights of its own, and layers in all sorts of attributes."""

    class GatedUnit(keras.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.stack = []
            for _ in range(2):
                self.stack.append(keras.layers.Dense(units))
            self._private = keras.layers.Dense(units)
            self.named = {"b": keras.layers.Dense(units), "a": keras.layers.Dense(units)}
            self.lists = [[keras.layers.Dense(units)], (keras.layers.Dense(units), "text")]
            self.again = self.stack[0]

        def build(self, input_shape):
            self.factor = self.add_weight(shape=(self.units,), initializer="ones", name="factor")
            self.count = self.add_weight(
                shape=(), initializer="ones", name="count", trainable=False
            )
            self.shift = self.add_weight(shape=(self.units,), initializer="zeros", name="shift")
            self._private.build(input_shape)
            for layer in (*self.stack, *self.named.values(), self.lists[0][0], self.lists[1][0]):
                layer.build((None, self.units))

        def call(self, inputs):
            y = self._private(inputs) * self.factor * self.count + self.shift
            for layer in (*self.stack, *self.named.values(), self.lists[0][0], self.lists[1][0]):
                y = layer(y)
            return y

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], self.units)

    return GatedUnit


def custom(keras):
    gated = gate(keras)
    return keras.Sequential(
        [keras.layers.Input((36,)), gated(3), keras.layers.Dense(4), gated(3, name="last")]
    )


def subclassed(keras):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.zeta = keras.layers.Dense(4)
            self._alpha = keras.layers.Dense(4)
            self.blocks = [gate(keras)(4), keras.layers.Dense(5)]
            self.inner = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(3)])

        def call(self, inputs):
            y = self._alpha(self.zeta(inputs))
            for block in self.blocks:
                y = block(y)
            return self.inner(y)

    model = Net()
    model(np.zeros((1, 36), np.float32))
    return model


MODELS = (images, one_dense, nested, with_a_head, custom, subclassed)
OPTIMIZERS = (
    None,
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
)
CASES = (
    *((make, ("Adam", {})) for make in MODELS),
    *((one_dense, optimizer) for optimizer in OPTIMIZERS),
    (custom, None),
)
cases = pytest.mark.parametrize(("make", "optimizer"), CASES)


def data(make, steps=3, seed=0):
    shape = (5, 6, 6, 1) if make is images else (5, 36)
    rng = np.random.default_rng(seed)
    return [
        (rng.standard_normal(shape).astype("float32"), rng.random((5, 3), np.float32))
        for _ in range(steps)
    ]


def trained(keras, make, optimizer, steps=3):
    """A model after some steps, so that no two of its numbers are alike."""
    keras.utils.clear_session()
    model = make(keras)
    rng = np.random.default_rng(1)
    model.set_weights([0.3 * rng.standard_normal(w.shape) for w in model.get_weights()])
    if optimizer is not None:
        name, arguments = optimizer
        model.compile(getattr(keras.optimizers, name)(**arguments), "mse", run_eagerly=True)
        model.optimizer.build(model.trainable_variables)
        for x, y in data(make, steps):
            model.train_on_batch(x, y)
    return model


def everything(model):
    """All that a file holds of a model."""
    variables = list(model.weights)
    if getattr(model, "optimizer", None) is not None:
        variables += model.optimizer.variables
    return [np.array(v.numpy()) for v in variables]


def assert_unchanged(model, before):
    for value, was in zip(everything(model), before, strict=True):
        np.testing.assert_array_equal(value, was)


def contents(path):
    """Every group and dataset: its kind, shape, dtype and attributes."""
    found = {}

    def visit(name, item):
        kind = (item.shape, item.dtype.name) if isinstance(item, h5py.Dataset) else "group"
        found[name] = (kind, dict(item.attrs))

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(visit)
    return found


# --- With Keras -------------------------------------------------------------------------------


@cases
def test_layout_is_that_of_keras(make, optimizer, keras, tmp_path):
    """The names, shapes, dtypes and attributes of all that is in the file."""
    paths = []
    for module in (cnn_ext, keras):
        paths.append(tmp_path / f"{module.__name__}.weights.h5")
        trained(module, make, optimizer).save_weights(paths[-1])
    ours, theirs = map(contents, paths)
    assert ours == theirs
    with h5py.File(paths[0]) as our, h5py.File(paths[1]) as their:
        for name, (kind, _) in ours.items():
            if kind != "group":
                assert our[name].chunks == their[name].chunks is None
                assert our[name].compression is their[name].compression is None


@pytest.mark.parametrize("writer", ["cnn_ext", "keras"])
@cases
def test_file_goes_over_and_training_goes_on(make, optimizer, writer, keras, tmp_path):
    """From Keras to here, or from here to Keras: equal predictions, and the same next steps."""
    path = tmp_path / "model.weights.h5"
    modules = {"cnn_ext": cnn_ext, "keras": keras}
    saved = trained(modules.pop(writer), make, optimizer)
    (reader,) = modules.values()
    loaded = trained(reader, make, optimizer, steps=1)
    different = everything(loaded)
    saved.save_weights(path)
    loaded.load_weights(path)
    for value, wanted, before in zip(everything(loaded), everything(saved), different, strict=True):
        np.testing.assert_array_equal(value, wanted)
        assert optimizer is None or value.ndim == 0 or (value != before).any()
    x = data(make, 1, seed=9)[0][0]
    assert_close(loaded(x), np.asarray(saved(x)), 1e-5)
    if optimizer is not None:
        for x, y in data(make, 3, seed=8):
            loaded.train_on_batch(x, y)
            saved.train_on_batch(x, y)
        for value, wanted in zip(loaded.get_weights(), saved.get_weights(), strict=True):
            assert_close(value, wanted, 1e-5)


@cases
def test_a_file_read_again_gives_the_same_bits(make, optimizer, tmp_path):
    path = tmp_path / "model.weights.h5"
    saved, loaded = (trained(cnn_ext, make, optimizer, steps) for steps in (3, 1))
    saved.save_weights(path)
    loaded.load_weights(path)
    assert_unchanged(loaded, everything(saved))
    second = tmp_path / "second.weights.h5"
    save_weights(loaded, second)
    load_weights(trained(cnn_ext, make, optimizer, 1), second)
    assert {k: v[0] for k, v in contents(path).items()} == {
        k: v[0] for k, v in contents(second).items()
    }


def test_weights_go_into_a_model_that_is_not_compiled(tmp_path):
    path = tmp_path / "model.weights.h5"
    saved = trained(cnn_ext, images, ("Adam", {}))
    saved.save_weights(path)
    loaded = images(cnn_ext)
    loaded.load_weights(path)
    for value, wanted in zip(loaded.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(value, wanted)


@pytest.mark.parametrize("other", [("SGD", {}), ("Adam", {"amsgrad": True}), "not built"])
def test_another_optimizers_state_is_left_out_with_a_warning(other, keras, tmp_path):
    """As Keras does: the layers are read, the optimizer stays as it is."""
    path = tmp_path / "model.weights.h5"
    saved = trained(cnn_ext, one_dense, ("Adam", {}))
    saved.save_weights(path)
    for module in (cnn_ext, keras):
        if other == "not built":
            loaded = one_dense(module)
            loaded.compile("adam", "mse")
        else:
            loaded = trained(module, one_dense, other)
        before = [np.array(v.numpy()) for v in loaded.optimizer.variables]
        with pytest.warns(UserWarning, match="optimizer|skipped"):
            loaded.load_weights(path)
        for value, was in zip(loaded.optimizer.variables, before, strict=True):
            np.testing.assert_array_equal(value.numpy(), was)
        np.testing.assert_array_equal(loaded.get_weights()[0], saved.get_weights()[0])


def test_float64_weights_and_files(keras, tmp_path):
    """A float64 model is saved as such, and a file of either dtype can be read into the other."""

    def make(keras, dtype):
        layers = keras.layers
        model = keras.Sequential([layers.Input((4,), dtype=dtype), layers.Dense(3, dtype=dtype)])
        rng = np.random.default_rng(0)
        model.set_weights([rng.standard_normal(w.shape) for w in model.get_weights()])
        return model

    for dtype, other in (("float64", "float32"), ("float32", "float64")):
        paths = [tmp_path / f"{k.__name__}.weights.h5" for k in (cnn_ext, keras)]
        for path, module in zip(paths, (cnn_ext, keras), strict=True):
            make(module, dtype).save_weights(path)
            loaded = make(cnn_ext, other)
            loaded.set_weights([np.zeros_like(w) for w in loaded.get_weights()])
            loaded.load_weights(path)
            for value, wanted in zip(
                loaded.get_weights(), make(cnn_ext, dtype).get_weights(), strict=True
            ):
                assert value.dtype == other
                np.testing.assert_array_equal(value, wanted.astype(other))
        layouts = [{k: v[0] for k, v in contents(path).items()} for path in paths]
        assert layouts[0] == layouts[1]


def test_skip_mismatch_equals_keras(keras, tmp_path):
    """What fits is read; what does not stays, with a warning."""
    path = tmp_path / "model.weights.h5"

    def make(keras, units):
        keras.utils.clear_session()
        layers = keras.layers
        model = keras.Sequential(
            [layers.Input((4,)), layers.Dense(5), layers.Dense(units), layers.Dense(3)]
        )
        rng = np.random.default_rng(units)
        model.set_weights([rng.standard_normal(w.shape) for w in model.get_weights()])
        return model

    make(keras, 6).save_weights(path)
    ours, theirs = make(cnn_ext, 7), make(keras, 7)
    for model in (ours, theirs):
        with pytest.warns(UserWarning):
            model.load_weights(path, skip_mismatch=True)
    for our, their in zip(ours.get_weights()[:5], theirs.get_weights()[:5], strict=True):
        np.testing.assert_array_equal(our, their)
    # Keras has read the bias before it finds that the kernel does not fit; here a layer is whole.
    np.testing.assert_array_equal(ours.get_weights()[4], make(cnn_ext, 7).get_weights()[4])


# --- Files that are refused -------------------------------------------------------------------

KERNEL = "layers/dense/vars/0"


def replaced(make):
    """Damage that puts something else in the place of the first Dense layer's kernel."""

    def damage(path):
        with h5py.File(path, "r+") as file:
            shape = file[KERNEL].shape
            del file[KERNEL]
            make(file, shape)

    return damage


def changed(change):
    def damage(path):
        with h5py.File(path, "r+") as file:
            change(file)

    return damage


def virtual(file, shape):
    layout = h5py.VirtualLayout(shape, "float32")
    layout[:] = h5py.VirtualSource("other.h5", "data", shape)
    file.create_virtual_dataset(KERNEL, layout)


def of_type(dtype):
    return replaced(lambda file, shape: file.create_dataset(KERNEL, shape, dtype))


def soft_link(file, shape):
    file[KERNEL] = h5py.SoftLink("/layers/dense/vars/1")


def external_link(file, shape):
    file[KERNEL] = h5py.ExternalLink("other.h5", "data")


def external_storage(file, shape):
    count = int(np.prod(shape)) * 4
    file.create_dataset(KERNEL, shape, "float32", external=[("/etc/hostname", 0, count)])


def huge(file, shape):
    file.create_dataset(KERNEL, (10**6, 10**6), "float32", chunks=(1000, 1000))


def vars_behind_a_link(link):
    def change(file):
        file.move("layers/dense/vars", "elsewhere")
        file["layers/dense/vars"] = link

    return changed(change)


def all_layers_behind_a_link(file):
    file.move("layers", "elsewhere")
    file["layers"] = h5py.SoftLink("/elsewhere")


def as_dataset(place):
    def change(file):
        del file[place]
        file.create_dataset(place, data=np.zeros(2))

    return changed(change)


def written(content):
    return lambda path: path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_a_little(path):
    path.write_bytes(path.read_bytes()[:-64])


def overwritten(path):
    """Noise in the first half, behind the signature."""
    content = bytearray(path.read_bytes())
    noise = np.random.default_rng(0).integers(0, 256, len(content) // 2 - 8, np.uint8)
    content[8 : 8 + len(noise)] = noise.tobytes()
    path.write_bytes(content)


DAMAGE = {  # what is done to a good file, and what is said of it
    "wrong shape": (
        replaced(lambda f, shape: f.create_dataset(KERNEL, data=np.zeros((7, 7), "float32"))),
        r"'layers/dense/vars/0' has shape \(7, 7\) where the model has \(36, 4\)",
    ),
    "transposed": (
        replaced(lambda f, shape: f.create_dataset(KERNEL, data=np.zeros(shape[::-1], "float32"))),
        r"has shape \(4, 36\) where",
    ),
    "another rank": (
        replaced(lambda f, shape: f.create_dataset(KERNEL, data=np.zeros((*shape, 1), "float32"))),
        r"has shape \(36, 4, 1\)",
    ),
    "no data space": (
        replaced(lambda f, shape: f.create_dataset(KERNEL, data=h5py.Empty("float32"))),
        "has shape None where",
    ),
    "huge": (replaced(huge), r"has shape \(1000000, 1000000\)"),
    "missing variable": (
        changed(lambda f: f.__delitem__(KERNEL)), "'layers/dense/vars' holds 1 variables where.*2",
    ),
    "misnamed variable": (
        changed(lambda f: f.move(KERNEL, "layers/dense/vars/00")), "vars/0' is not a dataset",
    ),
    "missing layer": (
        changed(lambda f: f.__delitem__("layers/dense_1")), "'layers/dense_1/vars' holds 0 var",
    ),
    "no layers": (changed(lambda f: f.__delitem__("layers")), "holds 0 variables"),
    "extra variable": (
        changed(lambda f: f.create_dataset("layers/dense/vars/2", data=np.zeros(3))), "holds 3 var",
    ),
    "extra variables of a layer without": (
        changed(lambda f: f.create_dataset("layers/outer/vars/0", data=np.zeros(3)))
        , "no place for",
    ),
    "extra layer": (
        changed(lambda f: f.create_dataset("layers/dense_2/vars/0", data=np.zeros((4, 3)))),
        "'layers/dense_2/vars' holds variables that the model has no place for",
    ),
    "soft link": (replaced(soft_link), "vars/0' is a link, which is refused"),
    "external link": (replaced(external_link), "vars/0' is a link, which is refused"),
    "soft link to variables": (
        vars_behind_a_link(h5py.SoftLink("/elsewhere")), "is a link, which is refused",
    ),
    "external link to variables": (
        vars_behind_a_link(h5py.ExternalLink("other.h5", "/vars")), "is a link, which is refused",
    ),
    "soft link to layers": (changed(all_layers_behind_a_link), "is a link, which is refused"),
    "external storage": (replaced(external_storage), "stored outside the file, which is refused"),
    "virtual": (replaced(virtual), "stored outside the file, which is refused"),
    "group for a variable": (
        replaced(lambda f, shape: f.create_group(KERNEL)), "vars/0' is not a dataset",
    ),
    "variable for a group": (as_dataset("layers/dense/vars"), "'layers/dense/vars' is not a group"),
    "variable for all layers": (as_dataset("layers"), "holds 0 variables"),
    "strings": (of_type("S8"), "holds texts, not numbers"),
    "strings of any length": (of_type(h5py.string_dtype()), "texts of any length, not numbers"),
    "arrays of any length": (of_type(h5py.vlen_dtype("float32")), "lists or texts of any length"),
    "references": (of_type(h5py.ref_dtype), "holds references, not numbers"),
    "complex": (of_type("complex64"), "holds records, not numbers"),
    "records": (of_type([("a", "f4")]), "not numbers"),
    "cut in the middle": (cut, "not a readable HDF5 file"),
    "cut at the end": (cut_a_little, "not a readable HDF5 file"),
    "noise": (overwritten, "not a readable HDF5 file"),
    "empty": (written(b""), "not a readable HDF5 file"),
    "text": (written(b"these are no weights\n" * 99), "not a readable HDF5 file"),
    "zip": (written(b"PK\x03\x04" + bytes(99)), "not a readable `.keras` file"),
    "signature only": (written(b"\x89HDF\r\n\x1a\n"), "not a readable HDF5 file"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "says"), DAMAGE.values(), ids=DAMAGE)
def test_bad_file_is_refused_and_the_model_unchanged(damage, says, tmp_path):
    path = tmp_path / "model.weights.h5"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones((36, 4), np.float32)
        file["vars/0"], file["vars/1"] = np.ones((36, 4)), np.ones(4)
    trained(cnn_ext, nested, ("Adam", {})).save_weights(path)
    damage(path)
    model = trained(cnn_ext, nested, ("Adam", {}), steps=1)
    before = everything(model)
    with pytest.raises(ModelFileError, match=says) as error:
        model.load_weights(path)
    assert str(path) in str(error.value)
    assert isinstance(error.value, ValueError)
    assert_unchanged(model, before)


def test_a_declared_shape_takes_no_memory(tmp_path):
    """A file of a few kB that promises 4 TB."""
    path = tmp_path / "model.weights.h5"
    trained(cnn_ext, nested, None).save_weights(path)
    replaced(huge)(path)
    model = trained(cnn_ext, nested, None)
    tracemalloc.start()
    with pytest.raises(ModelFileError):
        model.load_weights(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6


def test_optimizer_state_of_wrong_shapes_is_left_out(tmp_path):
    path = tmp_path / "model.weights.h5"
    trained(cnn_ext, nested, ("Adam", {})).save_weights(path)
    with h5py.File(path, "r+") as file:
        del file["optimizer/vars/2"]
        file.create_dataset("optimizer/vars/2", data=np.zeros((3, 3)))
    model = trained(cnn_ext, nested, ("Adam", {}), steps=1)
    before = [v.numpy().copy() for v in model.optimizer.variables]
    with pytest.warns(UserWarning, match="'adam.*was skipped.*shape"):
        model.load_weights(path)
    for value, was in zip(model.optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(value.numpy(), was)


# --- Saving that fails ------------------------------------------------------------------------


def full_disk(monkeypatch):
    monkeypatch.setattr(h5py.Group, "create_dataset", failing(OSError(28, "No space left")))


def interrupted(monkeypatch):
    monkeypatch.setattr(h5py.Group, "create_dataset", failing(KeyboardInterrupt()))


def not_flushed(monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(OSError(5, "Input/output error")))


def not_replaced(monkeypatch):
    monkeypatch.setattr(os, "replace", failing(PermissionError(13, "Permission denied")))


def failing(error, after=2):
    """A function that fails, in the middle of the work if it is called often."""
    calls = []

    def fail(*args, **kwargs):
        calls.append(args)
        if not args or len(calls) > after or not isinstance(args[0], h5py.Group):
            raise error

    return fail


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("happening", [full_disk, interrupted, not_flushed, not_replaced])
def test_a_failed_save_leaves_the_old_file_and_no_litter(happening, old, tmp_path, monkeypatch):
    path = tmp_path / "model.weights.h5"
    model = trained(cnn_ext, nested, ("Adam", {}))
    if old:
        model.save_weights(path)
        before = path.read_bytes()
        wanted = everything(model)
        for x, y in data(nested):
            model.train_on_batch(x, y)
    with monkeypatch.context() as patched:
        happening(patched)
        with pytest.raises((OSError, KeyboardInterrupt)):
            model.save_weights(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.weights.h5"] * old
    if old:
        assert path.read_bytes() == before
        model.load_weights(path)
        assert_unchanged(model, wanted)
    else:
        model.save_weights(path)
        model.load_weights(path)


def test_a_saved_file_has_the_rights_of_any_new_file(tmp_path):
    path = tmp_path / "model.weights.h5"
    before = os.umask(0o027)
    try:
        trained(cnn_ext, one_dense, None).save_weights(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.umask(before) == before


# --- Paths ------------------------------------------------------------------------------------


def test_paths_of_all_sorts(tmp_path, monkeypatch):
    """A string, relative to here, a Path, and a folder that is not there yet."""
    monkeypatch.chdir(tmp_path)
    model = trained(cnn_ext, one_dense, None)
    for path in ("a.weights.h5", tmp_path / "b.weights.h5", "new/folder/Ünïcode c.weights.h5"):
        model.save_weights(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.load_weights(path)


BAD_PATHS = {
    "h5": ("model.h5", ValueError),
    "keras": ("model.keras", ValueError),
    "no suffix": ("model", ValueError),
    "json": ("model.weights.json", ValueError),
    "empty": ("", ValueError),
    "upper case": ("model.WEIGHTS.H5", ValueError),
}


@pytest.mark.parametrize(("name", "error"), BAD_PATHS.values(), ids=BAD_PATHS)
def test_bad_path_is_refused(name, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = trained(cnn_ext, one_dense, None)
    with pytest.raises(error, match=r"must end in `\.weights\.h5`.*Received: filepath="):
        model.save_weights(name)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there(keras, tmp_path):
    path = tmp_path / "missing.weights.h5"
    for module in (cnn_ext, keras):
        with pytest.raises(FileNotFoundError, match=r"missing\.weights\.h5"):
            trained(module, one_dense, None).load_weights(path)


def test_a_folder_is_no_file(tmp_path):
    path = tmp_path / "folder.weights.h5"
    path.mkdir()
    model = trained(cnn_ext, one_dense, None)
    with pytest.raises(OSError, match=r"folder\.weights\.h5"):
        model.load_weights(path)
    with pytest.raises(OSError, match=r"folder\.weights\.h5"):
        model.save_weights(path)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.weights.h5"]


def test_overwrite_false_keeps_the_file(tmp_path):
    """Where Keras asks at the terminal, a script gets an error."""
    path = tmp_path / "model.weights.h5"
    model = trained(cnn_ext, one_dense, None)
    model.save_weights(path, overwrite=False)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        model.save_weights(path, overwrite=False)
    assert path.read_bytes() == before


def test_a_model_without_weights_yet(keras, tmp_path):
    path = tmp_path / "model.weights.h5"
    trained(cnn_ext, one_dense, None).save_weights(path)
    for module in (cnn_ext, keras):
        model = module.Sequential([module.layers.Dense(3)])
        with pytest.raises(ValueError, match=r"built|has no weights yet"):
            model.save_weights(tmp_path / "x.weights.h5")
        with pytest.raises(ValueError, match=r"built|has no weights yet"):
            model.load_weights(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.weights.h5"]


def test_names_do_not_matter(tmp_path):
    """A file fits a model of the same classes, whatever its layers are called."""
    path = tmp_path / "model.weights.h5"
    saved = trained(cnn_ext, nested, None)
    saved.save_weights(path)
    clear_session()
    cnn_ext.layers.Dense(1)
    layers = cnn_ext.layers
    inner = cnn_ext.Sequential([layers.Dense(4), layers.ReLU(), layers.Dense(4)])
    loaded = cnn_ext.Sequential(
        [
            layers.Input((36,)),
            layers.Dense(4, name="a"),
            cnn_ext.Sequential([layers.Dense(4, name="b"), inner], name="c"),
            layers.Dense(3),
        ]
    )
    loaded.load_weights(path)
    assert_unchanged(loaded, everything(saved))


def test_a_model_whose_layers_have_no_weights_yet_is_not_saved(tmp_path):
    """A `build` of one's own that forgets a layer makes no weights of it."""

    class Net(cnn_ext.Model):
        def __init__(self):
            super().__init__()
            self.dense = cnn_ext.layers.Dense(2, name="inner")

        def build(self, input_shape):
            pass

        def call(self, inputs):
            return self.dense(inputs)

    net = Net()
    net.build((None, 3))
    with pytest.raises(ValueError, match=r"has no weights yet.*not built: inner"):
        net.save_weights(tmp_path / "net.weights.h5")
    assert not list(tmp_path.iterdir())
