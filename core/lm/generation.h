// What a language model writes behind prompts: the likeliest token each time, or the best texts
// that a beam search finds, by the rules of Hugging Face's generate() (early_stopping=False or
// True).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/lm/language_model.h"

namespace seqsweep {

struct GenerationOptions {
  int64_t max_tokens = 32;           // Written behind a prompt at most, the end token included.
  std::optional<int32_t> end_token;  // Ends a text.
};

struct BeamOptions : GenerationOptions {
  int64_t beams = 10;
  double length_penalty = 1;    // A text's score is its log-probability / tokens^length_penalty.
  bool early_stopping = false;  // End as soon as `beams` texts have ended.
};

struct GeneratedText {
  std::vector<int32_t> tokens;  // Without the end token.
  double score = 0;
};

// One text a prompt. No prompt may be empty; its module is in evaluation mode.
std::vector<std::vector<int32_t>> generate_greedily(LanguageModel& model,
                                                    const PackedSequences& prompts,
                                                    const GenerationOptions& options);

// The best `beams` texts of each prompt, best first; fewer where fewer end.
std::vector<std::vector<GeneratedText>> beam_search(LanguageModel& model,
                                                    const PackedSequences& prompts,
                                                    const BeamOptions& options);

}  // namespace seqsweep
