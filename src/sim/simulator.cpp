#include "sim/simulator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "plan/costs.h"

namespace isthmus {
namespace {

// Tells a network's index from a machine's in a seed.
constexpr std::uint64_t kNetworkBit = 1u << 31;

std::uint64_t pair_key(std::uint64_t a, std::uint64_t b) { return a << 32 | b; }

}  // namespace

Simulator::Simulator(const SimOptions& options, const std::vector<Plan>& ladder,
                     const Cluster& cluster, const Profile& profile)
    : options_(options), cluster_(cluster), ladder_(ladder), index_(cluster) {
  std::size_t cores = 0;
  for (const Machine& machine : cluster.machines) cores += static_cast<std::size_t>(machine.cores);
  cores_.resize(cores);
  nodes_.reserve(cluster.machines.size());
  auto first_core = cores_.begin();
  for (const Machine& machine : cluster.machines) {
    nodes_.push_back({.machine = &machine,
                      .name = machine.name,
                      .slowdown = machine.slowdown,
                      .cores = {first_core, static_cast<std::size_t>(machine.cores)}});
    first_core += machine.cores;
  }
  source_ = index_.machine(cluster.source);
  for (const Plan& plan : ladder)
    plans_.push_back(
        compile(plan, cluster, index_, profile,
                &plan == &ladder.front() ? options.measured : std::vector<MeasuredFrame>{}));
  const Plan local = all_on(ladder.front(), cluster.source);
  plans_.push_back(compile(local, cluster, index_, profile, options.measured));
  local_time_ = isthmus::local_time(isthmus::costs_of(local, cluster.source, profile),
                                    nodes_[source_].machine[0]);
  int least_room = options.queue;
  for (const CompiledPlan& plan : plans_)
    for (const CompiledEdge& edge : plan.edges) least_room = std::min(least_room, edge.room);
  use_credits_ = options.max_in_flight > least_room;
  find_spreads();
  frames_.resize(static_cast<std::size_t>(options.frames));
  trace_ = {.origin = "simulator", .plan = ladder.front().name, .frames = {}, .events = {}};
  trace_.frames.resize(frames_.size());
}

Trace Simulator::run() {
  for (std::uint32_t i = 0; i < options_.events.size(); ++i)
    events_.push(options_.events[i].time.count(), {.what = What::kScenario, .a = i});
  if (options_.rate > 0)
    events_.push(0, {.what = What::kCapture});
  else
    admit_waiting();
  std::int64_t done = 0;
  while (!events_.empty()) {
    const auto entry = events_.pop();
    now_ = entry.time;
    handle(entry.event);
    if (++done % 4096 == 0)
      std::erase_if(active_, [&](std::uint32_t frame) { return frames_[frame].done; });
  }
  for (std::uint32_t i = 0; i < frames_.size(); ++i)
    if (!frames_[i].done) finish(i, nullptr, Outcome::kLost);
  return std::move(trace_);
}

bool Simulator::is_current(const Event& event) const {
  switch (event.what) {
    case What::kJobEnd:
    case What::kHandOver: return event.generation == nodes_[event.a].generation;
    case What::kArrival:
    case What::kAnswer:
    case What::kPassBack:
    case What::kGiveUp: return event.generation == attempts_[event.a].generation;
    case What::kDetect:
    case What::kAlive: return event.generation == nodes_[event.a].outage;
    default: return true;
  }
}

void Simulator::handle(const Event& event) {
  if (!is_current(event)) return;
  if (event.at_interface) return reach_interface(event);
  switch (event.what) {
    case What::kCapture: return capture();
    case What::kJobEnd: return end_job(event.a, event.b);
    case What::kHandOver: return hand_over(event.a, event.b);
    case What::kArrival: return arrive_from(event);
    case What::kAnswer: return answer(event.a, event.b);
    case What::kPassBack: return pass_back(event);
    case What::kGiveUp: return give_up(event.a, event.b, event.c);
    case What::kCredit: give_credit(event.a); return admit_waiting();
    case What::kLocalDue: return local_due(event.a);
    case What::kScenario: return happen(options_.events[event.a]);
    case What::kDetect: return detect(event.a);
    case What::kAlive:
      note_dead(event.a, false);
      trace_.events.push_back({Seconds{now_}, "alive", nodes_[event.a].machine->name, ""});
      return;
  }
}

bool Simulator::is_stale(const Job& job) const {
  return attempts_[job.attempt].generation != job.generation;
}

// As in serve/flow_node.cpp: what goes on at the machine comes before what begins there, and older
// frames before newer ones.
bool Simulator::comes_before(const Job& one, const Job& other) {
  if (one.goes_on != other.goes_on) return one.goes_on;
  return one.frame <= other.frame;
}

void Simulator::enqueue(std::uint32_t machine, const Job& job) {
  if (free_jobs_.empty()) {
    free_jobs_.push_back(static_cast<std::uint32_t>(jobs_.size()));
    jobs_.emplace_back();
  }
  const std::uint32_t added = free_jobs_.back();
  free_jobs_.pop_back();
  Node& node = nodes_[machine];
  // Most come behind all others.
  std::uint32_t before = node.last_job;
  std::uint32_t next = kNone;
  if (before != kNone && !comes_before(jobs_[before].job, job)) {
    before = kNone;
    next = node.first_job;
    while (comes_before(jobs_[next].job, job)) {
      before = next;
      next = jobs_[next].next;
    }
  }
  jobs_[added] = {.job = job, .next = next};
  (before == kNone ? node.first_job : jobs_[before].next) = added;
  if (next == kNone) node.last_job = added;
  begin_jobs(machine);
}

Simulator::Job Simulator::take_first(Node& node) {
  const std::uint32_t taken = node.first_job;
  node.first_job = jobs_[taken].next;
  if (node.first_job == kNone) node.last_job = kNone;
  free_jobs_.push_back(taken);
  return jobs_[taken].job;
}

void Simulator::begin_jobs(std::uint32_t machine) {
  Node& node = nodes_[machine];
  while (node.first_job != kNone && node.busy < static_cast<int>(node.cores.size()) &&
         !node.stopped) {
    const Job job = take_first(node);
    if (is_stale(job)) continue;
    const auto free = std::ranges::find(node.cores, false, &Core::busy);
    begin(machine, static_cast<std::uint32_t>(free - node.cores.begin()), job);
  }
}

void Simulator::begin(std::uint32_t machine, std::uint32_t core, const Job& job) {
  Node& node = nodes_[machine];
  const std::vector<Piece>& pieces = pieces_of(job, machine);
  double duration = 0;
  double run = 0;
  for (const Piece& piece : pieces) {
    duration += piece.duration;
    if (piece.kind == SpanKind::kRun) run += piece.duration;
  }
  node.cores[core] = {
      .job = job, .busy = true, .start = now_, .end = now_ + duration, .run = run, .sent = 0};
  ++node.busy;
  schedule(machine, core, pieces);
  hold(job);
}

// What is still to come of the job on a core: its messages, each when it is encoded, and its end.
void Simulator::schedule(std::uint32_t machine, std::uint32_t core,
                         const std::vector<Piece>& pieces) {
  const Core& busy = nodes_[machine].cores[core];
  Event event{
      .what = What::kHandOver, .a = machine, .b = core, .generation = nodes_[machine].generation};
  double at = busy.start;
  int sends = 0;
  for (const Piece& piece : pieces) {
    at += piece.duration;
    if (piece.sends && sends++ >= busy.sent && at < busy.end) events_.push(at, event);
  }
  event.what = What::kJobEnd;
  events_.push(busy.end, event);
}

void Simulator::hand_over(std::uint32_t machine, std::uint32_t core) {
  Core& busy = nodes_[machine].cores[core];
  if (is_stale(busy.job)) return;
  send(Job{busy.job}, machine, busy.sent++, 1);
}

void Simulator::end_job(std::uint32_t machine, std::uint32_t core) {
  Node& node = nodes_[machine];
  const Core done = node.cores[core];
  node.cores[core].busy = false;
  --node.busy;
  if (!is_stale(done.job)) {
    if (options_.record_spans) note_job(done.job, machine, done);
    if (done.job.part >= 0) note_work(done);
    send(done.job, machine, done.sent, std::numeric_limits<int>::max());
    let_go(done.job);
  }
  begin_jobs(machine);
}

Simulator::Way Simulator::way_between(std::uint32_t from, std::uint32_t to) {
  const auto [known, fresh] = ways_.try_emplace(pair_key(from, to));
  Way& way = known->second;
  if (!fresh) return way;
  const auto found = *index_.find(from, to);
  way.network = found.network;
  way.link = static_cast<std::uint32_t>(links_.size());
  // One interface sends to all of a network.
  if (way.network)
    way.link = interfaces_.try_emplace(pair_key(from, *way.network), way.link).first->second;
  if (way.link < links_.size()) return way;
  const std::uint64_t end = way.network ? kNetworkBit | *way.network : to;
  links_.emplace_back(*found.profile, mix_seed(mix_seed(options_.seed, from), end));
  return way;
}

Seconds Simulator::latency_between(std::uint32_t from, std::uint32_t to) const {
  const auto way = index_.find(from, to);
  return way ? way->profile->latency : Seconds{0};
}

void Simulator::happen(const SimEvent& event) {
  const std::uint32_t machine = index_.machine(event.machine);
  if (event.kind == SimEventKind::kReturn)
    revive_machine(machine);
  else
    fail_machine(machine, event);
}

void Simulator::fail_machine(std::uint32_t machine, const SimEvent& event) {
  Node& node = nodes_[machine];
  ++node.outage;
  const auto way = index_.find(source_, machine);
  const LinkProfile profile = way ? *way->profile : LinkProfile{};
  // Broken connections are noticed when the news arrives, silence when heartbeats are missed.
  double noticed = now_ + profile.latency.count();
  if (event.kind == SimEventKind::kKill) {
    node.killed = true;
    while (node.first_job != kNone) take_first(node);
    node.held.clear();
    for (Core& core : node.cores) core.busy = false;
    node.busy = 0;
    ++node.generation;
  } else {
    std::int64_t largest = 0;
    for (const CompiledPlan& plan : plans_) largest = std::max(largest, plan.largest_message);
    const double last_heartbeat =
        std::floor(now_ / kHeartbeatInterval.count()) * kHeartbeatInterval.count();
    noticed = std::max(now_, last_heartbeat + death_timeout(profile, largest).count());
    if (event.kind == SimEventKind::kCut) {
      node.cut = true;
    } else {
      // What runs stays where it is until the return.
      node.stopped = true;
      node.stopped_at = now_;
      ++node.generation;
    }
  }
  events_.push(noticed, {.what = What::kDetect, .a = machine, .generation = node.outage});
}

void Simulator::revive_machine(std::uint32_t machine) {
  Node& node = nodes_[machine];
  ++node.outage;
  node.killed = node.cut = false;
  for (const Event& event : std::exchange(node.held, {})) events_.push(now_, event);
  if (node.stopped) {
    node.stopped = false;
    for (std::uint32_t i = 0; i < node.cores.size(); ++i) {
      if (!node.cores[i].busy) continue;
      node.cores[i].start += now_ - node.stopped_at;
      node.cores[i].end += now_ - node.stopped_at;
      schedule(machine, i, pieces_of(node.cores[i].job, machine));
    }
    begin_jobs(machine);
  }
  if (dead_.contains(node.machine->name))
    events_.push(now_ + kRecoveryTime.count(),
                 {.what = What::kAlive, .a = machine, .generation = node.outage});
}

void Simulator::detect(std::uint32_t machine) {
  const std::string& name = nodes_[machine].machine->name;
  if (dead_.contains(name)) return;
  note_dead(machine, true);
  trace_.events.push_back({Seconds{now_}, "dead", name, ""});
  const std::vector<std::uint32_t> active = active_;
  for (const std::uint32_t frame : active) {
    const std::uint32_t latest = frames_[frame].attempt;
    if (frames_[frame].done || latest == kNone) continue;
    if (machines_of(ladder_, route_of(attempts_[latest].course)).contains(name)) retry(latest);
  }
  admit_waiting();
}

}  // namespace isthmus
