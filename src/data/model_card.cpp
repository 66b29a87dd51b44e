#include "data/model_card.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <regex>
#include <string_view>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestText = 1000;

// "FILE of the NAME set", as a card says that has the class names elsewhere.
struct NamesElsewhere {
  std::string file;
  std::string dataset;
};

std::optional<NamesElsewhere> names_elsewhere(const std::string& text) {
  static const std::regex pattern(R"(([A-Za-z0-9_.-]+) of the ([A-Za-z0-9_-]+) set)");
  std::smatch match;
  if (text.size() > kLongestText || !std::regex_search(text, match, pattern)) return std::nullopt;
  return NamesElsewhere{.file = match[1], .dataset = match[2]};
}

// One name a line; of synset_words.txt without the first word.
std::vector<std::string> read_names(const fs::path& file) {
  std::vector<std::string> names;
  if (!fs::exists(file)) return names;
  const bool synsets = file.filename() == "synset_words.txt";
  for (const std::string& line : split_text(read_file(file, 1 << 20), '\n')) {
    if (line.empty()) continue;
    const std::size_t space = line.find(' ');
    names.push_back(synsets && space != std::string::npos ? line.substr(space + 1) : line);
  }
  return names;
}

void read_classes(Fields& fields, ModelCard& card) {
  if (!fields.has("classes")) return;
  const Json& classes = fields.at("classes");
  if (!classes.is_string()) {
    card.classes = fields.strings("classes");
    return;
  }
  if (const auto elsewhere = names_elsewhere(classes.get<std::string>())) {
    if (card.dataset.empty()) card.dataset = elsewhere->dataset;
    card.classes = read_names(data_folder() / elsewhere->dataset / elsewhere->file);
  }
}

int extent(Fields& fields, const Json& value) {
  constexpr std::int64_t kLargest = 1 << 14;
  if (!value.is_number_integer() || value < 1 || value > kLargest)
    fields.fail("input_size", "must be [height, width] in pixels: " + value.dump());
  return value.get<int>();
}

// "input_size": [H, W], or a WxH in the text of "input".
void read_size(Fields& fields, ModelCard& card) {
  if (fields.has("input_size")) {
    const Json& size = fields.at("input_size");
    if (!size.is_array() || size.size() != 2)
      fields.fail("input_size", "must be [height, width] in pixels: " + size.dump());
    card.height = extent(fields, size[0]);
    card.width = extent(fields, size[1]);
    return;
  }
  static const std::regex pattern(R"((\d{1,5})x(\d{1,5}))");
  const std::string text = fields.string("input", "");
  std::smatch match;
  if (text.size() > kLongestText || !std::regex_search(text, match, pattern)) return;
  card.width = std::stoi(match[1]);
  card.height = std::stoi(match[2]);
}

void read_channels(Fields& fields, const std::string& key, std::array<float, 3>& channels) {
  if (!fields.has(key)) return;
  const Json& values = fields.at(key);
  const auto is_number = [](const Json& value) { return value.is_number(); };
  if (!values.is_array() || values.size() != 3 || !std::ranges::all_of(values, is_number))
    fields.fail(key, "must be three numbers, for red, green and blue");
  for (std::size_t i = 0; i < 3; ++i) channels[i] = values[i].get<float>();
}

void read_normalization(Fields& fields, Normalization& normalization) {
  normalization.scale = static_cast<float>(fields.number("scale", 1.0 / 255));
  read_channels(fields, "mean", normalization.mean);
  read_channels(fields, "std", normalization.std);
  if (std::ranges::any_of(normalization.std, [](float std) { return !(std > 0); }))
    fields.fail("std", "must be positive");
  if (std::ranges::any_of(normalization.mean, [](float mean) { return std::abs(mean) > 1; }))
    normalization.scale = 1;
}

// In percent on cards, either "measured_top1" or the first entry of "measured".
void read_measurement(Fields& fields, ModelCard& card) {
  if (fields.has("measured_top1")) {
    card.measured_top1 = fields.number("measured_top1") / 100;
    card.measured_on = fields.string("measured_on", "");
    card.measured_images = fields.integer("measured_images", 0);
    static const std::regex pattern(R"((\d{1,9}) (test )?images)");
    std::smatch match;
    if (card.measured_images == 0 && card.measured_on.size() <= kLongestText &&
        std::regex_search(card.measured_on, match, pattern))
      card.measured_images = std::stoll(match[1]);
    return;
  }
  if (!fields.has("measured")) return;
  Fields measured = fields.object("measured");
  if (measured.json().empty()) return;
  card.measured_on = measured.json().begin().key();
  Fields first = measured.object(card.measured_on);
  card.measured_top1 = first.number("top1") / 100;
  card.measured_images = first.integer("n", 0);
}

}  // namespace

fs::path model_card_path(const fs::path& model) {
  return fs::path(model).replace_extension(".json");
}

ModelCard read_model_card(const fs::path& model) {
  const fs::path file = model_card_path(model);
  ModelCard card;
  if (!fs::exists(file)) return card;
  const Json document = read_document(file);
  Fields fields(document, file.string());
  card.assumed = false;
  card.dataset = fields.string("dataset", "");
  card.resize = static_cast<int>(fields.integer("resize", 0));
  if (card.resize < 0) fields.fail("resize", "must not be negative");
  read_classes(fields, card);
  read_size(fields, card);
  read_normalization(fields, card.normalization);
  read_measurement(fields, card);
  return card;
}

void write_model_card(const fs::path& model, const ModelCard& card) {
  Json document = {{"dataset", card.dataset},
                   {"scale", card.normalization.scale},
                   {"mean", card.normalization.mean},
                   {"std", card.normalization.std},
                   {"classes", card.classes}};
  if (card.width > 0 && card.height > 0) document["input_size"] = {card.height, card.width};
  if (card.resize > 0) document["resize"] = card.resize;
  if (card.measured_images > 0) {
    document["measured_on"] = card.measured_on;
    document["measured_images"] = card.measured_images;
    document["measured_top1"] = 100 * card.measured_top1;
  }
  write_document(model_card_path(model), document);
}

}  // namespace isthmus
