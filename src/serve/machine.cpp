#include "serve/machine.h"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/log.h"
#include "plan/policy.h"
#include "serve/wire.h"

namespace isthmus {
namespace {

// A source whose heartbeats, ten in a second, have not come for so long has ended.
constexpr Seconds kSilence{0.5};
// For streams to close, and heartbeats to be missed.
constexpr Seconds kEndingLimit{1};

std::uint64_t random_instance() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device() | 1;
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "agent";
}

std::string describe(std::uint32_t protocol, const std::string& version) {
  return "version " + version + " (protocol " + std::to_string(protocol) + ")";
}

// A part is loaded, or refused: the memory that reading its blobs took goes back.
class ReleasedPages {
 public:
  explicit ReleasedPages(BlobStore& blobs) : blobs_(blobs) {}
  ~ReleasedPages() { blobs_.release_pages(); }
  ReleasedPages(const ReleasedPages&) = delete;
  ReleasedPages& operator=(const ReleasedPages&) = delete;

 private:
  BlobStore& blobs_;
};

}  // namespace

AgentMachine::AgentMachine(const AgentOptions& options, Clock& clock,
                           std::function<void(const HeldPart&, Seconds)> on_run)
    : options_(options),
      clock_(clock),
      instance_(random_instance()),
      name_(options.name.empty() ? host_name() : options.name),
      blobs_(options.cache, options.memory),
      parts_(options.memory),
      node_({.on_run = std::move(on_run)}, *this, clock) {}

AgentMachine::~AgentMachine() {
  std::vector<std::pair<PeerKey, std::shared_ptr<Peer>>> peers;
  {
    const std::lock_guard lock(mutex_);
    peers.swap(old_peers_);
    std::ranges::move(peers_, std::back_inserter(peers));
    peers_.clear();
  }
  for (auto& [key, peer] : peers) close_and_wait(std::move(peer));
  // What they still hold back would be given to the node.
  std::map<std::uint16_t, Instance> sources;
  {
    const std::lock_guard lock(mutex_);
    sources.swap(sources_);
  }
  for (auto& [source, instance] : sources)
    for (auto& [name, network] : instance.networks) network->close();
}

v1::GreetReply AgentMachine::greet(const v1::GreetRequest& request) const {
  if (static_cast<int>(request.protocol()) != kProtocolVersion ||
      request.version() != options_.version)
    throw Error(ErrorKind::kUnsupported,
                "agent " + name_ + " is " + describe(kProtocolVersion, options_.version) +
                    ", the caller is " + describe(request.protocol(), request.version()) +
                    ": install the same on both");
  v1::GreetReply reply;
  reply.set_protocol(kProtocolVersion);
  reply.set_version(options_.version);
  reply.set_name(name_);
  reply.set_instance(instance_);
  reply.set_memory(options_.memory);
  reply.set_max_message_bytes(kMaxMessageBytes);
  return reply;
}

// The streams of a source's own machine end with it. Those of other machines stay open until they
// are told that its plans are over, which a source that was killed does not do: they count only as
// long as its heartbeats come.
bool AgentMachine::is_running_locked(std::uint16_t source, const Instance& run) const {
  const auto streams = streams_of_.find(source);
  if (streams == streams_of_.end() || streams->second.empty()) return false;
  if (clock_.now() - run.heard < kSilence) return true;
  const auto is_own = [&](const auto& stream) { return stream.second == run.machine; };
  return std::ranges::any_of(streams->second, is_own);
}

