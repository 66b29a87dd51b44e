#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "core/clock.h"

namespace isthmus {

// Calls what it is given when its time has come, in the order in which it was given, on a thread of
// its own. Thread-safe.
class DeliveryQueue {
 public:
  // `clock` must outlive it.
  explicit DeliveryQueue(Clock& clock);
  // What waits is not called any more, and nothing is under way afterwards; unless what is called
  // destroys the queue itself.
  ~DeliveryQueue();
  DeliveryQueue(const DeliveryQueue&) = delete;
  DeliveryQueue& operator=(const DeliveryQueue&) = delete;

  // Times that go back wait for those before them.
  void post(Seconds at, std::function<void()> call);
  // Whether nothing waits or is being called.
  bool idle() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace isthmus
