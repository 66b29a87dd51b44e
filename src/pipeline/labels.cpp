#include "pipeline/labels.h"

#include <algorithm>
#include <cassert>
#include <map>

namespace isthmus {
namespace {

constexpr std::size_t kLabelsOfCell = 8;
// Rounding in sums of loads.
constexpr double kSlack = 1 + 1e-12;

}  // namespace

LabelledPipelines::LabelledPipelines(const PipelineCosts& costs,
                                     const std::vector<std::vector<std::size_t>>& classes,
                                     bool thorough)
    : costs_(costs),
      classes_(classes),
      counts_(classes),
      thorough_(thorough),
      units_(costs.problem().units.size()) {
  assert(classes.size() <= kMostClasses);
  make_teams();
  make_glue();
  as_good_.resize(units_ + 1);
}

void LabelledPipelines::make_teams() {
  for (std::size_t code = 1; code < counts_.size(); ++code) {
    Team team{.code = code, .total = counts_.total(code), .source = false, .seats = {}};
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      if (counts_.taken(code, c) == 0) continue;
      team.seats.push_back({.machine = classes_[c][0], .count = counts_.taken(code, c)});
      team.source |= classes_[c][0] == costs_.source();
    }
    // The source's machine runs stages alone.
    if (team.source && team.total > 1) continue;
    set_shares(costs_, StageMode::kReplicas, 0, team.seats);
    teams_.push_back(std::move(team));
  }
  std::ranges::stable_sort(teams_, {}, &Team::total);
  shard_seats_.resize(costs_.problem().shards.size() * teams_.size());
  for (std::size_t code = 0; code < counts_.size(); ++code) {
    double speed = 0;
    for (std::size_t c = 0; c < classes_.size(); ++c)
      speed += (counts_.all(c) - counts_.taken(code, c)) * costs_.speed(classes_[c][0]);
    speed_left_.push_back(speed);
  }
}

void LabelledPipelines::make_glue() {
  const PipelineProblem& problem = costs_.problem();
  options_at_.resize(units_ + 1);
  std::vector<double> least(units_, 1);
  int machines = 0;
  for (std::size_t c = 0; c < classes_.size(); ++c) machines += counts_.all(c);
  for (std::size_t p = 0; p <= units_; ++p) {
    glue_compute_.push_back(costs_.message(p).encode);
    glue_bytes_.push_back(costs_.message(p).bytes);
  }
  for (std::uint32_t o = 0; o < problem.shards.size(); ++o) {
    const ShardOption& option = problem.shards[o];
    const int most = std::min(option.most, machines);
    if (most < 2) continue;
    options_at_[option.first].push_back(o);
    const double whole = costs_.work(option.first, option.last);
    for (std::size_t i = option.first; i <= option.last && whole > 0; ++i)
      least[i] = std::min(least[i], option.time.scaled / whole);
    const auto message = costs_.shard_input(option, 1.0 / most);
    glue_compute_[option.first] =
        std::max(glue_compute_[option.first], option.scatter.count() + most * message.encode);
    glue_bytes_[option.first] = std::max(glue_bytes_[option.first], most * message.bytes);
  }
  work_left_.assign(units_ + 1, 0);
  for (std::size_t i = units_; i-- > 0;)
    work_left_[i] = work_left_[i + 1] + least[i] * problem.units[i].time.count();
}

double LabelledPipelines::lower_bound() const {
  return speed_left_[0] > 0 ? work_left_[0] / speed_left_[0] : 0;
}

SeatedStage LabelledPipelines::stage_of(const Label& label) const {
  if (label.team == kNone) return costs_.source_stage();
  const auto& seats = label.mode == StageMode::kShards
                          ? shard_seats_[label.option * teams_.size() + label.team]
                          : teams_[label.team].seats;
  return {label.first, label.end - 1, label.mode, label.option, seats};
}

const std::vector<Seat>& LabelledPipelines::shard_seats(std::size_t option, std::size_t team) {
  std::vector<Seat>& seats = shard_seats_[option * teams_.size() + team];
  if (seats.empty()) {
    seats = teams_[team].seats;
    set_shares(costs_, StageMode::kShards, option, seats);
  }
  return seats;
}

bool LabelledPipelines::fits_beside(std::size_t code, std::size_t team) const {
  for (std::size_t c = 0; c < classes_.size(); ++c)
    if (counts_.taken(code, c) + counts_.taken(teams_[team].code, c) > counts_.all(c)) return false;
  return true;
}

