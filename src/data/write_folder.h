#pragma once

#include <filesystem>

#include "core/progress.h"
#include "data/dataset.h"

namespace isthmus {

// Writes every image of a data set as FOLDER/CLASS/00017.png, which open_dataset(FOLDER) reads back
// bit for bit. The folder appears when it is complete. Throws Error{kInvalid} if it exists and is
// not empty, or the set has no end.
void write_class_folders(const Dataset& dataset, const std::filesystem::path& folder,
                         const Progress& progress);

}  // namespace isthmus
