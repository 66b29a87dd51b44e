#include "plan/link_index.h"

#include <algorithm>

namespace isthmus {
namespace {

std::uint64_t pair_key(std::uint64_t from, std::uint64_t to) { return from << 32 | to; }

}  // namespace

LinkIndex::LinkIndex(const Cluster& cluster)
    : cluster_(cluster), networks_(cluster.machines.size()) {
  for (const Machine& machine : cluster.machines)
    machines_.emplace(machine.name, static_cast<std::uint32_t>(machines_.size()));
  for (const ClusterLink& link : cluster.links) {
    const auto a = machines_.find(link.a);
    const auto b = machines_.find(link.b);
    if (a == machines_.end() || b == machines_.end()) continue;
    links_.emplace(pair_key(a->second, b->second), &link.up);
    links_.emplace(pair_key(b->second, a->second), &link.down);
  }
  for (std::uint32_t i = 0; i < cluster.networks.size(); ++i) {
    const ClusterNetwork& network = cluster.networks[i];
    if (network.machines.empty())
      for (auto& of_machine : networks_) of_machine.push_back(i);
    for (const std::string& machine : network.machines)
      if (const auto known = machines_.find(machine); known != machines_.end())
        networks_[known->second].push_back(i);
  }
}

std::optional<LinkIndex::Way> LinkIndex::find(std::uint32_t from, std::uint32_t to) const {
  if (from == to) return std::nullopt;
  if (const auto link = links_.find(pair_key(from, to)); link != links_.end())
    return Way{.profile = link->second, .network = std::nullopt};
  const auto& theirs = networks_[to];
  for (const std::uint32_t network : networks_[from])
    if (std::ranges::find(theirs, network) != theirs.end())
      return Way{.profile = &cluster_.networks[network].link, .network = network};
  return std::nullopt;
}

}  // namespace isthmus
