#include "serve/stream_return.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace isthmus {

StreamReturn::StreamReturn(std::shared_ptr<FlowStream> stream, int window, LinkOf link_of,
                           const std::atomic<bool>& cut)
    : stream_(std::move(stream)),
      window_(std::max(1, window)),
      link_of_(std::move(link_of)),
      cut_(cut) {
  stream_->send(to_message({.key = {}, .count = window_}));
}

// Several together, while the sender has others. On the emulated air they take no time, and go one
// by one, as in the simulator.
void StreamReturn::grant(const EdgeKey& key, int room) {
  Credit credit{.key = key};
  {
    const std::lock_guard lock(mutex_);
    const bool emulated = link_ && link_->shaped();
    const auto owed = owed_.try_emplace(key, 0).first;
    if (++owed->second < (emulated ? 1 : std::max(1, std::min(window_, room) / 2))) return;
    credit.count = owed->second;
    owed_.erase(owed);
  }
  stream_->send(to_message(credit));
}

void StreamReturn::settle(DeploymentId id) {
  std::vector<Credit> credits;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(owed_, [&](const auto& owed) {
      if (owed.first.deployment != id) return false;
      credits.push_back({.key = owed.first, .count = owed.second});
      return true;
    });
  }
  for (const Credit& credit : credits) stream_->send(to_message(credit));
}

// Looked up without the lock: the lookup takes locks under which credits are granted here.
void StreamReturn::find_link(std::uint16_t source) {
  {
    const std::lock_guard lock(mutex_);
    if (link_) return;
  }
  auto link = link_of_(source);
  const std::lock_guard lock(mutex_);
  if (!link_) link_ = std::move(link);
}

void StreamReturn::send(const Deployment* deployment, Parcel parcel) {
  if (cut_) return;
  FlowMessage message = std::move(parcel.message);
  const Trailer& trailer = parcel.trailer;
  if (!trailer.spans.empty() || !trailer.bytes.empty() || !trailer.missing.empty())
    put_trailer(message, trailer);
  if (deployment != nullptr) find_link(deployment->id.source);
  const std::lock_guard lock(mutex_);
  const std::int64_t bytes = message_bytes(message);
  sent_bytes_ += bytes;
  if (!link_ || !link_->shaped()) {
    stream_->send(message);
    return;
  }
  const auto shared = std::make_shared<FlowMessage>(std::move(message));
  link_->send(bytes, [stream = stream_, shared, &cut = cut_] {
    if (!cut) stream->send(*shared);
  });
}

}  // namespace isthmus
