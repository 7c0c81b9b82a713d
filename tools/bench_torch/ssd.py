"""SSD in pure PyTorch, chunked as the Mamba-2 paper describes it (Dao & Gu 2024, section 6).

Legend: B batch, L length, H heads, P width of a head, G groups, N state, S positions in a chunk, K chunks.
"""

import torch
from torch.nn import functional as F


def ssd(x, dt, A, B, C, D, dt_bias, chunk=64):
    """x [B, L, H, P], dt [B, L, H] before softplus, A, D and dt_bias [H], B and C [B, L, G, N]. y as x."""
    length, heads, groups = x.shape[1], x.shape[2], B.shape[2]
    chunk = min(chunk, length)
    dt = F.softplus(dt + dt_bias)

    def chunks(v):  # [B, L, H or G, ...] -> [B, H or G, K, S, ...]
        padding = (0, 0) * (v.dim() - 2) + (0, -length % chunk)
        return F.pad(v, padding).unflatten(1, (-1, chunk)).movedim(3, 1)

    added = chunks(x * dt[..., None])  # [B, H, K, S, P]
    B, C = (chunks(v) for v in (B, C))  # [B, G, K, S, N]
    log_decay = torch.cumsum(chunks(dt * A), dim=-1)  # [B, H, K, S], since the chunk's start.

    def of_heads(v):
        return v.repeat_interleave(heads // groups, dim=1) if groups > 1 else v

    # Within a chunk: (C B^T * decay) x.
    causal = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).tril()
    exponent = (log_decay[..., :, None] - log_decay[..., None, :]).masked_fill(~causal, -torch.inf)
    y = (of_heads(C @ B.transpose(-1, -2)) * exponent.exp()) @ added

    # Across chunks: what each leaves behind, carried on, read by the chunks after it.
    to_end = (log_decay[..., -1:] - log_decay).exp()[..., None]
    left = (added * to_end).transpose(-1, -2) @ of_heads(B)  # [B, H, K, P, N]
    whole_chunk = log_decay[..., -1].exp()[..., None, None]
    state, starts = torch.zeros_like(left[:, :, 0]), []
    for decay, added_state in zip(whole_chunk.unbind(2), left.unbind(2)):
        starts.append(state)
        state = decay * state + added_state
    y = y + (of_heads(C) @ torch.stack(starts, dim=2).transpose(-1, -2)) * log_decay.exp()[..., None]
    return y.movedim(1, 3).flatten(1, 2)[:, :length] + D[:, None] * x


def bidirectional_ssd(x, dt, A, B, C, diagonal, dt_bias, chunk=64):
    """Hydra: dt, B and C are pairs (forward, backward), diagonal [B, L, H]. Both directions as one batch."""
    def both(forward, backward):
        return torch.cat([forward, backward.flip(1)])

    y = ssd(both(x, x), both(*dt), A, both(*B), both(*C), torch.zeros_like(A), dt_bias, chunk)
    shifted = F.pad(y[:, :-1], (0, 0, 0, 0, 1, 0))  # What lies strictly before.
    forward, backward = shifted.chunk(2)
    return forward + backward.flip(1) + diagonal[..., None] * x
