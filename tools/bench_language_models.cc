// Times our language models for tools/bench_language_models.py, which runs the same in
// transformers: the two take turns. Reads a work a line from standard input, does it once, answers
// the seconds:
//   prefill MODEL TOKENS    a prompt in, the logits of the next token out
//   decode MODEL TOKENS     so many tokens written one by one behind a prompt of 8
// The first time a line is read its model is made, with random weights, and the work done once
// uncounted. Models: gpt2 (117M), mamba2 (130M), llama (the shape of a 110M one); of transformers
// also gpt2-int8, gpt2-nf4 and so on, with their projections in few bits.
// Usage: bench_language_models THREADS
#include <torch/types.h>

#include <map>
#include <sstream>
#include <string>

#include "core/base/error.h"
#include "core/lm/generation.h"
#include "core/lm/gpt2.h"
#include "core/lm/llama.h"
#include "core/lm/mamba2_lm.h"
#include "core/train/packing.h"
#include "tools/bench/serve.h"

namespace seqsweep {
namespace {

std::shared_ptr<LanguageModel> make_model(const std::string& name) {
  for (const auto& [ending, format] :
       {std::pair{"-int8", WeightFormat::Int8}, std::pair{"-nf4", WeightFormat::Nf4}}) {
    if (!name.ends_with(ending)) continue;
    const auto model = make_model(name.substr(0, name.rfind('-')));
    quantize(*model, format);
    return model;
  }
  if (name == "gpt2") return std::make_shared<Gpt2>(Gpt2Config{});
  if (name == "mamba2") return std::make_shared<Mamba2Lm>(Mamba2LmConfig{});
  if (name == "llama") {
    return std::make_shared<Llama>(LlamaConfig{.width = 768,
                                               .layers = 12,
                                               .heads = 12,
                                               .groups = 12,
                                               .head_width = 64,
                                               .inner_width = 2048,
                                               .max_length = 1024});
  }
  throw_input("bench_language_models: MODEL must be gpt2, mamba2 or llama, is '{}'", name);
}

PackedSequences prompt_of(int64_t tokens) {
  std::vector<int32_t> prompt;
  for (int64_t i = 0; i < tokens; ++i) prompt.push_back(static_cast<int32_t>(37 * i % 1000));
  const History text = prompt;
  return pack({&text, 1}, tokens, torch::kCPU);
}

Work make_work(const std::string& line) {
  static std::map<std::string, std::shared_ptr<LanguageModel>> models;
  std::istringstream words(line);
  std::string kind, name;
  int64_t tokens = 0;
  words >> kind >> name >> tokens;
  if (!words || tokens < 1 || (kind != "prefill" && kind != "decode")) {
    throw_input("bench_language_models: no such work: '{}'", line);
  }
  auto& model = models[name];
  if (model == nullptr) model = make_model(name);
  model->eval();
  if (kind == "decode") {
    return [model, prompt = prompt_of(8), tokens] {
      generate_greedily(*model, prompt, {.max_tokens = tokens, .end_token = std::nullopt});
    };
  }
  return [model, prompt = prompt_of(tokens)] {
    const torch::NoGradGuard no_grad;
    next_logits(*model, model->begin(prompt).last_SD);
  };
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  return seqsweep::serve_works(argc, argv, seqsweep::make_work);
}