bool LabelledPipelines::enough_left(std::size_t code, std::size_t boundary) const {
  return work_left_[boundary] <= kSlack * bound_ * speed_left_[code];
}

bool LabelledPipelines::leaves(const Label& label, const Crossing& crossing) const {
  if (label.team == kNone)
    return std::max(crossing.from[0].compute, crossing.from[0].send) <= bound_;
  const bool source = teams_[label.team].source;
  for (std::size_t i = 0; i < crossing.from.size(); ++i) {
    Load load = label.loads[i];
    load += crossing.from[i];
    if (source) load.compute += label.source_compute;
    if (load.busiest() > bound_) return false;
  }
  Load holder = label.holder;
  holder += crossing.from[0];
  return holder.busiest() <= bound_;
}

std::optional<LabelledPipelines::Label> LabelledPipelines::entered(const Label& from,
                                                                   const SeatedStage& to,
                                                                   const Crossing& crossing,
                                                                   std::uint32_t id,
                                                                   std::uint32_t team) const {
  Label label{.parent = id,
              .team = team,
              .first = static_cast<std::uint32_t>(to.first),
              .mode = to.mode,
              .option = static_cast<std::uint32_t>(to.option),
              .source_compute = from.source_compute,
              .holder = crossing.holder};
  if (from.team == kNone)
    label.source_compute = crossing.from[0].compute;
  else if (teams_[from.team].source)
    label.source_compute += from.loads[0].compute + crossing.from[0].compute;
  for (std::size_t k = 0; k < to.seats.size(); ++k) {
    label.loads[k] = crossing.to[k];
    if (label.loads[k].busiest() > bound_) return std::nullopt;
  }
  if (label.holder.busiest() > bound_) return std::nullopt;
  return label;
}

bool LabelledPipelines::dominated(std::size_t end, std::size_t team) const {
  return std::ranges::any_of(as_good_[end], [&](std::uint32_t smaller) {
    for (std::size_t c = 0; c < classes_.size(); ++c)
      if (counts_.taken(teams_[smaller].code, c) > counts_.taken(teams_[team].code, c))
        return false;
    return true;
  });
}

void LabelledPipelines::note_as_good(const Label& label, const SeatedStage& stage) {
  for (std::size_t i = 0; i < stage.seats.size(); ++i) {
    const Seat& seat = stage.seats[i];
    const Machine& machine = costs_.machine(seat.machine);
    if (label.loads[i].compute +
            seat.share * machine.slowdown / machine.cores * glue_compute_[label.end] >
        bound_)
      return;
    const auto sends = [&](std::size_t to) {
      return !costs_.linked(seat.machine, to) ||
             seat.share * costs_.air(glue_bytes_[label.end], seat.machine, to) <= bound_;
    };
    for (const auto& each : classes_)
      if (!sends(each[0])) return;
    if (!sends(costs_.source())) return;
  }
  as_good_[label.end].push_back(label.team);
}

void LabelledPipelines::extend_whole(std::uint32_t id, std::size_t code, std::uint32_t t) {
  const Team& team = teams_[t];
  const std::size_t begin = labels_[id].end;
  SeatedStage next{begin, begin, team.total > 1 ? StageMode::kReplicas : StageMode::kSingle, 0,
                   team.seats};
  costs_.cross(stage_of(labels_[id]), next, begin, crossing_);
  if (!leaves(labels_[id], crossing_)) return;
  const auto entry = entered(labels_[id], next, crossing_, id, t);
  if (!entry) return;
  for (std::size_t end = begin + 1; end <= units_; ++end) {
    next.last = end - 1;
    Label label = *entry;
    label.end = static_cast<std::uint32_t>(end);
    bool fits = true;
    for (std::size_t k = 0; fits && k < team.seats.size(); ++k) {
      const double own = costs_.compute(next, team.seats[k]);
      label.loads[k].compute += own;
      if (k == 0) label.holder.compute += own;
      fits = label.loads[k].compute <= bound_;
    }
    if (!fits) break;
    if (team.source && begin > 0 && end < units_) continue;
    if (!enough_left(code + team.code, end) || dominated(end, t)) continue;
    add(code + team.code, label);
    note_as_good(label, next);
  }
}

