#include "train/train.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <thread>

#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/version.h"
#include "plan/profile.h"
#include "train/deploy.h"
#include "train/result_files.h"
#include "train/shared_beginning.h"
#include "train/torch_error.h"
#include "train/trainer.h"

namespace isthmus {
namespace {

TrainingResults known_beforehand(const Recipe& recipe, const TrainOptions& options,
                                 const Workers& workers) {
  TrainingResults results;
  results.name = recipe.name;
  results.note = recipe.note;
  results.kind = std::string(to_string(recipe.student.kind));
  results.teacher = recipe.teacher;
  results.dataset = recipe.data.name;
  results.test_dataset = recipe.data.test;
  results.command = options.command;
  results.date = utc_date();
  results.cpu = processor_name();
  results.cores = static_cast<int>(std::thread::hardware_concurrency());
  results.version = std::string(kVersion);
  results.device = options.device;
  results.precision = recipe.precision == Precision::kBf16 ? "bf16" : "f32";
  results.processes = workers.size();
  results.threads = options.threads;
  results.seed = recipe.seed;
  return results;
}

// What stands in the folder; an old result is never overwritten by accident.
std::optional<Checkpoint> checkpoint_of(const Recipe& recipe, const TrainOptions& options,
                                        const Workers& workers) {
  if (options.resume) {
    if (auto own = read_checkpoint(checkpoint_file(options.folder))) return own;
  } else if (workers.first() && std::filesystem::exists(checkpoint_file(options.folder))) {
    throw Error(ErrorKind::kInvalid, options.folder.string() +
                                         " holds a training already; go on with --resume, or take "
                                         "another folder");
  }
  if (options.begin_with.empty()) return std::nullopt;
  auto beginning = shared_beginning(recipe, options.begin_with);
  if (!beginning) {
    options.say("no training to begin with has the first stage of " + recipe.name +
                ": teacher, student, data, seed and stage must be the same; beginning anew");
    return std::nullopt;
  }
  options.say(fmt::format("taking over {} of {} stages from {}", beginning->stages,
                          recipe.stages.size(), beginning->folder.string()));
  return std::move(beginning->checkpoint);
}

// Only the first process talks.
TrainOptions quiet_unless_first(TrainOptions options, const Workers& workers) {
  if (workers.first()) return options;
  const TrainOptions silent;
  options.say = silent.say;
  options.status = silent.status;
  options.progress = silent.progress;
  return options;
}

// Wrong names are found before the first epoch, not after the last.
void check_test_images(const Recipe& recipe) { open_dataset(recipe.data.test, Split::kTest); }

TrainingResults train_and_deploy(const Recipe& recipe, const TrainOptions& options,
                                 Workers& workers) {
  at::set_num_threads(options.threads);
  const std::optional<Checkpoint> checkpoint = checkpoint_of(recipe, options, workers);
  const auto training = open_dataset(recipe.data.name, Split::kTrain);
  check_test_images(recipe);
  const TrainingTask task = make_task(recipe, *training);
  TrainingResults results = known_beforehand(recipe, options, workers);
  // A folder that cannot be written is found now, not after the first epoch.
  if (workers.first() && !checkpoint)
    write_document(metrics_file(options.folder), to_json(results));
  options.say("reading the training images of " + recipe.data.name);
  const ImagePool pool(*training, sample_subset(*training, recipe.data.limit, recipe.seed),
                       task.preprocess, options.threads, options.progress(recipe.data.name));
  TrainedStudent trained;
  TrainingSplit split;
  {
    Trainer trainer(recipe, task, pool, workers, options, results);
    if (checkpoint) trainer.resume(*checkpoint);
    trainer.run();
    trained = {.graph = trainer.trained(), .step = trainer.rounding_step()};
    split = trainer.split();
  }
  if (workers.first()) deploy(recipe, task, trained, pool, split, options, results);
  return results;
}

// What no operator could be named for.
Error of_libtorch(const c10::Error& error) {
  const std::string line = first_line(error);
  if (line.find("out of memory") != std::string::npos ||
      line.find("allocate memory") != std::string::npos)
    return {ErrorKind::kUnsupported, "out of memory: a smaller batch or cache_mb may help"};
  return {ErrorKind::kUnsupported, "libtorch: " + line};
}

}  // namespace

std::string first_stage_of(const Recipe& recipe) { return training_hash(recipe, 1); }

TrainingResults train(const Recipe& recipe, const TrainOptions& given) {
  const auto workers = workers_from_environment();
  const TrainOptions options = quiet_unless_first(given, *workers);
  try {
    return train_and_deploy(recipe, options, *workers);
  } catch (const c10::Error& error) {
    throw of_libtorch(error);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInterrupted ||
        !std::filesystem::exists(checkpoint_file(options.folder)))
      throw;
    throw Error(ErrorKind::kInterrupted,
                std::string(error.what()) + "; --resume goes on from the last whole epoch");
  }
}

}  // namespace isthmus
