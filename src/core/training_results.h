#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/statistics.h"

namespace isthmus {

// One epoch of training. What was not measured is not there.
struct EpochResult {
  // The optimizer's rate at the end of the epoch.
  double rate = 0;
  // Mean over the images of the epoch, and over the images kept for validation.
  double loss = 0;
  std::optional<double> validation_loss;
  // Share of right answers among the images kept for validation, in the precision of training.
  std::optional<double> validation_top1;
  // Estimate of the bottleneck's bits per element, where the loss has a rate term.
  std::optional<double> bits;
  double images_per_second = 0;
  double seconds = 0;
};

struct StageResult {
  std::string name;
  // Kind of the loss.
  std::string loss;
  std::vector<EpochResult> epochs;
};

// Accuracy on the test images with one codec at the bottleneck.
struct CodecResult {
  // "f32", "u8", "u8+rans"; "teacher" for the network that was distilled.
  std::string codec;
  double top1 = 0;
  std::int64_t images = 0;
  Interval interval{0, 1};
  // Mean over these images of what leaves the device, frame header included.
  double bytes_per_frame = 0;
  // Levels of the codes, and what they cost on the wire; 0 where that has no meaning.
  int levels = 0;
  double bits_per_element = 0;
};

// What a training run did and what came out: metrics.json (docs/formats/training.md).
struct TrainingResults {
  std::string name;
  std::string note;
  // Of the student: "bottleneck", "network", ...
  std::string kind;
  std::string teacher;
  std::string dataset;
  std::string test_dataset;
  // The command that makes it again.
  std::string command;
  std::string date;
  // The machine that trained.
  std::string cpu;
  int cores = 0;
  std::string version;
  std::string device;
  std::string precision;
  int processes = 1;
  int threads = 1;
  std::uint64_t seed = 0;
  std::int64_t training_images = 0;
  std::int64_t validation_images = 0;
  std::vector<StageResult> stages;
  // Of the network that came out, whole: parameters, and multiply-adds of one image.
  std::int64_t params = 0;
  std::int64_t macs = 0;
  // What describe_student (split/student_cost.h) says of a student: shape of the bottleneck, MACs
  // of head, decoder and tail, reduction. Null if nothing is cut.
  Json student;
  // Among the images kept for validation, with the weights that training began with.
  std::optional<double> untrained_top1;
  // Empty until the last stage is done.
  std::vector<CodecResult> results;
  // The codec of the plan that was written; "" for a network that is not cut.
  std::string codec;

  const CodecResult* find(const std::string& codec) const;
};

// Schema isthmus.training/1.
Json to_json(const TrainingResults& results);
// Throws Error{kInvalid} with the field's place for a document that does not fit.
TrainingResults training_results_from_json(const Json& document, const std::string& where);

}  // namespace isthmus
