"""Writes adam.json: ten steps of torch.optim.Adam and AdamW in float64."""
import json
import math
import pathlib

import torch

STEPS = 10
SETTINGS = {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6, "weight_decay": 0.1}
START = [0.5, -1.0, 2.0, 0.0, 1e-3]


def gradient(step):
    return torch.tensor([math.sin(step + 2 * i) / (i + 1) for i in range(len(START))],
                        dtype=torch.float64)


def run(optimizer_class):
    x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_class([x], lr=SETTINGS["lr"], eps=SETTINGS["eps"],
                                betas=(SETTINGS["beta1"], SETTINGS["beta2"]),
                                weight_decay=SETTINGS["weight_decay"])
    path = []
    for step in range(STEPS):
        x.grad = gradient(step)
        optimizer.step()
        path.append(x.tolist())
    return path


golden = {"settings": SETTINGS, "start": START,
          "gradients": [gradient(step).tolist() for step in range(STEPS)],
          "adam": run(torch.optim.Adam), "adamw": run(torch.optim.AdamW)}
(pathlib.Path(__file__).parent / "adam.json").write_text(json.dumps(golden, indent=1) + "\n")
