"""Writes lrurec.json: LRURec of two layers and of one, without dropout, in float64 and complex128.

As in the authors' code (yueqirex/LRURec): x = norm(items[x]); a layer is norm(Re(out_proj(h)) + x) with
h_t = lambda h_{t-1} + gamma in_proj(x_t), step by step, lambda = exp(-nu + i theta), then the feed-forward
ffn.norm(ffn.down(GELU(ffn.up(y))) + y); LayerNorm eps 1e-5; scores = x items^T + item_bias. Projections are
complex nn.Linear; they are written as the real ones of experiments/models/lrurec.cc. `hidden` has a row for each
item but a sequence's last, which is only a target; `loss` is the sum over those rows.
Usage: make_lrurec.py OUT.json
"""

import torch
from torch import nn
from torch.nn import functional as F

from golden import draw, start, write

ITEMS, WIDTH, CHANNELS = 11, 6, 12
SEQUENCES = [[3, 1, 4, 1, 5, 9, 2, 6], [10, 7], [5, 3, 5, 8, 9], [0, 7, 10]]


class Recurrence(nn.Module):
    def __init__(self):
        super().__init__()
        self.in_proj = nn.Linear(WIDTH, CHANNELS).to(torch.cdouble)
        self.out_proj = nn.Linear(CHANNELS, WIDTH).to(torch.cdouble)
        self.params_log = nn.Parameter(torch.zeros(3, CHANNELS))

    def forward(self, x, closed_form=False):  # [L, D]
        nu, theta, gamma = torch.exp(self.params_log)
        eigenvalue = torch.exp(torch.complex(-nu, theta))
        inputs = self.in_proj(x.to(torch.cdouble)) * gamma
        if closed_form:
            distance = torch.arange(len(x))[:, None] - torch.arange(len(x))
            powers = eigenvalue ** distance.clamp_min(0)[:, :, None] * (distance >= 0)[:, :, None]
            states = (powers * inputs).sum(1)
        else:
            state, states = torch.zeros_like(eigenvalue), []
            for value in inputs:
                state = eigenvalue * state + value
                states.append(state)
            states = torch.stack(states)
        return self.out_proj(states).real


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.mixer, self.norm = Recurrence(), nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.ffn_norm = nn.LayerNorm(WIDTH)

    def forward(self, x, closed_form):
        y = self.norm(self.mixer(x, closed_form) + x)
        return self.ffn_norm(self.down(F.gelu(self.up(y))) + y)


class LRURec(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.items, self.norm = nn.Embedding(ITEMS, WIDTH), nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.item_bias = nn.Parameter(torch.zeros(ITEMS))
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith("params_log"):
                    parameter.copy_(draw(3, CHANNELS, scale=0.5, mean=-1.0))
                elif parameter.is_complex():
                    parameter.copy_(torch.complex(draw(*parameter.shape, scale=0.4), draw(*parameter.shape, scale=0.4)))
                else:
                    mean = 1.0 if name.endswith("norm.weight") else 0.0
                    parameter.copy_(draw(*parameter.shape, scale=0.4, mean=mean))

    def forward(self, items, closed_form=False):
        x = self.norm(self.items(items))
        for layer in self.layers:
            x = layer(x, closed_form)
        return x


def named(model, pick):
    """pick(parameter) under the names and in the layout of experiments/models/lrurec.cc."""
    values = {"item_bias": pick(model.item_bias), "items.weight": pick(model.items.weight)}

    def both(name, layer):
        values[name + ".weight"], values[name + ".bias"] = pick(layer.weight), pick(layer.bias)

    both("norm", model.norm)
    for i, layer in enumerate(model.layers):
        mixer, prefix = layer.mixer, f"layer{i}."
        weight, bias = pick(mixer.in_proj.weight), pick(mixer.in_proj.bias)
        values[prefix + "mixer.in_proj.weight"] = torch.cat([weight.real, weight.imag])
        values[prefix + "mixer.in_proj.bias"] = torch.cat([bias.real, bias.imag])
        weight, bias = pick(mixer.out_proj.weight), pick(mixer.out_proj.bias)
        values[prefix + "mixer.out_proj.weight"] = torch.cat([weight.real, -weight.imag], 1)
        values[prefix + "mixer.out_proj.bias"] = bias.real
        values[prefix + "mixer.params_log"] = pick(mixer.params_log)
        both(prefix + "norm", layer.norm)
        both(prefix + "ffn.up", layer.up)
        both(prefix + "ffn.down", layer.down)
        both(prefix + "ffn.norm", layer.ffn_norm)
    return {name: value.tolist() for name, value in values.items()}


def differentiate(model, closed_form):
    model.zero_grad()
    hidden = torch.cat([model(torch.tensor(items[:-1]), closed_form) for items in SEQUENCES])
    targets = torch.tensor([item for items in SEQUENCES for item in items[1:]])
    loss = F.cross_entropy(hidden @ model.items.weight.T + model.item_bias, targets, reduction="sum")
    loss.backward()
    return [hidden.detach(), loss.detach()] + [parameter.grad.clone() for parameter in model.parameters()]


def main():
    start()
    cases = []
    for layers in (2, 1):
        model = LRURec(layers)
        torch.testing.assert_close(differentiate(model, True), differentiate(model, False), rtol=1e-11, atol=1e-11)
        hidden, loss = differentiate(model, closed_form=False)[:2]
        cases.append({"layers": layers, "parameters": named(model, lambda p: p.detach()),
                      "gradients": named(model, lambda p: p.grad), "hidden": hidden.tolist(), "loss": loss.item()})
    write({"items": ITEMS, "config": {"width": WIDTH, "expand": CHANNELS // WIDTH}, "sequences": SEQUENCES, "cases": cases})


if __name__ == "__main__":
    main()
