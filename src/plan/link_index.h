#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "plan/cluster.h"

namespace isthmus {

// Which machines reach each other and how, for clusters of thousands of machines and for callers
// that count them: machines are indices into the cluster's list. The cluster must outlive it.
class LinkIndex {
 public:
  // What names a machine that is not there is left out.
  explicit LinkIndex(const Cluster& cluster);

  struct Way {
    const LinkProfile* profile = nullptr;
    // Index of the network; none for a link of their own.
    std::optional<std::uint32_t> network;
  };
  // As Cluster::link, but nothing from a machine to itself.
  std::optional<Way> find(std::uint32_t from, std::uint32_t to) const;

  // Throws std::out_of_range for a machine that is not there.
  std::uint32_t machine(const std::string& name) const { return machines_.at(name); }

 private:
  const Cluster& cluster_;
  std::unordered_map<std::string, std::uint32_t> machines_;
  // (from, to) -> that direction.
  std::unordered_map<std::uint64_t, const LinkProfile*> links_;
  // By machine: its networks, in the cluster's order.
  std::vector<std::vector<std::uint32_t>> networks_;
};

}  // namespace isthmus
