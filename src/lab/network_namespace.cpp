#include "lab/network_namespace.h"

#include <fmt/format.h>
#include <unistd.h>

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
constexpr const char* kDeviceAddress = "10.213.77.1";
constexpr const char* kServerAddress = "10.213.77.2";
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
  const int code = child.wait(kCommandPatience);
  return {code, read_file(folder.path() / "out"), read_file(folder.path() / "err")};
}

std::string run_command(const std::vector<std::string>& command) {
  CommandResult result = try_command(command);
  if (result.code != 0)
    throw Error(ErrorKind::kUnsupported,
                fmt::format("cannot {}: {}", fmt::join(command, " "), result.err));
  return result.out;
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

NamespacePair::NamespacePair() : prefix_(fmt::format("isthmus{}", getpid())) {
  const NamespaceSupport support = namespace_support();
  if (!support.available)
    throw Error(ErrorKind::kUnsupported, support.why_not + "; use mode: process");
  for (const char* machine : {"device", "server"})
    run_command({"ip", "netns", "add", name_of(machine)});
  run_command({"ip", "link", "add", kInterface, "netns", name_of("device"), "type", "veth", "peer",
               "name", kInterface, "netns", name_of("server")});
  for (const char* machine : {"device", "server"}) {
    const std::string netns = name_of(machine);
    run_command({"ip", "-n", netns, "addr", "add", address(machine) + "/24", "dev", kInterface});
    run_command({"ip", "-n", netns, "link", "set", kInterface, "up"});
    run_command({"ip", "-n", netns, "link", "set", "lo", "up"});
  }
}

NamespacePair::~NamespacePair() {
  for (const char* machine : {"device", "server"}) try {
      try_command({"ip", "netns", "del", name_of(machine)});
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
      // Interrupted or out of disk: the namespace stays behind, and nothing can be done about it
      // here.
    }
}

std::string NamespacePair::name_of(const std::string& machine) const { return prefix_ + machine; }

std::string NamespacePair::address(const std::string& machine) const {
  return machine == "device" ? kDeviceAddress : kServerAddress;
}

std::vector<std::string> NamespacePair::inside(const std::string& machine,
                                               std::vector<std::string> command) const {
  const std::vector<std::string> prefix{"ip", "netns", "exec", name_of(machine)};
  command.insert(command.begin(), prefix.begin(), prefix.end());
  return command;
}

void NamespacePair::take_rate(ClusterLink& link) {
  if (link.up.trace || link.down.trace)
    throw Error(
        ErrorKind::kUnsupported,
        "link " + link.up.name + " plays a recorded trace, which tc tbf cannot; use mode: process");
  shape("device", link.up.bandwidth);
  shape("server", link.down.bandwidth);
  link.up.bandwidth = link.down.bandwidth = std::numeric_limits<double>::infinity();
}

void NamespacePair::shape(const std::string& machine, double bits_per_second) {
  try_command(
      {"ip", "netns", "exec", name_of(machine), "tc", "qdisc", "del", "dev", kInterface, "root"});
  if (!std::isfinite(bits_per_second)) return;
  run_command({"ip", "netns", "exec", name_of(machine), "tc", "qdisc", "add", "dev", kInterface,
               "root", "tbf", "rate",
               fmt::format("{}bit", static_cast<std::int64_t>(bits_per_second)), "burst",
               std::to_string(kBurstBytes), "latency", kQueueTime});
}

std::int64_t NamespacePair::sent_bytes(const std::string& machine) const {
  const std::string out =
      run_command({"ip", "-n", name_of(machine), "-s", "-j", "link", "show", "dev", kInterface});
  return parse_document(out, "ip -s link")[0]["stats64"]["tx"]["bytes"].get<std::int64_t>();
}

}  // namespace isthmus
