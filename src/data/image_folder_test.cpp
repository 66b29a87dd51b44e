#include "data/image_folder.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/file.h"
#include "data/image_file.h"
#include "data/signs.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ImageFolder : public testing::Test {
 protected:
  void put(const std::string& name) { write_image(folder_.path() / name, draw_sign(0, 1)); }
  std::unique_ptr<Dataset> open(Split split) {
    return open_image_folder(folder_.path(), "x", split);
  }

  TemporaryFolder folder_;
};

TEST_F(ImageFolder, LabelsByTheSortedClassesOfBothSplits) {
  for (const char* name : {"train/dog/1.png", "train/ant/1.png", "train/ant/0.png",
                           "test/cat/1.png", "test/dog/.hidden.png"})
    put(name);
  write_file(folder_.path() / "train/ant/notes.txt", "no image");
  const auto train = open(Split::kTrain);
  EXPECT_THAT(train->class_names(), ElementsAre("ant", "cat", "dog"));
  ASSERT_EQ(train->size(), 3);
  EXPECT_EQ(train->get(0).id, "ant/0.png");
  EXPECT_EQ(train->label(2), 2);
  const auto test = open(Split::kTest);
  ASSERT_EQ(test->size(), 1);
  EXPECT_EQ(test->get(0).label, 1);
}

TEST_F(ImageFolder, LabelsByTheLinesOfSynsetWords) {
  put("test/n02/a.png");
  write_file(folder_.path() / "synset_words.txt", "n01 tench, Tinca tinca\nn02 goldfish\n");
  const auto test = open(Split::kTest);
  EXPECT_THAT(test->class_names(), ElementsAre("tench, Tinca tinca", "goldfish"));
  EXPECT_EQ(test->label(0), 1);
  EXPECT_THROW(open(Split::kTrain), Error);
  put("test/n03/a.png");
  EXPECT_THROW(open(Split::kTest), Error);
}

TEST_F(ImageFolder, WithoutSplitsIsTheSameForBoth) {
  put("b/1.png");
  put("a/1.png");
  EXPECT_EQ(open(Split::kTrain)->get(0).id, "a/1.png");
  EXPECT_EQ(open(Split::kTest)->size(), 2);
}

TEST_F(ImageFolder, WithoutClassesHasNoLabels) {
  put("b.png");
  put("a.png");
  const auto set = open(Split::kTest);
  EXPECT_THAT(set->class_names(), IsEmpty());
  EXPECT_EQ(set->get(0).id, "a.png");
  EXPECT_EQ(set->get(0).label, -1);
}

TEST_F(ImageFolder, GivesTheBytesOfTheFile) {
  put("a.png");
  const std::string content = read_file(folder_.path() / "a.png");
  EXPECT_EQ(open(Split::kTest)->encoded(0)->size(), content.size());
}

TEST_F(ImageFolder, RefusesAFolderWithoutImages) {
  EXPECT_THROW(open(Split::kTest), Error);
  write_file(folder_.path() / "notes.txt", "no image");
  EXPECT_THROW(open(Split::kTest), Error);
}

}  // namespace
}  // namespace isthmus
