"""Writes `api.md`, the table of what cnn_ext has, from its code.

python docs/make_api.py
"""

import inspect
from pathlib import Path

import cnn_ext

TABLE = Path(__file__).with_name("api.md")
MODULES = {
    "": "Top level",
    "layers": "Layers",
    "models": "Models",
    "ops": "Operations",
    "ops.image": "Operations on images",
    "activations": "Activations",
    "losses": "Losses",
    "metrics": "Metrics",
    "optimizers": "Optimizers",
    "optimizers.schedules": "Learning rate schedules",
    "initializers": "Initializers",
    "regularizers": "Regularizers",
    "constraints": "Constraints",
    "callbacks": "Callbacks",
    "saving": "Saving",
    "utils": "Utilities",
    "datasets": "Data sets",
    "random": "Random numbers",
    "config": "Settings",
    "backend": "Backend",
    "tree": "Nested structures",
    "plot": "Pictures",
    "wrappers": "scikit-learn",
    "autograd": "Automatic differentiation",
    "testing": "Gradient checks",
}


def rows(module, path):
    """(names, signature, first line of the docstring) of each object, its names together."""
    names = {}
    for name in module.__all__:
        item = getattr(module, name)
        if not inspect.ismodule(item) and callable(item):
            names.setdefault(id(item), (item, []))[1].append(name)
    for item, known in names.values():
        known.sort(key=lambda name: (name != getattr(item, "__name__", ""), name))
        text = (inspect.getdoc(item) or "").partition("\n\n")[0].replace("\n", " ")
        yield known, text.replace("|", "\\|")


def text():
    """The whole table."""
    lines = [
        "# What there is",
        "",
        "Made from the code by `python docs/make_api.py`. The names, arguments and defaults are "
        "those of Keras 3 where it has them.",
    ]
    for path, title in MODULES.items():
        module = cnn_ext
        for part in filter(None, path.split(".")):
            module = getattr(module, part)
        found = sorted(rows(module, path), key=lambda row: row[0][0].lower())
        lines += ["", f"## {title}" + (f" (`cnn_ext.{path}`)" if path else " (`cnn_ext`)"), ""]
        lines += ["| Name | What it is |", "|--|--|"]
        lines += [f"| {', '.join(f'`{name}`' for name in names)} | {what} |"
                  for names, what in found]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(text(), encoding="utf-8")
