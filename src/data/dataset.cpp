#include "data/dataset.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <numeric>
#include <set>
#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "core/rng.h"
#include "core/text.h"
#include "data/cifar.h"
#include "data/fetch.h"
#include "data/image_file.h"
#include "data/image_folder.h"
#include "data/signs.h"
#include "data/video.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Dataset> open_folder(const fs::path& folder, std::string name, Split split) {
  if (is_cifar_folder(folder)) return open_cifar(folder, std::move(name), split);
  return open_image_folder(folder, std::move(name), split);
}

std::unique_ptr<Dataset> open_path(const fs::path& path, Split split) {
  if (!fs::exists(path)) throw Error(ErrorKind::kNotFound, "no such file: " + path.string());
  if (fs::is_directory(path)) {
    const fs::path plain = fs::absolute(path).lexically_normal();
    const fs::path last = plain.has_filename() ? plain.filename() : plain.parent_path().filename();
    return open_folder(path, last.string(), split);
  }
  if (is_video_name(path.string())) return open_video(path);
  if (is_image_name(path.string())) return open_image(path);
  throw Error(ErrorKind::kInvalid, "neither an image nor a video, by its name: " + path.string());
}

std::unique_ptr<Dataset> open_numbered_camera(std::string_view number) {
  int value = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc{} || end != number.data() + number.size() || value < 0)
    throw Error(ErrorKind::kInvalid,
                "a camera is named camera:N, as camera:0; this is not one: "
                "camera:" +
                    std::string(number));
  return open_camera(value);
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

[[noreturn]] void fail_unknown(const std::string& name) {
  const std::vector<std::string> present = dataset_names();
  const std::vector<std::string> fetchable = fetchable_datasets();
  std::vector<std::string> known = present;
  known.insert(known.end(), fetchable.begin(), fetchable.end());
  const std::string nearest = contains(fetchable, name) ? name : nearest_name(name, known);
  std::string message =
      "no data set " + name + " in " + data_folder().string() + "; there are: " + joined(present);
  if (nearest != name) message += suggestion(name, known);
  if (contains(fetchable, nearest) && !contains(present, nearest))
    message += "; get it with: isthmus data fetch " + nearest;
  throw Error(ErrorKind::kNotFound, message);
}

}  // namespace

std::string_view to_string(Split split) { return split == Split::kTrain ? "train" : "test"; }

Split split_from_string(std::string_view name) {
  for (const Split split : {Split::kTrain, Split::kTest})
    if (to_string(split) == name) return split;
  throw Error(ErrorKind::kInvalid, "a split is train or test: " + std::string(name));
}

std::optional<std::vector<std::byte>> Dataset::encoded(std::int64_t) const { return std::nullopt; }

std::unique_ptr<Dataset> open_dataset(const std::string& spec, Split split) {
  constexpr std::string_view kCamera = "camera:";
  constexpr std::string_view kSigns = "signs:";
  if (spec.empty()) throw Error(ErrorKind::kInvalid, "the name of the data set is empty");
  if (spec == "signs") return make_signs(split);
  if (spec.starts_with(kSigns)) return make_signs(split_from_string(spec.substr(kSigns.size())));
  if (spec.starts_with(kCamera)) return open_numbered_camera(spec.substr(kCamera.size()));
  if (spec.find('/') == std::string::npos && spec != "." && spec != "..") {
    if (fs::is_directory(data_folder() / spec))
      return open_folder(data_folder() / spec, spec, split);
    if (!fs::exists(spec) && !is_image_name(spec) && !is_video_name(spec)) fail_unknown(spec);
  }
  return open_path(spec, split);
}

std::vector<std::string> dataset_names() {
  std::set<std::string> names = {"signs"};
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(data_folder(), none)) {
    const std::string name = entry.path().filename().string();
    const bool other = name.starts_with('.') || name == "models" || name == "traces";
    if (entry.is_directory() && !other) names.insert(name);
  }
  return {names.begin(), names.end()};
}

std::vector<std::int64_t> sample_subset(const Dataset& dataset, std::int64_t limit,
                                        std::uint64_t seed) {
  const bool all = limit <= 0 || limit >= dataset.size();
  if (all && dataset.size() == kEndless)
    throw Error(ErrorKind::kInvalid, dataset.name() + " has no end: say how many images to take");
  std::vector<std::int64_t> chosen(
      static_cast<std::size_t>(all || !dataset.class_names().empty() ? dataset.size() : limit));
  std::iota(chosen.begin(), chosen.end(), std::int64_t{0});
  if (all || dataset.class_names().empty()) return chosen;
  // The beginning of Fisher and Yates' shuffle.
  Rng rng(seed);
  for (std::size_t i = 0; i < static_cast<std::size_t>(limit); ++i)
    std::swap(chosen[i], chosen[i + rng.below(chosen.size() - i)]);
  chosen.resize(static_cast<std::size_t>(limit));
  return chosen;
}

}  // namespace isthmus
