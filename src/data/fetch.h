#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/progress.h"

namespace isthmus {

// One archive on the web and what becomes of it.
struct Download {
  std::string name;
  std::string url;
  std::string sha256;
  // About; for progress.
  std::int64_t bytes = 0;
};

// The sets that fetch_dataset knows.
std::vector<std::string> fetchable_datasets();

// Downloads a data set from its makers into data_folder()/NAME; does nothing if it is there.
// The folder appears when it is complete. Progress is in bytes. Caltech-101 is divided here: of
// each class, by file name, the first 30 are for training and the rest for testing, without the
// background class. Needs the programs curl and tar (and unzip for Caltech-101). Throws
// Error{kNotFound} for a name it does not know, Error{kUnavailable} when the server cannot be
// reached, Error{kInvalid} when the checksum is wrong.
void fetch_dataset(const std::string& name, const Progress& progress);

// The same for any archive (.tar.gz or .zip); gives the content of the archive's only top folder
// the name `folder`.
void fetch_archive(const Download& download, const std::filesystem::path& folder,
                   const Progress& progress);

}  // namespace isthmus
