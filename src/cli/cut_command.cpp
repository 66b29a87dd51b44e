#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/inputs.h"
#include "core/json.h"
#include "core/text.h"
#include "graph/cost.h"
#include "split/cut.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

struct CutArgs {
  std::string model;
  std::vector<std::string> tensors;
  std::string folder;
  bool json = false;
};

Json describe(const Partition& partition, const std::string& folder) {
  Json result = {{"folder", folder}, {"parts", Json::array()}, {"edges", Json::array()}};
  for (const Part& part : partition.parts) {
    const GraphCost cost = cost_of(part.graph);
    result["parts"].push_back({{"name", part.name},
                               {"nodes", part.graph.nodes.size()},
                               {"macs", cost.macs},
                               {"params", cost.params},
                               {"weight_bytes", cost.weight_bytes}});
  }
  for (const Edge& edge : partition.edges) {
    const Part* from = partition.find(edge.from_part);
    const Value value = from ? from->graph.value_of(edge.from_tensor) : Value{};
    result["edges"].push_back({{"from", edge.from_part},
                               {"to", edge.to_part},
                               {"tensor", edge.from_tensor},
                               {"shape", value.shape},
                               {"bytes", from ? value_bytes(value) : -1}});
  }
  return result;
}

void run(const CutArgs& args) {
  const Graph graph = load_model(resolve_model(args.model));
  const Partition partition = cut_graph(graph, args.tensors);
  save_partition(partition, args.folder, args.model);
  const Json result = describe(partition, args.folder);
  if (args.json) {
    std::cout << result.dump(2) << '\n';
    return;
  }
  for (const Json& part : result["parts"])
    fmt::print("{:<5} {:>4} nodes, {:>8} MACs, {:>8} parameters\n", part["name"].get<std::string>(),
               part["nodes"].get<int>(), format_count(part["macs"].get<double>()),
               format_count(part["params"].get<double>()));
  for (const Json& edge : result["edges"]) {
    if (edge["from"] == "" || edge["to"] == "") continue;
    fmt::print("{} -> {}: {} {}, {}\n", edge["from"].get<std::string>(),
               edge["to"].get<std::string>(), edge["tensor"].get<std::string>(),
               to_string(edge["shape"].get<Shape>()), format_bytes(edge["bytes"].get<double>()));
  }
  fmt::print("written to {}; check it with: isthmus verify {}\n", args.folder, args.folder);
}

}  // namespace

void add_cut_command(CLI::App& app) {
  auto args = std::make_shared<CutArgs>();
  auto* command = add_command(app, "cut", "Cut a network into head and tail",
                              "isthmus cut zoo:mobilenetv2 --at features.6.out -o split/");
  command->add_option("model", args->model, "ONNX file, or zoo:NAME")->required();
  command
      ->add_option("--at", args->tensors,
                   "Tensors that separate the network (see: isthmus inspect MODEL --cuts)")
      ->required()
      ->delimiter(',');
  command->add_option("-o,--output", args->folder, "Folder to write")->required();
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
