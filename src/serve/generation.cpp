#include "serve/generation.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/log.h"
#include "plan/policy.h"
#include "serve/wire.h"

namespace isthmus {
namespace {

// Bundles by the hash of the part's file: plans of a ladder share many.
class Bundles {
 public:
  const PartBundle& of(const LoadedPlan& plan, const PlacedPart& part) {
    const std::string& onnx = *plan.parts.at(part.name);
    const auto [entry, added] = bundles_.try_emplace(part.sha256.empty() ? part.name : part.sha256);
    if (added) entry->second = bundle_part(parse_graph(onnx, part.name));
    return entry->second;
  }

 private:
  std::map<std::string, PartBundle> bundles_;
};

Blob find_blob(const PartBundle& bundle, const std::string& hash) {
  const auto found = bundle.blobs.find(hash);
  if (found == bundle.blobs.end())
    throw Error(ErrorKind::kNotFound, "no blob " + hash.substr(0, 12));
  return found->second;
}

Payload table_of(const LoadedPlan& plan, const std::string& hash) {
  const auto found = plan.tables.find(hash);
  if (found == plan.tables.end())
    throw Error(ErrorKind::kNotFound,
                "plan " + plan.plan.name + " lacks the frequency tables " + hash.substr(0, 12));
  return {std::as_bytes(std::span(*found->second)), found->second};
}

std::vector<std::string> machine_names(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const Machine& machine : cluster.machines) names.push_back(machine.name);
  return names;
}

std::map<std::string, std::shared_ptr<HeldPart>> hold_own(const LoadedPlan& plan,
                                                          const Machine& self, Bundles& bundles,
                                                          HeldParts& parts) {
  std::map<std::string, std::shared_ptr<HeldPart>> held;
  for (const PlacedPart& part : plan.plan.parts) {
    if (std::ranges::find(part.machines, self.name) == part.machines.end()) continue;
    const PartBundle& bundle = bundles.of(plan, part);
    held[part.name] = parts.hold(
        part.name, bundle.hash, [&](const std::string& hash) { return find_blob(bundle, hash); },
        self.has_hard_limit() ? self.memory : 0);
  }
  return held;
}

std::shared_ptr<const Deployment> own_deployment(const GenerationSpec& spec, const LoadedPlan& plan,
                                                 std::uint16_t epoch,
                                                 const std::vector<EdgeTensor>& edges,
                                                 Bundles& bundles, HeldParts& parts) {
  const Machine& self = spec.cluster.machine(spec.cluster.source);
  return make_deployment({.id = {spec.source, epoch},
                          .plan = plan.plan,
                          .machines = machine_names(spec.cluster),
                          .self = self.name,
                          .source = self.name,
                          .edges = edges,
                          .table = [&](const std::string& hash) { return table_of(plan, hash); },
                          .held = hold_own(plan, self, bundles, parts),
                          .as = self});
}

void add_peers(v1::DeployRequest& request, const GenerationSpec& spec,
               std::int64_t largest_message) {
  for (const Machine& machine : spec.cluster.machines) {
    if (machine.name == request.machine()) continue;
    const auto link = spec.cluster.link(request.machine(), machine.name);
    if (!link) continue;
    v1::Peer& peer = *request.add_peers();
    peer.set_machine(machine.name);
    if (machine.name != spec.cluster.source) peer.set_address(machine.address);
    LinkProfile profile = *link;
    if (!spec.shape_links)
      profile = {.name = link->name, .headers = link->headers, .trace = nullptr};
    *peer.mutable_link() = to_wire(profile);
    peer.set_largest_message(largest_message);
    const ClusterNetwork* network = spec.cluster.network(request.machine(), machine.name);
    if (network != nullptr && spec.shape_links) peer.set_network(network->name);
  }
}

void add_machines(Generation& generation, const GenerationSpec& spec, const LoadedPlan& plan,
                  std::uint16_t epoch, const std::vector<EdgeTensor>& edges,
                  std::int64_t largest_message, Bundles& bundles) {
  for (const Machine& machine : spec.cluster.machines) {
    if (machine.name == spec.cluster.source) continue;
    v1::DeployRequest request;
    Generation::ForMachine target;
    for (const PlacedPart& part : plan.plan.parts) {
      if (std::ranges::find(part.machines, machine.name) == part.machines.end()) continue;
      const PartBundle& bundle = bundles.of(plan, part);
      (*request.mutable_bundles())[part.name] = bundle.hash;
      target.blobs.insert(bundle.blobs.begin(), bundle.blobs.end());
    }
    if (request.bundles().empty()) continue;
    for (const auto& [hash, table] : plan.tables) target.blobs.emplace(hash, table_of(plan, hash));
    request.set_source(spec.source);
    request.set_epoch(epoch);
    request.set_source_instance(spec.source_instance);
    request.set_plan(to_json(plan.plan).dump());
    request.set_machine(machine.name);
    request.set_slowdown(machine.slowdown);
    request.set_weights_from_memory(machine.weights_from_memory);
    request.set_cores(static_cast<std::uint32_t>(std::max(1, machine.cores)));
    // A real machine swaps by itself.
    if (machine.is_emulated() || !machine.swaps()) {
      request.set_memory(machine.memory);
      request.set_swap_bandwidth(machine.swap_bandwidth);
    }
    request.set_seed(spec.seed);
    request.set_source_machine(spec.cluster.source);
    for (const std::string& name : machine_names(spec.cluster)) request.add_machines(name);
    for (const EdgeTensor& edge : edges) *request.add_edges() = to_wire(edge);
    add_peers(request, spec, largest_message);
    Generation::ForMachine& entry = generation.machines[machine.name];
    entry.requests.push_back(std::move(request));
    entry.blobs.merge(target.blobs);
  }
}

}  // namespace

