#!/usr/bin/env python3
"""The state-space models in eager PyTorch, timed: what our kernels and models are compared with.

    tools/bench_state_space.py check                       # against tests/golden, before any figure is believed
    tools/bench_state_space.py scan --scan loop pairs      # Mamba's selective scan, forward and backward
    tools/bench_state_space.py ssd                         # Mamba-2's, chunked
    tools/bench_state_space.py recommend                   # batch 1: a history in, the top 10 out
    tools/bench_state_space.py train                       # one step of Mamba4Rec on RecBole's prefix rows
    tools/bench_state_space.py compare                     # ours beside them, as ratios: a Markdown table
    tools/bench_state_space.py models --device cuda        # the same on a GPU, also beside torch.compile
    tools/bench_state_space.py compile --device cuda       # what models compiles, into the compiler's caches

Needs only torch, of whichever Python runs it; compare and models also the built program. Prints one JSON object a line,
compare and models a table; seconds are medians over --rounds after one round that is not counted. What is timed in one
call takes turns. float32.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # Two programs take turns: neither may spin on the other's core.

import torch
from torch.nn import functional as F

from bench_torch import compiled, models
from bench_torch.compiled import recommend
from bench_torch.ours import MODELS_PROGRAM, Ours
from bench_torch.scans import SCANS, selective_scan
from bench_torch.ssd import ssd
from bench_torch.turns import seconds_of

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
TOLERANCE = 1e-4  # Of float32 values and gradients, relative to the largest of each.


def median_seconds(works, rounds):
    """{name: work} -> {name: median seconds}."""
    seconds = {name: [] for name in works}
    for round in range(rounds + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if round > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def report(**figures):
    print(json.dumps(figures), flush=True)


def relative_error(ours, plain):
    """The worst over pairs of tensors."""
    return max(((a.double() - b.double()).abs().max() / b.abs().max().clamp(min=1e-30)).item()
               for a, b in zip(ours, plain, strict=True))


def run_both_ways(operator, inputs):
    """The output and every gradient of its sum weighted with fixed numbers."""
    leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    output = operator(**leaves)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return [output.detach(), *torch.autograd.grad(output, list(leaves.values()), weights)]


def as_double(inputs):
    return {name: value.double() for name, value in inputs.items()}


# ---- operators ----


def scan_inputs(batch, length, width, state):
    """A and the size of dt are those that Mamba4Rec starts from: dt_bias 0, so dt is around 0.7."""
    def rows(channels, scale=1.0):
        return torch.randn(batch, length, channels) * scale

    return {"x": rows(width), "dt": rows(width, 0.1), "A": -torch.arange(1.0, state + 1).repeat(width, 1),
            "B": rows(state), "C": rows(state), "D": torch.ones(width), "z": rows(width), "dt_bias": torch.zeros(width)}


def bench_scan(arguments):
    shape = {"length": arguments.length, "width": arguments.width, "state": arguments.state}
    small, inputs = scan_inputs(2, **shape), scan_inputs(arguments.batch, **shape)
    plain = run_both_ways(lambda **v: selective_scan("loop", **v), as_double(small))
    works = {name: lambda name=name: run_both_ways(lambda **v: selective_scan(name, **v), inputs)
             for name in arguments.scan}
    errors = {name: relative_error(run_both_ways(lambda **v: selective_scan(name, **v), small), plain)
              for name in works}
    wrong = {name: error for name, error in errors.items() if not error < TOLERANCE}
    if wrong:
        sys.exit(f"bench_state_space scan: not right to {TOLERANCE}: {wrong}")
    for name, median_s in median_seconds(works, arguments.rounds).items():
        report(bench="selective scan, forward and backward", scan=name, batch=arguments.batch, **shape,
               relative_error=errors[name], **timing(arguments), median_s=median_s)


def bench_ssd(arguments):
    rows = (arguments.batch, arguments.length)
    heads = arguments.width // arguments.head_width
    inputs = {"x": torch.randn(*rows, heads, arguments.head_width), "dt": torch.randn(*rows, heads) - 2,
              "A": -torch.empty(heads).uniform_(1, 16), "B": torch.randn(*rows, 1, arguments.state),
              "C": torch.randn(*rows, 1, arguments.state), "D": torch.ones(heads), "dt_bias": torch.zeros(heads)}
    small = {name: value[:2] if value.dim() > 1 else value for name, value in inputs.items()}
    plain = run_both_ways(lambda **v: ssd(**v, chunk=1), as_double(small))  # One step a chunk: the recurrence.
    works, errors = {}, {}
    for chunk in arguments.chunk:
        errors[chunk] = relative_error(run_both_ways(lambda **v: ssd(**v, chunk=chunk), small), plain)
        works[chunk] = lambda chunk=chunk: run_both_ways(lambda **v: ssd(**v, chunk=chunk), inputs)
    for chunk, median_s in median_seconds(works, arguments.rounds).items():
        report(bench="SSD, forward and backward", chunk=chunk, batch=arguments.batch, length=arguments.length,
               heads=heads, head_width=arguments.head_width, state=arguments.state, relative_error=errors[chunk],
               **timing(arguments), median_s=median_s)


# ---- models ----


def bench_recommend(arguments):
    torch.manual_seed(1)
    history = torch.randint(arguments.items, (1, arguments.length))
    works = {}
    for name in arguments.models:
        for scan in arguments.scan if name == "mamba4rec" else [None]:
            model = models.make(name, arguments.items, scan, length=arguments.length).eval()
            works[name, scan] = lambda model=model: recommend(model, history, arguments.top)
    with torch.inference_mode():
        for (name, scan), median_s in median_seconds(works, arguments.rounds).items():
            report(bench="recommend, batch 1", model=name, **({"scan": scan} if scan else {}), items=arguments.items,
                   length=arguments.length, top=arguments.top, **timing(arguments), median_s=median_s)


def bench_train(arguments):
    """At 2048 rows one [B, L, E, N] is 1.7 GB: recomputing holds one, pairs and steps about eight."""
    torch.manual_seed(1)
    lengths = torch.randint(1, arguments.length + 1, (arguments.batch,))
    rows = torch.randint(arguments.items, (arguments.batch, arguments.length))
    rows[torch.arange(arguments.length) >= lengths[:, None]] = arguments.items  # Padded on the right.
    targets = torch.randint(arguments.items, (arguments.batch,))
    works = {}
    for scan in arguments.scan:
        model = models.make("mamba4rec", arguments.items, scan, dropout=0.2, length=arguments.length)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        works[scan] = lambda model=model, optimizer=optimizer: train_step(model, optimizer, rows, lengths, targets)
    for scan, median_s in median_seconds(works, arguments.rounds).items():
        report(bench="training step on prefix rows", model="mamba4rec", scan=scan, rows=arguments.batch,
               length=arguments.length, items=arguments.items, **timing(arguments), median_s=median_s)


def train_step(model, optimizer, rows, lengths, targets):
    last = model(rows)[torch.arange(len(rows)), lengths - 1]
    optimizer.zero_grad()
    F.cross_entropy(model.scores(last), targets).backward()
    optimizer.step()


# ---- ours beside them ----


def paired(rounds, first, second):
    """Both take turns: their median seconds, and the median of the rounds' ratios second / first."""
    pairs = [(first(), second()) for _ in range(rounds + 1)][1:]
    return (*(statistics.median(column) for column in zip(*pairs)), statistics.median(b / a for a, b in pairs))


