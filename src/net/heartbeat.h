#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/clock.h"
#include "net/security.h"

namespace isthmus::v1 {
class HeartbeatReply;
}

namespace isthmus {

struct HeartbeatOptions {
  // Who asks.
  std::string machine;
  // The agent's HOST:PORT.
  std::string address;
  Security security;
  Seconds interval{0.1};
  // Dead after so long without an answer (plan/policy.h, death_timeout).
  Seconds timeout{0.3};
  // Back in use after it has answered for so long.
  Seconds recovery{1};
  // Whose parts are asked for; 0: nobody's.
  std::uint16_t source = 0;
  // Called with every answer, on the heartbeat's thread, if given.
  std::function<void(const v1::HeartbeatReply& reply)> on_answer;
};

// Watches one machine on a connection of its own, so that a big message on a slow link is not
// mistaken for death (runtime.md, "When something dies").
class Heartbeat {
 public:
  // Alive or dead, the reason, and which start of the agent answers. Called on the heartbeat's
  // thread.
  using OnChange = std::function<void(bool alive, const std::string& why, std::uint64_t instance)>;

  // The machine counts as alive until it has missed its time. `instance` is the start of the agent
  // that is known; an answer by another counts as a death and a return.
  Heartbeat(HeartbeatOptions options, std::uint64_t instance, OnChange on_change);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  bool alive() const { return alive_; }
  // A cut link carries no heartbeats either.
  void cut(bool cut) { cut_ = cut; }

 private:
  class Pulse;
  void watch(Pulse& pulse);
  bool pause();

  HeartbeatOptions options_;
  std::uint64_t instance_;
  OnChange on_change_;
  std::atomic<bool> alive_ = true;
  std::atomic<bool> cut_ = false;
  std::mutex mutex_;
  std::condition_variable ending_changed_;
  bool ending_ = false;
  std::unique_ptr<Pulse> pulse_;
  std::thread thread_;
};

}  // namespace isthmus
