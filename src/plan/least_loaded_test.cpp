#include "plan/least_loaded.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/rng.h"

namespace isthmus {
namespace {

using Loads = std::vector<std::optional<Seconds>>;

// The rule, written down: looks at all replicas.
std::optional<std::size_t> chosen_by_looking(const Loads& loads, std::uint32_t frame) {
  std::optional<Seconds> least;
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    if (!loads[i] || (least && *loads[i] > *least)) continue;
    if (!least || *loads[i] < *least) best.clear();
    least = loads[i];
    best.push_back(i);
  }
  if (best.empty()) return std::nullopt;
  return best[frame % best.size()];
}

// Few different loads, so that many are equal.
std::optional<Seconds> random_load(Rng& rng) {
  if (rng.below(5) == 0) return std::nullopt;
  return Seconds{0.1 * static_cast<double>(rng.below(4))};
}

TEST(LeastLoaded, ChoosesAsOneWhoLooksAtAllReplicas) {
  Rng rng(3);
  for (int run = 0; run < 200; ++run) {
    Loads loads(rng.below(40));
    std::ranges::generate(loads, [&] { return random_load(rng); });
    LeastLoaded replicas(loads);
    for (int step = 0; step < 100; ++step) {
      const auto frame = static_cast<std::uint32_t>(rng.below(1'000'000));
      ASSERT_EQ(replicas.choose(frame), chosen_by_looking(loads, frame)) << run << ' ' << step;
      if (loads.empty()) continue;
      const std::size_t replica = rng.below(loads.size());
      loads[replica] = random_load(rng);
      replicas.set(replica, loads[replica]);
    }
  }
}

TEST(LeastLoaded, LetsEqualsTakeTurnsInTheOrderOfTheirList) {
  const Seconds idle{0};
  const LeastLoaded replicas(Loads{idle, Seconds{1}, idle, std::nullopt, idle});
  for (const auto& [frame, replica] : {std::pair{0U, 0U}, {1U, 2U}, {2U, 4U}, {3U, 0U}})
    EXPECT_EQ(replicas.choose(frame), replica);
}

TEST(LeastLoaded, HasNoAnswerWhereNoneLives) {
  EXPECT_EQ(LeastLoaded(Loads{}).choose(0), std::nullopt);
  EXPECT_EQ(LeastLoaded(Loads{std::nullopt, std::nullopt}).choose(7), std::nullopt);
}

}  // namespace
}  // namespace isthmus
