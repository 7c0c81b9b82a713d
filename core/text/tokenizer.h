// Text to the tokens of a language model and back, token for token as the Python packages do it
// (tokenizers, sentencepiece) from the same files. Torch-free.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace seqsweep {

// Name -> bytes: "tokenizer.json" and whatever else a tokenizer is read from.
using TokenizerFiles = std::map<std::string, std::string>;

// Immutable after construction: any thread may use it.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Adds no special tokens. Malformed UTF-8 is read as U+FFFD (valid_utf8), as Python does with
  // decode("utf-8", "replace"). The text of an added token, "</s>" or "<|endoftext|>", becomes
  // that token, as Hugging Face does it by default; of a tokenizer.model it stays text, as
  // sentencepiece does it. Who encodes foreign text (titles) has to know.
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;

  // Leaves out special tokens; bytes that are no UTF-8 become U+FFFD. Throws Error (Fault::Input)
  // on a token outside [0, size()).
  virtual std::string decode(std::span<const int32_t> tokens) const = 0;

  virtual int64_t size() const = 0;  // Of the vocabulary, special tokens included.

  // The token of a vocabulary entry as the files spell it: "<s>", "A", "\u0120the".
  virtual std::optional<int32_t> find(std::string_view token) const = 0;

  // The tokens that begin and end a text, where the files name them.
  virtual std::optional<int32_t> begin_token() const = 0;
  virtual std::optional<int32_t> end_token() const = 0;

  // What it was read from: enough to make the same one again.
  virtual const TokenizerFiles& files() const = 0;
};

// From tokenizer.json, else tokenizer.model, else vocab.json and merges.txt; the begin and end
// tokens from tokenizer_config.json where there is one. Throws Error (Fault::Input) that names the
// file and what is wrong with it.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);

// The same from files() kept elsewhere, in a checkpoint for example; `where` stands in errors.
std::unique_ptr<Tokenizer> make_tokenizer(TokenizerFiles files, const std::string& where);

// Writes files() into a folder that load_tokenizer and, of a tokenizer.json, Hugging Face read.
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace seqsweep
