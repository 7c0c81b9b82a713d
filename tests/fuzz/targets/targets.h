// What is read from files and from other processes, each reader as one function of bytes. Whatever
// the bytes, it reads them or refuses them with an Error whose text a terminal takes harmlessly;
// anything else is a bug. libFuzzer (tests/fuzz/libfuzzer.cc) and tests/fuzz/corpus_test.cc call
// them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace seqsweep {

using Bytes = std::span<const uint8_t>;

// True: the bytes were read; false: refused.
bool fuzz_sweep(Bytes bytes);          // A sweep file: YAML, the plan, its runs.
bool fuzz_message(Bytes bytes);        // Between coordinator and worker.
bool fuzz_safetensors(Bytes bytes);    // Trained models, checkpoints' tensors, foreign models.
bool fuzz_checkpoint(Bytes bytes);     // The JSON file of a checkpoint.
bool fuzz_cache(Bytes bytes);          // A prepared data set.
bool fuzz_tokenizer(Bytes bytes);      // tokenizer.json
bool fuzz_sentencepiece(Bytes bytes);  // tokenizer.model

struct FuzzTarget {
  const char* name;  // Of its folder in tests/fuzz/corpus.
  bool (*read)(Bytes);
};

inline constexpr std::array kFuzzTargets = {
    FuzzTarget{"sweep", fuzz_sweep},
    FuzzTarget{"message", fuzz_message},
    FuzzTarget{"safetensors", fuzz_safetensors},
    FuzzTarget{"checkpoint", fuzz_checkpoint},
    FuzzTarget{"cache", fuzz_cache},
    FuzzTarget{"tokenizer", fuzz_tokenizer},
    FuzzTarget{"sentencepiece", fuzz_sentencepiece},
};

// Valid inputs, by file name: what the corpora begin with.
using Seeds = std::vector<std::pair<std::string, std::string>>;
Seeds seeds_of(const std::string& target);

}  // namespace seqsweep
