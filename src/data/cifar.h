#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "data/dataset.h"

namespace isthmus {

// Whether `folder` holds the binary files of CIFAR-10 (data_batch_1.bin ... test_batch.bin) or of
// CIFAR-100 (train.bin, test.bin), at least one of them.
bool is_cifar_folder(const std::filesystem::path& folder);

// Krizhevsky's binary layout: records of one label byte (CIFAR-100: coarse, then fine; the fine one
// counts) and 3072 bytes of a 32x32 image, plane by plane. The files of the split are held in
// memory. Throws Error{kNotFound} for a missing file, Error{kInvalid} for one that is cut short or
// has a label that does not exist.
std::unique_ptr<Dataset> open_cifar(const std::filesystem::path& folder, std::string name,
                                    Split split);

}  // namespace isthmus
