#include "serve/peer.h"

#include <utility>

#include "net/channel.h"

namespace isthmus {

std::shared_ptr<Peer> Peer::connect(PeerOptions options, Events events, Clock& clock) {
  std::shared_ptr<Peer> peer(new Peer(std::move(options), std::move(events), clock));
  {
    const std::lock_guard lock(peer->mutex_);
    peer->open_locked();
  }
  peer->watch();
  return peer;
}

Peer::Peer(PeerOptions options, Events events, Clock& clock)
    : options_(std::move(options)),
      events_(std::move(events)),
      channel_(open_channel(options_.address, options_.security,
                            {.max_message_bytes = options_.max_message_bytes})),
      link_(
          options_.interface ? outgoing_link(options_.interface)
                             : std::make_shared<EmulatedLink>(options_.link, clock, options_.seed)),
      instance_(options_.instance) {}

Peer::~Peer() { close(); }

void Peer::close() {
  closed_ = true;
  std::unique_ptr<Heartbeat> heartbeat;
  {
    const std::lock_guard lock(mutex_);
    heartbeat = std::move(heartbeat_);
    if (stream_) stream_->close();
    stream_.reset();
    outbox_.clear();
  }
}

void Peer::watch() {
  auto heartbeat = std::make_unique<Heartbeat>(
      HeartbeatOptions{.machine = options_.self,
                       .address = options_.address,
                       .security = options_.security,
                       .timeout = options_.death_timeout,
                       .source = options_.source,
                       .on_answer = events_.on_report},
      instance_, [this](bool alive, const std::string& why, std::uint64_t instance) {
        changed(alive, why, instance);
      });
  const std::lock_guard lock(mutex_);
  heartbeat_ = std::move(heartbeat);
}

void Peer::open_locked() {
  forget_stream_locked();
  const std::uint64_t number = stream_number_;
  const std::weak_ptr<Peer> weak = weak_from_this();
  stream_ = open_flow(channel_, options_.self, options_.security,
                      {.on_message =
                           [weak, number](FlowMessage message) {
                             if (const auto peer = weak.lock())
                               peer->received(std::move(message), number);
                           },
                       .on_closed =
                           [weak, number](const std::string& why) {
                             if (const auto peer = weak.lock()) peer->closed(why, number);
                           }});
}

// Late events of the stream, and what was kept on it, mean nothing any more.
void Peer::forget_stream_locked() {
  ++stream_number_;
  if (stream_) stream_->close();
  stream_.reset();
  credits_.reset();
  outbox_.clear();
}

NextHops::Sent Peer::send(FlowMessage message, int room, std::shared_ptr<void> token,
                          const std::optional<Reservation>& kept) {
  NextHops::Sent sent;
  const std::lock_guard lock(mutex_);
  if (!alive_ || closed_) {
    sent.failure = options_.machine + " cannot be reached";
    return sent;
  }
  if (!stream_) open_locked();
  const EdgeKey key = edge_key(message.header);
  if (kept) release_locked(*kept);
  if (!credits_.take(key, room)) {
    sent.passage.on_air = bytes_on_air(message_bytes(message), options_.link.headers);
    outbox_.push_back({std::move(message), room, std::move(token)});
    return sent;
  }
  transmit_locked(std::move(message), sent);
  return sent;
}

void Peer::transmit_locked(FlowMessage message, NextHops::Sent& sent) {
  const std::int64_t bytes = message_bytes(message);
  sent.shaped = link_->shaped();
  if (!link_->shaped()) {
    if (!*cut_) stream_->send(message);
    sent.passage = link_->send(bytes, [] {});
    return;
  }
  const auto shared = std::make_shared<FlowMessage>(std::move(message));
  sent.passage = link_->send(bytes, [stream = stream_, shared, cut = cut_] {
    if (!*cut) stream->send(*shared);
  });
}

// In their order; what has no credit lets other edges' messages pass.
void Peer::flush_locked() {
  std::erase_if(outbox_, [this](Waiting& waiting) {
    if (!credits_.take(edge_key(waiting.message.header), waiting.room)) return false;
    NextHops::Sent sent;
    transmit_locked(std::move(waiting.message), sent);
    return true;
  });
}

bool Peer::same_link(const LinkProfile& link, const EmulatedInterface* interface) const {
  return options_.interface.get() == interface && isthmus::same_link(options_.link, link);
}

bool Peer::wait_ready(Seconds limit) {
  std::unique_lock lock(mutex_);
  return credit_came_.wait_for(lock, limit, [this] { return credits_.is_open(); });
}

bool Peer::has_credit(const EdgeKey& key, int room) const {
  const std::lock_guard lock(mutex_);
  return credits_.has(key, room) && (credits_.is_open() || outbox_.empty());
}

bool Peer::has_credit_for_all() const {
  const std::lock_guard lock(mutex_);
  return credits_.has_for_all() && (credits_.is_open() || outbox_.empty());
}

Peer::Reservation Peer::reserve(const EdgeKey& key, int room) {
  const std::lock_guard lock(mutex_);
  credits_.reserve(key, room);
  return {key, stream_number_};
}

void Peer::release(const Reservation& kept) {
  const std::lock_guard lock(mutex_);
  release_locked(kept);
  if (stream_) flush_locked();
}

void Peer::release_locked(const Reservation& kept) {
  if (kept.stream == stream_number_) credits_.release(kept.key);
}

void Peer::received(FlowMessage message, std::uint64_t stream) {
  if (message.header.type == FrameType::kCredit) {
    take_credit(message, stream);
    if (events_.on_credit) events_.on_credit();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (stream != stream_number_ || closed_) return;
  }
  if (*cut_) return;
  if (!options_.interface) {
    deliver(std::move(message));
    return;
  }
  const std::int64_t bytes = message_bytes(message);
  options_.interface->receive(
      bytes, [weak = weak_from_this(), shared = std::make_shared<FlowMessage>(std::move(message))] {
        if (const auto peer = weak.lock(); peer && !peer->closed_)
          peer->deliver(std::move(*shared));
      });
}

void Peer::take_credit(const FlowMessage& message, std::uint64_t stream) {
  const Credit credit = to_credit(message);
  const std::lock_guard lock(mutex_);
  if (stream != stream_number_ || closed_) return;
  credits_.granted(credit);
  flush_locked();
  credit_came_.notify_all();
}

void Peer::deliver(FlowMessage message) {
  const std::int64_t on_air = bytes_on_air(message_bytes(message), options_.return_headers);
  events_.on_message(std::move(message), on_air);
}

void Peer::closed(const std::string& why, std::uint64_t stream) {
  {
    const std::lock_guard lock(mutex_);
    if (stream != stream_number_ || closed_) return;
    forget_stream_locked();
  }
  events_.on_lost(why.empty() ? "closed the connection" : "was cut off: " + why);
}

void Peer::changed(bool alive, const std::string& why, std::uint64_t instance) {
  bool restarted = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    alive_ = alive;
    // The old stream may still hold what was sent before; what would come of it later is of no use.
    forget_stream_locked();
    if (alive) {
      restarted = instance_ != 0 && instance != instance_;
      instance_ = instance;
      open_locked();
    }
  }
  if (alive)
    events_.on_back(restarted);
  else
    events_.on_lost(why);
}

void Peer::cut(bool cut) {
  *cut_ = cut;
  const std::lock_guard lock(mutex_);
  if (heartbeat_) heartbeat_->cut(cut);
}

void close_and_wait(std::shared_ptr<Peer> peer) {
  peer->close();
  const std::weak_ptr<Peer> weak = peer;
  peer.reset();
  while (!weak.expired()) system_clock().sleep_for(Seconds{0.0005});
}

}  // namespace isthmus
