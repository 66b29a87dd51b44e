// isthmus-train: what `isthmus train` starts. The only program with libtorch.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <limits>

#include "cli/terminal.h"
#include "cli/train_options.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/json.h"
#include "core/text.h"
#include "core/version.h"
#include "train/train.h"

namespace {

using namespace isthmus;

// One line on a terminal that is written over; nothing elsewhere.
void show(const TrainStatus& status) {
  static const bool terminal = isatty(STDERR_FILENO) == 1;
  static Seconds drawn{0};
  constexpr Seconds kRedraw{0.2};
  const Seconds now = system_clock().now();
  const bool done = status.done >= status.total;
  if (!terminal || (!done && now - drawn < kRedraw)) return;
  drawn = now;
  if (done)
    fmt::print(stderr, "\r\033[K");
  else
    fmt::print(stderr, "\r\033[K{}, epoch {} of {}: {}/{}, {:.0f} images/s, loss {:.4g}, {} left",
               status.stage, status.epoch, status.epochs, status.done, status.total,
               status.images_per_second, status.loss, format_seconds(status.seconds_left));
  std::fflush(stderr);
}

std::string command_of(const TrainArgs& args) {
  std::string command = "isthmus train " + args.recipe + " -o " + args.folder;
  if (args.device != "cpu") command += " --device " + args.device;
  if (args.limit_images > 0) command += fmt::format(" --limit-images {}", args.limit_images);
  if (args.seed) command += fmt::format(" --seed {}", *args.seed);
  return command;
}

void print_results(const TrainingResults& results, const std::string& folder) {
  for (const CodecResult& result : results.results) {
    fmt::print("{:8} top-1 {:.2f} % of {} images (95 % interval {:.2f} to {:.2f} %)", result.codec,
               100 * result.top1, result.images, 100 * result.interval.low,
               100 * result.interval.high);
    if (result.bytes_per_frame > 0)
      fmt::print(", {} a frame", format_bytes(result.bytes_per_frame));
    fmt::print("\n");
  }
  fmt::print("{}\n", folder);
}

void run(const TrainArgs& args) {
  Recipe recipe = read_recipe(args.recipe);
  if (args.seed) recipe.seed = static_cast<std::uint64_t>(*args.seed);
  if (args.limit_images > 0) {
    recipe.data.limit = args.limit_images;
    recipe.data.test_limit = args.limit_images;
  }
  if (args.first_stage) {
    std::cout << first_stage_of(recipe) << '\n';
    return;
  }
  TrainOptions options;
  options.folder = args.folder;
  options.command = command_of(args);
  options.resume = args.resume;
  options.begin_with.assign(args.begin_with.begin(), args.begin_with.end());
  options.device = args.device;
  options.threads = args.threads;
  options.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  options.status = show;
  options.progress = progress_bar;
  const TrainingResults results = train(recipe, options);
  if (args.json)
    std::cout << to_json(results).dump(2) << '\n';
  else
    print_results(results, args.folder);
}

int say(const std::string& message, int code) {
  std::cerr << "isthmus-train: " << message << '\n';
  return code;
}

// Activations come and go with every step. What goes back to the system comes again as pages to be
// zeroed, half of a step's time at 224x224; so it is kept.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  install_interrupt_handler();
  CLI::App app{"Trains networks for Isthmus: teachers, and students with a bottleneck."};
  app.set_version_flag("--version", std::string(kVersion));
  app.footer(std::string("Example:\n  ") + kTrainExample);
  TrainArgs args;
  add_train_options(&app, args);
  try {
    app.parse(argc, argv);
    run(args);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return say(std::string(error.what()) + " (see: isthmus train --help)", 2);
  } catch (const Error& error) {
    return say(error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return say("out of memory: a smaller batch or cache_mb may help", 1);
  } catch (const std::exception& error) {
    return say(std::string("unexpected: ") + error.what(), 1);
  }
}