// A source that was started anew takes its number over from the run before, unless that is still
// sending.
void AgentMachine::take_over(const v1::DeployRequest& request) {
  const auto source = static_cast<std::uint16_t>(request.source());
  bool anew = false;
  {
    std::unique_lock lock(mutex_);
    Instance& instance = sources_[source];
    anew = instance.number != request.source_instance() && instance.number != 0;
    // The stream of a run that has just ended may still be closing.
    const auto is_over = [&] { return !is_running_locked(source, instance); };
    if (anew && !stream_ended_.wait_for(lock, kEndingLimit, is_over))
      throw Error(ErrorKind::kInvalid,
                  "source number " + std::to_string(source) +
                      " is in use by another source: choose another (isthmus run --source-id)");
    instance.number = request.source_instance();
    instance.machine = request.source_machine();
    note_links_locked(instance, request);
  }
  if (!anew) return;
  for (const auto& deployment : node_.deployments())
    if (deployment->id.source == source) retire(deployment->id);
  // The machines behind this one see by the end of its streams that the run is over.
  drop_unused(source);
}

// No frame of it is worked on or waited for any more, and no credit is owed for one.
void AgentMachine::retire(DeploymentId id) {
  node_.undeploy(id);
  std::vector<std::shared_ptr<StreamReturn>> streams;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [stream, opener] : streams_of_[id.source]) streams.push_back(stream);
  }
  for (const auto& stream : streams) stream->settle(id);
}

void AgentMachine::note_links_locked(Instance& instance, const v1::DeployRequest& request) {
  for (const v1::Peer& peer : request.peers()) {
    const LinkProfile link = peer.has_link() ? from_wire(peer.link()) : LinkProfile{};
    instance.links[peer.machine()] = link;
    auto& interface = instance.interfaces[peer.machine()];
    if (peer.network().empty()) {
      interface.reset();
      continue;
    }
    auto& network = instance.networks[peer.network()];
    if (!network || !same_link(network->profile(), link))
      network = std::make_shared<EmulatedInterface>(link, clock_, request.seed());
    interface = network;
  }
}

void AgentMachine::deploy(const v1::DeployRequest& request) {
  const std::lock_guard deploying(deploying_);
  DeploymentSpec spec{.id = {static_cast<std::uint16_t>(request.source()),
                             static_cast<std::uint16_t>(request.epoch())},
                      .plan = plan_from_json(parse_document(request.plan(), "plan"), "plan"),
                      .machines = {request.machines().begin(), request.machines().end()},
                      .self = request.machine(),
                      .source = request.source_machine(),
                      .as = {.slowdown = std::max(1.0, request.slowdown()),
                             .cores = std::clamp(static_cast<int>(request.cores()), 1, 64),
                             .memory = request.memory(),
                             .swap_bandwidth = request.swap_bandwidth()}};
  const Machine as = spec.as;
  const FindBlob find = [this](const std::string& hash) { return blobs_.get(hash); };
  spec.table = find;
  for (const v1::EdgeTensor& edge : request.edges()) spec.edges.push_back(from_wire(edge));
  // What the run before had makes room, but for the parts that this one runs, too.
  std::vector<std::shared_ptr<HeldPart>> kept;
  for (const auto& [part, hash] : request.bundles()) kept.push_back(parts_.find(hash));
  take_over(request);
  for (const auto& [part, hash] : request.bundles()) {
    const ReleasedPages released(blobs_);
    spec.held[part] = parts_.hold(part, hash, find, as.has_hard_limit() ? as.memory : 0);
  }
  const auto deployment = make_deployment(std::move(spec));
  if (deployment->largest_message() > kMaxMessageBytes)
    throw Error(ErrorKind::kUnsupported, "plan " + deployment->plan.name + " sends messages of " +
                                             std::to_string(deployment->largest_message()) +
                                             " bytes; agents take at most " +
                                             std::to_string(kMaxMessageBytes));
  for (const DeployedPart& part : deployment->parts)
    if (part.held) parts_.feed(part.held, deployment->id.source);
  connect_peers(request, *deployment);
  node_.set_emulation(
      {.slowdown = as.slowdown, .weights_from_memory = request.weights_from_memory()});
  node_.set_cores(as.cores);
  node_.deploy(deployment);
  log_info("holds plan " + deployment->plan.name + " (" + std::to_string(deployment->id.epoch) +
           ") of source " + std::to_string(deployment->id.source) + " as " + request.machine());
}

