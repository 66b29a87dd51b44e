#pragma once

// Private to graph/: walks over the nodes in order and finds the type, the shape and, where it is
// small, the value of every tensor.

#include <cstdint>
#include <memory>
#include <string>

#include "graph/graph.h"

namespace isthmus {

// A value of more elements is not computed on load: shapes and axes are small.
inline constexpr std::int64_t kMaxFoldedElements = 4096;

class ShapeWalk {
 public:
  // What `graph` says of its inputs, initializers and values is taken as known. It must outlive the
  // walk; nodes may be appended to it meanwhile.
  explicit ShapeWalk(const Graph& graph);
  ~ShapeWalk();
  ShapeWalk(const ShapeWalk&) = delete;
  ShapeWalk& operator=(const ShapeWalk&) = delete;

  // Infers the outputs of a node whose inputs were visited. Never throws for what it cannot tell.
  void visit(const Node& node);

  Value value_of(const std::string& tensor) const;
  // The value, if it is an initializer or could be computed; null otherwise. Valid while the walk
  // is.
  const Tensor* constant(const std::string& tensor) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isthmus
