#!/usr/bin/env python3
"""Our Llama (110M, random weights) beside llama.cpp's of the same shape on the CPU: prefill and decode, tokens a second.

    tools/bench_llama_cpp.py --rounds 5

Needs the built build/bin/bench_language_models. llama.cpp comes as the package llama-cpp-python, which is compiled into a
virtual environment of its own (ten minutes) when it is missing. The two take turns; medians. Batch 1, the same layers in few
bits in both; embeddings and the output layer are float32 in both.
"""

import argparse
import ctypes
import os
import statistics
import tempfile
import time
from pathlib import Path

from bench_torch.ours import Ours
from own_venv import enter_venv

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ["numpy", "gguf==0.19.0", "llama-cpp-python==0.3.36"]
VOCABULARY, WIDTH, LAYERS, HEADS, INNER, CONTEXT = 32000, 768, 12, 12, 2048, 1024
LAYER_WEIGHTS = {"attn_q": (WIDTH, WIDTH), "attn_k": (WIDTH, WIDTH), "attn_v": (WIDTH, WIDTH), "attn_output": (WIDTH, WIDTH),
                 "ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
FORMATS = {"llama": "F32", "llama-int8": "Q8_0", "llama-nf4": "Q4_0"}  # Ours, and llama.cpp's of as many bits.


def write_model(path, format):
    import gguf
    import numpy as np

    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("no_vocab")

    def add(name, shape, kind="F32"):
        weight = (0.02 * random.standard_normal(shape)).astype(np.float32) if len(shape) > 1 else np.ones(shape, np.float32)
        kind = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(weight, kind), raw_dtype=kind)

    add("token_embd", (VOCABULARY, WIDTH))
    for layer in range(LAYERS):
        add(f"blk.{layer}.attn_norm", (WIDTH,))
        add(f"blk.{layer}.ffn_norm", (WIDTH,))
        for name, shape in LAYER_WEIGHTS.items():
            add(f"blk.{layer}.{name}", shape, format)
    add("output_norm", (WIDTH,))
    add("output", (VOCABULARY, WIDTH))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class LlamaCpp:
    def __init__(self, path, threads):
        import llama_cpp

        self.api = llama_cpp
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx, settings.n_batch, settings.n_threads, settings.n_threads_batch = CONTEXT, CONTEXT, threads, threads
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        if not self.context:
            raise SystemExit(f"bench_llama_cpp: llama.cpp cannot load {path}")

    def read(self, tokens):
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        if self.api.llama_decode(self.context, self.api.llama_batch_get_one(array, len(tokens))) != 0:
            raise SystemExit("bench_llama_cpp: llama_decode failed")

    def likeliest(self):
        import numpy as np

        logits = self.api.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(logits, (VOCABULARY,)).argmax())

    def seconds(self, kind, tokens):
        self.api.llama_memory_clear(self.api.llama_get_memory(self.context), True)
        start = time.perf_counter()
        self.read([37 * i % 1000 for i in range(tokens if kind == "prefill" else 8)])
        for _ in range(tokens if kind == "decode" else 0):
            self.read([self.likeliest()])
        return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-llama-cpp", help="llama.cpp's virtual environment")
    parser.add_argument("--prefill", type=int, default=256, help="tokens of the prompt")
    parser.add_argument("--decode", type=int, default=32, help="tokens written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    enter_venv(arguments.venv, REQUIREMENTS)
    import llama_cpp
    silent = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    ours = Ours(ROOT / "build" / "bin" / "bench_language_models", arguments.threads)
    print(f"{arguments.threads} threads, batch 1, medians of {arguments.rounds} rounds\n")
    print("| model | work | ours, tokens/s | llama.cpp, tokens/s | ours / theirs |\n|---|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, format in FORMATS.items():
            path = Path(folder) / f"{format}.gguf"
            write_model(path, format)
            theirs = LlamaCpp(path, arguments.threads)
            for kind, tokens in (("prefill", arguments.prefill), ("decode", arguments.decode)):
                pairs = [(ours.seconds(f"{kind} {name} {tokens}"), theirs.seconds(kind, tokens))
                         for _ in range(arguments.rounds + 1)][1:]
                mine, other = (tokens / statistics.median(column) for column in zip(*pairs))
                print(f"| {name}, {format} | {kind} {tokens} | {mine:.1f} | {other:.1f} | {mine / other:.2f} |", flush=True)


if __name__ == "__main__":
    main()
