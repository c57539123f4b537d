"""Boxes of text, and the arrows between them, drawn by Matplotlib.

`graph` puts boxes into ranks, each after all that feed it, and orders the ranks so that few arrows
cross; `places` chooses where in its rank a box stands; `routes` leads the arrows through the gaps
between the ranks, so that none meets a box; `boxes` and `paper` draw. All lengths are points
(1/72 inch), y downwards. Whatever is drawn was measured first, so no text runs out of its box.
"""

from cnn_ext.utils.diagram.boxes import BLACK, GREEN, RED, TITLE, WHITE, Box, Card, Cell
from cnn_ext.utils.diagram.graph import Edge
from cnn_ext.utils.diagram.paper import Arrows, Diagram, Frame, save

__all__ = [
    "BLACK",
    "GREEN",
    "RED",
    "TITLE",
    "WHITE",
    "Arrows",
    "Box",
    "Card",
    "Cell",
    "Diagram",
    "Edge",
    "Frame",
    "save",
]
