#include "core/lm/folder.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/files.h"
#include "core/lm/gpt2.h"
#include "core/lm/llama.h"
#include "core/lm/mamba2_lm.h"
#include "core/text/train_bpe.h"
#include "core/train/tensor_file.h"
#include "tests/support/language_model.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Tokenizer> letters_tokenizer() {
  static const std::shared_ptr<const Tokenizer> tokenizer =
      train_byte_level_bpe(std::vector<std::string>{"one two three"}, 260);
  return tokenizer;
}

std::shared_ptr<LanguageModel> small_model(const std::string& architecture) {
  torch::manual_seed(5);
  std::shared_ptr<LanguageModel> model;
  if (architecture == "gpt2") {
    model = std::make_shared<Gpt2>(Gpt2Config{.vocabulary = 300,
                                              .width = 8,
                                              .layers = 2,
                                              .heads = 2,
                                              .inner_width = 12,
                                              .max_length = 32});
  } else if (architecture == "llama") {
    model = std::make_shared<Llama>(LlamaConfig{.vocabulary = 300,
                                                .width = 8,
                                                .layers = 2,
                                                .heads = 4,
                                                .groups = 2,
                                                .head_width = 2,
                                                .inner_width = 12,
                                                .max_length = 64});
  } else {
    model = std::make_shared<Mamba2Lm>(Mamba2LmConfig{
        .vocabulary = 300, .width = 8, .layers = 2, .state = 4, .head_width = 4, .groups = 2});
  }
  model->set_tokenizer(letters_tokenizer());
  model->eval();
  return model;
}

torch::Tensor last_logits(LanguageModel& model) {
  const torch::NoGradGuard no_grad;
  model.eval();
  const torch::Tensor states = model.encode(pack_tokens({{5, 9, 2, 7, 7, 11, 0}}));
  return next_logits(model, states.slice(0, -1))[0];
}

void save(LanguageModel& model, const fs::path& folder) {
  save_language_model(model, folder);
  save_tokenizer(model.tokenizer(), folder);
}

std::string error_of(const fs::path& folder) {
  try {
    load_language_model(folder, 0);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    return error.what();
  }
  return "";
}

// With the Python of SEQSWEEP_PYTHON; false: it lacks a package.
bool run_python(const std::string& arguments, const char* packages = "transformers") {
  const char* chosen = std::getenv("SEQSWEEP_PYTHON");
  const std::string python = chosen ? chosen : SEQSWEEP_SOURCE_DIR "/.venv/bin/python";
  if (std::system(fmt::format("'{}' -c 'import {}' 2>/dev/null", python, packages).c_str()) != 0) {
    return false;
  }
  EXPECT_EQ(0, std::system(fmt::format("'{}' '{}/tests/golden/language_model_folder.py' {} 2>&1",
                                       python, SEQSWEEP_SOURCE_DIR, arguments)
                               .c_str()));
  return true;
}

torch::Tensor python_logits(const fs::path& folder) {
  return to_tensor(Json::parse(read_file(folder / "logits.json"))).to(torch::kFloat);
}

class LanguageModelFolder : public testing::TestWithParam<const char*> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(LanguageModelFolder, WhatIsSavedComesBack) {
  const auto model = small_model(GetParam());
  save(*model, folder_.path());
  const auto loaded = load_language_model(folder_.path(), 0);
  EXPECT_TRUE(torch::equal(last_logits(*loaded), last_logits(*model)));
  EXPECT_EQ(loaded->tokenizer().encode("two one"), model->tokenizer().encode("two one"));
}

TEST_P(LanguageModelFolder, TransformersReadsWhatIsSaved) {
  const auto model = small_model(GetParam());
  save(*model, folder_.path());
  if (!run_python(fmt::format("logits '{}'", folder_.path().string()))) {
    GTEST_SKIP() << "no transformers: set SEQSWEEP_PYTHON";
  }
  EXPECT_TRUE(torch::allclose(python_logits(folder_.path()), last_logits(*model), 1e-4, 1e-5));
}

TEST_P(LanguageModelFolder, WhatTransformersSavesInShardsIsRead) {
  if (!run_python(fmt::format("make '{}' {}", folder_.path().string(), GetParam()))) {
    GTEST_SKIP() << "no transformers: set SEQSWEEP_PYTHON";
  }
  ASSERT_TRUE(fs::exists(folder_.path() / "model.safetensors.index.json"));
  save_tokenizer(*letters_tokenizer(), folder_.path());
  const auto model = load_language_model(folder_.path(), 0);
  EXPECT_TRUE(torch::allclose(last_logits(*model), python_logits(folder_.path()), 1e-4, 1e-5));
}

TEST_P(LanguageModelFolder, InFewBitsItIsTheLoadedOneInFewBits) {
  const TemporaryFolder folder;
  save(*small_model(GetParam()), folder.path());
  for (const WeightFormat format : {WeightFormat::Bf16, WeightFormat::Int8, WeightFormat::Nf4}) {
    const auto loaded = load_language_model(folder.path(), 0);
    quantize(*loaded, format);
    const auto held = load_language_model(folder.path(), 0, format);
    EXPECT_EQ(held->parameters().size(), loaded->parameters().size());
    EXPECT_TRUE(torch::equal(last_logits(*held), last_logits(*loaded)));
  }
}

