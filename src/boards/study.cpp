#include "boards/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "boards/confirm.h"
#include "boards/network_measurement.h"
#include "boards/spread_check.h"
#include "boards/spread_search.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/statistics.h"
#include "core/text.h"
#include "lab/frames.h"
#include "pipeline/explain.h"
#include "pipeline/procedure.h"
#include "plan/costs.h"
#include "plan/working_set.h"

namespace isthmus {
namespace {

// All boards share the one run of layers that is the network.
PipelinePlan sharded_whole(const PipelineProblem& problem, const Cluster& cluster,
                           const std::string& kind) {
  for (std::size_t i = 0; i < problem.shards.size(); ++i) {
    const ShardOption& option = problem.shards[i];
    if (option.kind != kind || option.first != 0 || option.last + 1 != problem.units.size())
      continue;
    PipelineStage stage{.first = 0, .last = option.last, .mode = StageMode::kShards, .option = i};
    double speed = 0;
    for (const Machine& machine : cluster.machines)
      if (machine.name != cluster.source) speed += 1 / machine.slowdown;
    for (const Machine& machine : cluster.machines) {
      if (machine.name == cluster.source) continue;
      stage.machines.push_back(machine.name);
      stage.shares.push_back(1 / machine.slowdown / speed);
    }
    PipelinePlan plan;
    plan.stages = {stage};
    return evaluated(problem, cluster, plan);
  }
  throw Error(ErrorKind::kUnsupported,
              "the network is no run of layers that can be cut by " + kind);
}

PipelinePlan replicated_whole(const PipelineProblem& problem, const Cluster& cluster) {
  PipelineStage stage{.first = 0, .last = problem.units.size() - 1, .mode = StageMode::kReplicas};
  for (const Machine& machine : cluster.machines)
    if (machine.name != cluster.source) stage.machines.push_back(machine.name);
  if (stage.machines.size() == 1) stage.mode = StageMode::kSingle;
  stage.shares.assign(stage.machines.size(), 1.0 / static_cast<double>(stage.machines.size()));
  PipelinePlan plan;
  plan.stages = {stage};
  return evaluated(problem, cluster, plan);
}

PipelinePlan planned_as_equal(const PipelineProblem& problem, const Cluster& cluster,
                              PipelineObjective objective) {
  Cluster equal = cluster;
  double speed = 0;
  for (const Machine& machine : cluster.machines)
    if (machine.name != cluster.source) speed += 1 / machine.slowdown;
  for (Machine& machine : equal.machines)
    if (machine.name != equal.source)
      machine.slowdown = static_cast<double>(equal.machines.size() - 1) / speed;
  return evaluated(problem, cluster, plan_pipeline(problem, equal, objective));
}

PipelinePlan pipeline_for(const std::string& method, PipelineProblem problem,
                          const Cluster& cluster, PipelineObjective objective) {
  if (method == "single") {
    if (auto plan = best_single_machine(problem, cluster, objective)) return *plan;
    throw Error(ErrorKind::kUnsupported, "no board holds the network");
  }
  if (method == "pipeline") return plan_contiguous(problem, cluster, objective);
  if (method == "replicas") return replicated_whole(problem, cluster);
  if (method == "procedure-1") return procedure_1(problem, cluster);
  if (method == "as-equal") return planned_as_equal(problem, cluster, objective);
  if (method == "shards") {
    problem.replicas = false;
    return plan_pipeline(problem, cluster, objective);
  }
  if (method == "spread") return plan_pipeline(problem, cluster, objective);
  return sharded_whole(problem, cluster, method);
}

std::string stages_of(const PipelineProblem& problem, const PipelinePlan& plan) {
  std::string text;
  for (const PipelineStage& stage : plan.stages) {
    if (!text.empty()) text += " | ";
    text += fmt::format("{}", stage.last - stage.first + 1);
    if (stage.mode == StageMode::kReplicas) text += fmt::format(" x{}", stage.machines.size());
    if (stage.mode == StageMode::kShards)
      text += fmt::format(" /{} {}", stage.machines.size(), problem.shards[stage.option].kind);
  }
  return text;
}

int machines_used(const PipelinePlan& plan) {
  std::set<std::string> used;
  for (const PipelineStage& stage : plan.stages)
    used.insert(stage.machines.begin(), stage.machines.end());
  return static_cast<int>(used.size());
}

// Where parts took other times than just before.
constexpr int kTries = 2;
// Of each part before and after real frames. An emulated machine looks for a part's least in four
// runs or more and at its first frames; the least of fewer would be longer.
constexpr int kRunsBeside = 12;

// One network on so many boards.
class BoardCase {
 public:
  BoardCase(const BoardScenario& scenario, const NetworkUnderStudy& network, int boards,
            const std::string& codec, const LabOptions& options, Profile& profile)
      : scenario_(scenario),
        network_(network),
        boards_(boards),
        options_(options),
        profile_(profile),
        request_{.objective = scenario.objective,
                 .codec = codec,
                 .runs = scenario.runs,
                 .frames = scenario.frames},
        cluster_(board_cluster(scenario, boards)) {
    fill_board_slowdowns(cluster_, network, profile, scenario.runs);
    for (std::size_t i = 2; i < cluster_.machines.size(); i += 2)
      cluster_.machines[i].slowdown *= scenario.unequal;
    problem_ = study_units(network, cluster_, request_, profile, options.progress("measure"));
  }

