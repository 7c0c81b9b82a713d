// What language models of 7 and 1.3 billion parameters take on a GPU, with random weights that are
// made there: a step of LoRA on fixed weights in bfloat16 and NF4 (rank 8 on q and v, next-token
// loss of two texts of 1,024 tokens, recomputed layers), greedy decoding of one text, and a step of
// ORPO that trains all parameters (two pairs of 1,024 tokens, recomputed layers, paged_adamw of 8
// bits). Prints rows of a Markdown table; tools/bench_language_models.py --gpu has those of
// transformers, peft and TRL beside them.
// Usage: bench_large_models [cuda|cpu]    cpu: toy shapes, to see that it runs
#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/cuda.h>
#include <torch/types.h>

#include <functional>
#include <numeric>
#include <string>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/lm/generation.h"
#include "core/lm/llama.h"
#include "core/lm/preference_loss.h"
#include "core/train/optimizer.h"
#include "core/train/packing.h"
#include "kernels/cuda_plugin.h"
#include "kernels/linear_cross_entropy.h"

namespace seqsweep {
namespace {

using torch::Tensor;

struct Sizes {
  LlamaConfig large, middle;
  int64_t tokens = 1024, written = 64;
};

LlamaConfig shape(int64_t layers, int64_t width, int64_t inner, int64_t heads, int64_t vocabulary) {
  return {.vocabulary = vocabulary,
          .width = width,
          .layers = layers,
          .heads = heads,
          .groups = heads,
          .head_width = width / heads,
          .inner_width = inner,
          .max_length = 2048};
}

// Timed on one device.
class Bench {
 public:
  Bench(torch::Device device, Sizes sizes) : device_(device), sizes_(std::move(sizes)) {}

  void lora_and_decoding(const char* name, WeightFormat format) const {
    LlamaConfig config = sizes_.large;
    config.projections_on = torch::kMeta;
    const auto model = std::make_shared<Llama>(config);
    for (const auto& module : model->modules(/*include_self=*/false)) {
      auto* projection = module->as<Projection>();
      if (projection == nullptr) continue;
      projection->hold(random_weight(format, projection->outputs(), projection->inputs()));
    }
    adapt(*model, {"q_proj", "v_proj"}, {});
    model->to(device_);
    train("LoRA", name, *model, {{"name", "adamw"}}, [&] { return next_token_loss(*model); });
    decode(name, *model);
  }

  void orpo(const char* name, bool tf32) const {
    LlamaConfig config = sizes_.middle;
    config.projections_on = device_;
    const auto model = std::make_shared<Llama>(config);
    model->to(device_);
    std::vector<AnsweredPrompt> pairs;
    for (int32_t i = 0; i < 2; ++i) pairs.push_back({text(sizes_.tokens), {i + 65}, {i + 66}});
    const Json optimizer = {
        {"name", "paged_adamw"}, {"state_bits", "8"}, {"device_budget_mb", 4096}};
    at::globalContext().setAllowTF32CuBLAS(tf32);
    train("ORPO", name, *model, optimizer,
          [&] { return orpo_losses(preference_terms(*model, pairs, NllOn::All), 0.1).mean(); });
    at::globalContext().setAllowTF32CuBLAS(false);
  }

 private:
  static std::vector<int32_t> text(int64_t tokens) {
    std::vector<int32_t> all;
    for (int64_t i = 0; i < tokens; ++i) all.push_back(static_cast<int32_t>(37 * i % 251));
    return all;
  }

  QuantizedWeight random_weight(WeightFormat format, int64_t outputs, int64_t inputs) const {
    if (format == WeightFormat::Bf16) {
      const auto options = torch::dtype(torch::kBFloat16).device(device_);
      return quantize(torch::empty({outputs, inputs}, options).normal_(0, 0.02), format);
    }
    const auto bytes = [&](int64_t count) {
      return torch::randint(256, {count}, torch::dtype(torch::kByte).device(device_));
    };
    const int64_t blocks = (outputs * inputs + 63) / 64;
    const Tensor scale_blocks = torch::full({(blocks + 255) / 256 + 1}, 0.01, device_);
    scale_blocks[-1].fill_(0.03);
    return {.format = format,
            .outputs = outputs,
            .inputs = inputs,
            .codes = bytes(outputs * inputs / 2),
            .scales = bytes(blocks),
            .scale_blocks = scale_blocks};
  }

