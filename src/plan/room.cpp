#include "plan/room.h"

#include <algorithm>
#include <cstddef>
#include <unordered_map>

namespace isthmus {
namespace {

constexpr std::size_t kEnd = static_cast<std::size_t>(-1);

// What a plan's frames take on the machines of its parts.
class Waiting {
 public:
  Waiting(const Plan& plan, std::span<const double> message_bytes)
      : plan_(plan),
        bytes_(message_bytes),
        in_(plan.parts.size(), 0),
        out_(plan.parts.size(), 0),
        next_here_(plan.parts.size()),
        enters_(plan.parts.size(), false) {
    std::vector<bool> is_fed_here(plan.parts.size(), false);
    std::unordered_map<std::string_view, std::size_t> parts;
    for (const PlacedPart& part : plan.parts) parts.emplace(part.name, parts.size());
    const auto index_of = [&](const std::string& part) {
      return part.empty() ? kEnd : parts.at(part);
    };
    for (std::size_t e = 0; e < plan.edges.size(); ++e) {
      const Edge& edge = plan.edges[e].edge;
      from_.push_back(index_of(edge.from_part));
      to_.push_back(index_of(edge.to_part));
      if (from_[e] != kEnd) out_[from_[e]] += bytes_[e];
      if (to_[e] == kEnd) continue;
      in_[to_[e]] += bytes_[e];
      if (bytes_[e] > 0) {
        enters_[to_[e]] = true;
      } else if (from_[e] != kEnd) {
        next_here_[from_[e]].push_back(to_[e]);
        is_fed_here[to_[e]] = true;
      }
    }
    for (std::size_t part = 0; part < enters_.size(); ++part)
      enters_[part] = enters_[part] || !is_fed_here[part];
  }

  PlanRooms rooms() const {
    PlanRooms rooms{.frames = std::vector<int>(plan_.edges.size(), kMostRoom), .waiting_bytes = {}};
    // By part: of the edges that lead to it, and on the links behind it.
    std::vector<int> most(plan_.parts.size(), 0);
    std::vector<double> on_link(plan_.parts.size(), 0);
    std::vector<double> frame(plan_.parts.size(), 0);
    // A frame keeps its place from its coming until what the parts here make of it has left: it
    // waits as one or as the other.
    for (std::size_t part = 0; part < frame.size(); ++part)
      if (enters_[part]) frame[part] = std::max(in_[part], sum_here(out_, part));
    for (std::size_t e = 0; e < plan_.edges.size(); ++e) {
      if (bytes_[e] == 0 || to_[e] == kEnd) continue;
      const int senders = from_[e] == kEnd ? 1 : machines_of(from_[e]);
      rooms.frames[e] = frames_of_room(frame[to_[e]], senders);
      most[to_[e]] = std::max(most[to_[e]], senders * rooms.frames[e]);
      if (from_[e] == kEnd) continue;
      on_link[from_[e]] += bytes_[e] * rooms.frames[e];
    }
    for (std::size_t part = 0; part < most.size(); ++part) {
      if (!enters_[part]) continue;
      for (const std::string& machine : plan_.parts[part].machines) {
        double& bytes = rooms.waiting_bytes[machine];
        bytes = std::max(bytes, most[part] * frame[part] + sum_here(on_link, part));
      }
    }
    return rooms;
  }

 private:
  int machines_of(std::size_t part) const {
    return static_cast<int>(plan_.parts[part].machines.size());
  }

  // The part, and all that get what it makes without its leaving the machine.
  std::vector<std::size_t> here_from(std::size_t part) const {
    std::vector<bool> seen(plan_.parts.size(), false);
    std::vector<std::size_t> found{part};
    seen[part] = true;
    for (std::size_t i = 0; i < found.size(); ++i)
      for (const std::size_t next : next_here_[found[i]]) {
        if (seen[next]) continue;
        seen[next] = true;
        found.push_back(next);
      }
    return found;
  }

  double sum_here(const std::vector<double>& by_part, std::size_t part) const {
    double sum = 0;
    for (const std::size_t each : here_from(part)) sum += by_part[each];
    return sum;
  }

  const Plan& plan_;
  const std::span<const double> bytes_;
  // By edge.
  std::vector<std::size_t> from_;
  std::vector<std::size_t> to_;
  // By part: bytes that come to its machine for it, and that leave it; and what it feeds there.
  std::vector<double> in_;
  std::vector<double> out_;
  std::vector<std::vector<std::size_t>> next_here_;
  // Whether frames come to its machine with it. What others of the machine feed is counted as
  // theirs.
  std::vector<bool> enters_;
};

bool is_spread(const PlacedPart* part) {
  return part != nullptr && part->placement == Placement::kSpread;
}

}  // namespace

int frames_of_room(double bytes, int senders) {
  const int least = (kLeastRoom + senders - 1) / senders;
  const double room = static_cast<double>(kRoomBytes) / (std::max(bytes, 1.0) * senders);
  return static_cast<int>(std::clamp<double>(room, least, kMostRoom));
}

bool stays_on_machine(const Plan& plan, const PlanEdge& edge, const std::string& source) {
  return stays_on_machine(plan, plan.find(edge.edge.from_part), plan.find(edge.edge.to_part),
                          source);
}

bool stays_on_machine(const Plan& plan, const PlacedPart* from, const PlacedPart* to,
                      const std::string& source) {
  const auto machines = [](const PlacedPart* part, const std::string& end) {
    return part != nullptr ? std::span(part->machines) : std::span(&end, 1);
  };
  const auto senders = machines(from, source);
  if (!std::ranges::equal(senders, machines(to, plan.sink.empty() ? source : plan.sink)))
    return false;
  return senders.size() == 1 || (is_spread(from) && is_spread(to));
}

PlanRooms plan_rooms(const Plan& plan, std::span<const double> message_bytes) {
  return Waiting(plan, message_bytes).rooms();
}

}  // namespace isthmus
