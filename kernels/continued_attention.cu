// Attention of written tokens on CUDA, float32: a block a row and head. Its warps take the tokens
// in turn, each with a running maximum and sum (online softmax, Milakov & Gimelshein 2018), and are
// added up at the end in the order of the warps: the same bits on every call.
#include "kernels/continued_attention_cuda.h"
#include "kernels/cuda_launch.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 128, kWarps = kThreads / 32, kOfLane = kContinuedHeadWidthMax / 32;

__device__ float sum_of_warp(float x) {
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(~0U, x, step);
  return x;
}

// What a warp has seen: lane l holds numbers l, l + 32, ... of the values' weighted sum.
struct Seen {
  float most = -INFINITY, sum = 0;
  float value[kOfLane] = {};

  __device__ void add(const ContinuedAttentionParams& p, const float* q, const float* k,
                      const float* v, int lane) {
    float product = 0;
    for (int i = 0; i < kOfLane; ++i) {
      const int at = lane + 32 * i;
      if (at < p.width) product += q[i] * k[at];
    }
    const float score = sum_of_warp(product) * p.scale;
    const float now = fmaxf(most, score);
    const float keep = expf(most - now), weight = expf(score - now);
    sum = sum * keep + weight;
    for (int i = 0; i < kOfLane; ++i) {
      const int at = lane + 32 * i;
      if (at < p.width) value[i] = value[i] * keep + weight * v[at];
    }
    most = now;
  }
};

__global__ void forward_kernel(ContinuedAttentionParams p) {
  const int64_t row = blockIdx.x;
  const int head = blockIdx.y, group = head / (p.heads / p.groups);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const float* of_row = p.q_RHP + (row * p.heads + head) * p.width;
  float q[kOfLane];
  for (int i = 0; i < kOfLane; ++i) q[i] = lane + 32 * i < p.width ? of_row[lane + 32 * i] : 0;

  const int64_t stride = int64_t(p.groups) * p.width;
  const int64_t first = p.offsets_S1[p.prompt_R[row]];
  const int64_t read = p.offsets_S1[p.prompt_R[row] + 1] - first;
  Seen seen;
  for (int64_t t = warp; t < read + p.written; t += kWarps) {
    const bool in_prompt = t < read;
    const int64_t at = (in_prompt ? first + t : row * p.room + t - read) * stride + group * p.width;
    seen.add(p, q, (in_prompt ? p.prompt_k_TGP : p.written_k_RLGP) + at,
             (in_prompt ? p.prompt_v_TGP : p.written_v_RLGP) + at, lane);
  }

  __shared__ float most[kWarps], sum[kWarps], value[kWarps][kContinuedHeadWidthMax];
  if (lane == 0) {
    most[warp] = seen.most;
    sum[warp] = seen.sum;
  }
  for (int i = 0; i < kOfLane; ++i) value[warp][lane + 32 * i] = seen.value[i];
  __syncthreads();
  float most_of_all = most[0];
  for (int w = 1; w < kWarps; ++w) most_of_all = fmaxf(most_of_all, most[w]);
  float total = 0;
  for (int w = 0; w < kWarps; ++w) total += sum[w] * expf(most[w] - most_of_all);
  for (int at = threadIdx.x; at < p.width; at += kThreads) {
    float out = 0;
    for (int w = 0; w < kWarps; ++w) out += value[w][at] * expf(most[w] - most_of_all);
    p.out_RHP[(row * p.heads + head) * p.width + at] = out / total;
  }
}

const char* forward(const ContinuedAttentionParams& p) {
  if (p.rows == 0) return nullptr;
  const dim3 grid(static_cast<unsigned>(p.rows), p.heads);
  forward_kernel<<<grid, kThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (continued_attention_cuda = {forward}, 0);

}  // namespace

}  // namespace seqsweep
