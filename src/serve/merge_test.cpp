#include "serve/merge.h"

#include <gtest/gtest.h>

namespace isthmus {
namespace {

using Table = MergeTable<int>;

constexpr MergeKey kKey{.source = 1, .epoch = 2, .frame = 3, .part = 0};
constexpr Seconds kBudget{10};

Table::Need two_inputs(std::optional<Seconds> second_wait = std::nullopt) {
  return {.slots = 2, .optional_wait = {std::nullopt, second_wait}};
}

TEST(MergeTable, IsReadyWhenAllInputsOfAFrameAreThere) {
  Table table;
  Table::Ready ready;
  EXPECT_EQ(table.offer(kKey, 0, 1, 11, Seconds{0}, kBudget, two_inputs(), ready), Offer::kWaiting);
  EXPECT_EQ(table.offer(kKey, 0, 0, 10, Seconds{1}, kBudget, two_inputs(), ready), Offer::kReady);
  EXPECT_EQ(ready.inputs, (std::vector<std::optional<int>>{10, 11}));
  EXPECT_EQ(table.pending(), 0u);
}

TEST(MergeTable, KeepsFramesApart) {
  Table table;
  Table::Ready ready;
  MergeKey other = kKey;
  other.frame = 4;
  EXPECT_EQ(table.offer(kKey, 0, 0, 1, Seconds{0}, kBudget, two_inputs(), ready), Offer::kWaiting);
  EXPECT_EQ(table.offer(other, 0, 1, 2, Seconds{0}, kBudget, two_inputs(), ready), Offer::kWaiting);
  EXPECT_EQ(table.pending(), 2u);
}

TEST(MergeTable, ANewerAttemptReplacesAnOlderOne) {
  Table table;
  Table::Ready ready;
  EXPECT_EQ(table.offer(kKey, 0, 0, 1, Seconds{0}, kBudget, two_inputs(), ready), Offer::kWaiting);
  EXPECT_EQ(table.offer(kKey, 1, 1, 21, Seconds{0}, kBudget, two_inputs(), ready), Offer::kWaiting);
  EXPECT_EQ(table.offer(kKey, 0, 1, 2, Seconds{0}, kBudget, two_inputs(), ready), Offer::kLate);
  EXPECT_EQ(table.offer(kKey, 1, 0, 20, Seconds{0}, kBudget, two_inputs(), ready), Offer::kReady);
  EXPECT_EQ(ready.attempt, 1);
  EXPECT_EQ(ready.inputs, (std::vector<std::optional<int>>{20, 21}));
}

TEST(MergeTable, TellsDuplicatesAndLateOnesFromNewFrames) {
  Table table;
  Table::Ready ready;
  const Table::Need one{.slots = 1, .optional_wait = {std::nullopt}};
  EXPECT_EQ(table.offer(kKey, 1, 0, 1, Seconds{0}, kBudget, one, ready), Offer::kReady);
  EXPECT_EQ(table.offer(kKey, 1, 0, 1, Seconds{0}, kBudget, one, ready), Offer::kDuplicate);
  EXPECT_EQ(table.offer(kKey, 0, 0, 1, Seconds{0}, kBudget, one, ready), Offer::kLate);
  EXPECT_EQ(table.offer(kKey, 2, 0, 1, Seconds{0}, kBudget, one, ready), Offer::kReady);
}

TEST(MergeTable, RunsWithoutAnOptionalInputOnceItsTimeIsOver) {
  Table table;
  Table::Ready ready;
  std::int64_t given_up = 0;
  EXPECT_EQ(table.offer(kKey, 0, 0, 1, Seconds{1}, kBudget, two_inputs(Seconds{0.5}), ready),
            Offer::kWaiting);
  EXPECT_EQ(table.next_time(), Seconds{1.5});
  EXPECT_TRUE(table.expire(Seconds{1.4}, given_up).empty());
  const auto due = table.expire(Seconds{1.5}, given_up);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].inputs, (std::vector<std::optional<int>>{1, std::nullopt}));
  EXPECT_EQ(table.offer(kKey, 0, 1, 2, Seconds{2}, kBudget, two_inputs(Seconds{0.5}), ready),
            Offer::kDuplicate);
  EXPECT_EQ(given_up, 0);
}

TEST(MergeTable, NeverRunsWithoutARequiredInput) {
  Table table;
  Table::Ready ready;
  std::int64_t given_up = 0;
  EXPECT_EQ(table.offer(kKey, 0, 1, 2, Seconds{0}, kBudget, two_inputs(Seconds{0.5}), ready),
            Offer::kWaiting);
  EXPECT_TRUE(table.expire(Seconds{5}, given_up).empty());
  EXPECT_TRUE(table.expire(kBudget, given_up).empty());
  EXPECT_EQ(given_up, 1);
  EXPECT_EQ(table.offer(kKey, 0, 0, 1, Seconds{11}, Seconds{20}, two_inputs(), ready),
            Offer::kDuplicate);
}

TEST(MergeTable, ForgetsOneEpochOnly) {
  Table table;
  Table::Ready ready;
  MergeKey other = kKey;
  other.epoch = 3;
  EXPECT_EQ(table.offer(kKey, 0, 0, 1, Seconds{0}, kBudget, two_inputs(), ready), Offer::kWaiting);
  EXPECT_EQ(table.offer(other, 0, 0, 1, Seconds{0}, kBudget, two_inputs(), ready), Offer::kWaiting);
  table.forget(1, 2);
  EXPECT_EQ(table.pending(), 1u);
}

TEST(MergeTable, RemembersABoundedNumberOfFrames) {
  Table table(2);
  Table::Ready ready;
  const Table::Need one{.slots = 1, .optional_wait = {std::nullopt}};
  for (std::uint32_t frame = 0; frame < 3; ++frame) {
    MergeKey key = kKey;
    key.frame = frame;
    EXPECT_EQ(table.offer(key, 0, 0, 1, Seconds{0}, kBudget, one, ready), Offer::kReady);
  }
  MergeKey oldest = kKey;
  oldest.frame = 0;
  EXPECT_EQ(table.offer(oldest, 0, 0, 1, Seconds{0}, kBudget, one, ready), Offer::kReady);
}

}  // namespace
}  // namespace isthmus
