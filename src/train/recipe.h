#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fwd.h"
#include "data/augment.h"

namespace isthmus {

// What is trained.
enum class RecipeKind : std::uint8_t {
  kBottleneck,   // Encoder and decoder with a bottleneck for the teacher's first layers.
  kAutoencoder,  // Encoder and decoder put into the teacher at a tensor (paper 1, IV-C).
  kNarrow,       // The teacher with a layer made narrower (paper 0, table 1).
  kMimic,        // Fewer layers for the teacher's first ones, no bottleneck (paper 0, table 2).
  kClassifier,   // The teacher with a new last layer, for another data set.
  kNetwork,      // A network from scratch; there is no teacher.
};

struct StudentRecipe {
  RecipeKind kind = RecipeKind::kBottleneck;
  // kNetwork: "zoo:NAME,...", or an ONNX file whose weights are the beginning.
  std::string model;
  // The teacher's tensor that is to be reproduced, or at which the autoencoder is put in.
  std::string until;
  // "auto", or a design of the papers (split/bottleneck.h).
  std::string preset = "auto";
  // Of the bottleneck (of the narrowed layer); 0 where the preset says it.
  int channels = 0;
  // Height and width of the bottleneck; 0 where the preset says it.
  int patch = 0;
  // Most multiply-adds of the encoder, as a share of the teacher's up to `until`; 0: as the design
  // has it.
  double budget = 0;
  // No ReLU behind the convolution that makes the bottleneck.
  bool linear = false;
};

struct DataRecipe {
  // As open_dataset takes them: training images of the one, test images of the other.
  std::string name;
  std::string test;
  // "crop" (random, with padding), "flip" (horizontal).
  std::vector<std::string> augment;
  // Pixels of padding around an image before the random crop, and what they hold.
  int padding = 4;
  Border border = Border::kZero;
  // Above 0: random rectangles of this share of the image and more instead (data/augment.h).
  double least_area = 0;
  // Share of the training images that is kept for validation.
  double validation = 0.1;
  // Of training images (validation included) and of test images; 0: all.
  std::int64_t limit = 0;
  std::int64_t test_limit = 0;
  // kNetwork: (x / 255 - mean) / std per channel. Otherwise the teacher's card says it.
  std::array<double, 3> mean{0.485, 0.456, 0.406};
  std::array<double, 3> std{0.229, 0.224, 0.225};
};

enum class LossKind : std::uint8_t {
  kSse,             // Paper 0, eq. 1: squared differences to the teacher at one tensor.
  kGhnd,            // Paper 1, eq. 4: the same at several.
  kCrossEntropy,    // Paper 1, eq. 5.
  kDistillation,    // Paper 1, eq. 6 and 7.
  kReconstruction,  // What comes out of the autoencoder against what went in.
};

// Which distribution the Kullback-Leibler divergence weights by.
enum class KlDirection : std::uint8_t {
  kTeacherToStudent,  // KL(p, q) = sum p log(p / q), as Hinton has it.
  kStudentToTeacher,  // KL(q, p), as paper 1, eq. 6, prints it.
};

struct LossRecipe {
  LossKind kind = LossKind::kGhnd;
  // kSse, kGhnd, kReconstruction: tensors of the teacher. Empty: the tensor that is reproduced, and
  // for kGhnd the network's outputs too.
  std::vector<std::string> at;
  // kGhnd: lambda of each tensor; empty: 1 each.
  std::vector<double> weights;
  // kDistillation: hard_weight CE + soft_weight temperature^2 KL.
  double hard_weight = 0.5;
  double soft_weight = 0.5;
  double temperature = 1;
  KlDirection direction = KlDirection::kTeacherToStudent;
  // kCrossEntropy: share of the target that is spread over all classes.
  double label_smoothing = 0;
  // Added: rate_weight times the bits per element that the bottleneck takes when it is quantised to
  // `rate_levels` levels (train/losses.h). 0: no such term.
  double rate_weight = 0;
  int rate_levels = 32;
};

enum class OptimizerKind : std::uint8_t { kAdam, kSgd };
enum class RateSchedule : std::uint8_t {
  kStep,    // rate * decay^(epochs done / decay_epochs), rounded down.
  kCosine,  // From rate to 0 over the stage, step by step.
};

struct OptimizerRecipe {
  OptimizerKind kind = OptimizerKind::kAdam;
  double rate = 0.001;
  RateSchedule schedule = RateSchedule::kStep;
  // 0: never.
  int decay_epochs = 0;
  double decay = 0.1;
  // Images of one step, over all processes.
  int batch = 128;
  double weight_decay = 0;
  // kSgd.
  double momentum = 0.9;
  bool nesterov = false;
};

struct StageRecipe {
  std::string name;
  int epochs = 1;
  // Of regions_of(kind).
  std::vector<std::string> trains;
  LossRecipe loss;
  OptimizerRecipe optimizer;
};

struct WireRecipe {
  // Of the plan that is written: "f32", "u8", "u8+rans", ...
  std::string codec = "u8+rans";
  // Training images that the range and the frequency tables are learnt from.
  int images = 1000;
  // Levels that u8+rans spreads over the range, 2 to 256: fewer make the codes cheaper. 0: the
  // fewest that cost no more than `tolerance` of top-1 on the validation images (a stage with a
  // rate term decides for itself).
  int levels = 256;
  double tolerance = 0.002;
};

enum class Precision : std::uint8_t { kF32, kBf16 };

// One training from beginning to end (docs/formats/recipe.md).
struct Recipe {
  std::string name;
  // A sentence for people.
  std::string note;
  // "cpu": fits an evening on two cores. "full": for a machine with CUDA.
  std::string cost = "cpu";
  // A file, zoo:..., or a name in the model folders; "" for kNetwork.
  std::string teacher;
  StudentRecipe student;
  DataRecipe data;
  std::vector<StageRecipe> stages;
  WireRecipe wire;
  std::uint64_t seed = 1;
  Precision precision = Precision::kF32;
  // What the teacher's answers may take in memory, MB, while they are kept from epoch to epoch.
  int cache_mb = 2048;
  // Where the recipe lies: files are looked for there first. Not part of the document.
  std::filesystem::path folder;
};

std::string_view to_string(RecipeKind kind);
std::string_view to_string(LossKind kind);

// What a stage may train. Students: encoder, decoder, tail. kClassifier: classifier (the new
// layer), body. kNetwork: body.
std::vector<std::string> regions_of(RecipeKind kind);

// Reads schema isthmus.recipe/1. Throws Error{kInvalid} that names file and field.
Recipe recipe_from_json(const Json& document, const std::string& where,
                        const std::filesystem::path& folder);
Recipe read_recipe(const std::filesystem::path& file);
// With every default written out.
Json to_json(const Recipe& recipe);

}  // namespace isthmus
