#include "plan/strategies.h"

#include <algorithm>

#include "core/error.h"
#include "graph/cuts.h"
#include "split/cut.h"

namespace isthmus {
namespace {

constexpr const char* kWhole = "whole";

// Tensor and shape (batch 1) of the network's input, where the caller left them open.
PlanInput input_of(const Graph& graph, PlanInput input) {
  if (graph.inputs.size() != 1)
    throw Error(ErrorKind::kUnsupported, graph.name + " has " +
                                             std::to_string(graph.inputs.size()) +
                                             " inputs; a plan for images takes one");
  const NamedValue& value = graph.inputs.front();
  if (input.tensor.empty()) input.tensor = value.name;
  if (input.shape.empty()) {
    input.shape = value.value.shape;
    if (!input.shape.empty() && input.shape.front() < 0) input.shape.front() = 1;
    if (std::ranges::any_of(input.shape, [](std::int64_t extent) { return extent < 0; }))
      input.shape.clear();
  }
  return input;
}

LoadedPlan finished(const Partition& partition,
                    const std::map<std::string, std::string>& machine_of,
                    const std::map<std::string, PlanCodec>& codec_of_edge, const Graph& graph,
                    const std::string& name, const std::string& network,
                    const StrategyOptions& options) {
  LoadedPlan loaded = place(partition, machine_of, codec_of_edge, input_of(graph, options.input));
  loaded.plan.name = name;
  loaded.plan.network = network;
  loaded.plan.labels = options.labels;
  loaded.plan.deadline = options.deadline;
  return loaded;
}

// Answers coded by `answer`; edges from the input by `input`, between parts by `inner`.
std::map<std::string, PlanCodec> codecs(const Partition& partition, const PlanCodec& input,
                                        const PlanCodec& inner, const std::string& answer) {
  std::map<std::string, PlanCodec> codec_of_edge;
  for (const Edge& edge : partition.edges) {
    PlanCodec codec = edge.to_part.empty()     ? PlanCodec{.name = answer}
                      : edge.from_part.empty() ? input
                                               : inner;
    codec_of_edge[edge_name(edge)] = std::move(codec);
  }
  return codec_of_edge;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

bool is_view(const Graph& graph, const std::string& tensor) {
  const std::ptrdiff_t producer = graph.producer_of(tensor);
  if (producer < 0) return true;
  const std::string& op = graph.nodes[static_cast<std::size_t>(producer)].op;
  return op == "Reshape" || op == "Flatten" || op == "Identity" || op == "Squeeze" ||
         op == "Unsqueeze" || op == "Dropout" || op == "Transpose";
}

// The cuts that no other beats, in order of their work. Of equal ones the last: after a ReLU rather
// than before it, where more values are zero and codes are shorter; but never a mere view of
// another.
std::vector<CutPoint> pareto_front(const Graph& graph) {
  std::vector<CutPoint> cuts = cut_points(graph);
  std::erase_if(
      cuts, [&](const CutPoint& cut) { return !(cut.relative > 0) || is_view(graph, cut.tensor); });
  std::ranges::stable_sort(cuts, [](const CutPoint& a, const CutPoint& b) {
    return a.accumulated_macs != b.accumulated_macs ? a.accumulated_macs < b.accumulated_macs
                                                    : a.relative < b.relative;
  });
  std::vector<CutPoint> front;
  for (const CutPoint& cut : cuts) {
    const bool equal = !front.empty() && cut.relative == front.back().relative &&
                       cut.accumulated_macs == front.back().accumulated_macs;
    if (equal) front.pop_back();
    if (front.empty() || cut.relative < front.back().relative) front.push_back(cut);
  }
  return front;
}

}  // namespace

LoadedPlan local_plan(const Graph& graph, const std::string& network,
                      const StrategyOptions& options) {
  const Partition partition = whole_partition(graph, kWhole);
  return finished(partition, {{kWhole, options.device}},
                  codecs(partition, {}, {}, options.answer_codec), graph, "local", network,
                  options);
}

LoadedPlan offload_plan(const Graph& graph, const std::string& network,
                        const std::string& image_codec, const StrategyOptions& options) {
  const Partition partition = whole_partition(graph, kWhole);
  const std::string name = is_image_codec(image_codec) ? image_codec : "offload/" + image_codec;
  return finished(partition, {{kWhole, options.server}},
                  codecs(partition, {.name = image_codec}, {}, options.answer_codec), graph, name,
                  network, options);
}

LoadedPlan cut_plan(const Graph& graph, const std::string& network,
                    const std::vector<std::string>& tensors, const PlanCodec& codec,
                    const StrategyOptions& options) {
  const Partition partition = cut_graph(graph, tensors);
  return finished(partition, {{"head", options.device}, {"tail", options.server}},
                  codecs(partition, {}, codec, options.answer_codec), graph,
                  "cut:" + joined(tensors) + '/' + codec.name, network, options);
}

std::vector<std::string> promising_cuts(const Graph& graph, std::size_t most) {
  const auto front = pareto_front(graph);
  std::vector<std::string> tensors;
  if (most == 0) return tensors;
  const std::size_t count = std::min(most, front.size());
  for (std::size_t i = 0; i < count; ++i) {
    // Both ends of the front, and the others evenly between them.
    const std::size_t at = count == 1 ? front.size() - 1 : i * (front.size() - 1) / (count - 1);
    tensors.push_back(front[at].tensor);
  }
  return tensors;
}

}  // namespace isthmus
