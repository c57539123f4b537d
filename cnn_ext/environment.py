"""What cnn_ext is and runs on: version, instruction set, threads, compiler.

Read once, on import:

- `CNN_EXT_NUM_THREADS`, else `OMP_NUM_THREADS`: how many threads the kernels use.
- `CNN_EXT_ISA`: the instruction set they use, `generic`, `avx2`, `avx512` or `neon`.
- `CNN_EXT_VERBOSE`: `1` tells on stderr which kernel served which sizes, each once; `2` tells
  every call.
"""

from __future__ import annotations

import functools
import platform
import sys
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext._errors import missing_attribute
from cnn_ext.config import one_of

__version__ = "0.1.0"

__all__ = ["register_threadpoolctl", "show_config"]


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Print what to tell with a question about speed or a bug, as `numpy.show_config` does.

    The version of cnn_ext; the instruction set in use (`isa`) and those that this build and this
    CPU have (`isas`); the number of threads and where it comes from (an environment variable, CPU
    affinity, control group, `set_num_threads`); the compiler of the kernels; the platform, Python
    and NumPy.

    Args:
        mode: `"stdout"` prints and returns None; `"dicts"` returns the same as a dictionary.

    Raises:
        ValueError: `mode` is neither.

    >>> config = show_config(mode="dicts")
    >>> list(config)
    ['cnn_ext', 'isa', 'isas', 'threads', 'threads_from', 'compiler', 'platform', 'python', 'numpy']
    >>> config["isa"] in config["isas"]
    True
    """
    config = {
        "cnn_ext": __version__,
        "isa": _kernels.isa(),
        "isas": _kernels.isas(),
        "threads": _kernels.get_num_threads(),
        "threads_from": _kernels.num_threads_from(),
        "compiler": _kernels.compiler(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    if one_of("mode", mode, ("stdout", "dicts")) == "dicts":
        return config
    for name, value in config.items():
        print(f"{name:<13} {', '.join(value) if isinstance(value, list) else value}")
    return None


@functools.cache
def register_threadpoolctl() -> None:
    """Let `threadpoolctl` see and limit the threads of the kernels.

    `import cnn_ext` does so by itself if threadpoolctl (3.2 or newer) was imported before; call
    this if it is imported after. Its `user_api` is `"cnn_ext"`. A second call changes nothing.

    Raises:
        ImportError: threadpoolctl is not installed.

    >>> import threadpoolctl
    >>> register_threadpoolctl()
    >>> with threadpoolctl.threadpool_limits(1, user_api="cnn_ext"):
    ...     _kernels.get_num_threads()
    1
    """
    import threadpoolctl

    class Controller(threadpoolctl.LibController):
        """Reads and sets the number through the symbols that src/threads.h exports."""

        user_api = internal_api = "cnn_ext"
        filename_prefixes = ("_kernels",)
        check_symbols = ("cnn_ext_get_num_threads",)

        def get_num_threads(self) -> int:
            return self.dynlib.cnn_ext_get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.cnn_ext_set_num_threads(num_threads)

        def get_version(self) -> str:
            return __version__

    threadpoolctl.register(Controller)


if hasattr(sys.modules.get("threadpoolctl"), "register"):
    register_threadpoolctl()

__getattr__ = missing_attribute(__name__, __all__)
