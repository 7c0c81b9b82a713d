"""Writes paged_adamw.json: bitsandbytes' 8-bit codebooks and some steps of block-wise 8-bit AdamW, in NumPy.

The codebooks are built as bitsandbytes.functional.create_dynamic_map(signed, max_exponent_bits=7, total_bits=8)
does: for each of 7 exponents a linear range from 0.1 to 1, cut into twice as many parts as the one before, of which
the middles are taken. The update is its 32-bit arithmetic on decoded states (blocks of 256, absolute maximum as
scale, nearest code), with weight decay before the update as in torch.optim.AdamW. Usage: make_paged_adamw.py OUT.json
"""

import json
import sys

import numpy as np

SETTINGS = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1}
SIZE, BLOCK, STEPS = 300, 256, 5


def create_dynamic_map(signed, max_exponent_bits=7, total_bits=8):
    data, non_sign_bits = [], total_bits - 1
    additional_items = 2 ** (non_sign_bits - max_exponent_bits) - 1
    assert additional_items == 0
    for i in range(max_exponent_bits):
        items = 2 ** (i + non_sign_bits - max_exponent_bits + (0 if signed else 1)) + 1
        boundaries = np.linspace(0.1, 1, items)
        means = (boundaries[:-1] + boundaries[1:]) / 2 * 10.0 ** (i - (max_exponent_bits - 1))
        data += means.tolist() + ((-means).tolist() if signed else [])
    data += [0.0, 1.0]
    assert len(data) == 2**total_bits
    return np.sort(np.array(data))


SIGNED, UNSIGNED = create_dynamic_map(True), create_dynamic_map(False)


def encode(x, codebook):
    codes, scales = np.zeros(len(x), dtype=int), []
    for begin in range(0, len(x), BLOCK):
        block = x[begin:begin + BLOCK]
        scales.append(np.abs(block).max())
        distance = np.abs(block[:, None] / scales[-1] - codebook)
        codes[begin:begin + BLOCK] = distance.argmin(1)
    return codes, np.array(scales)


def decode(codes, scales, codebook):
    return codebook[codes] * np.repeat(scales, BLOCK)[:len(codes)]


def main():
    rng = np.random.default_rng(5)
    # Of very different sizes, so that many decades of the codebooks are used.
    size = 10 ** rng.uniform(-4, 0, SIZE)
    x = np.round(rng.normal(size=SIZE), 3)
    start, lr, beta1, beta2 = x.tolist(), SETTINGS["lr"], SETTINGS["beta1"], SETTINGS["beta2"]
    mean, square = np.zeros(SIZE), np.zeros(SIZE)
    gradients, path = [], []
    for step in range(1, STEPS + 1):
        g = np.round(rng.normal(size=SIZE) * size, 6)
        mean, square = beta1 * mean + (1 - beta1) * g, beta2 * square + (1 - beta2) * g * g
        x = x * (1 - lr * SETTINGS["weight_decay"])
        x = x - lr * (mean / (1 - beta1**step)) / (np.sqrt(square / (1 - beta2**step)) + SETTINGS["eps"])
        (mean_codes, mean_scales), (square_codes, square_scales) = encode(mean, SIGNED), encode(square, UNSIGNED)
        mean, square = decode(mean_codes, mean_scales, SIGNED), decode(square_codes, square_scales, UNSIGNED)
        gradients.append(g.tolist())
        path.append(np.round(x, 8).tolist())
    golden = {"settings": SETTINGS, "codebooks": [SIGNED.tolist(), UNSIGNED.tolist()], "start": start,
              "gradients": gradients, "path": path, "mean_codes": mean_codes.tolist(),
              "square_codes": square_codes.tolist(), "mean_scales": mean_scales.tolist(),
              "square_scales": square_scales.tolist()}
    with open(sys.argv[1], "w") as file:
        json.dump(golden, file)
        file.write("\n")


if __name__ == "__main__":
    main()
