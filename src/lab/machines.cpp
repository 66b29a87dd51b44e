#include "lab/machines.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "core/error.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/json.h"
#include "core/text.h"

namespace isthmus {
namespace {

constexpr Seconds kStartPatience{10};
constexpr Seconds kPollInterval{0.01};
constexpr std::string_view kListening = "listening on ";

// The last line of a file that is not empty; "" if there is none.
std::string last_line(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return "";
  std::string last;
  for (const std::string& line : split_text(read_file(file), '\n'))
    if (!line.empty()) last = line;
  return last;
}

// The address in "listening on HOST:PORT"; "" while it is not there.
std::string address_in(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  const std::size_t start = text.find(kListening);
  const std::size_t end = start == std::string::npos ? start : text.find('\n', start);
  if (end == std::string::npos) return "";
  return text.substr(start + kListening.size(), end - start - kListening.size());
}

std::vector<std::string> names_of(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const Machine& machine : cluster.machines) names.push_back(machine.name);
  return names;
}

// Of a running process.
std::int64_t peak_resident(pid_t pid) {
  constexpr std::string_view kField = "VmHWM:";
  for (const std::string& line : split_text(read_file(fmt::format("/proc/{}/status", pid)), '\n'))
    if (line.starts_with(kField)) return 1024 * std::stoll(line.substr(kField.size()));
  return 0;
}

// An agent that the kernel killed says nothing itself.
std::string why_failed(const std::string& name, const ControlGroup* limits,
                       const std::filesystem::path& log) {
  return limits != nullptr && limits->killed() > 0 ? name + " took more than its memory"
                                                   : last_line(log);
}

}  // namespace

LabMachines::LabMachines(LabMode mode, const Cluster& cluster, const std::filesystem::path& folder)
    : source_(cluster.source) {
  std::filesystem::create_directories(folder);
  if (mode == LabMode::kNamespace) {
    namespaces_ = std::make_unique<MachineNamespaces>(names_of(cluster));
    make_certificate(cluster, folder);
  }
  for (const Machine& machine : cluster.machines)
    if (machine.name != source_) start(machine, folder);
}

void LabMachines::start(const Machine& machine, const std::filesystem::path& folder) {
  const std::string host = namespaces_ ? namespaces_->address(machine.name) : "127.0.0.1";
  std::vector<std::string> command{sibling_program("isthmus-agent").string(), "--listen",
                                   host + ":0", "--name", machine.name};
  static std::atomic<int> made = 0;
  Agent agent;
  if (namespaces_) {
    command.insert(command.end(), {"--cert", certificate_.string(), "--key", key_.string()});
    // A board that swaps may take more than it has, and this machine does not swap for it.
    agent.limits = std::make_unique<ControlGroup>(
        fmt::format("isthmus{}-{}-{}", getpid(), made++, machine.name),
        ControlLimits{.memory = machine.has_hard_limit() ? machine.memory : 0,
                      .cores = static_cast<double>(machine.cores)});
    command = agent.limits->inside(namespaces_->inside(machine.name, std::move(command)));
  }
  const auto out = folder / (machine.name + ".out");
  const auto err = folder / (machine.name + ".log");
  agent.process = std::make_unique<ChildProcess>(
      ChildOptions{.command = std::move(command), .stdout_file = out, .stderr_file = err});
  const Seconds end = system_clock().now() + kStartPatience;
  while ((agent.address = address_in(out)).empty()) {
    check_interrupt();
    if (agent.process->poll() || system_clock().now() > end)
      throw Error(ErrorKind::kUnavailable, "the lab's " + machine.name + " did not start: " +
                                               why_failed(machine.name, agent.limits.get(), err));
    system_clock().sleep_for(kPollInterval);
  }
  agents_.insert_or_assign(machine.name, std::move(agent));
}

void LabMachines::make_certificate(const Cluster& cluster, const std::filesystem::path& folder) {
  certificate_ = folder / "machines.pem";
  key_ = folder / "machines.key";
  const auto log = folder / "openssl.log";
  std::string names;
  for (const Machine& machine : cluster.machines)
    names += (names.empty() ? "IP:" : ",IP:") + namespaces_->address(machine.name);
  ChildProcess openssl({.command = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
                                    "/CN=isthmus-lab", "-addext", "subjectAltName=" + names,
                                    "-keyout", key_.string(), "-out", certificate_.string()},
                        .stdout_file = {},
                        .stderr_file = log});
  if (openssl.wait(kStartPatience) != 0)
    throw Error(ErrorKind::kUnsupported,
                "openssl makes no certificate for the lab: " + last_line(log));
}

std::vector<std::string> LabMachines::source_command(const LabRun& run,
                                                     const std::filesystem::path& folder) const {
  std::vector<std::string> command{sibling_program("isthmus").string(),
                                   "run",
                                   (folder / "plan.yaml").string(),
                                   "--cluster",
                                   (folder / "cluster.yaml").string(),
                                   "--source",
                                   run.data,
                                   "--stride",
                                   std::to_string(run.clip_stride),
                                   "--limit",
                                   std::to_string(run.frames),
                                   "--at-least",
                                   std::to_string(run.min_frames),
                                   "--seconds",
                                   fmt::format("{}", run.cell_time.count()),
                                   "--rate",
                                   fmt::format("{}", run.rate),
                                   "--in-flight",
                                   std::to_string(run.in_flight),
                                   "--deadline",
                                   fmt::format("{}", 1e3 * run.deadline.count()),
                                   "--seed",
                                   std::to_string(run.seed),
                                   "--trace",
                                   (folder / "trace.json").string(),
                                   "--json"};
  if (!namespaces_) return command;
  command.insert(command.end(), {"--tls-ca", certificate_.string()});
  return namespaces_->inside(source_, std::move(command));
}

Trace LabMachines::run(const LabRun& run, const std::filesystem::path& folder) {
  Cluster cluster = run.cluster;
  for (auto& [name, agent] : agents_)
    std::ranges::find(cluster.machines, name, &Machine::name)->address = agent.address;
  if (namespaces_) namespaces_->take_rates(cluster);
  std::filesystem::create_directories(folder);
  save_plan(run.plan, folder / "plan.yaml");
  write_document(folder / "cluster.yaml", to_json(cluster));
  const auto log = folder / "source.log";
  ChildProcess source({.command = source_command(run, folder),
                       .stdout_file = folder / "source.json",
                       .stderr_file = log});
  const int code = source.wait(run.cell_time + run.patience);
  // Frames that an agent lost are answered elsewhere, so that the source may not say anything.
  for (const auto& [name, agent] : agents_)
    if (agent.limits && agent.limits->killed() > 0)
      throw Error(ErrorKind::kUnavailable,
                  why_failed(name, agent.limits.get(), folder.parent_path() / (name + ".log")));
  if (code != 0)
    throw Error(ErrorKind::kUnavailable,
                "the lab's source failed on " + run.plan.plan.name + ": " + last_line(log));
  return trace_from_json(read_document(folder / "trace.json"), (folder / "trace.json").string());
}

std::int64_t LabMachines::peak_memory(const std::string& machine) const {
  return peak_resident(agents_.at(machine).process->pid());
}

std::int64_t LabMachines::sent_bytes(const std::string& machine) const {
  return namespaces_ ? namespaces_->sent_bytes(machine) : 0;
}

}  // namespace isthmus
