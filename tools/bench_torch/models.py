"""SASRec, Mamba4Rec, 2Mamba4Rec and Hydra4Rec in eager PyTorch. Parameters are named as in
tests/golden/make_state_space_recommenders.py, whose values they are checked against.

Legend: B batch, L length, D width, V items (id V is the padding).
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .scans import selective_scan
from .ssd import bidirectional_ssd, ssd


def depthwise_conv(channels, width, padding):
    return nn.Conv1d(channels, channels, width, groups=channels, padding=padding)


def convolve(conv1d, x):  # [B, L, C]
    return F.silu(conv1d(x.transpose(1, 2))[..., :x.shape[1]].transpose(1, 2))


def drawn_dt_bias(heads):
    """softplus of it is exp(U(log 0.001, log 0.1))."""
    dt = torch.empty(heads).uniform_(math.log(0.001), math.log(0.1)).exp()
    return nn.Parameter(dt + torch.log(-torch.expm1(-dt)))


class MambaMixer(nn.Module):
    def __init__(self, width, state, conv, expand, rank, scan):
        super().__init__()
        inner = expand * width
        self.scan, self.split = scan, [rank, state, state]
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv1d = depthwise_conv(inner, conv, conv - 1)
        self.x_proj = nn.Linear(inner, rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        x, z = self.in_proj(x).chunk(2, dim=-1)
        x = convolve(self.conv1d, x)
        dt, B, C = self.x_proj(x).split(self.split, dim=-1)
        y = selective_scan(self.scan, x, F.linear(dt, self.dt_proj.weight), -self.A_log.exp(), B, C, self.D, z,
                           self.dt_proj.bias)
        return self.out_proj(y)


class GroupedRMSNorm(nn.Module):
    def __init__(self, width, groups):
        super().__init__()
        self.groups, self.weight = groups, nn.Parameter(torch.ones(width))

    def forward(self, x):
        grouped = x.unflatten(-1, (self.groups, -1))
        return F.rms_norm(grouped, grouped.shape[-1:], eps=1e-5).flatten(-2) * self.weight


class Mamba2Mixer(nn.Module):
    def __init__(self, width, state, conv, expand, head_width, groups, chunk=64):
        super().__init__()
        self.inner, self.heads, self.groups, self.chunk = expand * width, expand * width // head_width, groups, chunk
        self.split = [self.inner, groups * state, groups * state]
        self.in_proj = nn.Linear(width, self.inner + sum(self.split) + self.heads, bias=False)
        self.conv1d = depthwise_conv(sum(self.split), conv, conv - 1)
        self.dt_bias, self.A_log = drawn_dt_bias(self.heads), nn.Parameter(torch.empty(self.heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(self.heads))
        self.norm = GroupedRMSNorm(self.inner, groups)
        self.out_proj = nn.Linear(self.inner, width, bias=False)

    def forward(self, x):
        z, xBC, dt = self.in_proj(x).split([self.inner, sum(self.split), self.heads], dim=-1)
        x, B, C = convolve(self.conv1d, xBC).split(self.split, dim=-1)
        y = ssd(x.unflatten(-1, (self.heads, -1)), dt, -self.A_log.exp(), B.unflatten(-1, (self.groups, -1)),
                C.unflatten(-1, (self.groups, -1)), self.D, self.dt_bias, self.chunk)
        return self.out_proj(self.norm(y.flatten(2) * F.silu(z)))


class HydraMixer(nn.Module):
    def __init__(self, width, state, conv, expand, head_width, groups, chunk=64):
        super().__init__()
        self.inner, self.heads, self.groups, self.chunk = expand * width, expand * width // head_width, groups, chunk
        self.split = [self.inner] + 4 * [groups * state]
        self.in_proj = nn.Linear(width, self.inner + sum(self.split) + 2 * self.heads, bias=False)
        self.conv1d = depthwise_conv(sum(self.split), conv, conv // 2)
        self.dt_bias, self.A_log = drawn_dt_bias(self.heads), nn.Parameter(torch.zeros(self.heads))
        self.D, self.fc_D = nn.Parameter(torch.ones(self.heads)), nn.Linear(self.inner, self.heads, bias=False)
        self.norm = nn.RMSNorm(self.inner, eps=1e-5)
        self.out_proj = nn.Linear(self.inner, width, bias=False)

    def forward(self, x, real):  # real [B, L, 1]: not padding, which must not reach what lies before it.
        z, mixed, dt = self.in_proj(x).split([self.inner, sum(self.split), 2 * self.heads], dim=-1)
        x, *B_and_C = convolve(self.conv1d, mixed * real).split(self.split, dim=-1)
        x = x * real
        B_forward, C_forward, B_backward, C_backward = (v.unflatten(-1, (self.groups, -1)) for v in B_and_C)
        y = bidirectional_ssd(x.unflatten(-1, (self.heads, -1)), dt.chunk(2, dim=-1), -self.A_log.exp(),
                              (B_forward, B_backward), (C_forward, C_backward), self.fc_D(x) + self.D, self.dt_bias,
                              self.chunk)
        return self.out_proj(self.norm(y.flatten(2)) * F.silu(z))


class Attention(nn.Module):
    def __init__(self, width, heads, dropout=0.0):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0, is_causal=True)
        return self.mix(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm, self.dropout = nn.LayerNorm(width, eps=1e-12), nn.Dropout(dropout)

    def forward(self, x):
        return self.norm(self.dropout(self.down(self.dropout(F.gelu(self.up(x))))) + x)


class Layer(nn.Module):
    def __init__(self, mixer, width, residual, dropout):
        super().__init__()
        self.mixer, self.residual = mixer, residual
        self.norm, self.dropout = nn.LayerNorm(width, eps=1e-12), nn.Dropout(dropout)
        self.ffn = FeedForward(width, dropout)

    def forward(self, x, real):
        mixed = self.dropout(self.mixer(x, real) if isinstance(self.mixer, HydraMixer) else self.mixer(x))
        return self.ffn(self.norm(mixed + x if self.residual else mixed))


class Recommender(nn.Module):
    """positions is the longest history when the model has position embeddings (SASRec), else 0."""

    def __init__(self, items, width, mixers, dropout=0.0, residual=False, positions=0):
        super().__init__()
        self.items = nn.Embedding(items + 1, width, padding_idx=items)
        self.positions = nn.Embedding(positions, width) if positions else None
        self.norm, self.dropout = nn.LayerNorm(width, eps=1e-12), nn.Dropout(dropout)
        self.layer = nn.ModuleList(Layer(mixer, width, residual or len(mixers) > 1, dropout) for mixer in mixers)

    def forward(self, items):  # [B, L] -> [B, L, D]
        x = self.items(items)
        if self.positions:
            x = x + self.positions.weight[:items.shape[1]]
        x = self.dropout(self.norm(x)) if self.positions else self.norm(self.dropout(x))
        real = (items != self.items.padding_idx)[..., None]
        for layer in self.layer:
            x = layer(x, real)
        return x

    def scores(self, hidden):  # [B, D] -> [B, V]
        return hidden @ self.items.weight[:-1].T


def initialise_as_mamba4rec(model):
    """N(0, 0.02) for every matrix of Linear and Embedding, also inside the mixers; their biases 0."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return model


def make(name, items, scan, dropout=0.0, length=200, width=64):
    """The models of the paper with their usual sizes."""
    if name == "sasrec":
        mixers, options = [Attention(width, 2, dropout) for _ in range(2)], {"residual": True, "positions": length}
    elif name == "mamba4rec":
        mixers, options = [MambaMixer(width, state=32, conv=4, expand=2, rank=-(-width // 16), scan=scan)], {}
    elif name == "2mamba4rec":
        mixers, options = [Mamba2Mixer(width, state=64, conv=4, expand=2, head_width=64, groups=1)], {}
    else:
        mixers, options = [HydraMixer(width, state=64, conv=7, expand=2, head_width=64, groups=1)], {}
    return initialise_as_mamba4rec(Recommender(items, width, mixers, dropout, **options))


MODELS = ["sasrec", "mamba4rec", "2mamba4rec", "hydra4rec"]