  Tensor next_token_loss(LanguageModel& model) const {
    const std::vector<std::vector<int32_t>> texts(2, text(sizes_.tokens));
    const PackedSequences packed = pack_texts(model, texts);
    const Tensor states_TD = model.encode(packed);
    return linear_cross_entropy(states_TD, model.output_embedding(), {}, packed.items_T.roll(-1)) /
           static_cast<double>(states_TD.size(0));
  }

  void train(const char* what, const char* name, LanguageModel& model, const Json& optimizer_json,
             const std::function<Tensor()>& loss) const {
    model.recompute_layers(true);
    model.train();
    Parameters parameters(model);
    const auto optimizer =
        optimizers().make(optimizer_json, OptimizerContext{.parameters = parameters});
    const auto step = [&] {
      parameters.sums().zero_();
      loss().backward();
      optimizer->step(1);
    };
    step();
    reset_peak();
    const double seconds = seconds_of(step, 3);
    row(name, what,
        fmt::format("{:.0f} tokens/s", 2 * static_cast<double>(sizes_.tokens) / seconds));
  }

  void decode(const char* name, LanguageModel& model) const {
    model.eval();
    const std::vector<std::vector<int32_t>> prompt = {text(128)};
    const auto write = [&](int64_t tokens) {
      return [&, tokens] {
        generate_greedily(model, pack_texts(model, prompt), {.max_tokens = tokens});
      };
    };
    write(2)();
    reset_peak();
    const double first_s = seconds_of(write(1), 2);
    const double all_s = seconds_of(write(1 + sizes_.written), 2);
    row(name, "decoding",
        fmt::format("{:.2f} ms/token",
                    1e3 * (all_s - first_s) / static_cast<double>(sizes_.written)));
  }

  void wait() const {
    if (device_.is_cuda()) torch::cuda::synchronize();
  }
  double seconds_of(const std::function<void()>& work, int times) const {
    wait();
    const double start_s = monotonic_s();
    for (int i = 0; i < times; ++i) work();
    wait();
    return (monotonic_s() - start_s) / times;
  }

  void reset_peak() const {
    if (device_.is_cuda()) c10::getDeviceAllocator(device_.type())->resetPeakStats(0);
  }
  void row(const char* name, const char* what, const std::string& speed) const {
    std::string peak = "-";
    if (device_.is_cuda()) {
      const auto stats = c10::getDeviceAllocator(device_.type())->getDeviceStats(0);
      const auto gigabytes = [](const auto& stat) {
        return static_cast<double>(stat[0].peak) / 1e9;  // [0]: of all pools.
      };
      peak = fmt::format("{:.1f} GB ({:.1f} reserved)", gigabytes(stats.allocated_bytes),
                         gigabytes(stats.reserved_bytes));
    }
    fmt::print("| ours | {} | {} | {} | {} |\n", name, what, speed, peak);
    std::fflush(stdout);
  }

  torch::Device device_;
  Sizes sizes_;
};

bool bench(const std::string& device) {
  if (device != "cuda" && device != "cpu") {
    throw_input("bench_large_models: the device must be cuda or cpu, is '{}'", device);
  }
  Sizes sizes{.large = shape(32, 4096, 11008, 32, 32000),
              .middle = shape(24, 2048, 5504, 16, 32000)};
  if (device == "cpu") {
    sizes = {.large = shape(2, 128, 352, 4, 300),
             .middle = shape(2, 64, 176, 4, 300),
             .tokens = 64,
             .written = 4};
  } else {
    load_cuda_plugin();
  }
  const Bench bench(torch::Device(device == "cuda" ? torch::kCUDA : torch::kCPU), sizes);
  bool whole = true;
  const auto guarded = [&](const std::function<void()>& part) {
    try {
      part();
    } catch (const std::exception& error) {
      const std::string text = error.what();
      fmt::print("| ours | failed: {} | | | |\n", text.substr(0, text.find('\n')));
      whole = false;
    }
    if (at::hasCUDA()) c10::getDeviceAllocator(torch::kCUDA)->emptyCache();
  };
  guarded([&] { bench.lora_and_decoding("7B, bf16", WeightFormat::Bf16); });
  guarded([&] { bench.lora_and_decoding("7B, nf4", WeightFormat::Nf4); });
  guarded([&] { bench.orpo("1.3B, f32", /*tf32=*/false); });
  guarded([&] { bench.orpo("1.3B, f32 with TF32 products", /*tf32=*/true); });
  return whole;
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  try {
    return seqsweep::bench(argc > 1 ? argv[1] : "cuda") ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
