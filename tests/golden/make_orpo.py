"""Writes orpo.json: loss, gradients and metrics of TRL's ORPOTrainer (1.16.0) on a small GPT-2, float64.

pip install torch transformers==5.23.0 trl==1.16.0. TRL's likelihood is a mean over all tokens of a batch, so pairs
that share one have texts of equal length here. Usage: make_orpo.py OUT.json
"""

import os
import sys
from types import SimpleNamespace

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import torch

from golden import as_lists, start, write
from make_language_models import draw_parameters, gpt2
from transformers_mixers import InFloat64

from trl.experimental.orpo import ORPOTrainer

BETA = 0.3
# Pairs of (prompt, chosen, rejected).
BATCHES = [
    [([5, 9, 2, 7], [4, 3], [8, 1, 6])],
    [([5, 9, 2, 7], [4], [8])],
    [([1], [22, 10, 12, 3], [9])],
    [([11, 0, 13], [4, 2], [8, 5]), ([7, 7, 20], [1, 3], [23, 3])],
]


def pad(rows, value):
    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])


def batch_of(pairs):
    batch = {}
    for side, answer in (("chosen", 1), ("rejected", 2)):
        rows = [pair[0] + pair[answer] for pair in pairs]
        batch[f"{side}_input_ids"] = pad(rows, 0)
        batch[f"{side}_attention_mask"] = pad([[1] * len(row) for row in rows], 0)
        batch[f"{side}_labels"] = pad([[-100] * len(pair[0]) + pair[answer] for pair in pairs], -100)
    return batch


def trainer():
    self = object.__new__(ORPOTrainer)  # Its arithmetic without its data loaders.
    self.beta, self.is_encoder_decoder, self.aux_loss_enabled, self.padding_value = BETA, False, False, 0
    self.accelerator = SimpleNamespace(device="cpu", gather_for_metrics=lambda x: x)
    return self


def case(self, model, pairs):
    loss, metrics = self.get_batch_loss_metrics(model, batch_of(pairs))
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    return {"pairs": pairs, "loss": loss.item(), "metrics": metrics,
            "gradients": as_lists(dict(zip(dict(model.named_parameters()), gradients)))}


def main():
    start(2)
    with InFloat64():
        model = gpt2().eval()
        draw_parameters(model, 0.3)
        self = trainer()
        write({"beta": BETA, "config": model.config.to_dict() | {"dtype": None},
               "parameters": as_lists(dict(model.named_parameters())),
               "cases": [case(self, model, pairs) for pairs in BATCHES]})


if __name__ == "__main__":
    main()
