#include "net/emulated_link.h"

#include <utility>

namespace isthmus {

EmulatedLink::EmulatedLink(LinkProfile profile, Clock& clock, std::uint64_t seed)
    : clock_(clock), shaped_(is_shaped(profile)), timeline_(std::move(profile), seed) {
  if (shaped_) thread_ = std::thread([this] { deliver_in_time(); });
}

EmulatedLink::~EmulatedLink() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    on_the_way_.clear();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
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
      on_the_way_.push_back({passage.arrives, std::move(deliver)});
      changed_.notify_one();
      return passage;
    }
  }
  if (!cut_) deliver();
  return passage;
}

LinkTimeline::Passage EmulatedLink::send_and_wait(std::int64_t message_bytes,
                                                  std::function<void()> deliver) {
  const auto passage = send(message_bytes, std::move(deliver));
  clock_.sleep_until(passage.left);
  return passage;
}

void EmulatedLink::cut(bool cut) { cut_ = cut; }

LinkCount EmulatedLink::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void EmulatedLink::deliver_in_time() {
  // A wait in pieces, so that the end of the link is not held up by a message with hours to go.
  constexpr Seconds kPiece{0.05};
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !on_the_way_.empty(); });
    if (ending_) return;
    const Seconds arrives = on_the_way_.front().arrives;
    const Seconds now = clock_.now();
    if (now < arrives) {
      lock.unlock();
      clock_.sleep_until(std::min(arrives, now + kPiece));
      lock.lock();
      continue;
    }
    Message message = std::move(on_the_way_.front());
    on_the_way_.pop_front();
    lock.unlock();
    if (!cut_) message.deliver();
    message = {};
    lock.lock();
  }
}

}  // namespace isthmus
