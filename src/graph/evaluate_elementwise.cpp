#include "graph/evaluate_elementwise.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <type_traits>
#include <unordered_map>

namespace isthmus {
namespace {

template <typename T>
using Binary = std::optional<T> (*)(T, T);

template <typename T, typename Operation>
std::optional<T> checked(T a, T b, Operation operation) {
  T result{};
  if (operation(a, b, &result)) return std::nullopt;
  return result;
}

template <typename T>
std::optional<T> sum(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return checked(a, b, [](T x, T y, T* r) { return __builtin_add_overflow(x, y, r); });
  else
    return a + b;
}

template <typename T>
std::optional<T> difference(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return checked(a, b, [](T x, T y, T* r) { return __builtin_sub_overflow(x, y, r); });
  else
    return a - b;
}

template <typename T>
std::optional<T> product(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return checked(a, b, [](T x, T y, T* r) { return __builtin_mul_overflow(x, y, r); });
  else
    return a * b;
}

template <typename T>
bool divides(T a, T b) {
  return b != 0 && !(std::is_signed_v<T> && b == T(-1) && a == std::numeric_limits<T>::min());
}

template <typename T>
std::optional<T> quotient(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    // ONNX rounds towards zero, as C++ does.
    if (!divides(a, b)) return std::nullopt;
  }
  return a / b;
}

// Sign of the divisor, as in Python (fmod = 0).
template <typename T>
std::optional<T> modulo(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (!divides(a, b)) return std::nullopt;
    const T rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  } else {
    return std::nullopt;
  }
}

template <typename T>
const std::unordered_map<std::string, Binary<T>>& arithmetic() {
  static const std::unordered_map<std::string, Binary<T>> table = {
      {"Add", sum<T>},
      {"Sub", difference<T>},
      {"Mul", product<T>},
      {"Div", quotient<T>},
      {"Mod", modulo<T>},
      {"Min", [](T a, T b) -> std::optional<T> { return std::min(a, b); }},
      {"Max", [](T a, T b) -> std::optional<T> { return std::max(a, b); }},
  };
  return table;
}

template <typename T>
using Comparison = bool (*)(T, T);

template <typename T>
const std::unordered_map<std::string, Comparison<T>>& comparisons() {
  static const std::unordered_map<std::string, Comparison<T>> table = {
      {"Equal", [](T a, T b) { return a == b; }},
      {"Less", [](T a, T b) { return a < b; }},
      {"Greater", [](T a, T b) { return a > b; }},
      {"LessOrEqual", [](T a, T b) { return a <= b; }},
      {"GreaterOrEqual", [](T a, T b) { return a >= b; }},
      {"And", [](T a, T b) { return a != 0 && b != 0; }},
      {"Or", [](T a, T b) { return a != 0 || b != 0; }},
      {"Xor", [](T a, T b) { return (a != 0) != (b != 0); }},
  };
  return table;
}

bool is_logical(const std::string& op) { return comparisons<float>().contains(op); }

bool is_unary(const std::string& op) {
  static const std::vector<std::string> ops = {"Not", "Neg", "Abs", "Floor", "Ceil"};
  return std::ranges::find(ops, op) != ops.end();
}

// Positions in each input of every element of the output, in order.
template <typename Visit>
void for_each_index(const Shape& shape, const std::vector<Shape>& strides, Visit visit) {
  const std::int64_t count = element_count(shape);
  Shape index(shape.size(), 0);
  std::vector<std::size_t> at(strides.size());
  for (std::int64_t n = 0; n < count; ++n) {
    for (std::size_t i = 0; i < strides.size(); ++i) {
      std::int64_t position = 0;
      for (std::size_t axis = 0; axis < shape.size(); ++axis)
        position += index[axis] * strides[i][axis];
      at[i] = static_cast<std::size_t>(position);
    }
    visit(static_cast<std::size_t>(n), at);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

template <typename T, typename R, typename Operation>
Tensor binary(const Tensor& a, const Tensor& b, const Shape& shape, Operation operation) {
  Tensor result(dtype_of<R>(), shape);
  const auto out = result.mutable_values<R>();
  const auto left = a.values<T>();
  const auto right = b.values<T>();
  bool valid = true;
  for_each_index(shape, {broadcast_strides(a.shape(), shape), broadcast_strides(b.shape(), shape)},
                 [&](std::size_t n, const std::vector<std::size_t>& at) {
                   const std::optional<R> value = operation(left[at[0]], right[at[1]]);
                   valid &= value.has_value();
                   out[n] = value.value_or(R{});
                 });
  return valid ? result : Tensor();
}

template <typename T>
Tensor evaluate_binary(const Node& node, const Tensor& a, const Tensor& b, const Shape& shape) {
  if (is_logical(node.op)) {
    const auto compare = comparisons<T>().at(node.op);
    return binary<T, bool>(a, b, shape,
                           [&](T x, T y) -> std::optional<bool> { return compare(x, y); });
  }
  if (node.op == "Mod" && node.integer("fmod", 0) != 0) return {};
  return binary<T, T>(a, b, shape, arithmetic<T>().at(node.op));
}

template <typename T>
Tensor evaluate_unary(const Node& node, const Tensor& input) {
  Tensor result(input.dtype(), input.shape());
  const auto out = result.template mutable_values<T>();
  const auto in = input.values<T>();
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (std::is_integral_v<T> && in[i] == std::numeric_limits<T>::min()) return {};
    if (node.op == "Neg") out[i] = -in[i];
    if (node.op == "Abs") out[i] = in[i] < 0 ? -in[i] : in[i];
    if constexpr (std::is_floating_point_v<T>) {
      if (node.op == "Floor") out[i] = std::floor(in[i]);
      if (node.op == "Ceil") out[i] = std::ceil(in[i]);
    } else if (node.op == "Floor" || node.op == "Ceil") {
      return {};
    }
  }
  return result;
}

Tensor evaluate_not(const Tensor& input) {
  if (input.dtype() != DType::kBool) return {};
  Tensor result(DType::kBool, input.shape());
  const auto out = result.mutable_values<bool>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = !input.values<bool>()[i];
  return result;
}

template <typename T>
Tensor select(const std::vector<const Tensor*>& inputs, const Shape& shape) {
  Tensor result(inputs[1]->dtype(), shape);
  const auto out = result.template mutable_values<T>();
  std::vector<Shape> strides;
  for (const Tensor* input : inputs) strides.push_back(broadcast_strides(input->shape(), shape));
  for_each_index(shape, strides, [&](std::size_t n, const std::vector<std::size_t>& at) {
    const bool yes = inputs[0]->values<bool>()[at[0]];
    out[n] = yes ? inputs[1]->values<T>()[at[1]] : inputs[2]->values<T>()[at[2]];
  });
  return result;
}

// Calls `function` with a value of the C++ type of `type`; an empty tensor for other types.
template <typename Function>
Tensor for_type(DType type, Function function) {
  switch (type) {
    case DType::kF32: return function(float{});
    case DType::kI32: return function(std::int32_t{});
    case DType::kI64: return function(std::int64_t{});
    default: return {};
  }
}

template <typename From, typename To>
std::optional<To> converted(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != 0;
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    const double low = static_cast<double>(std::numeric_limits<To>::min());
    if (!(value >= low && value < -low)) return std::nullopt;
  }
  return static_cast<To>(value);
}

