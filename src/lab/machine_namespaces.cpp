#include "lab/machine_namespaces.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "lab/child_process.h"

namespace isthmus {
namespace {

constexpr Seconds kCommandPatience{10};
constexpr const char* kInterface = "isthmus0";
constexpr const char* kBridge = "bridge0";
constexpr const char* kSubnet = "10.213.77.";
constexpr std::size_t kMostMachines = 250;
// tbf: bytes that may leave at once (a segment or two), and the longest wait in its queue.
constexpr int kBurstBytes = 3200;
constexpr const char* kQueueTime = "60s";

struct CommandResult {
  int code = 0;
  std::string out;
  std::string err;
};

CommandResult try_command(const std::vector<std::string>& command) {
  const TemporaryFolder folder;
  ChildProcess child({.command = command,
                      .stdout_file = folder.path() / "out",
                      .stderr_file = folder.path() / "err"});
  // After Ctrl-C, too, namespaces are removed.
  const int code = child.wait_uninterrupted(kCommandPatience);
  return {code, read_file(folder.path() / "out"), read_file(folder.path() / "err")};
}

std::string run_command(const std::vector<std::string>& command) {
  CommandResult result = try_command(command);
  if (result.code != 0)
    throw Error(ErrorKind::kUnsupported,
                fmt::format("cannot {}: {}", fmt::join(command, " "), result.err));
  return result.out;
}

std::string port_of(std::size_t machine) { return fmt::format("port{}", machine); }

void shape(const std::string& netns, const std::string& interface, double bits_per_second) {
  try_command({"ip", "netns", "exec", netns, "tc", "qdisc", "del", "dev", interface, "root"});
  if (!std::isfinite(bits_per_second)) return;
  run_command({"ip", "netns", "exec", netns, "tc", "qdisc", "add", "dev", interface, "root", "tbf",
               "rate", fmt::format("{}bit", static_cast<std::int64_t>(bits_per_second)), "burst",
               std::to_string(kBurstBytes), "latency", kQueueTime});
}

// The profile's rate, which it then has no more.
double taken_rate(LinkProfile& profile) {
  if (profile.trace)
    throw Error(
        ErrorKind::kUnsupported,
        "link " + profile.name + " plays a recorded trace, which tc tbf cannot; use mode: process");
  return std::exchange(profile.bandwidth, std::numeric_limits<double>::infinity());
}

}  // namespace

NamespaceSupport namespace_support() {
  if (geteuid() != 0) return {false, "network namespaces need root"};
  const std::string probe = fmt::format("isthmus{}probe", getpid());
  const CommandResult made = try_command({"ip", "netns", "add", probe});
  if (made.code != 0) return {false, "ip netns does not work here: " + made.err};
  const CommandResult shaped =
      try_command({"ip", "netns", "exec", probe, "tc", "qdisc", "add", "dev", "lo", "root", "tbf",
                   "rate", "1mbit", "burst", "3200", "latency", "1s"});
  try_command({"ip", "netns", "del", probe});
  if (shaped.code != 0) return {false, "tc tbf does not work here: " + shaped.err};
  return {true, ""};
}

MachineNamespaces::MachineNamespaces(std::vector<std::string> machines)
    : machines_(std::move(machines)) {
  static std::atomic<int> made = 0;
  prefix_ = fmt::format("isthmus{}-{}-", getpid(), made++);
  const NamespaceSupport support = namespace_support();
  if (!support.available)
    throw Error(ErrorKind::kUnsupported, support.why_not + "; use mode: process");
  if (machines_.size() > kMostMachines)
    throw Error(ErrorKind::kUnsupported,
                fmt::format("{} machines in network namespaces; at most {} are possible",
                            machines_.size(), kMostMachines));
  try {
    run_command({"ip", "netns", "add", switch_name()});
    run_command({"ip", "-n", switch_name(), "link", "add", kBridge, "type", "bridge"});
    run_command({"ip", "-n", switch_name(), "link", "set", kBridge, "up"});
    for (const std::string& machine : machines_) connect(machine);
  } catch (...) {
    remove();
    throw;
  }
}

MachineNamespaces::~MachineNamespaces() { remove(); }

void MachineNamespaces::connect(const std::string& machine) {
  const std::string netns = name_of(machine);
  const std::string port = port_of(index_of(machine));
  run_command({"ip", "netns", "add", netns});
  run_command({"ip", "link", "add", kInterface, "netns", netns, "type", "veth", "peer", "name",
               port, "netns", switch_name()});
  run_command({"ip", "-n", netns, "addr", "add", address(machine) + "/24", "dev", kInterface});
  run_command({"ip", "-n", netns, "link", "set", kInterface, "up"});
  run_command({"ip", "-n", netns, "link", "set", "lo", "up"});
  run_command({"ip", "-n", switch_name(), "link", "set", port, "master", kBridge});
  run_command({"ip", "-n", switch_name(), "link", "set", port, "up"});
}

void MachineNamespaces::remove() {
  std::vector<std::string> names{switch_name()};
  for (const std::string& machine : machines_) names.push_back(name_of(machine));
  for (const std::string& name : names) try {
      try_command({"ip", "netns", "del", name});
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
      // Out of disk: the namespace stays behind, and nothing can be done about it here.
    }
}

std::size_t MachineNamespaces::index_of(const std::string& machine) const {
  const auto found = std::ranges::find(machines_, machine);
  if (found == machines_.end())
    throw Error(ErrorKind::kNotFound, "no network namespace for machine " + machine);
  return static_cast<std::size_t>(found - machines_.begin());
}

std::string MachineNamespaces::name_of(const std::string& machine) const {
  return prefix_ + machine;
}

std::string MachineNamespaces::switch_name() const { return prefix_ + "-switch"; }

std::string MachineNamespaces::address(const std::string& machine) const {
  return kSubnet + std::to_string(index_of(machine) + 1);
}

std::vector<std::string> MachineNamespaces::inside(const std::string& machine,
                                                   std::vector<std::string> command) const {
  const std::vector<std::string> prefix{"ip", "netns", "exec", name_of(machine)};
  command.insert(command.begin(), prefix.begin(), prefix.end());
  return command;
}

void MachineNamespaces::take_rates(Cluster& cluster) {
  const bool one_link = cluster.links.size() == 1 && machines_.size() == 2;
  const bool one_network = cluster.links.empty() && cluster.networks.size() == 1 &&
                           (cluster.networks[0].machines.empty() ||
                            cluster.networks[0].machines.size() == machines_.size());
  if (!one_link && !one_network)
    throw Error(ErrorKind::kUnsupported,
                "network namespaces keep the rates of one link between two machines, or of one "
                "network of all; use mode: process");
  if (one_link) {
    ClusterLink& link = cluster.links[0];
    shape(name_of(link.a), kInterface, taken_rate(link.up));
    shape(name_of(link.b), kInterface, taken_rate(link.down));
    return;
  }
  const double rate = taken_rate(cluster.networks[0].link);
  for (const std::string& machine : machines_) {
    shape(name_of(machine), kInterface, rate);
    shape(switch_name(), port_of(index_of(machine)), rate);
  }
}

std::int64_t MachineNamespaces::sent_bytes(const std::string& machine) const {
  const std::string out =
      run_command({"ip", "-n", name_of(machine), "-s", "-j", "link", "show", "dev", kInterface});
  return parse_document(out, "ip -s link")[0]["stats64"]["tx"]["bytes"].get<std::int64_t>();
}

}  // namespace isthmus
