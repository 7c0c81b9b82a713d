"""Writes bootstrap.json: SciPy's BCa intervals and NumPy's quartiles on fixed samples.

pip install scipy; python tests/golden/make_bootstrap.py
`resampled_means` is SciPy's own bootstrap distribution, so that its interval can be matched exactly;
`many` is its interval from 200,000 resamples, to be matched up to resampling noise.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy import stats


def interval(sample, resamples, seed):
    return stats.bootstrap((sample,), np.mean, n_resamples=resamples, method="BCa",
                           confidence_level=0.95, rng=np.random.default_rng(seed))


def golden(name, sample):
    few = interval(sample, 150, 1)
    many = interval(sample, 200_000, 2).confidence_interval
    means = few.bootstrap_distribution
    z0 = stats.norm.ppf(((means < sample.mean()).mean() + (means <= sample.mean()).mean()) / 2)
    jackknife = np.array([np.delete(sample, i).mean() for i in range(len(sample))])
    influence = (len(sample) - 1) * (jackknife.mean() - jackknife)
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    first, third = np.percentile(sample, [25, 75])
    fence = 1.5 * (third - first)
    kept = sample[(sample >= first - fence) & (sample <= third + fence)]
    return {
        "name": name, "sample": sample.tolist(), "resampled_means": means.tolist(),
        "low": few.confidence_interval.low, "high": few.confidence_interval.high,
        "many_low": many.low, "many_high": many.high,
        "bias_correction": z0, "acceleration": acceleration,
        "quartiles": [first, third], "without_outliers": kept.tolist(),
    }


rng = np.random.default_rng(20)
cases = [
    golden("normal", rng.normal(1.25, 0.05, 30)),
    golden("lognormal", rng.lognormal(0, 1, 30)),
    golden("two_values", np.array([1.0, 2.0] * 4 + [1.0])),
]
path = pathlib.Path(__file__).with_name("bootstrap.json")
path.write_text(json.dumps({"scipy": scipy.__version__, "numpy": np.__version__, "cases": cases},
                           indent=1) + "\n")
