#include "graph/macs.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/error.h"
#include "core/text.h"
#include "graph/cost.h"

namespace isthmus {
namespace {

using Macs = std::optional<std::int64_t>;

// The node's inputs and outputs with a dynamic batch taken as 1; no shape where one is unknown.
struct Shapes {
  const Graph& graph;
  const Node& node;

  std::optional<Shape> known(const std::vector<std::string>& names, std::size_t i) const {
    if (i >= names.size() || names[i].empty()) return std::nullopt;
    Value value = graph.value_of(names[i]);
    if (!value.has_shape) return std::nullopt;
    if (!value.shape.empty() && value.shape[0] < 0) value.shape[0] = 1;
    if (std::ranges::any_of(value.shape, [](auto e) { return e < 0; })) return std::nullopt;
    return value.shape;
  }
  std::optional<Shape> input(std::size_t i) const { return known(node.inputs, i); }
  std::optional<Shape> output(std::size_t i) const { return known(node.outputs, i); }
};

// A product that is unknown rather than wrong when it does not fit in 63 bits.
Macs product(std::initializer_list<std::int64_t> factors) {
  std::int64_t result = 1;
  for (const std::int64_t factor : factors)
    if (__builtin_mul_overflow(result, factor, &result)) return std::nullopt;
  return result;
}

std::int64_t kernel_elements(const Shape& weight) {
  return element_count(Shape(weight.begin() + 2, weight.end()));
}

// `weight` is output channels x channels of a group x kernel.
Macs convolution(const Shapes& shapes, std::size_t weight_input) {
  const auto weight = shapes.input(weight_input);
  const auto output = shapes.output(0);
  if (!weight || !output || weight->size() < 3) return std::nullopt;
  return product({element_count(*output), (*weight)[1], kernel_elements(*weight)});
}

Macs conv(const Shapes& shapes) { return convolution(shapes, 1); }
Macs quantized_conv(const Shapes& shapes) { return convolution(shapes, 3); }

// `weight` is input channels x output channels of a group x kernel; every input element meets it
// once.
Macs transposed_conv(const Shapes& shapes) {
  const auto weight = shapes.input(1);
  const auto input = shapes.input(0);
  if (!weight || !input || weight->size() < 3) return std::nullopt;
  return product({element_count(*input), (*weight)[1], kernel_elements(*weight)});
}

Macs gemm(const Shapes& shapes) {
  const auto a = shapes.input(0);
  const auto output = shapes.output(0);
  if (!a || !output || a->size() != 2) return std::nullopt;
  const bool transposed = shapes.node.integer("transA", 0) != 0;
  return product({element_count(*output), (*a)[transposed ? 0 : 1]});
}

Macs matrix_product(const Shapes& shapes) {
  const auto a = shapes.input(0);
  const auto output = shapes.output(0);
  if (!a || !output || a->empty()) return std::nullopt;
  return product({element_count(*output), a->back()});
}

Macs einsum(const Shapes& shapes) {
  std::string equation = shapes.node.text("equation", "");
  std::erase(equation, ' ');
  const std::string left = equation.substr(0, equation.find("->"));
  const std::vector<std::string> terms = split_text(left, ',');
  if (terms.size() != shapes.node.inputs.size() || left.find('.') != std::string::npos)
    return std::nullopt;
  if (terms.size() < 2) return 0;
  std::map<char, std::int64_t> extents;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const auto shape = shapes.input(i);
    if (!shape || shape->size() != terms[i].size()) return std::nullopt;
    for (std::size_t axis = 0; axis < shape->size(); ++axis)
      extents[terms[i][axis]] = (*shape)[axis];
  }
  Macs result = 1;
  for (const auto& [letter, extent] : extents)
    if (result) result = product({*result, extent});
  return result;
}

// x is steps x batch x inputs (layout 0); the weights are directions x (gates x hidden) x inputs
// and directions x (gates x hidden) x hidden.
Macs recurrent(const Shapes& shapes) {
  const auto x = shapes.input(0);
  const auto weight = shapes.input(1);
  const auto recurrence = shapes.input(2);
  if (!x || !weight || !recurrence || x->size() != 3) return std::nullopt;
  const auto per_step = product({element_count(*weight) + element_count(*recurrence)});
  if (!per_step) return std::nullopt;
  return product({(*x)[0], (*x)[1], *per_step});
}

const std::unordered_map<std::string, Macs (*)(const Shapes&)>& table() {
  static const std::unordered_map<std::string, Macs (*)(const Shapes&)> rows = {
      {"Conv", conv},
      {"ConvInteger", conv},
      {"QLinearConv", quantized_conv},
      {"ConvTranspose", transposed_conv},
      {"Gemm", gemm},
      {"MatMul", matrix_product},
      {"MatMulInteger", matrix_product},
      {"QLinearMatMul", matrix_product},
      {"Einsum", einsum},
      {"LSTM", recurrent},
      {"GRU", recurrent},
      {"RNN", recurrent},
  };
  return rows;
}

}  // namespace

std::optional<std::int64_t> macs_of(const Graph& graph, const Node& node) {
  if (!node.domain.empty()) return 0;
  const auto row = table().find(node.op);
  if (row == table().end()) return 0;
  try {
    return row->second({graph, node});
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace isthmus