TEST_P(LanguageModelFolder, AMissingTensorIsNamed) {
  save(*small_model(GetParam()), folder_.path());
  NamedTensors tensors = load_tensors(folder_.path() / "model.safetensors");
  const std::string gone = tensors.back().first;
  tensors.pop_back();
  for (auto& [name, tensor] : tensors) tensor = tensor.clone();  // From under the file.
  save_tensors(folder_.path() / "model.safetensors", tensors);
  EXPECT_EQ(error_of(folder_.path()),
            fmt::format("{}: has no tensor '{}'", folder_.path().string(), gone));
}

INSTANTIATE_TEST_SUITE_P(Architectures, LanguageModelFolder,
                         testing::Values("gpt2", "llama", "mamba2"));

class DamagedFolder : public testing::Test {
 protected:
  DamagedFolder() { save(*small_model("gpt2"), folder_.path()); }
  void edit_config(const std::function<void(Json&)>& edit) {
    Json config = Json::parse(read_file(folder_.path() / "config.json"));
    edit(config);
    write_file_atomic(folder_.path() / "config.json", config.dump());
  }
  TemporaryFolder folder_;
};

TEST_F(DamagedFolder, ATensorOfAnotherShapeIsNamedWithBothShapes) {
  edit_config([](Json& config) { config["n_positions"] = 31; });
  const std::string error = error_of(folder_.path());
  EXPECT_NE(error.find("transformer.wpe.weight"), std::string::npos);
  EXPECT_NE(error.find("[32, 8]"), std::string::npos);
  EXPECT_NE(error.find("[31, 8]"), std::string::npos);
}

TEST(Bf16Folder, ItsNumbersAreHeldAsTheyAre) {
  const TemporaryFolder folder;
  const auto model = small_model("llama");
  save(*model, folder.path());
  NamedTensors halves;
  for (const auto& entry : model->named_parameters()) {
    halves.emplace_back(entry.key(), entry.value().to(torch::kBFloat16));
  }
  save_tensors(folder.path() / "model.safetensors", halves, {{"format", "pt"}});
  const auto loaded = load_language_model(folder.path(), 0);
  const auto held = load_language_model(folder.path(), 0, WeightFormat::Bf16);
  const std::string name = "model.layers.1.mlp.down_proj.";
  EXPECT_TRUE(torch::equal(held->named_buffers()[name + "codes"].to(torch::kFloat),
                           loaded->named_parameters()[name + "weight"]));
  EXPECT_TRUE(torch::allclose(last_logits(*held), last_logits(*loaded), 1e-5, 1e-5));
}

TEST_F(DamagedFolder, ATensorTooManyIsNamed) {
  edit_config([](Json& config) { config["n_layer"] = 1; });
  EXPECT_NE(error_of(folder_.path()).find("'transformer.h.1."), std::string::npos);
}

TEST_F(DamagedFolder, AnotherArchitectureIsRefused) {
  edit_config([](Json& config) { config["model_type"] = "bert"; });
  EXPECT_NE(error_of(folder_.path()).find("must be gpt2, llama or mamba2, is \"bert\""),
            std::string::npos);
}

TEST_F(DamagedFolder, ATokenizerOfMoreTokensIsRefused) {
  std::vector<std::string> words;
  for (char first = 'a'; first < 'i'; ++first) {
    for (char second = 'a'; second < 'i'; ++second) words.insert(words.end(), 2, {first, second});
  }
  save_tokenizer(*train_byte_level_bpe(words, 310), folder_.path());
  const std::string error = error_of(folder_.path());
  EXPECT_NE(error.find("its embedding only 300"), std::string::npos) << error;
}

TEST_F(DamagedFolder, FilesThatAreMissingOrCutAreNamed) {
  fs::resize_file(folder_.path() / "model.safetensors", 100);
  EXPECT_NE(error_of(folder_.path()).find("model.safetensors"), std::string::npos);
  fs::remove(folder_.path() / "model.safetensors");
  EXPECT_NE(error_of(folder_.path()).find("model.safetensors.index.json"), std::string::npos);
  write_file_atomic(folder_.path() / "model.safetensors.index.json",
                    R"({"weight_map": {"a": "../elsewhere.safetensors"}})");
  EXPECT_NE(error_of(folder_.path()).find("no name of a file beside it"), std::string::npos);
  write_file_atomic(folder_.path() / "config.json", "{");
  EXPECT_NE(error_of(folder_.path()).find("not valid JSON"), std::string::npos);
}

TEST(AdapterFolder, ComesBackAndPeftReadsIt) {
  const TemporaryFolder base, adapters;
  const auto model = small_model("llama");
  save(*model, base.path());
  adapt(*model, {"q_proj", "v_proj"}, {.rank = 2, .alpha = 6});
  {
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : model->parameters()) {
      if (parameter.requires_grad()) parameter.normal_();
    }
  }
  save_adapters(*model, adapters.path());

  const auto loaded = load_language_model(base.path(), 0);
  adapt(*loaded, {"q_proj", "v_proj"}, {.rank = 2, .alpha = 6});
  load_adapters(*loaded, adapters.path());
  EXPECT_TRUE(torch::equal(last_logits(*loaded), last_logits(*model)));
  EXPECT_THROW(save_language_model(*loaded, base.path()), Error);  // Not merged.

  if (!run_python(fmt::format("logits '{}' '{}'", base.path().string(), adapters.path().string()),
                  "transformers, peft")) {
    GTEST_SKIP() << "no peft: set SEQSWEEP_PYTHON";
  }
  EXPECT_TRUE(torch::allclose(python_logits(base.path()), last_logits(*model), 1e-4, 1e-5));
}

}  // namespace
}  // namespace seqsweep
