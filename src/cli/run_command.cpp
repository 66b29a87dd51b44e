#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <mutex>
#include <set>

#include "boards/replan.h"
#include "boards/spread_check.h"
#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/terminal.h"
#include "core/interrupt.h"
#include "core/json.h"
#include "core/statistics.h"
#include "core/text.h"
#include "lab/emulation.h"
#include "lab/frames.h"
#include "lab/summary.h"
#include "plan/replanning.h"
#include "serve/source.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

struct RunArgs {
  std::string plan;
  std::string cluster;
  std::string source;
  std::string split = "test";
  double rate = 0;
  std::int64_t limit = 0;
  double seconds = 0;
  std::int64_t at_least = 1;
  double deadline_ms = 0;
  std::string trace;
  // The network to plan anew with, when machines die or hold up the others.
  std::string replan;
  std::string codec = "f32";
  PipelineObjective objective = PipelineObjective::kThroughput;
  ClipOptions clips;
  // 0: as many as fill the plan.
  int in_flight = 0;
  bool real = false;
  SourceOptions options;
  bool json = false;
};

// A single picture gets its best classes, anything else the numbers of the run.
constexpr std::size_t kBestClasses = 5;

void print_best(const Tensor& scores, const std::vector<std::string>& labels) {
  const auto values = scores.values<float>();
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::size_t shown = std::min(kBestClasses, order.size());
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(shown),
                            std::greater{}, [&](std::size_t i) { return values[i]; });
  for (std::size_t i = 0; i < shown; ++i)
    fmt::print("{:>8.3f}  {}\n", values[order[i]],
               order[i] < labels.size() ? labels[order[i]] : fmt::format("class {}", order[i]));
}

void print_summary(const RunSummary& summary) {
  fmt::print("{} frames answered", summary.answered);
  if (summary.local_answers > 0)
    fmt::print(" ({} of them locally, because another machine failed)", summary.local_answers);
  if (summary.dropped > 0) fmt::print(", {} dropped before admission", summary.dropped);
  if (summary.lost > 0) fmt::print(", {} LOST", summary.lost);
  if (summary.throughput > 0) fmt::print(", {:.3g} a second", summary.throughput);
  fmt::print("\ncapture to output: p50 {:.2f} ms, p95 {:.2f} ms\n", summary.p50_ms, summary.p95_ms);
  for (const auto& [name, ms] : summary.spans)
    if (ms >= 0.005) fmt::print("  {:<8} {:>9.2f} ms\n", name, ms);
  fmt::print("{} a frame sent, {} on air; {} back\n", format_bytes(summary.bytes_per_frame),
             format_bytes(summary.on_air_bytes), format_bytes(summary.answer_bytes));
  if (summary.known > 0) {
    const Interval interval = wilson_interval(summary.hits, summary.known);
    fmt::print("right: {} of {} ({:.1f} %, 95 % interval {:.1f} to {:.1f} %)\n", summary.hits,
               summary.known,
               100.0 * static_cast<double>(summary.hits) / static_cast<double>(summary.known),
               100 * interval.low, 100 * interval.high);
  }
}

// What the machines last reported of the plan that frames took at the end.
Json describe_machines(const Statistics& statistics, const Cluster& cluster) {
  const auto waiting = waiting_frames(statistics);
  Plan plan;
  plan.parts = statistics.parts;
  Json machines = Json::object();
  for (const auto& [name, busy] : machine_load(plan, cluster, statistics, 1)) {
    machines[name] = {{"busy_ms", 1e3 * busy.count()}};
    if (const auto found = waiting.find(name); found != waiting.end())
      machines[name]["waiting_frames"] = found->second;
  }
  return machines;
}

void print_machines(const Json& machines) {
  if (machines.size() < 2) return;
  fmt::print("each frame kept the machines busy for, and found waiting there\n");
  for (const auto& [name, machine] : machines.items())
    fmt::print("  {:<8} {:>9.2f} ms {:>6.1f} frames\n", name, machine["busy_ms"].get<double>(),
               machine.value("waiting_frames", 0.0));
}

// Feeds frames until there are no more, the time is over, or Ctrl-C.
class Feeder {
 public:
  Feeder(Source& source, const ImageSet& images, const RunArgs& args)
      : source_(source), images_(images), args_(args), start_(system_clock().now()) {}

