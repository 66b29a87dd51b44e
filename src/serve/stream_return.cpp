#include "serve/stream_return.h"

#include <algorithm>
#include <utility>

namespace isthmus {

StreamReturn::StreamReturn(std::shared_ptr<FlowStream> stream, int window, LinkOf link_of,
                           const std::atomic<bool>& cut)
    : stream_(std::move(stream)),
      window_(std::max(1, window)),
      link_of_(std::move(link_of)),
      cut_(cut) {
  grant_now(window_);
}

void StreamReturn::grant_now(int credits) {
  stream_->send({.header = {.type = FrameType::kCredit,
                            .key = {},
                            .edge = static_cast<std::uint16_t>(credits)},
                 .payload = {},
                 .trailer = {}});
}

// Credits travel on what goes back anyway. Only where much is owed and nothing goes back do they go
// by themselves. They take no time on the emulated air, where a large answer would hold them up.
void StreamReturn::grant() {
  int credits = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool emulated = link_ && link_->shaped();
    if (++owed_ < (emulated ? 1 : std::max(1, window_ / 2))) return;
    credits = std::exchange(owed_, 0);
  }
  grant_now(credits);
}

void StreamReturn::send(const Deployment* deployment, Parcel parcel) {
  if (cut_) return;
  FlowMessage message = std::move(parcel.message);
  const Trailer& trailer = parcel.trailer;
  if (!trailer.spans.empty() || !trailer.bytes.empty() || !trailer.missing.empty())
    put_trailer(message, trailer);
  const std::lock_guard lock(mutex_);
  const int credits = std::min(owed_, kMaxFlagCredits);
  owed_ -= credits;
  message.header.flags = static_cast<std::uint8_t>(
      (message.header.flags & ((1 << kFlagCreditShift) - 1)) | credits << kFlagCreditShift);
  if (!link_ && deployment != nullptr) link_ = link_of_(deployment->id.source);
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
