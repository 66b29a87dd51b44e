#include "train/deploy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "codec/codec.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "graph/cost.h"
#include "lab/evaluate.h"
#include "lab/image_set.h"
#include "plan/strategies.h"
#include "split/student_cost.h"
#include "train/calibrate.h"
#include "train/result_files.h"

namespace isthmus {
namespace {

// As every plan that this program makes calls them.
constexpr const char* kDevice = "device";
constexpr const char* kServer = "server";
constexpr const char* kAnswerCodec = "top:5";
// Candidates for the levels of u8+rans, fewest first.
constexpr int kLevels[] = {4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256};

PlanInput input_of(const TrainingTask& task) {
  const Preprocess& preprocess = task.preprocess;
  return {.width = preprocess.width,
          .height = preprocess.height,
          .scale = preprocess.normalization.scale,
          .mean = preprocess.normalization.mean,
          .std = preprocess.normalization.std,
          .tensor = task.input,
          .shape = {1, 3, preprocess.height, preprocess.width}};
}

// Images of a pool as a camera would take them.
ImageSet images_of(const ImagePool& pool, const std::vector<std::int64_t>& indices) {
  return {.count = static_cast<std::int64_t>(indices.size()),
          .class_names = {},
          .get = [&pool, &indices](std::int64_t i) {
            const std::int64_t index = indices[static_cast<std::size_t>(i)];
            Tensor image(DType::kU8, {pool.height(), pool.width(), 3});
            std::ranges::copy(pool.image(index), image.mutable_values<std::uint8_t>().begin());
            return LabelledImage{
                .image = std::move(image), .label = pool.label(index), .prepare = Seconds{0}};
          }};
}

class ResultWriter {
 public:
  ResultWriter(const Recipe& recipe, const TrainingTask& task, const TrainedStudent& trained,
               const ImagePool& pool, const TrainingSplit& split, const TrainOptions& options,
               TrainingResults& results)
      : recipe_(recipe),
        task_(task),
        trained_(trained),
        pool_(pool),
        split_(split),
        options_(options),
        results_(results) {}

  void run() {
    describe();
    if (task_.is_cut())
      write_cut();
    else
      write_whole();
    write_document(metrics_file(options_.folder), to_json(results_));
    // The last: what has it is whole.
    write_recipe();
  }

 private:
  void describe() {
    const GraphCost cost = cost_of(trained_.graph);
    results_.params = cost.params;
    results_.macs = cost.macs;
    if (!task_.is_cut()) return;
    Student student = task_.student;
    student.graph = trained_.graph;
    const TeacherMacs teacher = teacher_macs(student, *task_.teacher);
    results_.student = describe_student(student, cost_of_student(student, teacher));
  }

  StrategyOptions strategy() const {
    return {.device = kDevice,
            .server = kServer,
            .input = input_of(task_),
            .labels = task_.card.classes,
            .answer_codec = answer_codec()};
  }

  // Fewer scores than the usual five have no "top:5".
  std::string answer_codec() const {
    const Shape& scores = trained_.graph.outputs.front().value.shape;
    return !scores.empty() && scores.back() >= 5 ? kAnswerCodec : "f32";
  }

  const ImageSet& test_images() {
    if (!test_)
      test_ = open_images(recipe_.data.test, Split::kTest, input_of(task_), recipe_.data.test_limit,
                          recipe_.seed);
    return *test_;
  }

  void add_result(const LoadedPlan& plan, const std::string& name, int levels) {
    options_.say("measuring " + name + " on the test images");
    const Evaluation evaluation =
        evaluate(plan, kDevice, test_images(), options_.threads, options_.progress(name));
    CodecResult result{.codec = name,
                       .top1 = evaluation.top1(),
                       .images = evaluation.images,
                       .interval = evaluation.interval(),
                       .bytes_per_frame = evaluation.bytes_per_frame,
                       .levels = levels};
    if (elements_ > 0) result.bits_per_element = 8 * result.bytes_per_frame / elements_;
    results_.results.push_back(result);
  }

  ModelCard measured_card(const std::string& codec) const {
    ModelCard card = task_.card;
    if (const CodecResult* result = results_.find(codec)) {
      card.measured_top1 = result->top1;
      card.measured_images = result->images;
      card.measured_on = fmt::format("{}, {} test images", recipe_.data.test, result->images);
    }
    return card;
  }

  void write_network(const std::string& file, const Graph& graph, const ModelCard& card) const {
    save_graph(graph, options_.folder / file);
    write_model_card(options_.folder / file, card);
  }

  void write_whole() {
    if (can_measure()) add_result(local_plan(trained_.graph, recipe_.name, strategy()), "f32", 0);
    write_network("model.onnx", trained_.graph, measured_card("f32"));
  }

  LoadedPlan plan_with(const CalibratedWire& wire) const {
    LoadedPlan plan =
        cut_plan(trained_.graph, recipe_.name, {task_.student.bottleneck}, wire.codec, strategy());
    plan.plan.name = recipe_.name + '/' + wire.codec.name;
    plan.plan.lossless = false;
    if (wire.table) plan.tables[wire.codec.table_sha256] = wire.table;
    return plan;
  }

