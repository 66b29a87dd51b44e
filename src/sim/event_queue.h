#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace isthmus {

// What happens when, the earliest first; what happens at the same time in the order in which it was
// put in. So equal inputs give equal runs.
template <typename Event>
class EventQueue {
 public:
  struct Entry {
    // Seconds.
    double time;
    std::uint64_t number;
    Event event;
  };

  void push(double time, const Event& event) {
    entries_.push_back({time, pushed_++, event});
    std::push_heap(entries_.begin(), entries_.end(), Later{});
  }

  // Not to be called on an empty queue.
  Entry pop() {
    std::pop_heap(entries_.begin(), entries_.end(), Later{});
    Entry entry = std::move(entries_.back());
    entries_.pop_back();
    return entry;
  }

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.time != b.time ? a.time > b.time : a.number > b.number;
    }
  };

  std::vector<Entry> entries_;
  std::uint64_t pushed_ = 0;
};

}  // namespace isthmus
