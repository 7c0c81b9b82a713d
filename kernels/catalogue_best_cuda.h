// Lists of the best items on CUDA, in two halves: one that launches, which a CUDA graph can record
// (kernels/cuda_graph.h), and one that reads on the host what it found.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/catalogue_ranking.h"
#include "kernels/catalogue_ranking_cuda.h"

namespace seqsweep {

// As best_in_catalogue(); float tensors on CUDA, contiguous; `excluded` sorted row by row; count at
// most kBestListMost. Without waiting: int64 [S * count + 1] on the GPU, for read_best().
at::Tensor launch_best_in_catalogue(const at::Tensor& hidden_SD, const at::Tensor& embedding_VD,
                                    const at::Tensor& bias_V, int64_t count,
                                    const ItemLists& excluded);

// `found` in host memory -> the lists. Throws Error (Fault::Run) when an item scored NaN.
std::vector<std::vector<ScoredItem>> read_best(const int64_t* found, int64_t rows, int64_t count);

}  // namespace seqsweep