void AgentMachine::undeploy(const v1::UndeployRequest& request) {
  const std::lock_guard deploying(deploying_);
  const auto source = static_cast<std::uint16_t>(request.source());
  {
    const std::lock_guard lock(mutex_);
    const auto known = sources_.find(source);
    if (known == sources_.end() || known->second.number != request.source_instance()) return;
  }
  retire({source, static_cast<std::uint16_t>(request.epoch())});
  drop_unused(source);
}

void AgentMachine::drop_unused(std::uint16_t source) {
  std::set<std::string> fed;
  bool deployed = false;
  for (const auto& deployment : node_.deployments()) {
    if (deployment->id.source != source) continue;
    deployed = true;
    for (const DeployedPart& part : deployment->parts)
      if (part.held) fed.insert(part.held->hash);
  }
  parts_.unfeed(source, fed);
  if (deployed) return;
  std::vector<std::shared_ptr<Peer>> unused;
  {
    const std::lock_guard lock(mutex_);
    const auto is_unused = [&](const auto& entry) {
      if (entry.first.first != source) return false;
      unused.push_back(entry.second);
      return true;
    };
    std::erase_if(peers_, is_unused);
    std::erase_if(old_peers_, is_unused);
  }
  for (auto& peer : unused) close_and_wait(std::move(peer));
}

v1::HeartbeatReply AgentMachine::heartbeat(std::uint16_t source) {
  v1::HeartbeatReply reply;
  reply.set_instance(instance_);
  reply.set_queued(static_cast<std::uint32_t>(node_.queued()));
  if (source == 0) return reply;
  {
    const std::lock_guard lock(mutex_);
    const auto known = sources_.find(source);
    if (known != sources_.end()) known->second.heard = clock_.now();
  }
  for (const auto& deployment : node_.deployments()) {
    if (deployment->id.source != source) continue;
    for (const DeployedPart& part : deployment->parts)
      if (part.held)
        *reply.add_parts() = to_wire(part.meter->statistics(), deployment->id.epoch, part.name);
  }
  return reply;
}

v1::StatsReply AgentMachine::stats() const {
  v1::StatsReply reply;
  const NodeCounters& counters = node_.counters();
  auto& map = *reply.mutable_counters();
  map["frames"] = counters.frames;
  map["runs"] = counters.runs;
  map["batched"] = counters.batched;
  map["answers"] = counters.answers;
  map["late"] = counters.late;
  map["duplicates"] = counters.duplicates;
  map["given_up"] = counters.given_up;
  map["refusals"] = counters.refusals;
  map["queued"] = static_cast<std::int64_t>(node_.queued());
  for (const auto& part : parts_.all()) reply.add_parts(part->name);
  reply.set_blob_bytes(blobs_.bytes());
  return reply;
}

std::vector<AgentMachine::Model> AgentMachine::models() const {
  std::vector<Model> result;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, part] : models_) result.push_back({name, "1", part});
  }
  for (const auto& deployment : node_.deployments())
    for (const DeployedPart& part : deployment->parts) {
      if (!part.held) continue;
      const std::string version = std::to_string(deployment->id.epoch);
      result.push_back({part.name, version, part.held});
      if (!deployment->plan.network.empty())
        result.push_back({deployment->plan.network + "." + part.name, version, part.held});
    }
  return result;
}

std::vector<Tensor> AgentMachine::run(HeldPart& part, std::span<const Tensor> inputs) {
  Holdback time(clock_, node_.emulation(), Seconds{0});
  auto outputs = part.engine->run(inputs);
  time.step(SpanKind::kRun, /*machine=*/0, kNoIndex);
  return outputs;
}

void AgentMachine::add_model(const std::string& name, const std::string& file) {
  const Graph graph = load_graph(file);
  auto part = parts_.hold(name, "file:" + name, graph, 0);
  const std::lock_guard lock(mutex_);
  models_[name] = std::move(part);
}

}  // namespace isthmus
