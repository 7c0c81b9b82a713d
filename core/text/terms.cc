#include "core/text/terms.h"

#include "core/base/utf8.h"
#include "core/text/unicode.h"

namespace seqsweep {

std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms;
  bool in_term = false;
  const auto read = [&](char32_t c) {
    const bool belongs = is_letter(c) || is_number(c);
    if (belongs && !in_term) terms.emplace_back();
    if (belongs) append_utf8(terms.back(), small_letter(c));
    in_term = belongs;
  };
  for (size_t at = 0; at < text.size();) {
    const Utf8Prefix prefix = utf8_prefix(text.substr(at));
    size_t next = at;
    read(prefix.valid ? next_code_point(text, next) : U'\ufffd');
    at += prefix.bytes;
  }
  return terms;
}

}  // namespace seqsweep
