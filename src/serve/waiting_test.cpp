#include <algorithm>
#include <vector>

#include "plan/room.h"
#include "serve/fixture.h"

namespace isthmus {
namespace {

using namespace testing;

// x -> Relu on b0 -> Neg on b1, tensors of `width` numbers.
LoadedPlan two_stages(std::int64_t width) {
  const Partition partition{.name = "two stages",
                            .parts = {one_node_part("first", "Relu", {"x"}, width),
                                      one_node_part("second", "Neg", {"x"}, width)},
                            .edges = {{"", "x", "first", "x"},
                                      {"first", "first_out", "second", "x"},
                                      {"second", "second_out", "", "scores"}}};
  PlanInput input;
  input.tensor = "x";
  input.shape = {1, width};
  return place(partition, {{"first", "b0"}, {"second", "b1"}}, {}, input);
}

// The most frames that were on a part's machine for it at the same time.
int most_at(const Trace& trace, const std::string& part) {
  std::vector<std::pair<Seconds, int>> changes;
  for (const FrameRecord& frame : trace.frames)
    for (const Span& span : frame.spans) {
      if (span.what != part) continue;
      if (span.kind == SpanKind::kQueue) changes.emplace_back(span.start, 1);
      if (span.kind == SpanKind::kRun) changes.emplace_back(span.start + span.duration, -1);
    }
  std::ranges::sort(changes);
  int now = 0;
  int most = 0;
  for (const auto& [time, change] : changes) most = std::max(most, now += change);
  return most;
}

// The slow machine is sent no more than it has room for, the one before it holds the rest back, and
// so does the source.
TEST(Waiting, IsBoundedByTheSizeOfWhatWaits) {
  constexpr int kFrames = 24;
  constexpr std::int64_t kWidth = 1 << 20;
  const auto agents = start_agents(2);
  Cluster cluster = boards(agents);
  cluster.machines[2].slowdown = 30;
  Source source({two_stages(kWidth)}, cluster,
                {.max_in_flight = kFrames, .deadline = Seconds{60}, .local_fallback = false});
  const Tensor x = Tensor::of<float>({1, kWidth}, std::vector<float>(kWidth, 1));
  std::atomic<int> right = 0;
  for (int i = 0; i < kFrames; ++i)
    source.submit({.input = x}, [&](const FrameRecord& record, const Tensor& scores) {
      right += record.outcome == Outcome::kAnswered && scores.values<float>()[kWidth - 1] == -1;
    });
  ASSERT_TRUE(source.drain());
  EXPECT_EQ(right, kFrames);
  const Trace trace = source.trace();
  const int room = frames_of_room(4.0 * kWidth);
  ASSERT_LT(2 * room, kFrames);
  EXPECT_GE(most_at(trace, "second"), 2) << "frames did wait";
  EXPECT_LE(most_at(trace, "second"), room);
  EXPECT_LE(most_at(trace, "first"), room);
}

}  // namespace
}  // namespace isthmus
