#include "train/train.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/json.h"
#include "plan/plan.h"
#include "train/result_files.h"
#include "train/tiny_training.h"

namespace isthmus {
namespace {

class Train : public testing::Test {
 protected:
  Train() { tiny_.write_network(); }

  std::string student(const std::string& name) const {
    return read_file(tiny_.result(name) / "student.onnx");
  }
  // The message of the error that training ends with.
  std::string failure(const Recipe& recipe, const TrainOptions& options) const {
    try {
      train(recipe, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  TinyTraining tiny_;
};

TEST_F(Train, IsTheSameAgainFromTheSameSeed) {
  Recipe recipe = tiny_.recipe(task_stage(2));
  train(recipe, tiny_.options("one"));
  train(recipe, tiny_.options("two"));
  EXPECT_EQ(student("one"), student("two"));
  recipe.seed = 2;
  train(recipe, tiny_.options("three"));
  EXPECT_NE(student("one"), student("three"));
}

TEST_F(Train, TouchesOnlyWhatTheStageTrains) {
  const TinyTraining& tiny = tiny_;
  train(tiny.recipe(sse_stage(1)), tiny.options("out"));
  const Graph teacher = load_graph(tiny.folder() / "tiny.onnx");
  const Graph student = load_graph(tiny.result("out") / "student.onnx");
  int kept = 0;
  for (const auto& [name, initializer] : teacher.initializers) {
    const auto found = student.initializers.find(name);
    if (found == student.initializers.end()) continue;
    ++kept;
    EXPECT_EQ(max_relative_difference(initializer.tensor, found->second.tensor), 0) << name;
  }
  // Convolution, normalization (4) and dense layer (2) behind "second".
  EXPECT_EQ(kept, 7);
}

// What Ctrl-C, a full disk or a kill leave is the checkpoint of the last whole epoch.
TEST_F(Train, GoesOnAfterAnInterruptToTheSameResult) {
  Recipe recipe = tiny_.recipe(sse_stage(2));
  recipe.stages.push_back(task_stage(2));
  recipe.stages.back().optimizer = {.kind = OptimizerKind::kSgd, .batch = 16};
  recipe.stages.front().loss.rate_weight = 1;
  recipe.data.augment = {"crop", "flip"};
  train(recipe, tiny_.options("whole"));

  for (const char* stage : {"distil", "task"}) {
    SCOPED_TRACE(stage);
    TrainOptions options = tiny_.options(std::string("resumed-") + stage);
    options.status = [&](const TrainStatus& status) {
      if (status.stage == stage && status.epoch == 2)
        throw Error(ErrorKind::kInterrupted, "interrupted");
    };
    EXPECT_EQ(failure(recipe, options).find("interrupted; --resume"), 0U);
    EXPECT_FALSE(std::filesystem::exists(options.folder / "student.onnx"));
    options.status = [](const TrainStatus&) {};
    options.resume = true;
    const TrainingResults results = train(recipe, options);
    EXPECT_EQ(read_file(options.folder / "student.onnx"), student("whole"));
    ASSERT_EQ(results.stages.size(), 2U);
    EXPECT_EQ(results.stages[0].epochs.size(), 2U);
    EXPECT_EQ(results.stages[1].epochs.size(), 2U);
  }
}

TEST_F(Train, BeginsWithTheStagesThatAnotherHasTrained) {
  Recipe recipe = tiny_.recipe(sse_stage(1));
  recipe.stages.push_back(task_stage(1));
  for (StageRecipe& stage : recipe.stages) stage.optimizer.batch = 16;
  train(recipe, tiny_.options("first"));
  recipe.stages[1].loss.label_smoothing = 0.1;
  train(recipe, tiny_.options("whole"));
  TrainOptions options = tiny_.options("shared");
  options.begin_with = {tiny_.result("first")};
  const TrainingResults results = train(recipe, options);
  EXPECT_EQ(student("shared"), student("whole"));
  EXPECT_NE(student("shared"), student("first"));
  EXPECT_EQ(results.stages[0].epochs.size(), 1U);
}

// Of several the one that has done the most of it.
TEST_F(Train, FindsTheTrainingThatItBeginsWith) {
  Recipe recipe = tiny_.recipe(sse_stage(1));
  train(recipe, tiny_.options("one stage"));
  const std::string first = first_stage_of(recipe);
  for (int i = 0; i < 2; ++i) recipe.stages.push_back(task_stage(1));
  for (StageRecipe& stage : recipe.stages) stage.optimizer.batch = 16;
  EXPECT_EQ(first_stage_of(recipe), first);
  train(recipe, tiny_.options("two stages"));
  Recipe other = recipe;
  other.seed = 2;
  EXPECT_NE(first_stage_of(other), first);
  train(other, tiny_.options("another seed"));

  recipe.stages[2].loss.label_smoothing = 0.1;
  TrainOptions options = tiny_.options("out");
  std::string said;
  options.say = [&](const std::string& line) { said += line + '\n'; };
  for (const char* name : {"another seed", "one stage", "two stages"})
    options.begin_with.push_back(tiny_.result(name));
  train(recipe, options);
  EXPECT_NE(said.find("taking over 2 of 3 stages from " + tiny_.result("two stages").string()),
            std::string::npos)
      << said;
}

TEST_F(Train, BeginsAnewWhereNoOtherBeginsSo) {
  Recipe recipe = tiny_.recipe(sse_stage(1));
  train(recipe, tiny_.options("first"));
  recipe.stages.push_back(task_stage(1));
  recipe.stages.back().optimizer.batch = 16;
  recipe.seed = 2;
  train(recipe, tiny_.options("whole"));
  TrainOptions options = tiny_.options("shared");
  options.begin_with = {tiny_.result("first")};
  std::string said;
  options.say = [&](const std::string& line) { said += line + '\n'; };
  train(recipe, options);
  EXPECT_NE(said.find("beginning anew"), std::string::npos) << said;
  EXPECT_EQ(student("shared"), student("whole"));
  options = tiny_.options("none");
  options.begin_with = {tiny_.result("frist")};
  EXPECT_NE(failure(recipe, options).find("frist"), std::string::npos);
}

// An epoch of each; what the students are is tested with the students.
TEST_F(Train, TrainsEveryKindOfStudent) {
  struct Case {
    StudentRecipe student;
    StageRecipe stage;
  };
  StageRecipe reconstruction = sse_stage(1);
  reconstruction.loss.kind = LossKind::kReconstruction;
  StageRecipe rated = reconstruction;
  rated.loss.rate_weight = 1;
  StageRecipe classifier = task_stage(1);
  classifier.trains = {"classifier"};
  const Case cases[] = {
      {{.kind = RecipeKind::kMimic, .until = "second", .budget = 1}, sse_stage(1)},
      {{.kind = RecipeKind::kAutoencoder, .until = "second", .channels = 4}, reconstruction},
      {{.kind = RecipeKind::kAutoencoder, .until = "second", .channels = 4}, rated},
      {{.kind = RecipeKind::kNarrow, .until = "second", .channels = 4}, task_stage(1)},
      {{.kind = RecipeKind::kClassifier}, classifier}};
  int number = 0;
  for (const Case& each : cases) {
    SCOPED_TRACE(to_string(each.student.kind));
    Recipe recipe = tiny_.recipe(each.stage);
    recipe.student = each.student;
    const TrainOptions options = tiny_.options(std::to_string(number++));
    const TrainingResults results = train(recipe, options);
    EXPECT_TRUE(results.find("f32"));
    const bool cut = each.student.kind != RecipeKind::kClassifier;
    EXPECT_EQ(results.results.size(), cut ? 4U : 1U);
    EXPECT_TRUE(std::filesystem::exists(options.folder / (cut ? "plan.yaml" : "model.onnx")));
  }
}

// Paying for bits makes the bottleneck cheaper.
TEST_F(Train, ARateTermShortensTheCodes) {
  Recipe recipe = tiny_.recipe(sse_stage(6));
  recipe.stages[0].optimizer.rate = 0.01;
  const double without = train(recipe, tiny_.options("a")).find("u8+rans")->bytes_per_frame;
  recipe.stages[0].loss.rate_weight = 1000;
  const TrainingResults results = train(recipe, tiny_.options("b"));
  EXPECT_LT(results.find("u8+rans")->bytes_per_frame, 0.8 * without);
  EXPECT_LT(*results.stages[0].epochs.back().bits, *results.stages[0].epochs.front().bits);
}

// 255 steps of what the bottleneck spans before training are too few for what it spans behind it.
TEST_F(Train, SaysWhereTheBottleneckHasOutgrownTheStep) {
  Recipe recipe = tiny_.recipe(sse_stage(6));
  recipe.stages[0].optimizer.rate = 0.01;
  recipe.stages[0].loss.rate_weight = 1e-6;
  recipe.stages[0].loss.rate_levels = 256;
  TrainOptions options = tiny_.options("out");
  std::string said;
  options.say = [&](const std::string& line) { said += line + '\n'; };
  const TrainingResults results = train(recipe, options);
  EXPECT_NE(said.find("has outgrown 255 steps"), std::string::npos) << said;
  EXPECT_LE(results.find("u8+rans")->levels, 256);
  EXPECT_GE(results.find("u8+rans")->levels, 250);
}

TEST_F(Train, NamesAnOperatorThatHasNoGradient) {
  GraphBuilder net("odd", {});
  std::string x = net.input("input", {-1, 3, 32, 32});
  x = net.relu(net.conv(x, 16, {.kernel = {3}, .stride = {2}, .pad = {1}}), "first");
  x = net.relu(net.conv(x, 32, {.kernel = {3}, .stride = {2}, .pad = {1}}), "second");
  x = net.op("Round", {x}, {}, "strange");
  net.output(net.gemm(net.flatten(x), 16, "logits"));
  save_graph(net.build(), tiny_.folder() / "tiny.onnx");
  const std::string message = failure(tiny_.recipe(task_stage(1)), tiny_.options("out"));
  EXPECT_NE(message.find("Round"), std::string::npos) << message;
  EXPECT_NE(message.find("strange"), std::string::npos) << message;
}

TEST_F(Train, NeverOverwritesAResult) {
  const Recipe recipe = tiny_.recipe(sse_stage(1));
  train(recipe, tiny_.options("out"));
  EXPECT_NE(failure(recipe, tiny_.options("out")).find("--resume"), std::string::npos);
}

TEST_F(Train, RefusesToResumeAnotherRecipe) {
  Recipe recipe = tiny_.recipe(sse_stage(1));
  train(recipe, tiny_.options("out"));
  TrainOptions options = tiny_.options("out");
  options.resume = true;
  recipe.stages[0].optimizer.rate = 0.5;
  EXPECT_NE(failure(recipe, options).find("another recipe"), std::string::npos);
}

TEST_F(Train, WritesTheWireAnewWhenAFinishedRunIsResumed) {
  Recipe recipe = tiny_.recipe(sse_stage(1));
  train(recipe, tiny_.options("out"));
  TrainOptions options = tiny_.options("out");
  options.resume = true;
  recipe.wire.codec = "u8";
  train(recipe, options);
  const Plan plan = read_ladder(options.folder / "plan.yaml").front().plan;
  EXPECT_EQ(plan.name, "tiny/u8");
}

TEST_F(Train, StopsAtALossThatIsNotFinite) {
  Recipe recipe = tiny_.recipe(sse_stage(2));
  recipe.stages.push_back(task_stage(1));
  recipe.stages[1].optimizer = {.kind = OptimizerKind::kSgd, .rate = 1e30, .batch = 16};
  const std::string message = failure(recipe, tiny_.options("out"));
  EXPECT_NE(message.find("not finite"), std::string::npos) << message;
  EXPECT_NE(message.find("stage task"), std::string::npos) << message;
  EXPECT_NE(message.find("step"), std::string::npos) << message;
  // The weights before are still there.
  recipe.stages.pop_back();
  const Json state = Json::parse(read_file(metrics_file(tiny_.result("out"))));
  EXPECT_EQ(state["stages"][0]["epochs"].size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(checkpoint_file(tiny_.result("out"))));
}

// One step an epoch: the weights that it leaves are finite, what they answer is not.
TEST_F(Train, KeepsTheCheckpointWhereOnlyTheValidationIsNotFinite) {
  Recipe recipe = tiny_.recipe(sse_stage(1));
  recipe.stages.push_back(task_stage(1));
  recipe.stages[1].optimizer = {.kind = OptimizerKind::kSgd, .rate = 1e30, .batch = 48};
  TrainOptions options = tiny_.options("out");
  const std::string message = failure(recipe, options);
  EXPECT_NE(message.find("not finite"), std::string::npos) << message;
  const std::string kept = read_file(checkpoint_file(options.folder));
  options.resume = true;
  EXPECT_EQ(failure(recipe, options), message);
  EXPECT_EQ(read_file(checkpoint_file(options.folder)), kept);
}

TEST_F(Train, ContinuesATrainingOfFewerStages) {
  Recipe recipe = tiny_.recipe(sse_stage(1));
  train(recipe, tiny_.options("one"));
  recipe.stages.push_back(task_stage(1));
  recipe.stages.back().optimizer.batch = 16;
  train(recipe, tiny_.options("whole"));
  TrainOptions options = tiny_.options("more");
  options.begin_with = {tiny_.result("one")};
  train(recipe, options);
  EXPECT_EQ(student("more"), student("whole"));
}

// The teacher is its weights, not the name of its file.
TEST_F(Train, RefusesToResumeWithAnotherTeacher) {
  const Recipe recipe = tiny_.recipe(sse_stage(1));
  TrainOptions options = tiny_.options("out");
  train(recipe, options);
  options.resume = true;
  train(read_recipe(options.folder / "recipe.yaml"), options);
  tiny_.write_network(/*normalised=*/false);
  EXPECT_NE(failure(recipe, options).find("another recipe"), std::string::npos);
}

TEST_F(Train, TakesTheScoresBeforeASoftmax) {
  const Recipe recipe = tiny_.recipe(task_stage(1));
  const TrainingResults plain = train(recipe, tiny_.options("plain"));
  Graph graph = load_graph(tiny_.folder() / "tiny.onnx");
  graph.nodes.push_back({.name = "softmax",
                         .op = "Softmax",
                         .domain = "",
                         .inputs = {"logits"},
                         .outputs = {"probabilities"},
                         .attributes = {}});
  const Value scores = graph.outputs[0].value;
  graph.values["logits"] = scores;
  graph.outputs = {{"probabilities", scores}};
  save_graph(graph, tiny_.folder() / "tiny.onnx");
  const TrainingResults results = train(recipe, tiny_.options("softmax"));
  EXPECT_EQ(results.stages[0].epochs[0].loss, plain.stages[0].epochs[0].loss);
  EXPECT_EQ(results.find("f32")->top1, plain.find("f32")->top1);
}

TEST_F(Train, FindsAnUnwritableFolderFirst) {
  write_file(tiny_.folder() / "file", std::string_view("x"));
  TrainOptions options = tiny_.options("file/out");
  bool stepped = false;
  options.status = [&](const TrainStatus&) { stepped = true; };
  EXPECT_NE(failure(tiny_.recipe(sse_stage(1)), options).find("file"), std::string::npos);
  EXPECT_FALSE(stepped);
}

TEST_F(Train, SaysWhatDoesNotFit) {
  struct Case {
    const char* what;
    std::function<void(Recipe&)> spoil;
    const char* message;
  };
  const Case cases[] = {
      {"no cut point", [](Recipe& r) { r.student.until = "secnd"; }, "second"},
      {"no teacher", [](Recipe& r) { r.teacher = "tni.onnx"; }, "tni.onnx"},
      {"no such tensor", [](Recipe& r) { r.stages[0].loss.at = {"thrd"}; }, "third"},
      {"nothing to reconstruct",
       [](Recipe& r) { r.stages[0].loss.kind = LossKind::kReconstruction; }, "autoencoder"},
      {"no data", [](Recipe& r) { r.data.name = "nothing"; }, "nothing"},
      {"no test images", [](Recipe& r) { r.data.test = "nothing"; }, "nothing"},
      {"too large a bottleneck", [](Recipe& r) { r.student.channels = 4000; }, "bottleneck"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    Recipe recipe = tiny_.recipe(sse_stage(1));
    each.spoil(recipe);
    const std::string message = failure(recipe, tiny_.options("out"));
    EXPECT_NE(message.find(each.message), std::string::npos) << message;
  }
  TrainOptions options = tiny_.options("out");
  options.device = "abacus";
  EXPECT_NE(failure(tiny_.recipe(sse_stage(1)), options).find("abacus"), std::string::npos);
}

TEST_F(Train, RefusesLabelsOfOtherClasses) {
  tiny_.write_network(true, 5);
  const std::string message = failure(tiny_.recipe(task_stage(1)), tiny_.options("out"));
  EXPECT_NE(message.find("16 classes"), std::string::npos) << message;
  EXPECT_NE(message.find("5 scores"), std::string::npos) << message;
  // Without labels it is no matter.
  EXPECT_EQ(failure(tiny_.recipe(sse_stage(1)), tiny_.options("out")), "");
}

}  // namespace
}  // namespace isthmus
