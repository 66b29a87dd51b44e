#include "sim/simulate.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "sim/simulator.h"

namespace isthmus {
namespace {

constexpr std::int64_t kMaxFrames = 100'000'000;
constexpr std::size_t kMaxNetworks = 1 << 16;

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorKind::kInvalid, "simulation: " + what);
}

void check(const SimOptions& options, const Cluster& cluster) {
  if (cluster.networks.size() > kMaxNetworks)
    fail("at most 65536 networks: " + std::to_string(cluster.networks.size()));
  if (options.frames < 0 || options.frames > kMaxFrames)
    fail("frames must be 0 to 1e8: " + std::to_string(options.frames));
  if (!(options.rate >= 0) || std::isinf(options.rate))
    fail("the rate must not be negative: " + std::to_string(options.rate));
  if (options.live && options.rate <= 0) fail("a live source needs a rate");
  if (options.max_in_flight < 1)
    fail("a frame must be allowed on its way: max_in_flight " +
         std::to_string(options.max_in_flight));
  if (options.max_waiting < 0)
    fail("max_waiting must not be negative: " + std::to_string(options.max_waiting));
  if (options.queue < 1) fail("a queue needs a place: " + std::to_string(options.queue));
  if (!(options.prepare >= Seconds{0})) fail("prepare must not be negative");
  for (const SimEvent& event : options.events) {
    cluster.machine(event.machine);
    if (event.machine == cluster.source) fail("nothing can happen to the source: " + event.machine);
    if (!(event.time >= Seconds{0})) fail("an event before the beginning, of " + event.machine);
  }
}

}  // namespace

Trace simulate(const SimOptions& options, const std::vector<Plan>& ladder, const Cluster& cluster,
               const Profile& profile) {
  check_cluster(cluster);
  check(options, cluster);
  if (ladder.empty()) fail("there is no plan");
  return Simulator(options, ladder, cluster, profile).run();
}

Trace simulate(const SimOptions& options, const std::vector<LoadedPlan>& ladder,
               const Cluster& cluster, const Profile& profile) {
  std::vector<Plan> plans;
  for (const LoadedPlan& loaded : ladder) plans.push_back(loaded.plan);
  return simulate(options, plans, cluster, profile);
}

double throughput(const Trace& trace) {
  std::vector<double> answers;
  for (const FrameRecord& frame : trace.frames)
    if (frame.outcome == Outcome::kAnswered || frame.outcome == Outcome::kAnsweredLocally)
      answers.push_back((frame.captured + frame.capture_to_output).count());
  if (answers.size() < 3) return 0;
  std::ranges::sort(answers);
  const std::size_t first = answers.size() / 10;
  const double time = answers.back() - answers[first];
  return time > 0 ? static_cast<double>(answers.size() - 1 - first) / time : 0;
}

}  // namespace isthmus
