// What ssd_mixer_last.cc asks of ssd_mixer_last.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// What comes after the state is read, for the last token of each sequence: its own x, norm and
// gate, the projection back. The names are those of ssd_mixer_last.h; all on the GPU.
struct SsdMixerEndParams {
  const float* read_SE = nullptr;
  const float *x_TE = nullptr, *z_TE = nullptr;  // Rows may be strided.
  int64_t x_stride = 0, z_stride = 0;
  const int32_t* offsets = nullptr;                // [S+1]
  const float *D_H = nullptr, *fc_D_HE = nullptr;  // fc_D: or nullptr.
  const float *norm_weight_E = nullptr, *out_proj_DE = nullptr;
  float* y_SD = nullptr;
  int64_t sequences = 0;
  int width = 0, heads = 0, head_width = 0, norm_groups = 1;
  float norm_eps = 0;
  bool gate_first = false;
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct SsdMixerLastCuda {
  const char* (*end)(const SsdMixerEndParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern SsdMixerLastCuda ssd_mixer_last_cuda;

}  // namespace seqsweep
