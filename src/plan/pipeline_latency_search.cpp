#include <algorithm>
#include <map>
#include <queue>

#include "plan/pipeline_classes.h"
#include "plan/pipeline_latency.h"
#include "plan/pipeline_search.h"

namespace isthmus {
namespace {

constexpr std::size_t kMostExpanded = 2000;
// Ways kept at each boundary where memory is tight.
constexpr std::size_t kBeam = 24;
// All teams of machines in any order share a layer up to so many machines; else the fastest k.
constexpr std::size_t kAllTeams = 4;

// What one move adds to a frame's latency: from the tensor at a boundary on a machine to the one
// at a later boundary, on the same machine or on another.
struct Move {
  std::size_t end = 0;
  // Where the tensor is afterwards.
  std::size_t holder = 0;
  double seconds = 0;
  StageMode mode = StageMode::kSingle;
  std::size_t option = 0;
  // Of the stage, in order; of a single one, where it runs.
  std::vector<std::size_t> machines;
};

// Where a frame can be. Behind shards the next stage's first machine must be the one that merged.
struct Place {
  std::size_t boundary = 0;
  std::size_t holder = 0;
  bool merged = false;
};

class LatencyGraph {
 public:
  // With `spread`, teams of other machines than the fastest, too, for they may have memory left.
  LatencyGraph(const PipelineCosts& costs, bool shards, bool spread)
      : costs_(costs),
        workers_(costs.workers()),
        units_(costs.problem().units.size()),
        options_at_(units_ + 1) {
    // The fastest first: teams are made of them, and of the source's machine not at all.
    std::ranges::stable_sort(workers_, std::ranges::greater{},
                             [&](std::size_t worker) { return costs.speed(worker); });
    for (const auto& each : alike_machines(costs, workers_)) twins_.push_back(each);
    for (std::size_t o = 0; shards && o < costs.problem().shards.size(); ++o)
      options_at_[costs.problem().shards[o].first].push_back(o);
    make_teams(spread);
    to_go_.assign(2 * (units_ + 1) * costs.machines(), PipelineCosts::kNever);
    moves_.resize(to_go_.size());
    for (std::size_t p = units_ + 1; p-- > 0;)
      for (std::size_t m = 0; m < costs.machines(); ++m)
        for (const bool merged : {true, false}) prepare({p, m, merged});
  }

  // The least that is left, with unlimited memory.
  double to_go(const Place& place) const { return to_go_[index(place)]; }
  const std::vector<Move>& moves(const Place& place) const { return moves_[index(place)]; }
  const std::vector<std::vector<std::size_t>>& twins() const { return twins_; }
  std::size_t units() const { return units_; }
  Place after(const Move& move) const {
    return {move.end, move.holder, move.mode == StageMode::kShards};
  }

 private:
  std::size_t index(const Place& place) const {
    return (place.boundary * costs_.machines() + place.holder) * 2 + (place.merged ? 1 : 0);
  }

  void make_teams(bool spread) {
    std::vector<std::size_t> machines = workers_;
    std::erase(machines, costs_.source());
    if (machines.size() <= kAllTeams) return make_all_teams(machines);
    const auto size = static_cast<std::ptrdiff_t>(machines.size());
    for (std::ptrdiff_t first = 0; first < (spread ? size : 1); ++first) {
      for (std::ptrdiff_t k = 2; k <= size; k += spread && k > 3 ? 4 : 1)
        teams_.emplace_back(machines.begin(), machines.begin() + k);
      std::ranges::rotate(machines, machines.begin() + 1);
    }
  }

  void make_all_teams(const std::vector<std::size_t>& machines) {
    for (unsigned set = 1; set < 1U << machines.size(); ++set) {
      std::vector<std::size_t> team;
      for (std::size_t k = 0; k < machines.size(); ++k)
        if ((set >> k & 1) != 0) team.push_back(machines[k]);
      if (team.size() < 2) continue;
      std::ranges::sort(team);
      do teams_.push_back(team);
      while (std::ranges::next_permutation(team).found);
    }
  }

