#include "train/task.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "train/stage_loss.h"
#include "train/tiny_training.h"

namespace isthmus {
namespace {

TEST(FindModel, LooksBesideTheRecipeFirst) {
  const TemporaryFolder folder;
  write_file(folder.path() / "net.onnx", std::string_view("x"));
  Recipe recipe;
  recipe.folder = folder.path();
  EXPECT_EQ(find_model(recipe, "net.onnx"), (folder.path() / "net.onnx").string());
  EXPECT_EQ(find_model(recipe, "zoo:resnet20"), "zoo:resnet20");
  EXPECT_THROW(find_model(recipe, "nowhere.onnx"), Error);
}

// The teacher has an autoencoder already, at a tensor of the same shape.
TEST(Task, ReconstructsWhatGoesIntoTheAutoencoderThatIsTrained) {
  const TinyTraining tiny;
  const auto file = tiny.write_network();
  const Student first = make_student(
      load_graph(file), {.kind = StudentKind::kAutoencoder, .until = "second", .channels = 4});
  save_graph(first.graph, file);
  StageRecipe stage = sse_stage(1);
  stage.loss.kind = LossKind::kReconstruction;
  Recipe recipe = tiny.recipe(stage);
  recipe.student = {.kind = RecipeKind::kAutoencoder, .until = "third", .channels = 4};
  const TrainingTask task = make_task(recipe, *open_dataset("signs", Split::kTrain));

  const StageLoss loss(task, recipe.stages.front().loss);
  TorchGraph student(task.student.graph);
  TorchGraph teacher(*task.teacher);
  const TorchValues images = {
      {task.input, at::linspace(-1, 1, 3 * 32 * 32).reshape({1, 3, 32, 32})}};
  const torch::Tensor wanted = teacher.forward(images, {"third"}).at("third");
  const TorchValues values = student.forward(images, loss.student_tensors());
  EXPECT_EQ(loss.of(values, {}, {}).item<float>(),
            squared_difference(wanted, values.at("third")).item<float>());
}

}  // namespace
}  // namespace isthmus
