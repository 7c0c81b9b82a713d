// Llama's byte-pair encoding as a tokenizer.json has it: spaces become U+2581, the whole text is
// merged, and characters that the vocabulary lacks are written in bytes.
#pragma once

#include <memory>

#include "core/text/tokenizer_json.h"
#include "core/text/vocabulary_tokenizer.h"

namespace seqsweep {

// Throws Error (Fault::Input) on stages of the definition that are not supported. Supported are the
// normalisers Prepend, Replace (of a text) and NFC, the pre-tokeniser Metaspace, and the decoders
// Replace, ByteFallback, Fuse, Strip and Metaspace.
std::unique_ptr<Tokenizer> make_byte_fallback_bpe(BpeDefinition definition, TokenizerOrigin origin);

}  // namespace seqsweep
