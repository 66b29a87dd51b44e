#include "lab/board_machines.h"

#include "core/error.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/json.h"
#include "core/text.h"

namespace isthmus {
namespace {

constexpr Seconds kStartPatience{10};
constexpr Seconds kPollInterval{0.01};
// For all frames of a run.
constexpr Seconds kRunPatience{900};
constexpr std::string_view kListening = "listening on ";

// The address in "listening on HOST:PORT"; "" while it is not there.
std::string address_in(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  const std::size_t start = text.find(kListening);
  const std::size_t end = start == std::string::npos ? start : text.find('\n', start);
  if (end == std::string::npos) return "";
  return text.substr(start + kListening.size(), end - start - kListening.size());
}

}  // namespace

std::string last_line(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return "";
  std::string last;
  for (const std::string& line : split_text(read_file(file), '\n'))
    if (!line.empty()) last = line;
  return last;
}

StartedAgent start_agent(const std::string& name, std::vector<std::string> command,
                         const std::filesystem::path& folder) {
  const auto out = folder / (name + ".out");
  const auto err = folder / (name + ".log");
  StartedAgent agent;
  agent.process = std::make_unique<ChildProcess>(
      ChildOptions{.command = std::move(command), .stdout_file = out, .stderr_file = err});
  const Seconds end = system_clock().now() + kStartPatience;
  while ((agent.address = address_in(out)).empty()) {
    check_interrupt();
    if (agent.process->poll() || system_clock().now() > end)
      throw Error(ErrorKind::kUnavailable,
                  "the lab's " + name + " did not start: " + last_line(err));
    system_clock().sleep_for(kPollInterval);
  }
  return agent;
}

BoardMachines::BoardMachines(Cluster cluster, std::filesystem::path folder)
    : cluster_(std::move(cluster)), folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  for (Machine& machine : cluster_.machines) {
    if (machine.name == cluster_.source) continue;
    StartedAgent agent = start_agent(machine.name,
                                     {sibling_program("isthmus-agent").string(), "--listen",
                                      "127.0.0.1:0", "--name", machine.name},
                                     folder_);
    machine.address = agent.address;
    agents_.push_back(std::move(agent.process));
  }
}

Trace BoardMachines::run(const BoardRun& run) {
  save_plan(run.plan, folder_ / "plan.yaml");
  write_document(folder_ / "cluster.yaml", to_json(cluster_));
  const auto trace = folder_ / "trace.json";
  ChildProcess source(
      {.command = {sibling_program("isthmus").string(), "run", (folder_ / "plan.yaml").string(),
                   "--cluster", (folder_ / "cluster.yaml").string(), "--source", run.data,
                   "--limit", std::to_string(run.frames), "--in-flight",
                   std::to_string(run.in_flight), "--deadline", "600000", "--trace", trace.string(),
                   "--json"},
       .stdout_file = folder_ / "source.json",
       .stderr_file = folder_ / "source.log"});
  if (source.wait(kRunPatience) != 0)
    throw Error(ErrorKind::kUnavailable, "the lab's source failed on " + run.plan.plan.name + ": " +
                                             last_line(folder_ / "source.log"));
  return trace_from_json(read_document(trace), trace.string());
}

}  // namespace isthmus
