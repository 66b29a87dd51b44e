#include "net/delivery_queue.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace isthmus {

// Shared with the thread, which may be the one that destroys the queue.
struct DeliveryQueue::State {
  explicit State(Clock& the_clock) : clock(the_clock) {}

  struct Entry {
    Seconds at{0};
    std::function<void()> call;
  };
  void run();

  Clock& clock;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Entry> entries;
  bool calling = false;
  bool ending = false;
};

DeliveryQueue::DeliveryQueue(Clock& clock)
    : state_(std::make_shared<State>(clock)), thread_([state = state_] { state->run(); }) {}

DeliveryQueue::~DeliveryQueue() {
  std::deque<State::Entry> dropped;
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
    dropped.swap(state_->entries);
  }
  state_->changed.notify_all();
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

void DeliveryQueue::post(Seconds at, std::function<void()> call) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->entries.push_back({at, std::move(call)});
  }
  state_->changed.notify_one();
}

bool DeliveryQueue::idle() const {
  const std::lock_guard lock(state_->mutex);
  return state_->entries.empty() && !state_->calling;
}

void DeliveryQueue::State::run() {
  // A wait in pieces, so that the end is not held up by a message with hours to go.
  constexpr Seconds kPiece{0.05};
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return ending || !entries.empty(); });
    if (ending) return;
    const Seconds at = entries.front().at;
    const Seconds now = clock.now();
    if (now < at) {
      lock.unlock();
      clock.sleep_until(std::min(at, now + kPiece));
      lock.lock();
      continue;
    }
    std::function<void()> call = std::move(entries.front().call);
    entries.pop_front();
    calling = true;
    lock.unlock();
    call();
    call = {};
    lock.lock();
    calling = false;
  }
}

}  // namespace isthmus
