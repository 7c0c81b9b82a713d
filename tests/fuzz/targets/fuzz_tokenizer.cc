#include "core/text/tokenizer.h"
#include "tests/fuzz/targets/read_or_refuse.h"
#include "tests/fuzz/targets/targets.h"

namespace seqsweep {
namespace {

bool read_tokenizer(const char* name, Bytes bytes) {
  const std::string file(bytes.begin(), bytes.end());
  return read_or_refuse([&] {
    const auto tokenizer = make_tokenizer({{name, file}}, "folder");
    for (const std::string_view text :
         {std::string_view("The Godfather (1972)  a"), std::string_view("\xff\xe2\x96\x81 <s>\n"),
          std::string_view(file).substr(0, 64)}) {
      const std::vector<int32_t> tokens = tokenizer->encode(text);
      for (const int32_t token : tokens) SEQ_CHECK(token >= 0 && token < tokenizer->size());
      tokenizer->decode(tokens);
    }
  });
}

}  // namespace

bool fuzz_tokenizer(Bytes bytes) {
  return read_tokenizer("tokenizer.json", bytes);
}

bool fuzz_sentencepiece(Bytes bytes) {
  return read_tokenizer("tokenizer.model", bytes);
}

}  // namespace seqsweep
