#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "core/clock.h"
#include "core/link_profile.h"
#include "net/delivery_queue.h"
#include "net/emulated_link.h"

namespace isthmus {

// This machine's end of a network (plan/cluster.h, ClusterNetwork): all that it sends to any others
// there takes turns, and so does all that it receives. Each message is held back twice: by its
// sender until its last bit is here, and here until the interface has taken it in
// (core/link_profile.h, ReceiverTimeline). Thread-safe.
class EmulatedInterface {
 public:
  // `clock` must outlive it.
  EmulatedInterface(LinkProfile profile, Clock& clock, std::uint64_t seed);

  // To whichever machine.
  EmulatedLink& outgoing() { return outgoing_; }
  // For a message that has just come: calls `deliver` when it is complete, at once where nothing
  // came before it. Those of one caller are delivered in order.
  void receive(std::int64_t message_bytes, std::function<void()> deliver);

  // Nothing is delivered any more, and nothing is being delivered afterwards.
  void close();

  const LinkProfile& profile() const { return outgoing_.profile(); }

 private:
  Clock& clock_;
  EmulatedLink outgoing_;
  std::mutex mutex_;
  ReceiverTimeline incoming_;
  // Null where the network is not shaped.
  std::unique_ptr<DeliveryQueue> held_back_;
  bool closed_ = false;
};

// The sending side as a link, which keeps the interface alive.
std::shared_ptr<EmulatedLink> outgoing_link(const std::shared_ptr<EmulatedInterface>& interface);

}  // namespace isthmus
