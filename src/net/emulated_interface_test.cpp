#include "net/emulated_interface.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace isthmus {
namespace {

// A megabyte takes a second; no headers.
LinkProfile lan() {
  return {.name = "lan",
          .bandwidth = 8e6,
          .latency = Seconds{0.01},
          .headers = {1448, 0},
          .trace = nullptr};
}

TEST(EmulatedInterface, SendsToAllOthersInTurn) {
  ManualClock clock;
  const auto interface = std::make_shared<EmulatedInterface>(lan(), clock, 1);
  interface->outgoing().cut(true);
  const auto to_one = outgoing_link(interface);
  const auto to_another = outgoing_link(interface);
  EXPECT_NEAR(to_one->send(500'000, [] {}).left.count(), 0.5, 1e-9);
  EXPECT_NEAR(to_another->send(500'000, [] {}).left.count(), 1.0, 1e-9);
}

TEST(EmulatedInterface, TakesInOneMessageAtATime) {
  ManualClock clock;
  clock.advance(Seconds{10});
  EmulatedInterface interface(lan(), clock, 1);
  std::vector<std::promise<double>> arrived(3);
  // Three machines' messages end together.
  for (auto& each : arrived)
    interface.receive(500'000, [&] { each.set_value(clock.now().count()); });
  std::vector<double> times;
  for (auto& each : arrived) times.push_back(each.get_future().get());
  EXPECT_NEAR(times[0], 10, 1e-9);
  EXPECT_GE(times[1], 10.5 - 1e-9);
  EXPECT_GE(times[2], 11 - 1e-9);
}

TEST(EmulatedInterface, UnshapedItHoldsNothingBack) {
  ManualClock clock;
  EmulatedInterface interface({}, clock, 1);
  int delivered = 0;
  for (int i = 0; i < 3; ++i) interface.receive(500'000, [&] { ++delivered; });
  EXPECT_EQ(delivered, 3);
}

TEST(EmulatedInterface, DeliversNothingOnceItIsClosed) {
  ManualClock clock;
  EmulatedInterface interface(lan(), clock, 1);
  interface.close();
  interface.receive(500'000, [] { ADD_FAILURE(); });
}

TEST(DeliveryQueue, MayBeDestroyedByWhatItDelivers) {
  ManualClock clock;
  auto queue = std::make_shared<DeliveryQueue>(clock);
  std::promise<void> done;
  std::weak_ptr<DeliveryQueue> weak = queue;
  DeliveryQueue& still = *queue;
  still.post(Seconds{1}, [owner = std::move(queue), &done]() mutable {
    owner.reset();
    done.set_value();
  });
  done.get_future().get();
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace isthmus
