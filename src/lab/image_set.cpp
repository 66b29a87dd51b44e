#include "lab/image_set.h"

#include <filesystem>
#include <memory>

#include "core/error.h"
#include "data/model_card.h"
#include "data/preprocess.h"

namespace isthmus {
namespace {

// One image at batch 1.
Shape image_shape(const Graph& graph) {
  Shape shape = graph.inputs.front().value.shape;
  if (!shape.empty() && shape.front() < 0) shape.front() = 1;
  return shape;
}

LabelledImage take(const Dataset& dataset, std::int64_t index, const Preprocess& preprocess) {
  const Sample sample = dataset.get(index);
  const Seconds start = thread_cpu_time();
  Tensor image = fit_image(sample.image, preprocess);
  return {std::move(image), sample.label, thread_cpu_time() - start};
}

}  // namespace

PlanInput plan_input(const Graph& graph, const std::string& model) {
  if (graph.inputs.size() != 1)
    throw Error(ErrorKind::kUnsupported,
                model + " has " + std::to_string(graph.inputs.size()) +
                    " inputs; only networks with one image input can be planned");
  Shape tensor = graph.inputs.front().value.shape;
  if (tensor.size() != 4 || tensor[1] != 3) {
    // A clip, a feature: it is sent as the tensor that it is.
    if (!tensor.empty() && tensor.front() < 0) tensor.front() = 1;
    PlanInput input;
    input.tensor = graph.inputs.front().name;
    input.shape = tensor;
    return input;
  }
  const Shape shape = image_shape(graph);
  const ModelCard card = read_model_card(model);
  const Preprocess preprocess = preprocess_for(card, shape);
  PlanInput input;
  input.width = preprocess.width;
  input.height = preprocess.height;
  input.scale = preprocess.normalization.scale;
  input.mean = preprocess.normalization.mean;
  input.std = preprocess.normalization.std;
  input.tensor = graph.inputs.front().name;
  input.shape = {1, 3, preprocess.height, preprocess.width};
  return input;
}

std::vector<std::string> plan_labels(const std::string& model) {
  return read_model_card(model).classes;
}

ImageSet open_images(const std::string& spec, Split split, const PlanInput& input,
                     std::int64_t limit, std::uint64_t seed) {
  if (input.width <= 0 || input.height <= 0)
    throw Error(ErrorKind::kInvalid,
                "the network's input " + to_string(input.shape) + " is no image");
  const std::shared_ptr<const Dataset> dataset = open_dataset(spec, split);
  const Preprocess preprocess{
      .width = input.width, .height = input.height, .resize = 0, .normalization = {}};
  // A camera has no end, and its order is time.
  if (dataset->size() == kEndless)
    return {.count = limit > 0 ? limit : kEndless,
            .class_names = {},
            .get = [=](std::int64_t index) { return take(*dataset, index, preprocess); }};
  auto order =
      std::make_shared<const std::vector<std::int64_t>>(sample_subset(*dataset, limit, seed));
  return {.count = static_cast<std::int64_t>(order->size()),
          .class_names = dataset->class_names(),
          .get = [=](std::int64_t index) {
            return take(*dataset, order->at(static_cast<std::size_t>(index)), preprocess);
          }};
}

}  // namespace isthmus
