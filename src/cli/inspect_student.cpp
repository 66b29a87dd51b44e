#include "cli/inspect_student.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "core/training_results.h"
#include "graph/cost.h"
#include "graph/cuts.h"
#include "split/bottleneck.h"
#include "split/cut.h"
#include "split/student_cost.h"

namespace isthmus {
namespace {

// Convolutions and the like with weights of the encoder or the decoder.
Json describe_layers(const Student& student) {
  const Graph& graph = student.graph;
  const GraphCost cost = cost_of(graph);
  const auto head = ancestors(graph, {&student.bottleneck, 1});
  const std::set<std::size_t> in_head(head.begin(), head.end());
  std::set<std::string> added(student.encoder.begin(), student.encoder.end());
  added.insert(student.decoder.begin(), student.decoder.end());
  Json layers = Json::array();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool is_new = std::ranges::any_of(
        node.inputs, [&](const std::string& input) { return added.contains(input); });
    if (!is_new || cost.nodes[i].macs == 0) continue;
    layers.push_back({{"name", node.name},
                      {"op", node.op},
                      {"side", in_head.contains(i) ? "head" : "tail"},
                      {"kernel", node.integers("kernel_shape", {})},
                      {"stride", node.integers("strides", {})},
                      {"macs", cost.nodes[i].macs},
                      {"shape", graph.value_of(node.outputs.at(0)).shape}});
  }
  return layers;
}

Json describe(const Student& student, const TeacherMacs& teacher, const std::string& model,
              const std::string& kind) {
  Json result = {{"model", model}, {"kind", kind}};
  result.update(describe_student(student, cost_of_student(student, teacher)));
  result["layers"] = describe_layers(student);
  return result;
}

std::string macs(const Json& value) { return format_count(value.get<double>()); }

void print_layers(const Json& layers) {
  if (layers.empty()) return;
  fmt::print("{:<24} {:<14} {:>6} {:>6} {:>9} {:>16}\n", "layer", "op", "kernel", "stride", "MACs",
             "output");
  const auto window = [](const Json& extents) {
    return extents.empty() ? std::string("-") : to_string(extents.get<Shape>());
  };
  for (const Json& layer : layers)
    fmt::print("{:<24} {:<14} {:>6} {:>6} {:>9} {:>16}\n", layer["name"].get<std::string>(),
               layer["op"].get<std::string>(), window(layer["kernel"]), window(layer["stride"]),
               macs(layer["macs"]), to_string(layer["shape"].get<Shape>()));
  fmt::print("\n");
}

void print_macs(const Json& result) {
  const auto row = [&](const char* name, const std::string& count, const std::string& note) {
    fmt::print("{:<10} {:>9}  {}\n", name, count, note);
  };
  const Json& teacher = result["teacher"];
  const double reduction = 100 * result["head"]["reduction"].get<double>();
  const auto target = result["target"].get<std::string>();
  const std::string tensor = target.empty() ? "up to there" : "up to " + target;
  row("", "MACs", "");
  row("head", macs(result["head"]["macs"]),
      fmt::format("{:.1f} % {} than the teacher's {} {}", std::abs(reduction),
                  reduction < 0 ? "more" : "fewer", macs(teacher["head_macs"]), tensor));
  row("decoder", macs(result["decoder"]["macs"]), "");
  row("tail", macs(result["tail"]["macs"]), "");
  const double whole = result["head"]["macs"].get<double>() +
                       result["decoder"]["macs"].get<double>() +
                       result["tail"]["macs"].get<double>();
  row("whole", format_count(whole), "teacher " + macs(teacher["macs"]));
}

// Kinds of students and designs, for a word that is neither.
std::vector<std::string> student_words() {
  std::vector<std::string> words = bottleneck_presets();
  for (const StudentKind kind :
       {StudentKind::kMimic, StudentKind::kAutoencoder, StudentKind::kNarrow})
    words.emplace_back(to_string(kind));
  return words;
}

}  // namespace

Json inspect_design(const Graph& teacher, const std::string& model, const std::string& word,
                    StudentSpec spec) {
  const std::vector<std::string> words = student_words();
  if (std::ranges::find(words, word) == words.end())
    throw Error(ErrorKind::kInvalid, fmt::format("no student is called {}{}; there are {}", word,
                                                 suggestion(word, words), fmt::join(words, ", ")));
  const auto& designs = bottleneck_presets();
  const bool is_design = std::ranges::find(designs, word) != designs.end();
  spec.kind = is_design ? StudentKind::kBottleneck : student_kind_from_string(word);
  if (is_design) spec.preset = word;
  const Student student = make_student(teacher, spec);
  return describe(student, teacher_macs(student, teacher), model, word);
}

bool is_trained_student(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "head.onnx") &&
         std::filesystem::exists(folder / "tail.onnx") &&
         std::filesystem::exists(folder / "metrics.json");
}

Json inspect_trained(const std::filesystem::path& folder) {
  const std::string metrics = (folder / "metrics.json").string();
  const TrainingResults results = training_results_from_json(read_document(metrics), metrics);
  const RecordedStudent recorded = recorded_student(
      join_graphs(load_graph(folder / "head.onnx"), load_graph(folder / "tail.onnx")),
      results.student, metrics + ": student");
  return describe(recorded.student, recorded.teacher, folder.string(), results.kind);
}

void print_student(const Json& result) {
  print_layers(result["layers"]);
  print_macs(result);
  const Json& bottleneck = result["bottleneck"];
  fmt::print("\nbottleneck {}: {}, {:.2f} % of the image's elements, {} as f32, {} as u8\n",
             bottleneck["tensor"].get<std::string>(), to_string(bottleneck["shape"].get<Shape>()),
             100 * bottleneck["relative"].get<double>(),
             format_bytes(bottleneck["f32_bytes"].get<double>()),
             format_bytes(bottleneck["u8_bytes"].get<double>()));
}

}  // namespace isthmus
