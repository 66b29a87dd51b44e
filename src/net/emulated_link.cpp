#include "net/emulated_link.h"

#include <utility>

namespace isthmus {

EmulatedLink::EmulatedLink(LinkProfile profile, Clock& clock, std::uint64_t seed)
    : clock_(clock), shaped_(is_shaped(profile)), timeline_(std::move(profile), seed) {
  if (shaped_) on_the_way_ = std::make_unique<DeliveryQueue>(clock);
}

LinkTimeline::Passage EmulatedLink::send(std::int64_t message_bytes,
                                         std::function<void()> deliver) {
  LinkTimeline::Passage passage;
  {
    const std::lock_guard lock(mutex_);
    passage = timeline_.send(clock_.now(), message_bytes);
    ++count_.messages;
    count_.message_bytes += message_bytes;
    count_.on_air_bytes += passage.on_air;
    if (shaped_) {
      on_the_way_->post(passage.arrives, [cut = cut_, deliver = std::move(deliver)] {
        if (!*cut) deliver();
      });
      return passage;
    }
  }
  if (!*cut_) deliver();
  return passage;
}

LinkTimeline::Passage EmulatedLink::send_and_wait(std::int64_t message_bytes,
                                                  std::function<void()> deliver) {
  const auto passage = send(message_bytes, std::move(deliver));
  clock_.sleep_until(passage.left);
  return passage;
}

void EmulatedLink::cut(bool cut) { *cut_ = cut; }

LinkCount EmulatedLink::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace isthmus
