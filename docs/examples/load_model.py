"""A trained SASRec in plain PyTorch: load_model.py DB.runs/RUN INDEX... prints the ten best items.

INDEX: items of a history, oldest first, as rows of items.weight (`recommend --json` tells them). With the package
safetensors, `w = safetensors.torch.load_file(folder + "/model.safetensors")` reads the weights of any model.
"""

import json
import struct
import sys

import torch
import torch.nn.functional as F

folder, history = sys.argv[1], [int(index) for index in sys.argv[2:]]
file = open(folder + "/model.safetensors", "rb").read()
size, = struct.unpack("<Q", file[:8])
data = torch.frombuffer(bytearray(file[8 + size:]), dtype=torch.uint8)
w = {name: data[slice(*t["data_offsets"])].view(torch.float32).view(t["shape"])
     for name, t in json.loads(file[8:8 + size]).items() if name != "__metadata__"}
model = json.load(open(folder + "/model.json"))["config"]["model"]


def layer(name, x):
    return F.linear(x, w[name + ".weight"], w[name + ".bias"])


def norm(name, x):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps=1e-12)


history = history[-len(w["positions.weight"]):]
x = norm("norm", w["items.weight"][history] + w["positions.weight"][:len(history)])
for block in (f"block{i}." for i in range(model["blocks"])):
    q, k, v = (part.unflatten(-1, (model["heads"], -1)).transpose(0, 1) for part in layer(block + "qkv", x).chunk(3, -1))
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 1).flatten(1)
    x = norm(block + "mix_norm", x + layer(block + "mix", mixed))
    x = norm(block + "down_norm", x + layer(block + "down", F.gelu(layer(block + "up", x))))
scores, items = (w["items.weight"] @ x[-1]).topk(10)
for item, score in zip(items.tolist(), scores.tolist()):
    print(f"{item}\t{score:.5f}")
