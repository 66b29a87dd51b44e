#include <algorithm>
#include <map>

#include "core/error.h"
#include "engine/verify.h"

namespace isthmus {
namespace {

// Where a tensor comes from: output `tensor` of part `part`, or input `tensor` of the whole for
// kWhole.
struct Source {
  std::size_t part;
  std::size_t tensor;
};
constexpr std::size_t kWhole = static_cast<std::size_t>(-1);

std::size_t index_of(const std::vector<TensorSpec>& specs, const std::string& name) {
  return static_cast<std::size_t>(std::ranges::find(specs, name, &TensorSpec::name) -
                                  specs.begin());
}

// What fits all who take it: extents that are known to one are known.
void narrow(TensorSpec& spec, const TensorSpec& other) {
  if (spec.shape.size() != other.shape.size()) return;
  for (std::size_t i = 0; i < spec.shape.size(); ++i)
    if (spec.shape[i] < 0) spec.shape[i] = other.shape[i];
}

}  // namespace

struct PartitionRunner::State {
  State(const Partition& partition, const EngineOptions& options) {
    check_partition(partition);
    for (const Part& part : partition.parts) {
      part_index[part.name] = engines.size();
      engines.push_back(make_engine(part.graph, options));
    }
    order = execution_order(partition);
    for (const auto& engine : engines) feeds.emplace_back(engine->inputs().size());
    for (const Edge& edge : partition.edges) connect(edge);
  }

  void connect(const Edge& edge) {
    const Source source = source_of(edge);
    if (!edge.from_part.empty() && !edge.to_part.empty()) between.emplace_back(edge, source);
    if (edge.to_part.empty()) {
      TensorSpec spec = engines[source.part]->outputs()[source.tensor];
      spec.name = edge.to_tensor;
      outputs.push_back(std::move(spec));
      answers.push_back(source);
      return;
    }
    const std::size_t to = part_index.at(edge.to_part);
    feeds[to][index_of(engines[to]->inputs(), edge.to_tensor)] = source;
  }

  Source source_of(const Edge& edge) {
    if (!edge.from_part.empty()) {
      const std::size_t part = part_index.at(edge.from_part);
      return {part, index_of(engines[part]->outputs(), edge.from_tensor)};
    }
    const auto& taker = *engines[part_index.at(edge.to_part)];
    TensorSpec spec = taker.inputs()[index_of(taker.inputs(), edge.to_tensor)];
    spec.name = edge.from_tensor;
    const std::size_t known = index_of(inputs, edge.from_tensor);
    if (known == inputs.size())
      inputs.push_back(std::move(spec));
    else
      narrow(inputs[known], spec);
    return {kWhole, known};
  }

  std::map<std::string, std::size_t> part_index;
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<std::size_t> order;
  // By part, by input.
  std::vector<std::vector<Source>> feeds;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::vector<Source> answers;
  std::vector<std::pair<Edge, Source>> between;
};

PartitionRunner::PartitionRunner(const Partition& partition, const EngineOptions& options)
    : state_(std::make_unique<State>(partition, options)) {}

PartitionRunner::~PartitionRunner() = default;

const std::vector<TensorSpec>& PartitionRunner::inputs() const { return state_->inputs; }
const std::vector<TensorSpec>& PartitionRunner::outputs() const { return state_->outputs; }

std::vector<Tensor> PartitionRunner::run(std::span<const Tensor> inputs,
                                         std::vector<CrossingTensor>* crossing) const {
  if (inputs.size() != state_->inputs.size())
    throw Error(ErrorKind::kInvalid, "the partition takes " +
                                         std::to_string(state_->inputs.size()) + " inputs, got " +
                                         std::to_string(inputs.size()));
  std::vector<std::vector<Tensor>> made(state_->engines.size());
  const auto tensor_of = [&](const Source& source) {
    return source.part == kWhole ? inputs[source.tensor] : made[source.part][source.tensor];
  };
  for (const std::size_t part : state_->order) {
    std::vector<Tensor> part_inputs;
    for (const Source& source : state_->feeds[part]) part_inputs.push_back(tensor_of(source));
    made[part] = state_->engines[part]->run(part_inputs);
  }
  if (crossing)
    for (const auto& [edge, source] : state_->between)
      crossing->push_back({edge, tensor_of(source)});
  std::vector<Tensor> outputs;
  for (const Source& source : state_->answers) outputs.push_back(tensor_of(source));
  return outputs;
}

}  // namespace isthmus