std::shared_ptr<const Generation> make_generation(const GenerationSpec& spec, HeldParts& parts) {
  if (spec.ladder.empty()) throw Error(ErrorKind::kInvalid, "a ladder needs at least one plan");
  auto generation = std::make_shared<Generation>();
  generation->first_epoch = spec.first_epoch;
  Bundles bundles;
  std::uint16_t epoch = spec.first_epoch;
  for (const LoadedPlan& plan : spec.ladder) {
    check_plan(plan.plan, spec.cluster);
    if (!plan.plan.sink.empty() && plan.plan.sink != spec.cluster.source)
      throw Error(ErrorKind::kUnsupported, "plan " + plan.plan.name + " sends its answers to " +
                                               plan.plan.sink + ": only the source (" +
                                               spec.cluster.source + ") takes answers so far");
    const auto edges = edge_tensors(plan);
    const auto deployment = own_deployment(spec, plan, epoch, edges, bundles, parts);
    generation->largest_message =
        std::max(generation->largest_message, deployment->largest_message());
    generation->plans.push_back(plan.plan);
    generation->admission_edges.push_back(admission_edges(plan.plan, spec.cluster.source));
    generation->replica_groups.push_back(replica_groups(plan.plan));
    generation->deployments.push_back(deployment);
    add_machines(*generation, spec, plan, epoch, edges, deployment->largest_message(), bundles);
    ++epoch;
  }
  if (spec.local_fallback) {
    LoadedPlan local = spec.ladder.front();
    const auto edges = edge_tensors(local);
    local.plan = all_on(local.plan, spec.cluster.source);
    // Uncoded edges carry the network's own tensor.
    std::vector<EdgeTensor> plain = edges;
    for (std::size_t i = 0; i < plain.size(); ++i)
      if (local.plan.edges[i].edge.from_part.empty())
        plain[i] = {DType::kF32, local.plan.input.shape};
    try {
      generation->local = own_deployment(spec, local, epoch, plain, bundles, parts);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
      log_warning(std::string("no local answers: ") + error.what());
    }
  }
  return generation;
}

std::vector<std::uint16_t> wire_route(const Plan& plan,
                                      const std::map<std::string, std::string>& machine_of) {
  std::vector<std::uint16_t> route;
  for (const PlacedPart& part : plan.parts) {
    if (part.machines.size() < 2) continue;
    const auto chosen = machine_of.find(part.name);
    const auto index = chosen == machine_of.end()
                           ? part.machines.begin()
                           : std::ranges::find(part.machines, chosen->second);
    route.push_back(index == part.machines.end()
                        ? 0
                        : static_cast<std::uint16_t>(index - part.machines.begin()));
  }
  return route;
}

}  // namespace isthmus
