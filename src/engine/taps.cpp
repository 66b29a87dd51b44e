#include "engine/taps.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/text.h"

namespace isthmus {
namespace {

void check_known(const Graph& graph, std::span<const std::string> tensors) {
  const std::vector<std::string> known = graph.tensors();
  for (const std::string& tensor : tensors)
    if (std::ranges::find(known, tensor) == known.end())
      throw Error(ErrorKind::kNotFound,
                  graph.name + " has no tensor " + tensor + suggestion(tensor, known));
}

bool is_open(const Value& value) { return !value.has_shape || value.dtype == DType::kUndefined; }

// Known but for extents other than the batch.
bool has_open_extent(const Value& value) {
  return value.has_shape && value.shape.size() > 1 &&
         std::any_of(value.shape.begin() + 1, value.shape.end(),
                     [](std::int64_t e) { return e < 0; });
}

std::vector<std::string> unknown_tensors(const Graph& graph) {
  std::vector<std::string> unknown;
  for (const Node& node : graph.nodes)
    for (const std::string& output : node.outputs)
      if (!output.empty())
        if (const Value value = graph.value_of(output);
            // What has a type of another kind (a sequence, a map) has no shape to find.
            value.rest.empty() && (is_open(value) || has_open_extent(value)))
          unknown.push_back(output);
  return unknown;
}

std::vector<Tensor> zero_inputs(const Graph& graph, std::int64_t batch) {
  std::vector<Tensor> inputs;
  for (const NamedValue& input : graph.inputs) {
    Shape shape = input.value.shape;
    if (!shape.empty() && shape[0] < 0) shape[0] = batch;
    if (!input.value.has_shape || std::ranges::any_of(shape, [](std::int64_t e) { return e < 0; }))
      throw Error(ErrorKind::kUnsupported,
                  graph.name + ": shapes need an input of known extents; " + input.name + " is " +
                      (input.value.has_shape ? to_string(input.value.shape) : "of unknown shape"));
    inputs.emplace_back(input.value.dtype, shape);
  }
  return inputs;
}

bool has_dynamic_batch(const Graph& graph) {
  return std::ranges::any_of(graph.inputs, [](const NamedValue& input) {
    return !input.value.shape.empty() && input.value.shape[0] < 0;
  });
}

using Taps = std::map<std::string, Tensor>;

// Empty where the network does not take that batch.
Taps taps_at_batch_two(const Graph& graph, std::span<const std::string> tensors) {
  if (!has_dynamic_batch(graph)) return {};
  try {
    return run_with_taps(graph, zero_inputs(graph, 2), tensors, {.optimise = false});
  } catch (const Error&) {
    return {};
  }
}

Value seen_value(const Tensor& one, const Tensor* two) {
  Value value{.dtype = one.dtype(), .shape = one.shape(), .has_shape = true};
  if (two && two->shape().size() == value.shape.size())
    for (std::size_t i = 0; i < value.shape.size(); ++i)
      if (two->shape()[i] != value.shape[i]) value.shape[i] = -1;
  return value;
}

void set_value(Graph& graph, const std::string& tensor, const Value& value) {
  for (NamedValue& output : graph.outputs)
    if (output.name == tensor) output.value = value;
  graph.values[tensor] = value;
}

}  // namespace

Graph with_taps(const Graph& graph, std::span<const std::string> tensors) {
  check_known(graph, tensors);
  Graph tapped = graph;
  for (const std::string& tensor : tensors)
    if (!tapped.find_input(tensor) && !tapped.find_output(tensor))
      tapped.outputs.push_back({tensor, graph.value_of(tensor)});
  return tapped;
}

std::map<std::string, Tensor> run_with_taps(const Graph& graph, std::span<const Tensor> inputs,
                                            std::span<const std::string> tensors,
                                            const EngineOptions& options) {
  const auto engine = make_engine(with_taps(graph, tensors), options);
  std::map<std::string, Tensor> result;
  const std::vector<Tensor> outputs = engine->run(inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) result[engine->outputs()[i].name] = outputs[i];
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (std::ranges::find(tensors, engine->inputs()[i].name) != tensors.end())
      result[engine->inputs()[i].name] = inputs[i];
  return result;
}

void fill_shapes_by_running(Graph& graph) {
  const std::vector<std::string> unknown = unknown_tensors(graph);
  if (unknown.empty()) return;
  const Taps one = run_with_taps(graph, zero_inputs(graph, 1), unknown, {.optimise = false});
  const Taps two = taps_at_batch_two(graph, unknown);
  for (const std::string& tensor : unknown) {
    const auto at_two = two.find(tensor);
    set_value(graph, tensor,
              seen_value(one.at(tensor), at_two == two.end() ? nullptr : &at_two->second));
  }
}

}  // namespace isthmus
