"""Writes state_space_operators.json: the operators of state_space.py over packed sequences, and all gradients.

The sequences lie end to end, sequence s has LENGTHS[s] rows. `dt` is before softplus and bias; A is negative;
`final_state` has one state a sequence and passes no gradient. Usage: make_state_space_operators.py OUT.json
"""

import torch

from golden import differentiate, draw, start, write
from state_space import conv1d_silu, selective_scan, ssd

LENGTHS = [1, 3, 7, 2]
ROWS = sum(LENGTHS)
CHANNELS, HEADS, HEAD_WIDTH, STATE = 6, 4, 3, 4


def packed(operator, per_row):
    """The operator on each sequence by itself; per_row names the inputs that have a row for each item."""
    def run(**inputs):
        parts = {name: inputs[name].split(LENGTHS) for name in per_row}
        shared = {name: value for name, value in inputs.items() if name not in per_row}
        results = [operator(**shared, **{name: rows[s] for name, rows in parts.items()})
                   for s in range(len(LENGTHS))]
        outputs, *states = zip(*results)
        return torch.cat(outputs), *(torch.stack(state) for state in states)
    return run


def draw_decay_rates(*shape):
    """A: negative, most between -0.1 and -1."""
    return -draw(*shape, mean=-1.0).exp().round(decimals=3)


def selective_scan_case():
    operator = packed(lambda x, dt, A, B, C, D, z, dt_bias: selective_scan(x, dt, A, B, C, D, z, dt_bias),
                      {"x", "dt", "B", "C", "z"})
    return differentiate(operator, {
        "x": draw(ROWS, CHANNELS), "dt": draw(ROWS, CHANNELS), "A": draw_decay_rates(CHANNELS, STATE),
        "B": draw(ROWS, STATE), "C": draw(ROWS, STATE), "D": draw(CHANNELS), "z": draw(ROWS, CHANNELS),
        "dt_bias": draw(CHANNELS, mean=-1.0)})


def ssd_case(groups):
    operator = packed(lambda x, dt, A, B, C, D, dt_bias: ssd(x, dt, A, B, C, D, dt_bias), {"x", "dt", "B", "C"})
    return differentiate(operator, {
        "x": draw(ROWS, HEADS, HEAD_WIDTH), "dt": draw(ROWS, HEADS), "A": draw_decay_rates(HEADS),
        "B": draw(ROWS, groups, STATE), "C": draw(ROWS, groups, STATE), "D": draw(HEADS), "dt_bias": draw(HEADS, mean=-1.0)})


def conv1d_silu_case(width, before):
    operator = packed(lambda x, weight, bias: (conv1d_silu(x, weight, bias, before),), {"x"})
    return differentiate(operator, {
        "x": draw(ROWS, CHANNELS), "weight": draw(CHANNELS, width), "bias": draw(CHANNELS)})


def main():
    start()
    write({"lengths": LENGTHS,
           "selective_scan": selective_scan_case(),
           "ssd": [ssd_case(groups) for groups in (1, 2)],
           "causal_conv1d_silu": conv1d_silu_case(width=4, before=3),
           "centred_conv1d_silu": conv1d_silu_case(width=7, before=3)})


if __name__ == "__main__":
    main()
