#include "plan/predict.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/rng.h"
#include "plan/costs.h"
#include "plan/energy.h"

namespace isthmus {
namespace {

constexpr int kTraceStarts = 16;
constexpr std::size_t kNoGate = std::numeric_limits<std::size_t>::max();

// When something is there, and where the time went until then.
struct Arrival {
  Seconds time{0};
  std::map<std::string, double> parts_ms;

  void spend(const std::string& on, Seconds duration) {
    time += duration;
    if (duration > Seconds{0}) parts_ms[on] += 1e3 * duration.count();
  }
  void wait_until(Seconds when) { spend("queue", std::max(Seconds{0}, when - time)); }
};

// One choice of everything that differs from frame to frame.
struct Case {
  // Which machine of a spread part.
  std::size_t turn = 0;
  // The gate that is taken.
  std::size_t gate = kNoGate;
  // Where in the traces the frame finds its links, as a fraction of their period; also the seed of
  // losses.
  int start = 0;
};

// One frame on its way through a plan, alone.
class Walk {
 public:
  Walk(const Plan& plan, const Cluster& cluster, const PlanCosts& costs, Case which)
      : plan_(plan), cluster_(cluster), costs_(costs), case_(which) {}

  Prediction run();

 private:
  struct Instance {
    std::size_t part;
    const Machine* machine;
  };
  // By edge and receiver: the first arrival, whether it came over a link, and how many are still to
  // come.
  struct Slot {
    std::optional<Arrival> first;
    bool crossed = false;
    std::size_t missing = 0;
  };

  std::vector<const Machine*> machines_of(const PlacedPart& part) const;
  std::size_t producers_of(const std::string& part) const;
  LinkTimeline& interface_of(const Machine& from, const void* way, LinkProfile profile);
  Arrival carry(const Machine& from, const Machine& to, Arrival arrival, std::int64_t bytes);
  void deliver(std::size_t edge, const Machine& from, const Machine& to, Arrival& sender,
               bool& encoded);
  void arrive(std::size_t edge, const Machine& to, const Arrival& arrival, bool crossed);
  void decode(std::size_t edge, const Machine& at, Arrival& arrival);
  const Arrival& answer() const;
  std::optional<Arrival> ready(const Instance& instance) const;
  void start_parts();
  void run_part(const Instance& instance, Arrival at);
  bool is_sent(const PlanEdge& edge) const;
  void spend(Arrival& arrival, const Machine& machine, const std::string& on, Seconds duration);

