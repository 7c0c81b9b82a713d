"""Selective scans in pure PyTorch, from the plainest to the fastest found.

Each takes x [B, L, E], dt [B, L, E] after softplus, A [E, N], B and C [B, L, N] and returns y [B, L, E]:
h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t, y_t = h_t C_t.
Legend: B batch, L length, E inner width, N state.
"""

import torch
from torch.nn import functional as F


def loop(x, dt, A, B, C):
    """As usually written (transformers' slow path): everything discretised at once, then step by step."""
    decay = torch.exp(dt[..., None] * A)
    added = (dt * x)[..., None] * B[:, :, None]
    state, y = torch.zeros_like(decay[:, 0]), []
    for t in range(x.shape[1]):
        state = decay[:, t] * state + added[:, t]
        y.append((state @ C[:, t, :, None]).squeeze(-1))
    return torch.stack(y, dim=1)


def loop_unbound(x, dt, A, B, C):
    """The loop over unbind(): its backward stacks slices, where indexing fills a whole [B, L, E, N] a step."""
    state, y = x.new_zeros(x.shape[0], *A.shape), []
    for x_t, dt_t, B_t, C_t in zip(*(v.unbind(1) for v in (x, dt, B, C))):
        state = torch.exp(dt_t[..., None] * A) * state + (dt_t * x_t)[..., None] * B_t[:, None]
        y.append((state @ C_t[..., None]).squeeze(-1))
    return torch.stack(y, dim=1)


# ---- parallel scans: all states [B, L, E, N] from decays and inputs ----
# Two known ones are not here. With Mamba4Rec's first parameters dt A is down to -22 a step: cumulative sums of
# inputs over decays overflow within 4 steps, and logcumsumexp of the positive and negative inputs loses all digits
# (relative error 0.14 in float32) at 5 times the time of steps.


def scan_pairs(a, b):
    """b_t becomes h_t = a_t h_{t-1} + b_t along dimension 1, by halving (Blelloch 1990). Overwrites a and b."""
    length = a.shape[1]
    if length == 1:
        return
    odd_a, odd_b, paired = a[:, 1::2], b[:, 1::2], slice(0, length - 1, 2)
    odd_b.addcmul_(odd_a, b[:, paired])
    odd_a.mul_(a[:, paired])
    scan_pairs(odd_a, odd_b)
    b[:, 2::2].addcmul_(a[:, 2::2], b[:, 1:length - 1:2])


def scan_pairs_reversed(a, b):
    """The same from the end: h_t = a_t h_{t+1} + b_t."""
    length = a.shape[1]
    if length == 1:
        return
    first, second = slice(length % 2, length - 1, 2), slice(length % 2 + 1, length, 2)
    first_a, first_b = a[:, first], b[:, first]
    first_b.addcmul_(first_a, b[:, second])
    first_a.mul_(a[:, second])
    scan_pairs_reversed(first_a, first_b)
    rest, after_rest = slice(1 - length % 2, length - 1, 2), slice(2 - length % 2, length, 2)
    b[:, rest].addcmul_(a[:, rest], b[:, after_rest])


def scan_steps(a, b):
    for t in range(1, a.shape[1]):
        b[:, t].addcmul_(a[:, t], b[:, t - 1])


def scan_steps_reversed(a, b):
    for t in reversed(range(a.shape[1] - 1)):
        b[:, t].addcmul_(a[:, t], b[:, t + 1])


class Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(context, decay, added, scan, scan_reversed):
        states = added.clone()
        scan(decay.clone(), states)
        context.save_for_backward(decay, states)
        context.scan_reversed = scan_reversed
        return states

    @staticmethod
    def backward(context, states_gradient):
        decay, states = context.saved_tensors
        gradient = states_gradient.clone()
        # The gradient at t gets that at t + 1 times the decay into t + 1; nothing comes after the last.
        context.scan_reversed(torch.cat([decay[:, 1:], torch.zeros_like(decay[:, :1])], dim=1), gradient)
        decay_gradient = torch.zeros_like(decay)
        torch.mul(gradient[:, 1:], states[:, :-1], out=decay_gradient[:, 1:])
        return decay_gradient, gradient, None, None


def over_states(x, dt, A, B, C, scan, scan_reversed):
    states = Recurrence.apply(torch.exp(dt[..., None] * A), (dt * x)[..., None] * B[:, :, None], scan, scan_reversed)
    return (states @ C[..., None]).squeeze(-1)


def pairs(x, dt, A, B, C):
    return over_states(x, dt, A, B, C, scan_pairs, scan_pairs_reversed)


def steps(x, dt, A, B, C):
    return over_states(x, dt, A, B, C, scan_steps, scan_steps_reversed)


# ---- step by step with the backward written out: one [B, E, N] at a time stays in the cache ----


class Recomputing(torch.autograd.Function):
    @staticmethod
    def forward(context, x, dt, A, B, C):
        added = dt * x
        states = x.new_empty(x.shape[1] + 1, x.shape[0], *A.shape)  # states[t + 1] is that after step t.
        states[0] = 0
        decay, y = torch.empty_like(states[0]), torch.empty_like(x)
        for t in range(x.shape[1]):
            torch.mul(dt[:, t, :, None], A, out=decay).exp_()
            state = torch.mul(decay, states[t], out=states[t + 1])
            state.addcmul_(added[:, t, :, None], B[:, t, None])
            y[:, t] = (state @ C[:, t, :, None]).squeeze(-1)
        context.save_for_backward(x, dt, A, B, C, states)
        return y

    @staticmethod
    def backward(context, y_gradient):
        x, dt, A, B, C, states = context.saved_tensors
        added = dt * x
        added_gradient, dt_gradient = torch.empty_like(x), torch.empty_like(dt)
        A_gradient, B_gradient, C_gradient = (torch.zeros_like(v) for v in (A, B, C))
        decay, carried = torch.empty_like(states[0]), torch.zeros_like(states[0])
        for t in reversed(range(x.shape[1])):
            C_gradient[:, t] = (y_gradient[:, t, None] @ states[t + 1]).squeeze(1)
            carried.addcmul_(y_gradient[:, t, :, None], C[:, t, None])
            added_gradient[:, t] = (carried @ B[:, t, :, None]).squeeze(-1)
            B_gradient[:, t] = (added[:, t, None] @ carried).squeeze(1)
            torch.mul(dt[:, t, :, None], A, out=decay).exp_()
            carried.mul_(decay)
            exponent_gradient = torch.mul(carried, states[t], out=decay)
            dt_gradient[:, t] = torch.einsum("ben,en->be", exponent_gradient, A)
            A_gradient += torch.einsum("ben,be->en", exponent_gradient, dt[:, t])
        return added_gradient * dt, dt_gradient + added_gradient * x, A_gradient, B_gradient, C_gradient


def recomputing(x, dt, A, B, C):
    return Recomputing.apply(x, dt, A, B, C)


SCANS = {scan.__name__: scan for scan in (loop, loop_unbound, pairs, steps, recomputing)}


def selective_scan(scan, x, dt, A, B, C, D, z, dt_bias):
    """The whole operator: bias and softplus, scan, skip, gate."""
    y = SCANS[scan](x, F.softplus(dt + dt_bias), A, B, C)
    return (y + D * x) * F.silu(z)
