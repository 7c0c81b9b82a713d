"""Writes mamba.json: outputs and all gradients of the Mamba mixer of transformers, float64.

pip install torch transformers==5.23.0. Parameters have the names and shapes of mamba_ssm. The script checks
the values against the recurrence written out (state_space.py). Usage: make_mamba.py OUT.json
"""

from golden import differentiate_mixer, start, write
from transformers_mixers import InFloat64, make_mamba, mamba_by_definition

SHAPE = {"width": 8, "state": 4, "conv": 4, "expand": 2}
RANKS = [1, 3]  # 1 is the usual ceil(width / 16).
LENGTHS = [1, 2, 5, 33]


def case(rank):
    config = SHAPE | {"rank": rank}
    mixer = make_mamba(**config)
    return {"config": config} | differentiate_mixer(mixer, LENGTHS, lambda x: mamba_by_definition(mixer, x))


def main():
    start()
    with InFloat64():
        write({"cases": [case(rank) for rank in RANKS]})


if __name__ == "__main__":
    main()
