#pragma once

// Private to train/: the ONNX operators that libtorch executes.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

using TorchTensors = std::vector<at::Tensor>;

// One node being run, as its operator sees it. All functions throw Error{kInvalid} that names the
// node for what is missing or wrong.
struct TorchCall {
  const Node& node;
  // One for each input of the node; undefined for an omitted one.
  const TorchTensors& inputs;
  std::int64_t opset;
  // BatchNormalization uses and updates batch statistics, Dropout drops.
  bool training = false;

  bool has(std::size_t i) const { return i < inputs.size() && inputs[i].defined(); }
  const at::Tensor& operator[](std::size_t i) const;
  // Undefined if it is not there, which is how libtorch takes "no bias".
  at::Tensor optional(std::size_t i) const { return has(i) ? inputs[i] : at::Tensor(); }
  // The elements of an input that lies on the host (TorchOperator::host).
  std::vector<std::int64_t> integers(std::size_t i) const;
  std::vector<double> reals(std::size_t i) const;
  double real(std::size_t i) const;
  // An operand that is the attribute `key` in old opsets and the input `i` in new ones; nothing if
  // it is neither.
  std::optional<std::vector<std::int64_t>> operand(const char* key, std::size_t i) const;
  // The attribute `key` as an axis of something with `rank` axes, counted from the front.
  std::int64_t axis(const char* key, std::int64_t fallback, std::int64_t rank) const;
  // Likewise for a number that was read before.
  std::int64_t wrapped(std::int64_t axis, std::int64_t rank) const;

  // Throws Error{kUnsupported} or Error{kInvalid} with the node's name and operator in front.
  [[noreturn]] void refuse(const std::string& what) const;
  [[noreturn]] void complain(const std::string& what) const;
};

// "node Conv_3 (Conv)".
std::string describe(const Node& node);

// Bit i stands for input i of a node.
using InputSet = std::uint32_t;
inline constexpr InputSet kNoInput = 0;
inline constexpr InputSet kFirstInput = 1;
inline constexpr InputSet kAllInputs = ~InputSet{0};
inline bool contains(InputSet set, std::size_t input) { return input < 32 && (set >> input & 1U); }

struct TorchOperator {
  TorchTensors (*run)(const TorchCall&) = nullptr;
  // Inputs that a gradient flows to.
  InputSet gradient = kAllInputs;
  // Inputs whose values decide about shapes: read by the host, never on another device.
  InputSet host = kNoInput;
  // A single number among the initializers is a parameter like any other, not a constant.
  bool layer = false;
};

using TorchOperators = std::unordered_map<std::string, TorchOperator>;

// Null for an operator that is not there.
const TorchOperator* find_torch_operator(const Node& node);
// By name, sorted.
std::vector<std::string> torch_operator_names();

// The tables, one for each family.
TorchOperators convolution_operators();
TorchOperators pooling_operators();
TorchOperators normalisation_operators();
TorchOperators elementwise_operators();
TorchOperators activation_operators();
TorchOperators reduction_operators();
TorchOperators shape_operators();
TorchOperators indexing_operators();
TorchOperators resize_operators();
TorchOperators matrix_operators();

}  // namespace isthmus
