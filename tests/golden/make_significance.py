"""Writes significance.json: SciPy's paired permutation tests and bootstrap on fixed differences.

pip install scipy; python tests/golden/make_significance.py [PATH]
`p` is exact for the small cases, to be matched to the last digits, and from 200,000 resamples for the
others, to be matched up to resampling noise. Holm's correction is written out as in his paper.
"""

import json
import pathlib
import sys

import numpy as np
import scipy
from scipy import stats


def ndcg(ranks):
    return np.where((ranks >= 0) & (ranks < 10), 1 / np.log2(np.maximum(ranks, 0) + 2.0), 0)


def golden(name, differences, resamples):
    rng = np.random.default_rng(3)
    test = stats.permutation_test((differences, np.zeros_like(differences)), lambda x, y, axis: np.mean(x - y, axis=axis),
                                  permutation_type="samples", vectorized=True, n_resamples=resamples,
                                  alternative="two-sided", rng=rng, batch=2000)
    many = stats.bootstrap((differences,), np.mean, n_resamples=20_000, method="BCa", confidence_level=0.95,
                           rng=rng, batch=500)
    center = differences.mean()
    far = np.abs(many.bootstrap_distribution - center) >= abs(center) * (1 - 1e-12)
    return {"name": name, "differences": differences.tolist(), "p": test.pvalue, "exact": 2 ** len(differences) <= resamples,
            "low": many.confidence_interval.low, "high": many.confidence_interval.high,
            "bootstrap_p": (far.sum() + 1) / (len(far) + 1),
            "effect": center / differences.std(ddof=1)}


def holm(p):
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1, np.array(p)[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(steps)
    return corrected.tolist()


rng = np.random.default_rng(7)
users = 400
strong = rng.integers(0, 25, users)
weak = np.where(rng.random(users) < 0.2, rng.integers(0, 40, users), strong)
alike = np.where(rng.random(users) < 0.2, rng.integers(0, 25, users), strong)
cases = [
    golden("seeds", np.array([0.011, 0.008, 0.013, -0.002, 0.006]), 9999),
    golden("ties", np.array([1.0, -1, 0, 1, 1, 0, 1, 1, -1, 1]), 9999),
    golden("none", np.array([0.25, -0.25, 0.5, -0.5]), 9999),
    golden("hit", (strong < 10).astype(float) - (weak < 10), 200_000),
    golden("ndcg", ndcg(strong) - ndcg(weak), 200_000),
    golden("alike", ndcg(strong) - ndcg(alike), 200_000),
]
p_values = [0.01, 0.04, 0.03, 0.005, 0.04, 0.9]
path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("significance.json")
path.write_text(json.dumps({"scipy": scipy.__version__, "numpy": np.__version__, "cases": cases,
                            "holm": {"p": p_values, "corrected": holm(p_values)}}) + "\n")
