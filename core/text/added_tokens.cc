#include "core/text/added_tokens.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/utf8.h"
#include "core/text/unicode.h"

namespace seqsweep {
namespace {

bool in_word(char32_t c) {
  return is_letter(c) || is_number(c) || c == '_';
}

// Where the last code point of a well-formed text begins.
size_t last_begin(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  return at;
}

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  size_t at = last_begin(text);
  return in_word(next_code_point(text, at));
}

bool starts_with_word(std::string_view text) {
  size_t at = 0;
  return !text.empty() && in_word(next_code_point(text, at));
}

// Without the white space at its end.
size_t size_without_space(std::string_view text) {
  while (!text.empty()) {
    const size_t begin = last_begin(text);
    size_t at = begin;
    if (!is_space(next_code_point(text, at))) break;
    text = text.substr(0, begin);
  }
  return text.size();
}

size_t space_at_start(std::string_view text) {
  size_t space = 0, at = 0;
  while (at < text.size() && is_space(next_code_point(text, at))) space = at;
  return space;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)), nodes_(1) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    SEQ_CHECK(!tokens_[i].text.empty());
    begins_[static_cast<unsigned char>(tokens_[i].text[0])] = true;
    int32_t node = 0;
    for (const char c : tokens_[i].text) {
      const auto byte = static_cast<unsigned char>(c);
      int32_t next = child(node, byte);
      if (next < 0) {
        next = static_cast<int32_t>(nodes_.size());
        nodes_[node].next.push_back({byte, next});
        nodes_.emplace_back();
      }
      node = next;
    }
    nodes_[node].token = static_cast<int32_t>(i);
  }
}

int32_t AddedTokens::child(int32_t node, unsigned char byte) const {
  for (const auto& [label, next] : nodes_[node].next) {
    if (label == byte) return next;
  }
  return -1;
}

int32_t AddedTokens::longest_at(std::string_view text, size_t at) const {
  int32_t found = -1, node = 0;
  for (; at < text.size(); ++at) {
    node = child(node, static_cast<unsigned char>(text[at]));
    if (node < 0) break;
    if (nodes_[node].token >= 0) found = nodes_[node].token;
  }
  return found;
}

std::vector<Segment> AddedTokens::split(std::string_view text) const {
  std::vector<Segment> segments;
  size_t done = 0;
  const auto keep_text_before = [&](size_t end) {
    if (end > done) segments.push_back({std::nullopt, text.substr(done, end - done)});
  };
  for (size_t at = 0; at < text.size() && !tokens_.empty();) {
    const bool may_begin = begins_[static_cast<unsigned char>(text[at])];
    const int32_t found = may_begin ? longest_at(text, at) : -1;
    if (found < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[found];
    size_t begin = at, end = at + token.text.size();
    at = end;  // The next one begins behind it, be it in the white space that this one takes.
    if (token.single_word &&
        (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) {
      continue;
    }
    if (token.left_strip) begin = std::max(size_without_space(text.substr(0, begin)), done);
    if (token.right_strip) end += space_at_start(text.substr(end));
    keep_text_before(begin);
    segments.push_back({token.token, text.substr(begin, end - begin)});
    done = end;
  }
  keep_text_before(text.size());
  return segments;
}

}  // namespace seqsweep