def compare(arguments):
    ours = Ours(arguments.program, arguments.threads)
    print(f"{arguments.threads} threads, medians of {arguments.rounds} paired rounds\n")
    print("| work | ours, ms | other, ms | times faster |\n|---|---:|---:|---:|")

    def row(name, first, second, rounds=arguments.rounds):
        first_s, second_s, ratio = paired(rounds, first, second)
        print(f"| {name} | {1e3 * first_s:.3f} | {1e3 * second_s:.3f} | {ratio:.2f} |", flush=True)

    history = torch.randint(arguments.items, (1, arguments.length))
    for name in models.MODELS:
        model = models.make(name, arguments.items, "pairs", length=arguments.length).eval()
        work = f"recommend {name} {arguments.items} {arguments.length} {arguments.top}"
        with torch.inference_mode():
            row(f"{name}: recommend, batch 1, {arguments.length} items, against PyTorch eager",
                lambda: ours.seconds(work), lambda: seconds_of(lambda: recommend(model, history, arguments.top)))
    # As a run has it: its threads wait awake for a while, and nothing else wants their cores.
    awake = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    ours = Ours(arguments.program, arguments.threads, environment=awake)
    alone = Ours(arguments.program, 1, environment=awake)
    for name in models.MODELS:
        rows = 64 if name != "hydra4rec" else 4  # Hydra trains on every prefix of a history.
        work = f"train {name} {arguments.items} {arguments.length} {rows}"
        row(f"{name}: training step, against the same with 1 thread", lambda: ours.seconds(work),
            lambda: alone.seconds(work), rounds=min(arguments.rounds, 7))


