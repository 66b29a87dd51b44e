#include "train/mixed_precision.h"

#include <ATen/autocast_mode.h>
#include <torch/version.h>

namespace isthmus {
namespace {

// One function for all devices came with libtorch 2.4.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
void switch_autocast(bool cuda, bool on) {
  const auto device = cuda ? at::kCUDA : at::kCPU;
  if (on) at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, on);
}

bool cpu_autocast() { return at::autocast::is_autocast_enabled(at::kCPU); }
#else
void switch_autocast(bool cuda, bool on) {
  if (cuda) {
    if (on) at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    at::autocast::set_enabled(on);
  } else {
    if (on) at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
    at::autocast::set_cpu_enabled(on);
  }
}

bool cpu_autocast() { return at::autocast::is_cpu_enabled(); }
#endif

}  // namespace

bool computes_well_in_bf16(torch::Device device) {
  if (device.is_cuda()) return true;
#if defined(__x86_64__)
  // What oneDNN asks for.
  return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0;
#else
  return false;
#endif
}

MixedPrecision::MixedPrecision(bool on, torch::Device device)
    : on_(on && computes_well_in_bf16(device)), cuda_(device.is_cuda()) {
  if (!on_) return;
  switch_autocast(cuda_, true);
  at::autocast::increment_nesting();
}

MixedPrecision::~MixedPrecision() {
  if (!on_) return;
  // The bf16 copies of the weights are of no use once these have moved.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  switch_autocast(cuda_, false);
}

bool cpu_computes_in_bf16() { return cpu_autocast(); }

}  // namespace isthmus
