#include "data/fetch.h"

#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/interrupt.h"
#include "core/text.h"
#include "data/program.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

// Sizes and checksums of the files as their makers serve them.
const std::vector<Download> kDownloads = {
    {.name = "caltech101",
     .url = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip",
     .sha256 = "331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91",
     .bytes = 137'414'764},
    {.name = "cifar10",
     .url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
     .sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
     .bytes = 170'052'171},
    {.name = "cifar100",
     .url = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
     .sha256 = "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
     .bytes = 168'513'733},
};

// A folder beside the one to be made (on the same disk, so that a rename is enough).
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& beside)
      : path_(fs::absolute(beside).parent_path() /
              ("." + beside.filename().string() + "." + std::to_string(::getpid()))) {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error)
      throw Error(ErrorKind::kIo, "cannot make " + path_.string() + ": " + error.message());
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void download(const Download& what, const fs::path& file, const Progress& progress) {
  const auto tick = [&] {
    check_interrupt();
    std::error_code none;
    const auto done =
        fs::exists(file, none) ? static_cast<std::int64_t>(fs::file_size(file, none)) : 0;
    if (progress) progress(std::min(done, what.bytes), what.bytes);
  };
  const ProgramResult result =
      run_program({"curl", "--fail", "--location", "--silent", "--show-error", "--connect-timeout",
                   "20", "--output", file.string(), what.url},
                  tick);
  check_interrupt();
  if (result.exit_code != 0)
    throw Error(ErrorKind::kUnavailable, "cannot download " + what.url + ": " + result.complaint);
}

void check_sum(const Download& what, const fs::path& file) {
  const std::string sum = sha256(read_file(file));
  if (sum != what.sha256)
    throw Error(ErrorKind::kInvalid, "wrong checksum of " + what.url + ": " + sum + ", expected " +
                                         what.sha256 +
                                         " (try again; if it stays, the file has changed)");
}

void unpack(const fs::path& archive, const fs::path& folder) {
  fs::create_directories(folder);
  const bool zip = archive.extension() == ".zip";
  const ProgramResult result = run_program(
      zip ? std::vector<std::string>{"unzip", "-q", archive.string(), "-d", folder.string()}
          : std::vector<std::string>{"tar", "-xzf", archive.string(), "--no-same-owner", "-C",
                                     folder.string()},
      check_interrupt);
  if (result.exit_code != 0)
    throw Error(ErrorKind::kIo, "cannot unpack " + archive.string() + ": " + result.complaint);
}

// The one folder in `folder`; what macOS leaves in archives does not count.
fs::path only_folder(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && entry.path().filename() != "__MACOSX")
      found.push_back(entry.path());
  if (found.size() != 1)
    throw Error(ErrorKind::kInvalid,
                "the archive holds " + std::to_string(found.size()) + " folders instead of one");
  return found.front();
}

void move_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error)
    throw Error(ErrorKind::kIo,
                "cannot move " + from.string() + " to " + to.string() + ": " + error.message());
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    entries.push_back(entry.path());
  std::ranges::sort(entries);
  return entries;
}

// From 101_ObjectCategories/CLASS/image_0001.jpg to train/CLASS and test/CLASS.
void divide_caltech(const fs::path& folder) {
  constexpr std::size_t kTrainImages = 30;
  unpack(folder / "101_ObjectCategories.tar.gz", folder / "unpacked");
  for (const fs::path& category : sorted_entries(only_folder(folder / "unpacked"))) {
    if (!fs::is_directory(category) || category.filename() == "BACKGROUND_Google") continue;
    const std::vector<fs::path> images = sorted_entries(category);
    for (std::size_t i = 0; i < images.size(); ++i) {
      const fs::path target = folder / (i < kTrainImages ? "train" : "test") / category.filename();
      fs::create_directories(target);
      move_to(images[i], target / images[i].filename());
    }
  }
  fs::remove_all(folder / "unpacked");
}

fs::path fetch_into(const fs::path& work, const Download& what, const Progress& progress) {
  const fs::path archive = work / (what.url.ends_with(".zip") ? "archive.zip" : "archive.tar.gz");
  download(what, archive, progress);
  check_sum(what, archive);
  unpack(archive, work / "content");
  return only_folder(work / "content");
}

}  // namespace

std::vector<std::string> fetchable_datasets() {
  std::vector<std::string> names;
  for (const Download& known : kDownloads) names.push_back(known.name);
  return names;
}

void fetch_archive(const Download& what, const fs::path& folder, const Progress& progress) {
  if (fs::exists(folder)) return;
  const WorkFolder work(folder);
  move_to(fetch_into(work.path(), what, progress), folder);
}

void fetch_dataset(const std::string& name, const Progress& progress) {
  const auto known = std::ranges::find(kDownloads, name, &Download::name);
  const std::vector<std::string> names = fetchable_datasets();
  if (known == kDownloads.end()) {
    std::string list;
    for (const std::string& each : names) list += (list.empty() ? "" : ", ") + each;
    throw Error(ErrorKind::kNotFound, "no download is known for " + name + suggestion(name, names) +
                                          "; there are: " + list);
  }
  const fs::path folder = data_folder() / name;
  if (fs::exists(folder)) return;
  const WorkFolder work(folder);
  const fs::path content = fetch_into(work.path(), *known, progress);
  if (name == "caltech101") divide_caltech(content);
  move_to(content, folder);
}

}  // namespace isthmus
