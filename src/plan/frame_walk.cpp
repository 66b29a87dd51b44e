#include "plan/frame_walk.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "core/rng.h"
#include "plan/energy.h"

namespace isthmus {
namespace {

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

// One frame on its way through a plan, alone.
class Walk {
 public:
  Walk(const Plan& plan, const Cluster& cluster, const PlanCosts& costs, const WalkCase& which)
      : plan_(plan), cluster_(cluster), costs_(costs), case_(which), in_edges_(plan.parts.size()) {
    std::unordered_map<std::string_view, std::size_t> parts;
    for (const PlacedPart& part : plan.parts) parts.emplace(part.name, parts.size());
    for (std::size_t i = 0; i < plan.edges.size(); ++i)
      if (!plan.edges[i].edge.to_part.empty())
        in_edges_[parts.at(plan.edges[i].edge.to_part)].push_back(i);
  }

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

  // On its way from one machine to another.
  struct Message {
    std::size_t edge;
    const Machine* at;
    const Machine* to;
    Arrival arrival;
    // Its last bit is at the next machine's interface on a network.
    bool at_interface = false;
  };

  std::vector<const Machine*> machines_of(const PlacedPart& part) const;
  std::size_t producers_of(const std::string& part) const;
  LinkTimeline& interface_of(const Machine& from, const void* way, LinkProfile profile);
  void move(Message message);
  void deliver(std::size_t edge, const Machine& from, const Machine& to, Arrival& sender,
               bool& encoded);
  void arrive(std::size_t edge, const Machine& to, const Arrival& arrival, bool crossed);
  void decode(std::size_t edge, const Machine& at, Arrival& arrival);
  const Arrival& answer() const;
  std::optional<Arrival> ready(const Instance& instance) const;
  bool goes_on(const Instance& instance, Seconds ready) const;
  Seconds& core_of(const Machine& machine);
  void play();
  void run_part(const Instance& instance, Arrival at);
  bool is_sent(const PlanEdge& edge) const;
  void spend(Arrival& arrival, const Machine& machine, const std::string& on, Seconds duration);

  const Plan& plan_;
  const Cluster& cluster_;
  const PlanCosts& costs_;
  const WalkCase case_;
  // By part.
  std::vector<std::vector<std::size_t>> in_edges_;
  std::vector<Instance> waiting_;
  // In the order in which they were handed over.
  std::vector<Message> messages_;
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

// One step: over a link, or into the receiver's interface.
void Walk::move(Message message) {
  const Machine& from = *message.at;
  // To the source it goes back along the way that the frame came (runtime.md).
  const bool back = message.to->name == cluster_.source;
  const Machine& to = back ? *came_from_.at(&from).second : *message.to;
  const auto bytes =
      static_cast<std::int64_t>(std::llround(costs_.edges[message.edge].message_bytes));
  const ClusterNetwork* network = cluster_.network(from.name, to.name);
  const Seconds before = message.arrival.time;
  Seconds arrives{0};
  if (!message.at_interface) {
    const void* way = network ? static_cast<const void*>(network) : &to;
    arrives =
        interface_of(from, way, *cluster_.link(from.name, to.name)).send(before, bytes).arrives;
    bytes_ += costs_.edges[message.edge].message_bytes;
  } else {
    arrives = receivers_[{network, &to}].receive(before, time_on_air(network->link, bytes));
  }
  if (from.name == cluster_.source) source_time_.transmit += arrives - before;
  message.arrival.spend("network", arrives - before);
  message.at_interface = network != nullptr && !message.at_interface;
  if (!message.at_interface) {
    const auto [known, fresh] = came_from_.try_emplace(&to, arrives, &from);
    if (!fresh && arrives < known->second.first) known->second = {arrives, &from};
    message.at = &to;
    if (&to == message.to) {
      if (plan_.edges[message.edge].edge.to_part.empty()) decode(message.edge, to, message.arrival);
      return arrive(message.edge, to, message.arrival, true);
    }
  }
  messages_.push_back(std::move(message));
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
  messages_.push_back({edge, &from, &to, sender});
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
  for (const std::size_t i : in_edges_[instance.part]) {
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

// Whether one of its inputs was made where it runs.
bool Walk::goes_on(const Instance& instance, Seconds ready) const {
  return std::ranges::any_of(in_edges_[instance.part], [&](std::size_t i) {
    const Slot& slot = slots_.at({i, instance.machine});
    return !slot.crossed && slot.first->time <= ready;
  });
}

// The one that is free first.
Seconds& Walk::core_of(const Machine& machine) {
  auto& cores = cores_.try_emplace(&machine, static_cast<std::size_t>(machine.cores), Seconds{0})
                    .first->second;
  return *std::ranges::min_element(cores);
}

void Walk::run_part(const Instance& instance, Arrival at) {
  const Machine& machine = *instance.machine;
  Seconds& core = core_of(machine);
  const Seconds ready_at = at.time;
  at.wait_until(core);
  const PlacedPart& part = plan_.parts[instance.part];
  for (const std::size_t i : in_edges_[instance.part]) {
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

// Lets happen what happens, the earliest first. Of parts that wait for a machine those of which an
// input was made there go first, then the one that was ready first.
void Walk::play() {
  while (true) {
    std::size_t next = waiting_.size();
    std::tuple<Seconds, bool, Seconds> least;
    std::optional<Arrival> inputs;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      auto at = ready(waiting_[i]);
      if (!at) continue;
      const std::tuple order{std::max(at->time, core_of(*waiting_[i].machine)),
                             !goes_on(waiting_[i], at->time), at->time};
      if (inputs && least <= order) continue;
      least = order;
      inputs = std::move(at);
      next = i;
    }
    // What is handed over first goes first, on links and through the interfaces of networks.
    const auto first = std::ranges::min_element(
        messages_, {}, [](const Message& message) { return message.arrival.time; });
    if (first != messages_.end() && (!inputs || first->arrival.time <= std::get<0>(least))) {
      Message message = std::move(*first);
      messages_.erase(first);
      move(std::move(message));
      continue;
    }
    // The rest waits behind an exit that was taken.
    if (!inputs) return;
    const Instance instance = waiting_[next];
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(next));
    run_part(instance, std::move(*inputs));
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
  play();
  const Arrival& done = answer();
  source_time_.total = done.time;
  return {.total = done.time,
          .parts_ms = done.parts_ms,
          .bytes_per_frame = static_cast<std::int64_t>(std::llround(bytes_)),
          .energy_mj = energy_mj(source.power, source_time_)};
}

}  // namespace

Prediction walk_frame(const Plan& plan, const Cluster& cluster, const PlanCosts& costs,
                      const WalkCase& which) {
  return Walk(plan, cluster, costs, which).run();
}

}  // namespace isthmus