# ---- right before fast ----


def golden_mixer(case, scan):
    config = dict(case["mixer"])
    config.pop("norm_eps", None)  # The models here know only the usual one.
    kinds = {"mamba4rec": models.MambaMixer, "2mamba4rec": models.Mamba2Mixer, "hydra4rec": models.HydraMixer}
    return kinds[case["model"]](**config, **({"scan": scan} if case["model"] == "mamba4rec" else {}))


def golden_error(golden, case, scan):
    """Worst relative error of states, loss and gradients; every sequence by itself, so that none is padded."""
    mixers = [golden_mixer(case, scan) for _ in range(case["layers"])]
    model = models.Recommender(golden["items"], case["mixer"]["width"], mixers).double()
    expected_gradients = []
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            name = name.replace("layer.", "layer")
            values, gradient = torch.tensor(case["parameters"][name]), torch.tensor(case["gradients"][name])
            if name == "items.weight":
                values, gradient = (F.pad(v, (0, 0, 0, 1)) for v in (values, gradient))  # The padding's row.
            parameter.copy_(values)
            expected_gradients.append(gradient)
    last_only = case["model"] == "hydra4rec"
    hidden = [model(torch.tensor([items[:-1]]))[0] for items in golden["sequences"]]
    hidden = torch.cat([states[-1:] if last_only else states for states in hidden])
    targets = torch.tensor([item for items in golden["sequences"] for item in (items[-1:] if last_only else items[1:])])
    loss = F.cross_entropy(model.scores(hidden), targets, reduction="sum")
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    return relative_error((hidden, loss, *gradients),
                          (torch.tensor(case["hidden"]), torch.tensor(case["loss"]), *expected_gradients))


def check(arguments):
    torch.set_default_dtype(torch.float64)
    golden = json.loads((GOLDEN / "state_space_recommenders.json").read_text())
    worst = 0.0
    for case in golden["cases"]:
        for scan in SCANS if case["model"] == "mamba4rec" else [None]:
            error = golden_error(golden, case, scan)
            worst = max(worst, error)
            report(check=case["model"], layers=case["layers"], **({"scan": scan} if scan else {}),
                   relative_error=error)
    if not worst < 1e-9:
        sys.exit("bench_state_space check: differs from tests/golden/state_space_recommenders.json")


# ---- the command line ----


def timing(arguments):
    return {"threads": arguments.threads, "rounds": arguments.rounds}


def add_numbers(parser, **defaults):
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=f"default {default}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(name, function, scans=None, **numbers):
        added = commands.add_parser(name)
        added.set_defaults(run=function)
        add_numbers(added, threads=os.cpu_count(), **numbers)
        if scans:
            added.add_argument("--scan", nargs="+", choices=SCANS, default=scans, help=f"default {' '.join(scans)}")
        return added

    command("check", check)
    command("scan", bench_scan, scans=list(SCANS), batch=64, length=200, width=128, state=32, rounds=3)
    added = command("ssd", bench_ssd, batch=64, length=200, width=128, head_width=64, state=64, rounds=5)
    added.add_argument("--chunk", type=int, nargs="+", default=[64], help="default 64")
    added = command("recommend", bench_recommend, scans=["pairs"], items=3416, length=200, top=10, rounds=50)
    added.add_argument("--models", nargs="+", choices=models.MODELS, default=models.MODELS)
    added = command("compare", compare, items=3416, length=200, top=10, rounds=30)
    added.add_argument("--program", default=MODELS_PROGRAM)
    for name, function in (("models", compiled.compare), ("compile", compiled.only_compile)):
        added = command(name, function, items=3417, length=200, top=10, rounds=9, times=5, compile_seconds=60,
                        limit_seconds=4)
        added.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
        added.add_argument("--rows", type=int, nargs="+", default=[64, 512], help="histories of a batch: default 64 512")
        added.add_argument("--models", nargs="+", choices=models.MODELS, default=models.MODELS)
        added.add_argument("--works", nargs="+", choices=["recommend", "train"], default=["recommend", "train"])
        added.add_argument("--mode", help="of torch.compile")
        added.add_argument("--program", default=MODELS_PROGRAM)
    command("train", bench_train, scans=["recomputing"], batch=2048, length=50, items=1349, rounds=3)
    return parser.parse_args()


def main():
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
