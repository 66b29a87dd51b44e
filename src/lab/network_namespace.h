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

// Two network namespaces, "device" and "server", joined by a veth pair; removed, with what they
// hold, when this goes out of scope. A second pair at the same time gets names of its own. Throws
// Error{kUnsupported} where that cannot be had.
class NamespacePair {
 public:
  NamespacePair();
  ~NamespacePair();
  NamespacePair(const NamespacePair&) = delete;
  NamespacePair& operator=(const NamespacePair&) = delete;

  // Of "device" or "server".
  std::string address(const std::string& machine) const;
  // The command as it runs in a machine's network.
  std::vector<std::string> inside(const std::string& machine,
                                  std::vector<std::string> command) const;

  // Lets the kernel (tc tbf) keep the link's rate in both directions and takes it out of the
  // profile, which keeps latency and loss. Throws Error{kUnsupported} for a link with a recorded
  // trace.
  void take_rate(ClusterLink& link);

  // The interface's own counters: frames with Ethernet headers.
  std::int64_t sent_bytes(const std::string& machine) const;

 private:
  std::string name_of(const std::string& machine) const;
  void shape(const std::string& machine, double bits_per_second);

  std::string prefix_;
};

}  // namespace isthmus
