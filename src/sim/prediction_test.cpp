// One frame in the simulator takes as long as the prediction says.

#include <gtest/gtest.h>

#include "core/rng.h"
#include "plan/energy.h"
#include "plan/predict.h"
#include "sim/fixture.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

TEST(Simulate, AgreesWithThePredictionForOneFrame) {
  TinyPlans tiny = camera_and_server();
  tiny.machine("other", 2);
  tiny.link("camera", "other", 1e6, 0.005);
  tiny.link("server", "other", 5e6, 0.001);
  tiny.part("head", {"camera"}, 0.01);
  tiny.part("left", {"server"}, 0.05);
  tiny.part("right", {"other"}, 0.04);
  tiny.part("aside", {"other"}, 0.03);
  tiny.part("merge", {"server"}, 0.02);
  tiny.edge("input:x->head:x", 0);
  tiny.edge("input:x->aside:x", 4000);
  tiny.edge("head:y->left:x", 20'000);
  tiny.edge("head:y->right:x", 20'000);
  tiny.edge("left:y->merge:l", 0);
  tiny.edge("right:y->merge:r", 30'000);
  tiny.edge("aside:y->merge:a", 3000);
  tiny.edge("merge:y->answer:y", 500);
  for (auto& [key, codec] : tiny.profile.codecs) codec.encode = codec.decode = Seconds{0.0003};
  tiny.cluster.machines[0].power = {.idle = 1, .compute = 4, .transmit = 2, .source = "test"};
  const Prediction predicted = predict(tiny.plan, tiny.cluster, tiny.profile);
  const Trace trace = play(tiny, {.frames = 1});
  const FrameRecord& frame = trace.frames[0];
  EXPECT_NEAR(frame.capture_to_output.count(), predicted.total.count(), 1e-9);
  std::int64_t bytes = 0;
  for (const EdgeBytes& edge : frame.bytes) bytes += edge.message;
  EXPECT_EQ(bytes, predicted.bytes_per_frame);
  EXPECT_NEAR(energy_mj(tiny.cluster.machines[0].power, machine_time(frame, "camera")),
              predicted.energy_mj, 1e-6);
}

// Parts in a random DAG on random machines behind random links, or all on one network.
TinyPlans random_plan(Rng& rng, bool on_network = false) {
  TinyPlans tiny;
  const auto name = [](const char* what, std::uint64_t i) { return what + std::to_string(i); };
  const std::uint64_t machines = 2 + rng.below(3);
  for (std::uint64_t i = 0; i < machines; ++i) {
    tiny.machine(i == 0 ? "camera" : name("m", i), rng.uniform(0.5, 10)).cores =
        1 + static_cast<int>(rng.below(2));
    for (std::uint64_t j = 0; j < i && !on_network; ++j)
      tiny.link(j == 0 ? "camera" : name("m", j), name("m", i), rng.uniform(1e6, 1e8),
                rng.uniform(0, 0.01));
  }
  if (on_network) tiny.network(rng.uniform(1e6, 1e8), rng.uniform(0, 0.01));
  const std::uint64_t parts = 1 + rng.below(8);
  for (std::uint64_t i = 0; i < parts; ++i) {
    const std::uint64_t on = rng.below(machines);
    tiny.part(name("p", i), {on == 0 ? "camera" : name("m", on)}, rng.uniform(0.001, 0.05));
    bool fed = false;
    for (std::uint64_t j = 0; j < i; ++j) {
      if (rng.uniform() > 0.4) continue;
      fed = true;
      tiny.edge(name("p", j) + ":y" + std::to_string(i) + "->" + name("p", i) + ":from" +
                    std::to_string(j),
                rng.uniform(100, 50'000));
    }
    if (!fed || rng.uniform() < 0.2)
      tiny.edge("input:x->" + name("p", i) + ":x", rng.uniform(100, 50'000));
  }
  tiny.edge(name("p", parts - 1) + ":y->answer:y", rng.uniform(10, 500));
  for (auto& [key, codec] : tiny.profile.codecs) {
    codec.encode = Seconds{rng.uniform(0, 0.001)};
    codec.decode = Seconds{rng.uniform(0, 0.001)};
  }
  return tiny;
}

TEST(Simulate, AgreesWithThePredictionOfRandomPlans) {
  Rng rng(7);
  for (int i = 0; i < 400; ++i) {
    const TinyPlans tiny = random_plan(rng, i % 2 == 1);
    const double predicted = predict(tiny.plan, tiny.cluster, tiny.profile).total.count();
    const double simulated = play(tiny, {.frames = 1}).frames[0].capture_to_output.count();
    EXPECT_NEAR(simulated / predicted, 1, 1e-9) << i;
  }
}

}  // namespace
}  // namespace isthmus