  // With the holder in, if it is not, in place of the slowest: it needs no message.
  std::vector<std::vector<std::size_t>> teams_for(std::size_t holder) const {
    std::vector<std::vector<std::size_t>> teams = teams_;
    if (workers_.size() <= kAllTeams || holder == costs_.source()) return teams;
    for (const auto& team : teams_) {
      if (std::ranges::find(team, holder) != team.end()) continue;
      teams.push_back(team);
      teams.back().back() = holder;
    }
    return teams;
  }

  void prepare(const Place& place) {
    double& least = to_go_[index(place)];
    const Seat holder{.machine = place.holder};
    if (place.boundary == units_) {
      const Seat source{.machine = costs_.source()};
      if (!place.merged) least = handed_over(costs_, costs_.message(units_), holder, source);
      if (place.merged && place.holder == costs_.source()) least = 0;
      return;
    }
    for (const std::size_t worker : workers_)
      if (!place.merged || worker == place.holder) add_single(place, worker);
    for (const std::size_t option : options_at_[place.boundary]) add_shards(place, option);
    for (const Move& move : moves_[index(place)])
      least = std::min(least, move.seconds + to_go(after(move)));
    std::ranges::sort(moves_[index(place)], {},
                      [&](const Move& move) { return move.seconds + to_go(after(move)); });
  }

  void add_single(const Place& place, std::size_t worker) {
    const std::array<Seat, 1> seat = {Seat{.machine = worker}};
    const SeatedStage stage{.first = place.boundary, .last = place.boundary, .seats = seat};
    if (costs_.compute(stage, seat[0]) == PipelineCosts::kNever) return;
    add(place, {.end = place.boundary + 1,
                .holder = worker,
                .seconds = handed_over(costs_, costs_.message(place.boundary),
                                       {.machine = place.holder}, seat[0]) +
                           costs_.run_time(stage, seat[0]),
                .machines = {worker}});
  }

  void add(const Place& place, Move move) {
    if (move.seconds < PipelineCosts::kNever) moves_[index(place)].push_back(std::move(move));
  }

  void add_shards(const Place& place, std::size_t o) {
    const ShardOption& option = costs_.problem().shards[o];
    for (std::vector<std::size_t>& team : teams_for(place.holder)) {
      if (static_cast<int>(team.size()) > option.most) continue;
      if (place.merged) {
        const auto first = std::ranges::find(team, place.holder);
        if (first == team.end()) continue;
        std::rotate(team.begin(), first, first + 1);
      }
      add_team(place, o, team);
    }
  }

  void add_team(const Place& place, std::size_t o, const std::vector<std::size_t>& team) {
    const ShardOption& option = costs_.problem().shards[o];
    std::vector<Seat> seats;
    for (const std::size_t machine : team) seats.push_back({.machine = machine});
    set_shares(costs_, StageMode::kShards, o, seats);
    const SeatedStage stage{option.first, option.last, StageMode::kShards, o, seats};
    auto ready = scattered(costs_, {.machine = place.holder}, stage, 0);
    for (std::size_t k = 0; k < seats.size(); ++k) {
      if (costs_.compute(stage, seats[k]) == PipelineCosts::kNever) return;
      ready[k] += costs_.run_time(stage, seats[k]);
    }
    const auto merge_on = [&](std::size_t machine) {
      add(place, {.end = option.last + 1,
                  .holder = machine,
                  .seconds = merged(costs_, stage, ready, {.machine = machine}),
                  .mode = StageMode::kShards,
                  .option = o,
                  .machines = team});
    };
    if (option.last + 1 == units_) return merge_on(costs_.source());
    if (workers_.size() <= 2 * kAllTeams) {
      for (const std::size_t worker : workers_) merge_on(worker);
      return;
    }
    merge_on(team[0]);
    if (place.holder != team[0] && std::ranges::find(workers_, place.holder) != workers_.end())
      merge_on(place.holder);
  }

  const PipelineCosts& costs_;
  std::vector<std::size_t> workers_;
  const std::size_t units_;
  std::vector<std::vector<std::size_t>> twins_;
  std::vector<std::vector<std::size_t>> options_at_;
  std::vector<std::vector<std::size_t>> teams_;
  // By place.
  std::vector<double> to_go_;
  std::vector<std::vector<Move>> moves_;
};

// Walks the graph with what each machine holds. The graph's bound is exact where memory is
// plentiful.
class LatencyWalk {
 public:
  LatencyWalk(const PipelineCosts& costs, const LatencyGraph& graph, bool reuse)
      : costs_(costs), graph_(graph), reuse_(reuse) {}

