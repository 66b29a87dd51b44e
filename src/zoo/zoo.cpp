#include "zoo/zoo.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <optional>
#include <regex>

#include "core/error.h"
#include "core/text.h"
#include "zoo/fold_batch_norm.h"
#include "zoo/networks.h"

namespace isthmus {

namespace {

constexpr std::string_view kPrefix = "zoo:";
// Keeps the product of extents far from overflow, and the time to infer shapes short.
constexpr std::int64_t kLargestInput = 4096;
constexpr std::int64_t kMostClasses = 1'000'000;

// What is left when spelling does not matter.
std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)))
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::vector<std::string> zoo_names() {
  std::vector<std::string> names;
  for (const ZooEntry& entry : zoo()) names.push_back(entry.name);
  return names;
}

const ZooEntry* find_entry(std::string_view name) {
  const auto found = std::ranges::find_if(
      zoo(), [&](const ZooEntry& entry) { return plain(entry.name) == plain(name); });
  return found == zoo().end() ? nullptr : &*found;
}

// "wrn28-10", "WRN-28-10".
std::optional<ZooEntry> wide_resnet_entry(const std::string& name) {
  static const std::regex pattern("wrn[-_]?([0-9]{1,3})-([0-9]{1,2})", std::regex::icase);
  std::smatch match;
  if (!std::regex_match(name, match, pattern)) return std::nullopt;
  const int depth = std::stoi(match[1]), width = std::stoi(match[2]);
  if (depth < 10 || depth % 6 != 4 || width < 1)
    throw Error(ErrorKind::kInvalid, "a wide ResNet has depth 6n + 4 and width 1 or more: " + name);
  ZooEntry entry = *find_entry("wrn40-4");
  entry.name = "wrn" + std::to_string(depth) + "-" + std::to_string(width);
  entry.published_params = 0;
  entry.write = [=](GraphBuilder& net, const std::string& image, const ZooOptions& options) {
    return wide_resnet(net, image, options, depth, width);
  };
  return entry;
}

bool has_choice_of_stem(const ZooEntry& entry) { return entry.name.starts_with("resnet"); }

void check_range(const ZooEntry& entry, const char* what, std::int64_t value, std::int64_t most) {
  if (value < 1 || value > most)
    throw Error(ErrorKind::kInvalid, entry.name + ": " + what + " must be in 1.." +
                                         std::to_string(most) + ": " + std::to_string(value));
}

// `options` with every default filled in.
ZooOptions resolved(const ZooEntry& entry, ZooOptions options) {
  if (options.classes == 0) options.classes = entry.classes;
  if (options.input_size == 0) options.input_size = entry.input.back();
  check_range(entry, "number of classes", options.classes, kMostClasses);
  check_range(entry, "input size", options.input_size, kLargestInput);
  if (options.stem != Stem::kPublished && !has_choice_of_stem(entry))
    throw Error(ErrorKind::kInvalid,
                entry.name + " has no choice of stem; the networks called resnet have");
  return options;
}

Shape input_shape(const ZooEntry& entry, std::int64_t size) {
  Shape shape = {-1};
  shape.insert(shape.end(), entry.input.begin(), entry.input.end());
  shape[shape.size() - 1] = shape[shape.size() - 2] = size;
  return shape;
}

std::int64_t parse_integer(const std::string& spec, const std::string& key,
                           const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(ErrorKind::kInvalid, spec + ": " + key + " must be an integer: " + text);
  return value;
}

Stem parse_stem(const std::string& spec, const std::string& text) {
  if (text == "published") return Stem::kPublished;
  if (text == "large") return Stem::kLarge;
  if (text == "half") return Stem::kHalf;
  if (text == "small") return Stem::kSmall;
  throw Error(ErrorKind::kInvalid,
              spec + ": stem must be published, large, half or small: " + text);
}

void set_option(ZooOptions& options, const std::string& spec, const std::string& setting) {
  static const std::vector<std::string> keys = {"classes", "size", "stem", "seed", "fold"};
  const auto equals = setting.find('=');
  const std::string key = setting.substr(0, equals);
  if (std::ranges::find(keys, key) == keys.end() || equals == std::string::npos)
    throw Error(ErrorKind::kInvalid, spec + ": options are classes=, size=, stem=, seed=, fold=: " +
                                         setting + suggestion(key, keys));
  const std::string text = setting.substr(equals + 1);
  if (key == "stem")
    options.stem = parse_stem(spec, text);
  else if (key == "classes")
    options.classes = parse_integer(spec, key, text);
  else if (key == "size")
    options.input_size = parse_integer(spec, key, text);
  else if (key == "seed")
    options.seed = static_cast<std::uint64_t>(parse_integer(spec, key, text));
  else
    options.fold_batch_norm = parse_integer(spec, key, text) != 0;
}

}  // namespace

ZooEntry find_in_zoo(std::string_view name) {
  if (const ZooEntry* entry = find_entry(name)) return *entry;
  if (auto entry = wide_resnet_entry(std::string(name))) return *entry;
  throw Error(ErrorKind::kNotFound, "no network of that name in the zoo: " + std::string(name) +
                                        suggestion(name, zoo_names()) +
                                        "; isthmus zoo list shows all");
}

Graph build_network(std::string_view name, const ZooOptions& options) {
  if (auto layer = single_layer(std::string(name), options.seed)) return std::move(*layer);
  const ZooEntry entry = find_in_zoo(name);
  const ZooOptions full = resolved(entry, options);
  GraphBuilder net(entry.name, {.seed = full.seed, .centered_filters = true});
  const std::string image = net.input("input", input_shape(entry, full.input_size));
  net.output(entry.write(net, image, full));
  Graph graph = net.build();
  if (full.fold_batch_norm) fold_batch_norm(graph);
  return graph;
}

Graph load_model(const std::string& spec) {
  if (!spec.starts_with(kPrefix)) {
    const bool in_zoo = find_entry(spec) != nullptr;
    if (in_zoo && !std::filesystem::exists(spec))
      throw Error(ErrorKind::kNotFound, "no such file: " + spec + " (did you mean " +
                                            std::string(kPrefix) + find_entry(spec)->name + "?)");
    return load_graph(spec);
  }
  const auto words = split_text(std::string_view(spec).substr(kPrefix.size()), ',');
  ZooOptions options;
  for (std::size_t i = 1; i < words.size(); ++i) set_option(options, spec, words[i]);
  return build_network(words.empty() ? "" : words[0], options);
}

}  // namespace isthmus
