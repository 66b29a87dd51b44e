#include "boards/spread_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "engine/difference.h"
#include "engine/engine.h"
#include "engine/verify.h"
#include "lab/frames.h"
#include "lab/plan_runner.h"
#include "pipeline/units.h"
#include "split/shard.h"

namespace isthmus {
namespace {

bool loses(const PlanEdge& edge) {
  return !edge.edge.to_part.empty() && edge.codec.name != "f32" && edge.codec.name != "raw";
}

// With all scores in full instead of the best few.
LoadedPlan with_whole_answer(LoadedPlan plan) {
  for (PlanEdge& edge : plan.plan.edges)
    if (edge.edge.to_part.empty()) edge.codec = {.name = "f32"};
  return plan;
}

double answer_difference(const NetworkUnderStudy& network, const LoadedPlan& plan,
                         const std::string& source, const ImageSet& frames,
                         const InputSource& inputs) {
  PlanRunner runner(with_whole_answer(plan), source);
  const auto whole = make_engine(network.graph);
  double difference = 0;
  for (std::int64_t i = 0; const auto input = inputs(i); ++i)
    difference = std::max(difference, tensor_difference(whole->run(*input).at(0),
                                                        runner.run(frames.get(i).image).answer));
  return difference;
}

}  // namespace

SpreadCheck check_spread(const NetworkUnderStudy& network, const SpreadResult& result,
                         const std::string& source, const std::string& spec, std::int64_t limit,
                         const ClipOptions& clips, const Progress& progress) {
  const InputSource inputs = frame_inputs(network.graph, network.model, spec, limit, clips);
  VerifyOptions options;
  options.expected_images = limit;
  const VerifyResult verified = verify_partition(
      network.graph, staged_partition(network.graph, stage_specs(result.problem, result.pipeline)),
      inputs, options, progress);
  if (!verified.equal)
    throw Error(
        ErrorKind::kInvalid,
        fmt::format("the plan's parts differ from {}: first at tensor {}, by {:.3g}", network.model,
                    verified.first_difference, verified.max_relative_difference));
  SpreadCheck check{.parts = verified.max_relative_difference, .answer = std::nullopt};
  if (std::ranges::any_of(result.plan.plan.edges, loses))
    check.answer = answer_difference(
        network, result.plan, source,
        open_frames(spec, network.input, {.limit = limit, .clips = clips}), inputs);
  return check;
}

void check_same_network(const NetworkUnderStudy& network, const LoadedPlan& running,
                        const std::string& source) {
  // More than codecs between machines lose, less than another network's answers differ by.
  const double most = std::ranges::any_of(running.plan.edges, loses) ? 0.1 : 1e-3;
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::kInvalid,
                fmt::format("{} is not the network of the running plan, {}: {}", network.model,
                            running.plan.network, why));
  };
  if (network.input.shape != running.plan.input.shape)
    refuse(fmt::format("it takes {} instead of {}", to_string(network.input.shape),
                       to_string(running.plan.input.shape)));
  // A smaller network in its place is meant to answer otherwise.
  if (!running.plan.lossless) return;
  const double difference = answer_difference(
      network, running, source, open_frames(kRandomFrames, network.input, {.limit = 1}),
      frame_inputs(network.graph, network.model, kRandomFrames, 1));
  if (!(difference < most)) refuse("it gives other answers");
}

}  // namespace isthmus
