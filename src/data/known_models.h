#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isthmus {

// Where trained networks lie: data_folder()/models, then those that come with the program
// (ISTHMUS_MODELS if it is set; otherwise models/ of the checkout that it was built in and
// share/isthmus/models beside the bin/ that it was installed to). Only folders that are there.
std::vector<std::filesystem::path> model_folders();

// The file NAME.onnx, or the folder NAME that a training wrote, in the first model folder that has
// one.
std::optional<std::filesystem::path> find_known_model(const std::string& name);

}  // namespace isthmus
