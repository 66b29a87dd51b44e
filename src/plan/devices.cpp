#include "plan/devices.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/error.h"
#include "core/text.h"
#include "graph/cost.h"

namespace isthmus {
namespace {

constexpr const char* kConv = "Conv";
constexpr const char* kDepthwise = "DepthwiseConv";
constexpr const char* kMatMul = "MatMul";
constexpr const char* kElements = "Elements";

// Least squares over the four published latencies of a device (relative errors, rates not negative;
// devices_test.cpp does it again). They explain the latencies within 10 % each and 7 % in the root
// mean square. A dense layer is bound by reading its weights, of which these networks have too few
// to fit: four bytes per multiply-add at an assumed 4 GB/s and 16 GB/s.
const std::map<std::string, double> kPi4Rates = {
    {kConv, 3.956e9}, {kDepthwise, 13.10e6}, {kElements, 40.94e6}, {kMatMul, 1e9}};
const std::map<std::string, double> kNanoRates = {
    {kConv, 37.64e9}, {kDepthwise, 185.5e6}, {kElements, 255.4e6}, {kMatMul, 4e9}};

std::map<std::string, double> scaled(std::map<std::string, double> rates, double factor) {
  for (auto& [kind, rate] : rates) rate *= factor;
  return rates;
}

double time_of(const std::map<std::string, double>& rates, const GraphWork& work) {
  double time = 0;
  for (const auto& [kind, amount] : work)
    if (const auto rate = rates.find(kind); rate != rates.end()) time += amount / rate->second;
  return time;
}

// The Raspberry Pi 4's rates, all scaled alike so that one published latency comes out.
std::map<std::string, double> rates_from(const char* network, double seconds) {
  return scaled(kPi4Rates, time_of(kPi4Rates, published_work().at(network)) / seconds);
}

// The Raspberry Pi 4's rates by cores, clock (paper 0, Table 4) and peak f32 multiply-adds a cycle
// and core, which are those of the instruction sets: Cortex-A72 and A57 4, A53 2, Airmont 2,
// Skylake 16.
std::map<std::string, double> rates_by_clock(int cores, double gigahertz, int macs_per_cycle) {
  return scaled(kPi4Rates, cores * gigahertz * macs_per_cycle / (4 * 1.5 * 4));
}

// Paper 1, V-A: a Quadro P600 of 384 cores at 1.45 GHz in the server, 128 cores at 0.95 GHz in the
// Jetson Nano. How fast the server was is not published.
constexpr double kP72OverNano = 384 * 1.45 / (128 * 0.95);

constexpr const char* kByClock =
    "estimate: Raspberry Pi 4 scaled by cores, clock (paper 0, Table 4) and multiply-adds per "
    "cycle";

std::vector<DevicePreset> make_presets() {
  constexpr std::int64_t kGigabyte = 1'000'000'000;
  return {
      {.name = "raspberry-pi-3b+",
       .description = "Raspberry Pi 3B+, 4 Cortex-A53 at 1.2 GHz",
       .cores = 4,
       .memory = 1 * kGigabyte,
       .power = {.idle = 1.9, .compute = 5.0, .transmit = 2.3, .source = "assumed"},
       .latency = {},
       .rates = rates_by_clock(4, 1.2, 2),
       .source = kByClock},
      {.name = "raspberry-pi-3-400mhz",
       .description = "Raspberry Pi 3B, 4 Cortex-A53 held at 400 MHz (NoNN)",
       .cores = 4,
       .memory = 1 * kGigabyte,
       // 3430.67 mJ in 1405 ms.
       .power = {.idle = 1.2,
                 .compute = 2.44,
                 .transmit = 1.5,
                 .source = "compute: NoNN Table 6; idle and transmit assumed"},
       .latency = {{"wrn40-4", Seconds{1.405}}},
       .rates = rates_from("wrn40-4", 1.405),
       .source = "NoNN Table 6 (TVM); other networks: Raspberry Pi 4 scaled to it"},
      {.name = "raspberry-pi-4",
       .description = "Raspberry Pi 4, 4 Cortex-A72 at 1.5 GHz, 2 GB",
       .cores = 4,
       .memory = 2 * kGigabyte,
       .power = {.idle = 2.7, .compute = 6.0, .transmit = 3.2, .source = "assumed"},
       .latency = {{"densenet169", Seconds{2.34}},
                   {"densenet201", Seconds{2.55}},
                   {"resnet152", Seconds{4.29}},
                   {"mobilenet-v2", Seconds{1.97}}},
       .rates = kPi4Rates,
       .source = "BottleFit Fig. 12; other networks: fitted to it"},
      {.name = "jetson-nano",
       .description = "NVIDIA Jetson Nano, 4 Cortex-A57 and 128 CUDA cores",
       .cores = 4,
       .memory = 4 * kGigabyte,
       // 4.3 W is the mean of the large networks; MobileNetV2 took 2.9 W.
       .power = {.idle = 1.25,
                 .compute = 4.3,
                 .transmit = 1.6,
                 .source = "compute and transmit (offloading): BottleFit V-B; idle assumed"},
       .latency = {{"densenet169", Seconds{0.27}},
                   {"densenet201", Seconds{0.42}},
                   {"resnet152", Seconds{0.53}},
                   {"mobilenet-v2", Seconds{0.17}}},
       .rates = kNanoRates,
       .source = "BottleFit Fig. 9; other networks: fitted to it"},
      {.name = "jetson-tx2",
       .description = "NVIDIA Jetson TX2, 4 Cortex-A57 and 2 Denver2 at 2.0 GHz; without its GPU",
       .cores = 6,
       .memory = 8 * kGigabyte,
       .power = {.idle = 2.0, .compute = 7.5, .transmit = 3.0, .source = "assumed"},
       .latency = {},
       .rates = rates_by_clock(6, 2.0, 4),
       .source = kByClock},
      {.name = "up-board",
       .description = "UP Board, Atom x5-Z8350, 4 cores at 1.92 GHz",
       .cores = 4,
       .memory = 4 * kGigabyte,
       .power = {.idle = 4.0, .compute = 9.0, .transmit = 4.5, .source = "assumed"},
       .latency = {},
       .rates = rates_by_clock(4, 1.92, 2),
       .source = kByClock},
      {.name = "odroid-xu4",
       .description = "Odroid-XU4S, 4 Cortex-A15 at 2 GHz and 4 Cortex-A7 at 1.4 GHz (NoNN)",
       .cores = 8,
       .memory = 2 * kGigabyte,
       // 3084.08 mJ in 224 ms.
       .power = {.idle = 4.0,
                 .compute = 13.77,
                 .transmit = 5.0,
                 .source = "compute: NoNN Table 6; idle and transmit assumed"},
       .latency = {{"wrn40-4", Seconds{0.224}}},
       .rates = rates_from("wrn40-4", 0.224),
       .source = "NoNN Table 6 (TVM); other networks: Raspberry Pi 4 scaled to it"},
      {.name = "laptop",
       .description = "Laptop, i7-6700HQ, 4 cores at 2.6 GHz",
       .cores = 4,
       .memory = 16 * kGigabyte,
       .power = {.idle = 10, .compute = 45, .transmit = 12, .source = "assumed"},
       .latency = {},
       .rates = rates_by_clock(4, 2.6, 16),
       .source = kByClock},
      {.name = "thinkpad-p72",
       .description =
           "ThinkPad P72, 6 cores at up to 4.3 GHz and a Quadro P600 (BottleFit's server)",
       .cores = 6,
       .memory = 32 * kGigabyte,
       .power = {.idle = 15, .compute = 90, .transmit = 17, .source = "assumed"},
       .latency = {},
       .rates = scaled(kNanoRates, kP72OverNano),
       .source = "estimate: Jetson Nano scaled by CUDA cores and clock (BottleFit V-A)"},
  };
}

// "zoo:MobileNet-V2" -> "mobilenetv2".
std::string plain_name(std::string_view network) {
  std::string name;
  if (network.starts_with("zoo:")) network.remove_prefix(4);
  for (const char c : network.substr(0, network.find(',')))
    if (std::isalnum(static_cast<unsigned char>(c)))
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::string_view kImageNet = "imagenet";
  if (name.starts_with(kImageNet)) name.erase(0, kImageNet.size());
  return name;
}

double convolutions(const GraphWork& work) {
  double macs = 0;
  for (const char* kind : {kConv, kDepthwise})
    if (const auto found = work.find(kind); found != work.end()) macs += found->second;
  return macs;
}

std::optional<Seconds> published_latency(const DevicePreset& device, const std::string& network,
                                         const GraphWork& work) {
  for (const auto& [name, latency] : device.latency) {
    if (plain_name(name) != plain_name(network)) continue;
    const double ratio = convolutions(work) / convolutions(published_work().at(name));
    if (ratio > 0.9 && ratio < 1.1) return latency;
  }
  return std::nullopt;
}

bool is_view(const std::string& op) {
  constexpr std::array<const char*, 9> kViews = {"Reshape",  "Flatten", "Identity",
                                                 "Dropout",  "Squeeze", "Unsqueeze",
                                                 "Constant", "Shape",   "Cast"};
  return std::ranges::find(kViews, op) != kViews.end();
}

const char* kind_of(const Graph& graph, const Node& node, std::int64_t macs) {
  if (macs <= 0) return is_view(node.op) ? nullptr : kElements;
  if (node.op != "Conv") return kMatMul;
  const Shape& weight = graph.value_of(node.inputs.size() > 1 ? node.inputs[1] : "").shape;
  return node.integer("group", 1) > 1 && weight.size() > 1 && weight[1] == 1 ? kDepthwise : kConv;
}

}  // namespace

const std::map<std::string, GraphWork>& published_work() {
  // By `work_of` on the networks of zoo/, 3x224x224 and, for WRN40-4, 3x32x32.
  static const std::map<std::string, GraphWork> work = {
      {"densenet169", {{kConv, 3.358e9}, {kMatMul, 1.664e6}, {kElements, 51.65e6}}},
      {"densenet201", {{kConv, 4.289e9}, {kMatMul, 1.920e6}, {kElements, 68.30e6}}},
      {"resnet152", {{kConv, 11.51e9}, {kMatMul, 2.048e6}, {kElements, 56.95e6}}},
      {"mobilenet-v2",
       {{kConv, 278.8e6}, {kDepthwise, 20.72e6}, {kMatMul, 1.280e6}, {kElements, 13.00e6}}},
      {"wrn40-4", {{kConv, 1.299e9}, {kMatMul, 2560}, {kElements, 3.474e6}}},
  };
  return work;
}

const std::vector<DevicePreset>& device_presets() {
  static const std::vector<DevicePreset> presets = make_presets();
  return presets;
}

const DevicePreset& device_preset(const std::string& name) {
  std::vector<std::string> names;
  for (const DevicePreset& preset : device_presets()) {
    if (preset.name == name) return preset;
    names.push_back(preset.name);
  }
  std::string all;
  for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
  throw Error(ErrorKind::kNotFound,
              "no such device preset: " + name + suggestion(name, names) + "; there are " + all);
}

std::map<std::string, GraphWork> node_work(const Graph& graph) {
  std::map<std::string, GraphWork> works;
  const GraphCost cost = cost_of(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const char* kind = kind_of(graph, node, cost.nodes[i].macs);
    if (kind == nullptr) continue;
    double amount = static_cast<double>(cost.nodes[i].macs);
    if (kind == kElements)
      for (const std::string& output : node.outputs)
        if (!output.empty())
          amount += static_cast<double>(
              std::max<std::int64_t>(0, value_elements(graph.value_of(output))));
    works[node.name][kind] += amount;
  }
  return works;
}

GraphWork work_of(const Graph& graph) {
  GraphWork work;
  for (const auto& [node, of_node] : node_work(graph))
    for (const auto& [kind, amount] : of_node) work[kind] += amount;
  return work;
}

Seconds estimate_time(const DevicePreset& device, const GraphWork& work) {
  return Seconds{time_of(device.rates, work)};
}

Slowdown slowdown_for(const DevicePreset& device, const std::string& network, const GraphWork& work,
                      Seconds measured) {
  if (!(measured > Seconds{0}))
    throw Error(ErrorKind::kInvalid,
                "a slowdown needs a measured time: " + std::to_string(measured.count()) + " s");
  const auto published = published_latency(device, network, work);
  const Seconds there = published ? *published : estimate_time(device, work);
  if (!(there > Seconds{0}))
    throw Error(ErrorKind::kInvalid,
                "nothing is known of the work of " + network + " on " + device.name);
  const std::string here = " / measured " + format_seconds(measured.count()) + " here";
  return {.factor = there / measured,
          .estimate = !published,
          .why = (published ? "published " : "estimated ") + format_seconds(there.count()) + here +
                 (published ? "" : " (" + device.source + ")")};
}

namespace {

bool needs_slowdown(const Machine& machine) {
  return !machine.preset.empty() && !machine.slowdown_given;
}

}  // namespace

bool needs_slowdowns(const Cluster& cluster) {
  return std::ranges::any_of(cluster.machines, needs_slowdown);
}

void set_slowdowns(Cluster& cluster, const std::string& network, const GraphWork& work,
                   Seconds measured) {
  for (Machine& machine : cluster.machines) {
    if (!needs_slowdown(machine)) continue;
    const Slowdown slowdown = slowdown_for(device_preset(machine.preset), network, work, measured);
    machine.slowdown = slowdown.factor;
    machine.slowdown_is_estimate = slowdown.estimate;
  }
}

}  // namespace isthmus
