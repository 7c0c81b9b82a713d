// Tokenizers of tests/golden/tokenizers.json: every text's tokens, and the texts of tokens.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/text/tokenizer.h"
#include "tests/support/golden_json.h"

namespace seqsweep {

inline std::string from_hexadecimal(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

inline const nlohmann::json& tokenizer_golden() {
  static const nlohmann::json golden = read_golden("tokenizers");
  return golden;
}

inline const nlohmann::json& tokenizer_case(const std::string& name) {
  const nlohmann::json& cases = tokenizer_golden().at("cases");
  return *std::find_if(cases.begin(), cases.end(),
                       [&](const nlohmann::json& one) { return one.at("name") == name; });
}

inline TokenizerFiles files_of_case(const std::string& name) {
  TokenizerFiles files;
  for (const auto& [file, digits] : tokenizer_case(name).at("files").items()) {
    files[file] = from_hexadecimal(digits);
  }
  return files;
}

inline void expect_golden_tokens(const std::string& name) {
  const nlohmann::json& expected = tokenizer_case(name);
  const std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(files_of_case(name), name);
  EXPECT_EQ(tokenizer->size(), expected.at("size").get<int64_t>());
  EXPECT_EQ(tokenizer->files(), files_of_case(name));
  const nlohmann::json &texts = tokenizer_golden().at("texts"), &tokens = expected.at("tokens");
  ASSERT_EQ(texts.size(), tokens.size());
  std::vector<std::vector<int32_t>> to_decode;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string text = from_hexadecimal(texts[i]);
    const auto wanted = tokens[i].get<std::vector<int32_t>>();
    EXPECT_EQ(tokenizer->encode(text), wanted) << name << ": " << printable(text);
    to_decode.push_back(wanted);
  }
  for (const nlohmann::json& drawn : expected.at("drawn")) to_decode.push_back(drawn);
  ASSERT_EQ(to_decode.size(), expected.at("decoded").size());
  for (size_t i = 0; i < to_decode.size(); ++i) {
    EXPECT_EQ(tokenizer->decode(to_decode[i]), expected.at("decoded")[i].get<std::string>())
        << name << ": " << nlohmann::json(to_decode[i]);
  }
}

// The complaint about these files, which must be about the input; "" when they are a tokenizer.
inline std::string complaint_about(const TokenizerFiles& files) {
  try {
    const auto tokenizer = make_tokenizer(files, "folder");
    tokenizer->decode(tokenizer->encode("Is it one? (1995)"));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    return error.what();
  }
}

}  // namespace seqsweep
