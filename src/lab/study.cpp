#include "lab/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "codec/codec.h"
#include "codec/normalise.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"
#include "data/model_card.h"
#include "engine/engine.h"
#include "graph/subgraph.h"

namespace isthmus {
namespace {

constexpr std::string_view kCutPrefix = "cut/";
constexpr int kTimedRuns = 15;
constexpr std::int64_t kImageNetSide = 160;

// The least of several, as emulated machines and virtual time take it (serve/least_run.h): other
// work on this machine only ever adds.
Seconds time_one_run(const Graph& graph, const PlanInput& input) {
  const auto engine = make_engine(graph);
  const std::vector<Tensor> zeros{Tensor(DType::kF32, input.shape)};
  engine->run(zeros);
  std::vector<double> seconds;
  for (int i = 0; i < kTimedRuns; ++i) {
    const Seconds start = thread_cpu_time();
    engine->run(zeros);
    seconds.push_back((thread_cpu_time() - start).count());
  }
  return Seconds{std::ranges::min(seconds)};
}

// What the calibration images make of each tensor.
std::map<std::string, std::vector<Tensor>> tap(const NetworkUnderStudy& network,
                                               const std::vector<std::string>& tensors,
                                               const ImageSet& images, const Progress& progress) {
  const std::vector<std::string> inputs{network.input.tensor};
  const auto engine = make_engine(extract_subgraph(network.graph, inputs, tensors));
  const Normalization normalization{
      .scale = network.input.scale, .mean = network.input.mean, .std = network.input.std};
  std::map<std::string, std::vector<Tensor>> samples;
  for (std::int64_t i = 0; i < images.count; ++i) {
    const std::vector<Tensor> input{normalise(images.get(i).image, normalization)};
    const std::vector<Tensor> outputs = engine->run(input);
    for (std::size_t k = 0; k < outputs.size(); ++k)
      samples[engine->outputs()[k].name].push_back(outputs[k]);
    if (progress) progress(i + 1, images.count);
  }
  return samples;
}

ValueRange range_of_all(const std::vector<Tensor>& samples) {
  ValueRange range = range_of(samples.front().values<float>());
  for (const Tensor& sample : samples) {
    const ValueRange next = range_of(sample.values<float>());
    range = {std::min(range.min, next.min), std::max(range.max, next.max)};
  }
  return range;
}

struct CalibratedCodec {
  PlanCodec codec;
  std::shared_ptr<const std::string> table;
};

CalibratedCodec learn_rans(const std::vector<Tensor>& samples) {
  const ValueRange range = range_of_all(samples);
  const RansTables tables = learn_tables(samples, {.range = range});
  const std::vector<std::byte> bytes = tables.serialize();
  CalibratedCodec result;
  result.codec = {.name = "u8+rans",
                  .range = std::array<float, 2>{range.min, range.max},
                  .table = tables.hash() + ".rans",
                  .table_sha256 = tables.hash()};
  result.table = std::make_shared<const std::string>(reinterpret_cast<const char*>(bytes.data()),
                                                     bytes.size());
  return result;
}

// Every promising cut with one codec.
class Cutter {
 public:
  Cutter(const NetworkUnderStudy& network, std::vector<std::string> tensors,
         const StrategyOptions& options, const ImageSet& calibration, const Progress& progress)
      : network_(network),
        tensors_(std::move(tensors)),
        options_(options),
        calibration_(calibration),
        progress_(progress) {}

  void add(const std::string& codec, std::vector<LoadedPlan>& plans) {
    codec_spec_from_string(codec);
    for (const std::string& tensor : tensors_) {
      CalibratedCodec chosen{.codec = {.name = codec, .range = {}, .table = {}, .table_sha256 = {}},
                             .table = nullptr};
      if (codec == "u8+rans") chosen = learn_rans(samples_of(tensor));
      LoadedPlan plan = cut_plan(network_.graph, network_.name, {tensor}, chosen.codec, options_);
      if (chosen.table) plan.tables[chosen.codec.table_sha256] = chosen.table;
      plan.plan.name = fmt::format("cut:{}/{}", tensor, codec);
      plans.push_back(std::move(plan));
    }
  }

 private:
  const std::vector<Tensor>& samples_of(const std::string& tensor) {
    if (samples_.empty()) samples_ = tap(network_, tensors_, calibration_, progress_);
    return samples_.at(tensor);
  }

  const NetworkUnderStudy& network_;
  std::vector<std::string> tensors_;
  const StrategyOptions& options_;
  const ImageSet& calibration_;
  const Progress& progress_;
  std::map<std::string, std::vector<Tensor>> samples_;
};

}  // namespace

NetworkUnderStudy study_network(Graph graph, const std::string& model, const std::string& name) {
  NetworkUnderStudy network;
  network.name = name;
  network.model = model;
  network.input = plan_input(graph, model);
  network.labels = plan_labels(model);
  network.work = work_of(graph);
  network.graph = std::move(graph);
  return network;
}

void measure_network(NetworkUnderStudy& network) {
  network.measured = time_one_run(network.graph, network.input);
}

std::vector<LoadedPlan> candidate_plans(const NetworkUnderStudy& network,
                                        const std::vector<std::string>& strategies, int cuts,
                                        const StrategyOptions& options, const ImageSet& calibration,
                                        const Progress& progress) {
  std::vector<LoadedPlan> plans;
  Cutter cutter(network, promising_cuts(network.graph, static_cast<std::size_t>(cuts)), options,
                calibration, progress);
  for (const std::string& strategy : strategies) {
    if (strategy == "local") {
      plans.push_back(local_plan(network.graph, network.name, options));
    } else if (strategy.starts_with(kCutPrefix)) {
      cutter.add(strategy.substr(kCutPrefix.size()), plans);
    } else {
      codec_spec_from_string(strategy);
      plans.push_back(offload_plan(network.graph, network.name, strategy, options));
    }
  }
  return plans;
}

std::string strategy_of(const std::string& plan) {
  if (!plan.starts_with("cut:")) return plan;
  return std::string(kCutPrefix) + plan.substr(plan.rfind('/') + 1);
}

std::vector<std::string> default_strategies() {
  return {"local",   "raw",     "jpeg:90", "jpeg:75",    "jpeg:50",
          "webp:75", "cut/f32", "cut/u8",  "cut/u8+rans"};
}

std::string calibration_set(const std::string& model, const PlanInput& input) {
  const std::vector<std::string> there = dataset_names();
  const auto has = [&](const std::string& name) {
    return std::ranges::find(there, name) != there.end();
  };
  const std::string own = read_model_card(model).dataset;
  if (!own.empty() && own != "imagenet-sample" && has(own)) return own;
  if (input.height >= kImageNetSide && has("caltech101")) return "caltech101";
  return "signs";
}

}  // namespace isthmus
