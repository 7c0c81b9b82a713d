#include "kernels/cuda_graph.h"

namespace seqsweep {

CudaGraphs cuda_graphs;

}  // namespace seqsweep
