// A training step of ResNet-20 (32x32 images, batch 128: forward, cross entropy, backward, SGD with
// momentum) through TorchGraph against the same network written by hand in libtorch's modules, in
// f32 and in bf16 autocast. Prints JSON:
//   training_step [ROUNDS] [THREADS] [cpu|cuda]      one thread by default
//
// Both start from the same weights and must find the same losses. Rounds of the three alternate (by
// hand in libtorch's usual layout, by hand channels-last, TorchGraph), so that a busy machine
// disturbs all; `ratio` is the median of ours over the faster of the two by hand, round by round.

#include <ATen/Parallel.h>
#include <torch/nn.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "core/statistics.h"
#include "plan/profile.h"
#include "train/mixed_precision.h"
#include "train/torch_graph.h"
#include "zoo/zoo.h"

namespace {

using isthmus::Json;
using torch::Tensor;

constexpr std::int64_t kBatch = 128;

// Names are chosen so that the weights have the names of the zoo's.
struct ConvNormImpl : torch::nn::Module {
  ConvNormImpl(std::int64_t from, std::int64_t to, std::int64_t stride)
      : conv(torch::nn::Conv2dOptions(from, to, 3).stride(stride).padding(1).bias(false)), bn(to) {
    register_module("conv", conv);
    register_module("bn", bn);
  }
  Tensor forward(const Tensor& x) { return bn(conv(x)); }

  torch::nn::Conv2d conv;
  torch::nn::BatchNorm2d bn;
};
TORCH_MODULE(ConvNorm);

struct ResidualImpl : torch::nn::Module {
  ResidualImpl(std::int64_t from, std::int64_t to, std::int64_t stride)
      : missing(to - from), first(from, to, stride), second(to, to, 1) {
    register_module("1", first);
    register_module("2", second);
  }
  Tensor forward(const Tensor& x) {
    const Tensor branch = second(torch::relu(first(x)));
    if (missing == 0) return torch::relu(branch + x);
    const Tensor every_second = x.slice(2, 0, x.size(2), 2).slice(3, 0, x.size(3), 2);
    return torch::relu(branch + torch::constant_pad_nd(every_second, {0, 0, 0, 0, missing / 2,
                                                                      missing - missing / 2}));
  }

  std::int64_t missing;
  ConvNorm first, second;
};
TORCH_MODULE(Residual);

struct HandwrittenImpl : torch::nn::Module {
  HandwrittenImpl() : stem(3, 16, 1), logits(64, 10) {
    register_module("stem", stem);
    std::int64_t from = 16;
    for (int stage = 0; stage < 3; ++stage) {
      const std::int64_t to = std::int64_t{16} << stage;
      stages.emplace_back();
      for (int block = 0; block < 3; ++block) {
        stages.back()->push_back(Residual(from, to, from == to ? 1 : 2));
        from = to;
      }
      register_module("stage" + std::to_string(stage + 1), stages.back());
    }
    register_module("logits", logits);
  }
  Tensor forward(const Tensor& image) {
    Tensor x = torch::relu(stem(image));
    for (auto& stage : stages) x = stage->forward(x);
    return logits(torch::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }

  ConvNorm stem;
  std::vector<torch::nn::Sequential> stages;
  torch::nn::Linear logits;
};
TORCH_MODULE(Handwritten);

Handwritten copy_of(const isthmus::TorchGraph& net, torch::Device device, bool channels_last) {
  Handwritten copy;
  copy->to(device);
  const torch::NoGradGuard no_gradient;
  for (auto& item : copy->named_parameters()) {
    Tensor& value = item.value();
    if (channels_last && value.dim() == 4)
      value.set_data(value.contiguous(torch::MemoryFormat::ChannelsLast));
    value.copy_(net.parameters().at(item.key()));
  }
  for (auto& item : copy->named_buffers())
    if (item.value().is_floating_point()) item.value().copy_(net.buffers().at(item.key()));
  return copy;
}

// Forward, loss, backward, update; returns the loss.
class Stepper {
 public:
  Stepper(std::vector<Tensor> weights, std::function<Tensor()> forward, Tensor labels)
      : optimizer_(std::move(weights), torch::optim::SGDOptions(0.01).momentum(0.9)),
        forward_(std::move(forward)),
        labels_(std::move(labels)) {}

