#include "lab/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "graph/cost.h"
#include "lab/measure.h"
#include "plan/predict.h"

namespace isthmus {
namespace {

constexpr const char* kDevice = "device";
constexpr const char* kServer = "server";
constexpr const char* kSmall = "local-small";
constexpr const char* kStudentPrefix = "student:";
// Images that parts and codecs are timed on.
constexpr std::int64_t kTimedImages = 8;
// Turns in which the plans of virtual time are timed, after the first.
constexpr int kTurns = 3;

StrategyOptions strategy_options(const NetworkUnderStudy& network) {
  return {.device = kDevice, .server = kServer, .input = network.input, .labels = network.labels};
}

NetworkUnderStudy study(const LabOptions& options, const std::string& model,
                        const std::string& name) {
  const std::string found = options.resolve(model);
  NetworkUnderStudy network = study_network(options.load(found), found, name);
  measure_network(network);
  return network;
}

// A trained split on the machines of the lab: what takes the image runs on the device, all else on
// the server.
LoadedPlan load_split(const std::filesystem::path& where, const NetworkUnderStudy& network) {
  const bool is_folder = std::filesystem::is_directory(where);
  LoadedPlan split = read_ladder(is_folder ? where / "plan.yaml" : where).front();
  if (split.plan.input.shape != network.input.shape || split.plan.labels != network.labels)
    throw Error(ErrorKind::kInvalid, where.string() + " is no split of " + network.name +
                                         ": it takes another input, or tells other classes");
  std::set<std::string> first;
  for (const PlanEdge& edge : split.plan.edges)
    if (edge.edge.from_part.empty()) first.insert(edge.edge.to_part);
  for (PlacedPart& part : split.plan.parts)
    part.machines = {first.contains(part.name) ? kDevice : kServer};
  split.plan.network = network.name;
  split.plan.name = "split:" + (is_folder ? where.filename() : where.stem()).string();
  return split;
}

// A student with seeded weights, cut at its bottleneck.
LoadedPlan student_plan(const NetworkUnderStudy& network, const StudentSpec& spec) {
  const Student student = make_student(network.graph, spec);
  LoadedPlan plan = cut_plan(student.graph, network.name, {student.bottleneck}, {.name = "u8"},
                             strategy_options(network));
  // It stands in for the network; it does not compute the same.
  plan.plan.lossless = false;
  plan.plan.name = kStudentPrefix + spec.preset;
  const Shape& shape = student.graph.value_of(student.bottleneck).shape;
  if (shape.size() > 1) plan.plan.name += fmt::format("-{}ch", shape[1]);
  return plan;
}

std::string name_of(const Machine& machine) {
  return machine.preset.empty() ? "this machine" : machine.preset;
}

bool is_trained_model(const std::string& model) { return !model.starts_with("zoo:"); }

}  // namespace

Trial::Trial(const Scenario& scenario, const ScenarioNetwork& network, const LabOptions& options,
             LabCosts& costs)
    : scenario_(scenario),
      spec_(network),
      options_(options),
      image_name_(fmt::format("{} {}", network.data, network.images)),
      costs_(costs) {
  options.say(network.name + ": measuring the network and its candidates");
  network_ = study(options, network.model, network.name);
  if (!network.small.empty()) small_ = study(options, network.small, network.small);
  test_ = open_images(network.data, Split::kTest, network_.input, network.images, scenario.seed);
  std::vector<std::string> strategies = scenario.strategies;
  std::erase(strategies, kSmall);
  const ImageSet calibration = calibration_images(network_, scenario.calibration_images);
  plans_ = candidate_plans(network_, strategies, scenario.cuts, strategy_options(network_),
                           calibration, options.progress("calibrate"));
  costs_.profile = measure_plans(plans_, kDevice, calibration_images(network_, kTimedImages),
                                 costs_.profile, options.progress("measure"));
  if (small_) add_small();
  add_splits();
  add_students();
}

ImageSet Trial::calibration_images(const NetworkUnderStudy& network, std::int64_t count) const {
  return open_images(spec_.calibrate, Split::kTrain, network.input, count, scenario_.seed);
}

void Trial::add_small() {
  LoadedPlan plan = local_plan(small_->graph, small_->name, strategy_options(*small_));
  plan.plan.name = kSmall;
  add(std::move(plan), *small_);
}

void Trial::add_splits() {
  for (const std::string& split : spec_.splits)
    add(load_split(options_.resolve(split), network_), network_);
}

void Trial::add_students() {
  for (const StudentSpec& student : spec_.students) add(student_plan(network_, student), network_);
}

void Trial::add(LoadedPlan plan, const NetworkUnderStudy& network) {
  if (std::ranges::any_of(plans_,
                          [&](const LoadedPlan& each) { return each.plan.name == plan.plan.name; }))
    throw Error(ErrorKind::kInvalid, spec_.name + " has two strategies " + plan.plan.name);
  costs_.profile =
      measure_plans({&plan, 1}, kDevice, calibration_images(network, kTimedImages), costs_.profile);
  plans_.push_back(std::move(plan));
}

Cluster camera_and_server(const Machine& device, const Machine& server) {
  Cluster cluster;
  cluster.machines = {device, server};
  cluster.machines[0].name = cluster.source = kDevice;
  cluster.machines[1].name = kServer;
  cluster.machines[1].address = "127.0.0.1:1";
  return cluster;
}

const NetworkUnderStudy& Trial::network_of(const std::string& strategy) const {
  return strategy == kSmall ? *small_ : network_;
}

Cluster Trial::cluster_on(const LinkProfile& link, const NetworkUnderStudy& network) const {
  Cluster cluster = camera_and_server(spec_.device.value_or(scenario_.device),
                                      spec_.server.value_or(scenario_.server));
  cluster.links.push_back({.a = kDevice, .b = kServer, .up = link, .down = link});
  set_slowdowns(cluster, network.name, network.work, network.measured);
  return cluster;
}

std::vector<Contender> Trial::contenders(const LinkProfile& link) const {
  std::vector<Contender> best;
  for (const LoadedPlan& plan : plans_) {
    const std::string strategy = strategy_of(plan.plan.name);
    Contender contender{strategy, plan, cluster_on(link, network_of(strategy)), 0};
    contender.predicted_ms = 1e3 * predict(plan, contender.cluster, costs_.profile).total.count();
    const auto same = std::ranges::find(best, strategy, &Contender::strategy);
    if (same == best.end())
      best.push_back(std::move(contender));
    else if (contender.predicted_ms < same->predicted_ms)
      *same = std::move(contender);
  }
  return best;
}

void Trial::measure_for_play(const std::vector<Contender>& contenders) {
  std::vector<const Contender*> fresh;
  for (const Contender& contender : contenders)
    if (costs_.play.measure(contender.plan, kDevice, image_name_, test_images(contender.strategy),
                            scenario_.frames))
      fresh.push_back(&contender);
  for (int turn = 0; turn < kTurns; ++turn)
    for (const Contender* contender : fresh)
      costs_.play.time_again(contender->plan, kDevice, test_images(contender->strategy));
  // Slowdowns are published over measured time, so both sides have to mean the same run.
  for (const LoadedPlan& plan : plans_) {
    if (plan.plan.name != "local" && plan.plan.name != kSmall) continue;
    NetworkUnderStudy& whole = plan.plan.name == kSmall ? *small_ : network_;
    const std::string& part = plan.plan.parts.front().sha256;
    costs_.play.note(part, whole.measured);
    whole.measured = *costs_.play.least(part);
  }
}

std::vector<MeasuredFrame> Trial::frames_for_play(const Contender& contender) const {
  return costs_.play.frames(contender.plan.plan, image_name_);
}

const Evaluation& Trial::accuracy(const Contender& contender) {
  const std::string& name = contender.plan.plan.name;
  if (const auto found = accuracies_.find(name); found != accuracies_.end()) return found->second;
  if (!is_trained(contender.strategy)) return accuracies_[name] = {};
  const Progress bar = options_.progress("accuracy of " + name);
  return accuracies_[name] = evaluate(contender.plan, kDevice, test_images(contender.strategy),
                                      options_.threads, bar);
}

ImageSet Trial::test_images(const std::string& strategy) const {
  if (strategy != kSmall) return test_;
  return open_images(spec_.data, Split::kTest, small_->input, spec_.images, scenario_.seed);
}

bool Trial::is_trained(const std::string& strategy) const {
  if (strategy == kSmall) return is_trained_model(spec_.small);
  return is_trained_model(spec_.model) && !strategy.starts_with(kStudentPrefix);
}

bool Trial::slowdown_is_estimate(const Contender& contender) const {
  return contender.cluster.machine(kDevice).slowdown_is_estimate;
}

ResultNetwork Trial::description() const {
  const GraphCost cost = cost_of(network_.graph);
  ResultNetwork result;
  result.name = spec_.name;
  result.dataset = spec_.data;
  result.images = test_.count;
  result.classes = static_cast<std::int64_t>(test_.class_names.size());
  result.synthetic = spec_.data == "signs";
  result.trained = is_trained_model(spec_.model);
  result.params = cost.params;
  result.macs = cost.macs;
  if (spec_.device) result.device = name_of(*spec_.device);
  if (spec_.server) result.server = name_of(*spec_.server);
  if (!result.trained)
    result.note = "seeded, untrained weights: times, bytes and energy, but no accuracy";
  else if (!spec_.students.empty())
    result.note = "the weights of student:... are seeded, not trained: they have no accuracy";
  return result;
}

}  // namespace isthmus
