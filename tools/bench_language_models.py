#!/usr/bin/env python3
"""Prefill and decode of our language models beside transformers' eager ones of the same shape, as ratios.

    tools/bench_language_models.py                      # GPT-2 117M and Mamba-2 130M, random weights
    tools/bench_language_models.py --models llama-int8  # ours with projections of 8 bits, theirs of 32
    tools/bench_language_models.py --models gpt2 llama --rounds 9 --threads 1
    tools/bench_language_models.py --gpu                # 7B LoRA and decoding, 1.3B ORPO, on a GPU: bench_large_models.py

Needs torch, transformers (pip install transformers==5.23.0) and the built build/bin/bench_language_models. The two take
turns; figures are medians over --rounds after one round that is not counted. float32, batch 1. Prints a Markdown table.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

from bench_torch.ours import Ours

os.environ["HF_HUB_OFFLINE"] = "1"

PROGRAM = Path(__file__).resolve().parent.parent / "build" / "bin" / "bench_language_models"
MODELS = {  # Of the module transformers.
    "gpt2": lambda hf: hf.GPT2LMHeadModel(hf.GPT2Config(attn_implementation="eager")),
    "mamba2": lambda hf: hf.Mamba2ForCausalLM(hf.Mamba2Config(
        vocab_size=50288, hidden_size=768, num_hidden_layers=24, state_size=128, head_dim=64, num_heads=24, n_groups=1)),
    "llama": lambda hf: hf.LlamaForCausalLM(hf.LlamaConfig(
        vocab_size=32000, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=2048,
        max_position_embeddings=1024, attn_implementation="eager")),
}


def prompt_of(tokens):
    import torch

    return torch.tensor([[37 * i % 1000 for i in range(tokens)]])


def theirs(model, kind, tokens):
    import torch

    @torch.no_grad()
    def prefill():
        model(prompt_of(tokens), use_cache=True, logits_to_keep=1)

    @torch.no_grad()
    def decode():
        prompt = prompt_of(8)
        model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, min_new_tokens=tokens,
                       max_new_tokens=tokens, pad_token_id=0)

    return prefill if kind == "prefill" else decode


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["gpt2", "gpt2-int8", "gpt2-nf4", "mamba2"])
    parser.add_argument("--prefill", type=int, default=256, help="tokens of the prompt")
    parser.add_argument("--decode", type=int, default=32, help="tokens written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--gpu", nargs="?", const="cuda", choices=["cuda", "cpu"],
                        help="large models on a GPU instead; cpu: toy shapes, to see that it runs")
    arguments = parser.parse_args()
    if arguments.gpu:
        import bench_large_models

        bench_large_models.main(arguments.gpu)
        return
    import torch
    import transformers

    torch.set_num_threads(arguments.threads)
    ours = Ours(PROGRAM, arguments.threads)
    print(f"{arguments.threads} threads, batch 1, float32, medians of {arguments.rounds} rounds\n")
    print("| model | work | ours, tokens/s | transformers, tokens/s | ratio |\n|---|---|---:|---:|---:|")
    for name in arguments.models:
        model = MODELS[name.split("-")[0]](transformers).eval()
        for kind, tokens in (("prefill", arguments.prefill), ("decode", arguments.decode)):
            work = theirs(model, kind, tokens)
            pairs = [(ours.seconds(f"{kind} {name} {tokens}"), seconds_of(work))
                     for _ in range(arguments.rounds + 1)][1:]
            mine, other = (tokens / statistics.median(column) for column in zip(*pairs))
            print(f"| {name} | {kind} {tokens} | {mine:.1f} | {other:.1f} | {mine / other:.2f} |", flush=True)


if __name__ == "__main__":
    main()