  // The best (A*), or nothing if that takes too long. What a shard swaps may be hidden behind the
  // others, so that the next best by the sum is looked at, too.
  std::optional<PipelinePlan> best(const Cluster& cluster) {
    begin();
    std::optional<PipelinePlan> best;
    for (std::size_t expanded = 0; !open_.empty() && expanded < kMostExpanded; ++expanded) {
      const std::size_t id = open_.top().second;
      if (best && total(nodes_[id]) > best->latency.count()) break;
      open_.pop();
      if (nodes_[id].place.boundary == graph_.units()) {
        const auto plan = possible(costs_, cluster, trace_back(id));
        if (plan && (!best || plan->latency < best->latency)) best = plan;
        if (!swaps_) break;
        continue;
      }
      if (seen_better(id)) continue;
      for (const Move& move : graph_.moves(nodes_[id].place)) follow(id, move);
    }
    return best;
  }

  // The best of the few that are kept at each boundary.
  std::optional<PipelinePlan> good(const Cluster& cluster) {
    begin();
    std::vector<std::vector<std::size_t>> beams(graph_.units() + 1);
    for (std::size_t p = 0; p <= graph_.units(); ++p) {
      for (; !open_.empty(); open_.pop())
        beams[nodes_[open_.top().second].place.boundary].push_back(open_.top().second);
      auto& beam = beams[p];
      std::ranges::sort(beam, {}, [&](std::size_t id) { return total(nodes_[id]); });
      if (p == graph_.units()) break;
      std::size_t kept = 0;
      for (std::size_t k = 0; k < beam.size() && kept < kBeam; ++k) {
        if (seen_better(beam[k])) continue;
        ++kept;
        for (const Move& move : graph_.moves(nodes_[beam[k]].place)) follow(beam[k], move);
      }
    }
    if (beams.back().empty()) return std::nullopt;
    return possible(costs_, cluster, trace_back(beams.back()[0]));
  }

 private:
  struct Holding {
    double weights = 0;
    double peak = 0;
    double swapping = 0;
    bool used = false;
    bool hides = false;
  };
  struct Node {
    Place place;
    // Without the swapping that other shards may hide.
    double spent = 0;
    std::size_t parent = 0;
    const Move* move = nullptr;
    std::vector<Holding> holding;
  };

  void begin() {
    nodes_.clear();
    open_ = {};
    expanded_.clear();
    push(
        {.place = {.holder = costs_.source()}, .holding = std::vector<Holding>(costs_.machines())});
  }

  double total(const Node& node) const { return node.spent + graph_.to_go(node.place); }

  void push(Node node) {
    if (total(node) == PipelineCosts::kNever) return;
    // Of equals the one that is further on.
    open_.push({{-total(node), node.place.boundary}, nodes_.size()});
    nodes_.push_back(std::move(node));
  }

  // Unused machines that are alike are taken in turn.
  bool in_turn(const Node& node, const Move& move) const {
    for (const auto& twins : graph_.twins()) {
      bool skipped = false;
      for (const std::size_t machine : twins) {
        if (node.holding[machine].used) continue;
        const bool taken = std::ranges::find(move.machines, machine) != move.machines.end() ||
                           machine == move.holder;
        if (taken && skipped) return false;
        skipped |= !taken;
      }
    }
    return true;
  }

  bool takes(Node& node, const Move& move) {
    std::vector<Seat> seats;
    for (const std::size_t machine : move.machines) seats.push_back({.machine = machine});
    set_shares(costs_, move.mode, move.option, seats);
    const SeatedStage stage{node.place.boundary, move.end - 1, move.mode, move.option, seats};
    for (const Seat& seat : seats) {
      Holding& holding = node.holding[seat.machine];
      holding.weights += costs_.weights(stage, seat);
      holding.peak = std::max(holding.peak, costs_.peak(stage, seat));
      const double now = costs_.swapping(
          costs_.footprint(holding.weights, holding.peak, seat.machine), seat.machine);
      if (now == PipelineCosts::kNever) return false;
      // A machine swaps in its first stage. If that is a shard, others may be later.
      if (!holding.used) holding.hides = move.mode == StageMode::kShards;
      if (!holding.hides) node.spent += now - holding.swapping;
      swaps_ |= now > 0;
      holding.swapping = now;
      holding.used = true;
    }
    node.spent += move.seconds;
    return true;
  }

