#include "data/known_models.h"

#include <cstdlib>

#include "core/file.h"

namespace isthmus {

namespace fs = std::filesystem;

std::vector<fs::path> model_folders() {
  std::vector<fs::path> candidates{data_folder() / "models"};
  if (const char* given = std::getenv("ISTHMUS_MODELS")) {
    candidates.emplace_back(given);
  } else {
    std::error_code error;
    const fs::path bin = fs::read_symlink("/proc/self/exe", error).parent_path();
    candidates.push_back(bin.parent_path().parent_path() / "models");
    candidates.push_back(bin.parent_path() / "share" / "isthmus" / "models");
  }
  std::erase_if(candidates, [](const fs::path& folder) { return !fs::is_directory(folder); });
  return candidates;
}

std::optional<fs::path> find_known_model(const std::string& name) {
  for (const fs::path& folder : model_folders()) {
    const fs::path file = folder / (name.ends_with(".onnx") ? name : name + ".onnx");
    if (fs::is_regular_file(file)) return file;
    if (!name.empty() && fs::is_directory(folder / name)) return folder / name;
  }
  return std::nullopt;
}

}  // namespace isthmus
