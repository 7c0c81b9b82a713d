"""Writes reference.safetensors with the format's own library: pip install safetensors numpy."""
import pathlib

import torch
from safetensors.torch import save_file

save_file(
    {
        "matrix": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 2,
        "ids": torch.tensor([-1, 1 << 40]),
        "half": torch.tensor([1.0, -2.0]).bfloat16(),
        "mask": torch.tensor([True, False, True]),
        "scalar": torch.tensor(3.25, dtype=torch.float64),
    },
    pathlib.Path(__file__).parent / "reference.safetensors",
    metadata={"made_by": "safetensors"},
)
