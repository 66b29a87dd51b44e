// Operators with a window: convolution and pooling.
#include <algorithm>

#include "split/box_rules.h"

namespace isthmus {
namespace {

// Kernel, stride, pads and dilation by spatial axis.
struct Window {
  Shape kernel;
  Shape stride;
  Shape dilation;
  Shape begin;
  Shape end;
};

// Padding that keeps ceil(extent / stride) outputs (SAME_UPPER, SAME_LOWER).
void same_padding(Window& window, const Shape& input, bool upper) {
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const std::int64_t stride = window.stride[i];
    const std::int64_t outputs = (input[i + 2] + stride - 1) / stride;
    const std::int64_t reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    const std::int64_t total =
        std::max<std::int64_t>(0, (outputs - 1) * stride + reach - input[i + 2]);
    window.begin[i] = upper ? total / 2 : total - total / 2;
    window.end[i] = total - window.begin[i];
  }
}

std::optional<Window> window_of(const BoxContext& context, Shape kernel) {
  const std::size_t axes = kernel.size();
  const Node& node = context.node;
  const Shape input = context.input_shape(0);
  if (input.size() != axes + 2) return std::nullopt;
  Window window{.kernel = std::move(kernel),
                .stride = node.integers("strides", Shape(axes, 1)),
                .dilation = node.integers("dilations", Shape(axes, 1)),
                .begin = Shape(axes, 0),
                .end = Shape(axes, 0)};
  const Shape pads = node.integers("pads", Shape(2 * axes, 0));
  if (window.stride.size() != axes || window.dilation.size() != axes || pads.size() != 2 * axes)
    return std::nullopt;
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    same_padding(window, input, mode == "SAME_UPPER");
  } else if (mode != "VALID") {
    const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(axes);
    window.begin.assign(pads.begin(), middle);
    window.end.assign(middle, pads.end());
  }
  return window;
}

// The rows (columns, ...) that make `wanted` and the padding that is left to do; nothing where all
// of them are padding.
struct Reach {
  IndexRange input;
  std::int64_t pad_begin = 0;
  std::int64_t pad_end = 0;
};

std::optional<Reach> reach_of(const Window& window, std::size_t axis, const IndexRange& wanted,
                              std::int64_t extent) {
  const std::int64_t first = wanted.begin * window.stride[axis] - window.begin[axis];
  const std::int64_t last = (wanted.end - 1) * window.stride[axis] - window.begin[axis] +
                            window.dilation[axis] * (window.kernel[axis] - 1) + 1;
  const IndexRange input = intersection({first, last}, {0, extent});
  if (input.extent() <= 0) return std::nullopt;
  return Reach{input, std::max<std::int64_t>(0, -first), std::max<std::int64_t>(0, last - extent)};
}

// Fills the spatial part of input 0 and the padding; false where it cannot be done.
bool apply_window(const BoxContext& context, const Window& window, const Box& wanted,
                  BoxedNode& result) {
  const Shape input = context.input_shape(0);
  const std::size_t axes = window.kernel.size();
  Shape pads(2 * axes);
  for (std::size_t i = 0; i < axes; ++i) {
    const auto reach = reach_of(window, i, wanted[i + 1], input[i + 2]);
    if (!reach) return false;
    (*result.inputs[0])[i + 1] = reach->input;
    pads[i] = reach->pad_begin;
    pads[i + axes] = reach->pad_end;
  }
  result.node.attributes["pads"] = pads;
  result.node.attributes.erase("auto_pad");
  return true;
}

bool is_whole_space(const BoxContext& context, const Box& wanted) {
  const Box whole = whole_box(context.graph, context.node.outputs[0]);
  return std::equal(wanted.begin() + 1, wanted.end(), whole.begin() + 1, whole.end());
}

// Channels of a convolution with groups: whole groups, or a piece of one.
struct Channels {
  IndexRange made;
  IndexRange input;
  std::int64_t groups = 1;
};

Channels channels_for(const IndexRange& wanted, std::int64_t groups, std::int64_t outputs,
                      std::int64_t inputs) {
  const std::int64_t out = outputs / groups;
  const std::int64_t in = inputs / groups;
  const std::int64_t first = wanted.begin / out;
  const std::int64_t last = (wanted.end + out - 1) / out;
  Channels channels{.made = wanted, .input = {first * in, last * in}, .groups = last - first};
  if (channels.groups > 1) channels.made = {first * out, last * out};
  return channels;
}

std::optional<BoxedNode> convolution(const BoxContext& context, const Box& wanted) {
  if (!context.is_activation(0) || !context.is_weight(1) || context.is_activation(2))
    return std::nullopt;
  const Shape weight = context.input_shape(1);
  const auto window = window_of(context, Shape(weight.begin() + 2, weight.end()));
  if (!window) return std::nullopt;
  const std::int64_t groups = context.node.integer("group", 1);
  const Channels channels = channels_for(wanted[0], groups, weight[0], context.input_shape(0)[1]);
  BoxedNode result = context.begin(wanted);
  result.made[0] = channels.made;
  result.inputs[0] = context.whole_input(0);
  (*result.inputs[0])[0] = channels.input;
  if (channels.made.extent() < weight[0]) {
    result.node.attributes["group"] = channels.groups;
    result.weights[1].axes[0] = channels.made;
    if (context.is_weight(2)) result.weights[2].axes[0] = channels.made;
  }
  if (!is_whole_space(context, wanted) && !apply_window(context, *window, wanted, result))
    return std::nullopt;
  return result;
}

std::optional<BoxedNode> pooling(const BoxContext& context, const Box& wanted) {
  const auto window = window_of(context, context.node.integers("kernel_shape", {}));
  if (!window) return std::nullopt;
  BoxedNode result = context.begin(wanted);
  result.inputs[0] = context.whole_input(0);
  (*result.inputs[0])[0] = wanted[0];
  if (is_whole_space(context, wanted)) return result;
  if (!apply_window(context, *window, wanted, result)) return std::nullopt;
  result.node.attributes.erase("ceil_mode");
  // What the last window of ceil_mode reaches beyond the padding is counted as padding now.
  if (context.node.integer("count_include_pad", 0) != 0) {
    const Shape pads = result.node.integers("pads", {});
    for (std::size_t i = 0; i < window->end.size(); ++i)
      if (pads[i + window->end.size()] > window->end[i]) return std::nullopt;
  }
  return result;
}

// Every channel on its own, over all rows and columns.
std::optional<BoxedNode> global_pooling(const BoxContext& context, const Box& wanted) {
  BoxedNode result = context.begin(wanted);
  result.inputs[0] = context.whole_input(0);
  (*result.inputs[0])[0] = wanted[0];
  return result;
}

}  // namespace

const BoxRules& window_box_rules() {
  static const BoxRules rules = {
      {"Conv", convolution},
      {"MaxPool", pooling},
      {"AveragePool", pooling},
      {"LpPool", pooling},
      {"GlobalAveragePool", global_pooling},
      {"GlobalMaxPool", global_pooling},
  };
  return rules;
}

}  // namespace isthmus
