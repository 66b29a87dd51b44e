#include <algorithm>
#include <future>
#include <iterator>
#include <random>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "serve/source_state.h"

namespace isthmus {
namespace {

// Frame numbers of the runs that measure the local answer.
constexpr std::uint32_t kMeasureFrame = 0xfffffff0;

std::uint64_t random_instance() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device() | 1;
}

// The end of the way back: into this process.
class IntoSource final : public ReturnPath {
 public:
  using Receive = std::function<void(const Deployment*, Parcel)>;
  explicit IntoSource(Receive receive) : receive_(std::move(receive)) {}

  bool is_local() const override { return true; }
  void send(const Deployment* deployment, Parcel parcel) override {
    receive_(deployment, std::move(parcel));
  }
  void grant() override {}

 private:
  Receive receive_;
};

std::int64_t request_bytes(const Generation::ForMachine& target) {
  std::int64_t bytes = 0;
  for (const auto& request : target.requests)
    bytes += static_cast<std::int64_t>(request.ByteSizeLong());
  return bytes;
}

}  // namespace

Source::State::State(std::vector<LoadedPlan> ladder, const Cluster& the_cluster,
                     SourceOptions the_options, const DeployProgress& progress)
    : cluster(the_cluster), options(std::move(the_options)), instance(random_instance()) {
  check_cluster(cluster);
  const Machine& self = cluster.machine(cluster.source);
  remote_return = std::make_shared<IntoSource>(
      [this](const Deployment* d, Parcel parcel) { returned(d, std::move(parcel), false); });
  local_return = std::make_shared<IntoSource>(
      [this](const Deployment* d, Parcel parcel) { returned(d, std::move(parcel), true); });
  node = std::make_unique<FlowNode>(
      FlowNodeOptions{.cores = std::max(1, self.cores), .slowdown = self.slowdown}, *this, clock);
  local_node = std::make_unique<FlowNode>(FlowNodeOptions{.slowdown = self.slowdown}, *this, clock);
  trace.origin = "runtime";
  trace.plan = ladder.empty() ? "" : ladder.front().plan.name;
  if (options.replan) rungs = ladder;
  const auto generation = make_generation(spec_for(std::move(ladder), 1), parts);
  try {
    check(connect(*generation, progress));
    measure_local(*generation);
  } catch (...) {
    close_peers();
    throw;
  }
  install(generation);
  timer = std::thread([this] { keep_time(); });
  if (options.replan) rebalancer = std::thread([this] { rebalance(); });
}

Source::State::~State() {
  stop(Seconds{0});
  node.reset();
  local_node.reset();
}

GenerationSpec Source::State::spec_for(std::vector<LoadedPlan> ladder,
                                       std::uint16_t first_epoch) const {
  return {.ladder = std::move(ladder),
          .cluster = cluster,
          .source = options.id,
          .source_instance = instance,
          .first_epoch = first_epoch,
          .seed = options.seed,
          .local_fallback = options.local_fallback,
          .shape_links = options.shape_links};
}

Source::State::Connected Source::State::connect(const Generation& generation,
                                                const DeployProgress& progress) {
  Connected result;
  Situation situation;
  const Seconds until = clock.now() + options.connect_timeout;
  for (const auto& [machine, target] : generation.machines) {
    try {
      const std::uint64_t started =
          client_of(machine).greet(std::max(until - clock.now(), Seconds{0.2})).instance();
      deploy_to(machine, generation, progress);
      connect_peer(machine, generation, started);
      const std::lock_guard lock(mutex);
      remotes[machine].ready = true;
    } catch (const Error& error) {
      if (!result.failure) result.failure = error;
      if (error.kind() == ErrorKind::kUnsupported) result.refused = true;
      situation.dead.insert(machine);
      connect_peer(machine, generation, 0);
    }
  }
  result.enough = admit_route(generation.plans, situation, 0).plan < generation.plans.size();
  return result;
}

// A machine that failed is left out where some plan can do without it.
void Source::State::check(const Connected& connected) {
  if (!connected.enough) throw *connected.failure;
  if (connected.failure) log_warning(connected.failure->what());
}

void Source::State::deploy_to(const std::string& machine, const Generation& generation,
                              const DeployProgress& progress) {
  const auto target = generation.machines.find(machine);
  if (target == generation.machines.end()) return;
  AgentClient& client = client_of(machine);
  const std::int64_t blobs =
      client.send_blobs(target->second.blobs, [&](std::int64_t done, std::int64_t total) {
        if (progress) progress(machine, done, total);
      });
  for (const v1::DeployRequest& request : target->second.requests) client.deploy(request);
  const std::lock_guard lock(mutex);
  deployed_bytes[machine] = blobs + request_bytes(target->second);
}

