"""What all tests share: TensorFlow and Keras, quiet and on the CPU, and repeatable random tests."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["PYTHONSAFEPATH"] = "1"  # programs that tests start see the installed package only

import warnings

import hypothesis
import pytest

hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def tf():
    """TensorFlow; what its own imports warn about is not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow
    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


@pytest.fixture(scope="session")
def keras(tf):
    """Keras, on TensorFlow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
    return keras
