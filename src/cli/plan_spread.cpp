#include "cli/plan_spread.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include "boards/spread_check.h"
#include "boards/spread_search.h"
#include "boards/stage_plans.h"
#include "cli/inputs.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/json.h"
#include "core/log.h"
#include "core/statistics.h"
#include "core/text.h"
#include "lab/frames.h"
#include "pipeline/explain.h"
#include "plan/predict.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

std::string name_of(StageMode mode, const PipelineProblem& problem, std::size_t option) {
  switch (mode) {
    case StageMode::kSingle: return "one machine";
    case StageMode::kReplicas: return "replicas";
    case StageMode::kShards: return problem.shards[option].kind + " shards";
  }
  return "";
}

Json describe(const SpreadResult& result, const Cluster& cluster, PipelineObjective objective) {
  Json stages = Json::array();
  for (const PipelineStage& stage : result.pipeline.stages)
    stages.push_back({{"until", result.problem.units[stage.last].until},
                      {"units", stage.last - stage.first + 1},
                      {"mode", name_of(stage.mode, result.problem, stage.option)},
                      {"machines", stage.machines},
                      {"shares", stage.shares},
                      {"period_ms", 1e3 * stage.period.count()},
                      {"bound", stage.bound}});
  Json out = {{"plan", result.plan.plan.name},
              {"stages", std::move(stages)},
              {"throughput", result.outcome.throughput},
              {"latency_ms", 1e3 * result.outcome.alone.count()},
              {"bound", result.pipeline.bound},
              {"why", explain_pipeline(result.problem, cluster, result.pipeline, objective)},
              {"regression_error",
               {{"median", result.regression.error.median}, {"p95", result.regression.error.p95}}}};
  if (!result.estimates.empty())
    out["estimate_over_measured"] = {{"median", quantile(result.estimates, 0.5)},
                                     {"p95", quantile(result.estimates, 0.95)}};
  return out;
}

std::set<std::string> names_of(const Cluster& cluster) {
  std::set<std::string> names;
  for (const Machine& machine : cluster.machines) names.insert(machine.name);
  return names;
}

void print_staged(const Json& staged) {
  for (const auto& [machine, bytes] : staged["bytes"].items())
    fmt::print("sent ahead to {}: {}\n", machine, format_bytes(bytes.get<double>()));
  for (const auto& [machine, why] : staged["unreachable"].items())
    fmt::print("nothing more sent to {}: {}\n", machine, why.get<std::string>());
  for (const auto& [machine, why] : staged["no_plan_without"].items())
    fmt::print("no plan without {}: {}\n", machine, why.get<std::string>());
}

void print(const Json& out, const PlanSpreadArgs& args) {
  fmt::print("{}: {:.3g} frames a second, {} for one frame alone -> {}\n",
             out["plan"].get<std::string>(), out["throughput"].get<double>(),
             format_seconds(out["latency_ms"].get<double>() / 1e3), args.file);
  if (out.contains("answer_relative_difference"))
    fmt::print("scores differ from the whole network's by up to {:.2g} % of the largest\n",
               100 * out["answer_relative_difference"].get<double>());
  if (out.contains("staged")) print_staged(out["staged"]);
  if (!args.explain) return;
  for (const Json& line : out["why"]) fmt::print("  {}\n", line.get<std::string>());
  fmt::print("  times by the amount of work alone: {:.0f} % off (median of the units)\n",
             100 * out["regression_error"]["median"].get<double>());
  if (out.contains("estimate_over_measured"))
    fmt::print("  shards were estimated at {:.2f} of their measured times (median)\n",
               out["estimate_over_measured"]["median"].get<double>());
}

}  // namespace

void plan_spread(const PlanSpreadArgs& args) {
  Cluster cluster = read_cluster(args.cluster);
  if (args.stage) check_addresses(cluster, names_of(cluster));
  const std::string model = resolve_model(args.model);
  const NetworkUnderStudy network =
      study_for_boards(load_model(model), model, std::filesystem::path(args.model).stem().string());
  Profile profile = load_profile_store(ProfileTimes::kFromMemory);
  profile.machine = machine_fingerprint();
  profile.date = utc_date();
  fill_board_slowdowns(cluster, network, profile, args.runs);
  const SpreadRequest request{.objective = args.objective,
                              .codec = args.codec,
                              .deadline = Seconds{args.deadline_ms / 1e3},
                              .runs = args.runs};
  SpreadResult result = spread_network(network, cluster, request, profile, progress_bar("measure"));
  merge_into_profile_store(profile, ProfileTimes::kFromMemory);
  const SpreadCheck check = check_spread(
      network, result, cluster.source,
      args.images.empty() ? frames_from("signs", network.input) : args.images, args.checked,
      /*clips=*/{}, progress_bar("check"));
  if (result.outcome.alone > request.deadline)
    log_warning(fmt::format(
        "one frame alone takes {}, longer than --deadline allows ({}): the source would answer all",
        format_seconds(result.outcome.alone.count()), format_seconds(request.deadline.count())));
  result.plan.plan.predicted = predict(result.plan, cluster, profile);
  result.plan.plan.predicted->weights_from_memory = true;
  save_plan(result.plan, args.file);
  Json out = describe(result, cluster, args.objective);
  out["max_relative_difference"] = check.parts;
  if (check.answer) out["answer_relative_difference"] = *check.answer;
  if (args.stage) {
    const StagedPlans staged = stage_plans(result.plan, network, cluster, request, profile,
                                           {.security = args.security}, progress_bar("stage"));
    merge_into_profile_store(profile, ProfileTimes::kFromMemory);
    out["staged"] = {{"bytes", staged.sent},
                     {"unreachable", staged.unreachable},
                     {"no_plan_without", staged.no_plan_without}};
  }
  if (args.json)
    std::cout << out.dump(2) << '\n';
  else
    print(out, args);
}

}  // namespace isthmus
