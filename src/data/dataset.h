#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace isthmus {

enum class Split { kTrain, kTest };

std::string_view to_string(Split split);
// "train" or "test". Throws Error{kInvalid} for another word.
Split split_from_string(std::string_view name);

struct Sample {
  // u8 HxWx3, RGB, in the size that the data set holds it.
  Tensor image;
  // -1 if unknown.
  std::int64_t label = -1;
  // Names the image in messages and reports: a file, "test_batch.bin:17", "frame 3".
  std::string id;
};

// Size of a camera: it goes on until someone stops asking.
inline constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max();

// Images in a fixed order that depends on the data alone. Thread-safe.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual const std::string& name() const = 0;
  // Never 0; kEndless for a camera.
  virtual std::int64_t size() const = 0;
  // In the order of the labels; empty where there are none.
  virtual const std::vector<std::string>& class_names() const = 0;
  // `index` in [0, size()). Reads and decodes; throws Error{kInvalid} that names a damaged image.
  // A camera and a video are fast for increasing indices only.
  virtual Sample get(std::int64_t index) const = 0;
  // The label alone, without decoding.
  virtual std::int64_t label(std::int64_t index) const = 0;
  // The bytes of the compressed file that the image comes from, where there is one.
  virtual std::optional<std::vector<std::byte>> encoded(std::int64_t index) const;
};

// `spec` is one of
//   NAME                  data_folder()/NAME; the split's images
//   signs, signs:SPLIT    the built-in synthetic set (data/signs.h)
//   FOLDER                class folders (FOLDER/CLASS/*.jpg, also below train/ and test/), the
//   files
//                         of CIFAR-10 or CIFAR-100, or a flat folder of images without labels
//   IMAGE or VIDEO        a file
//   camera:N              the N-th camera
// What holds no split of its own is the same for both. Throws Error{kNotFound} that says what there
// is and how to get what there is not, Error{kInvalid} for a damaged set.
std::unique_ptr<Dataset> open_dataset(const std::string& spec, Split split);

// What open_dataset(NAME) would find now: the sets of data_folder() and "signs", sorted.
std::vector<std::string> dataset_names();

// The images that stand for the set when only `limit` are wanted (0: all, in order): a simple
// random sample, so that a confidence interval over it means something, and the first part of that
// for a larger limit. Of a set without labels (a folder, a video, a camera) the first `limit`.
std::vector<std::int64_t> sample_subset(const Dataset& dataset, std::int64_t limit,
                                        std::uint64_t seed);

}  // namespace isthmus
