#include "graph/builder.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "core/error.h"
#include "core/fill_normal.h"
#include "core/text.h"
#include "graph/order.h"
#include "graph/shape_walk.h"
#include "graph/shapes.h"

namespace isthmus {
namespace {

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::kInvalid, what); }

// One number for all axes becomes one per axis.
Shape per_axis(const Shape& given, std::size_t axes, const std::string& what) {
  if (given.size() == 1) return Shape(axes, given[0]);
  if (given.size() != axes)
    fail(what + " needs 1 or " + std::to_string(axes) + " numbers: " + to_string(given));
  return given;
}

Shape pads_of(const Shape& given, std::size_t axes) {
  if (given.size() == 2 * axes && axes > 0 && given.size() != 1) return given;
  Shape pads = per_axis(given, axes, "pad");
  const Shape begins = pads;
  pads.insert(pads.end(), begins.begin(), begins.end());
  return pads;
}

// In double and in order, so that it is the same on every processor.
void subtract_mean(std::span<float> values) {
  double sum = 0;
  for (const float value : values) sum += value;
  const auto mean = static_cast<float>(sum / static_cast<double>(values.size()));
  for (float& value : values) value -= mean;
}

}  // namespace

GraphBuilder::GraphBuilder(std::string name) : GraphBuilder(std::move(name), Options{}) {}

GraphBuilder::GraphBuilder(std::string name, Options options)
    : rng_(options.seed), centered_filters_(options.centered_filters) {
  graph_.name = std::move(name);
  graph_.opsets[""] = options.opset;
}

void GraphBuilder::claim(const std::string& tensor) {
  if (tensor.empty()) fail("a tensor needs a name");
  if (!tensors_.insert(tensor).second) fail("tensor " + tensor + " is there already");
}

std::string GraphBuilder::free_name(const std::string& wanted, const std::string& type) {
  std::string name = wanted;
  while (name.empty() || (wanted.empty() && (tensors_.contains(name) || nodes_.contains(name))))
    name = type + '_' + std::to_string(counters_[type]++);
  return name;
}

std::string GraphBuilder::input(const std::string& name, Shape shape, DType dtype) {
  claim(name);
  Value value{.dtype = dtype, .shape = std::move(shape), .has_shape = true};
  if (!value.shape.empty() && value.shape[0] < 0) {
    value.symbols.resize(value.shape.size());
    value.symbols[0] = "batch";
  }
  graph_.inputs.push_back({name, value});
  return name;
}

std::string GraphBuilder::weight(const std::string& name, Tensor tensor) {
  claim(name);
  graph_.initializers[name] = {.tensor = std::move(tensor)};
  return name;
}

std::string GraphBuilder::random_weight(const std::string& name, Shape shape, double deviation) {
  Tensor tensor(DType::kF32, std::move(shape));
  fill_normal(tensor.mutable_values<float>(), deviation, rng_.bits());
  return weight(name, std::move(tensor));
}

// He's normal initialisation of filters x fan-in. Centered ones are scaled up to keep the variance:
// of a ReLU of normal numbers, 1/2 is the second moment and (pi - 1) / (2 pi) the variance.
std::string GraphBuilder::filter_weight(const std::string& name, Shape shape) {
  const auto filters = static_cast<std::size_t>(shape[0]);
  const auto fan_in = static_cast<std::size_t>(element_count(shape)) / filters;
  const double he = std::sqrt(2.0 / static_cast<double>(fan_in));
  if (!centered_filters_ || fan_in < 2) return random_weight(name, std::move(shape), he);
  constexpr double kPi = std::numbers::pi;
  Tensor tensor(DType::kF32, std::move(shape));
  const auto values = tensor.mutable_values<float>();
  fill_normal(values, he * std::sqrt(kPi / (kPi - 1)), rng_.bits());
  for (std::size_t i = 0; i < filters; ++i) subtract_mean(values.subspan(i * fan_in, fan_in));
  return weight(name, std::move(tensor));
}

std::string GraphBuilder::op(const std::string& type, std::vector<std::string> inputs,
                             Attributes attributes, const std::string& name,
                             const std::string& domain) {
  const std::string node = free_name(name, type);
  add_node({.name = node,
            .op = type,
            .domain = domain,
            .inputs = std::move(inputs),
            .outputs = {node},
            .attributes = std::move(attributes)});
  return node;
}

