#include "lab/machines.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/json.h"
#include "lab/board_machines.h"

namespace isthmus {
namespace {

constexpr Seconds kStartPatience{10};
// What a run may take beyond its own time: starting, deploying, and frames on slow links.
constexpr Seconds kRunPatience{240};

}  // namespace

LabMachines::LabMachines(LabMode mode, const std::filesystem::path& folder) {
  if (mode == LabMode::kNamespace) namespaces_ = std::make_unique<NamespacePair>();
  std::filesystem::create_directories(folder);
  const std::string host = namespaces_ ? namespaces_->address("server") : "127.0.0.1";
  std::vector<std::string> command{sibling_program("isthmus-agent").string(), "--listen",
                                   host + ":0"};
  if (namespaces_) {
    make_certificate(folder);
    command.insert(command.end(), {"--cert", certificate_.string(), "--key", key_.string()});
  }
  StartedAgent server = start_agent("server", on("server", std::move(command)), folder);
  server_ = std::move(server.process);
  address_ = std::move(server.address);
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
