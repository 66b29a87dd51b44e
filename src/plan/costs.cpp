#include "plan/costs.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "codec/codec.h"
#include "codec/frame.h"
#include "core/error.h"
#include "core/text.h"
#include "plan/room.h"

namespace isthmus {
namespace {

[[noreturn]] void lacks(const Plan& plan, const std::string& what) {
  throw Error(ErrorKind::kInvalid,
              "plan " + plan.name + ": the profile lacks " + what + "; run: isthmus profile");
}

double header_bytes(const Plan& plan) {
  FrameHeader header;
  for (const PlacedPart& part : plan.parts)
    if (part.machines.size() > 1) header.route.push_back(0);
  return static_cast<double>(write_header(header).size());
}

// Payload of a codec that needs no measuring; nothing if it does.
std::optional<double> known_payload(const Plan& plan, const PlanEdge& edge) {
  const CodecSpec spec = codec_spec_from_string(edge.codec.name);
  const PlanInput& input = plan.input;
  if (edge.edge.from_part.empty() && spec.kind == CodecKind::kRaw && input.width > 0)
    return 3.0 * input.width * input.height;
  if (edge.edge.from_part.empty() && spec.kind == CodecKind::kF32 && !input.shape.empty())
    return 4.0 * static_cast<double>(element_count(input.shape));
  // An index of two bytes and a score of four.
  if (edge.edge.to_part.empty() && spec.kind == CodecKind::kTop) return 6.0 * spec.count;
  return std::nullopt;
}

// What every edge of one plan needs to know of it.
class EdgeCosts {
 public:
  EdgeCosts(const Plan& plan, const std::string& source, const Profile& profile)
      : plan_(plan), profile_(profile), source_(source), header_bytes_(header_bytes(plan)) {
    for (const PlacedPart& part : plan.parts) parts_.emplace(part.name, &part);
  }

  EdgeCost of(const PlanEdge& edge) const {
    EdgeCost cost;
    const bool input = edge.edge.from_part.empty();
    const PlacedPart& part = *parts_.at(input ? edge.edge.to_part : edge.edge.from_part);
    if (input) {
      const auto normalise = profile_.codecs.find(normalise_key(part, edge));
      if (normalise != profile_.codecs.end()) cost.normalise = normalise->second.encode;
      cost.normalise_at_receiver = plan_.input.width > 0 && is_image_codec(edge.codec.name);
    }
    if (stays_on_machine(plan_, part_of(edge.edge.from_part), part_of(edge.edge.to_part), source_))
      return cost;
    const auto measured = profile_.codecs.find(codec_key(part, edge));
    if (measured != profile_.codecs.end()) {
      cost.encode = measured->second.encode;
      cost.decode = measured->second.decode;
      cost.message_bytes = measured->second.bytes;
    } else if (const auto payload = known_payload(plan_, edge)) {
      cost.message_bytes = *payload;
    } else {
      lacks(plan_, "codec " + edge.codec.name + " of edge " + edge_name(edge.edge));
    }
    cost.message_bytes += header_bytes_;
    return cost;
  }

 private:
  const PlacedPart* part_of(const std::string& name) const {
    return name.empty() ? nullptr : parts_.at(name);
  }

  const Plan& plan_;
  const Profile& profile_;
  const std::string& source_;
  const double header_bytes_;
  std::unordered_map<std::string_view, const PlacedPart*> parts_;
};

bool runs_on(const PlacedPart& part, const Machine& machine) {
  return std::ranges::find(part.machines, machine.name) != part.machines.end();
}

// Of the parts that a machine has, in the plan's order.
std::vector<PartMemory> part_memory(const Plan& plan, const PlanCosts& costs,
                                    const Machine& machine) {
  std::vector<PartMemory> parts;
  for (std::size_t i = 0; i < plan.parts.size(); ++i)
    if (runs_on(plan.parts[i], machine))
      parts.push_back({costs.parts[i].weight_bytes, costs.parts[i].peak_bytes});
  return parts;
}

}  // namespace

PlanCosts costs_of(const Plan& plan, const std::string& source, const Profile& profile) {
  PlanCosts costs;
  for (const PlacedPart& part : plan.parts) {
    const auto measured = profile.parts.find(part.sha256);
    if (measured == profile.parts.end()) lacks(plan, "part " + part.name);
    costs.parts.push_back(measured->second);
  }
  const EdgeCosts edges(plan, source, profile);
  for (const PlanEdge& edge : plan.edges) costs.edges.push_back(edges.of(edge));
  return costs;
}

std::int64_t working_set(const Plan& plan, const PlanCosts& costs, const Machine& machine) {
  return working_set(part_memory(plan, costs, machine), machine.cores);
}

PlanRooms plan_rooms(const Plan& plan, const PlanCosts& costs) {
  std::vector<double> messages;
  for (const EdgeCost& edge : costs.edges) messages.push_back(edge.message_bytes);
  return plan_rooms(plan, messages);
}

std::int64_t memory_footprint(const Plan& plan, const PlanCosts& costs, const Machine& machine,
                              const WaitingBytes& seen) {
  const auto waits = [&](const WaitingBytes& waiting) {
    const auto here = waiting.find(machine.name);
    return here == waiting.end() ? 0 : std::llround(here->second);
  };
  return working_set(plan, costs, machine) +
         std::max(waits(plan_rooms(plan, costs).waiting_bytes), waits(seen));
}

std::optional<std::string> memory_problem(const Plan& plan, const PlanCosts& costs,
                                          const Cluster& cluster, const WaitingBytes& seen) {
  for (const Machine& machine : cluster.machines) {
    const bool used = std::ranges::any_of(
        plan.parts, [&](const PlacedPart& part) { return runs_on(part, machine); });
    if (!used || !machine.has_hard_limit()) continue;
    const std::int64_t footprint = memory_footprint(plan, costs, machine, seen);
    if (footprint > machine.memory)
      return machine.name + " would need " + format_bytes(static_cast<double>(footprint)) +
             " of its " + format_bytes(static_cast<double>(machine.memory));
  }
  return std::nullopt;
}

Seconds run_time(const Plan& plan, const PlanCosts& costs, std::size_t part,
                 const Machine& machine) {
  assert(runs_on(plan.parts[part], machine));
  const Seconds time = machine.slowdown * costs.parts[part].median;
  if (!machine.swaps()) return time;
  const auto before = plan.parts.begin() + static_cast<std::ptrdiff_t>(part);
  const auto place = std::count_if(
      plan.parts.begin(), before, [&](const PlacedPart& other) { return runs_on(other, machine); });
  return time +
         swap_times(part_memory(plan, costs, machine), machine)[static_cast<std::size_t>(place)];
}

Seconds local_time(const PlanCosts& costs, const Machine& machine) {
  Seconds time{0};
  // One tensor serves all input edges.
  for (const EdgeCost& edge : costs.edges) time = std::max(time, machine.slowdown * edge.normalise);
  std::vector<PartMemory> memory;
  for (const PartProfile& part : costs.parts) {
    time += machine.slowdown * part.median;
    memory.push_back({part.weight_bytes, part.peak_bytes});
  }
  const std::vector<Seconds> swapping = swap_times(memory, machine);
  return std::accumulate(swapping.begin(), swapping.end(), time);
}

}  // namespace isthmus
