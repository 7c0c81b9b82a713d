"""Writes sasrec.json: SASRec as RecBole computes it, in plain PyTorch on a padded batch, float64.

Parameters, inputs, hidden states at the real items, the summed cross entropy over all items with a
loss at every position, and all gradients. Usage: make_sasrec.py OUT.json
"""

import json
import sys

import torch
from torch import nn

ITEMS, LENGTH, WIDTH, INNER, HEADS, BLOCKS = 9, 5, 8, 12, 2, 2
SEQUENCES = [[3, 1, 4, 1, 5, 8], [2, 7], [6, 0, 2, 8]]  # The last item of each is only a target.


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.dense = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x, mask):
        def heads(y):
            return y.view(*y.shape[:2], HEADS, WIDTH // HEADS).transpose(1, 2)

        q, k, v = heads(self.query(x)), heads(self.key(x)), heads(self.value(x))
        weights = (q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5 + mask).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(x.shape)
        return self.norm(self.dense(mixed) + x)


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x):
        return self.norm(self.down(nn.functional.gelu(self.up(x))) + x)


class SASRec(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, WIDTH, padding_idx=0)  # Row 0 is the padding.
        self.positions = nn.Embedding(LENGTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.attention = nn.ModuleList(Attention() for _ in range(BLOCKS))
        self.feed_forward = nn.ModuleList(FeedForward() for _ in range(BLOCKS))

    def forward(self, items):  # [B, L], padded with 0 on the right
        x = self.norm(self.items(items) + self.positions.weight)
        allowed = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril() & (items != 0)[:, None, None]
        mask = torch.zeros_like(allowed, dtype=x.dtype).masked_fill(~allowed, -10000.0)
        for attention, feed_forward in zip(self.attention, self.feed_forward):
            x = feed_forward(attention(x, mask))
        return x


def named(model, pick):
    """pick(parameter) under the names of experiments/models/sasrec.cc, without the padding row."""
    values = {"items.weight": pick(model.items.weight)[1:],
              "positions.weight": pick(model.positions.weight)}

    def both(name, layer):
        values[name + ".weight"], values[name + ".bias"] = pick(layer.weight), pick(layer.bias)

    both("norm", model.norm)
    for i, (a, f) in enumerate(zip(model.attention, model.feed_forward)):
        parts = (a.query, a.key, a.value)
        values[f"block{i}.qkv.weight"] = torch.cat([pick(part.weight) for part in parts])
        values[f"block{i}.qkv.bias"] = torch.cat([pick(part.bias) for part in parts])
        both(f"block{i}.mix", a.dense)
        both(f"block{i}.mix_norm", a.norm)
        both(f"block{i}.up", f.up)
        both(f"block{i}.down", f.down)
        both(f"block{i}.down_norm", f.norm)
    return {name: value.tolist() for name, value in values.items()}


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    model = SASRec()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        model.items.weight[0] = 0
    inputs = torch.zeros(len(SEQUENCES), LENGTH, dtype=torch.long)
    targets = torch.full_like(inputs, -100)
    for row, items in enumerate(SEQUENCES):
        inputs[row, : len(items) - 1] = torch.tensor(items[:-1]) + 1
        targets[row, : len(items) - 1] = torch.tensor(items[1:])
    hidden = model(inputs)
    scores = hidden @ model.items.weight[1:].T
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="sum")
    loss.backward()
    with open(sys.argv[1], "w") as file:
        json.dump({"config": {"items": ITEMS, "length": LENGTH, "width": WIDTH, "inner_width": INNER,
                              "heads": HEADS, "blocks": BLOCKS},
                   "sequences": SEQUENCES,
                   "parameters": named(model, lambda p: p.detach()),
                   "hidden": hidden[targets >= 0].tolist(),
                   "loss": loss.item(),
                   "gradients": named(model, lambda p: p.grad)}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
