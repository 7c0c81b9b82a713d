"""Writes metrics.json: RecBole's HIT, NDCG and MRR of fixed scores.

tools/bench_recbole.py --only recbole --epochs 1 makes .venv-recbole; then
.venv-recbole/bin/python tests/golden/make_metrics.py
The scores of a user are all different: RecBole breaks ties as torch.topk happens to, we count them
against the model (tests/core/train/score_ranking_test.cc).
"""

import json
import pathlib

import numpy as np
import torch
from recbole.config import Config
from recbole.evaluator import Collector, Evaluator

USERS, ITEMS, CUTOFFS = 40, 80, [1, 5, 10, 50]


def recbole_metrics(scores, targets):
    """Item 0 is RecBole's padding, which its trainer scores -inf; ours have no such item."""
    config = Config(model="SASRec", dataset="none", config_dict={
        "metrics": ["Hit", "NDCG", "MRR"], "topk": CUTOFFS, "metric_decimal_place": 17,
        "train_neg_sample_args": None, "use_gpu": False})
    padding = torch.full((len(scores), 1), -torch.inf)
    padded = torch.cat([padding, torch.tensor(scores, dtype=torch.float32)], dim=1)
    collector = Collector(config)
    collector.eval_batch_collect(padded, None, torch.arange(len(scores)), torch.tensor(targets) + 1)
    return Evaluator(config).evaluate(collector.get_data_struct())


def main():
    random = np.random.default_rng(1)
    scores = [random.permutation(ITEMS).tolist() for _ in range(USERS)]
    # A better model than chance, so that every cut-off has hits: the best of three draws.
    targets = [max(random.integers(ITEMS, size=3).tolist(), key=row.__getitem__) for row in scores]
    golden = {"recbole": "1.2.1", "cutoffs": CUTOFFS,
              "metrics": {name: float(value) for name, value in recbole_metrics(scores, targets).items()},
              "targets": targets, "scores": scores}
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    pathlib.Path(__file__).with_name("metrics.json").write_text("{" + lines.replace("], [", "],\n[") + "}\n")


if __name__ == "__main__":
    main()
