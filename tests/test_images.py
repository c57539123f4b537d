"""Pictures, beside those of Keras: resized, as files and arrays, by the folder."""

import io
import os
import subprocess
import sys
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest

from cnn_ext import Tensor, config, preprocessing, utils
from cnn_ext.utils import images
from cnn_ext.utils._resize import TAPS, resize

pil = pytest.importorskip("PIL.Image")

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (14, 20, 3), dtype=np.uint8)

# --- resize -------------------------------------------------------------------------------------

SIZES = [
    ((13, 17), (8, 9)),
    ((13, 17), (40, 31)),
    ((5, 7), (5, 7)),
    ((1, 1), (3, 4)),
    ((2, 9), (1, 1)),
    ((64, 48), (7, 100)),
    ((112, 74), (89, 104)),
    ((30, 106), (13, 40)),  # an exact nearest pixel would be another than the float32 one
]
# TensorFlow sums the areas of pixels in float32.
TOLERANCES = {"area": 2e-5}


@pytest.mark.parametrize("method", TAPS)
@pytest.mark.parametrize(("before", "after"), SIZES, ids=str)
def test_resize_is_that_of_tensorflow(tf, method, before, after):
    x = RANDOM.uniform(0, 255, (*before, 3)).astype(np.float32)
    ours, theirs = resize(x, after, method), tf.image.resize(x, after, method=method).numpy()
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert np.isfinite(ours).all()
    assert np.abs(ours - theirs).max() <= TOLERANCES.get(method, 1e-5) * 255


@pytest.mark.parametrize("shape", [(10, 16, 3), (16, 10, 3), (2, 9, 9, 1)], ids=str)
@pytest.mark.parametrize("size", [(5, 5), (4, 12), (30, 7)], ids=str)
def test_smart_resize_is_that_of_keras(keras, shape, size):
    x = RANDOM.uniform(0, 1, shape).astype(np.float32)
    ours = preprocessing.image.smart_resize(x, size)
    theirs = keras.preprocessing.image.smart_resize(x, size)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    first = np.moveaxis(x, -1, -3)
    channels_first = preprocessing.image.smart_resize(first, size, data_format="channels_first")
    np.testing.assert_array_equal(np.moveaxis(channels_first, -3, -1), ours)
    assert isinstance(preprocessing.image.smart_resize(Tensor(x), size), Tensor)


@pytest.mark.parametrize(
    ("arguments", "kwargs", "says"),
    [
        ((np.zeros((4, 4, 1)), (1, 2, 3)), {}, "^Expected `size` to be a tuple of 2 integers"),
        ((np.zeros((4, 4)), (2, 2)), {}, "^Expected an image array with shape"),
        ((np.zeros((4, 4, 1)), (2, 2), "cubic"), {}, r"Received: 'cubic'"),
        ((np.zeros((4, 4, 1)), (2, 2)), {"backend": 1}, r"unexpected keyword arguments"),
    ],
)
def test_smart_resize_refuses(arguments, kwargs, says):
    with pytest.raises((TypeError, ValueError), match=says):
        preprocessing.image.smart_resize(*arguments, **kwargs)


# --- files and arrays -----------------------------------------------------------------------------

ARRAYS = {
    "colour": (COLOUR, {}),
    "colour, not stretched": (COLOUR, {"scale": False}),
    "four channels": (RANDOM.uniform(-1, 1, (5, 6, 4)), {}),
    "grey": (RANDOM.uniform(0, 1, (5, 6, 1)), {}),
    "grey, 32 bits": (np.arange(0, 900, 30.0).reshape(5, 6, 1), {"scale": False}),
    "constant": (np.full((3, 3, 3), 7), {}),
    "zero": (np.zeros((3, 3, 1)), {}),
    "channels first": (COLOUR.transpose(2, 0, 1), {"data_format": "channels_first"}),
    "float64": (RANDOM.uniform(0, 1, (5, 6, 3)), {"dtype": "float64"}),
}