  void run(const OnAnswer& on_answer) {
    const Progress bar = progress_bar("run");
    for (std::int64_t i = 0; i < images_.count && !interrupted() && !time_is_over(i); ++i) {
      if (args_.rate > 0)
        system_clock().sleep_until(start_ + Seconds{static_cast<double>(i) / args_.rate});
      // A signal must end this, whatever has become of the frames.
      while (!args_.options.live && !interrupted() && !source_.wait_for_room(Seconds{0.2})) {
      }
      if (interrupted()) break;
      LabelledImage image = images_.get(i);
      source_.submit({.input = std::move(image.image),
                      .truth = image.label,
                      .prepare = image.prepare,
                      .captured = {}},
                     on_answer);
      if (images_.count != kEndless && !interrupted()) bar(i + 1, images_.count);
    }
  }

 private:
  bool time_is_over(std::int64_t frames) const {
    return args_.seconds > 0 && frames >= args_.at_least &&
           system_clock().now() - start_ > Seconds{args_.seconds};
  }

  Source& source_;
  const ImageSet& images_;
  const RunArgs& args_;
  Seconds start_;
};

// Waits for what is on its way: each frame has its deadline. A signal shortens it.
void drain(Source& source, Seconds deadline) {
  constexpr Seconds kMargin{5};
  const Seconds until = system_clock().now() + deadline + kMargin;
  while (!interrupted() && system_clock().now() < until)
    if (source.drain(Seconds{0.2})) return;
  source.drain(Seconds{1});
}

// What a planner must know of real machines and links is not emulated on top of them.
void emulate_nothing(Cluster& cluster, SourceOptions& options) {
  for (Machine& machine : cluster.machines) machine.slowdown = 1;
  options.shape_links = false;
}

void emulate_as_predicted(Cluster& cluster, const LoadedPlan& plan) {
  if (!plan.plan.predicted || !plan.plan.predicted->weights_from_memory)
    return fill_slowdowns(cluster, plan);
  Profile known = load_profile_store(ProfileTimes::kFromMemory);
  fill_board_slowdowns(cluster, plan, known, SpreadRequest().runs);
}

// Fills in the slowdowns that it plans with, too.
Replan replan_of(const RunArgs& args, const LoadedPlan& running, Cluster& cluster) {
  const std::string model = resolve_model(args.replan);
  NetworkUnderStudy network = study_for_boards(load_model(model), model, running.plan.network);
  check_same_network(network, running, cluster.source);
  const SpreadRequest request{
      .objective = args.objective, .codec = args.codec, .deadline = running.plan.deadline};
  Profile known = load_profile_store(ProfileTimes::kFromMemory);
  fill_board_slowdowns(cluster, network, known, request.runs);
  return make_replan(std::move(network), cluster, request, std::move(known), running);
}

// Planned anew, the network may go to any of them.
std::set<std::string> machines_to_reach(const RunArgs& args, const std::vector<LoadedPlan>& ladder,
                                        const Cluster& cluster) {
  std::set<std::string> machines;
  for (const LoadedPlan& plan : ladder)
    for (const PlacedPart& part : plan.plan.parts)
      machines.insert(part.machines.begin(), part.machines.end());
  if (!args.replan.empty())
    for (const Machine& machine : cluster.machines) machines.insert(machine.name);
  return machines;
}

int frames_on_their_way(const RunArgs& args, const Plan& plan) {
  return args.in_flight > 0 ? args.in_flight
                            : std::max(SourceOptions().max_in_flight, frames_to_fill(plan));
}

void run(RunArgs& args) {
  const std::vector<LoadedPlan> ladder = read_ladder(args.plan);
  Cluster cluster = read_cluster(args.cluster);
  check_addresses(cluster, machines_to_reach(args, ladder, cluster));
  if (!args.replan.empty())
    args.options.replan = replan_of(args, ladder.front(), cluster);
  else if (!args.real)
    emulate_as_predicted(cluster, ladder.front());
  const PlanInput& input = ladder.front().plan.input;
  const ImageSet images = open_frames(args.source, input,
                                      {.split = split_from_string(args.split),
                                       .limit = args.limit,
                                       .seed = args.options.seed,
                                       .clips = args.clips});
  args.options.max_in_flight = frames_on_their_way(args, ladder.front().plan);
  if (args.deadline_ms > 0) args.options.deadline = Seconds{args.deadline_ms / 1e3};
  if (args.real) emulate_nothing(cluster, args.options);
  Source source(ladder, cluster, args.options);
  std::mutex mutex;
  Tensor last;
  Feeder(source, images, args).run([&](const FrameRecord&, const Tensor& scores) {
    const std::lock_guard lock(mutex);
    last = scores;
  });
  drain(source, args.options.deadline.value_or(ladder.front().plan.deadline));
  // Before the source stops and forgets.
  const Json machines = describe_machines(source.statistics(), cluster);
  const Trace trace = source.stop();
  if (!args.trace.empty()) write_document(args.trace, to_json(trace));
  const RunSummary summary = summarise(trace, cluster.machine(cluster.source));
  Json out = to_json(summary);
  out["machines"] = machines;
  if (args.json)
    std::cout << out.dump(2) << '\n';
  else if (images.count == 1 && !last.empty())
    print_best(last, ladder.front().plan.labels);
  if (!args.json) {
    print_summary(summary);
    print_machines(machines);
  }
  check_interrupt();
}

