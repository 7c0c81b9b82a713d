"""Mamba and Mamba-2 mixers of transformers 5.23.0 on their plain PyTorch path, and the same from the definition.

transformers computes parts in float32 whatever it is given; InFloat64 keeps it from that.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # Its fast kernels would be fetched; wanted here is the plain path.

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from transformers import Mamba2Config, MambaConfig
from transformers.models.mamba.modeling_mamba import MambaMixer
from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

from golden import draw_parameters
from state_space import conv1d_silu, selective_scan, ssd

NORM_EPS = 1e-5  # Of the gated RMSNorm, as in mamba_ssm.


class InFloat64(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        def widen(value):
            return torch.float64 if value is torch.float32 else value

        if function is torch.Tensor.float:
            function = torch.Tensor.double
        return function(*map(widen, args), **{name: widen(value) for name, value in (kwargs or {}).items()})


def make_mamba(width, state, conv, expand, rank):
    mixer = MambaMixer(MambaConfig(hidden_size=width, state_size=state, conv_kernel=conv, expand=expand,
                                   time_step_rank=rank, num_hidden_layers=1), layer_idx=0)
    draw_parameters(mixer)
    return mixer.eval()  # Training would ask for the fused kernel first.


def make_mamba2(width, state, conv, expand, head_width, groups, chunk):
    mixer = Mamba2Mixer(Mamba2Config(hidden_size=width, state_size=state, conv_kernel=conv, expand=expand,
                                     head_dim=head_width, num_heads=expand * width // head_width, n_groups=groups,
                                     chunk_size=chunk, layer_norm_epsilon=NORM_EPS, num_hidden_layers=1),
                        layer_idx=0)
    draw_parameters(mixer)
    return mixer.eval()


def causal_conv1d_silu(x_LC, conv1d):
    weight_CK = conv1d.weight.squeeze(1)
    return conv1d_silu(x_LC, weight_CK, conv1d.bias, before=weight_CK.shape[1] - 1)


def mamba_by_definition(mixer, x_LD):
    x_LE, z_LE = mixer.in_proj(x_LD).chunk(2, dim=-1)
    x_LE = causal_conv1d_silu(x_LE, mixer.conv1d)
    state = mixer.A_log.shape[1]
    dt_LR, B_LN, C_LN = mixer.x_proj(x_LE).split([mixer.dt_proj.in_features, state, state], dim=-1)
    y_LE, _ = selective_scan(x_LE, dt_LR @ mixer.dt_proj.weight.T, -mixer.A_log.exp(), B_LN, C_LN, mixer.D, z_LE,
                             mixer.dt_proj.bias)
    return mixer.out_proj(y_LE)


def mamba2_by_definition(mixer, x_LD):
    heads, groups, state, inner = mixer.num_heads, mixer.n_groups, mixer.ssm_state_size, mixer.intermediate_size
    z_LE, xBC, dt_LH = mixer.in_proj(x_LD).split([inner, inner + 2 * groups * state, heads], dim=-1)
    x_LE, B, C = causal_conv1d_silu(xBC, mixer.conv1d).split([inner, groups * state, groups * state], dim=-1)
    y_LHP, _ = ssd(x_LE.unflatten(-1, (heads, -1)), dt_LH, -mixer.A_log.exp(), B.unflatten(-1, (groups, -1)),
                   C.unflatten(-1, (groups, -1)), mixer.D, mixer.dt_bias)
    gated_LGE = (y_LHP.flatten(1) * F.silu(z_LE)).unflatten(-1, (groups, -1))  # Each group has its own norm.
    return mixer.out_proj(F.rms_norm(gated_LGE, gated_LGE.shape[-1:], eps=NORM_EPS).flatten(1) * mixer.norm.weight)
