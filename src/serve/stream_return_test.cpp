#include "serve/stream_return.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <vector>

namespace isthmus {
namespace {

// More room than is granted.
constexpr int kMuch = 100;

class FakeStream final : public FlowStream {
 public:
  bool send(const FlowMessage& message) override {
    const std::lock_guard lock(mutex_);
    sent_.push_back(message);
    return true;
  }
  std::int64_t waiting_bytes() const override { return 0; }
  void close() override {}
  std::vector<FlowMessage> sent() const {
    const std::lock_guard lock(mutex_);
    return sent_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<FlowMessage> sent_;
};

TEST(StreamReturn, SettlesWhatItOwesForAPlanThatIsGone) {
  const std::atomic<bool> cut = false;
  const auto stream = std::make_shared<FakeStream>();
  StreamReturn way_back(stream, /*window=*/8, {}, cut);
  const EdgeKey gone{.deployment = {1, 1}, .edge = 3};
  const EdgeKey other{.deployment = {1, 2}, .edge = 3};
  for (const EdgeKey& key : {gone, gone, other}) way_back.grant(key, kMuch);
  ASSERT_EQ(stream->sent().size(), 1u) << "so far only the window";
  way_back.settle({1, 1});
  way_back.settle({1, 1});
  ASSERT_EQ(stream->sent().size(), 2u);
  const Credit credit = to_credit(stream->sent()[1]);
  EXPECT_EQ(credit.key, gone);
  EXPECT_EQ(credit.count, 2);
  for (int i = 0; i < 3; ++i) way_back.grant(other, kMuch);
  ASSERT_EQ(stream->sent().size(), 3u);
  EXPECT_EQ(to_credit(stream->sent()[2]).count, 4) << "the other plan's are still known";
}

// A sender that may have two on their way must not wait for half a window.
TEST(StreamReturn, GrantsWhatTheRoomIsHalfFullOf) {
  const std::atomic<bool> cut = false;
  const auto stream = std::make_shared<FakeStream>();
  StreamReturn way_back(stream, /*window=*/64, {}, cut);
  const EdgeKey key{.deployment = {1, 1}, .edge = 3};
  way_back.grant(key, 2);
  ASSERT_EQ(stream->sent().size(), 2u);
  EXPECT_EQ(to_credit(stream->sent()[1]).count, 1);
  for (int i = 0; i < 3; ++i) way_back.grant(key, 4);
  ASSERT_EQ(stream->sent().size(), 3u);
  EXPECT_EQ(to_credit(stream->sent()[2]).count, 2);
}

// Whoever looks the link up may wait for a thread that grants credits meanwhile.
TEST(StreamReturn, GrantsWhileItsLinkIsLookedUp) {
  const std::atomic<bool> cut = false;
  const auto stream = std::make_shared<FakeStream>();
  StreamReturn* self = nullptr;
  std::future<void> granted;
  const auto link_of = [&](std::uint16_t) -> std::shared_ptr<EmulatedLink> {
    granted = std::async(std::launch::async, [&] { self->grant({{1, 1}, 3}, kMuch); });
    EXPECT_EQ(granted.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    return nullptr;
  };
  StreamReturn way_back(stream, /*window=*/1, link_of, cut);
  self = &way_back;
  const Deployment deployment{.id = {1, 1}};
  FlowMessage answer;
  answer.header.type = FrameType::kAnswer;
  way_back.send(&deployment, {.message = answer, .tensor = {}, .trailer = {}});
  ASSERT_EQ(stream->sent().size(), 3u) << "the window, the credit, the answer";
  EXPECT_EQ(stream->sent().back().header.type, FrameType::kAnswer);
}

}  // namespace
}  // namespace isthmus
