#include "engine/verify.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/rng.h"
#include "core/text.h"
#include "engine/difference.h"
#include "engine/random_tensor.h"
#include "engine/taps.h"

namespace isthmus {
namespace {

// Tensors on the edges between parts that the whole has under the same name. A trained partition
// has its own inside.
std::vector<std::string> crossing_names(const Graph& whole, const Partition& partition) {
  const std::vector<std::string> known = whole.tensors();
  std::vector<std::string> names;
  if (!partition.lossless) return names;
  for (const Edge& edge : partition.edges)
    if (!edge.from_part.empty() && !edge.to_part.empty() &&
        std::ranges::find(known, edge.from_tensor) != known.end() &&
        std::ranges::find(names, edge.from_tensor) == names.end())
      names.push_back(edge.from_tensor);
  return names;
}

std::vector<std::string> names_of(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : specs) names.push_back(spec.name);
  return names;
}

// The position of each of the partition's inputs among the whole's.
std::vector<std::size_t> match_inputs(const Engine& whole, const PartitionRunner& composed) {
  const std::vector<std::string> names = names_of(whole.inputs());
  std::vector<std::size_t> positions;
  for (const TensorSpec& input : composed.inputs()) {
    const auto found = std::ranges::find(names, input.name);
    if (found == names.end())
      throw Error(ErrorKind::kInvalid, "the partition takes an input that the whole has not: " +
                                           input.name + suggestion(input.name, names));
    positions.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  return positions;
}

void check_outputs(const Graph& whole, const PartitionRunner& composed) {
  const std::vector<std::string> names = names_of(composed.outputs());
  for (const NamedValue& output : whole.outputs)
    if (std::ranges::find(names, output.name) == names.end())
      throw Error(ErrorKind::kInvalid, "the partition lacks an output of the whole: " +
                                           output.name + suggestion(output.name, names));
}

using Named = std::map<std::string, std::vector<Tensor>>;

// Every tensor that can be compared, by the whole's name for it; several where it crosses more than
// one edge.
Named run_composed(const PartitionRunner& composed, std::span<const Tensor> inputs) {
  std::vector<CrossingTensor> crossing;
  const std::vector<Tensor> outputs = composed.run(inputs, &crossing);
  Named named;
  for (CrossingTensor& edge : crossing)
    named[edge.edge.from_tensor].push_back(std::move(edge.tensor));
  for (std::size_t i = 0; i < outputs.size(); ++i)
    named[composed.outputs()[i].name].push_back(outputs[i]);
  return named;
}

// Whole and composed side by side; `names` are the tensors to compare, in the whole's order.
class Comparison {
 public:
  Comparison(const Graph& whole, const Partition& partition, const VerifyOptions& options)
      : tolerance_(options.tolerance),
        composed_(partition, options.engine),
        whole_(make_engine(with_taps(whole, crossing_names(whole, partition)), options.engine)),
        inputs_(match_inputs(*whole_, composed_)),
        order_(whole.tensors()) {
    check_outputs(whole, composed_);
  }

  void compare(std::span<const Tensor> inputs, VerifyResult& result) const {
    const std::vector<Tensor> reference = whole_->run(inputs);
    std::vector<Tensor> picked;
    for (const std::size_t position : inputs_) picked.push_back(inputs[position]);
    const Named composed = run_composed(composed_, picked);
    for (std::size_t i = 0; i < reference.size(); ++i) {
      const std::string& name = whole_->outputs()[i].name;
      const auto found = composed.find(name);
      if (found == composed.end()) continue;
      for (const Tensor& tensor : found->second)
        note(name, tensor_difference(reference[i], tensor), result);
    }
  }

 private:
  void note(const std::string& name, double difference, VerifyResult& result) const {
    result.max_relative_difference = std::max(result.max_relative_difference, difference);
    if (difference <= tolerance_) return;
    result.equal = false;
    const auto position = [&](const std::string& tensor) {
      return std::ranges::find(order_, tensor);
    };
    if (result.first_difference.empty() || position(name) < position(result.first_difference))
      result.first_difference = name;
  }

  double tolerance_;
  PartitionRunner composed_;
  std::unique_ptr<Engine> whole_;
  std::vector<std::size_t> inputs_;
  std::vector<std::string> order_;
};

}  // namespace

VerifyResult verify_partition(const Graph& whole, const Partition& partition,
                              const InputSource& inputs, const VerifyOptions& options,
                              const Progress& progress) {
  const Comparison comparison(whole, partition, options);
  VerifyResult result;
  while (const auto frame = inputs(result.images)) {
    comparison.compare(*frame, result);
    ++result.images;
    if (progress) progress(result.images, options.expected_images);
  }
  return result;
}

InputSource random_inputs(const Graph& graph, std::int64_t count, std::uint64_t seed) {
  std::vector<std::pair<DType, Shape>> specs;
  for (const NamedValue& input : graph.inputs) {
    Shape shape = input.value.shape;
    if (!shape.empty() && shape[0] < 0) shape[0] = 1;
    if (!input.value.has_shape || std::ranges::any_of(shape, [](std::int64_t e) { return e < 0; }))
      throw Error(ErrorKind::kUnsupported,
                  graph.name + ": input " + input.name +
                      " has open extents: give real inputs instead of random ones");
    specs.emplace_back(input.value.dtype, std::move(shape));
  }
  return [specs = std::move(specs), count,
          seed](std::int64_t index) -> std::optional<std::vector<Tensor>> {
    if (index >= count) return std::nullopt;
    std::vector<Tensor> inputs;
    for (const auto& [dtype, shape] : specs)
      inputs.push_back(random_tensor(
          dtype, shape,
          mix_seed(mix_seed(seed, static_cast<std::uint64_t>(index)), inputs.size())));
    return inputs;
  };
}

}  // namespace isthmus
