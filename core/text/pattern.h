// A regular expression as Hugging Face's tokenizers use them (Oniguruma), matched by PCRE2.
// Letters, numbers and white space are those of Unicode 16, whatever version this PCRE2 knows: a
// character that falls into another class is cut into other tokens.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace seqsweep {

class Pattern {
 public:
  // `who` begins its errors: Error (Fault::Input) when it is no expression that PCRE2 knows.
  Pattern(const std::string& expression, std::string who);

  // Appends the pieces of a well-formed UTF-8 text: each match, and what lies between matches, so
  // that together they are the text. Throws Error (Fault::Input) when the expression takes forever.
  void split(std::string_view text, std::vector<std::string_view>& pieces) const;

 private:
  std::string who_;
  std::shared_ptr<void> code_;  // A pcre2_code.
};

}  // namespace seqsweep
