#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plan/cluster.h"
#include "plan/plan.h"
#include "plan/profile.h"

namespace isthmus {

// For tests: plans without networks behind them, whose costs are written down. Codecs cost nothing
// and messages are as long as said, links have no headers, so that times are sums of round numbers.
class TinyPlans {
 public:
  TinyPlans() { cluster.source = "camera"; }

  Machine& machine(const std::string& name, double slowdown = 1) {
    cluster.machines.push_back({.name = name, .slowdown = slowdown});
    return cluster.machines.back();
  }

  // Bits per second and seconds, both ways alike.
  void link(const std::string& a, const std::string& b, double bandwidth, double latency) {
    const LinkProfile profile{.name = a + '-' + b,
                              .bandwidth = bandwidth,
                              .latency = Seconds{latency},
                              .headers = {.segment_bytes = 1 << 30, .header_bytes = 0}};
    cluster.links.push_back({a, b, profile, profile});
  }

  // All machines on one.
  void network(double bandwidth, double latency) {
    cluster.networks.push_back({.name = "lan",
                                .machines = {},
                                .link = {.name = "lan",
                                         .bandwidth = bandwidth,
                                         .latency = Seconds{latency},
                                         .headers = {.segment_bytes = 1 << 30, .header_bytes = 0},
                                         .trace = nullptr}});
  }

  // A part that runs for `seconds` on a machine of slowdown 1. Its hash is its name.
  PlacedPart& part(const std::string& name, std::vector<std::string> machines, double seconds,
                   Placement placement = Placement::kSingle) {
    plan.parts.push_back({.name = name,
                          .file = name,
                          .sha256 = name,
                          .placement = placement,
                          .machines = std::move(machines)});
    profile.parts[name] = {.median = Seconds{seconds}};
    return plan.parts.back();
  }

  // "head:x->tail:x", and the message's payload.
  PlanEdge& edge(const std::string& name, double bytes) {
    plan.edges.push_back({.edge = edge_from_name(name)});
    profile.codecs[codec_key(plan, plan.edges.back())].bytes = bytes;
    return plan.edges.back();
  }

  // camera -> (part0 on machines[0]) -> ... -> answer to camera; every message `bytes` long.
  void chain(const std::vector<std::string>& machines, const std::vector<double>& seconds,
             double bytes) {
    plan.name = plan.network = "chain";
    std::string from = "input:x";
    for (std::size_t i = 0; i < machines.size(); ++i) {
      const std::string name = "part" + std::to_string(i);
      part(name, {machines[i]}, seconds[i]);
      edge(from + "->" + name + ":x", bytes);
      from = name + ":y";
    }
    edge(from + "->answer:y", bytes);
  }

  Plan plan;
  Cluster cluster;
  Profile profile;
};

}  // namespace isthmus
