#include "lab/measure.h"

#include <algorithm>
#include <map>

#include "codec/frame.h"
#include "core/interrupt.h"
#include "core/statistics.h"
#include "engine/verify.h"
#include "graph/cost.h"
#include "graph/graph.h"

namespace isthmus {
namespace {

struct Samples {
  std::map<std::string, std::vector<double>> runs;
  std::map<std::string, std::vector<double>> encodes;
  std::map<std::string, std::vector<double>> decodes;
  std::map<std::string, std::vector<double>> bytes;
};

// What each step of a plan is called in a profile.
struct PlanKeys {
  PlanKeys(const Plan& plan, const std::string& source) {
    const auto machine_of = [&](const std::string& part) {
      return part.empty() ? source : plan.find(part)->machines.front();
    };
    for (const PlacedPart& part : plan.parts) parts[part.name] = part.sha256;
    for (const PlanEdge& edge : plan.edges) {
      if (machine_of(edge.edge.from_part) != machine_of(edge.edge.to_part))
        codecs[edge_name(edge.edge)] = codec_key(plan, edge);
      if (edge.edge.from_part.empty()) input = normalise_key(plan, edge);
    }
  }

  std::map<std::string, std::string> parts;
  // Of edges between machines.
  std::map<std::string, std::string> codecs;
  std::string input;
};

void add(Samples& samples, const PlanKeys& keys, const PlanOutput& output) {
  for (const PlanStep& step : output.steps) {
    const double seconds = step.cpu.count();
    switch (step.kind) {
      case SpanKind::kRun: samples.runs[keys.parts.at(step.what)].push_back(seconds); break;
      case SpanKind::kEncode: samples.encodes[keys.codecs.at(step.what)].push_back(seconds); break;
      case SpanKind::kDecode: samples.decodes[keys.codecs.at(step.what)].push_back(seconds); break;
      case SpanKind::kPrepare: samples.encodes[keys.input].push_back(seconds); break;
      default: break;
    }
  }
  for (const EdgeBytes& edge : output.bytes)
    samples.bytes[keys.codecs.at(edge.edge)].push_back(static_cast<double>(edge.message) -
                                                       kFrameHeaderBytes);
}

PartProfile part_profile(const LoadedPlan& plan, const PlacedPart& part,
                         const std::vector<double>& seconds) {
  const GraphCost cost = cost_of(parse_graph(*plan.parts.at(part.name), part.name));
  const Seconds median{quantile(seconds, 0.5)};
  return {.median = median,
          .p95 = Seconds{quantile(seconds, 0.95)},
          .cpu = median,
          .runs = static_cast<int>(seconds.size()),
          .macs = cost.macs,
          .weight_bytes = cost.weight_bytes,
          .peak_bytes = cost.peak_bytes};
}

double median_or_zero(const std::map<std::string, std::vector<double>>& samples,
                      const std::string& key) {
  const auto found = samples.find(key);
  return found == samples.end() ? 0 : quantile(found->second, 0.5);
}

bool is_known(const Profile& profile, const PlanKeys& keys) {
  const auto in = [](const auto& map) {
    return [&](const auto& pair) { return map.contains(pair.second); };
  };
  return std::ranges::all_of(keys.parts, in(profile.parts)) &&
         std::ranges::all_of(keys.codecs, in(profile.codecs));
}

void measure(const LoadedPlan& plan, const std::string& source, const ImageSet& images,
             Profile& profile) {
  const PlanKeys keys(plan.plan, source);
  if (is_known(profile, keys)) return;
  Samples samples;
  for (const PlanOutput& output : measure_frames(plan, source, images)) add(samples, keys, output);
  for (const PlacedPart& part : plan.plan.parts)
    if (!profile.parts.contains(part.sha256))
      profile.parts[part.sha256] = part_profile(plan, part, samples.runs.at(part.sha256));
  for (const auto& [edge, key] : keys.codecs)
    profile.codecs[key] = {.encode = Seconds{median_or_zero(samples.encodes, key)},
                           .decode = Seconds{median_or_zero(samples.decodes, key)},
                           .bytes = mean(samples.bytes.at(key))};
  profile.codecs[keys.input].encode = Seconds{median_or_zero(samples.encodes, keys.input)};
}

struct PartTimes {
  std::vector<double> wall;
  std::vector<double> cpu;
};

// Runs after one to warm up: at least `runs`, and as many as take `at_least`, but for no longer
// than ten times that. `before_run` is called with the engine, and not counted.
template <typename BeforeRun>
PartTimes time_part(const Graph& part, int runs, Seconds at_least, const BeforeRun& before_run) {
  const auto engine = make_engine(part);
  const std::vector<Tensor> inputs = *random_inputs(part, 1, 1)(0);
  engine->run(inputs);
  PartTimes times;
  const Seconds end = system_clock().now() + 10 * at_least;
  Seconds sum{0};
  for (int i = 0; i < runs || (sum < at_least && system_clock().now() < end); ++i) {
    check_interrupt();
    before_run(*engine);
    const Seconds wall_start = system_clock().now();
    const Seconds cpu_start = thread_cpu_time();
    engine->run(inputs);
    times.cpu.push_back((thread_cpu_time() - cpu_start).count());
    times.wall.push_back((system_clock().now() - wall_start).count());
    sum += Seconds{times.wall.back()};
  }
  return times;
}

// All but the times.
PartProfile profile_of(const Graph& part, const PartTimes& times) {
  const GraphCost cost = cost_of(part);
  return {.runs = static_cast<int>(times.cpu.size()),
          .macs = cost.macs,
          .weight_bytes = cost.weight_bytes,
          .peak_bytes = cost.peak_bytes};
}

}  // namespace

PartProfile measure_part(const Graph& part, int runs) {
  const PartTimes times = time_part(part, runs, Seconds{0}, [](Engine&) {});
  PartProfile profile = profile_of(part, times);
  profile.median = Seconds{quantile(times.wall, 0.5)};
  profile.p95 = Seconds{quantile(times.wall, 0.95)};
  profile.cpu = Seconds{quantile(times.cpu, 0.5)};
  return profile;
}

PartProfile measure_from_memory(const Graph& part, int runs) {
  // Of a part of a millisecond three runs may all be half as long again as its least.
  constexpr Seconds kAtLeast{0.05};
  const PartTimes times =
      time_part(part, runs, kAtLeast, [](Engine& engine) { engine.evict_weights(); });
  PartProfile profile = profile_of(part, times);
  profile.median = profile.cpu = Seconds{quantile(times.cpu, 0)};
  profile.p95 = Seconds{quantile(times.cpu, 0.95)};
  return profile;
}

std::vector<PlanOutput> measure_frames(const LoadedPlan& plan, const std::string& source,
                                       const ImageSet& images) {
  PlanRunner runner(plan, source);
  std::vector<PlanOutput> outputs;
  if (images.count > 0) runner.run(images.get(0).image);
  for (std::int64_t i = 0; i < images.count; ++i) {
    check_interrupt();
    outputs.push_back(runner.run(images.get(i).image));
  }
  return outputs;
}

Profile measure_plans(std::span<const LoadedPlan> plans, const std::string& source,
                      const ImageSet& images, const Profile& known, const Progress& progress) {
  Profile profile = known;
  profile.machine = machine_fingerprint();
  profile.date = utc_date();
  std::int64_t done = 0;
  for (const LoadedPlan& plan : plans) {
    measure(plan, source, images, profile);
    if (progress) progress(++done, static_cast<std::int64_t>(plans.size()));
  }
  return profile;
}

}  // namespace isthmus
