#include "data/cifar.h"

#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSide = 32;
constexpr std::size_t kPixels = kSide * kSide;

struct Layout {
  std::size_t label_bytes;
  std::size_t classes;
  std::string names_file;
  std::vector<std::string> train;
  std::vector<std::string> test;

  std::size_t record_bytes() const { return label_bytes + 3 * kPixels; }
  const std::vector<std::string>& files(Split split) const {
    return split == Split::kTrain ? train : test;
  }
};

const Layout kCifar10{.label_bytes = 1,
                      .classes = 10,
                      .names_file = "batches.meta.txt",
                      .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                "data_batch_4.bin", "data_batch_5.bin"},
                      .test = {"test_batch.bin"}};
const Layout kCifar100{.label_bytes = 2,
                       .classes = 100,
                       .names_file = "fine_label_names.txt",
                       .train = {"train.bin"},
                       .test = {"test.bin"}};

bool has_any(const fs::path& folder, const Layout& layout) {
  return fs::exists(folder / layout.train.front()) || fs::exists(folder / layout.test.front());
}

std::vector<std::string> read_class_names(const fs::path& folder, const Layout& layout) {
  std::vector<std::string> names;
  if (fs::exists(folder / layout.names_file))
    for (std::string& line : split_text(read_file(folder / layout.names_file, 1 << 20), '\n')) {
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) names.push_back(std::move(line));
    }
  names.resize(layout.classes);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].empty()) names[i] = std::to_string(i);
  return names;
}

class Cifar final : public Dataset {
 public:
  Cifar(const fs::path& folder, std::string name, Split split)
      : layout_(has_any(folder, kCifar10) ? kCifar10 : kCifar100),
        name_(std::move(name)),
        class_names_(read_class_names(folder, layout_)),
        files_(layout_.files(split)) {
    for (const std::string& file : files_) {
      contents_.push_back(read_file(folder / file));
      check(folder / file, contents_.back());
      size_ += records(contents_.back());
    }
  }

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(size_); }
  const std::vector<std::string>& class_names() const override { return class_names_; }

  std::int64_t label(std::int64_t index) const override { return label_of(find(index).record); }

  Sample get(std::int64_t index) const override {
    const Place place = find(index);
    Tensor image(DType::kU8, {kSide, kSide, 3});
    const auto pixels = image.mutable_values<std::uint8_t>();
    const std::string_view planes = place.record.substr(layout_.label_bytes);
    for (std::size_t i = 0; i < kPixels; ++i)
      for (std::size_t c = 0; c < 3; ++c)
        pixels[3 * i + c] = static_cast<std::uint8_t>(planes[c * kPixels + i]);
    return {.image = std::move(image),
            .label = label_of(place.record),
            .id = files_[place.file] + ':' + std::to_string(place.number)};
  }

 private:
  struct Place {
    std::size_t file;
    std::size_t number;
    std::string_view record;
  };

  std::size_t records(std::string_view content) const {
    return content.size() / layout_.record_bytes();
  }

  std::string_view record(std::string_view content, std::size_t number) const {
    return content.substr(number * layout_.record_bytes(), layout_.record_bytes());
  }

  std::int64_t label_of(std::string_view record) const {
    return static_cast<std::uint8_t>(record[layout_.label_bytes - 1]);
  }

  void check(const fs::path& file, std::string_view content) const {
    if (content.empty() || content.size() % layout_.record_bytes() != 0)
      throw Error(ErrorKind::kInvalid, "CIFAR file is cut short: " + file.string() + " has " +
                                           std::to_string(content.size()) +
                                           " bytes, not a multiple of " +
                                           std::to_string(layout_.record_bytes()));
    for (std::size_t i = 0; i < records(content); ++i)
      if (label_of(record(content, i)) >= static_cast<std::int64_t>(layout_.classes))
        throw Error(ErrorKind::kInvalid, "CIFAR file is damaged: " + file.string() + ": image " +
                                             std::to_string(i) + " has the label " +
                                             std::to_string(label_of(record(content, i))));
  }

  Place find(std::int64_t index) const {
    auto number = static_cast<std::size_t>(index);
    std::size_t file = 0;
    while (number >= records(contents_[file])) number -= records(contents_[file++]);
    return {.file = file, .number = number, .record = record(contents_[file], number)};
  }

  Layout layout_;
  std::string name_;
  std::vector<std::string> class_names_;
  std::vector<std::string> files_;
  std::vector<std::string> contents_;
  std::size_t size_ = 0;
};

}  // namespace

bool is_cifar_folder(const fs::path& folder) {
  return has_any(folder, kCifar10) || has_any(folder, kCifar100);
}

std::unique_ptr<Dataset> open_cifar(const fs::path& folder, std::string name, Split split) {
  return std::make_unique<Cifar>(folder, std::move(name), split);
}

}  // namespace isthmus