  BoardRow row(const std::string& method) {
    BoardRow row{
        .model = network_.name, .boards = boards_, .method = method, .codec = request_.codec};
    try {
      if (method == "random" || method == "random-whole")
        fill_random(row, method == "random");
      else
        fill(row, method);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) throw;
      row.failure = error.what();
    }
    return row;
  }

  void add_layers(std::vector<BoardLayer>& layers) const {
    const Machine& board = cluster_.machines[1];
    for (const PipelineUnit& unit : problem_.units) {
      const std::array part{PartMemory{unit.weight_bytes, unit.peak_bytes}};
      const double time = board.slowdown * unit.time.count();
      const double swapping = time + swap_times(part, board)[0].count();
      layers.push_back({.model = network_.name,
                        .layer = unit.until,
                        .milliseconds = 1e3 * time,
                        .swapping_ms = 1e3 * swapping,
                        .memory = static_cast<double>(working_set(part, board.cores))});
    }
  }

 private:
  void fill(BoardRow& row, const std::string& method) {
    SpreadRequest request = request_;
    // Only the searches plan again from what their shards were measured to take (step 3 of
    // Procedure 1).
    const bool searches =
        method == "spread" || method == "shards" || method == "procedure-1" || method == "as-equal";
    if (!searches) request.rounds = 0;
    // That plan would be none of the procedure's.
    request.restricted = method != "procedure-1";
    const SpreadResult result = spread_in_rounds(
        network_, cluster_, request, problem_,
        [&](const PipelineProblem& problem, const Cluster& on) {
          return pipeline_for(method, problem, on, scenario_.objective);
        },
        profile_);
    describe(row, result);
    // Of the others it is what they leave out.
    if (method == "spread")
      row.not_more = not_more(result.problem, cluster_, result.pipeline, scenario_.objective);
    verify(row, result);
    if (is_confirmed(method)) confirm(row, result);
  }

  void describe(BoardRow& row, const SpreadResult& result) {
    row.throughput = row.least_throughput = row.most_throughput = result.outcome.throughput;
    row.latency_ms = 1e3 * result.outcome.alone.count();
    row.ideal = 1 / speed_up(problem_, cluster_, result.pipeline, scenario_.objective).even.count();
    row.stages = stages_of(result.problem, result.pipeline);
    row.bound = result.pipeline.bound;
    row.p50_ms = 1e3 * result.outcome.latency_p50.count();
    row.p95_ms = 1e3 * result.outcome.latency_p95.count();
    row.used = machines_used(result.pipeline);
    const PlanCosts costs = costs_of(result.plan.plan, cluster_.source, profile_);
    for (const EdgeCost& edge : costs.edges) row.bytes_per_frame += edge.message_bytes;
    row.memory = 0;
    for (const Machine& machine : cluster_.machines) {
      if (machine.name == cluster_.source) continue;
      const auto memory = static_cast<double>(
          memory_footprint(result.plan.plan, costs, machine, result.outcome.waiting));
      row.memory = std::max(row.memory, memory);
    }
  }

  // Every one measured and played as the others are.
  void fill_random(BoardRow& row, bool shards) {
    PipelineProblem problem = problem_;
    if (!shards) problem.shards.clear();
    const auto most = static_cast<std::size_t>(scenario_.random_seeds);
    std::vector<double> throughputs;
    std::vector<double> latencies;
    for (std::uint64_t seed = 1; seed <= 2 * most && throughputs.size() < most; ++seed) {
      const PipelinePlan assignment = random_assignment(problem, cluster_, seed);
      if (!can_be_made(network_.graph, problem, assignment)) continue;
      const SpreadResult result =
          spread_as(network_, cluster_, request_, problem, assignment, profile_);
      if (throughputs.empty()) describe(row, result);
      throughputs.push_back(result.outcome.throughput);
      latencies.push_back(1e3 * result.outcome.alone.count());
      verify(row, result);
    }
    if (throughputs.empty())
      throw Error(ErrorKind::kUnsupported, "no random assignment can be cut by its shares");
    row.throughput = quantile(throughputs, 0.5);
    row.latency_ms = quantile(latencies, 0.5);
    row.least_throughput = quantile(throughputs, 0);
    row.most_throughput = quantile(throughputs, 1);
    row.bound = row.stages = "";
    row.p50_ms = row.p95_ms = 0;
  }

