#pragma once

#include <torch/types.h>

namespace isthmus {

// Whether the device multiplies bf16 numbers with sums in f32. A CPU does with AVX-512 only:
// without it libtorch 1.13 falls back to loops that sum in bf16, slower and less exact than f32.
bool computes_well_in_bf16(torch::Device device);

// While this lives, operators of this thread that gain by it compute in bf16; weights stay f32.
// Nothing changes on a device that does not compute well in bf16.
class MixedPrecision {
 public:
  MixedPrecision(bool on, torch::Device device);
  ~MixedPrecision();
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;

 private:
  bool on_;
  bool cuda_;
};

// Whether one for the CPU lives on this thread.
bool cpu_computes_in_bf16();

}  // namespace isthmus
