#include "data/dataset.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "data/image_file.h"
#include "data/signs.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Points data_folder() at an empty folder while it lives.
class EmptyDataFolder {
 public:
  EmptyDataFolder() {
    if (const char* value = std::getenv("ISTHMUS_DATA")) before_ = value;
    ::setenv("ISTHMUS_DATA", folder_.path().c_str(), 1);
  }
  ~EmptyDataFolder() {
    if (before_)
      ::setenv("ISTHMUS_DATA", before_->c_str(), 1);
    else
      ::unsetenv("ISTHMUS_DATA");
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
  std::optional<std::string> before_;
};

std::string message_of(const std::string& spec) {
  try {
    open_dataset(spec, Split::kTest);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(OpenDataset, OpensFoldersAndFilesByName) {
  const EmptyDataFolder data;
  write_image(data.path() / "mine/test/ant/a.png", draw_sign(0, 1));
  EXPECT_EQ(open_dataset("mine", Split::kTest)->name(), "mine");
  EXPECT_THAT(dataset_names(), ElementsAre("mine", "signs"));
  const std::string folder = (data.path() / "mine/test/ant").string();
  EXPECT_EQ(open_dataset(folder, Split::kTrain)->name(), "ant");
  EXPECT_EQ(open_dataset(folder + "/", Split::kTrain)->name(), "ant");
  EXPECT_EQ(open_dataset(folder + "/a.png", Split::kTrain)->get(0).id, "a.png");
}

TEST(OpenDataset, OpensTheBuiltInSet) {
  EXPECT_EQ(open_dataset("signs", Split::kTest)->size(), kSignsTestImages);
  EXPECT_EQ(open_dataset("signs:train", Split::kTest)->size(), kSignsTrainImages);
  EXPECT_THROW(open_dataset("signs:all", Split::kTest), Error);
}

TEST(OpenDataset, SaysWhatThereIsAndHowToGetTheRest) {
  const EmptyDataFolder data;
  EXPECT_THAT(message_of("cifra10"), HasSubstr("there are: signs (did you mean cifar10?); get it "
                                               "with: isthmus data fetch cifar10"));
  EXPECT_THAT(message_of("cifar10"), HasSubstr("there are: signs; get it with"));
  EXPECT_THAT(message_of("sings"), testing::EndsWith("(did you mean signs?)"));
  EXPECT_THAT(message_of("./nothing"), HasSubstr("no such file: ./nothing"));
  EXPECT_THAT(message_of("photo.jpg"), HasSubstr("no such file: photo.jpg"));
  EXPECT_THAT(message_of("camera:x"), HasSubstr("camera:0"));
  EXPECT_THAT(message_of("camera:99"), HasSubstr("cannot open camera:99"));
  EXPECT_THAT(message_of(""), HasSubstr("empty"));
}

TEST(Split, IsReadByName) {
  EXPECT_EQ(split_from_string(to_string(Split::kTrain)), Split::kTrain);
  EXPECT_THROW(split_from_string("validation"), Error);
}

TEST(SampleSubset, IsARandomSampleAndTheStartOfALargerOne) {
  const auto signs = make_signs(Split::kTest);
  const auto small = sample_subset(*signs, 100, 1);
  const auto large = sample_subset(*signs, 400, 1);
  EXPECT_TRUE(std::equal(small.begin(), small.end(), large.begin()));
  EXPECT_EQ(std::set(large.begin(), large.end()).size(), 400U);
  std::set<std::int64_t> labels;
  for (const std::int64_t index : small) labels.insert(signs->label(index));
  EXPECT_EQ(labels.size(), 16U);
  EXPECT_NE(small, sample_subset(*signs, 100, 2));
  EXPECT_THAT(sample_subset(*make_signs(Split::kTest, 3), 0, 1), ElementsAre(0, 1, 2));
  EXPECT_THAT(sample_subset(*make_signs(Split::kTest, 3), 7, 1), ElementsAre(0, 1, 2));
}

TEST(SampleSubset, TakesTheFirstOfASetWithoutLabels) {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "b.png", "c.png"})
    write_image(folder.path() / name, draw_sign(0, 1));
  const auto set = open_dataset(folder.path().string(), Split::kTest);
  EXPECT_THAT(sample_subset(*set, 2, 1), ElementsAre(0, 1));
}

// The real sets, where they are.
struct Real {
  const char* name;
  Split split;
  std::int64_t size;
  std::size_t classes;
};

class RealDataset : public testing::TestWithParam<Real> {};

TEST_P(RealDataset, CanBeRead) {
  const auto [name, split, size, classes] = GetParam();
  if (!std::filesystem::exists(data_folder() / name))
    GTEST_SKIP() << "no " << name << " in " << data_folder();
  const auto set = open_dataset(name, split);
  EXPECT_EQ(set->size(), size);
  EXPECT_EQ(set->class_names().size(), classes);
  for (const std::int64_t index : sample_subset(*set, 20, 1)) {
    const Sample sample = set->get(index);
    EXPECT_EQ(sample.image.shape().size(), 3U);
    EXPECT_EQ(sample.label, set->label(index));
    EXPECT_LT(sample.label, static_cast<std::int64_t>(classes));
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, RealDataset,
                         testing::Values(Real{"cifar10", Split::kTrain, 50'000, 10},
                                         Real{"cifar10", Split::kTest, 10'000, 10},
                                         Real{"cifar100", Split::kTest, 10'000, 100},
                                         Real{"caltech101", Split::kTrain, 2020, 101},
                                         Real{"caltech101", Split::kTest, 808, 101},
                                         Real{"imagenet-sample", Split::kTest, 700, 1000}));

}  // namespace
}  // namespace isthmus
