#include "serve/emulation.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/file_lock.h"
#include "core/log.h"
#include "engine/random_tensor.h"
#include "serve/receive_cost.h"

namespace isthmus {
namespace {

// Whether this machine encodes or decodes what the edge carries.
bool ends_at(const Deployment& deployment, const DeployedEdge& edge) {
  const auto here = [&](std::uint16_t part) {
    return part == kNoIndex ? deployment.self == deployment.source
                            : deployment.parts[part].held != nullptr;
  };
  return here(edge.from) || here(edge.to);
}

// Memory is fresh at the first frames, which makes them several times as dear on this machine. What
// takes an image makes the network's input from it, too.
void measure_codec(const DeployedEdge& edge, const Normalization& normalization) {
  constexpr int kRuns = 8;
  const auto& [dtype, shape] = edge.tensor;
  if (!edge.codec || !edge.codec->fixed_payload_bytes(dtype, shape)) return;
  const Tensor tensor = random_tensor(dtype, shape, /*seed=*/1);
  const auto note = [](std::optional<Seconds>& least, Seconds began) {
    least = std::min(least.value_or(Seconds::max()), thread_cpu_time() - began);
  };
  for (int i = 0; i < kRuns; ++i) {
    Seconds began = thread_cpu_time();
    const Payload payload = edge.codec->encode(tensor);
    note(edge.cost->encode, began);
    began = thread_cpu_time();
    const Tensor decoded =
        edge.codec->decode_shared(payload.bytes(), payload.owner(), dtype, shape);
    if (edge.image) normalise(decoded, normalization);
    note(edge.cost->decode, began);
  }
}

// One frame without meaning.
std::vector<Tensor> any_inputs(const Engine& engine) {
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : engine.inputs()) {
    Shape shape = spec.shape;
    for (std::int64_t& extent : shape) extent = std::max<std::int64_t>(extent, 1);
    inputs.push_back(random_tensor(spec.dtype, shape, /*seed=*/1));
  }
  return inputs;
}

// Machines that are emulated on this one measure one after another when they take a plan: two at
// once share its caches and perhaps a core. Null where that cannot be had.
std::unique_ptr<FileLock> measuring_turn() {
  constexpr Seconds kLimit{120};
  std::string why = "others have measured theirs for too long";
  try {
    auto turn =
        FileLock::take(std::filesystem::temp_directory_path() / "isthmus-measuring.lock", kLimit);
    if (turn) return turn;
  } catch (const std::exception& error) {
    why = error.what();
  }
  log_warning("parts are measured while others may be: " + why);
  return nullptr;
}

void add_run(HeldPart& part, std::size_t frames, const Emulation& emulation,
             const std::function<void()>& run) {
  if (emulation.weights_from_memory) part.engine->evict_weights();
  const Seconds began = thread_cpu_time();
  run();
  part.least_run.add(frames, thread_cpu_time() - began);
}

}  // namespace

Holdback::Holdback(Clock& clock, const Emulation& emulation, Seconds spent)
    : clock_(clock),
      emulation_(emulation),
      begin_(clock.now()),
      last_(begin_),
      cpu_(thread_cpu_time()),
      due_((emulation.slowdown - 1) * spent) {}

WireSpan Holdback::step(SpanKind kind, std::uint8_t machine, std::uint16_t what,
                        std::optional<Seconds> cost, Seconds swap) {
  if (emulation_.is_slowed()) {
    due_ += swap + emulation_.slowdown * cost.value_or(thread_cpu_time() - cpu_);
    clock_.sleep_until(begin_ + due_);
    // Waiting takes some, too, but not on the emulated machine.
    cpu_ = thread_cpu_time();
  }
  const Seconds now = clock_.now();
  WireSpan span{kind, machine, what, last_, now - last_};
  last_ = now;
  return span;
}

void find_least(HeldPart& part, std::size_t frames, const Emulation& emulation,
                const std::function<void()>& run) {
  while (!part.least_run.is_warm(frames)) add_run(part, frames, emulation, run);
}

void refine_least(HeldPart& part, std::size_t frames, const Emulation& emulation,
                  const std::function<void()>& run) {
  find_least(part, frames, emulation, run);
  if (!part.least_run.is_settled(frames)) add_run(part, frames, emulation, run);
}

void warm_up(const Deployment& deployment, const Emulation& emulation) {
  if (!emulation.takes_least()) return;
  const auto turn = measuring_turn();
  for (const DeployedEdge& edge : deployment.edges)
    if (ends_at(deployment, edge)) measure_codec(edge, deployment.normalization);
  for (const DeployedPart& part : deployment.parts) {
    if (!part.held || part.held->least_run.is_warm(1)) continue;
    const std::vector<Tensor> inputs = any_inputs(*part.held->engine);
    find_least(*part.held, 1, emulation, [&] { part.held->engine->run(inputs); });
  }
}

Seconds receive_cost(const FlowMessage& message) {
  return std::min(message.receive_cpu, least_receive_time(message.payload.size()));
}

}  // namespace isthmus