@pytest.mark.parametrize(("x", "kwargs"), ARRAYS.values(), ids=ARRAYS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras uses what Pillow gives up
def test_array_to_img_is_that_of_keras(keras, x, kwargs):
    ours, theirs = (m.array_to_img(x, **kwargs) for m in (utils, keras.utils))
    assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I"])
@pytest.mark.parametrize(
    "kwargs", [{}, {"dtype": "uint8"}, {"data_format": "channels_first"}], ids=str
)
def test_img_to_array_is_that_of_keras(keras, mode, kwargs):
    image = pil.fromarray(COLOUR).convert(mode)
    ours, theirs = (m.img_to_array(image, **kwargs) for m in (utils, keras.utils))
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "colour.png"
    pil.fromarray(COLOUR).save(path)
    return path


LOADED = [
    {},
    {"color_mode": "grayscale"},
    {"color_mode": "rgba"},
    {"target_size": (14, 20)},
    {"target_size": (5, 9)},
    {"target_size": (5, 9), "keep_aspect_ratio": True},
    {"target_size": (30, 7), "keep_aspect_ratio": True, "interpolation": "bicubic"},
    *({"target_size": (9, 9), "interpolation": name} for name in images.INTERPOLATIONS),
]


@pytest.mark.parametrize("kwargs", LOADED, ids=str)
def test_load_img_is_that_of_keras(keras, picture, kwargs):
    for path in (picture, str(picture), io.BytesIO(picture.read_bytes())):
        ours, theirs = (m.load_img(path, **kwargs) for m in (utils, keras.utils))
        assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.JPEG", "x.bmp"])
def test_save_img_is_that_of_keras(keras, tmp_path, name):
    (tmp_path / "theirs").mkdir()
    utils.save_img(tmp_path / name, COLOUR)
    keras.utils.save_img(tmp_path / "theirs" / name, COLOUR)
    assert (tmp_path / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()


def test_save_img_to_what_has_no_suffix_or_no_alpha(tmp_path):
    written = io.BytesIO()
    utils.save_img(written, COLOUR, file_format="png", scale=False)
    np.testing.assert_array_equal(np.asarray(pil.open(written)), COLOUR)
    with pytest.warns(UserWarning, match="The JPEG format does not support RGBA images"):
        utils.save_img(tmp_path / "x.jpg", np.zeros((2, 2, 4)))
    with pil.open(tmp_path / "x.jpg") as image:
        assert image.mode == "RGB"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m, p: m.load_img(p, color_mode="gray"), "color_mode must be"),
        (lambda m, p: m.load_img(3), "path should be path-like or io.BytesIO, not"),
        (
            lambda m, p: m.load_img(p, target_size=(2, 2), interpolation="area"),
            "Invalid interpolation method area specified",
        ),
        (lambda m, p: m.array_to_img(np.zeros((2, 2))), "Expected image array to have rank 3"),
        (lambda m, p: m.array_to_img(np.zeros((2, 2, 2))), "Unsupported channel number: 2"),
        (lambda m, p: m.img_to_array(np.zeros(2)), "Unsupported image shape"),
    ],
)
def test_images_refuse_what_keras_refuses(keras, picture, call, says):
    with pytest.raises((TypeError, ValueError), match=says) as theirs:
        call(keras.utils, picture)
    with pytest.raises(theirs.type, match=f"^{says}"):
        call(utils, picture)


