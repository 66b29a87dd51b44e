// The runtime's emulated network beside the simulator's.

#include "core/statistics.h"
#include "serve/fixture.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

using namespace testing;

// What `plan` costs where only the network takes time.
Profile free_of_charge(const Plan& plan, double payload_bytes) {
  Profile profile;
  for (const PlacedPart& part : plan.parts) profile.parts[part.sha256] = {};
  for (const PlanEdge& edge : plan.edges)
    profile.codecs[codec_key(plan, edge)].bytes = payload_bytes;
  return profile;
}

TEST(Network, TheRuntimeTakesAsLongAsTheSimulatorSays) {
  constexpr std::int64_t kWidth = 8192;
  constexpr double kPayload = 4.0 * kWidth;
  // A message takes about 27 ms, much longer than this computer needs for anything.
  const LinkProfile link{
      .name = "lan", .bandwidth = 10e6, .latency = Seconds{0.002}, .trace = nullptr};
  const auto agents = start_agents(3);
  const Cluster cluster = boards(agents, link);
  LoadedPlan plan = sharded(2, kWidth);
  plan.plan.deadline = Seconds{60};
  Source source({plan}, cluster, {.max_in_flight = 1, .local_fallback = false});
  const Tensor x(DType::kF32, {1, kWidth});
  source.ask({.input = x});
  const auto simulate_with = [&](int frames, int in_flight) {
    return simulate({.frames = frames, .max_in_flight = in_flight}, {plan.plan}, cluster,
                    free_of_charge(plan.plan, kPayload));
  };
  const double played = simulate_with(1, 1).frames[0].capture_to_output.count();
  std::vector<double> measured;
  for (int i = 0; i < 5; ++i)
    measured.push_back(source.ask({.input = x}).record.capture_to_output.count());
  EXPECT_NEAR(quantile(measured, 0.5) / played, 1, 0.1);

  Source many({plan}, cluster, {.id = 2, .max_in_flight = 4, .local_fallback = false});
  for (int i = 0; i < 24; ++i) many.submit({.input = x});
  ASSERT_TRUE(many.drain());
  EXPECT_NEAR(throughput(many.trace()) / throughput(simulate_with(24, 4)), 1, 0.1);
}

}  // namespace
}  // namespace isthmus
