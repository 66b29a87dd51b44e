#include "train/workers.h"

#include <ATen/ATen.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "core/error.h"
#include "core/json.h"
#include "lab/child_process.h"
#include "train/checkpoint.h"
#include "train/result_files.h"
#include "train/tiny_training.h"

namespace isthmus {
namespace {

class Environment {
 public:
  void set(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), 1);
    names_.push_back(name);
  }
  ~Environment() {
    for (const std::string& name : names_) unsetenv(name.c_str());
  }

 private:
  std::vector<std::string> names_;
};

TEST(Workers, OneAloneSumsNothing) {
  const auto worker = workers_from_environment();
  EXPECT_EQ(worker->size(), 1);
  EXPECT_TRUE(worker->first());
  torch::Tensor tensor = torch::ones({2});
  sum_together(*worker, {tensor});
  EXPECT_EQ(tensor.sum().item<float>(), 2);
}

TEST(Workers, SayWhichVariableIsWrong) {
  for (const auto& [name, value, wrong] :
       {std::tuple{"RANK", "2", "RANK"}, std::tuple{"RANK", "x", "RANK"},
        std::tuple{"MASTER_PORT", "0", "MASTER_PORT"}, std::tuple{"MASTER_ADDR", "", "MASTER_ADDR"},
        std::tuple{"WORLD_SIZE", "-1", "WORLD_SIZE"}}) {
    SCOPED_TRACE(name);
    Environment environment;
    environment.set("WORLD_SIZE", "2");
    environment.set("RANK", "0");
    environment.set("MASTER_ADDR", "127.0.0.1");
    environment.set("MASTER_PORT", "29500");
    environment.set(name, value);
    try {
      workers_from_environment();
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(wrong), std::string::npos) << error.what();
    }
  }
}

// A port that nobody listens on now.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  bind(socket, reinterpret_cast<sockaddr*>(&address), length);
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  close(socket);
  return ntohs(address.sin_port);
}

constexpr const char* kFolder = "ISTHMUS_TEST_FOLDER";
constexpr const char* kDies = "ISTHMUS_TEST_DIES";
constexpr int kDead = 9;
constexpr const char* kNormalised = "ISTHMUS_TEST_NORMALISED";
constexpr const char* kOwnSeed = "ISTHMUS_TEST_OWN_SEED";

// The whole network from scratch, so that there is batch normalization only where it is asked for.
Recipe shared_recipe(const TinyTraining& tiny) {
  StageRecipe stage = task_stage(3);
  stage.trains = {"body"};
  Recipe recipe = tiny.recipe(std::move(stage), 128);
  recipe.teacher.clear();
  recipe.student = {.kind = RecipeKind::kNetwork, .model = "tiny.onnx"};
  recipe.data.augment = {"flip"};
  return recipe;
}

// What a process of TwoProcesses runs; not a test of its own.
TEST(SharedTraining, DISABLED_Process) {
  const TinyTraining tiny;
  tiny.write_network(std::string(std::getenv(kNormalised)) == "yes");
  TrainOptions options;
  options.folder = std::getenv(kFolder);
  options.threads = 1;
  // The first process, the only one that is told, dies in the middle.
  if (std::getenv(kDies))
    options.status = [](const TrainStatus& status) {
      if (status.epoch == 2) _exit(kDead);
    };
  Recipe recipe = shared_recipe(tiny);
  if (std::getenv(kOwnSeed)) recipe.seed = std::strtoull(std::getenv("RANK"), nullptr, 10);
  train(recipe, options);
}

class TwoProcesses : public testing::Test {
 protected:
  // Of the last epoch.
  struct Outcome {
    double loss;
    double validation_loss;
  };

  static Outcome outcome(const std::filesystem::path& folder) {
    const Json document = read_document(metrics_file(folder));
    const Json& epoch = document["stages"].back()["epochs"].back();
    return {epoch["loss"].get<double>(), epoch["validation_loss"].get<double>()};
  }

  // Exit codes, by rank.
  std::vector<int> run(int count, bool normalised, Environment& environment) const {
    environment.set(kFolder, result(count).string());
    environment.set(kNormalised, normalised ? "yes" : "no");
    environment.set("WORLD_SIZE", std::to_string(count));
    environment.set("MASTER_ADDR", "127.0.0.1");
    environment.set("MASTER_PORT", std::to_string(free_port()));
    std::vector<ChildProcess> processes;
    for (int rank = 0; rank < count; ++rank) {
      environment.set("RANK", std::to_string(rank));
      processes.emplace_back(
          ChildOptions{.command = {std::filesystem::read_symlink("/proc/self/exe").string(),
                                   "--gtest_also_run_disabled_tests",
                                   "--gtest_filter=SharedTraining.DISABLED_Process"},
                       .stdout_file = log_of(rank),
                       .stderr_file = {}});
    }
    constexpr Seconds kPatience{120};
    std::vector<int> codes;
    for (ChildProcess& process : processes) codes.push_back(process.wait(kPatience));
    return codes;
  }

  Outcome by_processes(int count, bool normalised) const {
    Environment environment;
    for (const int code : run(count, normalised, environment)) EXPECT_EQ(code, 0);
    return outcome(result(count));
  }

  std::filesystem::path result(int count) const { return folder_.path() / std::to_string(count); }
  std::filesystem::path log_of(int rank) const {
    return folder_.path() / (std::to_string(rank) + ".log");
  }

  TemporaryFolder folder_;
};

// Every image has the same loss and gradient whoever computes them; only sums are ordered
// otherwise.
TEST_F(TwoProcesses, TrainWhatOneDoes) {
  const Outcome one = by_processes(1, /*normalised=*/false);
  const Outcome two = by_processes(2, /*normalised=*/false);
  EXPECT_NEAR(two.loss, one.loss, 1e-3 * one.loss);
  EXPECT_NEAR(two.validation_loss, one.validation_loss, 1e-3 * one.validation_loss);
}

// Each process normalises by its own half of the batch.
TEST_F(TwoProcesses, TrainWhatOneDoesWithinNoiseUnderBatchNormalization) {
  const Outcome one = by_processes(1, /*normalised=*/true);
  const Outcome two = by_processes(2, /*normalised=*/true);
  EXPECT_NEAR(two.loss, one.loss, 0.1 * one.loss);
  EXPECT_NEAR(two.validation_loss, one.validation_loss, 0.2 * one.validation_loss);
}

TEST_F(TwoProcesses, EndTogetherWhenOneIsGone) {
  Environment environment;
  environment.set(kDies, "yes");
  const std::vector<int> codes = run(2, /*normalised=*/false, environment);
  EXPECT_EQ(codes[0], kDead);
  EXPECT_NE(codes[1], 0);
  EXPECT_NE(read_file(log_of(1)).find("is gone"), std::string::npos);
  // What the first had written is whole.
  EXPECT_TRUE(read_checkpoint(checkpoint_file(result(2))));
}

TEST_F(TwoProcesses, RefuseToMixTwoTrainings) {
  Environment environment;
  environment.set(kOwnSeed, "yes");
  for (const int code : run(2, /*normalised=*/false, environment)) EXPECT_NE(code, 0);
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_NE(read_file(log_of(rank)).find("do not begin alike"), std::string::npos);
}

}  // namespace
}  // namespace isthmus
