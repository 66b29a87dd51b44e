#include "train/task.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "data/known_models.h"
#include "train/torch_operator.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

// -1 if unknown.
std::int64_t scores_of(const Graph& graph) {
  const Shape& shape = graph.outputs.front().value.shape;
  return shape.empty() ? -1 : shape.back();
}

const NamedValue& only_input(const Graph& graph) {
  if (graph.inputs.size() != 1)
    throw Error(ErrorKind::kUnsupported, graph.name + " has " +
                                             std::to_string(graph.inputs.size()) +
                                             " inputs; only networks with one image input can be "
                                             "trained");
  return graph.inputs.front();
}

// Networks from the zoo begin with weights of the recipe's seed.
std::string seeded(const std::string& model, std::uint64_t seed) {
  if (!model.starts_with("zoo:") || model.find("seed=") != std::string::npos) return model;
  return model + ",seed=" + std::to_string(seed);
}

Student whole_network(Graph graph) {
  Student student;
  for (const auto& [name, initializer] : graph.initializers) student.tail.push_back(name);
  student.graph = std::move(graph);
  return student;
}

ModelCard own_card(const Recipe& recipe, const Dataset& training) {
  ModelCard card;
  card.assumed = false;
  card.dataset = recipe.data.name;
  card.classes = training.class_names();
  return card;
}

Normalization normalization_of(const DataRecipe& data) {
  Normalization normalization;
  for (std::size_t c = 0; c < 3; ++c) {
    normalization.mean[c] = static_cast<float>(data.mean[c]);
    normalization.std[c] = static_cast<float>(data.std[c]);
  }
  return normalization;
}

void make_network(const Recipe& recipe, const Dataset& training, TrainingTask& task) {
  const std::string model = find_model(recipe, recipe.student.model);
  task.student = whole_network(load_model(seeded(model, recipe.seed)));
  task.regions["body"] = task.student.tail;
  task.card = own_card(recipe, training);
  task.card.normalization = normalization_of(recipe.data);
}

void make_classifier(const Recipe& recipe, const Dataset& training, TrainingTask& task) {
  const std::string file = find_model(recipe, recipe.teacher);
  const ModelCard teacher = read_model_card(file);
  const auto classes = static_cast<std::int64_t>(training.class_names().size());
  task.student = make_student(load_model(file), student_spec(recipe, classes));
  task.regions["classifier"] = task.student.tail;
  task.regions["body"] = task.student.encoder;
  task.card = own_card(recipe, training);
  task.card.normalization = teacher.normalization;
  task.card.width = teacher.width;
  task.card.height = teacher.height;
  task.card.resize = teacher.resize;
}

void make_distilled(const Recipe& recipe, TrainingTask& task) {
  const std::string file = find_model(recipe, recipe.teacher);
  task.teacher = load_model(file);
  task.student = make_student(*task.teacher, student_spec(recipe, 0));
  task.regions["encoder"] = task.student.encoder;
  task.regions["decoder"] = task.student.decoder;
  task.regions["tail"] = task.student.tail;
  task.card = read_model_card(file);
  task.card.assumed = false;
  task.card.measured_images = 0;
}

void check_labels(const Recipe& recipe, const Dataset& training, TrainingTask& task) {
  const auto classes = static_cast<std::int64_t>(training.class_names().size());
  const std::int64_t scores = scores_of(task.student.graph);
  task.labelled = classes > 0 && classes == scores;
  for (const StageRecipe& stage : recipe.stages) {
    const bool needs = stage.loss.kind == LossKind::kCrossEntropy ||
                       (stage.loss.kind == LossKind::kDistillation && stage.loss.hard_weight > 0);
    if (!needs || task.labelled) continue;
    throw Error(ErrorKind::kInvalid,
                "stage " + stage.name + " needs labels, but " + recipe.data.name + " has " +
                    std::to_string(classes) + " classes and the network " + std::to_string(scores) +
                    " scores (head distillation, sse or ghnd, needs no labels)");
  }
}

void check_tensor(const Graph& graph, const std::string& tensor, const std::string& stage,
                  const char* whose) {
  const std::vector<std::string> known = graph.tensors();
  if (std::ranges::find(known, tensor) == known.end())
    throw Error(ErrorKind::kInvalid, "stage " + stage + ": the " + whose + " has no tensor " +
                                         tensor + suggestion(tensor, known));
}

void check_equal_shapes(const TrainingTask& task, const std::string& tensor,
                        const std::string& stage) {
  const Value own = task.student.graph.value_of(tensor);
  const Value teachers = task.teacher->value_of(tensor);
  if (own.has_shape && teachers.has_shape && own.shape != teachers.shape)
    throw Error(ErrorKind::kInvalid, "stage " + stage + ": " + tensor + " is " +
                                         to_string(own.shape) + " in the student and " +
                                         to_string(teachers.shape) + " in the teacher");
}

