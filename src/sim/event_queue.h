#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <deque>
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
    Event event;
  };

  // Of a time that is not negative.
  void push(double time, const Event& event) {
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(events_.size());
      events_.push_back(event);
    } else {
      slot = free_.back();
      free_.pop_back();
      events_[slot] = event;
    }
    // The sum is 0 for -0.
    rise({time + 0.0, pushed_++, slot});
  }

  // The same as `push`, in constant time where it is no earlier than what was last put in by this
  // function: for events far ahead that come in the order of their times, of which the others would
  // otherwise have to be sorted among very many.
  void push_in_turn(double time, const Event& event) {
    if (!in_turn_.empty() && time < in_turn_.back().key.time) return push(time, event);
    in_turn_.push_back({{time + 0.0, pushed_++, 0}, event});
  }

  // Not to be called on an empty queue.
  Entry pop() {
    if (heap_.empty() || (!in_turn_.empty() && earlier(in_turn_.front().key, heap_.front()))) {
      const Entry entry{in_turn_.front().key.time, in_turn_.front().event};
      in_turn_.pop_front();
      return entry;
    }
    const Key first = heap_.front();
    const Key last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(last);
    free_.push_back(first.slot);
    return {first.time, events_[first.slot]};
  }

  bool empty() const { return heap_.empty() && in_turn_.empty(); }
  std::size_t size() const { return heap_.size() + in_turn_.size(); }

 private:
  struct Key {
    double time;
    std::uint64_t number;
    std::uint32_t slot;
  };
  struct InTurn {
    Key key;
    Event event;
  };
  // Four children instead of two: half the levels, and those of one node lie side by side.
  static constexpr std::size_t kChildren = 4;

  // As one number of 128 bits, which takes no branch that would be guessed wrong half of the time:
  // the bits of times that are not negative are in the order of the times.
  static bool earlier(const Key& a, const Key& b) {
    __extension__ using Wide = unsigned __int128;
    const auto wide = [](const Key& key) {
      return Wide{std::bit_cast<std::uint64_t>(key.time)} << 64 | key.number;
    };
    return wide(a) < wide(b);
  }

  // Puts a key in at the end, and moves it towards the front.
  void rise(const Key& key) {
    std::size_t at = heap_.size();
    heap_.push_back(key);
    for (; at > 0 && earlier(key, heap_[(at - 1) / kChildren]); at = (at - 1) / kChildren)
      heap_[at] = heap_[(at - 1) / kChildren];
    heap_[at] = key;
  }

  // Puts a key in at the front instead of the first, and moves it towards the end.
  void sink(const Key& key) {
    std::size_t at = 0;
    while (true) {
      const std::size_t first = kChildren * at + 1;
      if (first >= heap_.size()) break;
      const std::size_t end = std::min(first + kChildren, heap_.size());
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child)
        least = earlier(heap_[child], heap_[least]) ? child : least;
      if (!earlier(heap_[least], key)) break;
      heap_[at] = heap_[least];
      at = least;
    }
    heap_[at] = key;
  }

  // Only keys are moved about; their events stay where they are.
  std::vector<Key> heap_;
  std::vector<Event> events_;
  std::vector<std::uint32_t> free_;
  std::deque<InTurn> in_turn_;
  std::uint64_t pushed_ = 0;
};

}  // namespace isthmus
