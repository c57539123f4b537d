"""Public names and signatures are Keras's; what is missing or differs is listed, with a reason."""

import functools
import inspect

import pytest

import cnn_ext

MODULES = (
    "activations",
    "backend",
    "callbacks",
    "constraints",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops.image",
    "optimizers",
    "optimizers.schedules",
    "preprocessing.image",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
    "wrappers",
)

MISSING = {
    "recurrent networks": "layers: Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM "
    "LSTMCell RNN SimpleRNN SimpleRNNCell StackedRNNCells",
    "attention and embeddings": "layers: AdditiveAttention Attention EinsumDense Embedding "
    "GroupQueryAttention MultiHeadAttention ReversibleEmbedding",
    "text and tables": "layers: Discretization HashedCrossing Hashing IntegerLookup StringLookup "
    "TextVectorization",
    "sound": "layers: MelSpectrogram STFTSpectrogram",
    "other frameworks' layers": "layers: FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    "rare augmentation": "layers: AugMix AutoContrast "
    "ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization MaxNumBoundingBoxes MixUp "
    "Pipeline RandAugment RandomColorDegeneration RandomColorJitter RandomElasticTransform "
    "RandomErasing RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective "
    "RandomPosterization RandomSaturation RandomSharpness RandomShear Solarization",
    "sequences' losses": "losses: CTC ctc",
    "spectra": "initializers: STFT STFTInitializer stft",
    "low precision, several optimizers": "optimizers: LossScaleOptimizer MultiOptimizer Muon "
    "OptimizerMap ScheduleFreeAdamW",
    "services and checkpoints of others": "callbacks: OrbaxCheckpoint RemoteMonitor",
    "text, sound and series on disk": "utils: Config FeatureSpace audio_dataset_from_directory "
    "get_source_inputs pad_sequences text_dataset_from_directory timeseries_dataset_from_array",
    "it edits files of untrusted layout": "saving: KerasFileEditor",
    "structures are compared where they are used": "tree: MAP_TO_NONE assert_same_paths "
    "assert_same_structure flatten_with_path lists_to_tuples map_shape_structure "
    "map_structure_up_to traverse",
    "rare image operations": "ops.image: elastic_transform extract_patches extract_patches_3d "
    "gaussian_blur map_coordinates perspective_transform scale_and_translate sobel_edges ssim",
}

DIFFERENT = {
    "one function makes them for all modules": "serialize deserialize "
    "utils.deserialize_keras_object saving.deserialize_keras_object",
    "Keras's takes anything and passes it on": "layers.Layer models.Model models.Sequential "
    "optimizers.Optimizer initializers.Ones "
    "initializers.Zeros initializers.ones initializers.zeros initializers.Initializer "
    "regularizers.Regularizer constraints.Constraint constraints.NonNeg constraints.non_neg "
    "optimizers.schedules.LearningRateSchedule callbacks.Callback callbacks.CallbackList",
    "misspelt arguments are named": "models.save_model saving.save_model saving.load_weights "
    "saving.save_weights utils.plot_model tree.map_structure",
}


def listed(table):
    """{full name: reason}"""
    found = {}
    for reason, text in table.items():
        module = ""
        for word in text.split():
            if word.endswith(":"):
                module = f"{word[:-1]}."
            else:
                found[module + word] = reason
    return found


@functools.cache
def public(keras, path):
    """Keras's functions and classes of a module, by name."""
    module = functools.reduce(getattr, path.split("."), keras)
    return {
        name: getattr(module, name)
        for name in dir(module)
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
    }


def module_of_ours(path):
    return functools.reduce(getattr, path.split("."), cnn_ext)


def parameters(item):
    try:
        signature = inspect.signature(item)
    except (TypeError, ValueError):
        return None
    return [(p.name, p.kind.name, repr(p.default)) for p in signature.parameters.values()]


@pytest.mark.parametrize("path", MODULES)
def test_names_are_those_of_keras(path, keras):
    """All but those that are listed, and none of those."""
    absent = {f"{path}.{n}" for n in public(keras, path) if not hasattr(module_of_ours(path), n)}
    assert absent == {name for name in listed(MISSING) if name.rpartition(".")[0] == path}


@pytest.mark.parametrize("path", MODULES)
def test_signatures_are_those_of_keras(path, keras):
    """Names, order, kinds and defaults of the arguments."""
    exceptions = listed(DIFFERENT)
    ours = module_of_ours(path)
    for name, item in public(keras, path).items():
        if not hasattr(ours, name) or name in exceptions or f"{path}.{name}" in exceptions:
            continue
        assert parameters(getattr(ours, name)) == parameters(item), f"{path}.{name}"


@pytest.mark.parametrize(
    "name",
    ["compile", "fit", "predict", "summary", "get_layer", "train_on_batch", "test_on_batch"],
)
def test_methods_of_models_are_those_of_keras(name, keras):
    assert parameters(getattr(cnn_ext.Model, name)) == parameters(getattr(keras.Model, name))


def test_submodules_are_imported_as_keras_users_do():
    """`import cnn_ext.layers`, `from cnn_ext.layers import Conv2D`."""
    import importlib

    for path in MODULES:
        assert importlib.import_module(f"cnn_ext.{path}") is module_of_ours(path)


@pytest.mark.parametrize("path", MODULES)
def test_dir_shows_the_public_names(path):
    module = module_of_ours(path)
    assert dir(module) == sorted(module.__all__)


def hinted(path):
    """The public functions and classes of a module of ours that are written in Python."""
    module = module_of_ours(path) if path else cnn_ext
    for name in module.__all__:
        item = getattr(module, name)
        compiled = getattr(item, "__module__", None) == "cnn_ext._kernels"  # hints in its .pyi
        if callable(item) and not compiled and parameters(item) is not None:
            yield name, item


def unhinted(item):
    """The parameters without a type hint; "return" for a function's result."""
    signature = inspect.signature(item)
    found = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
    bare = not inspect.isclass(item) and signature.return_annotation is signature.empty
    return [*found, "return"] if bare else found


@pytest.mark.parametrize("path", ["", "autograd", "datasets", "ops", "plot", "testing", *MODULES])
def test_public_functions_and_classes_have_type_hints(path):
    assert not {name: unhinted(item) for name, item in hinted(path) if unhinted(item)}


def test_a_missing_hint_would_be_found():
    def bare(x, *, axis: int = 0): ...

    def half(x: int, axis: int = 0): ...

    assert (unhinted(bare), unhinted(half)) == (["x", "return"], ["return"])
    assert "softmax" in dict(hinted("ops")) and "resize" in dict(hinted("ops.image"))
