// Byte-level byte-pair encoding (Radford et al. 2019), as GPT-2, GPT-NeoX and Llama 3 have it: a
// regular expression cuts the text into words, and the bytes of each word are merged.
#pragma once

#include <memory>

#include "core/text/tokenizer_json.h"
#include "core/text/vocabulary_tokenizer.h"

namespace seqsweep {

// GPT-2's expression, which stands for "ByteLevel" in a tokenizer.json.
extern const char* const kByteLevelExpression;

// The printable character that stands for a byte in the files.
std::string byte_level_character(unsigned char byte);

// Throws Error (Fault::Input) on stages of the definition that are not supported: normaliser NFC,
// pre-tokenisers Split (by expression) and ByteLevel, decoder ByteLevel are.
std::unique_ptr<Tokenizer> make_byte_level_bpe(BpeDefinition definition, TokenizerOrigin origin);

}  // namespace seqsweep
