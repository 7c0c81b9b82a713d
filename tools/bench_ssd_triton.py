#!/usr/bin/env python3
"""Mamba-2's operator, ours beside the Triton kernels of mamba_ssm: forward and all gradients, on a GPU.

    tools/bench_ssd_triton.py --mamba-ssm FOLDER       # FOLDER/mamba_ssm/ops/triton: from github.com/state-spaces/mamba

Needs torch, triton, einops and the built program, but not mamba_ssm's compiled extensions: only its Triton files are
loaded. Their float32 products are TF32's (TRITON_F32_DEFAULT=ieee: float32's); they are also timed with x, B and C in
bfloat16, as they are mostly used. What each is right to is told first, against float64, relative to the largest number
of the output or gradient. Prints Markdown; medians of rounds in which all take turns.
"""

import argparse
import functools
import sys
from pathlib import Path

import torch

from bench_torch.ssd import ssd
from bench_torch.ours import MODELS_PROGRAM, Ours
from bench_torch.turns import device_name, seconds_of, table_head, table_row

# Sequences, length, heads, width of a head, state: of our recommenders, then of the 130M language model.
SHAPES = [(64, 200, 2, 64, 64), (256, 200, 2, 64, 64), (8, 1024, 24, 64, 128), (8, 2048, 24, 64, 128)]


def inputs(shape, device):
    batch, length, heads, width, state = shape
    torch.manual_seed(1)
    values = {"x": torch.randn(batch, length, heads, width), "dt": torch.randn(batch, length, heads) - 2,
              "A": -torch.empty(heads).uniform_(1, 16), "B": torch.randn(batch, length, 1, state),
              "C": torch.randn(batch, length, 1, state), "D": torch.ones(heads), "dt_bias": torch.zeros(heads)}
    return {name: value.to(device) for name, value in values.items()}


def both_ways(operator, values, y_gradient):
    """The output and every gradient."""
    leaves = {name: value.detach().requires_grad_() for name, value in values.items()}
    output = operator(**leaves)
    return [output.detach(), *torch.autograd.grad(output, list(leaves.values()), y_gradient)]


def as_bfloat16(values):
    return {name: value.bfloat16() if name in ("x", "B", "C") else value for name, value in values.items()}


def prepared(prepare, values, y_gradient):
    values = prepare(values)
    return values, y_gradient.to(values["x"].dtype)


def load_peer(folder, tune_ms):
    """Without mamba_ssm/__init__.py, which would load compiled extensions."""
    package = type(sys)("mamba_ssm")
    package.__path__ = [str(Path(folder) / "mamba_ssm")]
    sys.modules["mamba_ssm"] = package
    import triton
    from mamba_ssm.ops.triton import ssd_combined
    timer = functools.partial(triton.testing.do_bench, warmup=tune_ms, rep=4 * tune_ms)
    triton.runtime.driver.active.get_benchmarker = lambda: timer  # What chooses among their configurations.
    return ssd_combined.mamba_chunk_scan_combined


def peers(peer, chunks):
    """{name: (function of inputs, function that prepares them)}"""
    def run(x, dt, A, B, C, D, dt_bias, chunk):
        return peer(x, dt, A, B, C, chunk, D=D, dt_bias=dt_bias, dt_softplus=True)

    found = {"eager": (ssd, dict)}
    for chunk in chunks:
        operator = functools.partial(run, chunk=chunk)
        found[f"Triton TF32 /{chunk}"] = (operator, dict)
        found[f"Triton bfloat16 /{chunk}"] = (operator, as_bfloat16)
    return found


def relative_errors(operator, prepare, shape, device):
    """The largest, and of which: y or a gradient."""
    values = inputs((min(16, shape[0]), *shape[1:]), device)
    y_gradient = torch.randn_like(values["x"])
    exact = both_ways(ssd, {name: value.double() for name, value in values.items()}, y_gradient.double())
    found = both_ways(operator, *prepared(prepare, values, y_gradient))
    errors = {name: ((a.double() - b).abs().max() / b.abs().max()).item()
              for name, a, b in zip(["y", *("d" + name for name in values)], found, exact, strict=True)}
    worst = max(errors, key=errors.get)
    return f"y {errors['y']:.1e}, worst {worst} {errors[worst]:.1e}"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mamba-ssm", metavar="FOLDER", help="that holds mamba_ssm; without: only ours and eager")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--chunk", type=int, nargs="+", default=[256], help="of the peer: default 256, as its Mamba2")
    parser.add_argument("--shapes", type=int, nargs="+", default=range(len(SHAPES)), help=f"of {SHAPES}")
    for name, default in {"rounds": 9, "times": 5, "threads": 2, "tune_ms": 5}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=f"default {default}")
    parser.add_argument("--program", default=MODELS_PROGRAM)
    return parser.parse_args()


def main():
    arguments = parse()
    device = arguments.device
    works = {"eager": (ssd, dict)}
    if arguments.mamba_ssm:
        works = peers(load_peer(arguments.mamba_ssm, arguments.tune_ms), arguments.chunk)
    shapes = [SHAPES[i] for i in arguments.shapes]
    print(f"{device_name(device)}, torch {torch.__version__}; B x L, H heads of P, N states\n")
    for name, (operator, prepare) in works.items():
        for shape in dict.fromkeys((shapes[0], shapes[-1])):
            try:
                print(f"- {name}, {shape}: {relative_errors(operator, prepare, shape, device)}", flush=True)
            except Exception as error:  # Its column says failed.
                print(f"- {name}, {shape}: {type(error).__name__}: {' '.join(str(error).split())[:200]}", flush=True)
    table_head("ours", *works)
    ours = Ours(arguments.program, arguments.threads, device, arguments.times)
    for shape in shapes:
        timers = {"ours": lambda: ours.seconds("ssd " + " ".join(map(str, shape)))}
        values = inputs(shape, device)
        y_gradient = torch.randn_like(values["x"])
        for name, (operator, prepare) in works.items():
            work = functools.partial(both_ways, operator, *prepared(prepare, values, y_gradient))
            timers[name] = functools.partial(seconds_of, work, device, arguments.times)
        batch, length, heads, width, state = shape
        table_row(f"{batch} x {length}, {heads} of {width}, {state}", timers, arguments.rounds, limit_s=4)


if __name__ == "__main__":
    main()
