#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/trace.h"
#include "lab/child_process.h"
#include "lab/control_group.h"
#include "lab/machine_namespaces.h"
#include "lab/scenario.h"
#include "plan/plan.h"

namespace isthmus {

// What the source of a lab is to do.
struct LabRun {
  LoadedPlan plan;
  // The lab's machines and what lies between them; slowdowns must be filled, agents' addresses are
  // filled in.
  Cluster cluster;
  // Where frames come from (lab/frames.h), and in a clip every so many images one.
  std::string data;
  int clip_stride = 1;
  // At most so many, at least `min_frames`, as many as fit in `cell_time`.
  int frames = 20;
  int min_frames = 5;
  Seconds cell_time{2};
  // A second; 0: the next when there is room.
  double rate = 0;
  int in_flight = 1;
  // 0: the plan's.
  Seconds deadline{0};
  std::uint64_t seed = 1;
  // What the run may take beyond `cell_time`: starting, deploying, frames on slow links.
  Seconds patience{240};
};

// The machines of a lab as processes on this one: an agent for each but the source, which lives as
// long as this, and `isthmus run` for the source, once for each LabRun. In namespace mode each has
// a network of its own, and an agent no more memory and cores than its machine.
class LabMachines {
 public:
  // Starts the agents; their output goes to `folder`. Of the cluster only names, memory and cores
  // count here. Throws Error{kUnavailable} if one does not come up, and what MachineNamespaces and
  // ControlGroup throw.
  LabMachines(LabMode mode, const Cluster& cluster, const std::filesystem::path& folder);

  // Plan, cluster file and the source's output stay in `folder`. Throws Error{kUnavailable} with
  // the last line that a failed program said.
  Trace run(const LabRun& run, const std::filesystem::path& folder);

  // The most bytes that an agent has had in memory at once so far, its libraries among them.
  std::int64_t peak_memory(const std::string& machine) const;

  // Bytes that a machine's interface has sent so far, link headers included; 0 outside namespace
  // mode.
  std::int64_t sent_bytes(const std::string& machine) const;

 private:
  struct Agent {
    // Destroyed after the process.
    std::unique_ptr<ControlGroup> limits;
    std::unique_ptr<ChildProcess> process;
    std::string address;
  };

  void start(const Machine& machine, const std::filesystem::path& folder);
  // One for all machines, whose addresses are not loopback in namespace mode.
  void make_certificate(const Cluster& cluster, const std::filesystem::path& folder);
  std::vector<std::string> source_command(const LabRun& run,
                                          const std::filesystem::path& folder) const;

  std::string source_;
  std::unique_ptr<MachineNamespaces> namespaces_;
  std::filesystem::path certificate_;
  std::filesystem::path key_;
  std::map<std::string, Agent> agents_;
};

}  // namespace isthmus
