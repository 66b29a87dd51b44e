#include "lab/control_group.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

constexpr int kPeriodMicroseconds = 100'000;
constexpr Seconds kRemovePatience{2};
constexpr Seconds kPollInterval{0.005};

// Control files are there once the group is; they take one write.
void write_setting(const fs::path& file, const std::string& value) {
  std::ofstream stream(file);
  stream << value << std::flush;
  if (!stream)
    throw Error(ErrorKind::kUnsupported,
                fmt::format("cannot write {} to {}: memory and CPU of a machine are limited with "
                            "control groups, which need root; use mode: process",
                            value, file.string()));
}

void make_group(const fs::path& folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (error)
    throw Error(ErrorKind::kUnsupported,
                fmt::format("cannot make the control group {}: {}; use mode: process",
                            folder.string(), error.message()));
}

// What was just killed is still in the group for a moment.
void remove_group(const fs::path& folder) {
  const Seconds end = system_clock().now() + kRemovePatience;
  // A group is removed although it shows files.
  while (rmdir(folder.c_str()) != 0 && errno == EBUSY && system_clock().now() < end)
    system_clock().sleep_for(kPollInterval);
}

std::int64_t read_number(const fs::path& file) { return std::stoll(read_file(file)); }

// "oom_kill 2" in a file of such lines; 0 without it.
std::int64_t read_count(const fs::path& file, const std::string& name) {
  for (const std::string& line : split_text(read_file(file), '\n'))
    if (line.starts_with(name + ' ')) return std::stoll(line.substr(name.size() + 1));
  return 0;
}

}  // namespace

ControlGroup::ControlGroup(const std::string& name, const ControlLimits& limits,
                           const fs::path& root)
    : unified_(fs::exists(root / "cgroup.controllers")) {
  memory_ = unified_ ? root / name : root / "memory" / name;
  cpu_ = unified_ ? memory_ : root / "cpu" / name;
  const auto quota = static_cast<std::int64_t>(limits.cores * kPeriodMicroseconds);
  try {
    make_group(memory_);
    if (!unified_) make_group(cpu_);
    if (limits.memory > 0) {
      write_setting(memory_ / (unified_ ? "memory.max" : "memory.limit_in_bytes"),
                    std::to_string(limits.memory));
      // Where the kernel counts what is swapped out.
      const fs::path swap =
          memory_ / (unified_ ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
      if (fs::exists(swap)) write_setting(swap, unified_ ? "0" : std::to_string(limits.memory));
    }
    if (quota > 0 && unified_)
      write_setting(cpu_ / "cpu.max", fmt::format("{} {}", quota, kPeriodMicroseconds));
    if (quota > 0 && !unified_) {
      write_setting(cpu_ / "cpu.cfs_period_us", std::to_string(kPeriodMicroseconds));
      write_setting(cpu_ / "cpu.cfs_quota_us", std::to_string(quota));
    }
  } catch (...) {
    remove_group(memory_);
    if (!unified_) remove_group(cpu_);
    throw;
  }
}

ControlGroup::~ControlGroup() {
  remove_group(memory_);
  if (!unified_) remove_group(cpu_);
}

std::vector<std::string> ControlGroup::inside(std::vector<std::string> command) const {
  std::vector<std::string> wrapped{"sh",
                                   "-c",
                                   "echo $$ > \"$1\" && echo $$ > \"$2\" && shift 2 && exec \"$@\"",
                                   "isthmus",
                                   memory_ / "cgroup.procs",
                                   cpu_ / "cgroup.procs"};
  wrapped.insert(wrapped.end(), command.begin(), command.end());
  return wrapped;
}

std::int64_t ControlGroup::peak_memory() const {
  return read_number(memory_ / (unified_ ? "memory.peak" : "memory.max_usage_in_bytes"));
}

std::int64_t ControlGroup::killed() const {
  return read_count(memory_ / (unified_ ? "memory.events" : "memory.oom_control"), "oom_kill");
}

}  // namespace isthmus
