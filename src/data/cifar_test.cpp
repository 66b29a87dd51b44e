#include "data/cifar.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"

namespace isthmus {
namespace {

// One record: labels, then a plane each of red, green and blue; the pixel at (0, 1) is 1 brighter.
std::string record(const std::string& labels, char red, char green, char blue) {
  std::string text = labels;
  for (const char value : {red, green, blue}) {
    std::string plane(1024, value);
    ++plane[1];
    text += plane;
  }
  return text;
}

TEST(Cifar, ReadsTheRecordsOfCifar10) {
  const TemporaryFolder folder;
  for (int i = 1; i <= 5; ++i)
    write_file(folder.path() / ("data_batch_" + std::to_string(i) + ".bin"),
               record(std::string(1, static_cast<char>(i)), 10, 20, 30));
  write_file(folder.path() / "batches.meta.txt", "airplane\nautomobile\n\n");
  ASSERT_TRUE(is_cifar_folder(folder.path()));
  const auto train = open_cifar(folder.path(), "cifar10", Split::kTrain);
  EXPECT_EQ(train->size(), 5);
  EXPECT_EQ(train->class_names()[1], "automobile");
  EXPECT_EQ(train->class_names().size(), 10U);
  const Sample sample = train->get(2);
  EXPECT_EQ(sample.label, 3);
  EXPECT_EQ(sample.id, "data_batch_3.bin:0");
  EXPECT_EQ(sample.image.shape(), (Shape{32, 32, 3}));
  const auto pixels = sample.image.values<std::uint8_t>();
  EXPECT_EQ((std::vector<int>(pixels.begin(), pixels.begin() + 6)),
            (std::vector<int>{10, 20, 30, 11, 21, 31}));
  EXPECT_THROW(open_cifar(folder.path(), "cifar10", Split::kTest), Error);
}

TEST(Cifar, TakesTheFineLabelOfCifar100) {
  const TemporaryFolder folder;
  write_file(folder.path() / "test.bin", record("\x05\x42", 1, 2, 3) + record("\x01\x07", 4, 5, 6));
  const auto test = open_cifar(folder.path(), "cifar100", Split::kTest);
  EXPECT_EQ(test->size(), 2);
  EXPECT_EQ(test->label(0), 0x42);
  EXPECT_EQ(test->get(1).image.values<std::uint8_t>()[2], 6);
}

TEST(Cifar, RefusesDamagedFiles) {
  const TemporaryFolder folder;
  for (const std::string& content :
       {std::string(), record("\x01", 1, 2, 3).substr(1), record("\x0a", 1, 2, 3)}) {
    write_file(folder.path() / "test_batch.bin", content);
    try {
      open_cifar(folder.path(), "cifar10", Split::kTest);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
      EXPECT_NE(std::string(error.what()).find("test_batch.bin"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace isthmus
