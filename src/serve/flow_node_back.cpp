#include <algorithm>
#include <utility>

#include "serve/flow_node.h"

// The way back: what machines behind this one send, and what cannot be delivered to them.

namespace isthmus {
namespace {

// What comes back later than this after the end of a frame's budget is of no use to anybody.
constexpr Seconds kRelayGrace{10};
// More than sources have on their way together.
constexpr std::size_t kRememberedFrames = 4096;

Payload text_payload(const std::string& text) {
  auto owner = std::make_shared<const std::string>(text);
  return {std::as_bytes(std::span(*owner)), owner};
}

}  // namespace

void FlowNode::refuse(const Deployment* deployment, const FrameHeader& header, ReturnPath& origin,
                      std::uint16_t machine, const std::string& why, const Trailer& trailer) {
  FlowMessage message{.header = {.type = FrameType::kRefusal, .key = header.key, .edge = machine},
                      .payload = text_payload(why),
                      .trailer = {}};
  origin.send(deployment, {.message = std::move(message), .tensor = {}, .trailer = trailer});
}

void FlowNode::pass_back(FlowMessage message, std::int64_t on_air) {
  const FrameKey& key = message.header.key;
  Relay relay;
  {
    const std::lock_guard lock(mutex_);
    const auto found = relays_.find({key.source, key.epoch, key.frame, key.attempt});
    if (found == relays_.end()) {
      ++counters_.late;
      return;
    }
    if (found->second.handing_on > 0) {
      found->second.parked.emplace_back(std::move(message), on_air);
      return;
    }
    // An acknowledgement is of one branch: the same machine may still have others.
    const FrameType type = message.header.type;
    if (type == FrameType::kAnswer || type == FrameType::kRefusal) found->second.over = true;
    relay = found->second;
    // Reported once.
    found->second.trailer = {};
    // It stays: a machine behind this one may hand on to several, and each branch comes to an end.
  }
  const std::int64_t bytes = message_bytes(message);
  Trailer trailer = take_trailer(message);
  trailer.append(relay.trailer);
  if (message.header.type == FrameType::kAnswer || message.header.type == FrameType::kTensor)
    trailer.bytes.push_back({message.header.edge, bytes, on_air});
  relay.origin->send(relay.deployment.get(),
                     {.message = std::move(message), .tensor = {}, .trailer = std::move(trailer)});
}

FlowNode::Relay& FlowNode::relay_locked(const FrameKey& key,
                                        const std::shared_ptr<const Deployment>& deployment,
                                        const std::shared_ptr<ReturnPath>& origin,
                                        Seconds budget_end) {
  const FrameId id{key.source, key.epoch, key.frame, key.attempt};
  const auto [entry, fresh] = relays_.try_emplace(id);
  Relay& relay = entry->second;
  if (!fresh) return relay;
  relay.deployment = deployment;
  relay.origin = origin;
  relay.expires = budget_end + kRelayGrace;
  relay_order_.push_back(id);
  if (relay_order_.size() > kRememberedFrames) {
    relays_.erase(relay_order_.front());
    relay_order_.pop_front();
  }
  return relay;
}

void FlowNode::open_relay(Job& job, std::uint8_t machine) {
  const std::lock_guard lock(mutex_);
  // What was undeployed while it ran gets no relay any more: that would keep it, with its weights.
  if (!is_deployed_locked(job.deployment)) return;
  Relay& relay = relay_locked(job.header.key, job.deployment, job.origin, job.budget_end);
  if (!std::exchange(job.handing_on, true)) ++relay.handing_on;
  if (std::ranges::find(relay.next, machine) == relay.next.end()) relay.next.push_back(machine);
}

void FlowNode::close_relay(Job& job) {
  if (!std::exchange(job.handing_on, false)) return;
  const FrameKey& key = job.header.key;
  std::vector<std::pair<FlowMessage, std::int64_t>> parked;
  {
    const std::lock_guard lock(mutex_);
    const auto found = relays_.find({key.source, key.epoch, key.frame, key.attempt});
    // Gone with its plan, or of another plan that took its place.
    if (found == relays_.end() || found->second.deployment != job.deployment) return;
    found->second.trailer.append(job.trailer);
    job.trailer = {};
    if (--found->second.handing_on == 0) parked = std::exchange(found->second.parked, {});
    forget_relays_locked();
  }
  for (auto& [message, on_air] : parked) pass_back(std::move(message), on_air);
}

void FlowNode::end_relay(const FrameKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = relays_.find({key.source, key.epoch, key.frame, key.attempt});
  if (found != relays_.end()) found->second.over = true;
}

void FlowNode::forget_relays_locked() {
  const Seconds now = clock_.now();
  if (now < relays_swept_ + Seconds{1}) return;
  relays_swept_ = now;
  std::erase_if(relays_, [&](const auto& entry) { return now > entry.second.expires; });
  std::erase_if(relay_order_, [&](const FrameId& frame) { return !relays_.contains(frame); });
}

void FlowNode::lost(const std::string& machine, const std::string& why) {
  std::vector<std::pair<FrameKey, Relay>> refused;
  {
    const std::lock_guard lock(mutex_);
    for (auto entry = relays_.begin(); entry != relays_.end();) {
      Relay& relay = entry->second;
      const auto is_machine = [&](std::uint8_t next) {
        return relay.deployment->machines[next] == machine;
      };
      const auto hit = std::ranges::find_if(relay.next, is_machine);
      if (hit == relay.next.end() || relay.over) {
        ++entry;
        continue;
      }
      const auto& [source, epoch, frame, attempt] = entry->first;
      const auto races = [](const DeployedPart& part) {
        return part.placement == Placement::kRace;
      };
      const bool others_race =
          relay.next.size() > 1 && std::ranges::any_of(relay.deployment->parts, races);
      const std::uint8_t index = *hit;
      relay.next.erase(hit);
      if (others_race) {
        ++entry;
        continue;
      }
      refused.emplace_back(FrameKey{source, frame, attempt, epoch}, relay);
      refused.back().second.next = {index};
      relay.next.clear();
      relay.trailer = {};
      ++entry;
    }
  }
  const std::string reason = machine + " " + why;
  for (auto& [key, relay] : refused) {
    ++counters_.refusals;
    refuse(relay.deployment.get(), {.key = key}, *relay.origin, relay.next[0], reason,
           relay.trailer);
  }
}

}  // namespace isthmus