  // Keeps the largest differences of all that the row stands for.
  void verify(BoardRow& row, const SpreadResult& result) const {
    if (!scenario_.verify) return;
    const SpreadCheck check =
        check_spread(network_, result, cluster_.source, frames_from(scenario_.data, network_.input),
                     scenario_.verify_images, {.stride = scenario_.clip_stride});
    row.difference = std::max(row.difference.value_or(0), check.parts);
    if (check.answer)
      row.answer_difference = std::max(row.answer_difference.value_or(0), *check.answer);
  }

  bool is_confirmed(const std::string& method) const {
    const auto& counts = scenario_.confirm_counts;
    return scenario_.confirm_frames > 0 && std::ranges::count(scenario_.confirm, method) > 0 &&
           (counts.empty() || std::ranges::count(counts, boards_) > 0);
  }

  void confirm(BoardRow& row, const SpreadResult& result) const {
    const int speed = confirmation_speed(scenario_, cluster_, result.plan.plan, result.outcome);
    options_.say(fmt::format("{} on {} boards, {}: real frames{}", network_.name, boards_,
                             row.method,
                             speed > 1 ? fmt::format(", {} times as fast", speed) : ""));
    const auto folder = options_.folder / "real" /
                        fmt::format("{}-{}-{}-{}", network_.name, boards_, row.method, row.codec);
    try {
      // Anew: the speed of a shared machine is not that of an hour ago.
      const auto measure = [&] {
        Profile now;
        NetworkMeasurement(network_.graph, now, std::max(scenario_.runs, kRunsBeside))
            .plan(result.plan);
        return now;
      };
      row.confirmed = first_undisturbed(kTries, [&] {
        return confirm_plan(scenario_, cluster_, result.plan, measure, result.outcome, speed,
                            folder);
      });
      check_memory(row);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) throw;
      row.confirmed.reset();
      row.real_failure = error.what();
    }
  }

  // In namespaces the kernel does.
  void check_memory(BoardRow& row) const {
    const Machine& board = cluster_.machine(row.confirmed->fullest);
    const double used = row.confirmed->real.memory;
    if (board.has_hard_limit() && used > static_cast<double>(board.memory))
      row.real_failure =
          fmt::format("{} had {} in use, more than its {}", board.name, format_bytes(used),
                      format_bytes(static_cast<double>(board.memory)));
  }

  const BoardScenario& scenario_;
  const NetworkUnderStudy& network_;
  const int boards_;
  const LabOptions& options_;
  Profile& profile_;
  const SpreadRequest request_;
  Cluster cluster_;
  PipelineProblem problem_;
};

}  // namespace

const BoardRow* BoardResults::find(const std::string& model, int boards, const std::string& method,
                                   const std::string& codec) const {
  for (const BoardRow& row : rows)
    if (row.model == model && row.boards == boards && row.method == method && row.codec == codec)
      return &row;
  return nullptr;
}

bool is_settled(const BoardRow& row) { return row.real_failure.empty() || row.confirmed; }

BoardResults run_boards(const BoardScenario& scenario, const LabOptions& options,
                        const BoardResults& before) {
  BoardResults results{.title = scenario.name,
                       .command = options.command,
                       .date = before.rows.empty() ? utc_date() : before.date,
                       .scenario = scenario.digest,
                       .machine = result_machine(),
                       .layers = before.layers};
  Profile profile = load_profile_store(ProfileTimes::kFromMemory);
  profile.machine = machine_fingerprint();
  profile.date = utc_date();
  const auto write = [&] { write_document(options.folder / "results.json", to_json(results)); };
  for (const std::string& name : scenario.models) {
    const std::string model = options.resolve(name);
    const std::string short_name = std::filesystem::path(name).stem().string();
    const NetworkUnderStudy network =
        study_for_boards(options.load(model), model,
                         short_name.starts_with("zoo:") ? short_name.substr(4) : short_name);
    bool layers =
        scenario.layers && std::ranges::count(before.layers, network.name, &BoardLayer::model) == 0;
    for (const std::string& codec : scenario.codecs)
      for (const int boards : scenario.counts) {
        // Measures the network, which rows that are there do not need.
        std::optional<BoardCase> each;
        const auto study = [&]() -> BoardCase& {
          if (!each) each.emplace(scenario, network, boards, codec, options, profile);
          return *each;
        };
        if (std::exchange(layers, false)) study().add_layers(results.layers);
        for (const std::string& method : scenario.methods) {
          const BoardRow* known = before.find(network.name, boards, method, codec);
          if (known != nullptr && !is_settled(*known)) known = nullptr;
          if (known == nullptr)
            options.say(fmt::format("{} on {} boards: {}", network.name, boards, method));
          results.rows.push_back(known != nullptr ? *known : study().row(method));
          write();
        }
        if (each) merge_into_profile_store(profile, ProfileTimes::kFromMemory);
      }
  }
  results.complete = true;
  write();
  return results;
}

}  // namespace isthmus