std::vector<std::string> GraphBuilder::op_with_outputs(const std::string& type,
                                                       std::vector<std::string> inputs,
                                                       std::size_t outputs, Attributes attributes,
                                                       const std::string& name,
                                                       const std::string& domain) {
  const std::string node = free_name(name, type);
  std::vector<std::string> made;
  for (std::size_t i = 0; i < outputs; ++i) made.push_back(node + '_' + std::to_string(i));
  add_node({.name = node,
            .op = type,
            .domain = domain,
            .inputs = std::move(inputs),
            .outputs = made,
            .attributes = std::move(attributes)});
  return made;
}

void GraphBuilder::add_node(Node node) {
  for (const std::string& input : node.inputs)
    if (!input.empty() && !tensors_.contains(input))
      fail("node " + node.name + " takes tensor " + input + ", which is not there yet");
  if (!nodes_.insert(node.name).second) fail("node " + node.name + " is there already");
  for (const std::string& output : node.outputs) claim(output);
  if (!node.domain.empty()) graph_.opsets.try_emplace(node.domain, 1);
  ShapeWalk walk(graph_);
  walk.visit(node);
  for (const std::string& output : node.outputs) graph_.values[output] = walk.value_of(output);
  graph_.nodes.push_back(std::move(node));
}

std::string GraphBuilder::window_op(const std::string& type, const std::string& x,
                                    std::vector<std::string> inputs, const WindowOptions& options,
                                    Attributes attributes, const std::string& name) {
  const Shape shape = shape_of(x);
  if (shape.size() < 3) fail(type + " needs batch x channels x spatial: " + to_string(shape));
  const std::size_t axes = shape.size() - 2;
  attributes["kernel_shape"] = per_axis(options.kernel, axes, "kernel");
  attributes["strides"] = per_axis(options.stride, axes, "stride");
  attributes["pads"] = pads_of(options.pad, axes);
  if (type != "AveragePool" || options.dilation != Shape{1})
    attributes["dilations"] = per_axis(options.dilation, axes, "dilation");
  if (type.ends_with("Pool") && options.ceil_mode) attributes["ceil_mode"] = std::int64_t{1};
  const std::string output = op(type, std::move(inputs), std::move(attributes), name);
  const Shape result = shape_of(output);
  // ONNX's inference goes on with zero or negative extents.
  for (std::size_t axis = 2; axis < result.size(); ++axis)
    if (shape[axis] >= 0 && result[axis] < 1)
      fail("the input of " + output + " is too small for its window: " + to_string(shape));
  return output;
}

std::string GraphBuilder::conv(const std::string& x, std::int64_t channels,
                               const WindowOptions& options) {
  const std::size_t axes = shape_of(x).size() - 2;
  const std::int64_t from = channels_of(x);
  if (options.groups < 1 || from % options.groups != 0 || channels % options.groups != 0)
    fail("convolution of " + std::to_string(from) + " to " + std::to_string(channels) +
         " channels cannot have " + std::to_string(options.groups) + " groups");
  const std::string name = free_name(options.name, "Conv");
  Shape shape = per_axis(options.kernel, axes, "kernel");
  shape.insert(shape.begin(), {channels, from / options.groups});
  std::vector<std::string> inputs = {x, filter_weight(name + ".weight", shape)};
  if (options.bias) inputs.push_back(weight(name + ".bias", Tensor(DType::kF32, {channels})));
  return window_op("Conv", x, std::move(inputs), options, {{"group", options.groups}}, name);
}

std::string GraphBuilder::deconv(const std::string& x, std::int64_t channels,
                                 const WindowOptions& options) {
  const std::size_t axes = shape_of(x).size() - 2;
  const std::int64_t from = channels_of(x);
  if (options.groups != 1) fail("a transposed convolution has no groups here");
  const std::string name = free_name(options.name, "ConvTranspose");
  Shape shape = per_axis(options.kernel, axes, "kernel");
  const auto strides = static_cast<double>(element_count(per_axis(options.stride, axes, "stride")));
  const double fan_in = static_cast<double>(from * element_count(shape)) / strides;
  shape.insert(shape.begin(), {from, channels});
  std::vector<std::string> inputs = {x,
                                     random_weight(name + ".weight", shape, std::sqrt(2 / fan_in))};
  if (options.bias) inputs.push_back(weight(name + ".bias", Tensor(DType::kF32, {channels})));
  return window_op("ConvTranspose", x, std::move(inputs), options, {{"group", std::int64_t{1}}},
                   name);
}

