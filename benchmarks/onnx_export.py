"""Writes a network as ONNX to the standard output: `python onnx_export.py textbook 32`."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings

import torch

from architectures import settled
from peers import quiet
from torch_network import TorchNetwork


def main() -> None:
    name, batch = sys.argv[1], int(sys.argv[2])
    model, file = settled(name), io.BytesIO()
    rows, columns, channels = model.input_shape[1:]
    image = torch.zeros(batch, channels, rows, columns)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), quiet():
        warnings.simplefilter("ignore")
        torch.onnx.export(TorchNetwork(model).module, (image,), file, input_names=["x"],
                          output_names=["y"], opset_version=17, dynamo=False)  # fmt: skip
    sys.stdout.buffer.write(file.getvalue())


if __name__ == "__main__":
    main()
