#include <ATen/ATen.h>

#include <numeric>

#include "train/torch_operator.h"

namespace isthmus {
namespace {

using Extents = std::vector<std::int64_t>;

double epsilon_of(const TorchCall& call) { return call.node.real("epsilon", 1e-5F); }

// Reshaped so that it stands for the channels of something with this rank.
at::Tensor by_channel(const at::Tensor& values, std::int64_t rank) {
  Extents shape(static_cast<std::size_t>(rank), 1);
  shape[1] = -1;
  return values.reshape(shape);
}

// A file that says itself that it trains: batch statistics, and the new running ones as further
// outputs, with the variance of the batch as it is (libtorch's own is the unbiased one).
TorchTensors batch_norm_as_recorded(const TorchCall& call) {
  const at::Tensor& x = call[0];
  Extents axes;
  for (std::int64_t i = 0; i < x.dim(); ++i)
    if (i != 1) axes.push_back(i);
  const at::Tensor mean = x.mean(axes);
  const at::Tensor variance = x.var(axes, /*unbiased=*/false);
  const at::Tensor y = at::batch_norm(x, call[1], call[2], {}, {}, true, 0, epsilon_of(call), true);
  const double momentum = call.node.real("momentum", 0.9F);
  return {y, call[3] * momentum + mean * (1 - momentum),
          call[4] * momentum + variance * (1 - momentum)};
}

// ONNX's momentum is the share that stays, libtorch's the share that comes.
TorchTensors batch_normalization(const TorchCall& call) {
  if (call.node.integer("spatial", 1) == 0) call.refuse("statistics for each place (spatial = 0)");
  if (call.node.integer("training_mode", 0) != 0 && !call.training)
    return batch_norm_as_recorded(call);
  const double momentum = 1.0 - call.node.real("momentum", 0.9F);
  return {at::batch_norm(call[0], call[1], call[2], call[3], call[4], call.training, momentum,
                         epsilon_of(call), true)};
}

TorchTensors instance_normalization(const TorchCall& call) {
  return {at::instance_norm(call[0], call[1], call[2], {}, {}, true, 0, epsilon_of(call), true)};
}

// Outputs: the result, and the mean and the inverse of the deviation that it was made with.
TorchTensors layer_normalization(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t axis = call.axis("axis", -1, x.dim());
  const Extents shape(x.sizes().begin() + axis, x.sizes().end());
  const at::Tensor scale = call[1].expand(shape).contiguous();
  const at::Tensor shift = call.has(2) ? call[2].expand(shape).contiguous() : at::Tensor();
  auto [y, mean, deviation] = at::native_layer_norm(x, shape, scale, shift, epsilon_of(call));
  return {y, mean, deviation};
}

// Scale and shift for each group up to opset 20, for each channel from 21 on.
TorchTensors group_normalization(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t groups = call.node.integer("num_groups", 1);
  const at::Tensor y = at::group_norm(x, groups, {}, {}, epsilon_of(call), true);
  const auto of_channels = [&](const at::Tensor& values) {
    const std::int64_t repeats = x.size(1) / values.numel();
    return by_channel(repeats == 1 ? values : values.repeat_interleave(repeats), x.dim());
  };
  return {y * of_channels(call[1]) + of_channels(call[2])};
}

// (x - mean) / sqrt(variance + 1e-9)
TorchTensors mean_variance_normalization(const TorchCall& call) {
  const Extents axes = call.node.integers("axes", {0, 2, 3});
  const at::Tensor centered = call[0] - call[0].mean(axes, true);
  return {centered / (centered.square().mean(axes, true) + 1e-9).sqrt()};
}

TorchTensors lp_normalization(const TorchCall& call) {
  const std::int64_t axis = call.axis("axis", -1, call[0].dim());
  const double p = static_cast<double>(call.node.integer("p", 2));
  return {call[0] / at::norm(call[0], p, axis, true)};
}

// x / (bias + alpha mean over `size` channels of x^2)^beta; the channels beyond the ends are zero.
TorchTensors local_response_normalization(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t size = call.node.integer("size", 1);
  const at::Tensor squares = x.square().reshape({x.size(0), 1, x.size(1), -1});
  const Extents pads = {0, 0, (size - 1) / 2, size / 2};
  const at::Tensor means = at::avg_pool2d(at::constant_pad_nd(squares, pads), {size, 1}, {1, 1});
  const at::Tensor base =
      means.reshape(x.sizes()) * call.node.real("alpha", 1e-4F) + call.node.real("bias", 1);
  return {x / base.pow(call.node.real("beta", 0.75F))};
}

// The ratio is an attribute up to opset 11.
TorchTensors dropout(const TorchCall& call) {
  const at::Tensor& x = call[0];
  if (!call.training) return {x, at::ones_like(x, at::kBool)};
  const double ratio = call.has(1) ? call.real(1) : call.node.real("ratio", 0.5F);
  if (ratio <= 0) return {x, at::ones_like(x, at::kBool)};
  if (ratio >= 1) call.complain("ratio must be below 1: " + std::to_string(ratio));
  auto [kept, mask] = at::native_dropout(x, ratio, true);
  return {kept, mask};
}

// Data, scale and shift; no gradient reaches the running statistics.
constexpr InputSet kWithoutStatistics = 0b111;
constexpr InputSet kRatioAndMode = 0b110;

}  // namespace

TorchOperators normalisation_operators() {
  return {
      {"BatchNormalization",
       {.run = batch_normalization, .gradient = kWithoutStatistics, .layer = true}},
      {"InstanceNormalization", {.run = instance_normalization, .layer = true}},
      {"LayerNormalization", {.run = layer_normalization, .layer = true}},
      {"GroupNormalization", {.run = group_normalization, .layer = true}},
      {"MeanVarianceNormalization", {mean_variance_normalization}},
      {"LpNormalization", {lp_normalization}},
      {"LRN", {local_response_normalization}},
      {"Dropout", {.run = dropout, .gradient = kFirstInput, .host = kRatioAndMode}},
  };
}

}  // namespace isthmus