std::string GraphBuilder::batch_norm(const std::string& x, const std::string& name, float epsilon) {
  const std::string node = free_name(name, "BatchNormalization");
  const std::int64_t channels = channels_of(x);
  const auto filled = [&](const std::string& suffix, float value) {
    Tensor tensor(DType::kF32, {channels});
    std::ranges::fill(tensor.mutable_values<float>(), value);
    return weight(node + suffix, std::move(tensor));
  };
  std::vector<std::string> inputs = {x, filled(".weight", 1), filled(".bias", 0),
                                     filled(".running_mean", 0), filled(".running_var", 1)};
  return op("BatchNormalization", std::move(inputs), {{"epsilon", epsilon}}, node);
}

std::string GraphBuilder::relu(const std::string& x, const std::string& name) {
  return op("Relu", {x}, {}, name);
}

std::string GraphBuilder::relu6(const std::string& x, const std::string& name) {
  if (graph_.opset() < 11) return op("Clip", {x}, {{"min", 0.0F}, {"max", 6.0F}}, name);
  const auto bound = [&](const std::string& tensor, float value) {
    if (!tensors_.contains(tensor)) weight(tensor, Tensor::scalar(value));
    return tensor;
  };
  return op("Clip", {x, bound("relu6.low", 0), bound("relu6.high", 6)}, {}, name);
}

std::string GraphBuilder::max_pool(const std::string& x, const WindowOptions& options) {
  return window_op("MaxPool", x, {x}, options, {}, options.name);
}

std::string GraphBuilder::average_pool(const std::string& x, const WindowOptions& options) {
  Attributes attributes;
  if (options.count_include_pad) attributes["count_include_pad"] = std::int64_t{1};
  return window_op("AveragePool", x, {x}, options, std::move(attributes), options.name);
}

std::string GraphBuilder::global_average_pool(const std::string& x, const std::string& name) {
  return op("GlobalAveragePool", {x}, {}, name);
}

std::string GraphBuilder::flatten(const std::string& x, const std::string& name) {
  return op("Flatten", {x}, {{"axis", std::int64_t{1}}}, name);
}

std::string GraphBuilder::gemm(const std::string& x, std::int64_t features,
                               const std::string& name) {
  const Shape shape = shape_of(x);
  if (shape.size() != 2 || shape[1] < 1)
    fail("a fully connected layer needs batch x features: " + to_string(shape));
  const std::string node = free_name(name, "Gemm");
  const std::string weights = filter_weight(node + ".weight", {features, shape[1]});
  const std::string bias = weight(node + ".bias", Tensor(DType::kF32, {features}));
  return op("Gemm", {x, weights, bias}, {{"transB", std::int64_t{1}}}, node);
}

std::string GraphBuilder::add(const std::string& a, const std::string& b, const std::string& name) {
  return op("Add", {a, b}, {}, name);
}

std::string GraphBuilder::concat(std::vector<std::string> tensors, std::int64_t axis,
                                 const std::string& name) {
  return op("Concat", std::move(tensors), {{"axis", axis}}, name);
}

std::string GraphBuilder::softmax(const std::string& x, std::int64_t axis,
                                  const std::string& name) {
  return op("Softmax", {x}, {{"axis", axis}}, name);
}

void GraphBuilder::output(const std::string& tensor) {
  if (!tensors_.contains(tensor)) {
    const std::vector<std::string> known(tensors_.begin(), tensors_.end());
    throw Error(ErrorKind::kNotFound, "there is no tensor " + tensor + suggestion(tensor, known));
  }
  graph_.outputs.push_back({tensor, graph_.value_of(tensor)});
}

Shape GraphBuilder::shape_of(const std::string& tensor) const {
  if (!tensors_.contains(tensor)) {
    const std::vector<std::string> known(tensors_.begin(), tensors_.end());
    throw Error(ErrorKind::kNotFound, "there is no tensor " + tensor + suggestion(tensor, known));
  }
  const Value value = graph_.value_of(tensor);
  if (!value.has_shape) fail("the shape of tensor " + tensor + " is unknown");
  return value.shape;
}

std::int64_t GraphBuilder::channels_of(const std::string& tensor) const {
  const Shape shape = shape_of(tensor);
  if (shape.size() < 2 || shape[1] < 1)
    fail("tensor " + tensor + " has no known channels: " + to_string(shape));
  return shape[1];
}

Graph GraphBuilder::build() const {
  Graph graph = graph_;
  for (const NamedValue& output : graph.outputs) graph.values.erase(output.name);
  sort_nodes(graph, "graph " + graph.name);
  infer_shapes(graph);
  return graph;
}

}  // namespace isthmus
