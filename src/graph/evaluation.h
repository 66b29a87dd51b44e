#pragma once

// Private to graph/: what the evaluators of graph/evaluate.h share.

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/evaluate_elementwise.h"
#include "graph/graph.h"

namespace isthmus {

// What an evaluator gives: the outputs, or nothing where it has no answer.
using EvaluationResults = std::vector<Tensor>;

struct EvaluationContext {
  const Node& node;
  // Null where the value is not known.
  const std::vector<const Tensor*>& inputs;
  std::int64_t opset;
  // Elements that a result may have.
  std::int64_t limit;

  const Tensor* input(std::size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  bool has_input(std::size_t i) const { return i < node.inputs.size() && !node.inputs[i].empty(); }
};

// Elements of an integer tensor, as 64-bit ones; nothing for other types, more elements or null.
std::optional<Shape> integers_of(const Tensor* tensor, std::int64_t limit = kMaxEvaluatedRank);
// An operand that is an attribute in old opsets and an input in new ones; `found` says whether it
// is there.
std::optional<Shape> integer_operand(const EvaluationContext& c, const char* attribute,
                                     std::size_t input, bool& found);
// Counted from the end if negative; nothing if there is no such axis.
std::optional<std::size_t> axis_of(std::int64_t axis, std::size_t rank);

// Operators that move elements about (evaluate_moving.cpp).
EvaluationResults evaluate_transpose(const EvaluationContext& c);
EvaluationResults evaluate_slice(const EvaluationContext& c);
EvaluationResults evaluate_gather(const EvaluationContext& c);
EvaluationResults evaluate_concat(const EvaluationContext& c);
EvaluationResults evaluate_expand(const EvaluationContext& c);
EvaluationResults evaluate_split(const EvaluationContext& c);
EvaluationResults evaluate_constant_of_shape(const EvaluationContext& c);

}  // namespace isthmus
