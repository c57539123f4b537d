"""What the operations' arguments and results are, in the words of their signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

# An array, a Tensor or a KerasTensor, and as an argument also a number or nested lists; results are
# of the arguments' kind. To type checkers it is anything, as they cannot know which kind comes.
Array: TypeAlias = Any

Axes: TypeAlias = int | Sequence[int]  # one axis, or several
Size: TypeAlias = int | Sequence[int]  # one number for all axes, or one for each
DType: TypeAlias = str | type | np.dtype  # "float32", np.float32, x.dtype
