#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "train/torch_operator.h"

namespace isthmus {
namespace {

using Axes = std::vector<std::int64_t>;

constexpr InputSet kAxes = 0b10;

// Nothing: the input is returned as it is (noop_with_empty_axes).
std::optional<Axes> axes_of(const TorchCall& call) {
  Axes axes = call.operand("axes", 1).value_or(Axes{});
  const std::int64_t rank = call[0].dim();
  if (axes.empty()) {
    if (call.node.integer("noop_with_empty_axes", 0) != 0) return std::nullopt;
    axes.resize(static_cast<std::size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (std::int64_t& axis : axes) axis = call.wrapped(axis, rank);
  return axes;
}

using Reduce = at::Tensor (*)(const at::Tensor&, at::IntArrayRef, bool);

// What libtorch has for floating-point numbers only is computed in f64, and what it widens comes
// back in the type it had.
template <Reduce kFunction>
TorchTensors reduced(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const auto axes = axes_of(call);
  if (!axes) return {x};
  const bool keep = call.node.integer("keepdims", 1) != 0;
  return {kFunction(x, *axes, keep).to(x.scalar_type())};
}

at::Tensor as_real(const at::Tensor& x) {
  return at::isFloatingType(x.scalar_type()) ? x : x.to(at::kDouble);
}

at::Tensor sum(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::sum(x, axes, keep);
}
at::Tensor mean(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::mean(as_real(x), axes, keep);
}
at::Tensor largest(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::amax(x, axes, keep);
}
at::Tensor smallest(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::amin(x, axes, keep);
}
at::Tensor product(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  // One after the other, from behind, so that the numbers of the others hold.
  Axes ordered(axes.begin(), axes.end());
  std::ranges::sort(ordered, std::greater<>());
  at::Tensor result = x;
  for (const std::int64_t axis : ordered) result = at::prod(result, axis, keep);
  return result;
}
at::Tensor l1(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::sum(at::abs(x), axes, keep);
}
at::Tensor sum_of_squares(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::sum(x * x, axes, keep);
}
at::Tensor l2(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::sqrt(sum_of_squares(as_real(x), axes, keep));
}
at::Tensor log_of_sum(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::log(sum(as_real(x), axes, keep));
}
at::Tensor log_of_sum_of_exponentials(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  return at::logsumexp(as_real(x), axes, keep);
}

// The first of equals, or the last.
template <bool kLargest>
TorchTensors place_of_extreme(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t axis = call.axis("axis", 0, x.dim());
  const bool keep = call.node.integer("keepdims", 1) != 0;
  const bool last = call.node.integer("select_last_index", 0) != 0;
  const at::Tensor searched = last ? x.flip({axis}) : x;
  const at::Tensor place = kLargest ? searched.argmax(axis, keep) : searched.argmin(axis, keep);
  return {last ? x.size(axis) - 1 - place : place};
}

TorchTensors cumulative_sum(const TorchCall& call) {
  const std::int64_t axis = call.wrapped(call.integers(1).at(0), call[0].dim());
  const bool reverse = call.node.integer("reverse", 0) != 0;
  const at::Tensor x = reverse ? call[0].flip({axis}) : call[0];
  at::Tensor sums = at::cumsum(x, axis).to(x.scalar_type());
  if (call.node.integer("exclusive", 0) != 0) sums = sums - x;
  return {reverse ? sums.flip({axis}) : sums};
}

// Of equals the first comes first.
TorchTensors largest_of(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t axis = call.axis("axis", -1, x.dim());
  const std::int64_t count = call.has(1) ? call.integers(1).at(0) : call.node.integer("k", 1);
  const bool descending = call.node.integer("largest", 1) != 0;
  auto [values, places] = at::sort(x, /*stable=*/true, axis, descending);
  return {values.narrow(axis, 0, count), places.narrow(axis, 0, count)};
}

TorchOperator over_axes(TorchTensors (*run)(const TorchCall&)) {
  return {.run = run, .gradient = kFirstInput, .host = kAxes};
}

}  // namespace

TorchOperators reduction_operators() {
  return {
      {"ReduceSum", over_axes(reduced<sum>)},
      {"ReduceMean", over_axes(reduced<mean>)},
      {"ReduceMax", over_axes(reduced<largest>)},
      {"ReduceMin", over_axes(reduced<smallest>)},
      {"ReduceProd", over_axes(reduced<product>)},
      {"ReduceL1", over_axes(reduced<l1>)},
      {"ReduceL2", over_axes(reduced<l2>)},
      {"ReduceSumSquare", over_axes(reduced<sum_of_squares>)},
      {"ReduceLogSum", over_axes(reduced<log_of_sum>)},
      {"ReduceLogSumExp", over_axes(reduced<log_of_sum_of_exponentials>)},
      {"CumSum", over_axes(cumulative_sum)},
      {"TopK", over_axes(largest_of)},
      {"ArgMax", {.run = place_of_extreme<true>, .gradient = kNoInput}},
      {"ArgMin", {.run = place_of_extreme<false>, .gradient = kNoInput}},
  };
}

}  // namespace isthmus
