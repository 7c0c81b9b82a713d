"""Writes state_space_recommenders.json: mamba4rec, 2mamba4rec and hydra4rec without dropout, float64.

As in chengkai-liu/Mamba4Rec: h = norm(items[x]); a layer is norm(mixer(h)), with + h when there are several,
then ffn.norm(ffn.down(GELU(ffn.up(h))) + h); LayerNorm eps 1e-12; scores = h items^T. Names of parameters:
items.weight [V, D], norm.*, layer{i}.mixer.* (as in mamba_ssm and goombalab/hydra), layer{i}.norm.*,
layer{i}.ffn.{up,down,norm}.*. `hidden` has a row for each item with a loss: all but a sequence's last item, or,
for Hydra, which sees both sides, only the last of its inputs. `loss` is the sum over those rows.
pip install torch transformers==5.23.0. Usage: make_state_space_recommenders.py OUT.json
"""

import re

import torch
from torch import nn
from torch.nn import functional as F

from golden import as_lists, draw_parameters, start, write
from make_hydra import NORM_EPS, HydraMixer
from transformers_mixers import InFloat64, make_mamba, make_mamba2

ITEMS, WIDTH = 11, 8
SEQUENCES = [[3, 1, 4, 1, 5, 9, 2, 6], [10, 7], [5, 3, 5, 8, 9], [0, 7, 10]]  # The last item is only a target.
PADDING = ITEMS  # Its embedding takes part in nothing that is written.

MAMBA = {"width": WIDTH, "state": 4, "conv": 4, "expand": 2, "rank": 1}
MAMBA2 = {"width": WIDTH, "state": 4, "conv": 4, "expand": 2, "head_width": 4, "groups": 1, "chunk": 4}
HYDRA = {"width": WIDTH, "state": 4, "conv": 7, "expand": 2, "head_width": 4, "groups": 1}


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x):
        return self.norm(self.down(F.gelu(self.up(x))) + x)


class Layer(nn.Module):
    def __init__(self, mixer, residual):
        super().__init__()
        self.mixer, self.residual = mixer, residual
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.ffn = FeedForward()

    def forward(self, x):
        mixed = self.mixer(x)
        return self.ffn(self.norm(mixed + x if self.residual else mixed))


class Recommender(nn.Module):
    def __init__(self, mixers):
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, WIDTH, padding_idx=PADDING)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layer = nn.ModuleList(Layer(mixer, residual=len(mixers) > 1) for mixer in mixers)
        draw_parameters(self)

    def forward(self, items):  # [B, L]
        x = self.norm(self.items(items))
        for layer in self.layer:
            x = layer(x)
        return x


def hidden_of_all(model):
    """Of a batch padded on the right, which a causal model does not notice."""
    inputs = [torch.tensor(items[:-1]) for items in SEQUENCES]
    padded = nn.utils.rnn.pad_sequence(inputs, batch_first=True, padding_value=PADDING)
    hidden = model(padded)
    return torch.cat([hidden[row, :len(items)] for row, items in enumerate(inputs)])


def hidden_of_last(model):
    """Each sequence by itself: no padding that could reach the result."""
    return torch.cat([model(torch.tensor([items[:-1]]))[0, -1:] for items in SEQUENCES])


def named(values):
    """{name: value} under our names, without the padding's embedding."""
    return as_lists({re.sub(r"^layer\.", "layer", name): value[:ITEMS] if name == "items.weight" else value
                     for name, value in values.items()})


def case(name, mixers, config, last_only=False):
    model = Recommender(mixers)
    hidden = hidden_of_last(model) if last_only else hidden_of_all(model)
    targets = torch.tensor([item for items in SEQUENCES for item in (items[-1:] if last_only else items[1:])])
    loss = F.cross_entropy(hidden @ model.items.weight[:ITEMS].T, targets, reduction="sum")
    loss.backward()
    parameters = dict(model.named_parameters())
    return {"model": name, "layers": len(mixers), "mixer": config,
            "parameters": named({name: value.detach() for name, value in parameters.items()}),
            "hidden": hidden.tolist(), "loss": loss.item(),
            "gradients": named({name: value.grad for name, value in parameters.items()})}


def main():
    start()
    with InFloat64():
        cases = [case("mamba4rec", [make_mamba(**MAMBA)], MAMBA),
                 case("mamba4rec", [make_mamba(**MAMBA) for _ in range(2)], MAMBA),
                 case("2mamba4rec", [make_mamba2(**MAMBA2)], MAMBA2 | {"norm_eps": NORM_EPS}),
                 case("hydra4rec", [HydraMixer(**HYDRA)], HYDRA | {"norm_eps": NORM_EPS}, last_only=True)]
    write({"items": ITEMS, "sequences": SEQUENCES, "cases": cases})


if __name__ == "__main__":
    main()
