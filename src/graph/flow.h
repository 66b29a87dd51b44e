#pragma once

// Private to graph/: which tensors carry data from an input to an output.

#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// Tensors by number: inputs first, then node outputs in order. Initializers have none.
class Flow {
 public:
  explicit Flow(const Graph& graph);

  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t tensor) const { return names_[tensor]; }
  // -1 for initializers and unknown names.
  std::ptrdiff_t find(const std::string& tensor) const;
  bool is_input(std::size_t tensor) const { return tensor < inputs_; }
  bool is_output(std::size_t tensor) const { return output_[tensor]; }
  // Depends on an input, and an output depends on it.
  bool is_relevant(std::size_t tensor) const { return forward_[tensor] && backward_[tensor]; }
  bool depends_on_input(std::size_t tensor) const { return forward_[tensor]; }
  // Some output of the node is relevant.
  bool is_relevant_node(std::size_t node) const;

  // Numbers of what a node takes (no initializers) and makes.
  const std::vector<std::size_t>& needs(std::size_t node) const { return needs_[node]; }
  const std::vector<std::size_t>& makes(std::size_t node) const { return makes_[node]; }
  // -1 for an input.
  std::ptrdiff_t producer(std::size_t tensor) const { return producer_[tensor]; }

 private:
  std::size_t inputs_ = 0;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> numbers_;
  std::vector<std::vector<std::size_t>> needs_;
  std::vector<std::vector<std::size_t>> makes_;
  std::vector<std::ptrdiff_t> producer_;
  std::vector<bool> output_;
  std::vector<bool> forward_;
  std::vector<bool> backward_;
};

}  // namespace isthmus
