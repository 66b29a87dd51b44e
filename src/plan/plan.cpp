#include "plan/plan.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "codec/codec.h"
#include "codec/frame.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"
#include "plan/link_index.h"

namespace isthmus {
namespace {

constexpr std::string_view kArrow = "->";
constexpr const char* kInput = "input";
constexpr const char* kAnswer = "answer";

[[noreturn]] void fail(const Plan& plan, const std::string& what) {
  throw Error(ErrorKind::kInvalid, "plan " + plan.name + ": " + what);
}

// For plans of thousands of parts.
using PartIndex = std::unordered_map<std::string_view, std::size_t>;

PartIndex index_parts(const Plan& plan) {
  PartIndex index;
  for (std::size_t i = 0; i < plan.parts.size(); ++i) index.emplace(plan.parts[i].name, i);
  return index;
}

std::vector<std::string> part_names(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlacedPart& part : plan.parts) names.push_back(part.name);
  return names;
}

void check_parts(const Plan& plan) {
  if (plan.parts.empty()) fail(plan, "it has no parts");
  std::set<std::string_view> seen;
  for (const PlacedPart& part : plan.parts) {
    if (part.name.empty()) fail(plan, "a part has no name");
    if (part.name == kInput || part.name == kAnswer ||
        part.name.find_first_of(":>") != std::string::npos)
      fail(plan, "a part cannot be named " + part.name);
    if (!seen.insert(part.name).second) fail(plan, "two parts are named " + part.name);
    if (part.machines.empty()) fail(plan, "part " + part.name + " has no machine");
    if (part.placement == Placement::kSingle && part.machines.size() > 1)
      fail(plan, "part " + part.name + " is single but has several machines");
    const std::unordered_set<std::string_view> machines(part.machines.begin(), part.machines.end());
    if (machines.size() < part.machines.size())
      fail(plan, "part " + part.name + " has a machine twice");
  }
  const auto several = [](const PlacedPart& part) { return part.machines.size() > 1; };
  if (const auto count = std::ranges::count_if(plan.parts, several);
      count > static_cast<std::ptrdiff_t>(kMaxRouteEntries))
    fail(plan, std::to_string(count) + " parts have several machines; a route holds " +
                   std::to_string(kMaxRouteEntries));
}

void check_codec(const Plan& plan, const PlanEdge& edge) {
  CodecSpec spec;
  try {
    spec = codec_spec_from_string(edge.codec.name);
  } catch (const Error& error) {
    fail(plan, "edge " + edge_name(edge.edge) + ": " + error.what());
  }
  if (spec.kind == CodecKind::kU8Rans && edge.codec.table_sha256.empty())
    fail(plan, "edge " + edge_name(edge.edge) + ": u8+rans needs a table");
  if (is_image_codec(edge.codec.name) && spec.kind != CodecKind::kRaw &&
      !edge.edge.from_part.empty())
    fail(plan, "edge " + edge_name(edge.edge) + " carries no image: " + edge.codec.name);
  if (edge.codec.range && !((*edge.codec.range)[0] < (*edge.codec.range)[1]))
    fail(plan, "edge " + edge_name(edge.edge) + " has an empty range");
}

void check_edges(const Plan& plan) {
  const PartIndex parts = index_parts(plan);
  std::set<std::pair<std::string_view, std::string_view>> fed;
  std::set<std::string_view> led_to;
  bool input = false;
  bool answer = false;
  for (const PlanEdge& edge : plan.edges) {
    const Edge& ends = edge.edge;
    for (const std::string& part : {ends.from_part, ends.to_part})
      if (!part.empty() && !parts.contains(part))
        fail(plan, "edge " + edge_name(ends) + " names a part that is not there: " + part +
                       suggestion(part, part_names(plan)));
    if (ends.from_tensor.empty() || ends.to_tensor.empty())
      fail(plan, "edge " + edge_name(ends) + " names no tensor");
    if (ends.from_part.empty() && ends.to_part.empty())
      fail(plan, "edge " + edge_name(ends) + " joins the input and the answer without a part");
    if (!ends.to_part.empty() && !fed.emplace(ends.to_part, ends.to_tensor).second)
      fail(plan, "input " + ends.to_tensor + " of part " + ends.to_part + " has two edges into it");
    if (!edge.required && ends.to_part.empty())
      fail(plan, "edge " + edge_name(ends) + ": an answer cannot be optional");
    if (!(edge.wait >= Seconds{0})) fail(plan, "edge " + edge_name(ends) + " has a negative wait");
    check_codec(plan, edge);
    led_to.insert(ends.to_part);
    input |= ends.from_part.empty();
    answer |= ends.to_part.empty();
  }
  if (!input) fail(plan, "no edge comes from the input");
  if (!answer) fail(plan, "no edge leads to an answer");
  for (const PlacedPart& part : plan.parts)
    if (!led_to.contains(part.name)) fail(plan, "no edge leads to part " + part.name);
}

void check_gates(const Plan& plan) {
  for (const Gate& gate : plan.gates) {
    if (!plan.find(gate.part))
      fail(plan, "a gate names a part that is not there: " + gate.part +
                     suggestion(gate.part, part_names(plan)));
    if (gate.confidence.empty()) fail(plan, "the gate at " + gate.part + " has no confidence");
    if (!(gate.taken >= 0 && gate.taken <= 1))
      fail(plan, "the gate at " + gate.part + ": taken must be in [0, 1]");
    const auto leads_out = [&](const PlanEdge& e) {
      return e.edge.from_part == gate.part && e.edge.from_tensor == gate.exit &&
             e.edge.to_part.empty();
    };
    if (std::ranges::none_of(plan.edges, leads_out))
      fail(plan, "the gate at " + gate.part + ": its exit is no answer: " + gate.exit);
  }
}

void check_machines(const Plan& plan, const Cluster& cluster) {
  std::unordered_set<std::string_view> machines;
  for (const Machine& machine : cluster.machines) machines.insert(machine.name);
  const auto check = [&](const std::string& machine, const std::string& who) {
    if (machines.contains(machine)) return;
    try {
      cluster.machine(machine);
    } catch (const Error& error) {
      fail(plan, who + ": " + error.what());
    }
  };
  for (const PlacedPart& part : plan.parts)
    for (const std::string& machine : part.machines) check(machine, "part " + part.name);
  if (!plan.sink.empty()) check(plan.sink, "sink");
}

// Every machine of one end must reach every machine of the other. What goes to the source travels
// back along the way that the frame came (runtime.md), which needs no link of its own.
void check_links(const Plan& plan, const Cluster& cluster) {
  // A plan that stays at the source needs none.
  std::optional<LinkIndex> links;
  const PartIndex parts = index_parts(plan);
  const std::vector<std::string> source = {cluster.source};
  const std::vector<std::string> sink = {plan.sink.empty() ? cluster.source : plan.sink};
  for (const PlanEdge& edge : plan.edges) {
    const auto& [from_part, from_tensor, to_part, to_tensor] = edge.edge;
    for (const std::string& from :
         from_part.empty() ? source : plan.parts[parts.at(from_part)].machines)
      for (const std::string& to : to_part.empty() ? sink : plan.parts[parts.at(to_part)].machines)
        if (from != to && to != cluster.source) {
          if (!links) links.emplace(cluster);
          if (links->find(links->machine(from), links->machine(to))) continue;
          fail(plan, "edge " + edge_name(edge.edge) + " needs a link from " + from + " to " + to);
        }
  }
}

std::vector<std::string> end_machines(const Plan& plan, const std::string& part,
                                      const std::string& end) {
  if (part.empty()) return {end};
  return plan.find(part)->machines;
}

}  // namespace

