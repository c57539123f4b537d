"""Build of the compiled kernels; everything else is in pyproject.toml.

Each src/isa_*.c is compiled with the flags of its instruction set into an object of its own, and
all of them go into one extension module, which picks at run time what the CPU has.

CNN_EXT_SANITIZE=1 builds with AddressSanitizer and UndefinedBehaviorSanitizer (`make sanitize`).
"""

import os
import platform
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

X86 = ("x86_64", "AMD64", "i386", "i686")
ISA_FLAGS: dict[str, list[str]] = {"generic": []}
if platform.machine() in X86:
    ISA_FLAGS["avx2"] = ["-mavx2", "-mfma"]
    ISA_FLAGS["avx512"] = ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"]
elif platform.machine() in ("aarch64", "arm64"):
    ISA_FLAGS["neon"] = []

# gnu11 and not c11, which would switch FMA contraction off: 221 -> 126 GFLOP/s on AVX-512.
FLAGS = ["-std=gnu11", "-O3", "-g0", "-ffp-contract=fast", "-fvisibility=hidden"]
# Without errno and traps, which nothing here reads, square roots and selections vectorise.
FLAGS += ["-fno-math-errno", "-fno-trapping-math"]
LINK_FLAGS = []
if os.environ.get("CNN_EXT_SANITIZE") == "1":
    LINK_FLAGS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    FLAGS += [*LINK_FLAGS, "-O2", "-g", "-fno-omit-frame-pointer"]


class BuildPerIsa(build_ext):
    """Compiles the microkernels once per instruction set, each with its own flags."""

    def build_extension(self, ext):
        for isa, flags in ISA_FLAGS.items():
            ext.extra_objects += self.compiler.compile(
                [f"src/isa_{isa}.c"],
                output_dir=self.build_temp,
                extra_postargs=FLAGS + flags,
                depends=ext.depends,
            )
        super().build_extension(ext)


kernels = Extension(
    "cnn_ext._kernels",
    ["src/_kernels.pyx", "src/dispatch.c", "src/threads.c"],
    depends=[
        str(path) for suffix in ("h", "inl", "pxi") for path in Path("src").glob(f"*.{suffix}")
    ],
    include_dirs=["src"],
    extra_compile_args=FLAGS,
    extra_link_args=LINK_FLAGS,
)

setup(
    ext_modules=cythonize([kernels], build_dir="build/cython"),
    cmdclass={"build_ext": BuildPerIsa},
)
