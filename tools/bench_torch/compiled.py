"""Our recommenders beside PyTorch eager and torch.compile of the same models, on one device.

A training step is on histories of `length` items, with a loss at every position and Adam; of hydra4rec on all prefixes
of a 16th of them, with a loss at the last item, which PyTorch pads to `length` and ours lays end to end.
"""

import signal
from contextlib import contextmanager

import torch
from torch._functorch import config as functorch_config
from torch.nn import functional as F

from . import models
from .ours import Ours
from .turns import device_name, seconds_of, table_head, table_row


@contextmanager
def at_most(seconds):
    """Raises TimeoutError in what takes longer."""
    def stop(*_):
        raise TimeoutError(f"not compiled in {seconds} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def compiled(function, mode):
    functorch_config.force_non_lazy_backward_lowering = True  # In this thread, which at_most() can stop.
    return torch.compile(function, dynamic=False, mode=mode)


def recommend(model, history, top):
    """Items of the history are not recommended again."""
    scores = model.scores(model(history)[:, -1])
    return scores.scatter(1, history, -torch.inf).topk(top)


def recommendation(name, arguments, compiling):
    """From a history on the host to a list on the host, as ours."""
    with torch.device(arguments.device):
        model = models.make(name, arguments.items, "pairs", length=arguments.length).eval()
    history = torch.randint(arguments.items, (1, arguments.length))
    function = compiled(recommend, arguments.mode) if compiling else recommend

    def work():
        with torch.inference_mode():
            return [v.cpu() for v in function(model, history.to(arguments.device), arguments.top)]
    return work


def loss_of_positions(model, rows, targets):
    return F.cross_entropy(model.scores(model(rows).flatten(0, 1)), targets.flatten())


def loss_of_last(model, rows, lengths, targets):
    last = model(rows)[torch.arange(len(rows), device=rows.device), lengths - 1]
    return F.cross_entropy(model.scores(last), targets)


def prefixes(histories, items):
    """All prefixes of each, padded on the right, and their lengths."""
    length = histories.shape[1]
    lengths = torch.arange(1, length + 1, device=histories.device).repeat(len(histories))
    rows = histories.repeat_interleave(length, dim=0)
    later = torch.arange(length, device=rows.device) >= lengths[:, None]
    return rows.masked_fill(later, items), lengths


def training(name, histories, arguments, compiling):
    with torch.device(arguments.device):
        model = models.make(name, arguments.items, "pairs", dropout=0.2, length=arguments.length)
        sequences = torch.randint(arguments.items, (histories, arguments.length + 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=arguments.device != "cpu")
    rows, targets, loss = sequences[:, :-1], sequences[:, 1:], loss_of_positions
    inputs = (rows.contiguous(), targets.contiguous())
    if name == "hydra4rec":
        inputs, loss = (*prefixes(rows, arguments.items), targets.flatten()), loss_of_last
    function = compiled(loss, arguments.mode) if compiling else loss

    def work():
        optimizer.zero_grad()
        function(model, *inputs).backward()
        optimizer.step()
    return work


def histories_of(name, rows):
    return rows if name != "hydra4rec" else max(1, rows // 16)


def works(name, arguments):
    """(what it is, our line, function that makes PyTorch's)"""
    if "recommend" in arguments.works:
        yield (f"{name}: recommend, batch 1, {arguments.length} items",
               f"recommend {name} {arguments.items} {arguments.length} {arguments.top}",
               lambda compiling: recommendation(name, arguments, compiling))
    for rows in arguments.rows if "train" in arguments.works else []:
        count = histories_of(name, rows)
        yield (f"{name}: training step, {count} x {arguments.length} items",
               f"train {name} {arguments.items} {arguments.length} {count}",
               lambda compiling, count=count: training(name, count, arguments, compiling))


class Lazy:
    """Makes a work and does it once at the first call, in a budget; then times it."""

    def __init__(self, make, arguments, budget_s=None):
        self.make, self.arguments, self.budget_s, self.work = make, arguments, budget_s, None

    def __call__(self):
        if self.work is None:
            work = self.make()
            if self.budget_s:
                with at_most(self.budget_s):
                    work()
            self.work = work
        return seconds_of(self.work, self.arguments.device, self.arguments.times)


def compare(arguments):
    torch.manual_seed(1)
    columns = ["ours", "eager"] + (["compiled"] if arguments.compile_seconds else [])
    print(f"{device_name(arguments.device)}, torch {torch.__version__}, float32, medians of {arguments.rounds} rounds"
          f" of {arguments.times}")
    table_head(*columns)
    ours = Ours(arguments.program, arguments.threads, arguments.device, arguments.times)
    for name in arguments.models:
        for text, line, make in works(name, arguments):
            timers = {"ours": lambda: ours.seconds(line), "eager": Lazy(lambda: make(False), arguments)}
            if arguments.compile_seconds:
                timers["compiled"] = Lazy(lambda: make(True), arguments, arguments.compile_seconds)
            table_row(text, timers, arguments.rounds, arguments.limit_seconds)
            release(timers, arguments.device)


def release(timers, device):
    timers.clear()
    torch.compiler.reset()
    if device != "cpu":
        torch.cuda.empty_cache()


def only_compile(arguments):
    """Fills the compiler's caches, which lie in TORCHINDUCTOR_CACHE_DIR, so that compare finds all of it."""
    for name in arguments.models:
        for text, _, make in works(name, arguments):
            try:
                seconds = seconds_of(Lazy(lambda: make(True), arguments, arguments.compile_seconds), arguments.device)
                print(f"compiled in {seconds:.1f} s: {text}", flush=True)
            except Exception as error:  # compare tells it in its column.
                print(f"not compiled: {text}: {type(error).__name__}", flush=True)
            torch.compiler.reset()
