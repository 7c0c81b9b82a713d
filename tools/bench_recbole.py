#!/usr/bin/env python3
"""SASRec of RecBole 1.2.1 beside ours: same data, same split, same metrics, one run.

    tools/bench_recbole.py                 # both, each to its own early stop (hours: see docs/benchmarks.md)
    tools/bench_recbole.py --epochs 2      # speed only: two epochs of each

RecBole runs its own model with its own defaults in its own virtual environment, which this script
makes when it is missing. What both must share is read from experiments/bench_sasrec.yaml.
"""

import argparse
import dataclasses
import functools
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

from own_venv import enter_venv

ROOT = Path(__file__).resolve().parent.parent
SWEEP = ROOT / "experiments" / "bench_sasrec.yaml"
MIN_INTERACTIONS = 5  # The k of the k-core.
EXPECTED = (943, 1349, 99287)  # Users, items and interactions of ml-100k's 5-core.

# RecBole 1.2.1 is from before numpy 2 and pandas 3 and breaks on both. Its `ray` (only for
# hyper-parameter search) has no wheel for a current Python, hence --no-deps.
REQUIREMENTS = ["torch==2.11.0", "numpy<2", "pandas<3", "scipy", "tqdm", "colorlog==4.7.2", "colorama==0.4.4",
                "scikit-learn", "pyyaml", "tensorboard", "thop", "tabulate", "texttable", "psutil"]
RECBOLE = "recbole==1.2.1"


@dataclasses.dataclass
class Result:
    """One seed of one program; the metrics are of the test split."""

    seed: int
    hit: float
    ndcg: float
    mrr: float
    epochs: int
    train_s: float  # Without evaluation.
    pairs_per_s: float  # Trained (history, next item) pairs.


# ---- the data ----


def find_ratings() -> Path:
    """MovieLens-100k as we read it, or the copy that RecBole's wheel carries: the same rows in the same order."""
    candidates = [Path(os.environ.get("SEQSWEEP_DATA", ROOT / "data")) / "ml-100k" / "u.data"]
    candidates += Path(sys.prefix).glob("lib/*/site-packages/recbole/dataset_example/ml-100k/ml-100k.inter")
    return next(path for path in candidates if path.exists())


def read_sequences(path: Path) -> dict[str, list[str]]:
    """Every user's items, oldest first; equal times keep the file's order. 5-core."""
    rows = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("user_id")]
    while True:
        users = Counter(row[0] for row in rows)
        items = Counter(row[1] for row in rows)
        kept = [row for row in rows if min(users[row[0]], items[row[1]]) >= MIN_INTERACTIONS]
        if len(kept) == len(rows):
            break
        rows = kept
    assert (len(users), len(items), len(rows)) == EXPECTED, f"{path} is not MovieLens-100k"
    rows.sort(key=lambda row: int(row[3]))  # Stable.
    sequences = {user: [] for user in users}
    for user, item, *_ in rows:
        sequences[user].append(item)
    return sequences


def pairs_per_epoch(sequences: dict[str, list[str]]) -> int:
    """Training targets: all but a user's first item (no history) and last two (validation, test)."""
    return sum(len(items) - 3 for items in sequences.values())


# ---- RecBole ----


def write_atomic(sequences: dict[str, list[str]], folder: Path) -> None:
    """RecBole keeps times as float32, which cannot tell two Unix seconds within 64 apart: it gets positions."""
    folder.mkdir()
    with open(folder / f"{folder.name}.inter", "w") as out:
        out.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, items in sequences.items():
            out.writelines(f"{user}\t{item}\t{position}\n" for position, item in enumerate(items))


def recbole_config(sweep: dict, seed: int, data_path: Path) -> dict:
    """Protocol only: everything about the model is RecBole's default."""
    return {
        "data_path": str(data_path),
        "checkpoint_dir": str(data_path / "saved"),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": sweep["datasets"][0]["max_length"],
        "eval_args": {"split": {"LS": "valid_and_test"}, "group_by": "user", "order": "TO", "mode": "full"},
        "train_neg_sample_args": None,  # Cross-entropy over all items.
        "metrics": ["Hit", "NDCG", "MRR"],
        "topk": [10],
        "valid_metric": "NDCG@10",
        "metric_decimal_place": 6,
        "learner": "adam",
        "learning_rate": sweep["optimizers"][0]["lr"],
        "train_batch_size": 256,  # Its default of 2048 needs several times the epochs to its early stop here.
        "epochs": sweep["train"]["epochs"],
        "stopping_step": sweep["train"]["patience"],
        "seed": seed,
        "use_gpu": False,
        "show_progress": False,
    }


