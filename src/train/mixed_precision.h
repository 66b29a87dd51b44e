#pragma once

#include <torch/types.h>

namespace isthmus {

// While this lives, operators of this thread that gain by it compute in bf16; weights stay f32.
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
