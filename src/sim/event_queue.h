#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
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

  // Of a time that is not negative. What happens at once, at the time of the last that was taken,
  // needs no sorting: it comes behind all others of that time.
  void push(double time, const Event& event) {
    const bool at_once = time == now_ && (at_once_.empty() || at_once_.back().key.time == time);
    if (at_once) return at_once_.push_back({{time + 0.0, pushed_++, 0}, event});
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
    Lane* lane = at_once_.empty() ? nullptr : &at_once_;
    if (!in_turn_.empty() && (lane == nullptr || earlier(in_turn_.front().key, lane->front().key)))
      lane = &in_turn_;
    const bool sorted =
        lane == nullptr || (!heap_.empty() && earlier(heap_.front(), lane->front().key));
    const Entry entry = sorted ? pop_heap() : pop_front(*lane);
    now_ = entry.time;
    return entry;
  }

  bool empty() const { return heap_.empty() && in_turn_.empty() && at_once_.empty(); }
  std::size_t size() const { return heap_.size() + in_turn_.size() + at_once_.size(); }

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
  // First in, first out. What was taken makes room once it is half of all.
  class Lane {
   public:
    bool empty() const { return first_ == events_.size(); }
    std::size_t size() const { return events_.size() - first_; }
    const InTurn& front() const { return events_[first_]; }
    const InTurn& back() const { return events_.back(); }
    void push_back(const InTurn& event) { events_.push_back(event); }
    void pop_front() {
      if (2 * ++first_ < events_.size()) return;
      events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }

   private:
    std::vector<InTurn> events_;
    std::size_t first_ = 0;
  };

  static Entry pop_front(Lane& lane) {
    const Entry entry{lane.front().key.time, lane.front().event};
    lane.pop_front();
    return entry;
  }

  Entry pop_heap() {
    const Key first = heap_.front();
    const Key last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(last);
    free_.push_back(first.slot);
    return {first.time, events_[first.slot]};
  }

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
  Lane in_turn_;
  // All of one time.
  Lane at_once_;
  // Of what was taken last.
  double now_ = 0;
  std::uint64_t pushed_ = 0;
};

}  // namespace isthmus
