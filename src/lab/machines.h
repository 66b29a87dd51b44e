#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/trace.h"
#include "lab/child_process.h"
#include "lab/network_namespace.h"
#include "lab/scenario.h"
#include "plan/plan.h"

namespace isthmus {

// What the device of a lab is to do.
struct LabRun {
  LoadedPlan plan;
  // Machines and the one link between them; the server's address is filled in.
  Cluster cluster;
  // Test images of this data set.
  std::string data;
  int frames = 20;
  int min_frames = 5;
  Seconds cell_time{2};
  double rate = 0;
  std::uint64_t seed = 1;
};

// The machines of a lab as processes on this one: the server an agent that lives as long as this,
// the device a program that runs once for each LabRun. In namespace mode each has a network of its
// own.
class LabMachines {
 public:
  // Starts the server; its output goes to `folder`. Throws Error{kUnavailable} if it does not come
  // up.
  LabMachines(LabMode mode, const std::filesystem::path& folder);

  // Plan, cluster file and the device's output stay in `folder`. Throws Error{kUnavailable} with
  // the last line that a failed program said.
  Trace run(const LabRun& run, const std::filesystem::path& folder);

  // Bytes that the device's interface has sent so far, link headers included; only in namespace
  // mode.
  std::int64_t device_sent_bytes() const;

 private:
  // A certificate for the server's address, which is not loopback in namespace mode.
  void make_certificate(const std::filesystem::path& folder);
  std::vector<std::string> device_command(const LabRun& run,
                                          const std::filesystem::path& folder) const;
  std::vector<std::string> on(const std::string& machine, std::vector<std::string> command) const;

  std::unique_ptr<NamespacePair> namespaces_;
  std::unique_ptr<ChildProcess> server_;
  std::string address_;
  std::filesystem::path certificate_;
  std::filesystem::path key_;
};

}  // namespace isthmus