def run_recbole(sequences: dict[str, list[str]], sweep: dict, seed: int, folder: Path) -> Result:
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    torch.set_num_threads(sweep["train"]["threads"])
    torch.load = functools.partial(torch.load, weights_only=False)  # Its checkpoints hold Python objects.
    warnings.simplefilter("ignore", FutureWarning)
    del sys.argv[1:]  # RecBole would take our options for its own.

    settings = recbole_config(sweep, seed, folder)
    config = Config(model="SASRec", dataset="bench", config_dict=settings)
    init_seed(seed, config["reproducibility"])
    train_data, valid_data, test_data = data_preparation(config, create_dataset(config))
    rows = len(train_data.dataset)
    assert rows == pairs_per_epoch(sequences), f"RecBole trains on {rows} rows"
    model = get_model("SASRec")(config, train_data.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], "SASRec")(config, model)

    epoch_s = []
    train_epoch = trainer._train_epoch

    def timed_epoch(*args, **kwargs):
        start = time.perf_counter()
        loss = train_epoch(*args, **kwargs)
        epoch_s.append(time.perf_counter() - start)
        return loss

    trainer._train_epoch = timed_epoch
    trainer.fit(train_data, valid_data, callback_fn=lambda epoch, score: print(
        f"  RecBole seed {seed} epoch {epoch + 1}: validation NDCG@10 {score:.4f}, {epoch_s[-1]:.1f} s", flush=True))
    test = trainer.evaluate(test_data)
    print(f"  RecBole seed {seed}: test {dict(test)}", flush=True)
    return Result(seed, test["hit@10"], test["ndcg@10"], test["mrr@10"], len(epoch_s), sum(epoch_s),
                  rows * len(epoch_s) / sum(epoch_s))


# ---- ours ----


def run_seqsweep(program: Path, sequences: dict[str, list[str]], sweep: dict, folder: Path) -> list[Result]:
    import yaml

    sweep_file, database = folder / "bench_sasrec.yaml", folder / "results.db"
    sweep_file.write_text(yaml.safe_dump(sweep))
    subprocess.run([program, "sweep", sweep_file, "--db", database], check=True)
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            "SELECT seed, hit_10, ndcg_10, mrr_10, epochs, train_s FROM results WHERE status = 'done' ORDER BY seed")
        return [Result(*row, pairs_per_s=pairs_per_epoch(sequences) * row[4] / row[5]) for row in rows]


# ---- the report ----


def table(results: dict[str, list[Result]]) -> str:
    """Markdown: every seed, the means, and ours over RecBole's where both ran."""
    lines = ["| SASRec, ml-100k, test | seed | HIT@10 | NDCG@10 | MRR@10 | epochs | s / epoch | pairs / s |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    means = {}
    for program, runs in results.items():
        for run in runs:
            lines.append(f"| {program} | {run.seed} | {run.hit:.4f} | {run.ndcg:.4f} | {run.mrr:.4f} "
                         f"| {run.epochs} | {run.train_s / run.epochs:.2f} | {run.pairs_per_s:.0f} |")
        mean = means[program] = {field: statistics.mean(getattr(run, field) for run in runs)
                                 for field in ("hit", "ndcg", "mrr", "epochs", "train_s", "pairs_per_s")}
        lines.append(f"| {program} | mean | {mean['hit']:.4f} | {mean['ndcg']:.4f} | {mean['mrr']:.4f} "
                     f"| {mean['epochs']:.1f} | {mean['train_s'] / mean['epochs']:.2f} | {mean['pairs_per_s']:.0f} |")
    if len(means) == 2:
        theirs, ours = means["RecBole 1.2.1"], means["seqsweep"]
        ratio = {field: ours[field] / theirs[field] for field in theirs}
        lines.append(f"| seqsweep / RecBole | | {ratio['hit']:.3f} | {ratio['ndcg']:.3f} | {ratio['mrr']:.3f} "
                     f"| | | {ratio['pairs_per_s']:.1f} |")
    return "\n".join(lines)


def shared_settings(arguments: argparse.Namespace) -> dict:
    import yaml

    sweep = yaml.safe_load(SWEEP.read_text())
    if arguments.seeds:
        sweep["seeds"] = arguments.seeds
    if arguments.max_length:
        sweep["datasets"][0]["max_length"] = arguments.max_length
    if arguments.threads:
        sweep["train"]["threads"] = arguments.threads
    if arguments.epochs:
        sweep["train"]["epochs"] = arguments.epochs
    return sweep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-recbole", help="RecBole's virtual environment")
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "bin" / "seqsweep")
    parser.add_argument("--only", choices=["recbole", "seqsweep"], help="run one of the two")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--epochs", type=int, help="most epochs")
    parser.add_argument("--max-length", type=int, help="items a model sees")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    enter_venv(arguments.venv, REQUIREMENTS, alone=[RECBOLE])

    sweep = shared_settings(arguments)
    sequences = read_sequences(find_ratings())
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.only != "seqsweep":
            write_atomic(sequences, folder / "bench")
            os.chdir(folder)  # RecBole leaves TensorBoard logs in the current folder.
            results["RecBole 1.2.1"] = [run_recbole(sequences, sweep, seed, folder) for seed in sweep["seeds"]]
        if arguments.only != "recbole":
            results["seqsweep"] = run_seqsweep(arguments.program.resolve(), sequences, sweep, folder)
    print(table(results))


if __name__ == "__main__":
    main()