void LabelledPipelines::extend_shards(std::uint32_t id, std::size_t code, std::uint32_t t,
                                      std::uint32_t o) {
  const ShardOption& option = costs_.problem().shards[o];
  if (option.most < teams_[t].total || !enough_left(code + teams_[t].code, option.last + 1)) return;
  const std::vector<Seat>& seats = shard_seats(o, t);
  const SeatedStage next{option.first, option.last, StageMode::kShards, o, seats};
  std::array<double, kMostClasses> own{};
  for (std::size_t k = 0; k < seats.size(); ++k) {
    own[k] = costs_.compute(next, seats[k]);
    if (own[k] > bound_) return;
  }
  costs_.cross(stage_of(labels_[id]), next, option.first, crossing_);
  if (!leaves(labels_[id], crossing_)) return;
  auto label = entered(labels_[id], next, crossing_, id, t);
  if (!label) return;
  for (std::size_t k = 0; k < seats.size(); ++k) {
    label->loads[k].compute += own[k];
    if (label->loads[k].compute > bound_) return;
  }
  label->holder.compute += own[0];
  if (label->holder.compute > bound_) return;
  label->end = static_cast<std::uint32_t>(option.last + 1);
  add(code + teams_[t].code, *label);
}

void LabelledPipelines::extend(std::uint32_t id, std::size_t code) {
  const std::size_t begin = labels_[id].end;
  for (auto& teams : as_good_) teams.clear();
  for (std::uint32_t t = 0; t < teams_.size(); ++t) {
    if (!fits_beside(code, t)) continue;
    if (teams_[t].total == 1 || costs_.problem().replicas) extend_whole(id, code, t);
    if (teams_[t].total < 2) continue;
    for (const std::uint32_t option : options_at_[begin]) extend_shards(id, code, t, option);
  }
}

void LabelledPipelines::add(std::size_t code, const Label& label) {
  const auto slack = [&](const Label& each) {
    double busiest = each.holder.compute;
    for (const Load& load : each.loads) busiest = std::max(busiest, load.compute);
    return busiest;
  };
  Cell& cell = cells_[code * (units_ + 1) + label.end];
  for (std::uint32_t& id : cell) {
    const Label& old = labels_[id];
    if (old.team != label.team || old.mode != label.mode || old.option != label.option) continue;
    if (slack(label) < slack(old)) {
      id = static_cast<std::uint32_t>(labels_.size());
      labels_.push_back(label);
    }
    return;
  }
  if (!thorough_ && cell.size() >= kLabelsOfCell) {
    const auto worst =
        std::ranges::max_element(cell, {}, [&](std::uint32_t id) { return slack(labels_[id]); });
    if (slack(labels_[*worst]) <= slack(label)) return;
    *worst = static_cast<std::uint32_t>(labels_.size());
  } else {
    cell.push_back(static_cast<std::uint32_t>(labels_.size()));
  }
  labels_.push_back(label);
}

bool LabelledPipelines::finishes(const Label& label) {
  costs_.cross(stage_of(label), costs_.source_stage(), units_, crossing_);
  if (!leaves(label, crossing_)) return false;
  Load source = crossing_.to[0];
  source.compute += label.source_compute;
  if (teams_[label.team].source) source += label.loads[0];
  return source.busiest() <= bound_;
}

std::optional<std::vector<LabelledPipelines::Stage>> LabelledPipelines::within(double bound) {
  bound_ = bound;
  labels_.clear();
  labels_.push_back({});
  cells_.assign(counts_.size() * (units_ + 1), {});
  cells_[0].push_back(0);
  std::uint32_t best = kNone;
  int fewest = 0;
  for (std::size_t code = 0; code < counts_.size(); ++code) {
    for (std::size_t p = 0; p < units_; ++p) {
      const Cell& cell = cells_[code * (units_ + 1) + p];
      for (std::size_t k = 0; k < cell.size(); ++k) extend(cell[k], code);
    }
    for (const std::uint32_t id : cells_[code * (units_ + 1) + units_]) {
      if (best != kNone && counts_.total(code) >= fewest) break;
      if (!finishes(labels_[id])) continue;
      best = id;
      fewest = counts_.total(code);
    }
  }
  if (best == kNone) return std::nullopt;
  return trace_back(best);
}

std::vector<LabelledPipelines::Stage> LabelledPipelines::trace_back(std::uint32_t id) const {
  std::vector<Stage> stages;
  for (; labels_[id].team != kNone; id = labels_[id].parent) {
    const Label& label = labels_[id];
    Stage stage{
        .first = label.first, .last = label.end - 1, .mode = label.mode, .option = label.option};
    for (std::size_t c = 0; c < classes_.size(); ++c)
      stage.machines[c] = counts_.taken(teams_[label.team].code, c);
    stages.push_back(stage);
  }
  std::ranges::reverse(stages);
  return stages;
}

}  // namespace isthmus