bool is_image_codec(std::string_view name) {
  return name == "raw" || name.starts_with("jpeg:") || name.starts_with("webp:");
}

std::vector<std::string> machines_from(const Plan& plan, const PlanEdge& edge,
                                       const std::string& source) {
  return end_machines(plan, edge.edge.from_part, source);
}

std::vector<std::string> machines_to(const Plan& plan, const PlanEdge& edge,
                                     const std::string& source) {
  return end_machines(plan, edge.edge.to_part, plan.sink.empty() ? source : plan.sink);
}

const PlacedPart* Plan::find(std::string_view part) const {
  const auto found = std::ranges::find(parts, part, &PlacedPart::name);
  return found == parts.end() ? nullptr : &*found;
}

std::vector<const PlanEdge*> Plan::answers() const {
  std::vector<const PlanEdge*> list;
  for (const PlanEdge& edge : edges)
    if (edge.edge.to_part.empty()) list.push_back(&edge);
  return list;
}

std::string edge_name(const Edge& edge) {
  const auto end = [](const std::string& part, const std::string& tensor, const char* whole) {
    return (part.empty() ? whole : part) + ':' + tensor;
  };
  return end(edge.from_part, edge.from_tensor, kInput) + std::string(kArrow) +
         end(edge.to_part, edge.to_tensor, kAnswer);
}

