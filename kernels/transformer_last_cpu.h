// The CPU code behind transformer_last.h: one sequence at a time, in scratch that serves them all.
// Legend: L tokens of a sequence, D width, H heads, P width of a head, C columns of a panel
// (kernels/panel.h), S sequences.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/embed_and_norm_cpu.h"
#include "kernels/norm_and_feed_forward_cpu.h"

namespace seqsweep {

// Contiguous.
struct TransformerBlockNumbers {
  LinearNumbers qkv, mix;
  NormAndFeedForwardNumbers rest;
};

struct TransformerNumbers {
  EmbedAndNormNumbers embed;
  std::vector<TransformerBlockNumbers> blocks;
  int64_t width, heads;
};

// add() up to kPanelColumns sequences, then finish() all of them.
class TransformerLastTask {
 public:
  // For sequences of at most `max_length` tokens.
  TransformerLastTask(const TransformerNumbers& in, const PanelOps& ops, int64_t max_length);

  void add(int64_t first_token, int64_t length);
  void finish(float* y_SD);

 private:
  void run_block(size_t block, int64_t columns);
  void attend(int64_t head, int64_t columns);
  void attend_last(const TransformerBlockNumbers& block, int64_t length, int64_t columns);
  float score_scale() const;

  const TransformerNumbers& in_;
  const PanelOps& ops_;
  const int64_t head_width_;
  int64_t added_ = 0;
  Panel x_DC_, qkv_3DC_, scores_CC_;
  // Of the last token: its numbers on the way, and those of all sequences that were added.
  std::vector<float> token_D_, query_D_, read_HD_, attended_D_;
  Panel weights_HC_, last_DS_, attended_DS_, mixed_DS_;
  std::vector<NormAndFeedForwardTask> rests_;
};

}  // namespace seqsweep
