#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/json_fwd.h"
#include "core/link_profile.h"

namespace isthmus {

// Mean power of a device in watts, by what it is doing. Energy of a frame = sum of time times power
// (paper 1, section IV-D: P_H + P_N).
struct PowerModel {
  double idle = 0;
  // Running a network / encoding.
  double compute = 0;
  // Sending.
  double transmit = 0;
  // Where the figures come from ("BottleFit V-B", "estimate").
  std::string source;
};

struct Machine {
  std::string name;
  // HOST:PORT of its agent; empty for the machine that the source runs on.
  std::string address;
  // A device preset's name, or "".
  std::string preset;
  // How many times slower than the machine that emulates it: 1 means not emulated. All CPU time is
  // held back.
  double slowdown = 1;
  // False where the file gives none; set_slowdowns (plan/devices.h) then fills it from the preset,
  // for the network at hand.
  bool slowdown_given = false;
  bool slowdown_is_estimate = false;
  // It is emulated as if weights came from memory at every run, and `slowdown` is against this
  // machine doing the same (Engine::evict_weights). So are boards, whose caches hold none of them.
  bool weights_from_memory = false;
  // Frames that it works on at the same time. The presets' published latencies are those of the
  // whole device, so it is 1 for them however many cores they have.
  int cores = 1;
  // Bytes for weights, activations and runtime; 0 for no limit.
  std::int64_t memory = 0;
  // Bytes per second of its swap; 0: it has none.
  double swap_bandwidth = 0;
  // The preset's where the file gives none.
  PowerModel power;

  bool is_emulated() const { return slowdown > 1; }
  // Whether it cannot take more than its memory, or takes more and pays for it.
  bool has_hard_limit() const { return memory > 0 && swap_bandwidth <= 0; }
  bool swaps() const { return memory > 0 && swap_bandwidth > 0; }
};

// `up` from `a` to `b`, `down` back.
struct ClusterLink {
  std::string a;
  std::string b;
  LinkProfile up;
  LinkProfile down;
};

// A network with a switch in the middle: each machine has one interface on it, through which all
// that it sends to the others passes one message at a time, and likewise all that it receives (full
// duplex). So a tensor for three machines takes three times on air, and so do three answers.
struct ClusterNetwork {
  std::string name;
  // Empty: all machines of the cluster.
  std::vector<std::string> machines;
  // From any machine to any other.
  LinkProfile link;

  bool has(std::string_view machine) const;
};

// What there is.
struct Cluster {
  std::vector<Machine> machines;
  // Take precedence over networks.
  std::vector<ClusterLink> links;
  // Of several that two machines are on, the first counts.
  std::vector<ClusterNetwork> networks;
  // The machine that the source runs on.
  std::string source;

  const Machine* find(std::string_view machine) const;
  // Throws Error{kNotFound} with the nearest name.
  const Machine& machine(std::string_view name) const;
  // One direction; nothing if the two are neither linked nor on one network. A machine to itself is
  // an unshaped link.
  std::optional<LinkProfile> link(std::string_view from, std::string_view to) const;
  // The network by which the two reach each other; null where they have a link of their own, or no
  // way.
  const ClusterNetwork* network(std::string_view from, std::string_view to) const;
};

// Schema isthmus.cluster/1 (docs/formats/cluster.md).
Cluster read_cluster(const std::filesystem::path& file);
Cluster cluster_from_json(const Json& document, const std::string& where,
                          const std::filesystem::path& folder);
Json to_json(const Cluster& cluster);
// Unique names, addresses (HOST:PORT) that are none or different, links and networks between known
// machines, a source, possible numbers. Throws Error{kInvalid}.
void check_cluster(const Cluster& cluster);
// That those of the machines that are to be reached from the source have an address; planning needs
// none. Throws Error{kInvalid} naming one without.
void check_addresses(const Cluster& cluster, const std::set<std::string>& machines);

}  // namespace isthmus
