#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "core/trace.h"
#include "engine/engine.h"
#include "plan/plan.h"

namespace isthmus {

// One thing done to one frame, and the CPU time that it took.
struct PlanStep {
  SpanKind kind = SpanKind::kRun;
  std::string machine;
  // The part, or the edge's name.
  std::string what;
  Seconds cpu{0};
};

struct PlanOutput {
  // The scores, as they arrive at the sink.
  Tensor answer;
  std::vector<PlanStep> steps;
  // Of each edge that crosses machines: payload with frame header.
  std::vector<EdgeBytes> bytes;
};

// Runs a plan in one process and without links: every part, and for every edge between machines the
// codec there and back. The answer is bit for bit that of the runtime; the times are CPU times on
// this machine. For accuracy, calibration and profiles.
class PlanRunner {
 public:
  // `source` is the machine that captures the image and takes the answer. Throws as make_engine and
  // make_codec do.
  PlanRunner(const LoadedPlan& plan, std::string source, const EngineOptions& options = {});
  ~PlanRunner();

  // A u8 HWC image of the plan's input size, or an f32 tensor of its shape where the plan takes no
  // image. Not thread-safe.
  PlanOutput run(const Tensor& image);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The codec of an edge with its tables and range, as the plan and its files have them.
class Codec;
std::unique_ptr<const Codec> codec_of(const LoadedPlan& plan, const PlanCodec& codec);

}  // namespace isthmus
