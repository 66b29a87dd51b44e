#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isthmus {

// What a machine of the lab may use of this one.
struct ControlLimits {
  // Bytes; 0: no limit. Who takes more is killed by the kernel: nothing is swapped out.
  std::int64_t memory = 0;
  // Cores' worth of CPU time; 0: no limit.
  double cores = 0;
};

// A control group of its own for one machine's processes; removed when this goes out of scope,
// after which none of them may be running. Both versions: one tree for each controller (v1), or one
// for all (v2).
class ControlGroup {
 public:
  // `root`: where control groups are mounted. Throws Error{kUnsupported} where groups with these
  // limits cannot be made (not root, no such controller).
  ControlGroup(const std::string& name, const ControlLimits& limits,
               const std::filesystem::path& root = "/sys/fs/cgroup");
  ~ControlGroup();
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;

  // The command as it runs in the group, with all that it starts.
  std::vector<std::string> inside(std::vector<std::string> command) const;

  // The most bytes that were in use at once, files in memory among them.
  std::int64_t peak_memory() const;
  // Processes that were killed because of the memory limit.
  std::int64_t killed() const;

 private:
  std::filesystem::path memory_;
  // The same as memory_ in v2.
  std::filesystem::path cpu_;
  bool unified_;
};

}  // namespace isthmus
