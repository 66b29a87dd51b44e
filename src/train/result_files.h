#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace isthmus {

// Where a training run leaves its checkpoint and its numbers, after every epoch.
inline std::filesystem::path checkpoint_file(const std::filesystem::path& folder) {
  return folder / "checkpoint.bin";
}
// The checkpoint after the first `stages` stages, which another recipe may begin with.
inline std::filesystem::path stages_file(const std::filesystem::path& folder, std::size_t stages) {
  return folder / ("stages-" + std::to_string(stages) + ".bin");
}
inline std::filesystem::path metrics_file(const std::filesystem::path& folder) {
  return folder / "metrics.json";
}

}  // namespace isthmus