void check_tensors(const Recipe& recipe, const TrainingTask& task) {
  for (const StageRecipe& stage : recipe.stages) {
    if (stage.loss.kind == LossKind::kReconstruction &&
        recipe.student.kind != RecipeKind::kAutoencoder)
      throw Error(ErrorKind::kInvalid,
                  "stage " + stage.name + ": loss reconstruction is for student kind autoencoder");
    for (const std::string& tensor : compared_tensors(task, stage.loss)) {
      check_tensor(task.student.graph, tensor, stage.name, "student");
      if (!task.teacher || stage.loss.kind == LossKind::kReconstruction) continue;
      check_tensor(*task.teacher, tensor, stage.name, "teacher");
      check_equal_shapes(task, tensor, stage.name);
    }
  }
}

// What the losses take as scores: the output, or what goes into a Softmax that makes it.
std::string scores_before_softmax(const Graph& graph) {
  const std::set<std::string> views = {"Identity", "Flatten", "Reshape", "Squeeze"};
  std::string tensor = graph.outputs.front().name;
  bool reshaped = false;
  while (true) {
    const std::ptrdiff_t producer = graph.producer_of(tensor);
    if (producer < 0) break;
    const Node& node = graph.nodes[static_cast<std::size_t>(producer)];
    if (node.op == "Softmax" && !reshaped) return node.inputs.front();
    if (node.op == "Softmax")
      throw Error(ErrorKind::kUnsupported,
                  describe(node) +
                      " turns scores into probabilities, and they change their shape "
                      "behind it: train the network without it");
    if (!views.contains(node.op)) break;
    reshaped |= node.op != "Identity";
    tensor = node.inputs.front();
  }
  return graph.outputs.front().name;
}

}  // namespace

std::string find_model(const Recipe& recipe, const std::string& model) {
  if (model.starts_with("zoo:")) return model;
  for (const fs::path& place : {recipe.folder / model, fs::path(model)})
    if (fs::is_regular_file(place)) return place.lexically_normal().string();
  if (const auto known = find_known_model(model))
    return (fs::is_directory(*known) ? *known / "model.onnx" : *known).string();
  std::string folders;
  for (const fs::path& folder : model_folders()) folders += ", nor a name in " + folder.string();
  throw Error(ErrorKind::kNotFound, "no network " + model + ": neither a file in " +
                                        fs::absolute(recipe.folder).lexically_normal().string() +
                                        " or here" + folders);
}

Augmentation augmentation_of(const DataRecipe& data) {
  const auto has = [&](const char* word) {
    return std::ranges::find(data.augment, word) != data.augment.end();
  };
  return {.padding = has("crop") ? data.padding : 0,
          .border = data.border,
          .flip = has("flip"),
          .least_area = data.least_area};
}

StudentSpec student_spec(const Recipe& recipe, std::int64_t classes) {
  const StudentRecipe& student = recipe.student;
  return {.kind = student_kind_from_string(to_string(student.kind)),
          .preset = student.preset,
          .until = student.until,
          .channels = student.channels,
          .patch = student.patch,
          .budget = student.budget,
          .linear = student.linear,
          .classes = classes,
          .seed = recipe.seed};
}

std::vector<std::string> TrainingTask::initializers_of(const StageRecipe& stage) const {
  std::vector<std::string> names;
  for (const std::string& region : stage.trains) {
    const auto& more = regions.at(region);
    names.insert(names.end(), more.begin(), more.end());
  }
  return names;
}

std::vector<std::string> compared_tensors(const TrainingTask& task, const LossRecipe& loss) {
  switch (loss.kind) {
    case LossKind::kCrossEntropy:
    case LossKind::kDistillation: return {};
    case LossKind::kSse:
    case LossKind::kReconstruction:
    case LossKind::kGhnd: break;
  }
  if (!loss.at.empty()) return loss.at;
  std::vector<std::string> tensors;
  if (!task.student.target.empty()) tensors.push_back(task.student.target);
  if (loss.kind == LossKind::kGhnd || tensors.empty()) tensors.push_back(task.output);
  return tensors;
}

TrainingTask make_task(const Recipe& recipe, const Dataset& training) {
  TrainingTask task;
  switch (recipe.student.kind) {
    case RecipeKind::kNetwork: make_network(recipe, training, task); break;
    case RecipeKind::kClassifier: make_classifier(recipe, training, task); break;
    default: make_distilled(recipe, task);
  }
  const Graph& graph = task.student.graph;
  const NamedValue& input = only_input(graph);
  task.input = input.name;
  task.output = scores_before_softmax(graph);
  task.preprocess = preprocess_for(task.card, input.value.shape);
  task.card.width = task.preprocess.width;
  task.card.height = task.preprocess.height;
  check_labels(recipe, training, task);
  check_tensors(recipe, task);
  return task;
}

}  // namespace isthmus
