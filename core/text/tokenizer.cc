#include "core/text/tokenizer.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "core/text/byte_fallback_bpe.h"
#include "core/text/byte_level_bpe.h"
#include "core/text/sentencepiece_model.h"
#include "core/text/tokenizer_json.h"

namespace seqsweep {
namespace {

constexpr const char* kJson = "tokenizer.json";
constexpr const char* kModel = "tokenizer.model";
constexpr const char* kVocabulary = "vocab.json";
constexpr const char* kMerges = "merges.txt";
constexpr const char* kConfig = "tokenizer_config.json";

// The token that tokenizer_config.json names under `key`: a text, or an object with "content".
std::optional<int32_t> configured(const TokenizerFiles& files, const std::string& where,
                                  const char* key, const Vocabulary& vocabulary) {
  const auto config = files.find(kConfig);
  if (config == files.end()) return std::nullopt;
  const std::string file = where + kConfig;
  const nlohmann::json json = parse_json(config->second, file);
  const JsonPlace named = JsonPlace(json, file, "")[key];
  if (named.is_null()) return std::nullopt;
  const std::string text = named.is_text() ? named.text() : named["content"].text();
  const std::optional<int32_t> token = vocabulary.find(text);
  if (!token) named.fail("'{}' is not in the vocabulary", printable(text));
  return token;
}

// The first of these that is a special token: what they are called where no file says more.
std::optional<int32_t> first_special(const std::vector<AddedToken>& added,
                                     std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    for (const AddedToken& token : added) {
      if (token.special && token.text == name) return token.token;
    }
  }
  return std::nullopt;
}

std::unique_ptr<Tokenizer> make_bpe(BpeDefinition definition, TokenizerFiles files,
                                    const std::string& where) {
  std::optional<int32_t> begin = configured(files, where, "bos_token", definition.vocabulary);
  std::optional<int32_t> end = configured(files, where, "eos_token", definition.vocabulary);
  if (!files.contains(kConfig)) {
    begin = first_special(definition.added, {"<s>", "<|begin_of_text|>", "<|endoftext|>"});
    end = first_special(definition.added, {"</s>", "<|end_of_text|>", "<|endoftext|>"});
  }
  const bool byte_level =
      std::any_of(definition.pre_tokenizers.begin(), definition.pre_tokenizers.end(),
                  [](const JsonPlace& stage) { return stage.type() == "ByteLevel"; });
  TokenizerOrigin origin{std::move(files), begin, end};
  return byte_level ? make_byte_level_bpe(std::move(definition), std::move(origin))
                    : make_byte_fallback_bpe(std::move(definition), std::move(origin));
}

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(TokenizerFiles files, const std::string& where) {
  const std::string place = where.empty() ? "" : where + "/";
  if (files.contains(kJson)) {
    BpeDefinition definition = read_tokenizer_json(files.at(kJson), place + kJson);
    return make_bpe(std::move(definition), std::move(files), place);
  }
  if (files.contains(kModel)) {
    const std::string model = files.at(kModel);
    return make_sentencepiece(model, place + kModel, std::move(files));
  }
  if (files.contains(kVocabulary) && files.contains(kMerges)) {
    BpeDefinition definition = read_vocabulary_and_merges(files.at(kVocabulary), files.at(kMerges),
                                                          place + kVocabulary, place + kMerges);
    return make_bpe(std::move(definition), std::move(files), place);
  }
  throw_input("{}: no tokenizer: {}, {}, or {} and {} are expected", where, kJson, kModel,
              kVocabulary, kMerges);
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder) {
  TokenizerFiles files;
  const auto read = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (!std::filesystem::exists(folder / name)) return false;
    }
    for (const char* name : names) files[name] = read_file(folder / name);
    return true;
  };
  const bool found = read({kJson}) || read({kModel}) || read({kVocabulary, kMerges});
  if (found) read({kConfig});
  return make_tokenizer(std::move(files), printable(folder.string()));
}

void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder) {
  for (const auto& [name, bytes] : tokenizer.files()) write_file_atomic(folder / name, bytes);
}

}  // namespace seqsweep
