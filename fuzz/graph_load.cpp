// Fuzzes the ONNX reader and what follows it: any bytes either make a graph or are refused with an
// Error, and a graph that was read is saved and read again without change. The seeds are operator
// cases of ONNX (Apache-2.0).

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "core/error.h"
#include "graph/cost.h"
#include "graph/cuts.h"
#include "graph/graph.h"
#include "graph/shapes.h"

namespace {

void expect(bool law, const char* what) {
  if (law) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void exercise(const isthmus::Graph& graph) {
  const std::string bytes = isthmus::to_onnx(graph);
  expect(isthmus::to_onnx(isthmus::parse_graph(bytes, "again")) == bytes,
         "saved and read again, the graph is another one");
  const isthmus::GraphCost cost = isthmus::cost_of(graph);
  expect(cost.macs >= 0 && cost.params >= 0 && cost.peak_bytes >= 0, "a cost is negative");
  for (const isthmus::CutPoint& point : isthmus::cut_points(graph)) {
    const std::string tensors[] = {point.tensor};
    isthmus::check_separates(graph, tensors);
  }
  isthmus::with_batch(graph, 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  isthmus::Graph graph;
  try {
    graph = isthmus::parse_graph({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const isthmus::Error&) {
    return 0;
  }
  if (graph.nodes.size() <= 50) exercise(graph);
  return 0;
}
