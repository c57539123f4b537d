"""The house stands: imports point one way, and `import cnn_ext` is light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import cnn_ext

PACKAGE = Path(cnn_ext.__file__).parent

# A part may import parts of the rows above its own, and itself.
HOUSE = [
    ["_errors", "budget", "naming"],
    ["config", "_kernels", "registry", "tree"],
    ["symbolic"],
    ["autograd", "backend", "environment"],
    ["random"],
    ["ops", "testing"],
    ["activations", "constraints", "initializers", "regularizers"],
    ["layers", "losses", "optimizers", "saving"],
    ["metrics", "utils"],
    ["callbacks", "datasets", "preprocessing"],
    ["export", "plan"],
    ["training"],
    ["models"],
    ["plot", "wrappers"],
    ["__init__"],
]
LEVEL = {part: level for level, row in enumerate(HOUSE) for part in row}
HEAVY = (
    "h5py",
    "rich",
    "pooch",
    "matplotlib",
    "PIL",
    "tensorflow",
    "keras",
    "scipy",
    "sklearn",
    "threadpoolctl",
    "onnx",
    "onnxruntime",
    "safetensors",
)


def part_of(module: str) -> str:
    """`cnn_ext.ops.conv` belongs to `ops`."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def imports_of(path: Path) -> set[str]:
    """The parts of the package that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {part_of(a.name) for a in node.names if a.name.split(".")[0] == "cnn_ext"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports within the package are written in full"
            if node.module == "cnn_ext":
                found |= {a.name for a in node.names}
            elif node.module and node.module.startswith("cnn_ext."):
                found.add(part_of(node.module))
    return found


def wrong_imports(part: str, imported: set[str]) -> set[str]:
    """The imports that point sideways or back."""
    return {i for i in imported if i != part and LEVEL.get(i, len(HOUSE)) >= LEVEL[part]}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    part = relative.parts[0].removesuffix(".py")
    assert part in LEVEL, f"{part} has no place in the house"
    assert not wrong_imports(part, imports_of(path))


def test_a_wrong_import_would_be_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from cnn_ext.models import Sequential\n")
    assert wrong_imports("layers", imports_of(bad)) == {"models"}


def test_the_engine_knows_no_operation() -> None:
    for path in (PACKAGE / "autograd").glob("*.py"):
        assert "ops" not in imports_of(path)


def test_import_brings_in_no_heavy_module() -> None:
    code = "import sys, json, cnn_ext; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert "cnn_ext.models.sequential" in loaded
    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)


def test_public_names_are_there() -> None:
    for module in (cnn_ext, cnn_ext.layers, cnn_ext.ops, cnn_ext.losses, cnn_ext.metrics):
        for name in module.__all__:
            assert getattr(module, name) is not None
