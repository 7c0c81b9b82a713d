// Transformers on a GPU: states, gradients and what they write are those of the CPU.
#include <gtest/gtest.h>

#include <optional>

#include "core/lm/gpt2.h"
#include "core/lm/llama.h"
#include "tests/support/language_model.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_language_models_test {

using torch::Tensor;

const std::vector<std::vector<int32_t>> kTexts = {
    {1, 5, 9, 2, 7, 3}, {4}, std::vector<int32_t>(70, 6)};

class CudaLanguageModels : public GpuTest {
 protected:
  static std::shared_ptr<LanguageModel> make(bool llama, std::optional<WeightFormat> format) {
    torch::manual_seed(3);
    std::shared_ptr<LanguageModel> model;
    if (llama) {
      model = std::make_shared<Llama>(LlamaConfig{.vocabulary = 50,
                                                  .width = 64,
                                                  .layers = 2,
                                                  .heads = 4,
                                                  .groups = 2,
                                                  .head_width = 16,
                                                  .inner_width = 96,
                                                  .max_length = 128});
    } else {
      model = std::make_shared<Gpt2>(Gpt2Config{.vocabulary = 50,
                                                .width = 64,
                                                .layers = 2,
                                                .heads = 4,
                                                .inner_width = 96,
                                                .max_length = 128,
                                                .dropout = 0});
    }
    if (format) {
      quantize(*model, *format);
      adapt(*model, {llama ? "q_proj" : "c_attn"}, {.rank = 2, .dropout = 0});
    }
    return model;
  }

  // Parameters' gradients of a loss of all states, and the states.
  static Tensors pass(LanguageModel& model, bool recompute) {
    model.recompute_layers(recompute);
    model.train();
    const Tensor states = model.encode(pack_texts(model, kTexts));
    next_logits(model, states).logsumexp(1).sum().backward();
    Tensors all = {states.detach()};
    for (const Tensor& parameter : model.parameters()) {
      if (parameter.requires_grad()) all.push_back(parameter.grad());
    }
    return all;
  }
};

TEST_F(CudaLanguageModels, StatesAndGradients) {
  for (const bool llama : {true, false}) {
    for (const bool recompute : {true, false}) {
      const auto here = make(llama, {}), there = make(llama, {});
      there->to(device_);
      expect_relative(pass(*there, recompute), pass(*here, recompute), 1e-4);
    }
  }
}

TEST_F(CudaLanguageModels, FewBitsAreMultipliedInBfloat16) {
  for (const bool llama : {true, false}) {
    for (const auto format : {WeightFormat::Bf16, WeightFormat::Int8, WeightFormat::Nf4}) {
      const auto here = make(llama, format), there = make(llama, format);
      there->to(device_);
      expect_relative(pass(*there, /*recompute=*/true), pass(*here, /*recompute=*/true), 3e-2);
    }
  }
}

TEST_F(CudaLanguageModels, WriteTheSame) {
  for (const bool llama : {true, false}) {
    const auto here = make(llama, {}), there = make(llama, {});
    there->to(device_);
    const auto written = [](LanguageModel& model) {
      model.eval();
      return generate_greedily(model, pack_texts(model, kTexts), {.max_tokens = 20});
    };
    EXPECT_EQ(written(*there), written(*here));
  }
}

}  // namespace cuda_language_models_test
}  // namespace seqsweep
