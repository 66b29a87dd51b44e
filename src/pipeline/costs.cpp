#include "pipeline/costs.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/error.h"
#include "plan/costs.h"
#include "plan/room.h"

namespace isthmus {
namespace {

PipelineCosts::Message scaled(const PipelineCosts::Message& whole, double bytes) {
  const double part = whole.bytes > 0 ? bytes / whole.bytes : 1;
  return {.bytes = bytes, .encode = whole.encode * part, .decode = whole.decode * part};
}

// For frames of so many bytes (plan/room.h). That several machines may send them is left to those
// who have the plan.
double room_bytes(double frame) { return frames_of_room(frame) * frame; }

bool is_amount(double value) { return std::isfinite(value) && value >= 0; }

bool is_amount(const Linear& linear) { return is_amount(linear.fixed) && is_amount(linear.scaled); }

}  // namespace

void check_problem(const PipelineProblem& problem) {
  const auto fail = [](const std::string& what) {
    throw Error(ErrorKind::kInvalid, "pipeline problem: " + what);
  };
  if (problem.units.empty()) fail("there is no unit");
  for (const PipelineUnit& unit : problem.units)
    if (!is_amount(unit.time.count()) || !is_amount(unit.encode.count()) ||
        !is_amount(unit.decode.count()) || unit.weight_bytes < 0 || unit.peak_bytes < 0 ||
        unit.out_bytes < 0)
      fail("negative or impossible numbers of the unit until " + unit.until);
  for (const ShardOption& option : problem.shards) {
    if (option.first > option.last || option.last >= problem.units.size())
      fail("a " + option.kind + " split of units " + std::to_string(option.first) + " to " +
           std::to_string(option.last) + " of " + std::to_string(problem.units.size()));
    if (!is_amount(option.time) || !is_amount(option.weight_bytes) ||
        !is_amount(option.peak_bytes) || !is_amount(option.in_bytes) ||
        !is_amount(option.out_bytes) || !is_amount(option.scatter.count()) ||
        !is_amount(option.merge.count()))
      fail("negative or impossible numbers of the " + option.kind + " split until " +
           problem.units[option.last].until);
  }
}

PipelineCosts::PipelineCosts(const PipelineProblem& problem, const Cluster& cluster,
                             std::span<const std::vector<std::size_t>> classes)
    : problem_(problem), cluster_(cluster), has_peers_(cluster.machines.size(), false) {
  check_problem(problem);
  const auto at = std::ranges::find(cluster.machines, cluster.source, &Machine::name);
  if (at == cluster.machines.end())
    throw Error(ErrorKind::kInvalid,
                "the source's machine is not in the cluster: " + cluster.source);
  source_ = static_cast<std::size_t>(at - cluster.machines.begin());
  source_seat_ = {Seat{.machine = source_}};
  const auto route_between = [&](const Machine& from, const Machine& to) {
    const auto link = cluster.link(from.name, to.name);
    return link ? Route{.per_byte = 8 / mean_bandwidth(*link) / (1 - link->loss),
                        .delay = link->latency.count(),
                        .headers = link->headers}
                : Route{};
  };
  for (const Machine& from : cluster.machines)
    for (const Machine& to : cluster.machines) routes_.push_back(route_between(from, to));
  for (const auto& each : classes) {
    if (each.size() < 2) continue;
    has_peers_[each[0]] = true;
    routes_[each[0] * machines() + each[0]] = route_between(machine(each[0]), machine(each[1]));
  }
  work_.assign(1, 0);
  weights_.assign(1, 0);
  for (const PipelineUnit& unit : problem.units) {
    work_.push_back(work_.back() + unit.time.count());
    weights_.push_back(weights_.back() + static_cast<double>(unit.weight_bytes));
  }
  for (std::size_t p = 0; p <= problem.units.size(); ++p)
    rooms_.push_back(room_bytes(message(p).bytes));
  peaks_.emplace_back();
  for (const PipelineUnit& unit : problem.units)
    peaks_[0].push_back(static_cast<double>(unit.peak_bytes));
  for (std::size_t half = 1; 2 * half <= problem.units.size(); half *= 2) {
    const std::vector<double>& below = peaks_.back();
    std::vector<double> level(problem.units.size() - 2 * half + 1);
    for (std::size_t i = 0; i < level.size(); ++i) level[i] = std::max(below[i], below[i + half]);
    peaks_.push_back(std::move(level));
  }
}

std::vector<std::size_t> PipelineCosts::workers() const {
  std::vector<std::size_t> workers;
  for (std::size_t i = 0; i < machines(); ++i)
    if (i != source_ || problem_.source_may_run) workers.push_back(i);
  return workers;
}

double PipelineCosts::speed(std::size_t index) const {
  return machine(index).cores / std::max(machine(index).slowdown, 1e-12);
}

bool PipelineCosts::alike(std::size_t a, std::size_t b) const {
  const Machine& one = machine(a);
  const Machine& other = machine(b);
  if (a == source_ || b == source_ || one.slowdown != other.slowdown || one.cores != other.cores ||
      one.memory != other.memory || one.swap_bandwidth != other.swap_bandwidth ||
      route(a, b) != route(b, a))
    return false;
  for (std::size_t x = 0; x < machines(); ++x)
    if (x != a && x != b && (route(a, x) != route(b, x) || route(x, a) != route(x, b)))
      return false;
  return true;
}

double PipelineCosts::air(double bytes, std::size_t from, std::size_t to) const {
  const Route& route = this->route(from, to);
  if (route.per_byte == kNever || route.per_byte == 0) return route.per_byte;
  return route.per_byte * static_cast<double>(bytes_on_air(
                              static_cast<std::int64_t>(std::ceil(bytes)), route.headers));
}

double PipelineCosts::weights(const SeatedStage& stage, const Seat& seat) const {
  return stage.mode == StageMode::kShards
             ? problem_.shards[stage.option].weight_bytes.at(seat.share)
             : weights_[stage.last + 1] - weights_[stage.first];
}

// Frames wait at the machine as what came or what is to leave, and are on the link behind it.
double PipelineCosts::waiting(const SeatedStage& stage, const Seat& seat) const {
  if (!machine(seat.machine).has_hard_limit()) return 0;
  if (stage.mode == StageMode::kShards) {
    const ShardOption& shards = problem_.shards[stage.option];
    const double in = shards.in_bytes.at(seat.share);
    const double out = shards.out_bytes.at(seat.share);
    return room_bytes(std::max(in, out)) + room_bytes(out);
  }
  const bool takes_more = message(stage.first).bytes > message(stage.last + 1).bytes;
  return rooms_[takes_more ? stage.first : stage.last + 1] + rooms_[stage.last + 1];
}

double PipelineCosts::peak(const SeatedStage& stage, const Seat& seat) const {
  if (stage.mode == StageMode::kShards)
    return problem_.shards[stage.option].peak_bytes.at(seat.share);
  const auto level = static_cast<std::size_t>(std::bit_width(stage.last - stage.first + 1) - 1);
  const std::vector<double>& peaks = peaks_[level];
  return std::max(peaks[stage.first], peaks[stage.last + 1 - (std::size_t{1} << level)]);
}

double PipelineCosts::footprint(double held, double peak, std::size_t index) const {
  return held + machine(index).cores * peak + static_cast<double>(kRuntimeBytes);
}

double PipelineCosts::swapping(double footprint, std::size_t index) const {
  const Machine& machine = this->machine(index);
  const double excess = footprint - static_cast<double>(machine.memory);
  if (machine.memory <= 0 || excess <= 0) return 0;
  return machine.swap_bandwidth > 0 ? excess / machine.swap_bandwidth : kNever;
}

double PipelineCosts::run_time(const SeatedStage& stage, const Seat& seat) const {
  return machine(seat.machine).slowdown * (stage.mode == StageMode::kShards
                                               ? problem_.shards[stage.option].time.at(seat.share)
                                               : work(stage.first, stage.last));
}

double PipelineCosts::compute(const SeatedStage& stage, const Seat& seat) const {
  double time = run_time(stage, seat);
  if (machine(seat.machine).memory > 0)
    time += swapping(footprint(held(stage, seat), peak(stage, seat), seat.machine), seat.machine);
  return time * (stage.mode == StageMode::kShards ? 1 : seat.share) / machine(seat.machine).cores;
}

PipelineCosts::Message PipelineCosts::message(std::size_t boundary) const {
  if (boundary == 0)
    return {.bytes = static_cast<double>(problem_.in_bytes),
            .encode = problem_.in_encode.count(),
            .decode = problem_.in_decode.count()};
  const PipelineUnit& unit = problem_.units[boundary - 1];
  return {.bytes = static_cast<double>(unit.out_bytes),
          .encode = unit.encode.count(),
          .decode = unit.decode.count()};
}

PipelineCosts::Message PipelineCosts::shard_input(const ShardOption& option, double share) const {
  return scaled(message(option.first), option.in_bytes.at(share));
}

PipelineCosts::Message PipelineCosts::shard_output(const ShardOption& option, double share) const {
  return scaled(message(option.last + 1), option.out_bytes.at(share));
}

double PipelineCosts::cpu(const Seat& seat, double seconds) const {
  return seconds * machine(seat.machine).slowdown / machine(seat.machine).cores;
}

void PipelineCosts::cross(const SeatedStage& from, const SeatedStage& to, std::size_t boundary,
                          Crossing& result) const {
  result.from.assign(from.seats.size(), {});
  result.to.assign(to.seats.size(), {});
  result.holder = {};
  const bool merges = from.mode == StageMode::kShards;
  const bool scatters = to.mode == StageMode::kShards;
  if (merges && scatters) {
    cross_merged_scattered(from, to, result);
    if (to.seats[0].count == 1) result.to[0] = result.holder;
    return;
  }
  if (merges) {
    cross_merged(from, to, result);
  } else if (scatters) {
    cross_scattered(from, to, result);
  } else {
    cross_whole(from, to, message(boundary), result);
  }
  result.holder = result.to[0];
}

void PipelineCosts::cross_whole(const SeatedStage& from, const SeatedStage& to,
                                const Message& message, Crossing& result) const {
  if (from.seats.size() == 1 && to.seats.size() == 1 && same(from.seats[0], to.seats[0])) return;
  for (std::size_t i = 0; i < from.seats.size(); ++i) {
    const Seat& a = from.seats[i];
    result.from[i].compute = a.share * cpu(a, message.encode);
    for (std::size_t k = 0; k < to.seats.size(); ++k) {
      const Seat& b = to.seats[k];
      const double air = a.share * b.share * this->air(message.bytes, a.machine, b.machine);
      result.from[i].send += b.count * air;
      result.to[k].receive += a.count * air;
    }
  }
  for (std::size_t k = 0; k < to.seats.size(); ++k)
    result.to[k].compute = to.seats[k].share * cpu(to.seats[k], message.decode);
}

void PipelineCosts::cross_scattered(const SeatedStage& from, const SeatedStage& to,
                                    Crossing& result) const {
  const ShardOption& option = problem_.shards[to.option];
  for (const Seat& a : from.seats) {
    Load& load = result.from[static_cast<std::size_t>(&a - from.seats.data())];
    double glue = option.scatter.count();
    for (std::size_t k = 0; k < to.seats.size(); ++k) {
      const Seat& b = to.seats[k];
      if (same(a, b)) continue;
      const Message message = shard_input(option, b.share);
      const double air = a.share * this->air(message.bytes, a.machine, b.machine);
      glue += b.count * message.encode;
      load.send += b.count * air;
      result.to[k].receive += a.count * air;
      result.to[k].compute += a.count * a.share * cpu(b, message.decode);
    }
    load.compute = a.share * cpu(a, glue);
  }
}

void PipelineCosts::cross_merged(const SeatedStage& from, const SeatedStage& to,
                                 Crossing& result) const {
  const ShardOption& option = problem_.shards[from.option];
  for (std::size_t k = 0; k < to.seats.size(); ++k) {
    const Seat& b = to.seats[k];
    double glue = option.merge.count();
    for (std::size_t i = 0; i < from.seats.size(); ++i) {
      const Seat& a = from.seats[i];
      if (same(a, b)) continue;
      const Message message = shard_output(option, a.share);
      const double air = b.share * this->air(message.bytes, a.machine, b.machine);
      glue += a.count * message.decode;
      result.from[i].send += b.count * air;
      result.from[i].compute += b.count * b.share * cpu(a, message.encode);
      result.to[k].receive += a.count * air;
    }
    result.to[k].compute = b.share * cpu(b, glue);
  }
}

void PipelineCosts::cross_merged_scattered(const SeatedStage& from, const SeatedStage& to,
                                           Crossing& result) const {
  const Seat& holder = to.seats[0];
  const std::array<Seat, 1> alone = {Seat{.machine = holder.machine}};
  const SeatedStage middle{.seats = alone};
  Crossing merge{std::vector<Load>(from.seats.size()), std::vector<Load>(1), {}};
  cross_merged(from, middle, merge);
  // The holder keeps its own shard, so the others of its seat are a seat of their own.
  std::vector<Seat> others(to.seats.begin(), to.seats.end());
  --others[0].count;
  Crossing scatter{std::vector<Load>(1), std::vector<Load>(others.size()), {}};
  const SeatedStage rest{to.first, to.last, to.mode, to.option, others};
  cross_scattered(middle, rest, scatter);
  result.from = merge.from;
  result.to = scatter.to;
  result.holder = merge.to[0];
  result.holder += scatter.from[0];
}

void set_shares(const PipelineCosts& costs, StageMode mode, std::size_t option,
                std::vector<Seat>& seats) {
  double all = 0;
  for (const Seat& seat : seats) all += seat.count * costs.speed(seat.machine);
  for (Seat& seat : seats) seat.share = costs.speed(seat.machine) / all;
  if (mode != StageMode::kShards) return;
  const ShardOption& shards = costs.problem().shards[option];
  std::vector<bool> full(seats.size(), false);
  for (std::size_t round = 0; round < seats.size(); ++round) {
    double rest = 1;
    double speed = 0;
    bool changed = false;
    for (std::size_t i = 0; i < seats.size(); ++i) {
      Seat& seat = seats[i];
      const Machine& machine = costs.machine(seat.machine);
      if (!full[i] && machine.has_hard_limit()) {
        const double scaled = shards.weight_bytes.scaled + machine.cores * shards.peak_bytes.scaled;
        const double room = static_cast<double>(machine.memory - kRuntimeBytes) -
                            shards.weight_bytes.fixed - machine.cores * shards.peak_bytes.fixed -
                            costs.waiting({.mode = mode, .option = option}, seat);
        const double most = scaled > 0 ? room / scaled * (1 - 1e-9) : 1;
        if (seat.share > most && most > 0) {
          seat.share = most;
          full[i] = changed = true;
        }
      }
      if (full[i]) rest -= seat.count * seat.share;
      if (!full[i]) speed += seat.count * costs.speed(seat.machine);
    }
    if (!changed) return;
    if (speed == 0 || rest <= 0) break;
    for (std::size_t i = 0; i < seats.size(); ++i)
      if (!full[i]) seats[i].share = rest * costs.speed(seats[i].machine) / speed;
  }
  // All are full, or what is left cannot be held: in proportion, and the memory says no.
  double sum = 0;
  for (const Seat& seat : seats) sum += seat.count * seat.share;
  for (Seat& seat : seats) seat.share /= sum;
}

std::vector<Seat> seats_on(const PipelineCosts& costs, StageMode mode, std::size_t option,
                           std::span<const std::size_t> machines) {
  std::vector<Seat> seats;
  seats.reserve(machines.size());
  for (const std::size_t machine : machines) seats.push_back({.machine = machine});
  set_shares(costs, mode, option, seats);
  return seats;
}

PipelineStage stage_on(const PipelineCosts& costs, const SeatedStage& stage,
                       std::span<const std::size_t> machines) {
  PipelineStage named{
      .first = stage.first, .last = stage.last, .mode = stage.mode, .option = stage.option};
  for (const Seat& seat : seats_on(costs, stage.mode, stage.option, machines)) {
    named.machines.push_back(costs.machine(seat.machine).name);
    named.shares.push_back(seat.share);
  }
  return named;
}

}  // namespace isthmus
