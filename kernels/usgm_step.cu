// USGM's step on CUDA, float32: a block a part of the parameters, its products summed in a fixed
// order; one block decides the step; the update; one block ends it. No atomics: the same bits on
// every call. Nothing comes back to the host.
#include "kernels/cuda_launch.h"
#include "kernels/usgm_step_cuda.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256;

struct Part {
  int64_t begin, end;
  __device__ explicit Part(int64_t size)
      : begin(blockIdx.x * kUsgmPart), end(begin + kUsgmPart < size ? begin + kUsgmPart : size) {}
};

// Of a block's threads; thread 0 has it.
__device__ double sum_of_block(double x) {
  __shared__ double sums[kThreads];
  sums[threadIdx.x] = x;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  const double sum = sums[0];
  __syncthreads();
  return sum;
}

// Of what the parts found, in a fixed order.
__device__ double sum_of_parts(const double* parts, int64_t count, int64_t stride) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) sum += parts[i * stride];
  return sum_of_block(sum);
}

__device__ double weight_of(const UsgmParams& p, int64_t i, double correction) {
  if (p.second_moment == nullptr) return 1;
  return sqrt(double(p.second_moment[i]) / correction) + p.rule.metric_eps;
}

__global__ void look_kernel(UsgmParams p) {
  const Part part(p.size);
  const double correction = p.scalars->correction, keep = p.rule.metric_decay;
  UsgmSums mine;
  for (int64_t i = part.begin + threadIdx.x; i < part.end; i += kThreads) {
    const double g = p.gradients[i];
    if (p.second_moment != nullptr) {
      p.second_moment[i] = static_cast<float>(keep * p.second_moment[i] + (1 - keep) * g * g);
    }
    const double b = weight_of(p, i, correction);
    mine.turned += g * p.step[i];
    mine.square += g * g / b;
    mine.metric += b;
    if (p.rule.weight_decay > 0) mine.radial += g * p.values[i];
    if (p.origin != nullptr) {
      const double away = double(p.values[i]) - p.origin[i];
      mine.distance += b * away * away;
      mine.outward += g * away;
    }
  }
  const UsgmSums sums{sum_of_block(mine.turned),  sum_of_block(mine.square),
                      sum_of_block(mine.metric),  sum_of_block(mine.distance),
                      sum_of_block(mine.outward), sum_of_block(mine.radial)};
  if (threadIdx.x == 0) reinterpret_cast<UsgmSums*>(p.parts)[blockIdx.x] = sums;
}

__global__ void decide_kernel(UsgmParams p, int64_t parts) {
  const auto sum = [&](int i) { return sum_of_parts(p.parts + i, parts, kUsgmSums); };
  const UsgmSums all{sum(0), sum(1), sum(2), sum(3), sum(4), sum(5)};
  if (threadIdx.x == 0) decide_step(*p.scalars, all, double(p.size), p.rule);
}

__global__ void update_kernel(UsgmParams p) {
  const Part part(p.size);
  const UsgmScalars scalars = *p.scalars;
  const double share = share_of_average(scalars, p.rule), shrink = shrink_of(scalars, p.rule);
  double along = 0, r2 = 0;
  for (int64_t i = part.begin + threadIdx.x; i < part.end; i += kThreads) {
    const double g = p.gradients[i], x = p.values[i];
    const double b = weight_of(p, i, scalars.correction) / scalars.mean_metric;
    double made = -scalars.length * (g / b) - shrink * x;
    if (p.rule.ball) made += (scalars.pull - 1) * (x + made - p.origin[i]);
    const float step = static_cast<float>(made), value = static_cast<float>(x + made);
    p.step[i] = step;
    p.values[i] = value;
    along += g * step;
    r2 += b * step * step;
    if (p.average != nullptr) {
      p.average[i] += static_cast<float>(share * (double(value) - p.average[i]));
    }
  }
  along = sum_of_block(along);
  r2 = sum_of_block(r2);
  if (threadIdx.x == 0) {
    p.parts[2 * blockIdx.x] = along;
    p.parts[2 * blockIdx.x + 1] = r2;
  }
}

__global__ void end_kernel(UsgmParams p, int64_t parts) {
  const double along = sum_of_parts(p.parts, parts, 2), r2 = sum_of_parts(p.parts + 1, parts, 2);
  if (threadIdx.x == 0) end_step(*p.scalars, along, r2, p.rule);
}

__global__ void turned_kernel(UsgmParams p) {
  const Part part(p.size);
  double turned = 0;
  for (int64_t i = part.begin + threadIdx.x; i < part.end; i += kThreads) {
    turned += double(p.gradients[i]) * p.step[i];
  }
  turned = sum_of_block(turned);
  if (threadIdx.x == 0) p.parts[blockIdx.x] = turned;
}

__global__ void raise_kernel(UsgmParams p, int64_t parts) {
  const double turned = sum_of_parts(p.parts, parts, 1);
  if (threadIdx.x == 0) raise_h(*p.scalars, turned - p.scalars->along);
}

int64_t parts_of(const UsgmParams& p) {
  return (p.size + kUsgmPart - 1) / kUsgmPart;
}

const char* step(const UsgmParams& p) {
  const auto stream = cuda_stream();
  const auto blocks = static_cast<unsigned>(parts_of(p));
  look_kernel<<<blocks, kThreads, 0, stream>>>(p);
  decide_kernel<<<1, kThreads, 0, stream>>>(p, blocks);
  update_kernel<<<blocks, kThreads, 0, stream>>>(p);
  end_kernel<<<1, kThreads, 0, stream>>>(p, blocks);
  return text_of(cudaGetLastError());
}

const char* look_again(const UsgmParams& p) {
  const auto stream = cuda_stream();
  const auto blocks = static_cast<unsigned>(parts_of(p));
  turned_kernel<<<blocks, kThreads, 0, stream>>>(p);
  raise_kernel<<<1, kThreads, 0, stream>>>(p, blocks);
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (usgm_cuda = {step, look_again}, 0);

}  // namespace

}  // namespace seqsweep