template <typename From, typename To>
Tensor cast_values(const Tensor& tensor) {
  Tensor result(dtype_of<To>(), tensor.shape());
  const auto out = result.mutable_values<To>();
  const auto in = tensor.values<From>();
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::optional<To> value = converted<From, To>(in[i]);
    if (!value) return {};
    out[i] = *value;
  }
  return result;
}

template <typename From>
Tensor cast_from(const Tensor& tensor, DType to) {
  if (to == DType::kBool) return cast_values<From, bool>(tensor);
  return for_type(to, [&](auto zero) { return cast_values<From, decltype(zero)>(tensor); });
}

}  // namespace

std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t right = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (left < 0 || right < 0 || (left != right && left != 1 && right != 1)) return std::nullopt;
    result[result.size() - 1 - i] = left == 1 ? right : left;
  }
  return result;
}

Shape broadcast_strides(const Shape& from, const Shape& to) {
  Shape strides(to.size(), 0);
  std::int64_t step = 1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::int64_t extent = from[from.size() - 1 - i];
    strides[to.size() - 1 - i] = extent == 1 ? 0 : step;
    step *= extent;
  }
  return strides;
}

Tensor cast_tensor(const Tensor& tensor, DType to) {
  if (tensor.dtype() == to) return tensor;
  if (tensor.dtype() == DType::kBool) return cast_from<bool>(tensor, to);
  return for_type(tensor.dtype(), [&](auto zero) { return cast_from<decltype(zero)>(tensor, to); });
}

bool is_elementwise(const std::string& op) {
  return arithmetic<float>().contains(op) || is_logical(op) || is_unary(op) || op == "Where";
}

Tensor evaluate_elementwise(const Node& node, const std::vector<const Tensor*>& inputs,
                            std::int64_t limit) {
  if (inputs.empty() || std::ranges::any_of(inputs, [&](auto* t) { return t->size() > limit; }))
    return {};
  const Tensor& first = *inputs[0];
  if (node.op == "Not") return evaluate_not(first);
  if (is_unary(node.op))
    return for_type(first.dtype(),
                    [&](auto zero) { return evaluate_unary<decltype(zero)>(node, first); });
  // The broadcast attribute of opset 6 and before means something else.
  if (node.has("axis") || node.has("broadcast")) return {};
  std::optional<Shape> shape = Shape();
  for (const Tensor* input : inputs)
    if (shape) shape = broadcast_shape(*shape, input->shape());
  if (!shape || element_count(*shape) > limit) return {};
  if (node.op == "Where") {
    if (inputs.size() != 3 || first.dtype() != DType::kBool ||
        inputs[1]->dtype() != inputs[2]->dtype())
      return {};
    return for_type(inputs[1]->dtype(),
                    [&](auto zero) { return select<decltype(zero)>(inputs, *shape); });
  }
  if (inputs.size() != 2 || inputs[1]->dtype() != first.dtype()) return {};
  const bool logical = node.op == "And" || node.op == "Or" || node.op == "Xor";
  if (logical != (first.dtype() == DType::kBool) && !(node.op == "Equal")) return {};
  if (first.dtype() == DType::kBool)
    return binary<bool, bool>(first, *inputs[1], *shape, [&](bool a, bool b) {
      return std::optional<bool>(comparisons<float>().at(node.op)(a, b));
    });
  return for_type(first.dtype(), [&](auto zero) {
    return evaluate_binary<decltype(zero)>(node, first, *inputs[1], *shape);
  });
}

}  // namespace isthmus