void Source::State::connect_peer(const std::string& machine, const Generation& generation,
                                 std::uint64_t started) {
  {
    const std::lock_guard lock(mutex);
    const auto& known = remotes[machine].peer;
    if (known && known->max_message_bytes() >= generation.largest_message) return;
  }
  // A machine that the source never sends to is watched all the same.
  const auto up = cluster.link(cluster.source, machine).value_or(LinkProfile{});
  const auto down = cluster.link(machine, cluster.source).value_or(LinkProfile{});
  LinkProfile link = up;
  if (!options.shape_links) link = {.name = up.name, .headers = up.headers, .trace = nullptr};
  auto peer = Peer::connect(
      {.self = cluster.source,
       .machine = machine,
       .address = cluster.machine(machine).address,
       .link = link,
       .interface = interface_to(machine),
       .return_headers = down.headers,
       .security = options.security,
       .max_message_bytes = generation.largest_message,
       .death_timeout = death_timeout(up, generation.largest_message),
       .instance = started,
       .seed = options.seed,
       .source = options.id},
      {.on_message =
           [this](FlowMessage message, std::int64_t on_air) {
             if (message.header.type == FrameType::kCredit)
               timer_changed.notify_one();
             else
               node->pass_back(std::move(message), on_air);
           },
       .on_lost = [this, machine](const std::string& why) { lost(machine, why); },
       .on_back = [this, machine](bool restarted) { back(machine, restarted); },
       .on_report = [this,
                     machine](const v1::HeartbeatReply& reply) { note_report(machine, reply); }},
      clock);
  // So that the first frame does not wait for it.
  if (started != 0) peer->wait_ready(Seconds{1});
  const std::lock_guard lock(mutex);
  Remote& remote = remotes[machine];
  if (remote.peer) remote.old_peers.push_back(std::move(remote.peer));
  remote.peer = std::move(peer);
}

std::shared_ptr<EmulatedInterface> Source::State::interface_to(const std::string& machine) {
  const ClusterNetwork* network = cluster.network(cluster.source, machine);
  if (network == nullptr || !options.shape_links) return nullptr;
  const std::lock_guard lock(mutex);
  auto& interface = networks[network->name];
  if (!interface)
    interface = std::make_shared<EmulatedInterface>(network->link, clock, options.seed);
  return interface;
}

void Source::State::install(const std::shared_ptr<const Generation>& generation) {
  for (const auto& deployment : generation->deployments) node->deploy(deployment);
  if (generation->local) local_node->deploy(generation->local);
  Later later;
  {
    const std::lock_guard lock(mutex);
    if (current) {
      draining.push_back(current);
      event_locked("plan", "", generation->plans.front().name);
    }
    current = generation;
    taken_down = false;
    resume_parked_locked(later);
    timer_changed.notify_one();
  }
  for (const auto& action : later) action();
}

// Runs the local answer twice on zeros: the second time is taken.
void Source::State::measure_local(const Generation& generation) {
  if (!generation.local) return;
  const Deployment& deployment = *generation.local;
  local_node->deploy(generation.local);
  local_node->set_slowdown(1);
  Seconds spent{0};
  for (std::uint32_t i = 0; i < 2; ++i) {
    std::promise<Parcel> answer;
    auto into = std::make_shared<IntoSource>(
        [&](const Deployment*, Parcel parcel) { answer.set_value(std::move(parcel)); });
    const PlanInput& input = deployment.plan.input;
    const Seconds start = clock.now();
    local_node->admit(generation.local,
                      {.key = {.source = options.id,
                               .frame = kMeasureFrame + i,
                               .attempt = 0,
                               .epoch = deployment.id.epoch},
                       .route = {},
                       .budget = Seconds{3600},
                       .must_answer = true,
                       .input = input.width > 0 ? Tensor(DType::kU8, {input.height, input.width, 3})
                                                : Tensor(DType::kF32, input.shape)},
                      into);
    const Parcel parcel = answer.get_future().get();
    if (parcel.message.header.type == FrameType::kRefusal) {
      const auto text = parcel.message.payload.bytes();
      throw Error(ErrorKind::kUnsupported,
                  "the local answer does not run: " +
                      std::string(reinterpret_cast<const char*>(text.data()), text.size()));
    }
    spent = clock.now() - start;
  }
  const double slowdown = cluster.machine(cluster.source).slowdown;
  local_node->set_slowdown(slowdown);
  const std::lock_guard lock(mutex);
  local_time = spent * slowdown;
}

