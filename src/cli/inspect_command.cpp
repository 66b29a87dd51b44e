#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/inspect_shards.h"
#include "cli/inspect_student.h"
#include "core/deflate.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "engine/taps.h"
#include "engine/verify.h"
#include "graph/cost.h"
#include "graph/cuts.h"
#include "lab/frames.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

struct InspectArgs {
  std::string model;
  bool cuts = false;
  bool zip = false;
  std::string image = "signs";
  std::string student;
  StudentSpec design;
  int shards = 0;
  bool json = false;
};

std::int64_t input_bytes(const Graph& graph) {
  std::int64_t bytes = 0;
  for (const NamedValue& input : graph.inputs)
    bytes += std::max<std::int64_t>(value_bytes(input.value), 0);
  return std::max<std::int64_t>(bytes, 1);
}

// Compressed bytes of every inner tensor for one image.
std::map<std::string, double> compressed_bytes(const Graph& graph, const InspectArgs& args) {
  const auto inputs = frame_inputs(graph, resolve_model(args.model), args.image, 1)(0);
  std::vector<std::string> names;
  for (const Node& node : graph.nodes)
    for (const std::string& output : node.outputs)
      if (!output.empty()) names.push_back(output);
  std::map<std::string, double> sizes;
  for (const auto& [name, tensor] : run_with_taps(graph, *inputs, names))
    sizes[name] = static_cast<double>(deflated_size(tensor.bytes()));
  return sizes;
}

Json describe_output(const Graph& graph, const std::string& tensor, double input,
                     const std::map<std::string, double>& zipped) {
  const Value value = graph.value_of(tensor);
  const std::int64_t bytes = value_bytes(value);
  Json out = {
      {"name", tensor}, {"shape", value.shape}, {"relative", nullptr}, {"zip_relative", nullptr}};
  if (bytes >= 0) out["relative"] = static_cast<double>(bytes) / input;
  if (const auto found = zipped.find(tensor); found != zipped.end())
    out["zip_relative"] = found->second / input;
  return out;
}

Json describe_nodes(const Graph& graph, const GraphCost& cost,
                    const std::map<std::string, double>& zipped) {
  const auto input = static_cast<double>(input_bytes(graph));
  Json nodes = Json::array();
  std::int64_t accumulated = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    accumulated += cost.nodes[i].macs;
    Json outputs = Json::array();
    for (const std::string& output : node.outputs)
      if (!output.empty()) outputs.push_back(describe_output(graph, output, input, zipped));
    nodes.push_back({{"name", node.name},
                     {"op", node.op},
                     {"macs", cost.nodes[i].macs},
                     {"accumulated_macs", accumulated},
                     {"params", cost.nodes[i].params},
                     {"outputs", std::move(outputs)}});
  }
  return nodes;
}

Json describe_cuts(const Graph& graph) {
  Json cuts = Json::array();
  for (const CutPoint& cut : cut_points(graph))
    cuts.push_back({{"tensor", cut.tensor},
                    {"shape", cut.shape},
                    {"relative", cut.relative},
                    {"accumulated_macs", cut.accumulated_macs},
                    {"total_macs", cut.total_macs}});
  return cuts;
}

Json describe(const Graph& graph, const InspectArgs& args) {
  const GraphCost cost = cost_of(graph);
  std::map<std::string, double> zipped;
  if (args.zip) zipped = compressed_bytes(graph, args);
  Json result = {{"model", args.model},
                 {"inputs", Json::array()},
                 {"opset", graph.opset()},
                 {"totals",
                  {{"nodes", graph.nodes.size()},
                   {"macs", cost.macs},
                   {"params", cost.params},
                   {"weight_bytes", cost.weight_bytes},
                   {"peak_bytes", cost.peak_bytes}}}};
  for (const NamedValue& input : graph.inputs)
    result["inputs"].push_back({{"name", input.name}, {"shape", input.value.shape}});
  result["unknown"] = cost.unknown;
  result["nodes"] = describe_nodes(graph, cost, zipped);
  result["cuts"] = describe_cuts(graph);
  return result;
}

std::string percent(const Json& value) {
  return value.is_number() ? fmt::format("{:.1f} %", 100 * value.get<double>()) : std::string("-");
}

