#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/lab_output.h"
#include "core/file.h"
#include "core/json.h"
#include "data/dataset.h"
#include "data/known_models.h"
#include "plan/devices.h"

namespace isthmus {
namespace {

struct DemoArgs {
  std::string folder = "isthmus-demo";
  // Empty: the device that suits the networks.
  std::string device;
  std::int64_t images = 0;
  int frames = 12;
  bool json = false;
};

// A network with the data that belongs to it, and how many test images fit a demo.
struct DemoNetwork {
  ScenarioNetwork network;
  std::int64_t images;
};

const std::vector<DemoNetwork>& real_networks() {
  static const std::vector<DemoNetwork> networks = {
      {{.model = "imagenet_mobilenet_v2",
        .name = "imagenet_mobilenet_v2",
        .data = "imagenet-sample",
        .calibrate = "caltech101",
        .small = "imagenet_squeezenet"},
       400},
      {{.model = "cifar10_resnet56",
        .name = "cifar10_resnet56",
        .data = "cifar10",
        .calibrate = "cifar10",
        .small = "cifar10_resnet20"},
       1500},
  };
  return networks;
}

// The network that comes with the program, on the built-in signs, with its distilled splits.
DemoNetwork shipped_network() {
  DemoNetwork shipped{
      {.model = "signs", .name = "signs", .data = "signs", .calibrate = "signs", .small = ""},
      1000};
  for (const char* split : {"signs-12ch", "signs-6ch", "signs-3ch"})
    if (find_known_model(split)) shipped.network.splits.emplace_back(split);
  return shipped;
}

// Where not even that is there: a copied program, without its models/.
const DemoNetwork& untrained_network() {
  static const DemoNetwork network = {{.model = "zoo:mobilenetv2,classes=16,size=96",
                                       .name = "mobilenetv2 (untrained)",
                                       .data = "signs",
                                       .calibrate = "signs",
                                       .small = ""},
                                      200};
  return network;
}

bool is_here(const ScenarioNetwork& network) {
  const std::vector<std::string> sets = dataset_names();
  const auto has = [&](const std::string& name) {
    return std::ranges::find(sets, name) != sets.end();
  };
  const auto there = [](const std::string& model) {
    return model.empty() || resolve_model(model) != model;
  };
  return has(network.data) && has(network.calibrate) && there(network.model) &&
         there(network.small);
}

// `slow`: the edge of a cell too, where small bottlenecks have their place.
std::vector<LinkProfile> demo_links(bool slow) {
  std::vector<const char*> names = {"lora", "lte", "wifi-5", "wifi-20", "wifi-100"};
  if (slow) names.insert(names.begin() + 2, "wifi-1");
  std::vector<LinkProfile> links;
  for (const char* name : names) {
    try {
      links.push_back(link_preset(name));
    } catch (const Error& error) {
      fmt::print(stderr, "without {}: {}\n", name, error.what());
    }
  }
  return links;
}

void add(Scenario& scenario, const DemoNetwork& demo, std::int64_t images) {
  scenario.networks.push_back(demo.network);
  scenario.networks.back().images = images > 0 ? images : demo.images;
}

void add_built_in(Scenario& scenario, std::int64_t images) {
  const bool shipped = find_known_model("signs").has_value();
  fmt::print(
      stderr,
      "no data sets and trained networks in {}: the demo runs on the built-in synthetic set, "
      "with {}\n",
      data_folder().string(),
      shipped ? "the network that comes with the program" : "untrained weights");
  add(scenario, shipped ? shipped_network() : untrained_network(), images);
  std::erase(scenario.strategies, "local-small");
}

Scenario demo_scenario(const DemoArgs& args) {
  Scenario scenario;
  scenario.name = "Isthmus demo";
  scenario.strategies = {"local",   "local-small", "raw",     "jpeg:95", "jpeg:75",    "jpeg:30",
                         "webp:90", "webp:50",     "cut/f32", "cut/u8",  "cut/u8+rans"};
  scenario.frames = args.frames;
  scenario.cell_time = Seconds{1};
  scenario.calibration_images = 24;
  for (const DemoNetwork& demo : real_networks())
    if (is_here(demo.network)) add(scenario, demo, args.images);
  const bool real = !scenario.networks.empty();
  if (!real) add_built_in(scenario, args.images);
  scenario.links = demo_links(/*slow=*/!real);
  // The weaker device for the smaller network, or there is nothing to choose.
  const std::string device = real ? "jetson-nano" : "raspberry-pi-4";
  scenario.device.preset = args.device.empty() ? device : args.device;
  scenario.device.power = device_preset(scenario.device.preset).power;
  return scenario;
}

void run(const DemoArgs& args) {
  const Scenario scenario = demo_scenario(args);
  const LabResults results = run_lab(scenario, lab_options(args.folder, "isthmus demo"));
  const auto page = std::filesystem::path(args.folder) / "report.html";
  write_file(page, report_page(args.folder));
  if (args.json)
    std::cout << to_json(results).dump(2) << '\n';
  else
    print_results(results);
  fmt::print(stderr, "\ncharts: {}\n", std::filesystem::absolute(page).string());
}

}  // namespace

void add_demo_command(CLI::App& app) {
  auto args = std::make_shared<DemoArgs>();
  auto* command = add_command(
      app, "demo", "A camera and an edge server on this machine: every strategy over every link",
      "isthmus demo -o isthmus-demo/");
  command->add_option("-o,--output", args->folder, "Folder for results, traces and report.html")
      ->capture_default_str();
  command->add_option(
      "--device", args->device,
      "The camera's device preset; unless given, jetson-nano, or raspberry-pi-4 for "
      "the small built-in network");
  command
      ->add_option("--images", args->images,
                   "Test images for each accuracy; 0: as many as fit a demo")
      ->capture_default_str();
  command->add_option("--frames", args->frames, "Frames on each link, at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
