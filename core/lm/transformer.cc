#include "core/lm/transformer.h"

#include <ATen/ops/_efficient_attention_forward.h>

#include "core/base/error.h"
#include "core/train/packing.h"
#include "kernels/continued_attention.h"
#include "kernels/packed_attention.h"
#include "kernels/seeded_dropout.h"

namespace seqsweep {

namespace {

using torch::Tensor;

struct KeysAndValues {
  Tensor k, v;
};

Tensor for_each_head(const Tensor& x_TGP, int64_t heads) {
  const int64_t copies = heads / x_TGP.size(1);
  return copies == 1 ? x_TGP : x_TGP.repeat_interleave(copies, 1);
}

// On a GPU: LibTorch's attention on tensor cores, whose products of floats are as good as float's
// (three of TF32 each); packed_attention's kernel has none. Its gradients are not the same to the
// bits from call to call.
Tensor tensor_core_attention(const Tensor& q_THP, const Tensor& k_THP, const Tensor& v_THP,
                             const PackedSequences& texts, at::ScalarType dtype) {
  constexpr int64_t kCausal = 1;
  const auto in_1THP = [&](const Tensor& x) { return x.to(dtype).contiguous().unsqueeze(0); };
  const auto result = at::_efficient_attention_forward(
      in_1THP(q_THP), in_1THP(k_THP), in_1THP(v_THP), /*bias=*/{}, texts.offsets_S1,
      texts.offsets_S1, texts.max_length, texts.max_length, /*dropout_p=*/0, kCausal,
      /*compute_log_sumexp=*/torch::GradMode::is_enabled());
  return std::get<0>(result).squeeze(0).to(q_THP.scalar_type());
}

// Texts that are read from their first token on.
class WholeTexts : public Attention {
 public:
  // dtype: that attention computes in, on a GPU.
  WholeTexts(const PackedSequences& texts, double dropout, at::ScalarType dtype)
      : texts_(texts), dropout_(dropout), dtype_(dtype) {}

  Tensor attend(int64_t, const Tensor& q_THP, const Tensor& k_TGP, const Tensor& v_TGP) override {
    const int64_t heads = q_THP.size(1);
    const Tensor k_THP = for_each_head(k_TGP, heads), v_THP = for_each_head(v_TGP, heads);
    if (q_THP.is_cuda() && dropout_ == 0 && q_THP.size(2) % 8 == 0) {
      return tensor_core_attention(q_THP, k_THP, v_THP, texts_, dtype_);
    }
    return packed_attention(q_THP, k_THP, v_THP, texts_.offsets_S1, texts_.max_length,
                            {.dropout = dropout_, .seed = dropout_ > 0 ? draw_seed() : 0});
  }

 private:
  const PackedSequences texts_;
  double dropout_;
  at::ScalarType dtype_;
};

// Likewise, and keeps keys and values of every layer.
class KeptTexts : public WholeTexts {
 public:
  KeptTexts(const PackedSequences& texts, at::ScalarType dtype) : WholeTexts(texts, 0, dtype) {}

  Tensor attend(int64_t layer, const Tensor& q_THP, const Tensor& k_TGP,
                const Tensor& v_TGP) override {
    kept.push_back({k_TGP.contiguous(), v_TGP.contiguous()});
    return WholeTexts::attend(layer, q_THP, k_TGP, v_TGP);
  }

  std::vector<KeysAndValues> kept;
};

class TransformerContinuation : public Continuation, private Attention {
 public:
  TransformerContinuation(TransformerLanguageModel& model, const PackedSequences& prompts,
                          std::vector<KeysAndValues> prompts_kept)
      : model_(model),
        offsets_S1_(prompts.offsets_S1),
        host_offsets_(prompts.host_offsets),
        prompts_kept_(std::move(prompts_kept)),
        written_kept_(prompts_kept_.size()) {
    for (int64_t s = 0; s + 1 < std::ssize(host_offsets_); ++s) prompt_of_row_.push_back(s);
  }

