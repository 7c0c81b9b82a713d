#include "core/nn/graphed_lists.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <algorithm>
#include <cstring>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/train/packing.h"
#include "kernels/catalogue_best_cuda.h"
#include "kernels/cuda_graph.h"

namespace seqsweep {
namespace {

using torch::Tensor;

constexpr int64_t kTokensApart = 16;  // Lengths are rounded up to a multiple of it.
constexpr size_t kMostGraphs = 64;    // Each has memory of its own.

void require(const char* error) {
  if (error != nullptr) throw_run("recommend: CUDA: {}", error);
}

void copy_numbers(const Tensor& to, const Tensor& from) {
  require(cuda_graphs.copy(to.data_ptr(), from.data_ptr(), from.nbytes()));
}

}  // namespace

// A graph with its memory. What fills the tokens up is a second sequence, which nobody reads.
struct GraphedLists::Recorded {
  Tensor host_in, in;  // Items, positions, then the offsets as pairs of int32.
  Tensor host_found;
  std::unique_ptr<CudaGraph> graph;
};

GraphedLists::GraphedLists(SequenceModel& model, int64_t max_length)
    : model_(model), max_length_(max_length) {}

GraphedLists::~GraphedLists() = default;

bool GraphedLists::can_list(int64_t count) {
  return 1 <= count && count <= kBestListMost;
}

std::vector<ScoredItem> GraphedLists::best(History history, int64_t count) {
  const Tensor embedding_VD = model_.item_embedding();
  const c10::InferenceMode inference;
  const c10::DeviceGuard on(embedding_VD.device());
  forget_if_moved(embedding_VD);
  count = std::clamp<int64_t>(embedding_VD.size(0), 1, count);
  const History items = history.last(std::min<size_t>(history.size(), max_length_));
  const int64_t length = std::ssize(items);
  const int64_t tokens = (length + kTokensApart) / kTokensApart * kTokensApart;
  if (recorded_.size() >= kMostGraphs && !recorded_.contains({tokens, count})) recorded_.clear();
  auto& recorded = recorded_[{tokens, count}];
  if (recorded == nullptr) recorded = record(tokens, count);

  int64_t* in = recorded->host_in.data_ptr<int64_t>();
  std::fill(std::ranges::copy(items, in).out, in + tokens, 0);
  for (int64_t i = 0; i < tokens; ++i) in[tokens + i] = i < length ? i : 0;
  const int32_t offsets[] = {0, static_cast<int32_t>(length), static_cast<int32_t>(tokens)};
  std::memcpy(in + 2 * tokens, offsets, sizeof(offsets));
  recorded->graph->replay();
  require(cuda_graphs.wait());
  return read_best(recorded->host_found.data_ptr<int64_t>(), /*rows=*/1, count).front();
}

std::unique_ptr<GraphedLists::Recorded> GraphedLists::record(int64_t tokens, int64_t count) {
  const Tensor embedding_VD = model_.item_embedding(), bias_V = model_.item_bias();
  SEQ_CHECK(embedding_VD.is_contiguous() && (!bias_V.defined() || bias_V.is_contiguous()));
  const torch::Device device = embedding_VD.device();
  auto recorded = std::make_unique<Recorded>();
  recorded->host_in = room_for(2 * tokens + 2, device).zero_();
  recorded->host_found = room_for(count + 1, device);
  PackedSequences sequences{.host_offsets = {0, 1, static_cast<int32_t>(tokens)},
                            .max_length = tokens};
  std::memcpy(recorded->host_in.data_ptr<int64_t>() + 2 * tokens, sequences.host_offsets.data(),
              3 * sizeof(int32_t));
  recorded->in =
      torch::empty_like(recorded->host_in, torch::TensorOptions(device).pinned_memory(false));
  sequences.items_T = recorded->in.narrow(0, 0, tokens);
  sequences.positions_T = recorded->in.narrow(0, tokens, tokens);
  sequences.offsets_S1 = recorded->in.narrow(0, 2 * tokens, 2).view(torch::kInt32).narrow(0, 0, 3);
  recorded->graph = cuda_graphs.record([&] {
    copy_numbers(recorded->in, recorded->host_in);
    const Tensor last_1D = model_.encode_last(sequences).narrow(0, 0, 1).contiguous();
    copy_numbers(recorded->host_found,
                 launch_best_in_catalogue(last_1D, embedding_VD, bias_V, count, {}));
  });
  return recorded;
}

void GraphedLists::forget_if_moved(const Tensor& embedding_VD) {
  if (embedding_.defined() && embedding_.data_ptr() == embedding_VD.data_ptr()) return;
  recorded_.clear();
  embedding_ = embedding_VD.detach();
}

}  // namespace seqsweep
