"""Ours, in a process of its own, and works in PyTorch, timed in turns on one device."""

import os
import statistics
import time

import torch


def synchronize(device):
    if device != "cpu":
        torch.cuda.synchronize()


def seconds_of(work, device="cpu", times=1):
    """Of one of so many, all of the device's work in them."""
    synchronize(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    synchronize(device)
    return (time.perf_counter() - start) / times


def in_turns(timers, rounds, limit_s=float("inf")):
    """{name: function that returns seconds} -> {name: seconds of each round}, and of those whose first call raises instead
    {name: why}. One round is not counted; after limit_s and 3 rounds no more are begun."""
    seconds, failures = {}, {}
    for name, timer in timers.items():
        try:
            timer()
            seconds[name] = []
        except Exception as error:  # Whatever a compiler throws: the others are still to be timed.
            failures[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:90]}"
    start = time.perf_counter()
    for round in range(rounds):
        if round >= 3 and time.perf_counter() - start > limit_s:
            break
        for name in seconds:
            seconds[name].append(timers[name]())
    return seconds, failures


def table_head(first, *others):
    names = "".join(f" {name}, ms |" for name in (first, *others)) + "".join(f" {o} / {first} |" for o in others)
    print(f"\n| work |{names}\n|---|{'---:|' * (1 + 2 * len(others))}", flush=True)


def table_row(work, timers, rounds, limit_s=float("inf")):
    """Median milliseconds of each, and the median of the rounds' ratios to the first."""
    seconds, failures = in_turns(timers, rounds, limit_s)
    first, *others = timers
    cells = [f"{1e3 * statistics.median(seconds[name]):.3f}" if name in seconds else f"failed: {failures[name]}"
             for name in timers]
    for other in others:
        both = first in seconds and other in seconds
        ratios = [b / a for a, b in zip(seconds[first], seconds[other])] if both else []
        cells.append(f"{statistics.median(ratios):.2f}" if ratios else "–")
    print("| " + " | ".join([work, *cells]).replace("\n", " ") + " |", flush=True)


def device_name(device):
    return torch.cuda.get_device_name() if device != "cpu" else f"{os.cpu_count()} CPUs"
