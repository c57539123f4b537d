"""Models as scikit-learn's estimators (`keras.wrappers`); needs scikit-learn.

They go into a `Pipeline`, `cross_val_score`, `GridSearchCV` and all else that takes an estimator.
"""

from cnn_ext._errors import missing_attribute

try:
    import sklearn
except ImportError as error:
    raise ImportError(
        "cnn_ext.wrappers requires `scikit-learn` to be installed. "
        "Run `pip install cnn_ext[sklearn]`, or `pip install scikit-learn`, to install it."
    ) from error

from cnn_ext.wrappers.estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]

__getattr__ = missing_attribute(__name__, __all__)
