#include "net/emulated_interface.h"

#include <utility>

namespace isthmus {

EmulatedInterface::EmulatedInterface(LinkProfile profile, Clock& clock, std::uint64_t seed)
    : clock_(clock), outgoing_(std::move(profile), clock, seed) {
  if (outgoing_.shaped()) held_back_ = std::make_unique<DeliveryQueue>(clock);
}

void EmulatedInterface::receive(std::int64_t message_bytes, std::function<void()> deliver) {
  if (outgoing_.shaped()) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    const Seconds now = clock_.now();
    const Seconds complete = incoming_.receive(now, time_on_air(profile(), message_bytes));
    // Another thread takes a while to wake.
    if (complete > now || !held_back_->idle()) {
      held_back_->post(complete, std::move(deliver));
      return;
    }
  }
  deliver();
}

void EmulatedInterface::close() {
  std::unique_ptr<DeliveryQueue> ending;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  ending = std::move(held_back_);
}

std::shared_ptr<EmulatedLink> outgoing_link(const std::shared_ptr<EmulatedInterface>& interface) {
  return {interface, &interface->outgoing()};
}

}  // namespace isthmus
