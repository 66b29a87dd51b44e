#pragma once

// Only for tests of FlowNode: what is around it.

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "serve/fixture.h"
#include "serve/flow_node.h"

namespace isthmus::testing {

// Other machines that take everything, or nothing.
class FakeHops final : public NextHops {
 public:
  Sent send(const Deployment&, std::uint8_t machine, FlowMessage message,
            std::shared_ptr<void>) override {
    const std::lock_guard lock(mutex_);
    if (!failure.empty()) return {.failure = failure, .passage = {}, .shaped = false};
    sent_.emplace_back(machine, std::move(message));
    return {.failure = {}, .passage = {.on_air = 1}, .shaped = false};
  }
  std::vector<std::pair<int, FlowMessage>> sent() const {
    const std::lock_guard lock(mutex_);
    return sent_;
  }
  std::string failure;

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<int, FlowMessage>> sent_;
};

class FakeReturn final : public ReturnPath {
 public:
  explicit FakeReturn(bool local) : local_(local) {}
  bool is_local() const override { return local_; }
  void send(const Deployment*, Parcel parcel) override {
    const std::lock_guard lock(mutex_);
    parcels_.push_back(std::move(parcel));
  }
  void grant(const EdgeKey&, int) override { ++granted; }
  std::vector<Parcel> parcels() const {
    const std::lock_guard lock(mutex_);
    return parcels_;
  }
  std::vector<Parcel> wait_for(std::size_t count) const {
    EXPECT_TRUE(eventually([&] { return parcels().size() >= count; }));
    return parcels();
  }
  std::atomic<int> granted = 0;

 private:
  bool local_;
  mutable std::mutex mutex_;
  std::vector<Parcel> parcels_;
};

// Of one number, from another machine.
inline FlowMessage number(float value, std::uint16_t edge, std::uint32_t frame,
                          std::uint8_t attempt = 0) {
  return {.header = {.type = FrameType::kTensor,
                     .key = {.source = 1, .frame = frame, .attempt = attempt, .epoch = 1},
                     .edge = edge,
                     .budget_us = 10'000'000},
          .payload = Payload(Tensor::of<float>({1, 1}, std::vector<float>{value})),
          .trailer = {}};
}

}  // namespace isthmus::testing
