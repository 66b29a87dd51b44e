#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>

#include "pipeline/latency_graph.h"
#include "pipeline/search.h"

namespace isthmus {
namespace {

constexpr std::size_t kMostExpanded = 2000;
// Of unequal machines each expansion may add thousands, about half a kilobyte each.
constexpr std::size_t kMostNodes = 400'000;
// Ways kept at each boundary where memory is tight. Of those that use as many machines, and of
// those whose tensor is at the same one, some are kept in any case: what is left may need machines
// that hold nothing yet, and it is the holder that goes on behind shards.
constexpr std::size_t kBeam = 16;
constexpr std::size_t kBeamOfAKind = 2;

// Walks the graph with what each machine holds. The graph's bound is exact where memory is
// plentiful.
class LatencyWalk {
 public:
  LatencyWalk(const PipelineCosts& costs, const LatencyGraph& graph, bool reuse)
      : costs_(costs), graph_(graph), reuse_(reuse) {
    const std::vector<PipelineUnit>& units = costs.problem().units;
    weights_left_.assign(units.size() + 1, 0);
    for (std::size_t p = units.size(); p-- > 0;) {
      weights_left_[p] = weights_left_[p + 1] + static_cast<double>(units[p].weight_bytes);
      largest_peak_ = std::max(largest_peak_, static_cast<double>(units[p].peak_bytes));
    }
  }

  // The best (A*), or nothing if that takes too long. What a shard swaps may be hidden behind the
  // others, so that the next best by the sum is looked at, too.
  std::optional<PipelinePlan> best(const Cluster& cluster) {
    begin();
    std::optional<PipelinePlan> best;
    for (std::size_t expanded = 0;
         !open_.empty() && expanded < kMostExpanded && nodes_.size() < kMostNodes; ++expanded) {
      const std::size_t id = next();
      if (best && total(nodes_[id]) > best->latency.count()) break;
      open_.pop();
      if (nodes_[id].place.boundary == graph_.units()) {
        const auto plan = possible(costs_, cluster, trace_back(id));
        if (plan && (!best || plan->latency < best->latency)) best = plan;
        if (!swaps_) break;
        continue;
      }
      if (seen_better(id)) continue;
      for (const FrameMove& move : graph_.moves(nodes_[id].place)) follow(id, move);
    }
    return best;
  }

  // The best of the few that are kept at each boundary.
  std::optional<PipelinePlan> good(const Cluster& cluster) {
    begin();
    std::vector<std::vector<std::size_t>> beams(graph_.units() + 1);
    for (std::size_t p = 0; p <= graph_.units(); ++p) {
      for (; !open_.empty(); open_.pop()) beams[nodes_[next()].place.boundary].push_back(next());
      auto& beam = beams[p];
      std::ranges::sort(beam, {}, [&](std::size_t id) { return total(nodes_[id]); });
      if (p == graph_.units()) break;
      std::size_t kept = 0;
      std::vector<std::size_t> kept_by_used(costs_.machines() + 1, 0);
      std::vector<std::size_t> kept_by_holder(costs_.machines(), 0);
      for (const std::size_t id : beam) {
        std::size_t& alike_used = kept_by_used[machines_used(nodes_[id])];
        std::size_t& alike_held = kept_by_holder[nodes_[id].place.holder];
        if (kept >= kBeam && alike_used >= kBeamOfAKind && alike_held >= kBeamOfAKind) continue;
        if (seen_better(id)) continue;
        ++kept;
        ++alike_used;
        ++alike_held;
        for (const FrameMove& move : graph_.moves(nodes_[id].place)) follow(id, move);
      }
    }
    if (beams.back().empty()) return std::nullopt;
    return possible(costs_, cluster, trace_back(beams.back()[0]));
  }

 private:
  struct Holding {
    double weights = 0;
    // Room for the frames of a stage, but for the one that has `begun`.
    double waiting = 0;
    double peak = 0;
    double swapping = 0;
    bool used = false;
    bool hides = false;
  };
  struct Node {
    FramePlace place;
    // Without the swapping that other shards may hide.
    double spent = 0;
    std::size_t parent = 0;
    const FrameMove* move = nullptr;
    // Where the stage began that the machine with the tensor runs alone, up to now.
    std::optional<std::size_t> begun;
    std::vector<Holding> holding;
  };

  void begin() {
    nodes_.clear();
    open_ = {};
    expanded_.clear();
    push(
        {.place = {.holder = costs_.source()}, .holding = std::vector<Holding>(costs_.machines())});
  }

  static std::size_t machines_used(const Node& node) {
    return static_cast<std::size_t>(std::ranges::count(node.holding, true, &Holding::used));
  }

  std::size_t next() const { return static_cast<std::size_t>(-open_.top().second); }

  double total(const Node& node) const { return node.spent + graph_.to_go(node.place); }

  void push(Node node) {
    if (total(node) == PipelineCosts::kNever) return;
    // Of equals the one that is further on, then the first.
    open_.push({{-total(node), node.place.boundary}, -static_cast<std::int64_t>(nodes_.size())});
    nodes_.push_back(std::move(node));
  }

