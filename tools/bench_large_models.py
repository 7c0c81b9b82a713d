"""What tools/bench_language_models.py --gpu does: build/bin/bench_large_models, then the same in transformers and peft on
the same GPU: bfloat16 models with random weights, sdpa attention, gradient checkpointing. The ORPO step is TRL's: both
answers behind their own copy of the prompt, float32, torch's fused AdamW. A part that fails is told, the rest goes on.
"""

import gc
import subprocess
import sys
import time
import traceback
from pathlib import Path

import peft
import torch
import transformers
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

    def row(self, name, what, speed):
        peak = "-"
        if self.device == "cuda":
            peak = f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB ({torch.cuda.max_memory_reserved() / 1e9:.1f} reserved)"
        print(f"| transformers | {name} | {what} | {speed} | {peak} |", flush=True)

    def train(self, name, what, model, loss, tokens):
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3, fused=True)

        def step():
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

        step()
        self.reset_peak()
        self.row(name, what, f"{tokens / self.seconds(step, 3):.0f} tokens/s")

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
        torch.backends.cuda.matmul.allow_tf32 = tf32
        model = self.model(self.middle, torch.float32)
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()
        prompts = self.text(2, self.tokens)
        answers = torch.tensor([[65], [66], [66], [67]], device=self.device)  # Chosen, then rejected.
        texts = torch.cat([torch.cat([prompts, prompts]), answers], 1)

        def loss():
            logits = model(input_ids=texts, use_cache=False).logits[:, :-1]
            log_p = logits[:, -1].log_softmax(-1).gather(1, answers).squeeze(1)
            chosen, rejected = log_p[:2], log_p[2:]
            nll = torch.nn.functional.cross_entropy(logits[:2].flatten(0, 1), texts[:2, 1:].flatten())
            odds = (chosen - rejected) - (torch.log1p(-chosen.exp()) - torch.log1p(-rejected.exp()))
            return nll - 0.1 * torch.nn.functional.logsigmoid(odds).mean()

        self.train("1.3B, f32" + (" with TF32 products" if tf32 else ""), "ORPO", model, loss, prompts.numel())


def main(device):
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}\n")
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
