"""The state-space operators as their papers define them, one time step after the other, for one sequence.

Legend: L length, C channels, E inner width, N state, H heads, P width of a head, G groups, K kernel width.
"""

import torch
from torch.nn import functional as F


def selective_scan(x_LE, dt_LE, A_EN, B_LN, C_LN, D_E, z_LE, dt_bias_E):
    """Mamba (Gu & Dao 2023), gated by SiLU(z). Returns y [L, E] and the last state [E, N]."""
    dt_LE = F.softplus(dt_LE + dt_bias_E)
    state_EN, y = torch.zeros_like(A_EN), []
    for x_E, dt_E, B_N, C_N in zip(x_LE, dt_LE, B_LN, C_LN):
        state_EN = torch.exp(dt_E[:, None] * A_EN) * state_EN + (dt_E * x_E)[:, None] * B_N
        y.append(state_EN @ C_N + D_E * x_E)
    return torch.stack(y) * F.silu(z_LE), state_EN


def ssd(x_LHP, dt_LH, A_H, B_LGN, C_LGN, D_H, dt_bias_H):
    """Mamba-2 (Dao & Gu 2024). Returns y [L, H, P] and the last state [H, P, N]."""
    dt_LH = F.softplus(dt_LH + dt_bias_H)
    heads_a_group = A_H.shape[0] // B_LGN.shape[1]
    B_LHN, C_LHN = (v.repeat_interleave(heads_a_group, dim=1) for v in (B_LGN, C_LGN))
    state_HPN, y = torch.zeros(*x_LHP.shape[1:], B_LGN.shape[2]), []
    for x_HP, dt_H, B_HN, C_HN in zip(x_LHP, dt_LH, B_LHN, C_LHN):
        added_HPN = (dt_H[:, None] * x_HP)[:, :, None] * B_HN[:, None, :]
        state_HPN = torch.exp(dt_H * A_H)[:, None, None] * state_HPN + added_HPN
        y.append((state_HPN * C_HN[:, None, :]).sum(-1) + D_H[:, None] * x_HP)
    return torch.stack(y), state_HPN


def conv1d_silu(x_LC, weight_CK, bias_C, before):
    """Depthwise; y_t sees x from t - before to t - before + K - 1, zeros outside. K - 1 before is causal."""
    after = weight_CK.shape[1] - 1 - before
    windows_LCK = F.pad(x_LC, (0, 0, before, after)).unfold(0, weight_CK.shape[1], 1)
    return F.silu((windows_LCK * weight_CK).sum(-1) + bias_C)
