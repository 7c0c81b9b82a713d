"""Writes hydra.json: Hydra (Hwang, Lahoti, Dao & Gu 2024) from its definition, the quasiseparable matrix, float64.

y = M x for each head, with M [L, L] written out entry by entry. With a the forward and b the backward direction:
  M[t, s] = C_a[t-1] . B_a[s] exp(A sum dt_a[s+1 .. t-1]) dt_a[s]   for s < t
  M[t, s] = C_b[t+1] . B_b[s] exp(A sum dt_b[t+1 .. s-1]) dt_b[s]   for s > t
  M[t, t] = diagonal[t] = fc_D(x)[t] + D
Both directions share A and dt_bias. Parameters have the names and shapes of goombalab/hydra. The script checks
outputs and gradients against two scans, shifted and summed. The whole mixer is `mixers`; `operator` is M x alone
over packed sequences, `dt_*` before softplus and bias. Usage: make_hydra.py OUT.json
"""

import torch
from torch import nn
from torch.nn import functional as F

from golden import differentiate, differentiate_mixer, draw, draw_parameters, start, write
from state_space import conv1d_silu, ssd

NORM_EPS = 1e-5
SHAPE = {"width": 8, "state": 4, "conv": 7, "expand": 2, "head_width": 4}
GROUPS = [1, 2]
LENGTHS = [1, 2, 5, 33]
PACKED_LENGTHS = [1, 3, 7, 2]


def strictly_lower(dt_LH, A_H, B_LHN, C_LHN):
    """The part of M for s < t [H, L, L]."""
    length = dt_LH.shape[0]
    log_decay_LH = torch.cumsum(dt_LH * A_H, dim=0)
    before = torch.ones(length, length, dtype=torch.bool).tril(-1)
    # Row t reads what time t - 1 would have read; row 0 reads nothing.
    exponent_HLL = (log_decay_LH.roll(1, 0)[:, None] - log_decay_LH[None, :]).permute(2, 0, 1)
    decay_HLL = exponent_HLL.masked_fill(~before, -torch.inf).exp()
    products_HLL = torch.einsum("thn,shn->hts", C_LHN.roll(1, 0), B_LHN)
    return products_HLL * decay_HLL * dt_LH.T[:, None, :]


def quasiseparable(x, dt_forward, dt_backward, A, B_forward, C_forward, B_backward, C_backward, dt_bias, diagonal):
    """x [L, H, P], dt and diagonal [L, H], A and dt_bias [H], B and C [L, G, N]. Returns M x [L, H, P]."""
    def of_heads(v_LGN):
        return v_LGN.repeat_interleave(x.shape[1] // v_LGN.shape[1], dim=1)

    lower = strictly_lower(F.softplus(dt_forward + dt_bias), A, of_heads(B_forward), of_heads(C_forward))
    # The upper part is the lower part of the sequence read from its end.
    upper = strictly_lower(F.softplus(dt_backward + dt_bias).flip(0), A, of_heads(B_backward).flip(0),
                           of_heads(C_backward).flip(0)).flip(1, 2)
    return torch.einsum("hts,shp->thp", lower + upper + torch.diag_embed(diagonal.T), x)


def by_scans(x, dt_forward, dt_backward, A, B_forward, C_forward, B_backward, C_backward, dt_bias, diagonal):
    """The same in another way: a scan from each end, each result moved one step on, and the diagonal."""
    def shifted_scan(x_LHP, dt_LH, B_LGN, C_LGN):
        y_LHP, _ = ssd(x_LHP, dt_LH, A, B_LGN, C_LGN, torch.zeros_like(A), dt_bias)
        return torch.cat([torch.zeros_like(y_LHP[:1]), y_LHP[:-1]])

    forward = shifted_scan(x, dt_forward, B_forward, C_forward)
    backward = shifted_scan(x.flip(0), dt_backward.flip(0), B_backward.flip(0), C_backward.flip(0)).flip(0)
    return forward + backward + diagonal[:, :, None] * x


class HydraMixer(nn.Module):
    def __init__(self, width, state, conv, expand, head_width, groups):
        super().__init__()
        self.inner, self.heads, self.groups, self.state = expand * width, expand * width // head_width, groups, state
        mixed = self.inner + 4 * groups * state  # x, then B and C forward, then B and C backward.
        self.in_proj = nn.Linear(width, self.inner + mixed + 2 * self.heads, bias=False)
        self.conv1d = nn.Conv1d(mixed, mixed, conv, groups=mixed)
        self.dt_bias, self.A_log, self.D = (nn.Parameter(torch.empty(self.heads)) for _ in range(3))
        self.fc_D = nn.Linear(self.inner, self.heads, bias=False)
        self.norm = nn.RMSNorm(self.inner, eps=NORM_EPS)
        self.out_proj = nn.Linear(self.inner, width, bias=False)
        draw_parameters(self)

    def forward(self, x_BLD, mix=quasiseparable):
        return torch.stack([self.one(x_LD, mix) for x_LD in x_BLD])

    def one(self, x_LD, mix):
        z_LE, mixed, dt = self.in_proj(x_LD).split(
            [self.inner, self.conv1d.in_channels, 2 * self.heads], dim=-1)
        weight_CK = self.conv1d.weight.squeeze(1)
        mixed = conv1d_silu(mixed, weight_CK, self.conv1d.bias, before=weight_CK.shape[1] // 2)
        x_LE, *B_and_C = mixed.split([self.inner] + 4 * [self.groups * self.state], dim=-1)
        B_forward, C_forward, B_backward, C_backward = (v.unflatten(-1, (self.groups, -1)) for v in B_and_C)
        dt_forward, dt_backward = dt.chunk(2, dim=-1)
        y_LHP = mix(x_LE.unflatten(-1, (self.heads, -1)), dt_forward, dt_backward, -self.A_log.exp(), B_forward,
                    C_forward, B_backward, C_backward, self.dt_bias, diagonal=self.fc_D(x_LE) + self.D)
        return self.out_proj(self.norm(y_LHP.flatten(1)) * F.silu(z_LE))  # The norm comes before the gate.


def mixer_case(groups):
    config = SHAPE | {"groups": groups}
    mixer = HydraMixer(**config)
    return {"config": config | {"norm_eps": NORM_EPS}} | differentiate_mixer(
        mixer, LENGTHS, lambda x: mixer.one(x, by_scans))


def operator_case(groups, heads=4, head_width=3, state=4):
    rows = sum(PACKED_LENGTHS)
    per_row = {"x": draw(rows, heads, head_width), "diagonal": draw(rows, heads)}
    for direction in ("forward", "backward"):
        per_row |= {f"dt_{direction}": draw(rows, heads), f"B_{direction}": draw(rows, groups, state),
                    f"C_{direction}": draw(rows, groups, state)}

    def packed(A, dt_bias, **rows):
        parts = {name: value.split(PACKED_LENGTHS) for name, value in rows.items()}
        return torch.cat([quasiseparable(A=A, dt_bias=dt_bias, **{name: part[s] for name, part in parts.items()})
                          for s in range(len(PACKED_LENGTHS))]),

    return differentiate(packed, per_row | {"A": -draw(heads, mean=-1.0).exp().round(decimals=3),
                                            "dt_bias": draw(heads, mean=-1.0)})


def main():
    start()
    write({"mixers": [mixer_case(groups) for groups in GROUPS],
           "operator": {"lengths": PACKED_LENGTHS, "cases": [operator_case(groups) for groups in GROUPS]}})


if __name__ == "__main__":
    main()
