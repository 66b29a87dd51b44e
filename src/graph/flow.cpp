#include "graph/flow.h"

#include <algorithm>

namespace isthmus {

Flow::Flow(const Graph& graph) : inputs_(graph.inputs.size()), names_(graph.tensors()) {
  for (std::size_t i = 0; i < names_.size(); ++i) numbers_.emplace(names_[i], i);
  producer_.resize(names_.size(), -1);
  output_.resize(names_.size());
  forward_.resize(names_.size());
  backward_.resize(names_.size());
  for (std::size_t i = 0; i < inputs_; ++i) forward_[i] = true;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
    auto& needs = needs_.emplace_back();
    auto& makes = makes_.emplace_back();
    for (const std::string& need : graph.nodes[node].needs())
      if (const auto tensor = find(need); tensor >= 0)
        needs.push_back(static_cast<std::size_t>(tensor));
    const bool depends = std::ranges::any_of(needs, [&](auto tensor) { return forward_[tensor]; });
    for (const std::string& output : graph.nodes[node].outputs) {
      if (output.empty()) continue;
      const auto tensor = static_cast<std::size_t>(find(output));
      makes.push_back(tensor);
      producer_[tensor] = static_cast<std::ptrdiff_t>(node);
      forward_[tensor] = depends;
    }
  }
  for (const NamedValue& output : graph.outputs) {
    const auto tensor = find(output.name);
    if (tensor < 0) continue;
    output_[static_cast<std::size_t>(tensor)] = true;
    backward_[static_cast<std::size_t>(tensor)] = true;
  }
  for (std::size_t node = graph.nodes.size(); node-- > 0;)
    if (std::ranges::any_of(makes_[node], [&](auto tensor) { return backward_[tensor]; }))
      for (const std::size_t need : needs_[node]) backward_[need] = true;
}

std::ptrdiff_t Flow::find(const std::string& tensor) const {
  const auto found = numbers_.find(tensor);
  return found == numbers_.end() ? -1 : static_cast<std::ptrdiff_t>(found->second);
}

bool Flow::is_relevant_node(std::size_t node) const {
  return std::ranges::any_of(makes_[node], [&](auto tensor) { return is_relevant(tensor); });
}

}  // namespace isthmus
