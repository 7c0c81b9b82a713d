#include "core/text/vocabulary_tokenizer.h"

#include "core/base/error.h"

namespace seqsweep {

std::string VocabularyTokenizer::decode(std::span<const int32_t> tokens) const {
  std::vector<int32_t> shown;
  shown.reserve(tokens.size());
  for (const int32_t token : tokens) {
    if (token < 0 || token >= size()) {
      throw_input("tokenizer: tokens go from 0 to {}, not {}", size() - 1, token);
    }
    if (!special_[static_cast<size_t>(token)]) shown.push_back(token);
  }
  return decode_shown(shown);
}

}  // namespace seqsweep
