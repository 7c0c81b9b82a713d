"""Makes or reads a language model's folder with transformers (5.23.0), or PEFT's adapters (0.21.2), for folder_test.cc.

  language_model_folder.py make FOLDER gpt2|llama|mamba2   a small random one, in two shards
  language_model_folder.py logits FOLDER [ADAPTERS]        prints the last logits of a text, with adapters if given
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import (AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM,
                          Mamba2Config, Mamba2ForCausalLM)

TEXT = [5, 9, 2, 7, 7, 11, 0]
MODELS = {
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=300, n_positions=32, n_embd=8, n_layer=2, n_head=2)),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(
        vocab_size=300, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64)),
    "mamba2": lambda: Mamba2ForCausalLM(Mamba2Config(
        vocab_size=300, hidden_size=8, num_hidden_layers=2, state_size=4, expand=2, head_dim=4, num_heads=4,
        n_groups=2, chunk_size=4)),
}


def logits(model):
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([TEXT])).logits[0, -1].tolist()


def main():
    task, folder = sys.argv[1:3]
    torch.manual_seed(1)
    if task == "make":
        model = MODELS[sys.argv[3]]()
        model.save_pretrained(folder, max_shard_size="6KB")
    else:
        model = AutoModelForCausalLM.from_pretrained(folder)
        if len(sys.argv) > 3:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, sys.argv[3])
    with open(os.path.join(folder, "logits.json"), "w") as file:
        json.dump(logits(model), file)


if __name__ == "__main__":
    main()
