"""What tools/bench_language_models.py --gpu does: build/bin/bench_large_models, then the same in transformers and peft on
the same GPU: bfloat16 models with random weights, sdpa attention, gradient checkpointing. The ORPO step is TRL's loss: both
answers behind their own copy of the prompt, float32, torch's fused AdamW. A part that fails is told, the rest goes on.
"""

import gc
import os
import subprocess
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import peft
import torch
from transformers import LlamaConfig, LlamaForCausalLM

PROGRAM = Path(__file__).resolve().parent.parent / "build" / "bin" / "bench_large_models"


class Bench:
    def __init__(self, device):
        self.device = device
        gpu = device == "cuda"
        self.large = (32, 4096, 11008, 32, 32000) if gpu else (2, 128, 352, 4, 300)
        self.middle = (24, 2048, 5504, 16, 32000) if gpu else (2, 64, 176, 4, 300)
        self.tokens, self.written = (1024, 64) if gpu else (64, 4)

    def model(self, shape, dtype):
        layers, width, inner, heads, vocabulary = shape
        config = LlamaConfig(num_hidden_layers=layers, hidden_size=width, intermediate_size=inner, num_attention_heads=heads,
                             vocab_size=vocabulary, max_position_embeddings=2048, attn_implementation="sdpa")
        torch.set_default_dtype(dtype)
        try:
            with torch.device(self.device):
                return LlamaForCausalLM(config)
        finally:
            torch.set_default_dtype(torch.float32)

    def text(self, count, tokens):
        return torch.tensor([[37 * i % 251 for i in range(tokens)]] * count, device=self.device)

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def seconds(self, work, times):
        self.wait()
        start = time.perf_counter()
        for _ in range(times):
            work()
        self.wait()
        return (time.perf_counter() - start) / times

    def reset_peak(self):
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def row(self, name, what, speed, who="transformers"):
        peak = "-"
        if self.device == "cuda":
            peak = f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB ({torch.cuda.max_memory_reserved() / 1e9:.1f} reserved)"
        print(f"| {who} | {name} | {what} | {speed} | {peak} |", flush=True)

    def train(self, name, what, model, loss, tokens, who="transformers"):
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3, fused=True)

        def step():
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

        step()
        self.reset_peak()
        self.row(name, what, f"{tokens / self.seconds(step, 3):.0f} tokens/s", who)

    def lora_and_decoding(self):
        model = self.model(self.large, torch.bfloat16)
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model = peft.get_peft_model(model, peft.LoraConfig(r=8, lora_alpha=32, lora_dropout=0.05, target_modules=["q_proj", "v_proj"]))
        model.enable_input_require_grads()
        model.train()
        texts = self.text(2, self.tokens)
        self.train("7B, bf16", "LoRA", model, lambda: model(input_ids=texts, labels=texts, use_cache=False).loss, texts.numel())
        model.gradient_checkpointing_disable()
        model.eval()
        prompt = self.text(1, 128)

        def write(tokens):
            with torch.no_grad():
                model.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                               min_new_tokens=tokens, max_new_tokens=tokens, pad_token_id=0, use_cache=True)

        write(2)
        self.reset_peak()
        first = self.seconds(lambda: write(1), 2)
        every = self.seconds(lambda: write(1 + self.written), 2)
        self.row("7B, bf16", "decoding", f"{1e3 * (every - first) / self.written:.2f} ms/token")

    def orpo(self, tf32):
        os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
        from trl.experimental.orpo import ORPOTrainer

        torch.backends.cuda.matmul.allow_tf32 = tf32
        model = self.model(self.middle, torch.float32)
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.config.use_cache = False
        model.train()
        prompts = self.text(2, self.tokens)
        batch = {}
        for side, answers in (("chosen", [[65], [66]]), ("rejected", [[66], [67]])):
            texts = torch.cat([prompts, torch.tensor(answers, device=self.device)], 1)
            batch |= {f"{side}_input_ids": texts, f"{side}_attention_mask": torch.ones_like(texts),
                      f"{side}_labels": torch.cat([torch.full_like(prompts, -100), texts[:, -1:]], 1)}
        trl = object.__new__(ORPOTrainer)  # Its arithmetic without its data loaders.
        trl.beta, trl.is_encoder_decoder, trl.aux_loss_enabled, trl.padding_value = 0.1, False, False, 0
        trl.accelerator = SimpleNamespace(device=self.device, gather_for_metrics=lambda values: values)
        name = "1.3B, f32" + (" with TF32 products" if tf32 else "")
        self.train(name, "ORPO", model, lambda: trl.get_batch_loss_metrics(model, batch)[0], prompts.numel(), "TRL")


def main(device):
    versions = [f"{name} {version(name)}" for name in ("torch", "transformers", "peft", "trl")]
    print(", ".join(versions) + "\n")
    print("| who | model | work | speed | most memory |\n|---|---|---|---|---|", flush=True)
    failed = subprocess.run([PROGRAM, device], check=False).returncode != 0
    bench = Bench(device)
    for part in (bench.lora_and_decoding, lambda: bench.orpo(False), lambda: bench.orpo(True)):
        try:
            part()
        except Exception:  # A part that fails must not end the rest.
            traceback.print_exc()
            failed = True
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
    sys.exit(1 if failed else 0)
