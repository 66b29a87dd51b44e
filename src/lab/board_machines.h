#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/trace.h"
#include "lab/child_process.h"
#include "plan/cluster.h"
#include "plan/plan.h"

namespace isthmus {

struct BoardRun {
  LoadedPlan plan;
  // Images of this data set.
  std::string data;
  int frames = 20;
  int in_flight = 1;
};

// A cluster of boards as processes on this machine: an agent for each, which lives as long as this,
// and `isthmus run` for the source, once for each BoardRun.
class BoardMachines {
 public:
  // Starts the agents; their output goes to `folder`. Slowdowns must be filled. Throws
  // Error{kUnavailable} if one does not come up.
  BoardMachines(Cluster cluster, std::filesystem::path folder);

  // Throws Error{kUnavailable} with the last line that the source said.
  Trace run(const BoardRun& run);

 private:
  Cluster cluster_;
  std::filesystem::path folder_;
  std::vector<std::unique_ptr<ChildProcess>> agents_;
};

// Starts an agent on a free port of `host` with further arguments, and waits until it listens; its
// output goes to FOLDER/NAME.out and NAME.log. Gives its address.
struct StartedAgent {
  std::unique_ptr<ChildProcess> process;
  std::string address;
};
StartedAgent start_agent(const std::string& name, std::vector<std::string> command,
                         const std::filesystem::path& folder);
// The last line of a file that is not empty; "" if there is none.
std::string last_line(const std::filesystem::path& file);

}  // namespace isthmus
