#include <ATen/ATen.h>

#include "train/torch_operator.h"

namespace isthmus {
namespace {

TorchTensors matrix_product(const TorchCall& call) { return {at::matmul(call[0], call[1])}; }

// alpha A B + beta C, with A and B transposed where asked for.
TorchTensors gemm(const TorchCall& call) {
  const double alpha = call.node.real("alpha", 1);
  const double beta = call.node.real("beta", 1);
  const at::Tensor a = call.node.integer("transA", 0) != 0 ? call[0].t() : call[0];
  // Rows of outputs, as a linear layer has them.
  const at::Tensor rows = call.node.integer("transB", 0) != 0 ? call[1] : call[1].t();
  if (alpha == 1 && !call.has(2)) return {at::linear(a, rows)};
  if (alpha == 1 && beta == 1 && call[2].dim() == 1 && call[2].size(0) == rows.size(0))
    return {at::linear(a, rows, call[2])};
  const at::Tensor product = at::linear(a, rows) * alpha;
  return {call.has(2) ? product + call[2] * beta : product};
}

TorchTensors einstein_sum(const TorchCall& call) {
  return {at::einsum(call.node.text("equation", ""), call.inputs)};
}

TorchTensors determinant(const TorchCall& call) { return {at::det(call[0])}; }

}  // namespace

TorchOperators matrix_operators() {
  return {{"MatMul", {.run = matrix_product, .layer = true}},
          {"Gemm", {.run = gemm, .layer = true}},
          {"Einsum", {.run = einstein_sum, .layer = true}},
          {"Det", {determinant}}};
}

}  // namespace isthmus
