#include "graph/graph.h"

#include <algorithm>
#include <unordered_set>

#include "core/error.h"

namespace isthmus {
namespace {

template <typename T>
const T* attribute(const Node& node, std::string_view key, const char* type) {
  const auto found = node.attributes.find(std::string(key));
  if (found == node.attributes.end()) return nullptr;
  if (const T* value = std::get_if<T>(&found->second)) return value;
  throw Error(ErrorKind::kInvalid, "node " + node.name + ": attribute " + std::string(key) +
                                       " of " + node.op + " must be " + type);
}

const NamedValue* find_value(const std::vector<NamedValue>& values, std::string_view name) {
  const auto found = std::ranges::find(values, name, &NamedValue::name);
  return found == values.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> Node::needs() const {
  // Hostile files have nodes of 100,000 inputs.
  std::unordered_set<std::string_view> seen;
  std::vector<std::string> result;
  for (const auto* names : {&inputs, &captures})
    for (const std::string& name : *names)
      if (!name.empty() && seen.insert(name).second) result.push_back(name);
  return result;
}

bool Node::has(std::string_view key) const { return attributes.contains(std::string(key)); }

std::int64_t Node::integer(std::string_view key, std::int64_t fallback) const {
  const auto* value = attribute<std::int64_t>(*this, key, "an integer");
  return value ? *value : fallback;
}

float Node::real(std::string_view key, float fallback) const {
  const auto* value = attribute<float>(*this, key, "a number");
  return value ? *value : fallback;
}

std::string Node::text(std::string_view key, std::string_view fallback) const {
  const auto* value = attribute<std::string>(*this, key, "a string");
  return value ? *value : std::string(fallback);
}

std::vector<std::int64_t> Node::integers(std::string_view key,
                                         std::vector<std::int64_t> fallback) const {
  const auto* value = attribute<std::vector<std::int64_t>>(*this, key, "a list of integers");
  if (value) return *value;
  return fallback;
}

std::int64_t Graph::opset() const {
  const auto found = opsets.find("");
  return found == opsets.end() ? 1 : found->second;
}

Value Graph::value_of(const std::string& tensor) const {
  if (const NamedValue* input = find_input(tensor)) return input->value;
  if (const auto found = initializers.find(tensor); found != initializers.end()) {
    const Tensor& stored = found->second.tensor;
    if (stored.empty()) return {};
    return {.dtype = stored.dtype(), .shape = stored.shape(), .has_shape = true};
  }
  if (const NamedValue* output = find_output(tensor)) return output->value;
  if (const auto found = values.find(tensor); found != values.end()) return found->second;
  return {};
}

const NamedValue* Graph::find_input(std::string_view tensor) const {
  return find_value(inputs, tensor);
}

const NamedValue* Graph::find_output(std::string_view tensor) const {
  return find_value(outputs, tensor);
}

std::ptrdiff_t Graph::producer_of(std::string_view tensor) const {
  if (tensor.empty()) return -1;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (std::ranges::find(nodes[i].outputs, tensor) != nodes[i].outputs.end())
      return static_cast<std::ptrdiff_t>(i);
  return -1;
}

std::vector<std::string> Graph::tensors() const {
  std::vector<std::string> result;
  for (const NamedValue& input : inputs) result.push_back(input.name);
  for (const Node& node : nodes)
    for (const std::string& output : node.outputs)
      if (!output.empty()) result.push_back(output);
  return result;
}

GraphIndex::GraphIndex(const Graph& graph) {
  for (const NamedValue& input : graph.inputs) producer[input.name] = -1;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs)
      if (!output.empty()) producer[output] = static_cast<std::ptrdiff_t>(i);
    for (const std::string& need : graph.nodes[i].needs()) consumers[need].push_back(i);
  }
}

}  // namespace isthmus
