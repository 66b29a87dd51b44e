#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "codec/normalise.h"

namespace isthmus {

// What the JSON beside a network says (docs/formats/model_card.md).
struct ModelCard {
  // Whether there was no such file and the rest is a guess: pixels / 255.
  bool assumed = true;
  // The data set it was trained for, as open_dataset knows it; "" if unknown.
  std::string dataset;
  // In the order of the scores; empty if unknown.
  std::vector<std::string> classes;
  // Pixels; 0 if the card does not say (then the network's input shape does).
  int width = 0;
  int height = 0;
  // Short side before the centre crop; 0 for the rule of data/preprocess.h.
  int resize = 0;
  Normalization normalization;
  // Fraction right, of how many images, and which; 0 and "" if nobody measured.
  double measured_top1 = 0;
  std::int64_t measured_images = 0;
  std::string measured_on;
};

// Where the card of a network is: model.onnx -> model.json.
std::filesystem::path model_card_path(const std::filesystem::path& model);

// Reads the card of a network. A mean above 1 is in pixels, whatever the scale says: then
// (x - mean) / std, and the normalization returned has scale 1. Class names that the card leaves in
// a file of the data set are read from there when it is there. Throws Error{kInvalid} for a damaged
// card.
ModelCard read_model_card(const std::filesystem::path& model);
// Writes the card of a network, for one of our own training.
void write_model_card(const std::filesystem::path& model, const ModelCard& card);

}  // namespace isthmus
