#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/plan_spread.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "lab/measure.h"
#include "lab/study.h"
#include "plan/planner.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

// What `--objective` takes.
enum class PlanFor : std::uint8_t { kLatency, kThroughput, kEnergy, kBytes };

struct PlanArgs {
  std::string model;
  std::string cluster;
  std::string file;
  std::string images;
  std::string server;
  std::vector<std::string> strategies = default_strategies();
  PlanFor objective = PlanFor::kLatency;
  std::optional<double> deadline_ms;
  // Of a plan over many machines.
  std::string codec = "f32";
  bool stage = false;
  Security security;
  int calibration = 16;
  int cuts = 8;
  bool explain = false;
  bool json = false;
};

Objective two_machine_objective(PlanFor objective) {
  switch (objective) {
    case PlanFor::kEnergy: return Objective::kEnergy;
    case PlanFor::kBytes: return Objective::kBytes;
    default: return Objective::kLatency;
  }
}

// A device and a server are planned as such, unless it is frames a second that count.
bool is_spread(const PlanArgs& args) {
  if (args.objective == PlanFor::kThroughput) {
    if (!args.server.empty())
      throw Error(ErrorKind::kInvalid,
                  "--server names the one machine to send to: with --objective throughput all of "
                  "the cluster are used, so leave one of the two out");
    return true;
  }
  return args.objective == PlanFor::kLatency && args.server.empty() &&
         read_cluster(args.cluster).machines.size() > 2;
}

// The machine that is not the source: the only other one, unless named.
std::string server_of(const Cluster& cluster, const std::string& wanted) {
  if (!wanted.empty()) return cluster.machine(wanted).name;
  std::vector<std::string> others;
  for (const Machine& machine : cluster.machines)
    if (machine.name != cluster.source) others.push_back(machine.name);
  if (others.size() == 1) return others.front();
  throw Error(
      ErrorKind::kInvalid,
      fmt::format("the cluster has {} machines beside the source {}; name the server with --server",
                  others.size(), cluster.source));
}

Json describe(const Decision& decision) {
  const Candidate& best = decision.candidates[decision.best];
  Json result = {{"strategy", best.plan.plan.name},
                 {"predicted_ms", 1e3 * best.prediction.total.count()},
                 {"bytes_per_frame", best.prediction.bytes_per_frame},
                 {"energy_mj", best.prediction.energy_mj},
                 {"candidates", Json::array()}};
  for (const Candidate& candidate : decision.candidates) {
    Json row = {{"strategy", candidate.plan.plan.name},
                {"feasible", candidate.feasible},
                {"predicted_ms", nullptr},
                {"why", candidate.why}};
    if (candidate.feasible) {
      row["predicted_ms"] = 1e3 * candidate.prediction.total.count();
      row["parts_ms"] = candidate.prediction.parts_ms;
      row["bytes_per_frame"] = candidate.prediction.bytes_per_frame;
      row["energy_mj"] = candidate.prediction.energy_mj;
    }
    result["candidates"].push_back(std::move(row));
  }
  return result;
}

void print(const Json& result, const PlanArgs& args) {
  fmt::print("{}: {:.2f} ms predicted, {} a frame -> {}\n", result["strategy"].get<std::string>(),
             result["predicted_ms"].get<double>(),
             format_bytes(result["bytes_per_frame"].get<double>()), args.file);
  if (!args.explain) return;
  for (const Json& candidate : result["candidates"])
    fmt::print("  {:<36} {:>12}  {}\n", candidate["strategy"].get<std::string>(),
               candidate["predicted_ms"].is_null()
                   ? std::string("-")
                   : fmt::format("{:.2f} ms", candidate["predicted_ms"].get<double>()),
               candidate["why"].get<std::string>());
}