  // Unused machines that are alike are taken in turn.
  bool in_turn(const Node& node, const FrameMove& move) const {
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

  bool takes(Node& node, const FrameMove& move) {
    const bool alone = move.mode == StageMode::kSingle;
    const std::size_t from = node.place.holder;
    if (node.begun && !(alone && move.holder == from) && !ends(node)) return false;
    if (alone && !node.begun) node.begun = node.place.boundary;
    const std::vector<Seat> seats = seats_on(costs_, move.mode, move.option, move.machines);
    const SeatedStage stage{node.place.boundary, move.end - 1, move.mode, move.option, seats};
    for (const Seat& seat : seats) {
      Holding& holding = node.holding[seat.machine];
      holding.weights += costs_.weights(stage, seat);
      holding.peak = std::max(holding.peak, costs_.peak(stage, seat));
      if (!alone) note_waiting(holding, costs_.waiting(stage, seat));
      const double now = swapping(holding, seat.machine);
      if (now == PipelineCosts::kNever) return false;
      // A machine swaps in its first stage. If that is a shard, others may be later.
      if (!holding.used) holding.hides = move.mode == StageMode::kShards;
      if (!holding.hides) node.spent += now - holding.swapping;
      swaps_ |= now > 0;
      holding.swapping = now;
      holding.used = true;
    }
    node.spent += move.seconds;
    if (move.end < graph_.units() || !alone) return true;
    node.place = graph_.after(move);
    return ends(node);
  }

  double swapping(const Holding& holding, std::size_t machine) const {
    return costs_.swapping(
        costs_.footprint(holding.weights + holding.waiting, holding.peak, machine), machine);
  }

  void note_waiting(Holding& holding, double bytes) {
    holding.waiting = std::max(holding.waiting, bytes);
    most_waiting_ = std::max(most_waiting_, bytes);
  }

  // The stage that has begun; false if its machine has no room for its frames.
  bool ends(Node& node) {
    const std::size_t machine = node.place.holder;
    const SeatedStage stage{.first = *node.begun, .last = node.place.boundary - 1};
    node.begun.reset();
    note_waiting(node.holding[machine], costs_.waiting(stage, {.machine = machine}));
    return swapping(node.holding[machine], machine) < PipelineCosts::kNever;
  }

  void follow(std::size_t id, const FrameMove& move) {
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

  // Whether the machine could take all that is left.
  bool has_plenty(const Node& node, std::size_t machine) const {
    const double held =
        node.holding[machine].weights + weights_left_[node.place.boundary] + 2 * most_waiting_;
    return costs_.swapping(costs_.footprint(held, largest_peak_, machine), machine) == 0;
  }

  // Now, and wherever the stage ends that has begun.
  bool waits_no_more(const Node& one, const Node& other, std::size_t machine) const {
    if (one.holding[machine].waiting > other.holding[machine].waiting) return false;
    if (machine != one.place.holder) return true;
    if (!one.begun || !other.begun) return !one.begun;
    return costs_.message(*one.begun).bytes <= costs_.message(*other.begun).bytes;
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
                    (waits_no_more(nodes_[other], node, m) || has_plenty(nodes_[other], m)) &&
                    (reuse_ || nodes_[other].holding[m].used <= node.holding[m].used);
      if (dominates) return true;
    }
    others.push_back(id);
    return false;
  }

  PipelinePlan trace_back(std::size_t id) const {
    std::vector<const FrameMove*> moves;
    for (; nodes_[id].move != nullptr; id = nodes_[id].parent) moves.push_back(nodes_[id].move);
    std::ranges::reverse(moves);
    PipelinePlan plan;
    std::size_t begin = 0;
    for (const FrameMove* move : moves) {
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
  // Before each unit; and of all of them.
  std::vector<double> weights_left_;
  double largest_peak_ = 0;
  // Of any stage so far.
  double most_waiting_ = 0;
  // Whether any machine of any node does.
  bool swaps_ = false;
  std::vector<Node> nodes_;
  std::priority_queue<std::pair<std::pair<double, std::size_t>, std::int64_t>> open_;
  std::map<std::array<std::size_t, 3>, std::vector<std::size_t>> expanded_;
};

}  // namespace

std::optional<PipelinePlan> search_latency(const PipelineProblem& problem, const Cluster& cluster,
                                           LatencySearch options) {
  const PipelineCosts costs(problem, cluster);
  const LatencyGraph graph(costs, options.shards, false);
  if (auto plan = LatencyWalk(costs, graph, options.reuse).best(cluster)) return plan;
  const LatencyGraph spread(costs, options.shards, true);
  auto plan = LatencyWalk(costs, spread, options.reuse).good(cluster);
  if (plan || !options.shards) return plan;
  PipelineProblem single = problem;
  single.replicas = false;
  return search_throughput(single, cluster);
}

}  // namespace isthmus
