// tail(head(x)) = whole(x) at every natural cut point of every zoo network and of every model in
// the data folder, as JSON:
//   verify_cuts [MODEL...]
// MODEL is what the command line takes anywhere ("zoo:NAME" or a file). Exit code 1 if a cut
// differs by more than 1e-4.
//
// The whole runs once per network, with a tap at every cut point. Input: one seeded random image.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "engine/difference.h"
#include "engine/taps.h"
#include "engine/verify.h"
#include "graph/cuts.h"
#include "plan/profile.h"
#include "split/cut.h"
#include "zoo/zoo.h"

namespace {

using isthmus::Json;
using isthmus::Tensor;

constexpr double kTolerance = 1e-4;

std::vector<std::string> every_model() {
  std::vector<std::string> models;
  for (const isthmus::ZooEntry& entry : isthmus::zoo()) models.push_back("zoo:" + entry.name);
  std::vector<std::string> files;
  const auto folder = isthmus::data_folder() / "models";
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".onnx") files.push_back(entry.path().string());
  std::ranges::sort(files);
  models.insert(models.end(), files.begin(), files.end());
  return models;
}

using Taps = std::map<std::string, Tensor>;

// The largest difference over the cut tensor and the outputs.
double cut_difference(const isthmus::Graph& graph, const std::string& tensor,
                      std::span<const Tensor> inputs, const Taps& whole) {
  const std::vector<std::string> cut = {tensor};
  const isthmus::PartitionRunner composed(isthmus::cut_graph(graph, cut));
  std::vector<isthmus::CrossingTensor> crossing;
  const std::vector<Tensor> outputs = composed.run(inputs, &crossing);
  double difference = 0;
  for (const auto& [edge, value] : crossing)
    difference =
        std::max(difference, isthmus::tensor_difference(whole.at(edge.from_tensor), value));
  for (std::size_t i = 0; i < outputs.size(); ++i)
    difference = std::max(
        difference, isthmus::tensor_difference(whole.at(composed.outputs()[i].name), outputs[i]));
  return difference;
}

Json verify_model(const std::string& model) {
  const isthmus::Seconds start = isthmus::system_clock().now();
  const isthmus::Graph graph = isthmus::load_model(model);
  std::vector<std::string> tensors;
  for (const isthmus::CutPoint& cut : isthmus::cut_points(graph)) tensors.push_back(cut.tensor);
  const std::vector<Tensor> inputs = *isthmus::random_inputs(graph, 1, /*seed=*/1)(0);
  const Taps whole = isthmus::run_with_taps(graph, inputs, tensors);
  double largest = 0;
  Json different = Json::array();
  for (const std::string& tensor : tensors) {
    const double difference = cut_difference(graph, tensor, inputs, whole);
    largest = std::max(largest, difference);
    if (!(difference <= kTolerance))
      different.push_back({{"tensor", tensor}, {"difference", difference}});
  }
  const std::string name =
      model.starts_with("zoo:") ? model : std::filesystem::path(model).filename().string();
  return {{"model", name},
          {"cuts", tensors.size()},
          {"equal", different.empty()},
          {"max_relative_difference", largest},
          {"different", std::move(different)},
          {"seconds", (isthmus::system_clock().now() - start).count()}};
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const std::vector<std::string> models =
        count > 1 ? std::vector<std::string>(arguments + 1, arguments + count) : every_model();
    Json rows = Json::array();
    std::size_t cuts = 0;
    bool equal = true;
    for (const std::string& model : models) {
      rows.push_back(verify_model(model));
      cuts += rows.back()["cuts"].get<std::size_t>();
      equal = equal && rows.back()["equal"].get<bool>();
      std::cerr << rows.back().dump() << '\n';
    }
    const Json table = {{"machine", isthmus::machine_fingerprint()},
                        {"date", isthmus::utc_date()},
                        {"tolerance", kTolerance},
                        {"cuts", cuts},
                        {"all_equal", equal},
                        {"models", rows}};
    std::cout << table.dump(2) << '\n';
    return equal ? 0 : 1;
  } catch (const isthmus::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return isthmus::exit_code(error.kind());
  }
}