void add_options(CLI::App* command, RunArgs& args) {
  command->add_option("plan", args.plan, "Plan or ladder file, as `isthmus plan` writes it")
      ->required();
  command->add_option("--cluster", args.cluster, "Machines and links; their agents must run")
      ->required();
  command
      ->add_option("--source", args.source, "Data set, folder, image, video, camera:N, or random")
      ->required();
  command->add_option("--split", args.split, "Of a data set: test or train")->capture_default_str();
  command->add_option("--rate", args.rate, "Frames a second; 0: the next when there is room")
      ->capture_default_str();
  command->add_option("--limit", args.limit, "Frames; 0: all")->capture_default_str();
  command->add_option("--seconds", args.seconds, "Stop after this time; 0: never")
      ->capture_default_str();
  command->add_option("--at-least", args.at_least, "Frames, even if --seconds are over")
      ->capture_default_str();
  command
      ->add_option("--in-flight", args.in_flight,
                   "Frames on their way at once; without it three for each machine of the plan, at "
                   "least four")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--clip", args.clips.length,
                   "Images of a clip, for a network that takes clips; 0: as many as it takes")
      ->capture_default_str();
  command->add_option("--stride", args.clips.stride, "Every so many images one is in a clip")
      ->capture_default_str();
  command
      ->add_option("--source-id", args.options.id,
                   "Number of this source, where several send to the same agents")
      ->capture_default_str()
      ->check(CLI::Range(1, 65535));
  command->add_option("--replan", args.replan,
                      "Network to plan anew over many boards when one dies or holds up the others");
  command->add_option("--codec", args.codec, "With --replan: between boards f32, f16 or u8")
      ->capture_default_str();
  command
      ->add_option("--objective", args.objective,
                   "With --replan: throughput (the default) or latency, as the plan was made for")
      ->transform(one_of<PipelineObjective>({{"throughput", PipelineObjective::kThroughput},
                                             {"latency", PipelineObjective::kLatency}}));
  command->add_flag("--live", args.options.live,
                    "Drop the oldest waiting frame rather than wait (cameras do)");
  command
      ->add_option("--deadline", args.deadline_ms,
                   "Milliseconds from capture to answer; 0: the plan's")
      ->capture_default_str();
  command->add_flag("!--unshaped", args.options.shape_links,
                    "Count bytes, but do not emulate the cluster's links");
  command->add_flag("--real", args.real,
                    "Machines and links are what the cluster file says: emulate neither");
  command->add_option("--trace", args.trace, "File for what happened to every frame");
  command->add_option("--token", args.options.security.token, "Token of the agents");
  command->add_option("--tls-ca", args.options.security.authority,
                      "PEM file that checks the agents' certificates");
  command->add_option("--tls-cert", args.options.security.certificate,
                      "PEM file: certificate to show to agents that ask for one (--ca)");
  command->add_option("--tls-key", args.options.security.key, "PEM file: its key");
  command
      ->add_option("--seed", args.options.seed,
                   "Of the sample of images and the losses of emulated links")
      ->capture_default_str();
}

}  // namespace

void add_run_command(CLI::App& app) {
  auto args = std::make_shared<RunArgs>();
  auto* command =
      add_command(app, "run", "Send images through a plan",
                  "isthmus run plan.yaml --cluster cluster.yaml --source signs --limit 20");
  add_options(command, *args);
  add_json_flag(command, args->json);
  command->callback([args] {
    if (args->source.starts_with("camera:")) args->options.live = true;
    run(*args);
  });
}

}  // namespace isthmus
