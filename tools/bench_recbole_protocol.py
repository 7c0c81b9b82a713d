#!/usr/bin/env python3
"""Mamba4Rec, 2Mamba4Rec and Hydra4Rec in plain PyTorch beside ours, under RecBole's protocol: MovieLens-100k's 5-core,
the last two items of a user for validation and test, every item ranked, the best NDCG@10 on validation kept.

    tools/bench_recbole_protocol.py                                      # all of it (hours on two cores)
    tools/bench_recbole_protocol.py --models 2mamba4rec --seeds 1        # a part
    tools/bench_recbole_protocol.py --only torch --results theirs.json   # one of the two; rows are kept in a file,
    tools/bench_recbole_protocol.py --only seqsweep --results ours.json  # and a row that is there is not made again
    tools/bench_recbole_protocol.py --table theirs.json ours.json
    tools/bench_recbole_protocol.py --speed                              # seconds of an epoch, of Mamba4Rec

Needs torch alone, of whichever Python runs it, and the built program, which also reads the shared settings:
experiments/bench_state_space.yaml. The examples of an epoch are ours: RecBole's (prefix, next item) pairs, each once; of a
causal model those of a window share one pass. --speed also times RecBole's own rows, a pass for each pair: 2,048 a step.
"""

import argparse
import json
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch.nn import functional as F

from bench_recbole import find_ratings, read_sequences
from bench_torch import models

ROOT = Path(__file__).resolve().parent.parent
SWEEP = ROOT / "experiments" / "bench_state_space.yaml"
TOP = 10
FIGURES = ("hit@10", "ndcg@10", "mrr@10", "epochs", "best validation ndcg@10")


# ---- the data ----


def read_numbered():
    """Every user's items as numbers from 0, oldest first, and how many items there are."""
    by_user = read_sequences(find_ratings())
    numbers = {item: number for number, item in enumerate(sorted({item for row in by_user.values() for item in row}))}
    return [[numbers[item] for item in row] for row in by_user.values()], len(numbers)


# ---- examples ----


def windows(inputs, length):
    """(begin, end, first position that carries loss): the pairs of a history once each, at half a window's stride."""
    covered = 0
    while covered < inputs:
        end = min(inputs, length if covered == 0 else covered + length // 2)
        yield max(0, end - length), end, covered
        covered = end


def prefixes(inputs, length, count):
    """As many different prefixes, drawn anew, each with its loss at the last position."""
    for last in torch.randperm(inputs)[:count].tolist():
        yield max(0, last + 1 - length), last + 1, last


def epoch_examples(histories, length, prefixes_a_user):
    examples = []
    for history in histories:
        inputs = len(history) - 1
        rows = prefixes(inputs, length, prefixes_a_user) if prefixes_a_user else windows(inputs, length)
        examples += [(history[begin:end + 1], first - begin) for begin, end, first in rows]
    return [examples[i] for i in torch.randperm(len(examples))]


def padded(rows, padding):
    """Lists of items -> [B, longest], padded on the right."""
    longest = max(map(len, rows))
    return torch.tensor([row + [padding] * (longest - len(row)) for row in rows])


def loss_of(model, batch, items):
    rows = padded([example for example, _ in batch], items)
    inputs, targets = rows[:, :-1], rows[:, 1:].clone()
    for row, (example, first) in enumerate(batch):
        targets[row, :first] = items
    carries = targets != items
    return F.cross_entropy(model.scores(model(inputs)[carries]), targets[carries])


# ---- training ----


def ranks_of(model, histories, targets, length, items, batch=256):
    """Of each user's target among all items, from 0; of equal scores the lower item first."""
    ranks = []
    with torch.inference_mode():
        for start in range(0, len(histories), batch):
            rows = [history[-length:] for history in histories[start:start + batch]]
            last = model(padded(rows, items))[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])]
            scores = model.scores(last)
            target = torch.tensor(targets[start:start + batch])[:, None]
            own = scores.gather(1, target)
            before = (scores == own) & (torch.arange(items) < target)
            ranks += ((scores > own) | before).sum(1).tolist()
    return ranks


