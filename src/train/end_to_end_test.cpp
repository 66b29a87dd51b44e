// From images to a plan: a teacher is trained, a student with a bottleneck is distilled
// from it, and the result is read and run as `isthmus eval` would.

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/rng.h"
#include "lab/evaluate.h"
#include "train/tiny_training.h"

namespace isthmus {
namespace {

constexpr int kSide = 32;

// An image of stripes: their direction is the class, the rest is chance. As CIFAR-10 has it: the
// label and three planes.
std::string stripes(std::uint64_t seed) {
  Rng rng(seed);
  const auto direction = static_cast<std::size_t>(rng.below(4));
  const int phase = static_cast<int>(rng.below(6));
  const double bright = rng.uniform(120, 230);
  const double dark = rng.uniform(0, 90);
  std::string record(1, static_cast<char>(direction));
  for (int plane = 0; plane < 3; ++plane)
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        const int along[] = {x, y, x + y, x - y + kSide};
        const bool on = (along[direction] + phase) % 6 < 3;
        const double value = (on ? bright : dark) + rng.uniform(0, 25);
        record += static_cast<char>(static_cast<std::uint8_t>(value));
      }
  return record;
}

void write_stripes(const std::filesystem::path& file, int images, std::uint64_t seed) {
  std::string content;
  for (int i = 0; i < images; ++i)
    content += stripes(mix_seed(seed, static_cast<std::uint64_t>(i)));
  write_file(file, content);
}

class EndToEnd : public testing::Test {
 protected:
  EndToEnd() {
    for (int i = 1; i <= 5; ++i)
      write_stripes(data() / ("data_batch_" + std::to_string(i) + ".bin"), 64,
                    static_cast<std::uint64_t>(i));
    write_stripes(data() / "test_batch.bin", 200, 6);
    tiny_.write_network(/*normalised=*/true, /*scores=*/10);
  }

  std::filesystem::path data() const { return tiny_.folder() / "stripes"; }

  Recipe recipe(StudentRecipe student, std::vector<StageRecipe> stages) const {
    Recipe recipe = tiny_.recipe({}, 0);
    recipe.student = std::move(student);
    recipe.data.name = recipe.data.test = data().string();
    recipe.data.test_limit = 0;
    recipe.wire.images = 100;
    recipe.stages = std::move(stages);
    for (StageRecipe& stage : recipe.stages) {
      stage.optimizer.batch = 16;
      stage.optimizer.rate = 0.01;
      stage.optimizer.schedule = RateSchedule::kCosine;
    }
    return recipe;
  }

  TrainingResults train_teacher() const {
    StageRecipe stage = task_stage(4);
    stage.trains = {"body"};
    Recipe teacher = recipe({.kind = RecipeKind::kNetwork, .model = "tiny.onnx"}, {stage});
    teacher.teacher.clear();
    return train(teacher, tiny_.options("teacher"));
  }

  // BottleFit (paper 1, III-C).
  TrainingResults train_student() const {
    StageRecipe pretrain = sse_stage(4);
    pretrain.loss.kind = LossKind::kGhnd;
    pretrain.loss.at = {"second", "third"};
    StageRecipe tune = task_stage(2);
    tune.loss.kind = LossKind::kDistillation;
    tune.trains = {"decoder", "tail"};
    Recipe student = recipe({.until = "second", .channels = 8, .budget = 1}, {pretrain, tune});
    student.teacher = "teacher/model.onnx";
    student.wire.levels = 0;
    return train(student, tiny_.options("student"));
  }

  TinyTraining tiny_;
};

TEST_F(EndToEnd, ADistilledStudentIsReadyToRun) {
  const TrainingResults teacher = train_teacher();
  ASSERT_GT(teacher.find("f32")->top1, 0.9);
  const ModelCard card = read_model_card(tiny_.result("teacher") / "model.onnx");
  EXPECT_EQ(card.classes.size(), 10U);
  EXPECT_EQ(card.measured_images, 200);

  const TrainingResults student = train_student();
  EXPECT_EQ(student.find("teacher")->top1, teacher.find("f32")->top1);
  // Chance is 25 %. The margin is 40 points.
  ASSERT_TRUE(student.untrained_top1);
  for (const char* codec : {"f32", "u8", "u8+rans"}) {
    SCOPED_TRACE(codec);
    EXPECT_GE(student.find(codec)->top1, *student.untrained_top1 + 0.4);
    EXPECT_GE(student.find(codec)->top1, teacher.find("f32")->top1 - 0.1);
    EXPECT_EQ(student.find(codec)->images, 200);
  }
  EXPECT_LT(student.find("u8")->bytes_per_frame, 0.4 * student.find("f32")->bytes_per_frame);
  EXPECT_LT(student.find("u8+rans")->bytes_per_frame, student.find("u8")->bytes_per_frame);
  EXPECT_EQ(student.student["target"], "second");

  // As `isthmus eval` reads and runs it.
  const LoadedPlan plan = read_ladder(tiny_.result("student") / "plan.yaml").front();
  EXPECT_FALSE(plan.plan.lossless);
  EXPECT_EQ(plan.plan.parts[0].file, "head.onnx");
  const ImageSet images = open_images(data().string(), Split::kTest, plan.plan.input, 0);
  const Evaluation evaluation = evaluate(plan, "device", images, 1);
  EXPECT_EQ(evaluation.top1(), student.find("u8+rans")->top1);
  EXPECT_EQ(evaluation.bytes_per_frame, student.find("u8+rans")->bytes_per_frame);

  // What was written is a recipe that trains the same again.
  Recipe again = read_recipe(tiny_.result("student") / "recipe.yaml");
  train(again, tiny_.options("again"));
  EXPECT_EQ(read_file(tiny_.result("again") / "student.onnx"),
            read_file(tiny_.result("student") / "student.onnx"));
}

}  // namespace
}  // namespace isthmus
