#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/link_profile.h"
#include "net/emulated_interface.h"
#include "net/emulated_link.h"
#include "net/flow_stream.h"
#include "net/heartbeat.h"
#include "net/security.h"
#include "serve/credit.h"
#include "serve/flow_node.h"

namespace grpc {
class Channel;
}

namespace isthmus {

struct PeerOptions {
  // What this machine and the other are called in the cluster.
  std::string self;
  std::string machine;
  // HOST:PORT.
  std::string address;
  // From here to there; and the header model of the way back, for counting.
  LinkProfile link;
  // Where both are on a network: this machine's end of it, instead of a link of their own.
  std::shared_ptr<EmulatedInterface> interface;
  HeaderModel return_headers;
  Security security;
  // The largest message that may come back.
  std::int64_t max_message_bytes = std::int64_t{4} << 20;
  Seconds death_timeout{0.3};
  // Which start of the agent was greeted; 0 if none was.
  std::uint64_t instance = 0;
  std::uint64_t seed = 1;
  // Whose parts the machine is asked to report of; 0: nobody's.
  std::uint16_t source = 0;
};

// Another machine as seen from one that sends it frames: the stream, the emulated link, the credits
// and the heartbeat. Thread-safe.
class Peer : public std::enable_shared_from_this<Peer> {
 public:
  struct Events {
    // What comes back, on a thread of the transport.
    std::function<void(FlowMessage message, std::int64_t on_air)> on_message;
    // The machine is gone: what was sent to it and not answered will not be.
    std::function<void(const std::string& why)> on_lost;
    // It answers again; `restarted`: with nothing deployed on it.
    std::function<void(bool restarted)> on_back;
    // There is room for more. May be empty.
    std::function<void()> on_credit;
    // What it says of the parts of `PeerOptions::source`, ten times a second. May be empty.
    std::function<void(const v1::HeartbeatReply& reply)> on_report;
  };

  static std::shared_ptr<Peer> connect(PeerOptions options, Events events, Clock& clock);
  ~Peer();

  // Room kept for a message: on which stream, for another knows nothing of it.
  struct Reservation {
    EdgeKey key;
    std::uint64_t stream = 0;
  };
  // Never blocks: what the peer grants no credit for, or has no room for (CreditAccount), waits
  // here. `kept` is used up.
  NextHops::Sent send(FlowMessage message, int room, std::shared_ptr<void> token,
                      const std::optional<Reservation>& kept = std::nullopt);
  // Whether a message of this edge, or of any, would leave at once. (Before the first credit has
  // arrived, one is taken.)
  bool has_credit(const EdgeKey& key, int room) const;
  bool has_credit_for_all() const;
  Reservation reserve(const EdgeKey& key, int room);
  void release(const Reservation& kept);
  bool alive() const { return alive_; }
  // Waits for the first credit; whether it came.
  bool wait_ready(Seconds limit);
  // No events after this returns, but for those already under way.
  void close();
  // For tests.
  void cut(bool cut);
  const std::string& machine() const { return options_.machine; }
  const std::string& address() const { return options_.address; }
  bool same_link(const LinkProfile& link, const EmulatedInterface* interface) const;
  std::int64_t max_message_bytes() const { return options_.max_message_bytes; }

 private:
  struct Waiting {
    FlowMessage message;
    int room = 0;
    std::shared_ptr<void> token;
  };

  Peer(PeerOptions options, Events events, Clock& clock);
  void open_locked();
  void forget_stream_locked();
  void release_locked(const Reservation& kept);
  void watch();
  void received(FlowMessage message, std::uint64_t stream);
  void take_credit(const FlowMessage& message, std::uint64_t stream);
  void closed(const std::string& why, std::uint64_t stream);
  void changed(bool alive, const std::string& why, std::uint64_t instance);
  void transmit_locked(FlowMessage message, NextHops::Sent& sent);
  void flush_locked();
  void deliver(FlowMessage message);

  PeerOptions options_;
  Events events_;
  std::shared_ptr<grpc::Channel> channel_;
  std::shared_ptr<EmulatedLink> link_;
  // Of this peer alone, also on a network.
  std::shared_ptr<std::atomic<bool>> cut_ = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> alive_ = true;
  std::atomic<bool> closed_ = false;

  mutable std::mutex mutex_;
  std::condition_variable credit_came_;
  std::shared_ptr<FlowStream> stream_;
  // Counts the streams that were opened, so that a late event of an old one is not taken for the
  // new one's.
  std::uint64_t stream_number_ = 0;
  std::uint64_t instance_;
  CreditAccount credits_;
  std::deque<Waiting> outbox_;
  std::unique_ptr<Heartbeat> heartbeat_;
};

// Closes the peer and waits until no event of it is under way, so that what its events refer to may
// die.
void close_and_wait(std::shared_ptr<Peer> peer);

}  // namespace isthmus