  const Plan& plan_;
  const Cluster& cluster_;
  const PlanCosts& costs_;
  const Case case_;
  std::vector<Instance> waiting_;
  std::map<std::pair<std::size_t, const Machine*>, Slot> slots_;
  // By sender and, of a link, the receiver, else the network; and by network and receiver.
  std::map<std::pair<const Machine*, const void*>, LinkTimeline> links_;
  std::map<std::pair<const ClusterNetwork*, const Machine*>, ReceiverTimeline> receivers_;
  // By machine that the frame got to: when it did first, and from where.
  std::map<const Machine*, std::pair<Seconds, const Machine*>> came_from_;
  // By machine: when each of its cores is free.
  std::map<const Machine*, std::vector<Seconds>> cores_;
  bool normalised_ = false;
  MachineTime source_time_;
  double bytes_ = 0;
};

std::vector<const Machine*> Walk::machines_of(const PlacedPart& part) const {
  std::vector<const Machine*> machines;
  if (part.placement == Placement::kRace) {
    for (const std::string& name : part.machines) machines.push_back(&cluster_.machine(name));
  } else {
    const std::size_t turn = part.placement == Placement::kSpread ? case_.turn : 0;
    machines.push_back(&cluster_.machine(part.machines[turn % part.machines.size()]));
  }
  return machines;
}

std::size_t Walk::producers_of(const std::string& part) const {
  return part.empty() ? 1 : machines_of(*plan_.find(part)).size();
}

LinkTimeline& Walk::interface_of(const Machine& from, const void* way, LinkProfile profile) {
  const auto key = std::pair(&from, way);
  const auto known = links_.find(key);
  if (known != links_.end()) return known->second;
  if (profile.trace)
    profile.trace_start +=
        Seconds{1e-3 * profile.trace->opportunities_ms.back() * case_.start / kTraceStarts};
  return links_
      .try_emplace(key, std::move(profile), mix_seed(1, static_cast<std::uint64_t>(case_.start)))
      .first->second;
}

// One hop.
Arrival Walk::carry(const Machine& from, const Machine& to, Arrival arrival, std::int64_t bytes) {
  const ClusterNetwork* network = cluster_.network(from.name, to.name);
  const void* way = network ? static_cast<const void*>(network) : &to;
  Seconds arrives =
      interface_of(from, way, *cluster_.link(from.name, to.name)).send(arrival.time, bytes).arrives;
  if (network)
    arrives = receivers_[{network, &to}].receive(arrives, time_on_air(network->link, bytes));
  if (from.name == cluster_.source) source_time_.transmit += arrives - arrival.time;
  arrival.spend("network", arrives - arrival.time);
  const auto [known, fresh] = came_from_.try_emplace(&to, arrival.time, &from);
  if (!fresh && arrival.time < known->second.first) known->second = {arrival.time, &from};
  return arrival;
}

void Walk::spend(Arrival& arrival, const Machine& machine, const std::string& on,
                 Seconds duration) {
  arrival.spend(on, machine.slowdown * duration);
  if (machine.name == cluster_.source) source_time_.compute += machine.slowdown * duration;
}

// `sender` is the core that encodes; it goes on when the message is handed over.
void Walk::deliver(std::size_t edge, const Machine& from, const Machine& to, Arrival& sender,
                   bool& encoded) {
  const EdgeCost& cost = costs_.edges[edge];
  const bool stays = &from == &to;
  // One tensor serves all edges that do not carry the image.
  const bool input = plan_.edges[edge].edge.from_part.empty();
  if (input && !normalised_ && (stays || !cost.normalise_at_receiver)) {
    spend(sender, from, "prepare", cost.normalise);
    normalised_ = true;
  }
  if (stays) return arrive(edge, to, sender, false);
  if (!encoded) spend(sender, from, "encode", cost.encode);
  encoded = true;
  Arrival arrival = sender;
  const auto bytes = static_cast<std::int64_t>(std::llround(cost.message_bytes));
  // To the source it goes back along the way that the frame came (runtime.md).
  const bool back = to.name == cluster_.source;
  for (const Machine* at = &from; at != &to;) {
    const Machine* next = back ? came_from_.at(at).second : &to;
    arrival = carry(*at, *next, std::move(arrival), bytes);
    bytes_ += cost.message_bytes;
    at = next;
  }
  if (plan_.edges[edge].edge.to_part.empty()) decode(edge, to, arrival);
  arrive(edge, to, arrival, true);
}

void Walk::decode(std::size_t edge, const Machine& at, Arrival& arrival) {
  const EdgeCost& cost = costs_.edges[edge];
  spend(arrival, at, "decode",
        cost.decode + (cost.normalise_at_receiver ? cost.normalise : Seconds{0}));
}

void Walk::arrive(std::size_t edge, const Machine& to, const Arrival& arrival, bool crossed) {
  auto [slot, fresh] = slots_.try_emplace({edge, &to});
  if (fresh) slot->second.missing = producers_of(plan_.edges[edge].edge.from_part);
  --slot->second.missing;
  if (slot->second.first && slot->second.first->time <= arrival.time) return;
  slot->second.first = arrival;
  slot->second.crossed = crossed;
}

// The exit that is taken, else the last of the answers.
const Arrival& Walk::answer() const {
  const Arrival* last = nullptr;
  for (const auto& [at, slot] : slots_) {
    const Edge& edge = plan_.edges[at.first].edge;
    if (!edge.to_part.empty()) continue;
    if (case_.gate != kNoGate && edge.from_part == plan_.gates[case_.gate].part) return *slot.first;
    if (!last || last->time < slot.first->time) last = &*slot.first;
  }
  return *last;
}

// When all its inputs are known to be there or given up; nothing while that is open.
std::optional<Arrival> Walk::ready(const Instance& instance) const {
  std::optional<Arrival> last;
  Seconds first{std::numeric_limits<double>::infinity()};
  std::vector<std::pair<const Arrival*, Seconds>> optional;
  for (std::size_t i = 0; i < plan_.edges.size(); ++i) {
    if (plan_.edges[i].edge.to_part != plan_.parts[instance.part].name) continue;
    const auto slot = slots_.find({i, instance.machine});
    if (slot == slots_.end() || slot->second.missing > 0) return std::nullopt;
    const Arrival& arrival = *slot->second.first;
    first = std::min(first, arrival.time);
    if (!plan_.edges[i].required)
      optional.emplace_back(&arrival, plan_.edges[i].wait);
    else if (!last || last->time < arrival.time)
      last = arrival;
  }
  for (const auto& [arrival, wait] : optional) {
    Arrival until = *arrival;
    if (until.time > first + wait) {
      until = last ? *last : Arrival{.time = first, .parts_ms = {{"queue", 1e3 * first.count()}}};
      until.wait_until(first + wait);
    }
    if (!last || last->time < until.time) last = until;
  }
  return last;
}

// An exit that is taken keeps everything else at home.
bool Walk::is_sent(const PlanEdge& edge) const {
  for (std::size_t i = 0; i < plan_.gates.size(); ++i) {
    const Gate& gate = plan_.gates[i];
    if (edge.edge.from_part != gate.part) continue;
    const bool exit = edge.edge.to_part.empty() && edge.edge.from_tensor == gate.exit;
    if (exit != (i == case_.gate)) return false;
  }
  return true;
}

void Walk::run_part(const Instance& instance, Arrival at) {
  const Machine& machine = *instance.machine;
  auto& cores = cores_.try_emplace(&machine, static_cast<std::size_t>(machine.cores), Seconds{0})
                    .first->second;
  auto& core = *std::ranges::min_element(cores);
  const Seconds ready_at = at.time;
  at.wait_until(core);
  const PlacedPart& part = plan_.parts[instance.part];
  for (std::size_t i = 0; i < plan_.edges.size(); ++i) {
    if (plan_.edges[i].edge.to_part != part.name) continue;
    const Slot& slot = slots_.at({i, &machine});
    // An optional input that comes too late is not decoded.
    if (slot.crossed && slot.first->time <= ready_at) decode(i, machine, at);
  }
  const Seconds time = run_time(plan_, costs_, instance.part, machine);
  at.spend(part.name, time);
  if (machine.name == cluster_.source) source_time_.compute += time;
  for (std::size_t i = 0; i < plan_.edges.size(); ++i) {
    const Edge& edge = plan_.edges[i].edge;
    if (edge.from_part != part.name || !is_sent(plan_.edges[i])) continue;
    bool encoded = false;
    if (edge.to_part.empty()) {
      deliver(i, machine, cluster_.machine(plan_.sink.empty() ? cluster_.source : plan_.sink), at,
              encoded);
    } else {
      for (const Machine* to : machines_of(*plan_.find(edge.to_part)))
        deliver(i, machine, *to, at, encoded);
    }
  }
  core = at.time;
}

// Runs what is ready, the earliest first.
void Walk::start_parts() {
  while (!waiting_.empty()) {
    std::size_t next = waiting_.size();
    std::optional<Arrival> earliest;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      auto at = ready(waiting_[i]);
      if (!at || (earliest && earliest->time <= at->time)) continue;
      earliest = std::move(at);
      next = i;
    }
    // The rest waits behind an exit that was taken.
    if (!earliest) return;
    const Instance instance = waiting_[next];
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(next));
    run_part(instance, std::move(*earliest));
  }
}

