#include "data/image_folder.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "data/image_file.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

struct ImagePath {
  fs::path file;
  std::int64_t label = -1;
  std::string id;
};

class ImageFolder final : public Dataset {
 public:
  ImageFolder(std::string name, std::vector<std::string> class_names, std::vector<ImagePath> images)
      : name_(std::move(name)), class_names_(std::move(class_names)), images_(std::move(images)) {}

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(images_.size()); }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::int64_t label(std::int64_t index) const override { return at(index).label; }

  Sample get(std::int64_t index) const override {
    const ImagePath& image = at(index);
    return {.image = read_image(image.file), .label = image.label, .id = image.id};
  }

  std::optional<std::vector<std::byte>> encoded(std::int64_t index) const override {
    const std::string content = read_file(at(index).file);
    const auto bytes = std::as_bytes(std::span(content));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }

 private:
  const ImagePath& at(std::int64_t index) const { return images_[static_cast<std::size_t>(index)]; }

  std::string name_;
  std::vector<std::string> class_names_;
  std::vector<ImagePath> images_;
};

// Sorted names of what is in a folder, without hidden ones.
std::vector<std::string> names_in(const fs::path& folder, bool folders) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') && entry.is_directory() == folders &&
        (folders || is_image_name(name)))
      names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

struct Classes {
  // From the name of the folder to the label.
  std::map<std::string, std::int64_t> labels;
  std::vector<std::string> names;
};

Classes classes_from_synsets(const fs::path& file) {
  Classes classes;
  for (const std::string& line : split_text(read_file(file, 1 << 20), '\n')) {
    if (line.empty()) continue;
    const std::size_t space = line.find(' ');
    classes.labels.emplace(line.substr(0, space), static_cast<std::int64_t>(classes.names.size()));
    classes.names.push_back(space == std::string::npos ? line : line.substr(space + 1));
  }
  return classes;
}

Classes classes_from_folders(const std::vector<fs::path>& roots) {
  std::set<std::string> names;
  for (const fs::path& root : roots)
    for (const std::string& name : names_in(root, true)) names.insert(name);
  Classes classes;
  for (const std::string& name : names) {
    classes.labels.emplace(name, static_cast<std::int64_t>(classes.names.size()));
    classes.names.push_back(name);
  }
  return classes;
}

std::vector<ImagePath> labelled_images(const fs::path& root, const Classes& classes) {
  std::vector<ImagePath> images;
  for (const std::string& name : names_in(root, true)) {
    const auto label = classes.labels.find(name);
    if (label == classes.labels.end())
      throw Error(ErrorKind::kInvalid,
                  "class folder is not in synset_words.txt: " + (root / name).string());
    for (const std::string& file : names_in(root / name, false))
      images.push_back({.file = root / name / file,
                        .label = label->second,
                        .id = (fs::path(name) / file).string()});
  }
  return images;
}

std::vector<ImagePath> loose_images(const fs::path& root) {
  std::vector<ImagePath> images;
  for (const std::string& file : names_in(root, false))
    images.push_back({.file = root / file, .id = file});
  return images;
}

std::vector<fs::path> split_folders(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const char* name : {"train", "test"})
    if (fs::is_directory(folder / name)) found.push_back(folder / name);
  return found;
}

fs::path root_of_split(const fs::path& folder, const std::vector<fs::path>& splits, Split split) {
  if (splits.empty()) return folder;
  const fs::path root = folder / to_string(split);
  if (std::ranges::find(splits, root) == splits.end())
    throw Error(ErrorKind::kNotFound, "data set " + folder.string() + " has no split " +
                                          std::string(to_string(split)) + ", only " +
                                          splits.front().filename().string());
  return root;
}

}  // namespace

std::unique_ptr<Dataset> open_image_folder(const fs::path& folder, std::string name, Split split) {
  const std::vector<fs::path> splits = split_folders(folder);
  const fs::path root = root_of_split(folder, splits, split);
  const Classes classes = fs::exists(folder / "synset_words.txt")
                              ? classes_from_synsets(folder / "synset_words.txt")
                              : classes_from_folders(splits.empty() ? std::vector{folder} : splits);
  std::vector<ImagePath> images = labelled_images(root, classes);
  const bool labelled = !images.empty();
  if (!labelled) images = loose_images(root);
  if (images.empty())
    throw Error(ErrorKind::kNotFound,
                "no images in " + root.string() + ", neither *.jpg (*.png, ...) nor CLASS/*.jpg");
  return std::make_unique<ImageFolder>(
      std::move(name), labelled ? classes.names : std::vector<std::string>{}, std::move(images));
}

std::unique_ptr<Dataset> open_image(const fs::path& file) {
  if (!fs::exists(file)) throw Error(ErrorKind::kNotFound, "no such image: " + file.string());
  const std::string name = file.filename().string();
  return std::make_unique<ImageFolder>(name, std::vector<std::string>{},
                                       std::vector<ImagePath>{{.file = file, .id = name}});
}

}  // namespace isthmus
