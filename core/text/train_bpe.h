// A vocabulary of one's own: byte-level BPE learnt from texts, for language models that are trained
// from scratch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/text/tokenizer.h"

namespace seqsweep {

// "<|endoftext|>" (token 0, which begins and ends texts), the 256 bytes, and merges up to
// `vocabulary_size` entries, at least 257; fewer when no pair occurs twice any more. Each merge is
// of the most frequent pair, of equals the one with the lower left token, then the lower right:
// what Hugging Face's BpeTrainer does. Deterministic. Its files() are a tokenizer.json and a
// tokenizer_config.json that Hugging Face loads. Throws Error (Fault::Input) on a smaller size.
std::unique_ptr<Tokenizer> train_byte_level_bpe(std::span<const std::string> texts,
                                                int64_t vocabulary_size);

}  // namespace seqsweep
