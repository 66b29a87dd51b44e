#include <ATen/ATen.h>

#include "core/tensor.h"
#include "train/torch_operator.h"
#include "train/torch_tensor.h"

namespace isthmus {
namespace {

using Unary = at::Tensor (*)(const at::Tensor&);
using Binary = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

template <Unary kFunction>
TorchTensors unary(const TorchCall& call) {
  return {kFunction(call[0])};
}

template <Binary kFunction>
TorchTensors binary(const TorchCall& call) {
  return {kFunction(call[0], call[1])};
}

// Any number of inputs, one after the other.
template <Binary kFunction>
TorchTensors folded(const TorchCall& call) {
  at::Tensor result = call[0];
  for (std::size_t i = 1; i < call.inputs.size(); ++i) result = kFunction(result, call[i]);
  return {result};
}

at::Tensor sum_of(const at::Tensor& a, const at::Tensor& b) { return a + b; }
at::Tensor difference_of(const at::Tensor& a, const at::Tensor& b) { return a - b; }
at::Tensor half_to_even(const at::Tensor& x) { return at::round(x); }
at::Tensor equal(const at::Tensor& a, const at::Tensor& b) { return a.eq(b); }
at::Tensor less(const at::Tensor& a, const at::Tensor& b) { return a.lt(b); }
at::Tensor less_or_equal(const at::Tensor& a, const at::Tensor& b) { return a.le(b); }
at::Tensor greater(const at::Tensor& a, const at::Tensor& b) { return a.gt(b); }
at::Tensor greater_or_equal(const at::Tensor& a, const at::Tensor& b) { return a.ge(b); }

bool is_real(const at::Tensor& x) { return at::isFloatingType(x.scalar_type()); }

// Whole numbers are divided as in C.
at::Tensor quotient_of(const at::Tensor& a, const at::Tensor& b) {
  return is_real(a) || is_real(b) ? at::div(a, b) : at::div(a, b, "trunc");
}

// Of the base's type.
TorchTensors power(const TorchCall& call) {
  const at::Tensor& base = call[0];
  const at::Tensor exponent = call[1];
  if (is_real(exponent) && !is_real(base))
    return {at::pow(base.to(exponent.scalar_type()), exponent).to(base.scalar_type())};
  return {at::pow(base, exponent).to(base.scalar_type())};
}

// The sign is the divisor's, or with fmod the dividend's.
TorchTensors modulo(const TorchCall& call) {
  if (call.node.integer("fmod", 0) != 0) return {at::fmod(call[0], call[1])};
  return {at::remainder(call[0], call[1])};
}

TorchTensors mean(const TorchCall& call) {
  return {folded<sum_of>(call)[0] / static_cast<double>(call.inputs.size())};
}

TorchTensors bit_shift(const TorchCall& call) {
  const bool left = call.node.text("direction", "") == "LEFT";
  return {left ? at::bitwise_left_shift(call[0], call[1])
               : at::bitwise_right_shift(call[0], call[1])};
}

TorchTensors is_infinite(const TorchCall& call) {
  const bool positive = call.node.integer("detect_positive", 1) != 0;
  const bool negative = call.node.integer("detect_negative", 1) != 0;
  if (positive && negative) return {at::isinf(call[0])};
  if (!positive && !negative) return {at::zeros_like(call[0], at::kBool)};
  return {positive ? at::isposinf(call[0]) : at::isneginf(call[0])};
}

// The bounds are attributes up to opset 10.
TorchTensors clip(const TorchCall& call) {
  at::Tensor x = call[0];
  const auto bound = [&](const char* key, std::size_t input) -> std::optional<at::Scalar> {
    if (call.node.has(key)) return call.node.real(key, 0);
    if (!call.has(input)) return std::nullopt;
    if (!is_real(x)) return call.integers(input).at(0);
    return call.real(input);
  };
  const auto low = bound("min", 1);
  const auto high = bound("max", 2);
  if (low && high) return {at::clamp(x, *low, *high)};
  if (low) x = at::clamp_min(x, *low);
  if (high) x = at::clamp_max(x, *high);
  return {x};
}

TorchTensors where(const TorchCall& call) { return {at::where(call[0], call[1], call[2])}; }

TorchTensors cast(const TorchCall& call) {
  return {call[0].to(torch_type(static_cast<DType>(call.node.integer("to", 0))))};
}

TorchTensors cast_like(const TorchCall& call) { return {call[0].to(call[1].scalar_type())}; }

TorchOperator flat(TorchTensors (*run)(const TorchCall&)) {
  return {.run = run, .gradient = kNoInput};
}

TorchOperators unary_operators() {
  return {
      {"Abs", {unary<at::abs>}},
      {"Acos", {unary<at::acos>}},
      {"Acosh", {unary<at::acosh>}},
      {"Asin", {unary<at::asin>}},
      {"Asinh", {unary<at::asinh>}},
      {"Atan", {unary<at::atan>}},
      {"Atanh", {unary<at::atanh>}},
      {"Cos", {unary<at::cos>}},
      {"Cosh", {unary<at::cosh>}},
      {"Erf", {unary<at::erf>}},
      {"Exp", {unary<at::exp>}},
      {"Log", {unary<at::log>}},
      {"Neg", {unary<at::neg>}},
      {"Reciprocal", {unary<at::reciprocal>}},
      {"Sin", {unary<at::sin>}},
      {"Sinh", {unary<at::sinh>}},
      {"Sqrt", {unary<at::sqrt>}},
      {"Tan", {unary<at::tan>}},
      {"BitwiseNot", flat(unary<at::bitwise_not>)},
      {"Ceil", flat(unary<at::ceil>)},
      {"Floor", flat(unary<at::floor>)},
      {"IsNaN", flat(unary<at::isnan>)},
      {"IsInf", flat(is_infinite)},
      {"Not", flat(unary<at::logical_not>)},
      {"Round", flat(unary<half_to_even>)},
      {"Sign", flat(unary<at::sign>)},
  };
}

TorchOperators binary_operators() {
  constexpr InputSet bounds = 0b110;
  constexpr InputSet both_values = 0b110;
  return {
      {"Add", {binary<sum_of>}},
      {"Sub", {binary<difference_of>}},
      {"Mul", {binary<at::mul>}},
      {"Div", {binary<quotient_of>}},
      {"Pow", {.run = power, .gradient = kFirstInput}},
      {"Max", {folded<at::maximum>}},
      {"Min", {folded<at::minimum>}},
      {"Sum", {folded<sum_of>}},
      {"Mean", {mean}},
      {"Mod", {.run = modulo, .gradient = kFirstInput}},
      {"Clip", {.run = clip, .gradient = kFirstInput, .host = bounds}},
      {"Where", {.run = where, .gradient = both_values}},
      {"Cast", {cast}},
      {"CastLike", {.run = cast_like, .gradient = kFirstInput}},
      {"And", flat(binary<at::logical_and>)},
      {"Or", flat(binary<at::logical_or>)},
      {"Xor", flat(binary<at::logical_xor>)},
      {"BitShift", flat(bit_shift)},
      {"BitwiseAnd", flat(binary<at::bitwise_and>)},
      {"BitwiseOr", flat(binary<at::bitwise_or>)},
      {"BitwiseXor", flat(binary<at::bitwise_xor>)},
      {"Equal", flat(binary<equal>)},
      {"Less", flat(binary<less>)},
      {"LessOrEqual", flat(binary<less_or_equal>)},
      {"Greater", flat(binary<greater>)},
      {"GreaterOrEqual", flat(binary<greater_or_equal>)},
  };
}

}  // namespace

TorchOperators elementwise_operators() {
  TorchOperators all = unary_operators();
  all.merge(binary_operators());
  return all;
}

}  // namespace isthmus