def metrics_of(ranks):
    best = [rank for rank in ranks if rank < TOP]
    return {"hit@10": len(best) / len(ranks), "ndcg@10": sum(1 / math.log2(rank + 2) for rank in best) / len(ranks),
            "mrr@10": sum(1 / (rank + 1) for rank in best) / len(ranks)}


class Average:
    """Of a model's parameters: a plain mean of the first steps, then an exponential one."""

    def __init__(self, model, decay):
        self.model, self.decay, self.steps = model, decay, 0
        self.values = [parameter.detach().clone() for parameter in model.parameters()]

    def follow(self):
        self.steps += 1
        share = max(1 / self.steps, 1 - self.decay)
        torch._foreach_lerp_(self.values, [parameter.detach() for parameter in self.model.parameters()], share)

    def swap(self):
        with torch.no_grad():
            for value, parameter in zip(self.values, self.model.parameters()):
                kept = parameter.clone()
                parameter.copy_(value)
                value.copy_(kept)


def train(name, seed, sequences, settings):
    torch.manual_seed(seed)
    items, length = settings["items"], settings["length"]
    histories = [sequence[:-2] for sequence in sequences]
    validation = histories, [sequence[-2] for sequence in sequences]
    test = [sequence[:-1] for sequence in sequences], [sequence[-1] for sequence in sequences]
    model = models.make(name, items, "recomputing", dropout=settings["dropout"], length=length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"])
    average = Average(model, settings["average"])
    best, best_values, waited, epoch = -1.0, None, 0, 0
    while epoch < settings["epochs"] and waited < settings["patience"]:
        start = time.perf_counter()
        model.train()
        examples = epoch_examples(histories, length, settings["prefixes"])
        for first in range(0, len(examples), settings["batch_size"]):
            optimizer.zero_grad()
            loss_of(model, examples[first:first + settings["batch_size"]], items).backward()
            optimizer.step()
            average.follow()
        epoch += 1
        average.swap()
        model.eval()
        ndcg = metrics_of(ranks_of(model, *validation, length, items))["ndcg@10"]
        waited = 0 if ndcg > best else waited + 1
        if ndcg > best:
            best, best_values = ndcg, {key: value.clone() for key, value in model.state_dict().items()}
        average.swap()
        print(f"  {name} seed {seed} epoch {epoch}: validation NDCG@10 {ndcg:.4f}, "
              f"{time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    model.load_state_dict(best_values)
    return {**metrics_of(ranks_of(model, *test, length, items)), "epochs": epoch, "best validation ndcg@10": best}


def read_sweep(program):
    """With every default."""
    command = [program, "plan", SWEEP, "--resolved"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def entry(sweep, name):
    return next(model for model in sweep["models"] if model["name"] == name)


def settings_of(sweep, name):
    model = entry(sweep, name)
    return {"length": sweep["datasets"][0]["max_length"], "dropout": model["dropout"],
            "prefixes": model["objective"]["prefixes"],
            **{key: model["train"][key] for key in ("batch_size", "epochs", "patience")},
            **{key: sweep["optimizers"][0][key] for key in ("lr", "weight_decay", "average")}}


def run_torch(arguments, wanted):
    sweep = read_sweep(arguments.program)
    torch.set_num_threads(arguments.threads)
    sequences, items = read_numbered()
    for name, seed in wanted:
        yield name, seed, train(name, seed, sequences, settings_of(sweep, name) | {"items": items})


# ---- ours ----


def sweep_row(arguments, sweep, name, query, *overrides):
    """What the query gives of a sweep of one run."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "results.db"
        subprocess.run([arguments.program, "sweep", SWEEP, "--db", database, f"models={json.dumps([entry(sweep, name)])}",
                        f"train.threads={arguments.threads}", *overrides], check=True, stdout=sys.stderr)
        with sqlite3.connect(database) as connection:
            return connection.execute(query).fetchone()


def run_seqsweep(arguments, wanted):
    query = """SELECT hit_10, ndcg_10, mrr_10, epochs, (SELECT max(value) FROM metrics WHERE metrics.run =
               results.run_id AND split = 'validation' AND metrics.name = 'ndcg@10') FROM results WHERE status = 'done'"""
    sweep = read_sweep(arguments.program)
    for name, seed in wanted:
        yield name, seed, dict(zip(FIGURES, sweep_row(arguments, sweep, name, query, f"seeds=[{seed}]")))


# ---- speed ----


def torch_epoch_s(examples, batch_size, settings, steps):
    """Of all examples, by the median of a few steps."""
    model = models.make("mamba4rec", settings["items"], "recomputing", settings["dropout"], settings["length"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"])
    seconds = []
    for step in range(steps + 1):
        batch = examples[step * batch_size:(step + 1) * batch_size]
        start = time.perf_counter()
        optimizer.zero_grad()
        loss_of(model, batch, settings["items"]).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]) * len(examples) / batch_size


def speed(arguments):
    sweep = read_sweep(arguments.program)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    sequences, items = read_numbered()
    settings = settings_of(sweep, "mamba4rec") | {"items": items}
    histories = [sequence[:-2] for sequence in sequences]
    rows = epoch_examples(histories, settings["length"], max(map(len, histories)))
    in_windows = epoch_examples(histories, settings["length"], 0)
    ours_s, = sweep_row(arguments, sweep, "mamba4rec", "SELECT train_s / epochs FROM results WHERE status = 'done'",
                        "seeds=[1]", "train.epochs=5")
    print(f"{arguments.threads} threads; an epoch is {len(rows)} pairs\n\n"
          "| Mamba4Rec, ml-100k | rows | rows a step | s / epoch | ours faster |\n| --- | ---: | ---: | ---: | ---: |")
    step = settings["batch_size"]
    for program, examples, batch_size, epoch_s in (
            ("PyTorch, RecBole's rows", rows, 2048, torch_epoch_s(rows, 2048, settings, steps=3)),
            ("PyTorch, windows", in_windows, step, torch_epoch_s(in_windows, step, settings, steps=50)),
            ("seqsweep", in_windows, step, ours_s)):
        print(f"| {program} | {len(examples)} | {batch_size} | {epoch_s:.2f} | {epoch_s / ours_s:.1f} |")


# ---- the report ----


def table(results):
    lines = ["| model | program | seed | HIT@10 | NDCG@10 | MRR@10 | epochs | best validation NDCG@10 |",
             "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    cell = ["{:.4f}"] * 3 + ["{:.0f}", "{:.4f}"]

    def line(name, program, seed, values):
        cells = [form.format(value) for form, value in zip(cell, values)]
        lines.append(f"| {' | '.join([name, program, str(seed), *cells])} |")

    for name in models.MODELS:
        for program in sorted({row["program"] for row in results if row["model"] == name}):
            rows = sorted((row for row in results if (row["model"], row["program"]) == (name, program)),
                          key=lambda row: row["seed"])
            for row in rows:
                line(name, program, row["seed"], [row[figure] for figure in FIGURES])
            line(name, program, "mean", [statistics.mean(row[figure] for row in rows) for figure in FIGURES])
    return "\n".join(lines)


def read_results(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "bin" / "seqsweep")
    parser.add_argument("--only", choices=["torch", "seqsweep"], help="run one of the two")
    parser.add_argument("--models", nargs="+", choices=models.MODELS[1:], default=models.MODELS[1:])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, help="JSON lines: a row each, kept as it is made")
    parser.add_argument("--speed", action="store_true", help="time an epoch of Mamba4Rec")
    parser.add_argument("--table", type=Path, nargs="+", help="print the table of such files; runs nothing")
    arguments = parser.parse_args()
    if arguments.table:
        return print(table([row for path in arguments.table for row in read_results(path)]))

    if arguments.speed:
        return speed(arguments)

    results = read_results(arguments.results)
    for program, run in (("torch", run_torch), ("seqsweep", run_seqsweep)):
        if arguments.only not in (None, program):
            continue
        there = {(row["model"], row["seed"]) for row in results if row["program"] == program}
        wanted = [(name, seed) for seed in arguments.seeds for name in arguments.models if (name, seed) not in there]
        for name, seed, figures in run(arguments, wanted):
            results.append({"model": name, "program": program, "seed": seed, **figures})
            if arguments.results:
                with arguments.results.open("a") as file:
                    file.write(json.dumps(results[-1]) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
