#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/trace.h"

namespace isthmus {

// One part's share of one frame, whichever the attempt.
struct MergeKey {
  std::uint16_t source = 0;
  std::uint16_t epoch = 0;
  std::uint32_t frame = 0;
  std::uint16_t part = 0;

  friend auto operator<=>(const MergeKey&, const MergeKey&) = default;
};

enum class Offer : std::uint8_t {
  kWaiting,    // Kept until the other inputs are there.
  kReady,      // Complete: `take` the inputs.
  kDuplicate,  // Of an attempt that already has, or had, this input.
  kLate,       // Of an older attempt, or for a part that ran without it.
};

// Brings the inputs of a part together by frame, the newest attempt only (runtime.md, "Flow").
// Pure: time is an argument. Not thread-safe.
//
// `Input` is what waits; one slot per input of the part.
template <typename Input>
class MergeTable {
 public:
  // What a part waits for.
  struct Need {
    std::size_t slots = 1;
    // Per slot: required, or waited for so long after the first input.
    std::vector<std::optional<Seconds>> optional_wait;
  };
  struct Ready {
    MergeKey key;
    std::uint8_t attempt = 0;
    // Empty slots are optional inputs that did not come.
    std::vector<std::optional<Input>> inputs;
  };

  // At most `remembered` finished keys are known, to tell late and duplicate arrivals.
  explicit MergeTable(std::size_t remembered = 4096) : remembered_(remembered) {}

  // `budget_end`: when the frame is given up. On kReady, `ready` is filled.
  Offer offer(const MergeKey& key, std::uint8_t attempt, std::size_t slot, Input input, Seconds now,
              Seconds budget_end, const Need& need, Ready& ready) {
    if (const auto done = done_.find(key); done != done_.end() && done->second >= attempt)
      return done->second == attempt ? Offer::kDuplicate : Offer::kLate;
    auto found = pending_.find(key);
    if (found != pending_.end() && attempt < found->second.attempt) return Offer::kLate;
    if (found != pending_.end() && attempt > found->second.attempt) {
      pending_.erase(found);
      found = pending_.end();
    }
    if (found == pending_.end())
      found = pending_.emplace(key, Pending{attempt, need, now, budget_end, {}}).first;
    Pending& pending = found->second;
    pending.inputs.resize(need.slots);
    if (pending.inputs[slot]) return Offer::kDuplicate;
    pending.inputs[slot] = std::move(input);
    if (!std::ranges::all_of(pending.inputs, [](const auto& i) { return i.has_value(); }))
      return Offer::kWaiting;
    ready = finish(found);
    return Offer::kReady;
  }

  // Parts whose optional inputs are overdue come back ready; frames whose budget is over are
  // forgotten and counted in `given_up`.
  std::vector<Ready> expire(Seconds now, std::int64_t& given_up) {
    std::vector<Ready> ready;
    for (auto entry = pending_.begin(); entry != pending_.end();) {
      auto next = std::next(entry);
      if (runs_without(entry->second, now)) {
        ready.push_back(finish(entry));
      } else if (now >= entry->second.budget_end) {
        remember(entry->first, entry->second.attempt);
        pending_.erase(entry);
        ++given_up;
      }
      entry = next;
    }
    return ready;
  }

  // When `expire` has something to do; nothing if never.
  std::optional<Seconds> next_time() const {
    std::optional<Seconds> soonest;
    for (const auto& [key, pending] : pending_) {
      Seconds time = pending.budget_end;
      if (const auto default_time = defaults_at(pending)) time = std::min(time, *default_time);
      if (!soonest || time < *soonest) soonest = time;
    }
    return soonest;
  }

  std::size_t pending() const { return pending_.size(); }

  // Forgets everything of a plan.
  void forget(std::uint16_t source, std::uint16_t epoch) {
    std::erase_if(pending_, [&](const auto& e) {
      return e.first.source == source && e.first.epoch == epoch;
    });
    std::erase_if(
        done_, [&](const auto& e) { return e.first.source == source && e.first.epoch == epoch; });
    std::erase_if(order_,
                  [&](const MergeKey& k) { return k.source == source && k.epoch == epoch; });
  }

 private:
  struct Pending {
    std::uint8_t attempt = 0;
    Need need;
    Seconds first{0};
    Seconds budget_end{0};
    std::vector<std::optional<Input>> inputs;
  };
  using Entry = typename std::map<MergeKey, Pending>::iterator;

  // When all that is missing may be replaced; nothing while a required input is missing.
  static std::optional<Seconds> defaults_at(const Pending& pending) {
    Seconds wait{0};
    for (std::size_t slot = 0; slot < pending.need.slots; ++slot) {
      if (pending.inputs[slot]) continue;
      if (!pending.need.optional_wait[slot]) return std::nullopt;
      wait = std::max(wait, *pending.need.optional_wait[slot]);
    }
    return pending.first + wait;
  }
  static bool runs_without(const Pending& pending, Seconds now) {
    const auto time = defaults_at(pending);
    return time && now >= *time;
  }

  Ready finish(Entry entry) {
    Ready ready{entry->first, entry->second.attempt, std::move(entry->second.inputs)};
    remember(entry->first, entry->second.attempt);
    pending_.erase(entry);
    return ready;
  }

  void remember(const MergeKey& key, std::uint8_t attempt) {
    const auto [entry, added] = done_.insert_or_assign(key, attempt);
    if (!added) return;
    order_.push_back(key);
    if (order_.size() > remembered_) {
      done_.erase(order_.front());
      order_.pop_front();
    }
  }

  std::size_t remembered_;
  std::map<MergeKey, Pending> pending_;
  // Attempt that ran, of the keys in `order_`.
  std::map<MergeKey, std::uint8_t> done_;
  std::deque<MergeKey> order_;
};

}  // namespace isthmus