  void follow(std::size_t id, const Move& move) {
    if (!in_turn(nodes_[id], move)) return;
    const std::size_t runs_on = move.machines[0];
    const bool stays = move.mode == StageMode::kSingle && runs_on == nodes_[id].place.holder &&
                       nodes_[id].place.boundary > 0;
    if (!reuse_ && !stays && nodes_[id].holding[runs_on].used) return;
    // As in a pipeline, the source's machine runs the first stage or the last.
    if (!reuse_ && runs_on != costs_.source() && nodes_[id].place.boundary > 0 &&
        nodes_[id].place.holder == costs_.source() && !begins_at_source(id))
      return;
    Node next = nodes_[id];
    next.parent = id;
    next.move = &move;
    if (!takes(next, move)) return;
    next.place = graph_.after(move);
    push(std::move(next));
  }

  // Whether the machine has run all so far.
  bool begins_at_source(std::size_t id) const {
    for (; nodes_[id].move != nullptr; id = nodes_[id].parent)
      if (nodes_[id].place.holder != costs_.source()) return false;
    return true;
  }

  bool seen_better(std::size_t id) {
    const Node& node = nodes_[id];
    // Which of two is better shows at the end only where a shard's machine swaps, perhaps later.
    for (std::size_t m = 0; m < node.holding.size(); ++m)
      if (node.holding[m].hides && costs_.machine(m).swap_bandwidth > 0) return false;
    auto& others = expanded_[{node.place.boundary, node.place.holder, node.place.merged ? 1U : 0U}];
    for (const std::size_t other : others) {
      if (nodes_[other].spent > node.spent) continue;
      bool dominates = true;
      for (std::size_t m = 0; dominates && m < node.holding.size(); ++m)
        dominates = nodes_[other].holding[m].weights <= node.holding[m].weights &&
                    nodes_[other].holding[m].peak <= node.holding[m].peak &&
                    (reuse_ || nodes_[other].holding[m].used <= node.holding[m].used);
      if (dominates) return true;
    }
    others.push_back(id);
    return false;
  }

  PipelinePlan trace_back(std::size_t id) const {
    std::vector<const Move*> moves;
    for (; nodes_[id].move != nullptr; id = nodes_[id].parent) moves.push_back(nodes_[id].move);
    std::ranges::reverse(moves);
    PipelinePlan plan;
    std::size_t begin = 0;
    for (const Move* move : moves) {
      const std::string& name = costs_.machine(move->machines[0]).name;
      const bool single = move->mode == StageMode::kSingle;
      if (single && !plan.stages.empty() && plan.stages.back().mode == StageMode::kSingle &&
          plan.stages.back().machines[0] == name)
        plan.stages.back().last = move->end - 1;
      else
        plan.stages.push_back(
            stage_on(costs_, {begin, move->end - 1, move->mode, move->option, {}}, move->machines));
      begin = move->end;
    }
    return plan;
  }

  const PipelineCosts& costs_;
  const LatencyGraph& graph_;
  const bool reuse_;
  // Whether any machine of any node does.
  bool swaps_ = false;
  std::vector<Node> nodes_;
  std::priority_queue<std::pair<std::pair<double, std::size_t>, std::size_t>> open_;
  std::map<std::array<std::size_t, 3>, std::vector<std::size_t>> expanded_;
};

}  // namespace

std::optional<PipelinePlan> search_latency(const PipelineProblem& problem, const Cluster& cluster,
                                           LatencySearch options) {
  const PipelineCosts costs(problem, cluster);
  const LatencyGraph graph(costs, options.shards, false);
  if (auto plan = LatencyWalk(costs, graph, options.reuse).best(cluster)) return plan;
  const LatencyGraph spread(costs, options.shards, true);
  return LatencyWalk(costs, spread, options.reuse).good(cluster);
}

}  // namespace isthmus