void run(const PlanArgs& args) {
  if (is_spread(args))
    return plan_spread({.model = args.model,
                        .cluster = args.cluster,
                        .file = args.file,
                        .objective = args.objective == PlanFor::kThroughput
                                         ? PipelineObjective::kThroughput
                                         : PipelineObjective::kLatency,
                        .codec = args.codec,
                        .images = args.images,
                        .deadline_ms = args.deadline_ms.value_or(60'000),
                        .stage = args.stage,
                        .security = args.security,
                        .explain = args.explain,
                        .json = args.json});
  if (args.stage)
    throw Error(ErrorKind::kInvalid,
                "--stage sends ahead plans over many machines: more than two, or --objective "
                "throughput");
  Cluster cluster = read_cluster(args.cluster);
  const std::string model = resolve_model(args.model);
  NetworkUnderStudy network =
      study_network(load_model(model), model, std::filesystem::path(args.model).stem().string());
  measure_network(network);
  set_slowdowns(cluster, network.name, network.work, network.measured);
  const StrategyOptions options{.device = cluster.source,
                                .server = server_of(cluster, args.server),
                                .input = network.input,
                                .labels = network.labels,
                                .deadline = Seconds{args.deadline_ms.value_or(10'000) / 1e3}};
  const std::string set = args.images.empty() ? calibration_set(model, network.input) : args.images;
  const ImageSet images = open_images(set, Split::kTrain, network.input, args.calibration);
  const std::vector<LoadedPlan> plans = candidate_plans(network, args.strategies, args.cuts,
                                                        options, images, progress_bar("calibrate"));
  Profile profile =
      measure_plans(plans, cluster.source, images, load_profile_store(), progress_bar("measure"));
  merge_into_profile_store(profile);
  const Decision decision = choose(plans, cluster, profile, two_machine_objective(args.objective));
  LoadedPlan winner = decision.candidates[decision.best].plan;
  winner.plan.predicted = decision.candidates[decision.best].prediction;
  save_plan(winner, args.file);
  const Json result = describe(decision);
  if (args.json)
    std::cout << result.dump(2) << '\n';
  else
    print(result, args);
}

}  // namespace

void add_plan_command(CLI::App& app) {
  auto args = std::make_shared<PlanArgs>();
  auto* command = add_command(
      app, "plan",
      "Choose how a network runs on these machines: local, offloaded or cut between a device and a "
      "server; in stages, shards and replicas over many boards",
      "isthmus plan zoo:resnet20 --cluster cluster.yaml --explain -o plan.yaml\n"
      "  isthmus plan zoo:vgg16 --cluster boards.yaml --objective throughput --explain -o "
      "plan.yaml");
  command->add_option("model", args->model, "ONNX file, or zoo:NAME")->required();
  command->add_option("--cluster", args->cluster, "Machines and links")->required();
  command->add_option("-o,--output", args->file, "Plan file to write")->required();
  command
      ->add_option("--objective", args->objective,
                   "latency (of one frame), throughput (frames a second), energy, bytes")
      ->transform(one_of<PlanFor>({{"latency", PlanFor::kLatency},
                                   {"throughput", PlanFor::kThroughput},
                                   {"energy", PlanFor::kEnergy},
                                   {"bytes", PlanFor::kBytes}}));
  command->add_option("--codec", args->codec, "Over many machines: between them f32, f16 or u8")
      ->capture_default_str();
  command->add_option(
      "--images", args->images,
      "Whose training images calibrate codecs and sizes (with --objective: on whose test images "
      "the parts are compared with the whole); the network's own set if not given");
  command->add_option("--server", args->server, "The machine to send to, if there are several");
  command->add_option("--strategies", args->strategies, "Candidates")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--cuts", args->cuts, "Cut points to try")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--calibration-images", args->calibration, "Images to calibrate on")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--deadline", args->deadline_ms,
                      "Milliseconds from capture to answer: 10000, or 60000 over many machines");
  command->add_flag("--explain", args->explain, "Say why each candidate lost");
  command->add_flag("--stage", args->stage,
                    "Over many machines: send ahead to their agents the parts of the plan, and of "
                    "the plans without any one of them");
  command->add_option("--token", args->security.token, "With --stage: token of the agents");
  command->add_option("--tls-ca", args->security.authority,
                      "With --stage: PEM file that checks the agents' certificates");
  command->add_option("--tls-cert", args->security.certificate,
                      "With --stage: PEM file, certificate to show to agents that ask for one");
  command->add_option("--tls-key", args->security.key, "With --stage: PEM file, its key");
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
