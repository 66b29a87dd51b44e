#pragma once

#include <cstdint>
#include <optional>

#include "graph/graph.h"

namespace isthmus {

// Multiply-adds of one node at batch 1, none if a shape that they need is unknown:
//
//   Conv, ConvInteger, QLinearConv   output elements x (channels / groups) x kernel elements
//   ConvTranspose                    input elements x (output channels / groups) x kernel elements
//   Gemm, MatMul, MatMulInteger,
//   QLinearMatMul                    output elements x inner extent
//   Einsum (two operands)            product of the extents of all letters
//   LSTM, GRU, RNN                   steps x directions x gates x hidden x (inputs + hidden)
//   everything else                  0
//
// Bias, activation functions and padding are not counted; a dilated kernel counts its own elements
// only.
std::optional<std::int64_t> macs_of(const Graph& graph, const Node& node);

}  // namespace isthmus
