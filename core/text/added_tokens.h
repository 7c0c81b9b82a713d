// Tokens that are found in the text before anything else is done to it, "<|endoftext|>" for
// example: Hugging Face's added tokens.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace seqsweep {

struct AddedToken {
  int32_t token = 0;
  std::string text;
  bool single_word = false;  // Not within a word.
  bool left_strip = false;   // Takes the white space before it, or after it, with it.
  bool right_strip = false;
  bool normalized = false;  // Looked for in the normalised text, itself normalised.
  bool special = false;     // Not shown by decode().
};

// A stretch of the text: an added token, or what lies between two.
struct Segment {
  std::optional<int32_t> token;
  std::string_view text;
};

class AddedTokens {
 public:
  // Texts are not empty.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  // From left to right, the longest of those that begin at one place. Empty stretches are left out.
  std::vector<Segment> split(std::string_view text) const;

 private:
  struct Node {  // Of a trie over bytes.
    int32_t token = -1;
    std::vector<std::pair<unsigned char, int32_t>> next;
  };
  int32_t child(int32_t node, unsigned char byte) const;
  // Index of the longest token at a place, -1: none.
  int32_t longest_at(std::string_view text, size_t at) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<bool, 256> begins_{};
};

}  // namespace seqsweep
