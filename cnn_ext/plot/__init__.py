"""Pictures of a training and of what a network has learnt: each one call, each a Matplotlib Figure.

Nothing is shown or kept by these functions: a notebook shows the Figure, `figure.savefig("x.png")`
writes it. Matplotlib is imported on first use; pyplot and its state are not needed.

>>> figure = history({"loss": [2.0, 1.0, 0.5], "val_loss": [2.1, 1.2, 1.3]})
>>> figure.savefig("loss.png")
"""

from cnn_ext._errors import missing_attribute
from cnn_ext.plot.learnt import feature_maps, filters, weight_histograms
from cnn_ext.plot.results import confusion_matrix, history

__all__ = ["confusion_matrix", "feature_maps", "filters", "history", "weight_histograms"]

__getattr__ = missing_attribute(__name__, __all__)
