#include "serve/source_state.h"

#include <algorithm>
#include <functional>
#include <future>
#include <random>
#include <utility>

#include "core/error.h"

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
  void grant(const EdgeKey&, int) override {}

 private:
  Receive receive_;
};

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
  FlowNodeOptions node_options{
      .cores = std::max(1, self.cores),
      .emulation = {.slowdown = self.slowdown, .weights_from_memory = self.weights_from_memory}};
  node = std::make_unique<FlowNode>(node_options, *this, clock);
  node_options.cores = 1;
  local_node = std::make_unique<FlowNode>(node_options, *this, clock);
  trace.origin = "runtime";
  trace.plan = ladder.empty() ? "" : ladder.front().plan.name;
  if (options.replan) rungs = ladder;
  const auto generation = make_generation(spec_for(std::move(ladder), 1), parts);
  try {
    const Connected connected = connect(*generation, progress);
    if (connected.enough || !options.replan) check(connected);
    measure_local(*generation);
    install(generation);
    if (!connected.enough) plan_around(*connected.failure);
  } catch (...) {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    break_off();
    close_peers();
    if (current && current != generation) undeploy(*current);
    undeploy(*generation);
    throw;
  }
  timer = std::thread([this] { keep_time(); });
  retirer = std::thread([this] { retire_drained(); });
  if (options.replan) rebalancer = std::thread([this] { rebalance(); });
}

Source::State::~State() {
  stop(Seconds{0});
  node.reset();
  local_node.reset();
}

// Runs the local answer twice on zeros: the second time is taken. On a node of its own: frames that
// are answered locally meanwhile are held back as ever, and nothing of a plan that was refused
// stays behind.
void Source::State::measure_local(const Generation& generation) {
  if (!generation.local) return;
  const Deployment& deployment = *generation.local;
  FlowNode unslowed({}, *this, clock);
  unslowed.deploy(generation.local);
  Seconds spent{0};
  for (std::uint32_t i = 0; i < 2; ++i) {
    auto answer = std::make_shared<std::promise<Parcel>>();
    auto into = std::make_shared<IntoSource>(
        [answer](const Deployment*, Parcel parcel) { answer->set_value(std::move(parcel)); });
    const PlanInput& input = deployment.plan.input;
    const Seconds start = clock.now();
    unslowed.admit(generation.local,
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
    auto future = answer->get_future();
    if (future.wait_for(options.local_answer_timeout) != std::future_status::ready)
      throw Error(ErrorKind::kUnavailable,
                  "plan " + deployment.plan.name + " gave no local answer within " +
                      std::to_string(options.local_answer_timeout.count()) + " s");
    const Parcel parcel = future.get();
    if (parcel.message.header.type == FrameType::kRefusal) {
      const auto text = parcel.message.payload.bytes();
      throw Error(ErrorKind::kUnsupported,
                  "the local answer does not run: " +
                      std::string(reinterpret_cast<const char*>(text.data()), text.size()));
    }
    spent = clock.now() - start;
  }
  const std::lock_guard lock(mutex);
  local_time = spent * cluster.machine(cluster.source).slowdown;
  for (const DeployedPart& part : deployment.parts) local_time += part.swap;
}

void Source::State::keep_time() {
  std::unique_lock lock(mutex);
  bool parked = false;
  while (!ended) {
    std::optional<Seconds> next;
    for (const auto& [frame, flight] : in_flight)
      if (flight.local_at && !flight.local_started && (!next || *flight.local_at < *next))
        next = flight.local_at;
    const Seconds now = clock.now();
    if (next && now >= *next) {
      Later later;
      std::vector<std::uint32_t> due;
      for (const auto& [frame, flight] : in_flight)
        if (flight.local_at && !flight.local_started && now >= *flight.local_at)
          due.push_back(frame);
      for (const std::uint32_t frame : due)
        start_local_locked(frame, in_flight.at(frame), "no answer in time", later);
      lock.unlock();
      for (const auto& action : later) action();
      lock.lock();
      continue;
    }
    // A machine that is avoided for a moment may be used again afterwards: waiting frames ask anew.
    Seconds pause = next ? *next - now : Seconds{0.5};
    if (!waiting.empty() || parked) pause = std::min(pause, Seconds{0.02});
    timer_changed.wait_for(lock, pause);
    Later later;
    parked = resume_if_possible_locked(later);
    admit_waiting_locked(later);
    if (later.empty()) continue;
    lock.unlock();
    for (const auto& action : later) action();
    lock.lock();
  }
}

// On a thread of its own: a machine that does not answer must delay no local answer.
void Source::State::retire_drained() {
  std::unique_lock lock(mutex);
  const auto idle = [&](const std::shared_ptr<const Generation>& generation) {
    return std::ranges::none_of(
        in_flight, [&](const auto& entry) { return entry.second.generation == generation; });
  };
  while (!ended) {
    const auto old = std::ranges::find_if(draining, idle);
    if (old == draining.end()) {
      changed.wait(lock);
      continue;
    }
    const std::shared_ptr<const Generation> generation = std::move(*old);
    draining.erase(old);
    lock.unlock();
    retire(generation);
    lock.lock();
  }
}

void Source::State::event_locked(const std::string& kind, const std::string& machine,
                                 const std::string& detail) {
  auto& events = trace.events;
  const std::size_t kept = std::max<std::size_t>(options.trace_frames, 1);
  if (events.size() >= 2 * kept)
    events.erase(events.begin(), events.end() - static_cast<std::ptrdiff_t>(kept));
  events.push_back({clock.now(), kind, machine, detail});
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
    changed.notify_all();
  }
  if (timer.joinable()) timer.join();
  if (retirer.joinable()) retirer.join();
  for (const auto& action : later) action();
  if (generation) old.push_back(generation);
  for (const auto& one : old) retire(one);
  close_peers();
  const std::lock_guard lock(mutex);
  return trace;
}

}  // namespace isthmus
