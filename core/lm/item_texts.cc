#include "core/lm/item_texts.h"

namespace seqsweep {

std::string item_title(const Dataset& data, int64_t item) {
  std::string title(data.title(item).empty() ? data.item_key(item) : data.title(item));
  for (size_t at = title.find('<'); at != std::string::npos; at = title.find('<', at + 1)) {
    if (at + 1 < title.size() && title[at + 1] != ' ') title.insert(at + 1, 1, ' ');
  }
  return title;
}

ItemTexts::ItemTexts(const Dataset& data, const Tokenizer& tokenizer,
                     const ItemTextOptions& options) {
  ends_.reserve(data.items() + 1);
  ends_.push_back(0);
  for (int64_t item = 0; item < data.items(); ++item) {
    const std::string start = options.before + item_title(data, item);
    Tokens text = tokenizer.encode(start + options.after);
    if (std::ssize(text) > options.title_tokens_max) {
      // The title alone decides whether it is cut.
      text = tokenizer.encode(start);
      if (std::ssize(text) > options.title_tokens_max) text.resize(options.title_tokens_max);
      append(text, tokenizer.encode(options.after));
    }
    append(tokens_, text);
    ends_.push_back(std::ssize(tokens_));
  }
}

}  // namespace seqsweep
