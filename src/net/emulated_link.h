#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "core/clock.h"
#include "core/link_profile.h"
#include "net/delivery_queue.h"

namespace isthmus {

// What went over one direction of a link.
struct LinkCount {
  std::int64_t messages = 0;
  std::int64_t message_bytes = 0;
  std::int64_t on_air_bytes = 0;
};

// Makes one direction of a fast connection behave like a radio link: a message keeps the link busy
// for its time on air and is delivered one latency after that, in order (core/link_profile.h,
// LinkTimeline). An unshaped link delivers at once, on the caller's thread. Messages that are on
// their way when the link is destroyed are not delivered any more. Thread-safe.
class EmulatedLink {
 public:
  // `clock` must outlive the link.
  EmulatedLink(LinkProfile profile, Clock& clock, std::uint64_t seed);
  // Books the message's passage and returns it without waiting; calls `deliver` when it arrives, on
  // the link's thread, unless the link is cut by then.
  LinkTimeline::Passage send(std::int64_t message_bytes, std::function<void()> deliver);
  // The same, but keeps the caller for the time on air.
  LinkTimeline::Passage send_and_wait(std::int64_t message_bytes, std::function<void()> deliver);

  // A cut link swallows what is sent, and what is on its way.
  void cut(bool cut);
  bool is_cut() const { return *cut_; }

  bool shaped() const { return shaped_; }
  const LinkProfile& profile() const { return timeline_.profile(); }
  LinkCount count() const;

 private:
  Clock& clock_;
  bool shaped_;
  // Shared with the messages on their way.
  std::shared_ptr<std::atomic<bool>> cut_ = std::make_shared<std::atomic<bool>>(false);
  mutable std::mutex mutex_;
  LinkTimeline timeline_;
  LinkCount count_;
  // Null where the link is not shaped.
  std::unique_ptr<DeliveryQueue> on_the_way_;
};

}  // namespace isthmus
