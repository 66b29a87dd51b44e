#include "lab/machines.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/json.h"
#include "core/text.h"

namespace isthmus {
namespace {

constexpr Seconds kStartPatience{10};
constexpr Seconds kPollInterval{0.01};
// What a run may take beyond its own time: starting, deploying, and frames on slow links.
constexpr Seconds kRunPatience{240};
constexpr std::string_view kListening = "listening on ";

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

}  // namespace

LabMachines::LabMachines(LabMode mode, const std::filesystem::path& folder) {
  if (mode == LabMode::kNamespace) namespaces_ = std::make_unique<NamespacePair>();
  std::filesystem::create_directories(folder);
  const auto out = folder / "server.out";
  const auto err = folder / "server.log";
  const std::string host = namespaces_ ? namespaces_->address("server") : "127.0.0.1";
  std::vector<std::string> command{sibling_program("isthmus-agent").string(), "--listen",
                                   host + ":0"};
  if (namespaces_) {
    make_certificate(folder);
    command.insert(command.end(), {"--cert", certificate_.string(), "--key", key_.string()});
  }
  server_ = std::make_unique<ChildProcess>(ChildOptions{
      .command = on("server", std::move(command)), .stdout_file = out, .stderr_file = err});
  const Seconds end = system_clock().now() + kStartPatience;
  while ((address_ = address_in(out)).empty()) {
    check_interrupt();
    if (server_->poll() || system_clock().now() > end)
      throw Error(ErrorKind::kUnavailable, "the lab's server did not start: " + last_line(err));
    system_clock().sleep_for(kPollInterval);
  }
}

void LabMachines::make_certificate(const std::filesystem::path& folder) {
  certificate_ = folder / "server.pem";
  key_ = folder / "server.key";
  const auto log = folder / "openssl.log";
  ChildProcess openssl({.command = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
                                    "/CN=isthmus-lab", "-addext",
                                    "subjectAltName=IP:" + namespaces_->address("server"),
                                    "-keyout", key_.string(), "-out", certificate_.string()},
                        .stdout_file = {},
                        .stderr_file = log});
  if (openssl.wait(kStartPatience) != 0)
    throw Error(ErrorKind::kUnsupported,
                "openssl makes no certificate for the lab: " + last_line(log));
}

std::vector<std::string> LabMachines::on(const std::string& machine,
                                         std::vector<std::string> command) const {
  return namespaces_ ? namespaces_->inside(machine, std::move(command)) : command;
}

std::vector<std::string> LabMachines::device_command(const LabRun& run,
                                                     const std::filesystem::path& folder) const {
  std::vector<std::string> command{sibling_program("isthmus").string(),
                                   "run",
                                   (folder / "plan.yaml").string(),
                                   "--cluster",
                                   (folder / "cluster.yaml").string(),
                                   "--source",
                                   run.data,
                                   "--limit",
                                   std::to_string(run.frames),
                                   "--at-least",
                                   std::to_string(run.min_frames),
                                   "--seconds",
                                   fmt::format("{}", run.cell_time.count()),
                                   "--rate",
                                   fmt::format("{}", run.rate),
                                   "--in-flight",
                                   "1",
                                   "--seed",
                                   std::to_string(run.seed),
                                   "--trace",
                                   (folder / "trace.json").string(),
                                   "--json"};
  if (namespaces_) command.insert(command.end(), {"--tls-ca", certificate_.string()});
  return command;
}

Trace LabMachines::run(const LabRun& run, const std::filesystem::path& folder) {
  Cluster cluster = run.cluster;
  for (Machine& machine : cluster.machines)
    if (machine.name != cluster.source) machine.address = address_;
  if (namespaces_)
    for (ClusterLink& link : cluster.links) namespaces_->take_rate(link);
  std::filesystem::create_directories(folder);
  save_plan(run.plan, folder / "plan.yaml");
  write_document(folder / "cluster.yaml", to_json(cluster));
  ChildProcess device({.command = on("device", device_command(run, folder)),
                       .stdout_file = folder / "device.json",
                       .stderr_file = folder / "device.log"});
  if (device.wait(run.cell_time + kRunPatience) != 0)
    throw Error(ErrorKind::kUnavailable, "the lab's device failed on " + run.plan.plan.name + ": " +
                                             last_line(folder / "device.log"));
  return trace_from_json(read_document(folder / "trace.json"), (folder / "trace.json").string());
}

std::int64_t LabMachines::device_sent_bytes() const {
  return namespaces_ ? namespaces_->sent_bytes("device") : 0;
}

}  // namespace isthmus
