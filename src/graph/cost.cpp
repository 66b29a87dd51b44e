#include "graph/cost.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "graph/macs.h"

namespace isthmus {
namespace {

bool is_float(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kF64 || type == DType::kBF16;
}

// The numbers saturate rather than wrap for absurd shapes.
std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) return std::numeric_limits<std::int64_t>::max();
  return result;
}

// Whether the initializer at this input is learnt.
bool is_parameter(const Node& node, std::size_t input, const Tensor& tensor) {
  if (tensor.shape().empty()) return false;
  if (node.op == "BatchNormalization" && input >= 3) return false;
  if ((node.op == "Resize" || node.op == "Upsample") && input >= 1) return false;
  const bool eight_bits = tensor.dtype() == DType::kI8 || tensor.dtype() == DType::kU8;
  return is_float(tensor.dtype()) || (eight_bits && tensor.shape().size() >= 2);
}

std::int64_t opaque_bytes(const Initializer& initializer) {
  return static_cast<std::int64_t>(initializer.tensor.empty() ? initializer.opaque.size()
                                                              : initializer.tensor.bytes().size());
}

// Type and shape of every tensor, found once.
class Values {
 public:
  explicit Values(const Graph& graph) {
    for (const auto& [name, value] : graph.values) bytes_[name] = value_bytes(value);
    for (const NamedValue& output : graph.outputs) bytes_[output.name] = value_bytes(output.value);
    for (const NamedValue& input : graph.inputs) bytes_[input.name] = value_bytes(input.value);
  }

  // -1 if unknown.
  std::int64_t bytes(const std::string& tensor) const {
    const auto found = bytes_.find(tensor);
    return found == bytes_.end() ? -1 : found->second;
  }

 private:
  std::unordered_map<std::string, std::int64_t> bytes_;
};

void add_activation(const Values& values, const std::string& tensor, std::int64_t& total,
                    NodeCost& cost) {
  const std::int64_t bytes = values.bytes(tensor);
  if (bytes < 0)
    cost.known = false;
  else
    total = sum(total, bytes);
}

NodeCost node_cost(const Graph& graph, const Values& values, const Node& node) {
  NodeCost cost;
  const auto macs = macs_of(graph, node);
  cost.macs = macs.value_or(0);
  cost.known = macs.has_value();
  std::set<std::string> seen;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const std::string& input = node.inputs[i];
    if (input.empty()) continue;
    const auto weight = graph.initializers.find(input);
    if (weight == graph.initializers.end()) {
      if (seen.insert(input).second) add_activation(values, input, cost.input_bytes, cost);
      continue;
    }
    const Tensor& tensor = weight->second.tensor;
    if (!tensor.empty() && is_parameter(node, i, tensor)) cost.params += tensor.size();
    if (seen.insert(input).second) cost.weight_bytes += opaque_bytes(weight->second);
  }
  for (const std::string& output : node.outputs)
    if (!output.empty()) add_activation(values, output, cost.output_bytes, cost);
  return cost;
}

// Parameters of the whole: an initializer counts once if any of its users takes it for one.
std::int64_t parameters_of(const Graph& graph) {
  std::set<std::string> counted;
  std::int64_t total = 0;
  for (const Node& node : graph.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto weight = graph.initializers.find(node.inputs[i]);
      if (weight == graph.initializers.end() || weight->second.tensor.empty()) continue;
      const Tensor& tensor = weight->second.tensor;
      if (is_parameter(node, i, tensor) && counted.insert(weight->first).second)
        total += tensor.size();
    }
  }
  return total;
}

std::int64_t peak_of(const Graph& graph, const Values& values) {
  const auto bytes = [&](const std::string& tensor) {
    return std::max<std::int64_t>(values.bytes(tensor), 0);
  };
  constexpr std::size_t kForever = std::numeric_limits<std::size_t>::max();
  std::unordered_map<std::string, std::size_t> last_use;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const std::string& need : graph.nodes[i].needs()) last_use[need] = i;
  for (const NamedValue& output : graph.outputs) last_use[output.name] = kForever;

  std::int64_t live = 0;
  for (const NamedValue& input : graph.inputs) live = sum(live, bytes(input.name));
  std::int64_t peak = live;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) live = sum(live, bytes(output));
    peak = std::max(peak, live);
    for (const std::string& need : graph.nodes[i].needs())
      if (last_use[need] == i && !graph.is_initializer(need))
        live = std::max<std::int64_t>(live - bytes(need), 0);
    for (const std::string& output : graph.nodes[i].outputs)
      if (!output.empty() && !last_use.contains(output))
        live = std::max<std::int64_t>(live - bytes(output), 0);
  }
  return peak;
}

}  // namespace

std::int64_t value_elements(const Value& value) {
  if (!value.has_shape) return -1;
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < value.shape.size(); ++axis) {
    const std::int64_t extent = value.shape[axis] < 0 && axis == 0 ? 1 : value.shape[axis];
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) return -1;
  }
  return count;
}

std::int64_t value_bytes(const Value& value) {
  const std::int64_t elements = value_elements(value);
  const auto width = static_cast<std::int64_t>(byte_size(value.dtype));
  std::int64_t bytes = 0;
  if (elements < 0 || width == 0 || __builtin_mul_overflow(elements, width, &bytes)) return -1;
  return bytes;
}

GraphCost cost_of(const Graph& graph) {
  const Values values(graph);
  GraphCost cost;
  for (const Node& node : graph.nodes) {
    cost.nodes.push_back(node_cost(graph, values, node));
    cost.macs = sum(cost.macs, cost.nodes.back().macs);
    if (!cost.nodes.back().known) cost.unknown.push_back(node.name);
  }
  cost.params = parameters_of(graph);
  for (const auto& [name, initializer] : graph.initializers)
    cost.weight_bytes = sum(cost.weight_bytes, opaque_bytes(initializer));
  cost.peak_bytes = peak_of(graph, values);
  return cost;
}

}  // namespace isthmus
