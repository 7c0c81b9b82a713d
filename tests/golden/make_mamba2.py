"""Writes mamba2.json: outputs and all gradients of the Mamba-2 mixer of transformers, float64.

pip install torch transformers==5.23.0. Parameters have the names and shapes of mamba_ssm. The lengths are no
multiples of the chunk; the norm comes after the gate, one for each group. The script checks the values
against the recurrence written out (state_space.py). Usage: make_mamba2.py OUT.json
"""

from golden import differentiate_mixer, start, write
from transformers_mixers import NORM_EPS, InFloat64, make_mamba2, mamba2_by_definition

SHAPE = {"width": 8, "state": 4, "conv": 4, "expand": 2, "head_width": 4, "chunk": 4}
GROUPS = [1, 2]
LENGTHS = [1, 2, 5, 33]


def case(groups):
    config = SHAPE | {"groups": groups}
    mixer = make_mamba2(**config)
    return {"config": config | {"norm_eps": NORM_EPS}} | differentiate_mixer(
        mixer, LENGTHS, lambda x: mamba2_by_definition(mixer, x))


def main():
    start()
    with InFloat64():
        write({"cases": [case(groups) for groups in GROUPS]})


if __name__ == "__main__":
    main()