void print_nodes(const Json& result, bool zip) {
  fmt::print("{:<44} {:<18} {:>9} {:>9} {:>9}{}\n", "node", "op", "MACs", "so far", "output",
             zip ? "   zipped" : "");
  const double total = std::max(result["totals"]["macs"].get<double>(), 1.0);
  for (const Json& node : result["nodes"]) {
    const Json& outputs = node["outputs"];
    const Json first = outputs.empty() ? Json{} : outputs[0];
    fmt::print("{:<44} {:<18} {:>9} {:>9} {:>9}", node["name"].get<std::string>(),
               node["op"].get<std::string>(), format_count(node["macs"].get<double>()),
               fmt::format("{:.1f} %", 100 * node["accumulated_macs"].get<double>() / total),
               percent(first.value("relative", Json{})));
    if (zip) fmt::print("{:>9}", percent(first.value("zip_relative", Json{})));
    fmt::print("\n");
  }
}

void print_cuts(const Json& result) {
  fmt::print("{:<44} {:>16} {:>10} {:>10}\n", "cut at tensor", "shape", "of input", "MACs before");
  const double total = std::max(result["totals"]["macs"].get<double>(), 1.0);
  for (const Json& cut : result["cuts"])
    fmt::print("{:<44} {:>16} {:>10} {:>10}\n", cut["tensor"].get<std::string>(),
               to_string(cut["shape"].get<Shape>()), percent(cut["relative"]),
               fmt::format("{:.1f} %", 100 * cut["accumulated_macs"].get<double>() / total));
}

void print_network(const Json& result, const InspectArgs& args) {
  if (args.cuts)
    print_cuts(result);
  else
    print_nodes(result, args.zip);
  const Json& totals = result["totals"];
  fmt::print(
      "\n{} nodes, {} MACs, {} parameters, {} of weights, {} of activations at the peak, {} cut "
      "points\n",
      totals["nodes"].get<int>(), format_count(totals["macs"].get<double>()),
      format_count(totals["params"].get<double>()),
      format_bytes(totals["weight_bytes"].get<double>()),
      format_bytes(totals["peak_bytes"].get<double>()), result["cuts"].size());
}

// The network in the folder of a training that made a whole one.
std::string network_file(const std::string& model) {
  const auto file = std::filesystem::path(model) / "model.onnx";
  return std::filesystem::exists(file) ? file.string() : model;
}

void run(const InspectArgs& args) {
  const bool trained = is_trained_student(args.model);
  const bool is_student = trained || !args.student.empty();
  if (is_student && args.shards > 0)
    throw Error(ErrorKind::kInvalid,
                "--shards is for whole networks, not for a student: give its ONNX file");
  Json result;
  if (trained) {
    result = inspect_trained(args.model);
  } else {
    Graph graph = load_model(resolve_model(network_file(args.model)));
    if (!cost_of(graph).unknown.empty()) fill_shapes_by_running(graph);
    if (args.shards > 0)
      result = inspect_shards(graph, args.model, args.shards);
    else
      result = is_student ? inspect_design(graph, args.model, args.student, args.design)
                          : describe(graph, args);
  }
  if (args.json)
    std::cout << result.dump(2) << '\n';
  else if (is_student)
    print_student(result);
  else if (args.shards > 0)
    print_shards(result);
  else
    print_network(result, args);
}

void add_design_options(CLI::App* command, InspectArgs& args) {
  auto* student = command->add_option(
      "--student", args.student,
      "The student that stands for the first layers of MODEL: auto, hnd, bottlefit-sp1, "
      "bottlefit-sp2, mimic, autoencoder or narrow");
  command->add_option("--until", args.design.until, "The tensor that it makes (see --cuts)")
      ->needs(student);
  command->add_option("--channels", args.design.channels, "Channels of its bottleneck")
      ->needs(student);
  command->add_option("--patch", args.design.patch, "Height of its bottleneck")->needs(student);
  command
      ->add_option("--budget", args.design.budget,
                   "Most MACs of its head, over those of MODEL up to the tensor (default 0.2)")
      ->needs(student);
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto args = std::make_shared<InspectArgs>();
  auto* command =
      add_command(app, "inspect", "What a network costs, node by node, and where it can be cut",
                  "isthmus inspect zoo:densenet169 --cuts");
  command
      ->add_option(
          "model", args->model,
          "ONNX file, zoo:NAME (see: isthmus zoo list), or the folder of a trained student")
      ->required();
  command->add_flag("--cuts", args->cuts,
                    "List the single tensors at which the network can be cut");
  command->add_flag("--zip", args->zip, "Also the size of each output after zip, for one image");
  command
      ->add_option("--shards", args->shards,
                   "What each layer takes when so many machines share it, in every way to cut it")
      ->check(CLI::Range(2, 64))
      ->excludes("--cuts", "--zip");
  command->add_option("--image", args->image, "The image for --zip: a data set, folder or file")
      ->capture_default_str();
  add_design_options(command, *args);
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
