#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/terminal.h"
#include "core/json.h"
#include "core/text.h"
#include "lab/evaluate.h"
#include "lab/image_set.h"
#include "plan/strategies.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

// Of a plan that names none: every plan that this program makes calls the camera's machine so.
constexpr const char* kDevice = "device";
constexpr const char* kServer = "server";

struct EvalArgs {
  std::string subject;
  std::string data;
  std::string split = "test";
  std::string source = kDevice;
  std::string codec;
  std::int64_t limit = 0;
  std::uint64_t seed = 1;
  int threads = 2;
  bool json = false;
};

bool is_plan(const std::string& name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

LoadedPlan plan_of(const EvalArgs& args) {
  if (is_plan(args.subject)) return read_ladder(args.subject).front();
  const std::string model = resolve_model(args.subject);
  const Graph graph = load_model(model);
  const StrategyOptions options{
      .device = kDevice, .server = kServer, .input = plan_input(graph, model), .labels = {}};
  if (args.codec.empty()) return local_plan(graph, model, options);
  return offload_plan(graph, model, args.codec, options);
}

void run(const EvalArgs& args) {
  const LoadedPlan plan = plan_of(args);
  const ImageSet images =
      open_images(args.data, split_from_string(args.split), plan.plan.input, args.limit, args.seed);
  const Evaluation result = evaluate(plan, args.source, images, args.threads, progress_bar("eval"));
  const Interval interval = result.interval();
  if (args.json) {
    const Json out = {{"subject", args.subject},
                      {"data", args.data},
                      {"split", args.split},
                      {"top1", result.top1()},
                      {"hits", result.hits},
                      {"images", result.images},
                      {"interval", {interval.low, interval.high}},
                      {"bytes_per_frame", result.bytes_per_frame}};
    std::cout << out.dump(2) << '\n';
    return;
  }
  fmt::print("top-1 {:.2f} % of {} images (95 % interval {:.2f} to {:.2f} %)", 100 * result.top1(),
             result.images, 100 * interval.low, 100 * interval.high);
  if (result.bytes_per_frame > 0) fmt::print(", {} a frame", format_bytes(result.bytes_per_frame));
  fmt::print("\n");
}

}  // namespace

void add_eval_command(CLI::App& app) {
  auto args = std::make_shared<EvalArgs>();
  auto* command =
      add_command(app, "eval", "Accuracy of a plan or a network on a data set, codecs included",
                  "isthmus eval cifar10_resnet20 --data cifar10 --limit 1000 --codec jpeg:75");
  command->add_option("subject", args->subject, "Plan file, ONNX file, or zoo:NAME")->required();
  command->add_option("--data", args->data, "Data set or folder with class folders")->required();
  command->add_option("--split", args->split, "test or train")->capture_default_str();
  command->add_option("--limit", args->limit, "Images, a seeded sample; 0: all")
      ->capture_default_str();
  command->add_option("--codec", args->codec,
                      "Of a network: what the image goes through first (jpeg:75, ...)");
  command->add_option("--source", args->source, "Of a plan: the machine with the camera")
      ->capture_default_str();
  command->add_option("--seed", args->seed, "Of the sample")->capture_default_str();
  command->add_option("--threads", args->threads, "Images at a time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
