#pragma once

#include <filesystem>

namespace isthmus {

// Where a training run leaves its checkpoint and its numbers, after every epoch.
inline std::filesystem::path checkpoint_file(const std::filesystem::path& folder) {
  return folder / "checkpoint.bin";
}
inline std::filesystem::path metrics_file(const std::filesystem::path& folder) {
  return folder / "metrics.json";
}

}  // namespace isthmus