  Tensor advance(std::span<const int64_t> rows, std::span<const int64_t> tokens) override {
    const torch::NoGradGuard no_grad;
    follow(rows);
    std::vector<int64_t> tokens_positions(tokens.begin(), tokens.end());
    for (const int64_t prompt : prompt_of_row_) {
      const int64_t position = host_offsets_[prompt + 1] - host_offsets_[prompt] + written_;
      if (position >= model_.max_length()) {
        throw_run("language model: a text of {} tokens is longer than the {} that it can read",
                  position + 1, model_.max_length());
      }
      tokens_positions.push_back(position);
    }
    const auto there_R = sent(tokens_positions, offsets_S1_.device()).chunk(2);
    return model_.forward(there_R[0], there_R[1],
                          std::shared_ptr<Attention>(std::shared_ptr<void>(), this));
  }

 private:
  // Makes the rows those that go on, with room for a token more.
  void follow(std::span<const int64_t> rows) {
    bool same = std::ssize(rows) == std::ssize(prompt_of_row_);
    std::vector<int64_t> prompts;
    for (int64_t i = 0; i < std::ssize(rows); ++i) {
      prompts.push_back(prompt_of_row_[rows[i]]);
      same = same && rows[i] == i;
    }
    prompt_of_row_ = std::move(prompts);
    if (!same || !prompt_R_.defined()) {
      prompt_R_ = sent(prompt_of_row_, offsets_S1_.device());
    }
    written_ = step_++;
    if (written_ == 0 || (same && written_ < room_)) return;
    const int64_t room = written_ < room_ ? room_ : 2 * room_;
    const Tensor from = sent(rows, prompt_R_.device());
    for (KeysAndValues& kept : written_kept_) {
      for (Tensor* tensor_RLGP : {&kept.k, &kept.v}) {
        std::vector<int64_t> sizes = tensor_RLGP->sizes().vec();
        sizes[0] = std::ssize(rows);
        sizes[1] = room;
        const Tensor moved = torch::empty(sizes, tensor_RLGP->options());
        moved.narrow(1, 0, written_)
            .copy_(tensor_RLGP->narrow(1, 0, written_).index_select(0, from));
        *tensor_RLGP = moved;
      }
    }
    room_ = room;
  }

  Tensor attend(int64_t layer, const Tensor& q_RHP, const Tensor& k_RGP,
                const Tensor& v_RGP) override {
    KeysAndValues& written = written_kept_[layer];
    if (written_ == 0) {
      const std::vector<int64_t> sizes = {k_RGP.size(0), room_, k_RGP.size(1), k_RGP.size(2)};
      written = {torch::empty(sizes, k_RGP.options()), torch::empty(sizes, k_RGP.options())};
    }
    written.k.select(1, written_).copy_(k_RGP);
    written.v.select(1, written_).copy_(v_RGP);
    return continued_attention({.q_RHP = q_RHP,
                                .prompt_k_TGP = prompts_kept_[layer].k,
                                .prompt_v_TGP = prompts_kept_[layer].v,
                                .offsets_S1 = offsets_S1_,
                                .prompt_R = prompt_R_,
                                .written_k_RLGP = written.k,
                                .written_v_RLGP = written.v,
                                .written = written_ + 1});
  }

  TransformerLanguageModel& model_;
  Tensor offsets_S1_;
  std::vector<int32_t> host_offsets_;
  std::vector<KeysAndValues> prompts_kept_;  // Of each layer, [T, G, P].
  std::vector<KeysAndValues> written_kept_;  // Of each layer, [R, room, G, P].
  std::vector<int64_t> prompt_of_row_;
  Tensor prompt_R_;
  int64_t step_ = 0, written_ = 0;  // Tokens behind the prompts: after, before this step.
  int64_t room_ = 16;
};

}  // namespace

at::ScalarType TransformerLanguageModel::dtype_of_attention() const {
  return in_few_bits() ? torch::kBFloat16 : torch::kFloat;
}

Tensor TransformerLanguageModel::encode(const PackedSequences& texts) {
  const double dropout = is_training() ? attention_dropout() : 0;
  return forward(texts.items_T, texts.positions_T,
                 std::make_shared<WholeTexts>(texts, dropout, dtype_of_attention()));
}

Begun TransformerLanguageModel::begin(const PackedSequences& prompts) {
  const torch::NoGradGuard no_grad;
  const auto kept = std::make_shared<KeptTexts>(prompts, dtype_of_attention());
  const Tensor states_TD = forward(prompts.items_T, prompts.positions_T, kept);
  return {states_TD.index_select(0, last_tokens(prompts)),
          std::make_unique<TransformerContinuation>(*this, prompts, std::move(kept->kept))};
}

}  // namespace seqsweep