def test_a_missing_pillow_is_named(tmp_path):
    code = (
        "import sys; sys.modules['PIL'] = None\nfrom cnn_ext import utils\nutils.load_img('x.png')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "The use of `load_img` requires PIL: install it with `pip install" in done.stderr


# --- image_dataset_from_directory -----------------------------------------------------------------


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Pictures of several sizes, kinds and formats; lossless, since decoders of JPEG differ."""
    folder = tmp_path_factory.mktemp("pets")
    random = np.random.default_rng(1)
    for name, count in {"dog": 7, "cat": 5, "bird/small": 3, ".hidden": 2}.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            size = tuple(random.integers(8, 30, 2))
            suffix = ("png", "bmp", "PNG")[number % 3]
            utils.save_img(
                folder / name / f"{number}.{suffix}",
                random.integers(0, 256, (*size, 3)),
                file_format=suffix.lower(),
            )
    (folder / "dog" / "notes.txt").write_text("no picture")
    return folder


def collected(dataset, batched=True):
    """All batches of a data set, ours or TensorFlow's, as lists of arrays."""
    return [
        [np.asarray(part) for part in (batch if isinstance(batch, tuple) else (batch,))]
        for batch in dataset
    ]


DATASETS = {
    "as it is": {},
    "categorical": {"label_mode": "categorical"},
    "binary": {"label_mode": "binary", "class_names": ["dog", "cat"]},
    "no labels": {"labels": None},
    "no label mode": {"label_mode": None},
    "own labels": {"labels": [i % 4 for i in range(17)]},
    "own labels, categorical": {"labels": [i % 2 for i in range(17)], "label_mode": "categorical"},
    "rgba": {"color_mode": "rgba"},
    "one size": {"image_size": 9},
    "small batches": {"batch_size": 4},
    "single": {"batch_size": None},
    "bicubic": {"interpolation": "Bicubic"},
    "area": {"interpolation": "area"},
    "cropped": {"crop_to_aspect_ratio": True, "image_size": (12, 7)},
    "padded": {"pad_to_aspect_ratio": True, "image_size": (12, 7)},
    "padded wide": {"pad_to_aspect_ratio": True, "image_size": (9, 31)},
    "channels first": {"data_format": "channels_first"},
    "channels first, cropped": {"data_format": "channels_first", "crop_to_aspect_ratio": True},
    "training": {"validation_split": 0.3, "subset": "training", "seed": 3},
    "validation": {"validation_split": 0.3, "subset": "validation", "seed": 3},
    "silent": {"verbose": False},
}


@pytest.mark.parametrize("kwargs", DATASETS.values(), ids=DATASETS)
def test_datasets_are_those_of_keras(keras, pets, capsys, kwargs):
    kwargs = {"image_size": (10, 11), "shuffle": False, **kwargs}
    ours = utils.image_dataset_from_directory(pets, **kwargs)
    said = capsys.readouterr().out
    theirs = keras.utils.image_dataset_from_directory(str(pets), **kwargs)
    assert said == capsys.readouterr().out
    assert ours.class_names == theirs.class_names
    assert ours.file_paths == theirs.file_paths
    assert len(ours) == len(theirs)
    for mine, judge in zip(collected(ours), collected(theirs), strict=True):
        for array, expected in zip(mine, judge, strict=True):
            assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_allclose(array, expected, atol=1e-5 * 255)


@pytest.mark.parametrize("subset", ["training", "validation", "both"])
def test_the_same_files_are_for_validation(keras, pets, capsys, subset):
    kwargs = {"validation_split": 0.4, "subset": subset, "seed": 11, "image_size": 4}
    ours = utils.image_dataset_from_directory(pets, **kwargs)
    said = capsys.readouterr().out
    theirs = keras.utils.image_dataset_from_directory(pets, **kwargs)
    assert said == capsys.readouterr().out
    if subset != "both":
        ours, theirs = [ours], [theirs]
    for mine, judge in zip(ours, theirs, strict=True):
        assert mine.file_paths == judge.file_paths
        for x, y in mine:
            assert x.shape[0] == y.shape[0]


def test_grey_pictures_are_nearly_those_of_keras(keras, tmp_path):
    for number in range(3):  # TensorFlow reads no .bmp in grey
        utils.save_img(tmp_path / f"{number}.png", RANDOM.integers(0, 256, (9, 12, 3)))
    kwargs = {"color_mode": "grayscale", "shuffle": False, "image_size": 8, "labels": None}
    ((ours,),) = collected(utils.image_dataset_from_directory(tmp_path, **kwargs))
    ((theirs,),) = collected(keras.utils.image_dataset_from_directory(tmp_path, **kwargs))
    assert ours.shape == theirs.shape
    # libpng and Pillow weigh red, green and blue a little differently
    assert np.abs(ours - theirs).max() < 3


def test_nearest_gives_floats_too(pets):
    data = utils.image_dataset_from_directory(pets, interpolation="nearest", image_size=4)
    assert all(x.dtype == np.float32 for x, _ in data)


def test_labels_follow_their_pictures(pets):
    """Whatever the order, a picture has the label of its folder."""
    kwargs = {"image_size": 6, "verbose": False}
    plain = utils.image_dataset_from_directory(pets, shuffle=False, **kwargs)
    known = {x.data.tobytes(): int(y) for xs, ys in plain for x, y in zip(xs, ys, strict=True)}
    data = utils.image_dataset_from_directory(pets, seed=1, batch_size=4, **kwargs)
    orders = []
    for _ in range(3):
        found = {x.data.tobytes(): int(y) for xs, ys in data for x, y in zip(xs, ys, strict=True)}
        assert found == known
        orders.append(list(found))
    assert orders[0] != orders[1] != orders[2]
    again = utils.image_dataset_from_directory(pets, seed=1, batch_size=4, **kwargs)
    assert [x.data.tobytes() for xs, _ in again for x in xs] == orders[0]


def test_the_global_seed_names_the_order(pets):
    def order():
        utils.set_random_seed(5)
        data = utils.image_dataset_from_directory(pets, image_size=3, verbose=False)
        return [x.data.tobytes() for xs, _ in data for x in xs]

    assert order() == order()


def test_own_labels_are_left_alone(pets):
    labels = list(range(17))
    utils.image_dataset_from_directory(pets, labels=labels, verbose=False)
    assert labels == list(range(17))


def test_views(pets):
    data = utils.image_dataset_from_directory(
        pets, image_size=4, batch_size=4, seed=0, verbose=False
    )
    halves = data.map(lambda x, y: (x / 255, y), num_parallel_calls=2).cache().prefetch(3)
    first = [(np.asarray(x), np.asarray(y)) for x, y in halves]
    assert len(halves) == len(data) == len(first) == 4
    assert all(x.min() >= 0 and 0.5 < x.max() <= 1 for x, _ in first)
    for (x, _), (again, _) in zip(first, halves, strict=True):
        np.testing.assert_array_equal(x, again)
    assert [len(x) for x, _ in data.take(2)] == [4, 4]
    assert len(data.take(-1)) == len(data.take(9)) == 4
    assert halves.class_names == data.class_names
    assert [x.shape for x in data.map(lambda x, y: x).map(lambda x: x[:1]).take(1)] == [
        (1, 4, 4, 3)
    ]
    with pytest.raises(IndexError):
        data[4]


def test_sixteen_bits(tmp_path):
    deep = np.array([[0, 256 * 100], [256 * 255, 65535]], np.uint16)
    pil.fromarray(deep).save(tmp_path / "deep.png")
    data = utils.image_dataset_from_directory(
        tmp_path, labels=None, color_mode="grayscale", image_size=2, verbose=False
    )
    np.testing.assert_array_equal(next(iter(data)).data.ravel(), [0, 100, 255, 255])


def test_a_file_that_is_no_picture(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no picture")
    data = utils.image_dataset_from_directory(tmp_path, labels=None, verbose=False)
    with pytest.raises(ValueError, match=r"x\.png cannot be read as a picture: "):
        next(iter(data))


ERRORS = {
    "labels": {"labels": "inferd"},
    "labels and names": {"labels": [0], "class_names": ["a"]},
    "label count": {"labels": [0, 1]},
    "label mode": {"label_mode": "categorial"},
    "binary of three": {"label_mode": "binary"},
    "names": {"class_names": ["cat", "fish"]},
    "names without labels": {"labels": None, "class_names": ["cat"]},
    "colours": {"color_mode": "grey"},
    "size": {"image_size": (1, 2, 3)},
    "interpolation": {"interpolation": "cubic"},
    "split": {"validation_split": 1.5, "subset": "training"},
    "split alone": {"validation_split": 0.5},
    "subset alone": {"subset": "training"},
    "subset": {"subset": "test", "validation_split": 0.5},
    "seed": {"subset": "training", "validation_split": 0.5},
    "no pictures": {"class_names": [".hidden"]},
    "data format": {"data_format": "channels"},
    "format": {"format": "torch"},
}  # fmt: skip
OUR_OWN_WORDS = {"interpolation", "data format", "names without labels", "format"}


class Unclosed(ThreadPool):
    """Keras does not close its pool when it raises; this one does not mind."""

    def __del__(self):
        self.terminate()


@pytest.mark.parametrize("name", ERRORS)
def test_datasets_refuse_what_keras_refuses(keras, pets, monkeypatch, name):
    monkeypatch.setattr(keras.src.utils.dataset_utils, "ThreadPool", Unclosed)
    with pytest.raises(ValueError) as theirs:
        keras.utils.image_dataset_from_directory(pets, **ERRORS[name])
    with pytest.raises(ValueError) as ours:
        utils.image_dataset_from_directory(pets, **ERRORS[name])
    assert "eceived" in str(ours.value)
    if name not in OUR_OWN_WORDS:
        assert str(ours.value)[:15] == str(theirs.value)[:15]


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "^Only one of"),
        ({"batch_size": 0}, "batch_size must be a positive integer. Received: 0"),
        ({"subset": "both", "validation_split": 0.01, "seed": 1}, "No validation images found"),
    ],
)
def test_datasets_refuse(pets, kwargs, says):
    with pytest.raises(ValueError, match=says):
        utils.image_dataset_from_directory(pets, **kwargs)


def test_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match=r"^No images found in directory"):
        utils.image_dataset_from_directory(tmp_path)
    with pytest.raises(FileNotFoundError):
        utils.image_dataset_from_directory(tmp_path / "none")


def test_links_are_followed_if_so_said(pets, tmp_path):
    os.symlink(pets, tmp_path / "pets")
    kwargs = {"labels": None, "verbose": False}
    with pytest.raises(ValueError, match="No images found"):
        utils.image_dataset_from_directory(tmp_path, **kwargs)
    data = utils.image_dataset_from_directory(tmp_path, follow_links=True, **kwargs)
    assert len(data.file_paths) == 17


def test_the_package_default_of_channels(pets):
    config.set_image_data_format("channels_first")
    try:
        data = utils.image_dataset_from_directory(pets, image_size=5, verbose=False)
    finally:
        config.set_image_data_format("channels_last")
    assert next(iter(data))[0].shape == (15, 3, 5, 5)
