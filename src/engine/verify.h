#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/progress.h"
#include "engine/engine.h"
#include "split/partition.h"

namespace isthmus {

// What went over one edge between two parts.
struct CrossingTensor {
  Edge edge;
  Tensor tensor;
};

// Runs all parts of a partition in one process, in order, with nothing on a wire. `run` is
// thread-safe.
class PartitionRunner {
 public:
  // Throws as make_engine does, and as check_partition does.
  explicit PartitionRunner(const Partition& partition, const EngineOptions& options = {});
  ~PartitionRunner();

  // Inputs and outputs of the whole, in the order of the partition's input and output edges (first
  // occurrence of each name).
  const std::vector<TensorSpec>& inputs() const;
  const std::vector<TensorSpec>& outputs() const;
  // `crossing`, where not null, gets every edge between parts, in the partition's order.
  std::vector<Tensor> run(std::span<const Tensor> inputs,
                          std::vector<CrossingTensor>* crossing = nullptr) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct VerifyResult {
  bool equal = true;
  // max|a-b| / max|a| over the outputs of the whole and, where a tensor has the same name in both,
  // the tensors on the edges.
  double max_relative_difference = 0;
  std::int64_t images = 0;
  // The first tensor, in the whole's order, that differs by more than the tolerance; "" if none.
  std::string first_difference;
};

struct VerifyOptions {
  double tolerance = 1e-4;
  EngineOptions engine;
  // How many inputs there will be at most, if known: for the progress alone.
  std::int64_t expected_images = -1;
};

// The i-th input of the whole, batch 1; nothing when there are no more.
using InputSource = std::function<std::optional<std::vector<Tensor>>(std::int64_t index)>;

// Whole against composed, on the inputs given. Inputs and outputs are matched by name; throws
// Error{kInvalid} for one that the partition lacks or adds.
VerifyResult verify_partition(const Graph& whole, const Partition& partition,
                              const InputSource& inputs, const VerifyOptions& options = {},
                              const Progress& progress = {});

// `count` random inputs (random_tensor.h) for the graph's inputs at batch 1, seeded. Throws
// Error{kUnsupported} for an input that is open in another extent than the first.
InputSource random_inputs(const Graph& graph, std::int64_t count, std::uint64_t seed);

}  // namespace isthmus
