#!/usr/bin/env python3
"""Ours beside the lightfm package on MovieLens-100k: precision@10, AUC and epochs a second, in one run.

Of each user ten ratings, drawn by a seed, are the test set, as in the package's own split; both train with identity
features, the same loss, width, learning rate and threads, in turns. Needs the package (its set-up wants
`pip install --no-build-isolation --no-use-pep517 lightfm` after `pip install "setuptools<70" wheel numpy scipy`)
and build/bin/bench_lightfm.

    tools/bench_lightfm.py u.data [--loss warp] [--epochs 30] [--threads 2] [--rounds 3]
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

BINARY = pathlib.Path(__file__).parent.parent / "build/bin/bench_lightfm"


def split(path, seed):
    """(user, item) arrays of training and test."""
    import numpy as np

    ratings = np.loadtxt(path, dtype=np.int64, usecols=(0, 1))
    pairs = np.stack([np.unique(column, return_inverse=True)[1] for column in ratings.T], 1)
    rng = np.random.default_rng(seed)
    in_test = np.zeros(len(pairs), dtype=bool)
    for user in range(pairs[:, 0].max() + 1):
        in_test[rng.choice(np.flatnonzero(pairs[:, 0] == user), size=10, replace=False)] = True
    return pairs[~in_test], pairs[in_test]


def matrix(pairs, shape):
    import numpy as np
    from scipy.sparse import coo_matrix

    return coo_matrix((np.ones(len(pairs), dtype=np.float32), pairs.T), shape=shape)


def package(arguments, train, test, seed):
    import numpy as np
    from lightfm import LightFM
    from lightfm.evaluation import auc_score, precision_at_k

    shape = np.maximum(train.max(0), test.max(0)) + 1
    train, test = matrix(train, shape), matrix(test, shape)
    model = LightFM(loss=arguments.loss, no_components=arguments.width, random_state=seed)
    model.fit_partial(train, epochs=0)  # Allocates.
    began = time.perf_counter()
    model.fit_partial(train, epochs=arguments.epochs, num_threads=arguments.threads)
    took = time.perf_counter() - began
    return {"precision_at_10": float(precision_at_k(model, test, train, k=10).mean()),
            "auc": float(auc_score(model, test, train).mean()), "epochs_per_s": arguments.epochs / took}


def ours(arguments, folder, seed):
    command = [BINARY, folder / "train", folder / "test", "--loss", arguments.loss, "--width", arguments.width,
               "--epochs", arguments.epochs, "--threads", arguments.threads, "--seed", seed]
    return json.loads(subprocess.run(map(str, command), check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", help="ml-100k's u.data")
    parser.add_argument("--loss", default="warp", choices=["bpr", "warp", "warp-kos"])
    parser.add_argument("--width", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    import lightfm
    import numpy as np

    train, test = split(arguments.ratings, seed=0)
    rows = {f"lightfm {lightfm.__version__}": [], "ours": []}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        np.savetxt(folder / "train", train, fmt="%d")
        np.savetxt(folder / "test", test, fmt="%d")
        for seed in range(1, arguments.rounds + 1):
            for of, row in zip(rows.values(), (package(arguments, train, test, seed), ours(arguments, folder, seed))):
                of.append(row)
    print(f"{arguments.loss}, width {arguments.width}, {arguments.epochs} epochs, {arguments.threads} threads, "
          f"medians of {arguments.rounds} seeds\n")
    print("| | precision@10 | AUC | epochs/s |\n|---|---:|---:|---:|")
    for who, of in rows.items():
        precision, auc, speed = (statistics.median(row[key] for row in of)
                                 for key in ("precision_at_10", "auc", "epochs_per_s"))
        print(f"| {who} | {precision:.4f} | {auc:.4f} | {speed:.1f} |")


if __name__ == "__main__":
    main()