  void write_cut() {
    calibrate();
    if (can_measure()) measure_teacher();
    std::vector<std::string> codecs = {"f32", "u8", "u8+rans"};
    if (std::ranges::find(codecs, recipe_.wire.codec) == codecs.end())
      codecs.push_back(recipe_.wire.codec);
    for (const std::string& codec : codecs) {
      const bool coarse = codec == "u8+rans";
      const LoadedPlan plan = plan_with(calibrated(codec, coarse ? coarse_ : observed_, samples_));
      if (can_measure()) add_result(plan, codec, coarse ? levels_ : codec == "u8" ? 256 : 0);
      if (codec == recipe_.wire.codec) write_plan(plan);
    }
    results_.codec = recipe_.wire.codec;
    write_network("student.onnx", trained_.graph, measured_card("f32"));
  }

  // The test set may be another than the training set, so it decides for itself.
  bool can_measure() {
    const Shape& scores = trained_.graph.outputs.front().value.shape;
    return !scores.empty() &&
           static_cast<std::int64_t>(test_images().class_names.size()) == scores.back();
  }

  void measure_teacher() {
    const double elements = std::exchange(elements_, 0);
    add_result(local_plan(*task_.teacher, recipe_.teacher, strategy()), "teacher", 0);
    elements_ = elements;
  }

  void calibrate() {
    options_.say("calibrating the wire on training images");
    const auto count = std::min<std::size_t>(static_cast<std::size_t>(recipe_.wire.images),
                                             split_.training.size());
    const auto order = shuffled(split_.training, recipe_.seed);
    const LoadedPlan plan = plan_with({.codec = {.name = "f32"}, .table = nullptr});
    const Graph head = parse_graph(*plan.parts.at("head"), "head");
    samples_ =
        head_outputs(head, pool_, std::span(order).first(count), task_.preprocess.normalization,
                     options_.threads, options_.progress("calibration"));
    elements_ = static_cast<double>(samples_.front().size());
    observed_ = range_of_samples(samples_);
    choose_levels();
  }

  double step_of(int levels) const {
    const double span = static_cast<double>(observed_.max) - static_cast<double>(observed_.min);
    return levels >= 256 ? 0 : span / (levels - 1);
  }

  void set_step(double step) {
    coarse_ = range_with_step(observed_, step);
    levels_ = 256;
    if (step <= 0) return;
    const double taken = AffineGrid(coarse_).step();
    const double span = static_cast<double>(observed_.max) - static_cast<double>(observed_.min);
    levels_ = static_cast<int>(std::lround(span / taken)) + 1;
    constexpr double kRounding = 1 + 1e-5;
    if (taken > step * kRounding)
      options_.say(
          fmt::format("the bottleneck has outgrown 255 steps of {:.3g}: u8+rans takes "
                      "steps of {:.3g}",
                      step, taken));
  }

  void choose_levels() {
    set_step(trained_.step > 0 ? trained_.step : step_of(recipe_.wire.levels));
    if (trained_.step > 0 || recipe_.wire.levels != 0) return;
    set_step(0);
    if (!task_.labelled || split_.validation.empty()) return;
    options_.say("choosing the levels of u8+rans on the validation images");
    const double needed = validation_top1(0) - recipe_.wire.tolerance;
    for (const int levels : kLevels) {
      if (levels < 256 && validation_top1(step_of(levels)) < needed) continue;
      return set_step(step_of(levels));
    }
  }

  double validation_top1(double step) const {
    const LoadedPlan plan = plan_with(calibrated("u8", range_with_step(observed_, step), samples_));
    return evaluate(plan, kDevice, images_of(pool_, split_.validation), options_.threads,
                    options_.progress("levels"))
        .top1();
  }

  void write_plan(const LoadedPlan& plan) const {
    for (const PlacedPart& part : plan.plan.parts)
      write_file(options_.folder / part.file, *plan.parts.at(part.name));
    for (const PlanEdge& edge : plan.plan.edges)
      if (!edge.codec.table.empty())
        write_file(options_.folder / edge.codec.table, *plan.tables.at(edge.codec.table_sha256));
    write_document(options_.folder / "plan.yaml", to_json(plan.plan));
  }

  // A network that was named by a file is named from the result's folder, so that what is written
  // is a recipe as well.
  std::string from_result(const std::string& model) const {
    if (model.empty() || !std::filesystem::exists(recipe_.folder / model)) return model;
    return std::filesystem::proximate(recipe_.folder / model, options_.folder).string();
  }

  void write_recipe() const {
    Recipe recipe = recipe_;
    recipe.teacher = from_result(recipe.teacher);
    recipe.student.model = from_result(recipe.student.model);
    write_document(options_.folder / "recipe.yaml", to_json(recipe));
  }

  const Recipe& recipe_;
  const TrainingTask& task_;
  const TrainedStudent& trained_;
  const ImagePool& pool_;
  const TrainingSplit& split_;
  const TrainOptions& options_;
  TrainingResults& results_;
  std::optional<ImageSet> test_;
  std::vector<Tensor> samples_;
  // Of the bottleneck.
  double elements_ = 0;
  ValueRange observed_;
  // Of u8+rans.
  ValueRange coarse_;
  int levels_ = 256;
};

}  // namespace

void deploy(const Recipe& recipe, const TrainingTask& task, const TrainedStudent& trained,
            const ImagePool& pool, const TrainingSplit& split, const TrainOptions& options,
            TrainingResults& results) {
  ResultWriter(recipe, task, trained, pool, split, options, results).run();
}

}  // namespace isthmus
