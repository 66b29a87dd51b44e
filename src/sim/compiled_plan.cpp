#include "sim/compiled_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include "plan/policy.h"
#include "plan/room.h"

namespace isthmus {
namespace {

CompiledPart compile_part(const Plan& plan, std::size_t index, const PlanCosts& costs,
                          const Cluster& cluster, const LinkIndex& index_of) {
  const PlacedPart& placed = plan.parts[index];
  CompiledPart part{.name = placed.name, .placement = placed.placement};
  for (const std::string& name : placed.machines) {
    part.machines.push_back(index_of.machine(name));
    const Machine& machine = cluster.machines[part.machines.back()];
    const Seconds alone = machine.slowdown * costs.parts[index].median;
    part.swap.push_back((run_time(plan, costs, index, machine) - alone).count());
  }
  return part;
}

CompiledCosts profiled(const PlanCosts& costs) {
  CompiledCosts result;
  for (const PartProfile& part : costs.parts) result.run.push_back(part.median.count());
  for (const EdgeCost& edge : costs.edges) {
    result.encode.push_back(edge.encode.count());
    result.decode.push_back(edge.decode.count());
    result.normalise.push_back(edge.normalise.count());
    result.message_bytes.push_back(static_cast<std::int64_t>(std::llround(edge.message_bytes)));
  }
  return result;
}

CompiledCosts measured_costs(const CompiledPlan& plan, CompiledCosts costs,
                             const MeasuredFrame& frame) {
  for (std::size_t i = 0; i < plan.parts.size(); ++i)
    if (const auto run = frame.run.find(plan.parts[i].name); run != frame.run.end())
      costs.run[i] = run->second.count();
  for (std::size_t i = 0; i < plan.edges.size(); ++i) {
    const CompiledEdge& edge = plan.edges[i];
    if (const auto time = frame.encode.find(edge.name); time != frame.encode.end())
      costs.encode[i] = time->second.count();
    if (const auto time = frame.decode.find(edge.name); time != frame.decode.end())
      costs.decode[i] = time->second.count();
    if (const auto bytes = frame.message_bytes.find(edge.name); bytes != frame.message_bytes.end())
      costs.message_bytes[i] = bytes->second;
    if (frame.normalise && edge.from_part < 0) costs.normalise[i] = frame.normalise->count();
  }
  costs.exits = frame.exits;
  costs.exits.resize(frame.exits.empty() ? 0 : plan.gates.size());
  return costs;
}

// Edges and gates, and which part has which.
void connect(CompiledPlan& compiled, const Plan& plan, const PlanCosts& costs) {
  std::map<std::string, std::uint32_t> parts;
  for (const PlacedPart& part : plan.parts)
    parts.emplace(part.name, static_cast<std::uint32_t>(parts.size()));
  const auto part_index = [&](const std::string& name) {
    return name.empty() ? -1 : static_cast<std::int32_t>(parts.at(name));
  };
  const std::vector<int> rooms = plan_rooms(plan, costs).frames;
  for (std::uint32_t i = 0; i < plan.edges.size(); ++i) {
    const PlanEdge& edge = plan.edges[i];
    compiled.edges.push_back({.from_part = part_index(edge.edge.from_part),
                              .to_part = part_index(edge.edge.to_part),
                              .required = edge.required,
                              .wait = edge.wait.count(),
                              .normalise_at_receiver = costs.edges[i].normalise_at_receiver,
                              .room = rooms[i],
                              .name = edge_name(edge.edge)});
    const CompiledEdge& made = compiled.edges.back();
    if (made.from_part < 0)
      compiled.input_edges.push_back(i);
    else
      compiled.parts[static_cast<std::size_t>(made.from_part)].out_edges.push_back(i);
    if (made.to_part < 0) continue;
    CompiledPart& taker = compiled.parts[static_cast<std::size_t>(made.to_part)];
    taker.in_edges.push_back(i);
    ++(made.required ? taker.required_inputs : taker.optional_inputs);
  }
  for (std::uint32_t i = 0; i < plan.gates.size(); ++i) {
    const Gate& gate = plan.gates[i];
    CompiledPart& part = compiled.parts[parts.at(gate.part)];
    part.gates.push_back(i);
    const auto exit = std::ranges::find_if(part.out_edges, [&](std::uint32_t e) {
      return plan.edges[e].edge.from_tensor == gate.exit && compiled.edges[e].to_part < 0;
    });
    compiled.gates.push_back({.exit_edge = *exit, .taken = gate.taken});
    compiled.edges[*exit].is_exit = true;
  }
}

void number(CompiledPlan& plan, std::uint32_t source) {
  std::unordered_map<std::uint32_t, std::uint32_t> sites;
  const auto site_of = [&](std::uint32_t machine) {
    const auto [known, fresh] =
        sites.try_emplace(machine, static_cast<std::uint32_t>(plan.machines.size()));
    if (fresh) plan.machines.push_back(machine);
    return known->second;
  };
  site_of(source);
  for (CompiledPart& part : plan.parts)
    for (const std::uint32_t machine : part.machines) part.sites.push_back(site_of(machine));
  for (CompiledEdge& edge : plan.edges) {
    edge.first_slot = plan.slots;
    plan.slots +=
        edge.to_part < 0 ? 1 : plan.parts[static_cast<std::size_t>(edge.to_part)].counters();
    plan.answers += edge.to_part < 0 && !edge.is_exit;
  }
  for (CompiledPart& part : plan.parts) {
    part.first_counter = plan.counters;
    plan.counters += part.counters();
  }
}

// The replicas of parts with one list of machines share a stand, so that a frame has no thousand of
// them: unless another part, or the source, is on one of these machines.
void number_stands(CompiledPlan& plan) {
  constexpr std::uint32_t kNone = 0xffffffff;
  constexpr std::uint32_t kSeveral = 0xfffffffe;
  std::map<std::pair<Placement, std::vector<std::uint32_t>>, std::uint32_t> lists;
  // By site: the only list that it is in.
  std::vector<std::uint32_t> list_of(plan.machines.size(), kNone);
  list_of[0] = kSeveral;
  for (const CompiledPart& part : plan.parts) {
    const auto number = static_cast<std::uint32_t>(lists.size());
    const std::uint32_t list =
        lists.try_emplace({part.placement, part.sites}, number).first->second;
    for (const std::uint32_t site : part.sites)
      list_of[site] = list_of[site] == kNone || list_of[site] == list ? list : kSeveral;
  }
  plan.stand_of.assign(plan.machines.size(), kNone);
  for (const auto& [which, list] : lists) {
    const auto& [placement, sites] = which;
    if (placement == Placement::kRace) continue;
    if (!std::ranges::all_of(sites, [&](std::uint32_t site) { return list_of[site] == list; }))
      continue;
    for (const std::uint32_t site : sites) plan.stand_of[site] = plan.stands;
    ++plan.stands;
  }
  for (std::uint32_t& stand : plan.stand_of)
    if (stand == kNone) stand = plan.stands++;
}

}  // namespace

CompiledPlan compile(const Plan& plan, const Cluster& cluster, const LinkIndex& index,
                     const Profile& profile, const std::vector<MeasuredFrame>& measured) {
  check_plan(plan, cluster);
  const PlanCosts costs = costs_of(plan, cluster.source, profile);
  const std::uint32_t source = index.machine(cluster.source);
  CompiledPlan compiled{.name = plan.name,
                        .deadline = plan.deadline.count(),
                        .sink = plan.sink.empty() ? source : index.machine(plan.sink)};
  for (std::size_t i = 0; i < plan.parts.size(); ++i)
    compiled.parts.push_back(compile_part(plan, i, costs, cluster, index));
  connect(compiled, plan, costs);
  compiled.admission_edges = admission_edges(plan, cluster.source);
  number(compiled, source);
  number_stands(compiled);
  compiled.only_at_source = compiled.sink == source;
  for (const CompiledPart& part : compiled.parts)
    compiled.only_at_source &= part.machines == std::vector{source};
  const CompiledCosts typical = profiled(costs);
  for (const MeasuredFrame& frame : measured)
    compiled.costs.push_back(measured_costs(compiled, typical, frame));
  if (compiled.costs.empty()) compiled.costs.push_back(typical);
  for (const CompiledCosts& each : compiled.costs)
    compiled.largest_message =
        std::max(compiled.largest_message, std::ranges::max(each.message_bytes));
  return compiled;
}

}  // namespace isthmus