void Source::State::set_ladder(std::vector<LoadedPlan> ladder, const DeployProgress& progress,
                               const Generation* only_after) {
  const std::lock_guard one_at_a_time(changing);
  std::uint16_t first = 1;
  bool works = true;
  {
    const std::lock_guard lock(mutex);
    if (stopping) throw Error(ErrorKind::kUnavailable, "the source has been stopped");
    if (only_after != nullptr && only_after != current.get()) return;
    first = static_cast<std::uint16_t>(current->first_epoch + current->plans.size() + 1);
    const Route route = admit_route(current->plans, {.dead = dead_locked(), .load = {}}, 0);
    works = route.plan < current->plans.size();
  }
  std::vector<LoadedPlan> kept = options.replan ? ladder : std::vector<LoadedPlan>{};
  const auto generation = make_generation(spec_for(std::move(ladder), first), parts);
  try {
    Connected connected;
    if (works) connected = connect(*generation, progress);
    if (!works || connected.refused) connected = connect_instead(*generation, progress);
    check(connected);
    measure_local(*generation);
  } catch (...) {
    undeploy(*generation);
    put_back();
    throw;
  }
  install(generation);
  const std::lock_guard lock(mutex);
  rungs = std::move(kept);
}

// The machines have no room for two plans, or nothing can run the old ones any more: those go
// first.
Source::State::Connected Source::State::connect_instead(const Generation& generation,
                                                        const DeployProgress& progress) {
  // For what machines still run of a plan that was taken down.
  constexpr Seconds kFreeingLimit{3};
  constexpr Seconds kPause{0.2};
  take_down();
  const Seconds until = clock.now() + kFreeingLimit;
  while (true) {
    Connected connected = connect(generation, progress);
    std::unique_lock lock(mutex);
    if (!connected.refused || clock.now() >= until || rebalancing_over) return connected;
    replan_changed.wait_for(lock, kPause);
  }
}

void Source::State::take_down() {
  constexpr Seconds kDrainLimit{5};
  std::vector<std::shared_ptr<const Generation>> old;
  Later later;
  {
    std::unique_lock lock(mutex);
    taken_down = true;
    event_locked("undeploy", "", current->plans.front().name);
    const auto is_remote = [](const auto& entry) {
      return !entry.second.parked && !entry.second.local_started;
    };
    changed.wait_for(lock, kDrainLimit, [&] {
      return rebalancing_over || std::ranges::none_of(in_flight, is_remote);
    });
    std::vector<std::uint32_t> left;
    for (const auto& entry : in_flight)
      if (is_remote(entry)) left.push_back(entry.first);
    for (const std::uint32_t frame : left)
      start_local_locked(frame, in_flight.at(frame), kTakenDown, later);
    old = draining;
    old.push_back(current);
  }
  for (const auto& action : later) action();
  for (const auto& generation : old) undeploy(*generation);
}

void Source::State::put_back() {
  std::shared_ptr<const Generation> generation;
  std::vector<std::string> machines;
  {
    const std::lock_guard lock(mutex);
    if (!taken_down) return;
    generation = current;
    for (const auto& [machine, target] : generation->machines)
      if (remotes[machine].ready) machines.push_back(machine);
  }
  for (const std::string& machine : machines) {
    try {
      deploy_to(machine, *generation, {});
    } catch (const Error& error) {
      const std::lock_guard lock(mutex);
      remotes[machine].ready = false;
      event_locked("refused", machine, error.what());
    }
  }
  Later later;
  {
    const std::lock_guard lock(mutex);
    taken_down = false;
    resume_parked_locked(later);
    timer_changed.notify_one();
  }
  for (const auto& action : later) action();
}

void Source::State::retire(const std::shared_ptr<const Generation>& generation) {
  for (const auto& deployment : generation->deployments) node->undeploy(deployment->id);
  if (generation->local) local_node->undeploy(generation->local->id);
  undeploy(*generation);
}

void Source::State::undeploy(const Generation& generation) {
  for (const auto& [machine, target] : generation.machines) {
    std::vector<v1::UndeployRequest> requests;
    for (const v1::DeployRequest& request : target.requests) {
      requests.emplace_back().set_source(request.source());
      requests.back().set_epoch(request.epoch());
      requests.back().set_source_instance(request.source_instance());
    }
    AgentClient* client = nullptr;
    {
      const std::lock_guard lock(mutex);
      Remote& remote = remotes[machine];
      if (remote.ready || (remote.peer && remote.peer->alive()))
        client = remote.client.get();
      else
        std::ranges::copy(requests, std::back_inserter(remote.left_over));
    }
    if (client != nullptr) undeploy(*client, requests);
  }
}

void Source::State::undeploy(AgentClient& client,
                             const std::vector<v1::UndeployRequest>& requests) {
  try {
    for (const v1::UndeployRequest& request : requests) client.undeploy(request, Seconds{1});
  } catch (const Error& error) {
    log_info(error.what());
  }
}

void Source::State::event_locked(const std::string& kind, const std::string& machine,
                                 const std::string& detail) {
  trace.events.push_back({clock.now(), kind, machine, detail});
}

