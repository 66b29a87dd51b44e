#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "core/clock.h"
#include "net/flow_message.h"
#include "serve/deployment.h"
#include "serve/trailer.h"

namespace isthmus {

// As which machine this one shall seem (runtime.md, "Time and emulation").
struct Emulation {
  // How many times slower than this machine: all CPU time of a job is held back.
  double slowdown = 1;
  bool weights_from_memory = false;

  bool is_slowed() const { return slowdown > 1; }
  // Whether a part takes `slowdown` times the least that it was seen to take, rather than what each
  // run takes. On a machine that is hardly slower a run would be held back for less than it takes
  // to do it again.
  bool takes_least() const { return slowdown >= 3; }
};

// The time of one job, cut into steps. On an emulated machine a step ends when `slowdown` times the
// CPU time of all steps so far, and what they swap, has passed since the job began; what the wait
// overshoots is made up for in the next.
class Holdback {
 public:
  // `spent`: CPU time that other threads already used for this job.
  Holdback(Clock& clock, const Emulation& emulation, Seconds spent);

  // Ends a step and reports it. Where its `cost` is known that is multiplied, else its CPU time.
  // `swap`: what swapping adds on the emulated machine.
  WireSpan step(SpanKind kind, std::uint8_t machine, std::uint16_t what,
                std::optional<Seconds> cost = std::nullopt, Seconds swap = Seconds{0});

 private:
  Clock& clock_;
  Emulation emulation_;
  Seconds begin_;
  Seconds last_;
  Seconds cpu_;
  Seconds due_;
};

// Runs the part with `run` until the least that so many frames take is known.
void find_least(HeldPart& part, std::size_t frames, const Emulation& emulation,
                const std::function<void()>& run);

// The same at a frame, once more at each until it is settled.
void refine_least(HeldPart& part, std::size_t frames, const Emulation& emulation,
                  const std::function<void()>& run);

// What is multiplied on an emulated machine is measured when it takes a plan, and not at the first
// frames: the parts that it holds, and the codecs of their edges.
void warm_up(const Deployment& deployment, const Emulation& emulation);

// CPU time of taking a message into memory, as an emulated machine multiplies it: what it took, but
// not that memory was fresh.
Seconds receive_cost(const FlowMessage& message);

}  // namespace isthmus
