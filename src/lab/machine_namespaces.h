#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/cluster.h"

namespace isthmus {

// Whether this process may make network namespaces (root, `ip` and `tc` at hand); otherwise why
// not.
struct NamespaceSupport {
  bool available = false;
  std::string why_not;
};
NamespaceSupport namespace_support();

// A network namespace for each machine, all on one switch (a bridge in a namespace of its own);
// removed, with what they hold, when this goes out of scope. Several of them at a time get names of
// their own. Throws Error{kUnsupported} where that cannot be had.
class MachineNamespaces {
 public:
  // At most 250.
  explicit MachineNamespaces(std::vector<std::string> machines);
  ~MachineNamespaces();
  MachineNamespaces(const MachineNamespaces&) = delete;
  MachineNamespaces& operator=(const MachineNamespaces&) = delete;

  std::string address(const std::string& machine) const;
  // The command as it runs in a machine's network.
  std::vector<std::string> inside(const std::string& machine,
                                  std::vector<std::string> command) const;

  // Lets the kernel (tc tbf) keep the rates and takes them out of the cluster's profiles, which
  // keep latency and loss. Throws Error{kUnsupported} for a recorded trace, and for anything but
  // one link between two machines or one network of all.
  void take_rates(Cluster& cluster);

  // The interface's own counters: frames with Ethernet headers.
  std::int64_t sent_bytes(const std::string& machine) const;

 private:
  // Which one of the machines. Throws Error{kNotFound}.
  std::size_t index_of(const std::string& machine) const;
  std::string name_of(const std::string& machine) const;
  std::string switch_name() const;
  void connect(const std::string& machine);
  void remove();

  std::string prefix_;
  std::vector<std::string> machines_;
};

}  // namespace isthmus
