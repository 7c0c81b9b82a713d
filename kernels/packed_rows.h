// What the operators over packed sequences share: where the sequences lie, and an even division of
// their tokens among threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace seqsweep {

// int32, on the device of `rows`, at least one. On the CPU, where it costs nothing, also that they
// rise from 0 to the number of rows. Throws Error (Fault::Run).
void require_offsets(std::string_view op, const at::Tensor& offsets_S1, const at::Tensor& rows_TC);

// `tensor` itself when the numbers of a row lie together, else a copy.
at::Tensor with_contiguous_rows(const at::Tensor& tensor_TC);

// Rows of contiguous numbers, any distance apart.
template <typename T>
struct RowsOf {
  T* data = nullptr;
  int64_t stride = 0;
  RowsOf() = default;
  explicit RowsOf(const at::Tensor& tensor_TC)
      : data(tensor_TC.data_ptr<T>()), stride(tensor_TC.stride(0)) {}
  T* row(int64_t i) const { return data + i * stride; }
};

// One group of channels of one sequence, which is tokens [begin, begin + length).
struct Unit {
  int64_t sequence, group, begin, length;
};

// All units of non-empty sequences, sequence by sequence, cut into parts of about equal numbers of
// tokens. A part is one thread's work: as many parts as threads at most, fewer where there is
// little work. The cut depends on lengths and thread count only, so that sums over a part, and then
// over parts in their order, have the same bits in every call.
class WorkParts {
 public:
  // `token_cost`: about how many multiplications a token of one group needs.
  WorkParts(const at::Tensor& offsets_S1, int64_t groups, int64_t token_cost);
  int64_t count() const { return static_cast<int64_t>(first_.size()) - 1; }
  // work(part, its units), parts at the same time.
  using Work = std::function<void(int64_t part, const Unit* first, const Unit* last)>;
  void run(const Work& work) const;

 private:
  std::vector<Unit> units_;
  std::vector<int64_t> first_;  // Of each part, and the end.
};

// For work that grows with a sequence's tokens and needs scratch for the longest one: work(first
// sequence, one behind the last, tokens of the longest of all) on as many threads as pays.
void for_runs_of_sequences(const at::Tensor& offsets_S1,
                           const std::function<void(int64_t, int64_t, int64_t)>& work);

}  // namespace seqsweep
