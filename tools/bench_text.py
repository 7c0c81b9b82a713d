#!/usr/bin/env python3
"""BM25 and tokenizers on titles: ours (bench_text) beside bm25s, rank_bm25, tokenizers and sentencepiece, in one run.

    tools/bench_text.py                                     # 211,452 titles, 5,000 queries of eight words
    tools/bench_text.py --tokenizers FOLDER ...             # with vocabularies of GPT-2 or Llama 2 besides
    tools/bench_text.py --titles 20000 --rounds 1

Each program runs in turns in a process of its own and on one core. Figures are of CPU seconds, which neighbours on the
machine do not lengthen. The packages live in a virtual environment, which this script makes when it is missing.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from own_venv import enter_venv

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ["bm25s==0.3.16", "rank-bm25==0.2.2", "tokenizers==0.23.3", "sentencepiece==0.2.3", "numpy"]
BEST = 20
RANK_BM25_QUERIES = 20  # It takes about a second a query.


def cost(work):
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


# ---- the packages: the same texts, the same steps ----


def terms_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def measure_bm25s(titles, queries):
    import bm25s

    def index():
        made = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        made.index([terms_of(title) for title in titles], show_progress=False)
        return made

    made, index_s = cost(index)
    _, search_s = cost(lambda: made.retrieve([terms_of(query) for query in queries], k=BEST, show_progress=False,
                                             n_threads=0))
    return {"index_cpu_s": index_s, "queries_per_cpu_s": len(queries) / search_s}


def measure_rank_bm25(titles, queries):
    import numpy
    import rank_bm25

    made, index_s = cost(lambda: rank_bm25.BM25Okapi([terms_of(title) for title in titles], k1=1.2, b=0.75))
    queries = queries[:RANK_BM25_QUERIES]
    _, search_s = cost(lambda: [numpy.argpartition(-made.get_scores(terms_of(query)), BEST) for query in queries])
    return {"index_cpu_s": index_s, "queries_per_cpu_s": len(queries) / search_s}


def measure_tokenizer(folder: Path, titles):
    if (folder / "tokenizer.model").exists():
        import sentencepiece
        package, encode = "sentencepiece", sentencepiece.SentencePieceProcessor(
            model_file=str(folder / "tokenizer.model")).encode
    else:
        import tokenizers
        package = "tokenizers"
        if (folder / "tokenizer.json").exists():
            made = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        else:
            made = tokenizers.ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
        batch = made.encode_batch_fast if hasattr(made, "encode_batch_fast") else made.encode_batch
        encode = lambda texts: [x.ids for x in batch(texts, add_special_tokens=False)]
    tokens, encode_s = cost(lambda: sum(map(len, encode(titles))))
    return {"package": package, "tokens": tokens, "tokens_per_cpu_s": tokens / encode_s}


def measure_packages(folder: Path, tokenizers: list[Path]) -> dict:
    titles, queries = ((folder / name).read_text().splitlines() for name in ("titles.txt", "queries.txt"))
    trained = sorted(folder.glob("trained-*"))
    return {"bm25s": measure_bm25s(titles, queries), "rank_bm25": measure_rank_bm25(titles, queries),
            "tokenizers": {str(place): measure_tokenizer(place, titles) for place in [*trained, *tokenizers]}}


# ---- the comparison ----


def report(ours: list[dict], theirs: list[dict]) -> str:
    """Markdown: medians over the rounds; the last column is the median of the rounds' ratios."""
    def row(name, mine, other, slower):
        ratio = statistics.median((b / a if slower else a / b) for a, b in zip(mine, other))
        digits = 2 if slower else 0
        return f"| {name} | {statistics.median(mine):,.{digits}f} | {statistics.median(other):,.{digits}f} | {ratio:.1f} |"

    search = [run["search"] for run in ours]
    searched = [run["searches"][0] for run in search]
    lines = [f"{search[0]['titles']:,} titles", "", "| | ours | package | times faster |", "| --- | ---: | ---: | ---: |"]
    for package in ("bm25s", "rank_bm25"):
        lines.append(row(f"index, CPU s: {package}", [run["index_cpu_s"] for run in search],
                         [run[package]["index_cpu_s"] for run in theirs], True))
        lines.append(row(f"queries a CPU second: {package}", [run["queries_per_cpu_s"] for run in searched],
                         [run[package]["queries_per_cpu_s"] for run in theirs], False))
    for place, first in theirs[0]["tokenizers"].items():
        mine, other = ([run["tokenizers"][place] for run in runs] for runs in (ours, theirs))
        assert mine[0]["tokens"] == first["tokens"], f"{place}: {mine[0]['tokens']} tokens, {first['tokens']} by the package"
        lines.append(row(f"tokens a CPU second, {Path(place).name}: {first['package']}",
                         [run["tokens_per_cpu_s"] for run in mine], [run["tokens_per_cpu_s"] for run in other], False))
    for place, run in ours[0]["tokenizers"].items():
        if "train_cpu_s" in run:
            lines.append(f"\n{Path(place).name}: {run['size']:,} entries learnt in {run['train_cpu_s']:.2f} CPU s")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=int, default=211_452)
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokenizers", type=Path, nargs="*", default=[], help="folders of tokenizers")
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "bin" / "bench_text")
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "bench_text", help="where files go")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-text")
    parser.add_argument("--packages", action="store_true", help=argparse.SUPPRESS)  # A run of the packages alone.
    arguments = parser.parse_args()
    enter_venv(arguments.venv, REQUIREMENTS)
    folder = arguments.folder / f"{arguments.titles}-{arguments.queries}"
    if arguments.packages:
        print(json.dumps(measure_packages(folder, arguments.tokenizers)))
        return
    def printed(command):
        alone = dict(os.environ, OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")
        return json.loads(subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, env=alone).stdout)

    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([arguments.program, "make", folder, str(arguments.titles), str(arguments.queries)], check=True)
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        ours.append(printed([arguments.program, "run", folder, *arguments.tokenizers]))
        theirs.append(printed([sys.executable, __file__, *sys.argv[1:], "--packages"]))
    print(report(ours, theirs))


if __name__ == "__main__":
    main()