Prediction Walk::run() {
  for (std::size_t i = 0; i < plan_.parts.size(); ++i)
    for (const Machine* machine : machines_of(plan_.parts[i])) waiting_.push_back({i, machine});
  const Machine& source = cluster_.machine(cluster_.source);
  Arrival start;
  for (std::size_t i = 0; i < plan_.edges.size(); ++i) {
    const Edge& edge = plan_.edges[i].edge;
    if (!edge.from_part.empty()) continue;
    bool encoded = false;
    for (const Machine* to : machines_of(*plan_.find(edge.to_part)))
      deliver(i, source, *to, start, encoded);
  }
  cores_.try_emplace(&source, static_cast<std::size_t>(source.cores), Seconds{0})
      .first->second.front() = start.time;
  start_parts();
  const Arrival& done = answer();
  source_time_.total = done.time;
  return {.total = done.time,
          .parts_ms = done.parts_ms,
          .bytes_per_frame = static_cast<std::int64_t>(std::llround(bytes_)),
          .energy_mj = energy_mj(source.power, source_time_)};
}

struct Weighted {
  Case which;
  double weight;
};

// Every case and how often it happens.
std::vector<Weighted> cases_of(const Plan& plan, const Cluster& cluster) {
  std::size_t turns = 1;
  for (const PlacedPart& part : plan.parts)
    if (part.placement == Placement::kSpread) turns = std::max(turns, part.machines.size());
  const auto differs = [](const LinkProfile& link) { return link.trace || link.loss > 0; };
  const bool varies = std::ranges::any_of(cluster.links,
                                          [&](const ClusterLink& link) {
                                            return differs(link.up) || differs(link.down);
                                          }) ||
                      std::ranges::any_of(cluster.networks, differs, &ClusterNetwork::link);
  const int starts = varies ? kTraceStarts : 1;
  std::vector<Weighted> cases;
  for (std::size_t turn = 0; turn < turns; ++turn) {
    for (int start = 0; start < starts; ++start) {
      double left = 1.0 / (static_cast<double>(turns) * starts);
      for (std::size_t gate = 0; gate < plan.gates.size(); ++gate) {
        const double taken = left * plan.gates[gate].taken;
        if (taken > 0) cases.push_back({{turn, gate, start}, taken});
        left -= taken;
      }
      if (left > 0) cases.push_back({{turn, kNoGate, start}, left});
    }
  }
  return cases;
}

}  // namespace

Prediction predict(const LoadedPlan& plan, const Cluster& cluster, const Profile& profile) {
  return predict(plan.plan, cluster, profile);
}

Prediction predict(const Plan& plan, const Cluster& cluster, const Profile& profile) {
  check_plan(plan, cluster);
  const PlanCosts costs = costs_of(plan, cluster.source, profile);
  Prediction mean;
  double bytes = 0;
  for (const auto& [which, weight] : cases_of(plan, cluster)) {
    const Prediction one = Walk(plan, cluster, costs, which).run();
    mean.total += weight * one.total;
    for (const auto& [name, value] : one.parts_ms) mean.parts_ms[name] += weight * value;
    bytes += weight * static_cast<double>(one.bytes_per_frame);
    mean.energy_mj += weight * one.energy_mj;
  }
  mean.bytes_per_frame = static_cast<std::int64_t>(std::llround(bytes));
  return mean;
}

}  // namespace isthmus