  double step(bool bf16, torch::Device device) {
    for (auto& group : optimizer_.param_groups())
      for (Tensor& weight : group.params()) weight.mutable_grad().reset();
    Tensor loss;
    {
      const isthmus::MixedPrecision precision(bf16, device);
      loss = torch::nn::functional::cross_entropy(forward_().to(torch::kFloat), labels_);
    }
    loss.backward();
    optimizer_.step();
    return loss.item<double>();
  }

 private:
  torch::optim::SGD optimizer_;
  std::function<Tensor()> forward_;
  Tensor labels_;
};

std::vector<Tensor> weights_of(const isthmus::TorchGraph& net) {
  std::vector<Tensor> weights;
  for (const auto& [_, weight] : net.parameters()) weights.push_back(weight);
  return weights;
}

double median(std::vector<double> values) { return isthmus::quantile(values, 0.5); }

Json measure(bool bf16, torch::Device device, int rounds) {
  const isthmus::Graph graph = isthmus::load_model("zoo:resnet20");
  torch::manual_seed(1);
  const Tensor images = torch::randn({kBatch, 3, 32, 32}).to(device);
  const Tensor last = images.contiguous(torch::MemoryFormat::ChannelsLast);
  const Tensor labels = torch::randint(10, {kBatch}, torch::kLong).to(device);

  isthmus::TorchGraph net(graph, device);
  Handwritten plain = copy_of(net, device, false);
  Handwritten channels_last = copy_of(net, device, true);
  std::set<std::string> names;
  for (const auto& [name, _] : net.parameters()) names.insert(name);
  net.train_only(names);
  net.set_training(true);
  std::vector<Stepper> steppers;
  steppers.emplace_back(plain->parameters(), [&] { return plain(images); }, labels);
  steppers.emplace_back(channels_last->parameters(), [&] { return channels_last(last); }, labels);
  steppers.emplace_back(
      weights_of(net), [&] { return net.forward({{"input", images}}, {"logits"}).at("logits"); },
      labels);

  std::vector<std::vector<double>> times(3);
  std::vector<double> ratios;
  std::vector<double> first_losses;
  for (int round = -2; round < rounds; ++round) {
    std::vector<double> taken(3);
    for (std::size_t i = 0; i < 3; ++i) {
      // Each comes first as often as the others.
      const std::size_t turn = (i + static_cast<std::size_t>(round + 2)) % 3;
      const isthmus::Seconds start = isthmus::system_clock().now();
      const double loss = steppers[turn].step(bf16, device);
      taken[turn] = (isthmus::system_clock().now() - start).count() * 1e3;
      if (round == -2) first_losses.push_back(loss);
    }
    if (round < 0) continue;
    for (std::size_t i = 0; i < taken.size(); ++i) times[i].push_back(taken[i]);
    ratios.push_back(taken[2] / std::min(taken[0], taken[1]));
  }
  const double by_hand = median(times[0]);
  const double by_hand_last = median(times[1]);
  const double ours = median(times[2]);
  return {{"precision", bf16 ? "bf16" : "f32"},
          {"rounds", rounds},
          {"first_loss_by_hand", first_losses[0]},
          {"first_loss_ours", first_losses[2]},
          {"by_hand_ms", by_hand},
          {"by_hand_channels_last_ms", by_hand_last},
          {"ours_ms", ours},
          {"ours_images_per_second", kBatch / ours * 1e3},
          {"ratio_of_medians", ours / std::min(by_hand, by_hand_last)},
          {"ratio", median(ratios)}};
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const int rounds = count > 1 ? std::stoi(arguments[1]) : 15;
    at::set_num_threads(count > 2 ? std::stoi(arguments[2]) : 1);
    const torch::Device device(count > 3 ? arguments[3] : "cpu");
    Json rows = Json::array();
    for (const bool bf16 : {false, true}) rows.push_back(measure(bf16, device, rounds));
    std::cout << Json{{"machine", isthmus::machine_fingerprint()},
                      {"date", isthmus::utc_date()},
                      {"network", "resnet20"},
                      {"batch", kBatch},
                      {"threads", at::get_num_threads()},
                      {"rows", rows}}
                     .dump(2)
              << '\n';
    return 0;
  } catch (const isthmus::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return isthmus::exit_code(error.kind());
  }
}
