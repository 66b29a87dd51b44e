#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace isthmus {

struct EngineOptions {
  // Intra-op threads of one run. One per emulated machine unless told otherwise; spinning is always
  // off.
  int threads = 1;
  // Bytes that weights, shared ones included, and the engine's arena may take; 0 is no limit. A run
  // that needs more throws Error{kUnsupported}.
  std::int64_t memory_limit = 0;
  // How long such a run waits first for outputs of earlier runs that somebody still keeps.
  Seconds patience{0};
  // The runtime's own graph optimisations. Off to compare node by node.
  bool optimise = true;
};

struct TensorSpec {
  std::string name;
  DType dtype = DType::kUndefined;
  // -1 for dynamic extents.
  Shape shape;
};

// Runs one network, or one part. The errors of the library behind it arrive as Error.
class Engine {
 public:
  virtual ~Engine() = default;

  virtual const std::vector<TensorSpec>& inputs() const = 0;
  virtual const std::vector<TensorSpec>& outputs() const = 0;

  // Inputs in the order of inputs(); outputs in the order of outputs(). Inputs are not copied;
  // outputs own their memory. Thread-safe. Throws Error{kInvalid} that names the input for a wrong
  // type or shape.
  virtual std::vector<Tensor> run(std::span<const Tensor> inputs) = 0;

  // Whether a run as large as any so far would fit beside the outputs that somebody still keeps.
  virtual bool has_room() const { return true; }

  // Takes the weights that runs read where they are (of matrix products, not the laid out copies of
  // convolutions) out of this machine's caches, as on a board, whose caches hold none of them. Does
  // nothing where the engine or the processor cannot.
  virtual void evict_weights() {}
};

// ONNX Runtime on the CPU. Large weights are shared with the graph's tensors for as long as the
// engine lives: those of matrix products are read there, of others (convolutions) it may lay out a
// copy. `memory_limit` counts each once, for originals that are read no more cost nothing where
// they are mapped files. Throws Error{kUnsupported} naming node and
// operator for what it cannot run.
std::unique_ptr<Engine> make_engine(const Graph& graph, const EngineOptions& options = {});
// The same from a serialised ONNX model; `name` stands for it in messages.
std::unique_ptr<Engine> make_engine(std::string_view onnx_bytes, const std::string& name,
                                    const EngineOptions& options = {});

// Whether the batch dimension is really free: running batch 2 gives twice what batch 1 gives
// (within 1e-4), on random inputs seeded by 1. Parts with a constant 1 inside, or without dynamic
// batch, give false.
bool batch_is_free(Engine& engine);

}  // namespace isthmus