Edge edge_from_name(const std::string& name) {
  const std::size_t arrow = name.find(kArrow);
  const std::size_t colon = name.find(':');
  const std::size_t to = arrow == std::string::npos ? arrow : name.find(':', arrow);
  if (to == std::string::npos || colon > arrow)
    throw Error(ErrorKind::kInvalid, "an edge is written PART:TENSOR->PART:TENSOR: " + name);
  const std::size_t to_part = arrow + kArrow.size();
  Edge edge{.from_part = name.substr(0, colon),
            .from_tensor = name.substr(colon + 1, arrow - colon - 1),
            .to_part = name.substr(to_part, to - to_part),
            .to_tensor = name.substr(to + 1)};
  if (edge.from_part == kInput) edge.from_part.clear();
  if (edge.to_part == kAnswer) edge.to_part.clear();
  return edge;
}

void check_plan(const Plan& plan) {
  check_parts(plan);
  check_edges(plan);
  check_gates(plan);
  execution_order(plan);
  if (!(plan.deadline > Seconds{0})) fail(plan, "the deadline must be positive");
}

void check_plan(const Plan& plan, const Cluster& cluster) {
  check_plan(plan);
  check_machines(plan, cluster);
  check_links(plan, cluster);
}

std::vector<std::size_t> execution_order(const Plan& plan) {
  const PartIndex index = index_parts(plan);
  std::vector<std::vector<std::size_t>> feeds(plan.parts.size());
  std::vector<int> missing(plan.parts.size());
  for (const PlanEdge& edge : plan.edges) {
    if (edge.edge.from_part.empty() || edge.edge.to_part.empty()) continue;
    feeds[index.at(edge.edge.from_part)].push_back(index.at(edge.edge.to_part));
    ++missing[index.at(edge.edge.to_part)];
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < missing.size(); ++i)
    if (missing[i] == 0) order.push_back(i);
  for (std::size_t next = 0; next < order.size(); ++next)
    for (const std::size_t to : feeds[order[next]])
      if (--missing[to] == 0) order.push_back(to);
  if (order.size() < plan.parts.size()) {
    const auto stuck = std::ranges::find_if(missing, [](int count) { return count > 0; });
    fail(plan, "its parts feed each other in a circle: " +
                   plan.parts[static_cast<std::size_t>(stuck - missing.begin())].name);
  }
  return order;
}

Plan all_on(const Plan& plan, const std::string& machine) {
  Plan local = plan;
  local.name = plan.name + '@' + machine;
  for (PlacedPart& part : local.parts) {
    part.placement = Placement::kSingle;
    part.machines = {machine};
  }
  for (PlanEdge& edge : local.edges) {
    edge.codec = {};
    edge.required = true;
    edge.wait = Seconds{0};
  }
  local.sink.clear();
  local.predicted.reset();
  return local;
}

LoadedPlan place(const Partition& partition, const std::map<std::string, std::string>& machine_of,
                 const std::map<std::string, PlanCodec>& codec_of_edge, PlanInput input) {
  LoadedPlan result;
  Plan& plan = result.plan;
  plan.name = plan.network = partition.name;
  plan.lossless = partition.lossless;
  plan.input = std::move(input);
  for (const Part& part : partition.parts) {
    const auto machine = machine_of.find(part.name);
    if (machine == machine_of.end()) fail(plan, "part " + part.name + " has no machine");
    auto bytes = std::make_shared<const std::string>(to_onnx(part.graph));
    plan.parts.push_back({.name = part.name,
                          .file = part.name + ".onnx",
                          .sha256 = sha256(*bytes),
                          .machines = {machine->second}});
    result.parts[part.name] = std::move(bytes);
  }
  for (const Edge& edge : partition.edges) {
    const auto codec = codec_of_edge.find(edge_name(edge));
    plan.edges.push_back(
        {.edge = edge, .codec = codec == codec_of_edge.end() ? PlanCodec{} : codec->second});
  }
  for (const auto& [name, codec] : codec_of_edge)
    if (std::ranges::none_of(plan.edges,
                             [&](const PlanEdge& e) { return edge_name(e.edge) == name; }))
      fail(plan, "there is no edge " + name + " for the codec " + codec.name);
  check_plan(plan);
  return result;
}

}  // namespace isthmus
