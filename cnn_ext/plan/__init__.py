"""Plans: what a static model becomes for one shape of its inputs.

A flat list of fused kernel calls over memory that is allocated once, run by one call of the
compiled part that holds no GIL. lowering.py makes steps of layers, rules.py fuses them, arena.py
finds them memory, planned.py keeps and runs the plans of a model, table.py explains one.
"""

from cnn_ext.plan.lowering import NotPlanned
from cnn_ext.plan.planned import Plans

__all__ = ["NotPlanned", "Plans"]
