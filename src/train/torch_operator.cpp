#include "train/torch_operator.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"

namespace isthmus {
namespace {

const TorchOperators& all_operators() {
  static const TorchOperators table = [] {
    TorchOperators all;
    for (auto family : {convolution_operators, pooling_operators, normalisation_operators,
                        elementwise_operators, activation_operators, reduction_operators,
                        shape_operators, indexing_operators, resize_operators, matrix_operators})
      all.merge(family());
    return all;
  }();
  return table;
}

template <typename T>
std::vector<T> elements(const at::Tensor& tensor, at::ScalarType type) {
  const at::Tensor plain = tensor.to(type).contiguous();
  const T* data = plain.data_ptr<T>();
  return std::vector<T>(data, data + plain.numel());
}

}  // namespace

std::string describe(const Node& node) { return "node " + node.name + " (" + node.op + ')'; }

void TorchCall::refuse(const std::string& what) const {
  throw Error(ErrorKind::kUnsupported, describe(node) + ": " + what);
}

void TorchCall::complain(const std::string& what) const {
  throw Error(ErrorKind::kInvalid, describe(node) + ": " + what);
}

const at::Tensor& TorchCall::operator[](std::size_t i) const {
  if (!has(i)) complain("input " + std::to_string(i) + " is missing");
  return inputs[i];
}

std::vector<std::int64_t> TorchCall::integers(std::size_t i) const {
  const at::Tensor& tensor = (*this)[i];
  if (at::isFloatingType(tensor.scalar_type()))
    complain("input " + std::to_string(i) + " must be whole numbers");
  return elements<std::int64_t>(tensor, at::kLong);
}

std::vector<double> TorchCall::reals(std::size_t i) const {
  return elements<double>((*this)[i], at::kDouble);
}

double TorchCall::real(std::size_t i) const {
  const auto values = reals(i);
  if (values.size() != 1) complain("input " + std::to_string(i) + " must be one number");
  return values.front();
}

std::optional<std::vector<std::int64_t>> TorchCall::operand(const char* key, std::size_t i) const {
  if (node.has(key)) return node.integers(key, {});
  if (has(i)) return integers(i);
  return std::nullopt;
}

std::int64_t TorchCall::wrapped(std::int64_t axis, std::int64_t rank) const {
  if (axis < -rank || axis >= std::max<std::int64_t>(rank, 1))
    complain("axis " + std::to_string(axis) + " of a tensor with " + std::to_string(rank) +
             " axes");
  return axis < 0 ? axis + rank : axis;
}

std::int64_t TorchCall::axis(const char* key, std::int64_t fallback, std::int64_t rank) const {
  return wrapped(node.integer(key, fallback), rank);
}

const TorchOperator* find_torch_operator(const Node& node) {
  if (!node.domain.empty()) return nullptr;
  const auto found = all_operators().find(node.op);
  return found == all_operators().end() ? nullptr : &found->second;
}

std::vector<std::string> torch_operator_names() {
  std::vector<std::string> names;
  for (const auto& [name, _] : all_operators()) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

}  // namespace isthmus
