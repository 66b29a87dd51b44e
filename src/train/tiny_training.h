#pragma once

#include <filesystem>
#include <string>

#include "core/file.h"
#include "data/model_card.h"
#include "graph/builder.h"
#include "train/train.h"

namespace isthmus {

// For tests: a small teacher file, and recipes over the built-in signs at 32 pixels that take
// seconds.
class TinyTraining {
 public:
  std::filesystem::path folder() const { return folder_.path(); }
  std::filesystem::path result(const std::string& name) const { return folder() / name; }

  // 3x32x32 -> 16x16x16 "first" -> 32x8x8 "second" -> 32x8x8 "third" -> scores. `normalised`:
  // with batch normalization.
  std::filesystem::path write_network(bool normalised = true, std::int64_t scores = 16) const {
    GraphBuilder net("tiny", {.seed = 3});
    const auto layer = [&](const std::string& x, std::int64_t channels, std::int64_t stride,
                           const std::string& name) {
      std::string y = net.conv(x, channels,
                               {.kernel = {3},
                                .stride = {stride},
                                .pad = {1},
                                .bias = !normalised,
                                .name = name + ".conv"});
      if (normalised) y = net.batch_norm(y, name + ".norm");
      return net.relu(y, name);
    };
    std::string x = net.input("input", {-1, 3, 32, 32});
    x = layer(x, 16, 2, "first");
    x = layer(x, 32, 2, "second");
    x = layer(x, 32, 1, "third");
    net.output(net.gemm(net.flatten(net.global_average_pool(x)), scores, "logits"));
    const auto file = folder() / "tiny.onnx";
    save_graph(net.build(), file);
    write_model_card(file, {.assumed = false, .dataset = "signs", .normalization = {}});
    return file;
  }

  // `images` of the training images, one stage.
  Recipe recipe(StageRecipe stage, std::int64_t images = 64) const {
    Recipe recipe;
    recipe.name = "tiny";
    recipe.folder = folder();
    recipe.teacher = "tiny.onnx";
    recipe.student = {
        .kind = RecipeKind::kBottleneck, .until = "second", .channels = 4, .budget = 1};
    recipe.data.name = recipe.data.test = "signs";
    recipe.data.limit = images;
    recipe.data.test_limit = 16;
    recipe.data.validation = 0.25;
    recipe.wire.images = 16;
    stage.optimizer.batch = 16;
    recipe.stages = {std::move(stage)};
    return recipe;
  }

  TrainOptions options(const std::string& name) const {
    TrainOptions options;
    options.folder = result(name);
    options.threads = 1;
    return options;
  }

 private:
  TemporaryFolder folder_;
};

inline StageRecipe sse_stage(int epochs) {
  return {.name = "distil",
          .epochs = epochs,
          .trains = {"encoder", "decoder"},
          .loss = {.kind = LossKind::kSse}};
}

inline StageRecipe task_stage(int epochs) {
  return {.name = "task",
          .epochs = epochs,
          .trains = {"encoder", "decoder", "tail"},
          .loss = {.kind = LossKind::kCrossEntropy}};
}

}  // namespace isthmus
