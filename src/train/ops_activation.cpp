#include <ATen/ATen.h>

#include "train/torch_operator.h"

namespace isthmus {
namespace {

TorchTensors relu(const TorchCall& call) { return {at::relu(call[0])}; }
TorchTensors sigmoid(const TorchCall& call) { return {at::sigmoid(call[0])}; }
TorchTensors tanh(const TorchCall& call) { return {at::tanh(call[0])}; }
TorchTensors softplus(const TorchCall& call) { return {at::softplus(call[0])}; }
TorchTensors hard_swish(const TorchCall& call) { return {at::hardswish(call[0])}; }
TorchTensors mish(const TorchCall& call) { return {at::mish(call[0])}; }

TorchTensors leaky_relu(const TorchCall& call) {
  return {at::leaky_relu(call[0], call.node.real("alpha", 0.01F))};
}

// The slope is broadcast; in mixed precision it follows the data.
TorchTensors parametric_relu(const TorchCall& call) {
  const at::Tensor& x = call[0];
  return {at::where(x < 0, x * call[1].to(x.scalar_type()), x)};
}

TorchTensors thresholded_relu(const TorchCall& call) {
  return {at::threshold(call[0], call.node.real("alpha", 1), 0)};
}

TorchTensors elu(const TorchCall& call) { return {at::elu(call[0], call.node.real("alpha", 1))}; }

// max(0, x) + min(0, alpha (exp(x / alpha) - 1))
TorchTensors celu(const TorchCall& call) { return {at::celu(call[0], call.node.real("alpha", 1))}; }

TorchTensors selu(const TorchCall& call) {
  const double alpha = call.node.real("alpha", 1.67326319F);
  const double gamma = call.node.real("gamma", 1.05070102F);
  return {at::elu(call[0], alpha, gamma)};
}

TorchTensors gelu(const TorchCall& call) {
  return {at::gelu(call[0], call.node.text("approximate", "none"))};
}

TorchTensors hard_sigmoid(const TorchCall& call) {
  const double alpha = call.node.real("alpha", 0.2F);
  const double beta = call.node.real("beta", 0.5F);
  return {at::clamp(call[0] * alpha + beta, 0, 1)};
}

TorchTensors softsign(const TorchCall& call) { return {call[0] / (1 + call[0].abs())}; }

// x + bias below -lambda, x - bias above lambda, 0 between.
TorchTensors shrink(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const double bias = call.node.real("bias", 0);
  const double threshold = call.node.real("lambd", 0.5F);
  const at::Tensor zero = at::zeros_like(x);
  return {at::where(x < -threshold, x + bias, at::where(x > threshold, x - bias, zero))};
}

// Up to opset 12 these take everything from the axis on as one row.
template <typename Function>
TorchTensors along_axis(const TorchCall& call, const Function& function) {
  const at::Tensor& x = call[0];
  if (call.opset >= 13) return {function(x, call.axis("axis", -1, x.dim()))};
  const std::int64_t axis = call.axis("axis", 1, x.dim());
  if (axis == x.dim() - 1) return {function(x, axis)};
  return {function(x.flatten(axis), axis).reshape(x.sizes())};
}

TorchTensors softmax(const TorchCall& call) {
  return along_axis(call, [](const at::Tensor& x, std::int64_t axis) { return x.softmax(axis); });
}

TorchTensors log_softmax(const TorchCall& call) {
  return along_axis(call,
                    [](const at::Tensor& x, std::int64_t axis) { return x.log_softmax(axis); });
}

// One at the first of the largest.
TorchTensors hardmax(const TorchCall& call) {
  return along_axis(call, [](const at::Tensor& x, std::int64_t axis) {
    return at::zeros_like(x).scatter(axis, x.argmax(axis, true), 1);
  });
}

}  // namespace

TorchOperators activation_operators() {
  return {{"Relu", {relu}},
          {"LeakyRelu", {leaky_relu}},
          {"PRelu", {.run = parametric_relu, .layer = true}},
          {"ThresholdedRelu", {thresholded_relu}},
          {"Elu", {elu}},
          {"Celu", {celu}},
          {"Selu", {selu}},
          {"Gelu", {gelu}},
          {"Sigmoid", {sigmoid}},
          {"HardSigmoid", {hard_sigmoid}},
          {"HardSwish", {hard_swish}},
          {"Mish", {mish}},
          {"Tanh", {tanh}},
          {"Softplus", {softplus}},
          {"Softsign", {softsign}},
          {"Shrink", {shrink}},
          {"Softmax", {softmax}},
          {"LogSoftmax", {log_softmax}},
          {"Hardmax", {.run = hardmax, .gradient = kNoInput}}};
}

}  // namespace isthmus
