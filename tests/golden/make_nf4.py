"""Writes nf4.json: weights in NF4 with double-quantised scales as bitsandbytes 0.50.2 makes and reads them, float32.

pip install torch bitsandbytes. Usage: make_nf4.py OUT.json
"""

import json
import sys

import bitsandbytes.functional as F
import torch

SHAPES = [(4, 64), (6, 192), (300, 128)]  # The last has more than one block of scales.


def case(rows, columns):
    # Thousandths that quantized_linear_test.cc makes too; the first block is of zeros.
    weight = (torch.arange(rows * columns) * 7919 % 2003 - 1001).float() / 5000
    weight[:64] = 0
    codes, state = F.quantize_4bit(weight.view(rows, columns), blocksize=64, compress_statistics=True, quant_type="nf4")
    read = F.dequantize_4bit(codes, state)
    return {"rows": rows, "columns": columns, "codes": codes.flatten()[:256].tolist(),
            "scale_codes": state.absmax[:256].tolist(), "scale_blocks": state.state2.absmax.tolist(),
            "offset": state.offset.item(), "read": read.flatten()[:512].tolist(),
            "read_sum": read.double().sum().item(), "read_square": read.double().square().sum().item()}


def main():
    torch.manual_seed(1)
    states = F.quantize_4bit(torch.randn(1, 64), quant_type="nf4", compress_statistics=True)[1]
    with open(sys.argv[1], "w") as file:
        json.dump({"codebook": states.code.tolist(), "scale_codebook": states.state2.code.tolist(),
                   "cases": [case(*shape) for shape in SHAPES]}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