void Source::State::lost(const std::string& machine, const std::string& why) {
  Later later;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return;
    Remote& remote = remotes[machine];
    event_locked("dead", machine, why);
    if (remote.peer && !remote.peer->alive()) remote.ready = false;
    remote.avoid_until = clock.now() + Seconds{1};
    std::vector<std::uint32_t> affected;
    for (const auto& [frame, flight] : in_flight)
      if (machines_of(flight.generation->plans, flight.route).contains(machine))
        affected.push_back(frame);
    const std::string reason = machine + " " + why;
    for (const std::uint32_t frame : affected) {
      const auto found = in_flight.find(frame);
      if (found != in_flight.end()) retry_locked(frame, found->second, reason, later);
    }
    admit_waiting_locked(later);
    changed.notify_all();
    replan_changed.notify_all();
  }
  for (const auto& action : later) action();
  node->lost(machine, why);
}

void Source::State::back(const std::string& machine, bool restarted) {
  std::shared_ptr<const Generation> generation;
  AgentClient* client = nullptr;
  bool deployed = false;
  std::vector<v1::UndeployRequest> left_over;
  {
    const std::lock_guard lock(mutex);
    if (stopping || !current) return;
    generation = current;
    client = remotes.at(machine).client.get();
    left_over = std::exchange(remotes.at(machine).left_over, {});
    // What follows a plan that was taken down is brought to all machines.
    deployed = taken_down || (!restarted && deployed_bytes.contains(machine));
  }
  try {
    std::erase_if(left_over,
                  [&](const auto& request) { return generation->has_epoch(request.epoch()); });
    if (!restarted) undeploy(*client, left_over);
    if (!deployed) {
      client->greet(options.connect_timeout);
      deploy_to(machine, *generation, {});
    }
    const std::lock_guard lock(mutex);
    remotes[machine].ready = true;
    event_locked("alive", machine, restarted ? "started anew" : "answers again");
    timer_changed.notify_one();
  } catch (const Error& error) {
    const std::lock_guard lock(mutex);
    event_locked("refused", machine, error.what());
  }
}

NextHops::Sent Source::State::send(const Deployment& deployment, std::uint8_t machine,
                                   FlowMessage message, std::shared_ptr<void> token) {
  std::shared_ptr<Peer> peer;
  const std::string& name = deployment.machines[machine];
  {
    const std::lock_guard lock(mutex);
    if (const auto remote = remotes.find(name); remote != remotes.end()) peer = remote->second.peer;
  }
  if (!peer) return {.failure = name + " is not connected", .passage = {}, .shaped = false};
  return peer->send(std::move(message), std::move(token));
}

// No event of a peer is under way afterwards.
void Source::State::close_peers() {
  std::vector<std::shared_ptr<Peer>> peers;
  {
    const std::lock_guard lock(mutex);
    for (auto& [machine, remote] : remotes) {
      if (remote.peer) peers.push_back(std::exchange(remote.peer, nullptr));
      std::ranges::move(remote.old_peers, std::back_inserter(peers));
      remote.old_peers.clear();
    }
  }
  for (auto& peer : peers) close_and_wait(std::move(peer));
}

Trace Source::State::stop(Seconds limit) {
  stop_rebalancing();
  const std::lock_guard one_at_a_time(changing);
  Later later;
  std::shared_ptr<const Generation> generation;
  std::vector<std::shared_ptr<const Generation>> old;
  {
    std::unique_lock lock(mutex);
    if (ended) return trace;
    stopping = true;
    changed.notify_all();
    std::vector<std::uint32_t> frames;
    for (const auto& [frame, flight] : in_flight) frames.push_back(frame);
    for (const std::uint32_t frame : frames)
      if (limit > Seconds{0}) {
        InFlight& flight = in_flight.at(frame);
        if (flight.local_at) start_local_locked(frame, flight, "the source was stopped", later);
      }
    changed.wait_for(lock, limit, [this] { return in_flight.empty(); });
    while (!in_flight.empty())
      lose_locked(in_flight.begin()->first, in_flight.begin()->second, "the source was stopped",
                  later);
    for (Waiting& frame : waiting) {
      FrameRecord record{.key = {.source = options.id, .frame = frame.frame},
                         .outcome = Outcome::kDropped,
                         .reason = "the source was stopped",
                         .captured = frame.captured,
                         .truth = frame.input.truth};
      trace.frames.push_back(record);
      call_locked(std::move(frame.on_answer), std::move(record), {}, later);
    }
    waiting.clear();
    ended = true;
    generation = current;
    old = std::exchange(draining, {});
    timer_changed.notify_all();
  }
  if (timer.joinable()) timer.join();
  for (const auto& action : later) action();
  if (generation) old.push_back(generation);
  for (const auto& one : old) retire(one);
  close_peers();
  const std::lock_guard lock(mutex);
  return trace;
}

}  // namespace isthmus
