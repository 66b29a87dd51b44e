#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"
#include "data/model_card.h"
#include "data/preprocess.h"
#include "graph/graph.h"
#include "split/student.h"
#include "train/recipe.h"

namespace isthmus {

// The file of a teacher or model, or "zoo:...": in the recipe's folder, in the working folder, or a
// name in the model folders (data/known_models.h). Throws Error{kNotFound} that says where it was
// looked for.
std::string find_model(const Recipe& recipe, const std::string& model);

// How the training images are varied.
Augmentation augmentation_of(const DataRecipe& data);

// What make_student is to build; not for kNetwork. `classes` for kClassifier.
StudentSpec student_spec(const Recipe& recipe, std::int64_t classes);

// The networks of a recipe, made and checked against its data.
struct TrainingTask {
  // Nothing where the recipe has no teacher to learn from (kClassifier, kNetwork).
  std::optional<Graph> teacher;
  // What is trained; a whole network has no bottleneck.
  Student student;
  // By the names of regions_of(kind): initializers.
  std::map<std::string, std::vector<std::string>> regions;
  // Of the network that comes out; nothing measured yet.
  ModelCard card;
  Preprocess preprocess;
  std::string input;
  std::string output;
  // Whether the labels of the training set count the network's scores.
  bool labelled = false;

  bool is_cut() const { return !student.bottleneck.empty(); }
  // Names of a stage's initializers.
  std::vector<std::string> initializers_of(const StageRecipe& stage) const;
};

// Throws what load_model and make_student throw; Error{kInvalid} for a loss that needs labels which
// the data set has not, or classes that are not the network's, or a tensor of a loss that is not in
// both networks (with the nearest).
TrainingTask make_task(const Recipe& recipe, const Dataset& training);

// The tensors that a stage compares, in the order of its weights.
std::vector<std::string> compared_tensors(const TrainingTask& task, const LossRecipe& loss);

}  // namespace isthmus
