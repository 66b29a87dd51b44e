#pragma once

// Private to train/: the window of a convolution or pooling, one number per spatial axis.

#include <cstdint>
#include <vector>

#include "train/torch_operator.h"

namespace isthmus {

struct TorchWindow {
  std::vector<std::int64_t> kernel, stride, dilation;
  // Padding in front of and behind each axis; auto_pad is resolved.
  std::vector<std::int64_t> begin, end;

  std::size_t axes() const { return kernel.size(); }
  bool is_symmetric() const { return begin == end; }
  // Extent of the dilated kernel.
  std::int64_t span(std::size_t axis) const { return (kernel[axis] - 1) * dilation[axis] + 1; }
};

// Of the call's attributes, for an input with these spatial extents.
TorchWindow window_of(const TorchCall& call, std::vector<std::int64_t> kernel,
                      const std::vector<std::int64_t>& extents);

// Extents behind the batch and the channels.
std::vector<std::int64_t> spatial_extents(const TorchCall& call, const at::Tensor& tensor);

// Adds `value` around the spatial axes; negative numbers take away.
at::Tensor padded(const at::Tensor& tensor, const std::vector<std::int64_t>& begin,
                  const std::vector<std::int64_t>& end, double value);

}  // namespace isthmus
