"""What the documentation shows runs: docstrings' examples and the README's."""

from __future__ import annotations

import doctest
import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnn_ext

MODULES = [
    name for _, name, _ in pkgutil.walk_packages(cnn_ext.__path__, "cnn_ext.") if "._" not in name
]
README = Path(__file__).parent.parent / "README.md"
NEEDS_FULL_DATA = "cnn_ext.datasets.fashion_mnist"


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == NEEDS_FULL_DATA and not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("the full data set is not on this machine")
    monkeypatch.chdir(tmp_path)
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert failures == 0


def public_functions() -> list[tuple[str, object]]:
    modules = [cnn_ext.ops, cnn_ext.layers, cnn_ext.losses, cnn_ext.metrics, cnn_ext.optimizers]
    modules += [cnn_ext.callbacks, cnn_ext.initializers, cnn_ext.activations, cnn_ext.testing]
    modules += [cnn_ext.environment, cnn_ext.optimizers.schedules]
    return [
        (f"{module.__name__}.{name}", getattr(module, name))
        for module in modules
        for name in module.__all__
        if callable(getattr(module, name))
    ]


@pytest.mark.parametrize("name, value", public_functions(), ids=lambda v: str(v)[:60])
def test_public_names_are_documented(name: str, value: object) -> None:
    assert (value.__doc__ or "").strip(), f"{name} has no docstring"


def code_blocks() -> list[tuple[str, str]]:
    """The README's Python blocks, each with the output block that follows it, if any."""
    pattern = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
    return pattern.findall(README.read_text(encoding="utf-8"))


def test_the_readme_shows_code() -> None:
    assert len(code_blocks()) >= 2


@pytest.mark.parametrize("code, output", code_blocks(), ids=lambda text: text[:20])
def test_the_readme_runs(code: str, output: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    if output:
        assert masked(done.stdout) == masked(output)


def masked(text: str) -> list[str]:
    """Lines without what differs from run to run: times."""
    return [re.sub(r"\d+(s|ms|us)(/step)?", "_", line).rstrip() for line in text.splitlines()]


def test_the_table_of_what_there_is_is_current() -> None:
    """Made by `python docs/make_api.py`, and not changed since by hand or by the code."""
    docs = README.parent / "docs"
    spec = importlib.util.spec_from_file_location("make_api", docs / "make_api.py")
    assert spec is not None and spec.loader is not None
    make_api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_api)
    assert (docs / "api.md").read_text(encoding="utf-8") == make_api.text()
