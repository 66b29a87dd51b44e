#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

using TorchValues = std::map<std::string, torch::Tensor>;

// An ONNX graph executed on libtorch with autograd: initializers are the parameters, any tensor can
// be tapped by name, and the trained weights go back into the same graph.
//
//   TorchGraph student(graph);
//   student.train_only({"conv1.weight", "conv1.bias"});
//   student.set_training(true);
//   TorchValues values = student.forward({{"input", images}}, {"logits", "layer1"});
//   loss_of(values).backward();
//
// The operators are those of the tables in ops_*.cpp. Integers (shapes, indices) are computed as
// well, and stay on the CPU. Mixed precision is the caller's: at::autocast around `forward`.
// One thread at a time.
class TorchGraph {
 public:
  // Copies the weights to the device, those of images channels-last. Throws Error{kUnsupported}
  // that names node and operator for what cannot be executed here, Error{kUnavailable} for a device
  // that is not there.
  explicit TorchGraph(const Graph& graph, torch::Device device = torch::kCPU);
  ~TorchGraph();
  TorchGraph(TorchGraph&&) noexcept;
  TorchGraph& operator=(TorchGraph&&) noexcept;

  // The `wanted` tensors, by name: outputs, inner ones, inputs or initializers. Only what they need
  // is run, and only the inputs that they need must be given; a value is freed after its last use,
  // as far as autograd does not keep it. Inputs are of the graph's type, NCHW; they are moved to
  // the device and, on a CPU, to channels-last memory where they are not. An inner tensor that is
  // given as well is taken as it is, and what would have made it is not run. Throws
  // Error{kNotFound} for an unknown name, Error{kInvalid} for a missing input or one of the wrong
  // type or shape, and Error{kInvalid} with the node for shapes that do not fit.
  TorchValues forward(const TorchValues& inputs, const std::vector<std::string>& wanted);

  // Floating-point initializers that a gradient reaches from an output of the graph (weights,
  // biases, scales, shifts), by name: leaves on the device. Single numbers that stand in arithmetic
  // (x / 6, Clip's bounds) are constants of the network, not parameters.
  const std::map<std::string, torch::Tensor>& parameters() const;
  // Running means and variances of BatchNormalization. One that nodes share in the file is told
  // apart first, under the name INITIALIZER.NODE.
  const std::map<std::string, torch::Tensor>& buffers() const;

  // These parameters require gradients, all others do not (so it is right after construction).
  // Throws Error{kNotFound} for an unknown name, and Error{kUnsupported} that names the node for an
  // initializer that lies before an operator without a gradient.
  void train_only(const std::set<std::string>& names);

  // In training mode a BatchNormalization whose scale or shift is trained uses batch statistics and
  // updates its running ones, every other one uses its running statistics; Dropout drops. Outside
  // of it neither. A new graph is not in training mode.
  //
  //   running = m running + (1 - m) batch,   m the ONNX momentum (torch's is 1 - m)
  //
  // The variance that is stored is torch's unbiased one.
  void set_training(bool training);

  // The same ONNX graph with weights and running statistics as they are now.
  Graph trained() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isthmus
