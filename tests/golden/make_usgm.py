"""USGM (paper, Algorithm 1) in NumPy, step by step, on a noisy quadratic: usgm.json.

Written from the algorithm, with x_k, g_k and all differences stored as they are named there.
"""

import json
import sys

import numpy as np

STEPS = 12
CURVATURE = np.array([1.0, 0.2, 3.0, 0.05, 10.0])
CENTRE = np.array([0.5, -1.0, 2.0, 0.0, 0.3])
START = np.array([3.0, -4.0, 2.5, 1.0, -2.0])
NOISE = [[round(float(np.sin(7 * k + 3 * i)), 3) for i in range(5)] for k in range(STEPS)]

DEFAULTS = {"diameter": 10, "diameter_grows": False, "lr": 1, "max_step": 0.1, "projection": "none", "metric": "euclidean", "beta2": 0.99,
            "eps": 1e-8, "weight_decay": 0, "average": None, "look_again_every": 0, "batch_power": 0}
CASES = {
    "bare": {"max_step": 0, "lr": 0.3, "diameter": 2},
    "bounded": {"lr": 100, "diameter": 3},
    "ball": {"projection": "ball", "diameter": 1.5, "max_step": 0, "lr": 2},
    "diagonal": {"metric": "diagonal", "diameter": 4, "beta2": 0.9, "eps": 1e-3},
    "diagonal_ball": {"metric": "diagonal", "projection": "ball", "diameter": 2, "lr": 5, "max_step": 0.5},
    "grows": {"diameter": 0.01, "diameter_grows": True, "lr": 100, "max_step": 0.5},
    "diagonal_grows": {"metric": "diagonal", "diameter": 0.1, "diameter_grows": True, "lr": 100, "max_step": 1},
    "decay": {"weight_decay": 0.1, "diameter": 3},
    "decay_bounded": {"weight_decay": 0.5, "diameter": 10, "lr": 1000},
    "decay_bare": {"weight_decay": 0.2, "diameter": 3, "max_step": 0, "lr": 0.3},
    "decay_grows": {"metric": "diagonal", "weight_decay": 0.3, "diameter": 0.1, "diameter_grows": True, "lr": 100, "max_step": 0.5},
    "average": {"average": 2.0, "diameter": 3},
    "look_again": {"look_again_every": 2, "diameter": 3, "lr": 10, "max_step": 0.3},
    "batch_power": {"batch_power": 0.5, "diameter": 3, "max_step": 0, "lr": 0.1},
}


def gradient(x, k):
    return CURVATURE * (x - CENTRE) + np.array(NOISE[k])


def microbatches(k):
    return 1 + k % 3


def run(settings):
    s = DEFAULTS | settings
    diameter, x0 = s["diameter"], START.copy()
    x, h, v = START.copy(), 1 / s["lr"], np.zeros(5)
    x_before = g_before = b_before = None
    average = START.copy()
    path = []
    for k in range(STEPS):
        g = gradient(x, k)
        beta = r = overlap = None
        b = np.ones(5)
        if s["metric"] == "diagonal":
            v = s["beta2"] * v + (1 - s["beta2"]) * g**2
            b = np.sqrt(v / (1 - s["beta2"] ** (k + 1))) + s["eps"]
            b /= b.mean()
        distance = np.sqrt(b @ (x - x0) ** 2)
        if s["diameter_grows"] and distance > diameter:
            h *= (diameter / distance) ** 2
            diameter = distance
        if k > 0:
            d = x - x_before
            beta, r2 = (g - g_before) @ d, b_before @ d**2
            overlap = g @ (g_before / b_before)
            r = np.sqrt(r2)
            if s["look_again_every"] == 0:
                h += max(beta - h * r2 / 2, 0) / (diameter**2 + r2 / 2)
        length = microbatches(k) ** s["batch_power"] / h
        square, shrink = g**2 @ (1 / b), length * s["weight_decay"]
        if s["max_step"] > 0:
            length = min(length, s["max_step"] * diameter / np.sqrt(square))
            shrink = min(length * s["weight_decay"], s["max_step"])
        y = x - length * g / b - shrink * x
        if s["projection"] == "ball":
            distance = np.sqrt(b @ (y - x0) ** 2)
            if distance > diameter:
                y = x0 + (y - x0) * diameter / distance
        x_before, g_before, b_before, x = x, g, b, y
        if s["average"] is not None:
            average = average + (s["average"] + 1) / (k + 1 + s["average"]) * (x - average)
        if s["look_again_every"] and (k + 1) % s["look_again_every"] == 0:
            d = x - x_before
            same, r2 = (gradient(x, k) - g_before) @ d, b @ d**2
            h += max(same - h * r2 / 2, 0) / (diameter**2 + r2 / 2)
        path.append({"x": x.tolist(), "h": h, "beta": beta, "r": r, "length": length, "square": square, "overlap": overlap, "average": average.tolist()})
    return {"settings": settings, "path": path}


golden = {"curvature": CURVATURE.tolist(), "centre": CENTRE.tolist(), "start": START.tolist(), "noise": NOISE,
          "cases": {name: run(settings) for name, settings in CASES.items()}}
with open(sys.argv[1], "w") as file:
    json.dump(golden, file)
    file.write("\n")
