#include "train/torch_window.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace isthmus {
namespace {

using Extents = std::vector<std::int64_t>;

// out = ceil(in / stride); what is odd goes behind (SAME_UPPER) or in front.
void pad_to_same(TorchWindow& window, const Extents& extents, bool upper) {
  for (std::size_t i = 0; i < window.axes(); ++i) {
    const std::int64_t out = (extents[i] + window.stride[i] - 1) / window.stride[i];
    const std::int64_t total =
        std::max<std::int64_t>((out - 1) * window.stride[i] + window.span(i) - extents[i], 0);
    window.begin[i] = upper ? total / 2 : total - total / 2;
    window.end[i] = total - window.begin[i];
  }
}

Extents numbers(const TorchCall& call, const char* key, std::size_t count) {
  Extents values = call.node.integers(key, Extents(count, 1));
  if (values.size() != count) call.complain(std::string(key) + " has the wrong length");
  if (std::ranges::any_of(values, [](auto v) { return v < 1; }))
    call.complain(std::string(key) + " must be positive");
  return values;
}

}  // namespace

Extents spatial_extents(const TorchCall& call, const at::Tensor& tensor) {
  if (tensor.dim() < 3) call.complain("the input needs a batch, channels and a spatial axis");
  if (tensor.dim() > 5) call.refuse("more than three spatial axes");
  return {tensor.sizes().begin() + 2, tensor.sizes().end()};
}

TorchWindow window_of(const TorchCall& call, Extents kernel, const Extents& extents) {
  const std::size_t axes = extents.size();
  if (kernel.size() != axes)
    call.complain("the kernel has " + std::to_string(kernel.size()) + " axes, the input " +
                  std::to_string(axes));
  TorchWindow window{.kernel = std::move(kernel),
                     .stride = numbers(call, "strides", axes),
                     .dilation = numbers(call, "dilations", axes),
                     .begin = Extents(axes, 0),
                     .end = Extents(axes, 0)};
  const std::string how = call.node.text("auto_pad", "NOTSET");
  if (how == "SAME_UPPER" || how == "SAME_LOWER") {
    pad_to_same(window, extents, how == "SAME_UPPER");
  } else if (how == "NOTSET" || how.empty()) {
    const Extents pads = call.node.integers("pads", Extents(2 * axes, 0));
    if (pads.size() != 2 * axes) call.complain("pads has the wrong length");
    window.begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(axes));
    window.end.assign(pads.begin() + static_cast<std::ptrdiff_t>(axes), pads.end());
  } else if (how != "VALID") {
    call.complain("unknown auto_pad: " + how);
  }
  return window;
}

at::Tensor padded(const at::Tensor& tensor, const Extents& begin, const Extents& end,
                  double value) {
  // libtorch counts from the last axis.
  Extents pads;
  for (std::size_t i = begin.size(); i-- > 0;) {
    pads.push_back(begin[i]);
    pads.push_back(end[i]);
  }
  if (std::ranges::all_of(pads, [](auto pad) { return pad == 0; })) return tensor;
  return at::constant_pad_nd(tensor, pads, value);
}

}  // namespace isthmus
