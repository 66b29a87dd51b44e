#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/terminal.h"
#include "codec/codec.h"
#include "codec/image.h"
#include "core/error.h"
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
  std::vector<std::string> codecs;
  std::vector<std::string> cut;
  std::int64_t limit = 0;
  std::uint64_t seed = 1;
  int threads = 2;
  bool json = false;
};

bool is_plan(const std::string& name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

LoadedPlan plan_of(const EvalArgs& args, const std::string& codec) {
  if (is_plan(args.subject)) {
    if (!codec.empty() || !args.cut.empty())
      throw Error(ErrorKind::kInvalid, args.subject +
                                           " is a plan, which says itself where it is cut and how "
                                           "tensors travel: --cut and --codec are for networks");
    return read_ladder(args.subject).front();
  }
  const std::string model = resolve_model(args.subject);
  const Graph graph = load_model(model);
  const StrategyOptions options{
      .device = kDevice, .server = kServer, .input = plan_input(graph, model), .labels = {}};
  if (!args.cut.empty()) {
    const CodecSpec spec = codec_spec_from_string(codec.empty() ? "f32" : codec);
    if (spec.kind == CodecKind::kU8Rans)
      throw Error(ErrorKind::kInvalid,
                  "u8+rans learns its tables from training images: isthmus plan makes such plans");
    return cut_plan(graph, model, args.cut, {.name = codec.empty() ? "f32" : codec}, options);
  }
  if (codec.empty()) return local_plan(graph, model, options);
  return offload_plan(graph, model, codec, options);
}

// Of every picture of one quality and kind, as the encoder uses the tables of the standard.
std::size_t table_bytes(const std::string& codec, const ImageSet& images) {
  if (codec.empty() || images.count == 0) return 0;
  const CodecSpec spec = codec_spec_from_string(codec);
  if (spec.kind != CodecKind::kJpeg) return 0;
  const std::vector<std::byte> picture = encode_jpeg(images.get(0).image, spec.quality);
  return picture.size() - jpeg_bytes_without_tables(picture);
}

Json evaluated(const EvalArgs& args, const std::string& codec) {
  const LoadedPlan plan = plan_of(args, codec);
  const ImageSet images =
      open_images(args.data, split_from_string(args.split), plan.plan.input, args.limit, args.seed);
  const Evaluation result = evaluate(plan, args.source, images, args.threads,
                                     progress_bar(codec.empty() ? "eval" : codec));
  const Interval interval = result.interval();
  Json out = {{"subject", args.subject},
              {"data", args.data},
              {"split", args.split},
              {"top1", result.top1()},
              {"hits", result.hits},
              {"images", result.images},
              {"interval", {interval.low, interval.high}},
              {"bytes_per_frame", result.bytes_per_frame}};
  if (!codec.empty()) out["codec"] = codec;
  if (const std::size_t tables = table_bytes(codec, images); tables > 0)
    out["bytes_without_tables"] = result.bytes_per_frame - static_cast<double>(tables);
  return out;
}

void print(const Json& result) {
  const auto percent = [](const Json& share) { return 100 * share.get<double>(); };
  if (result.contains("codec")) fmt::print("{:<9} ", result["codec"].get<std::string>());
  fmt::print("top-1 {:.2f} % of {} images (95 % interval {:.2f} to {:.2f} %)",
             percent(result["top1"]), result["images"].get<std::int64_t>(),
             percent(result["interval"][0]), percent(result["interval"][1]));
  if (const double bytes = result["bytes_per_frame"]; bytes > 0)
    fmt::print(", {} a frame", format_bytes(bytes));
  if (result.contains("bytes_without_tables"))
    fmt::print(", {} without JPEG's tables",
               format_bytes(result["bytes_without_tables"].get<double>()));
  fmt::print("\n");
}

void run(const EvalArgs& args) {
  const std::vector<std::string> codecs =
      args.codecs.empty() ? std::vector<std::string>{""} : args.codecs;
  Json results = Json::array();
  for (const std::string& codec : codecs) {
    results.push_back(evaluated(args, codec));
    if (!args.json) print(results.back());
  }
  if (args.json) std::cout << (codecs.size() == 1 ? results[0] : results).dump(2) << '\n';
}

}  // namespace

void add_eval_command(CLI::App& app) {
  auto args = std::make_shared<EvalArgs>();
  auto* command = add_command(
      app, "eval", "Accuracy of a plan or a network on a data set, codecs included",
      "isthmus eval cifar10_resnet20 --data cifar10 --limit 1000 --codec jpeg:75,webp:50");
  command->add_option("subject", args->subject, "Plan file, ONNX file, or zoo:NAME")->required();
  command->add_option("--data", args->data, "Data set or folder with class folders")->required();
  command->add_option("--split", args->split, "test or train")->capture_default_str();
  command->add_option("--limit", args->limit, "Images, a seeded sample; 0: all")
      ->capture_default_str();
  command
      ->add_option("--codec", args->codecs,
                   "Of a network: what the image goes through first (jpeg:75, ...); several: one "
                   "after the other")
      ->delimiter(',');
  command->add_option("--source", args->source, "Of a plan: the machine with the camera")
      ->capture_default_str();
  command->add_option("--seed", args->seed, "Of the sample")->capture_default_str();
  command->add_option("--threads", args->threads, "Images at a time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option(
      "--cut", args->cut,
      "Of a network: tensors where it is cut; --codec is then theirs (f32, u8, ...)");
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
