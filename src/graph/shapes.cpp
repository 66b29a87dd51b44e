#include "graph/shapes.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "graph/shape_walk.h"

namespace isthmus {
namespace {

bool is_known(const Value& value) {
  return value.has_shape && std::ranges::none_of(value.shape, [](auto e) { return e < 0; });
}

std::string first_symbol(const Value& value) {
  return value.symbols.empty() ? std::string() : value.symbols[0];
}

bool has_free_batch(const Value& value) {
  return value.has_shape && !value.shape.empty() && value.shape[0] < 0;
}

void forget_open_shapes(Graph& graph) {
  std::erase_if(graph.values, [](const auto& entry) {
    return entry.second.has_shape && !is_known(entry.second);
  });
  for (NamedValue& output : graph.outputs)
    if (output.value.has_shape && !is_known(output.value))
      output.value = {.dtype = output.value.dtype, .shape = {}};
}

}  // namespace

void infer_shapes(Graph& graph) {
  std::map<std::string, Value> found;
  {
    ShapeWalk walk(graph);
    for (const Node& node : graph.nodes) walk.visit(node);
    for (const Node& node : graph.nodes)
      for (const std::string& output : node.outputs)
        if (!output.empty()) found[output] = walk.value_of(output);
  }
  for (NamedValue& output : graph.outputs)
    if (const auto value = found.find(output.name); value != found.end())
      output.value = value->second;
  for (auto& [name, value] : found)
    if (!graph.find_output(name) &&
        (value.has_shape || value.dtype != DType::kUndefined || !value.rest.empty()))
      graph.values[name] = std::move(value);
}

Graph with_batch(const Graph& graph, std::int64_t batch) {
  if (batch < 1)
    throw Error(ErrorKind::kInvalid, "batch must be at least 1: " + std::to_string(batch));
  Graph result = graph;
  std::set<std::string> symbols;
  const auto set_batch = [&](Value& value) {
    value.shape[0] = batch;
    if (!value.symbols.empty()) value.symbols[0].clear();
  };
  for (NamedValue& input : result.inputs) {
    if (!has_free_batch(input.value)) continue;
    symbols.insert(first_symbol(input.value));
    set_batch(input.value);
  }
  if (symbols.empty()) return result;
  // What depends on the batch is inferred again; what inference does not know has the batch first,
  // or no name for it.
  forget_open_shapes(result);
  infer_shapes(result);
  const auto complete = [&](Value& value, const Value& original) {
    if (value.has_shape && !has_free_batch(value)) return;
    if (!value.has_shape) value = original;
    const std::string symbol = first_symbol(value);
    if (has_free_batch(value) && (symbol.empty() || symbols.contains(symbol))) set_batch(value);
  };
  for (const auto& [name, original] : graph.values)
    if (original.has_shape) complete(result.values[name], original);
  for (std::size_t i = 0; i < result.outputs.size(); ++i)
    complete(result.outputs[i].value, graph.outputs[i].value);
  return result;
}

Graph with_input_shape(const Graph& graph, const Shape& shape) {
  Graph result = graph;
  if (graph.inputs.size() != 1 || shape.empty()) return result;
  Value& input = result.inputs[0].value;
  if (!input.has_shape) input = {.dtype = input.dtype, .shape = Shape(shape.size(), -1)};
  input.has_shape = true;
  if (input.shape.size() != shape.size()) return graph;
  bool any = false;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    if (input.shape[i] >= 0) continue;
    input.shape[i] = shape[i];
    if (i < input.symbols.size()) input.symbols[i].clear();
    any = true;
  }
  if (!any) return graph;
  forget_open_shapes(result);
  infer_shapes(result);
  return result;
}

}  // namespace isthmus
