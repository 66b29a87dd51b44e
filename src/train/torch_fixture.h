#pragma once

// For the tests of train/: a graph on libtorch beside the same graph in the engine.

#include <algorithm>
#include <string>
#include <vector>

#include "engine/difference.h"
#include "engine/engine.h"
#include "engine/random_tensor.h"
#include "train/torch_graph.h"
#include "train/torch_tensor.h"

namespace isthmus {

// Of every input of the graph; open extents become `open`.
inline std::vector<Tensor> random_inputs(const Graph& graph, std::uint64_t seed = 1,
                                         std::int64_t open = 2) {
  std::vector<Tensor> inputs;
  for (const NamedValue& input : graph.inputs) {
    Shape shape = input.value.shape;
    std::ranges::replace_if(shape, [](auto extent) { return extent < 0; }, open);
    inputs.push_back(random_tensor(input.value.dtype, shape, seed++));
  }
  return inputs;
}

inline TorchValues named_inputs(const Graph& graph, const std::vector<Tensor>& inputs) {
  TorchValues named;
  for (std::size_t i = 0; i < inputs.size(); ++i) named[graph.inputs[i].name] = to_torch(inputs[i]);
  return named;
}

inline std::vector<std::string> output_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const NamedValue& output : graph.outputs) names.push_back(output.name);
  return names;
}

// The largest max|a-b| / max|a| of all outputs, on random inputs.
inline double difference_from_engine(const Graph& graph, TorchGraph& torch_graph,
                                     std::uint64_t seed = 1, std::int64_t open = 2) {
  const std::vector<Tensor> inputs = random_inputs(graph, seed, open);
  const std::vector<Tensor> expected = make_engine(graph)->run(inputs);
  const TorchValues made = torch_graph.forward(named_inputs(graph, inputs), output_names(graph));
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    worst =
        std::max(worst, tensor_difference(expected[i], from_torch(made.at(graph.outputs[i].name))));
  return worst;
}

inline double difference_from_engine(const Graph& graph, std::uint64_t seed = 1,
                                     std::int64_t open = 2) {
  TorchGraph torch_graph(graph);
  return difference_from_engine(graph, torch_graph, seed, open);
}

}  // namespace isthmus
