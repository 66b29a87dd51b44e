#include "split/printed_counts.h"

#include <algorithm>
#include <cmath>

#include "graph/cost.h"

namespace isthmus {
namespace {

// The only node of the run with multiply-adds; null where there are none or several.
const Node* only_layer(const Graph& run) {
  const GraphCost cost = cost_of(run);
  const Node* layer = nullptr;
  for (std::size_t i = 0; i < run.nodes.size(); ++i) {
    if (cost.nodes[i].macs == 0) continue;
    if (layer != nullptr) return nullptr;
    layer = &run.nodes[i];
  }
  return layer;
}

Shape shape_of(const Graph& run, const std::string& tensor) { return run.value_of(tensor).shape; }

// Table 1.
std::optional<PrintedCounts> of_dense(ShardKind kind, double in, double out, double n) {
  switch (kind) {
    case ShardKind::kWhole: return PrintedCounts{in * out, in * out, in + out};
    case ShardKind::kChannel: return PrintedCounts{in * out / n, n * in, n * in + out};
    case ShardKind::kInput: return PrintedCounts{in * out / n, n * out, in + n * out};
    case ShardKind::kSpatial: break;
  }
  return std::nullopt;
}

// Table 2: `pixels` H W, `in` C_i, `filters` k, `side` f.
std::optional<PrintedCounts> of_convolution(ShardKind kind, double pixels, double in,
                                            double filters, double side, double n) {
  const double weights = filters * in * side * side;
  const double macs = pixels * weights;
  switch (kind) {
    case ShardKind::kWhole: return PrintedCounts{macs, weights, (in + filters) * pixels};
    case ShardKind::kChannel:
      return PrintedCounts{macs / n, weights / n, (n * in + filters) * pixels};
    case ShardKind::kInput:
      return PrintedCounts{macs / n, weights / n, (in + filters * n) * pixels};
    case ShardKind::kSpatial: break;
  }
  const double d = std::round(std::sqrt(n));
  if (d * d != n) return std::nullopt;
  const double region = pixels * in / n + 4 * std::floor(side / 2) * (n - d);
  return PrintedCounts{macs / n, weights, (n * region + filters) * pixels};
}

}  // namespace

std::optional<PrintedCounts> printed_counts(const Graph& run, ShardKind kind, std::size_t nodes) {
  const Node* layer = only_layer(run);
  if (layer == nullptr || layer->inputs.size() < 2 || !run.is_initializer(layer->inputs[1]))
    return std::nullopt;
  const auto n = static_cast<double>(nodes);
  const Shape weights = shape_of(run, layer->inputs[1]);
  const Shape input = shape_of(run, layer->inputs[0]);
  if ((layer->op == "Gemm" || layer->op == "MatMul") && weights.size() == 2) {
    // The paper has one vector for a frame, not a row of them.
    if (input.size() > 2) return std::nullopt;
    const bool transposed = layer->op == "Gemm" && layer->integer("transB", 0) != 0;
    const auto in = static_cast<double>(weights[transposed ? 1 : 0]);
    const auto out = static_cast<double>(weights[transposed ? 0 : 1]);
    return of_dense(kind, in, out, n);
  }
  if (layer->op != "Conv" || weights.size() != 4 || input.size() != 4 ||
      layer->integer("group", 1) != 1)
    return std::nullopt;
  return of_convolution(kind, static_cast<double>(input[2] * input[3]),
                        static_cast<double>(weights[1]), static_cast<double>(weights[0]),
                        static_cast<double>(weights[2]), n);
}

}  // namespace isthmus
