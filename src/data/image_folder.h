#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "data/dataset.h"

namespace isthmus {

// Images in folders, in the order of their names:
//
//   train/CLASS/*.jpg, test/CLASS/*.jpg   class folders in splits
//   CLASS/*.jpg                           class folders; both splits are the same
//   *.jpg                                 no labels; both splits are the same
//
// A label is the index of CLASS among the sorted names of the classes of all splits; or, where the
// folder has a synset_words.txt ("n01440764 tench, Tinca tinca"), the line whose first word is
// CLASS. Names that start with a dot are left out. Throws Error{kNotFound} for a missing split or
// if there is no image, Error{kInvalid} for a class that synset_words.txt does not have.
std::unique_ptr<Dataset> open_image_folder(const std::filesystem::path& folder, std::string name,
                                           Split split);

// A single image file as a set of one without label.
std::unique_ptr<Dataset> open_image(const std::filesystem::path& file);

}  // namespace isthmus
