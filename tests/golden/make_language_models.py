"""Writes language_models.json: GPT-2, Llama (plain, and with groups, scaled rotary positions and LoRA) and Mamba-2
of transformers 5.23.0 and peft 0.21.2 in float64: states, loss, all gradients, greedy and beam-searched texts.

pip install torch transformers==5.23.0 peft==0.21.2. Texts are read one by one. Usage: make_language_models.py OUT.json
"""

import torch
from torch.nn import functional as F

from golden import as_lists, draw, start, write
from transformers_mixers import InFloat64  # Sets HF_HUB_OFFLINE, so it comes first.

from peft import LoraConfig, get_peft_model
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Mamba2Config,
                          Mamba2ForCausalLM)

VOCABULARY = 24
END = 3
TEXTS = [[5, 9, 2, 7, 7, 11, 0], [23], [1, 4, 8, 15, 16, 22, 10, 6, 12, 13, 1]]
MEANS = {"A_log": -1.0, "dt_bias": -1.0, "D": 1.0, "norm.weight": 1.0, "norm_f.weight": 1.0, "ln_1.weight": 1.0,
         "ln_2.weight": 1.0, "ln_f.weight": 1.0, "layernorm.weight": 1.0}


def draw_parameters(model, scale):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = next((mean for ending, mean in MEANS.items() if name.endswith(ending)), 0.0)
            parameter.copy_(draw(*parameter.shape, scale=scale, mean=mean))


def states_of(model, text):
    output = model(input_ids=torch.tensor([text]), output_hidden_states=True)
    return output.hidden_states[-1][0], output.logits[0]


def generate(model, text, **options):
    prompt = torch.tensor([text])
    output = model.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                            eos_token_id=END, pad_token_id=END, return_dict_in_generate=True, output_scores=True,
                            **options)
    texts = []
    for sequence in output.sequences[:, len(text):].tolist():
        texts.append(sequence[:sequence.index(END)] if END in sequence else sequence)
    return texts, output.sequences_scores.tolist() if "sequences_scores" in output else None


def beams(model, text, **options):
    texts, scores = generate(model, text, num_beams=4, num_return_sequences=4, max_new_tokens=6, **options)
    return {"texts": texts, "scores": scores}


def train(model):
    """The loss of every next token, summed; gradients of what is trained."""
    total, states = 0, []
    for text in TEXTS:
        state, logits = states_of(model, text)
        states.append(state.tolist())
        total = total + F.cross_entropy(logits[:-1], torch.tensor(text[1:], dtype=torch.long), reduction="sum")
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    gradients = torch.autograd.grad(total, list(trained.values()))
    return {"states": states, "loss": total.item(), "gradients": as_lists(dict(zip(trained, gradients)))}


def case(model, scale=0.3, generates=True):
    model.eval()
    draw_parameters(model, scale)
    result = {"config": model.config.to_dict() | {"dtype": None, "time_step_limit": None},
              "parameters": as_lists(dict(model.named_parameters()))} | train(model)
    if generates:
        result |= {"greedy": [generate(model, text, max_new_tokens=6)[0][0] for text in TEXTS],
                   "beams": [beams(model, text) for text in TEXTS],
                   "beams_stopping_early": [beams(model, text, early_stopping=True, length_penalty=0.5)
                                            for text in TEXTS]}
    return result


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=32, n_embd=8, n_layer=2, n_head=2,
                                      resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, attn_implementation="eager",
                                      bos_token_id=END, eos_token_id=END))


def llama(**settings):
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, hidden_size=8, intermediate_size=12,
                                        num_hidden_layers=2, max_position_embeddings=64, rms_norm_eps=1e-5,
                                        attn_implementation="eager", bos_token_id=1, eos_token_id=END, **settings))


def grouped_llama():
    return llama(num_attention_heads=4, num_key_value_heads=2, head_dim=4, tie_word_embeddings=True,
                 attention_bias=True,
                 rope_parameters={"rope_type": "llama3", "rope_theta": 100.0, "factor": 4.0, "low_freq_factor": 1.0,
                                  "high_freq_factor": 4.0, "original_max_position_embeddings": 16})


def adapted_llama():
    config = LoraConfig(r=2, lora_alpha=6, lora_dropout=0.0, target_modules=["q_proj", "v_proj"],
                        task_type="CAUSAL_LM")
    return get_peft_model(llama(num_attention_heads=2), config)


def mamba2():
    return Mamba2ForCausalLM(Mamba2Config(vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=2, state_size=4,
                                          conv_kernel=4, expand=2, head_dim=4, num_heads=4, n_groups=2, chunk_size=4,
                                          layer_norm_epsilon=1e-5, residual_in_fp32=False, tie_word_embeddings=True,
                                          eos_token_id=END))


def adapted_case():
    model = adapted_llama()
    result = case(model, generates=False)
    shape = model.peft_config["default"]
    return result | {"lora": {"rank": shape.r, "alpha": shape.lora_alpha}}


def main():
    start()
    with InFloat64():
        write({"texts": TEXTS, "end": END, "cases": {
            "gpt2": case(gpt2()), "llama": case(llama(num_attention_heads=2)), "grouped_llama": case(grouped_llama()),
            "adapted_llama": adapted_case(), "mamba2": case(mamba2())}})


if __name__ == "__main__":
    main()
