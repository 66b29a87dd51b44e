#include "data/write_folder.h"

#include <fmt/format.h>

#include "core/error.h"
#include "data/image_file.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

std::string class_folder(const Dataset& dataset, std::int64_t label) {
  if (label < 0) return "unlabelled";
  const auto& names = dataset.class_names();
  const auto index = static_cast<std::size_t>(label);
  // The number keeps the order of the classes, which a folder has by name.
  return index < names.size() ? fmt::format("{:03} {}", label, names[index])
                              : fmt::format("{:03}", label);
}

}  // namespace

void write_class_folders(const Dataset& dataset, const fs::path& folder, const Progress& progress) {
  if (dataset.size() == kEndless)
    throw Error(ErrorKind::kInvalid,
                dataset.name() + " has no end; it cannot be written to a folder");
  if (fs::exists(folder) && !fs::is_empty(folder))
    throw Error(ErrorKind::kInvalid, folder.string() + " is there already; name another folder");
  const fs::path draft = folder.lexically_normal().string() + ".part";
  fs::remove_all(draft);
  try {
    for (std::int64_t i = 0; i < dataset.size(); ++i) {
      const Sample sample = dataset.get(i);
      const fs::path file =
          draft / class_folder(dataset, sample.label) / fmt::format("{:05}.png", i);
      fs::create_directories(file.parent_path());
      write_image(file, sample.image);
      if (progress) progress(i + 1, dataset.size());
    }
    fs::remove_all(folder);
    fs::rename(draft, folder);
  } catch (const fs::filesystem_error& error) {
    fs::remove_all(draft);
    throw Error(ErrorKind::kIo,
                std::string("cannot write ") + folder.string() + ": " + error.code().message());
  } catch (...) {
    fs::remove_all(draft);
    throw;
  }
}

}  // namespace isthmus
