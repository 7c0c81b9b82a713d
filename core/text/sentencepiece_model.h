// A tokenizer.model as Google's sentencepiece writes it and Llama 2 comes with: a protobuf message
// of pieces with scores. Read here, within bounds, without its library.
#pragma once

#include <memory>
#include <string>

#include "core/text/vocabulary_tokenizer.h"

namespace seqsweep {

// Of type BPE without a table of normalisation ("identity"), as every Llama's is. `file` stands in
// errors: Error (Fault::Input) names what is wrong or not supported.
std::unique_ptr<Tokenizer> make_sentencepiece(const std::string& model, const std::string& file,
                                              TokenizerFiles files);

}  // namespace seqsweep
