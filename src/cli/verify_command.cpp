#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/terminal.h"
#include "core/json.h"
#include "engine/verify.h"
#include "lab/frames.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

struct VerifyArgs {
  std::string folder;
  std::string whole;
  std::string images;
  std::int64_t limit = 32;
  std::uint64_t seed = 1;
  VerifyOptions options;
  bool json = false;
};

void run(const VerifyArgs& args) {
  const StoredPartition stored = load_partition(args.folder);
  const std::string whole_name = args.whole.empty() ? stored.whole.string() : args.whole;
  if (whole_name.empty())
    throw Error(ErrorKind::kInvalid,
                args.folder + " does not say what it was cut from; name it with --whole MODEL");
  const Graph whole = load_model(resolve_model(whole_name));
  const InputSource inputs =
      args.images.empty() ? random_inputs(whole, args.limit, args.seed)
                          : frame_inputs(whole, resolve_model(whole_name), args.images, args.limit);
  VerifyOptions options = args.options;
  options.expected_images = args.limit;
  const VerifyResult result =
      verify_partition(whole, stored.partition, inputs, options, progress_bar("verify"));
  const bool wrong = stored.partition.lossless && !result.equal;
  if (args.json) {
    const Json out = {{"equal", result.equal},
                      {"max_relative_difference", result.max_relative_difference},
                      {"images", result.images},
                      {"tolerance", args.options.tolerance},
                      {"lossless", stored.partition.lossless},
                      {"first_difference", result.first_difference}};
    std::cout << out.dump(2) << '\n';
  } else if (!wrong) {
    fmt::print("{}: {} inputs, largest relative difference {:.2g}\n",
               result.equal ? "equal" : "not equal (trained)", result.images,
               result.max_relative_difference);
  }
  if (wrong)
    throw Error(
        ErrorKind::kInvalid,
        fmt::format(
            "{} differs from {}: first at tensor {}, largest relative difference {:.3g} > {:.0e}",
            args.folder, whole_name, result.first_difference, result.max_relative_difference,
            args.options.tolerance));
}

}  // namespace

void add_verify_command(CLI::App& app) {
  auto args = std::make_shared<VerifyArgs>();
  auto* command = add_command(app, "verify", "Check that the parts of a partition make the whole",
                              "isthmus verify split/ --images signs --limit 16");
  command->add_option("folder", args->folder, "Partition folder written by `isthmus cut`")
      ->required();
  command->add_option("--whole", args->whole,
                      "The network it was cut from, if the folder does not say");
  command->add_option("--images", args->images,
                      "Data set, folder or image; random inputs if not given");
  command->add_option("--limit", args->limit, "Inputs to compare")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", args->seed, "Seed of the random inputs")->capture_default_str();
  command->add_option("--tolerance", args->options.tolerance, "Largest |a-b| over largest |a|")
      ->capture_default_str();
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
