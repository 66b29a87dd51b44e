#include "data/signs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/hash.h"
#include "core/rng.h"

namespace isthmus {
namespace {

TEST(Signs, AreTheSameOnEveryMachine) {
  std::string hashes;
  for (const std::int64_t index : {0, 1, 17, 4000})
    hashes += sha256(make_signs(Split::kTrain)->get(index).image.bytes());
  EXPECT_EQ(sha256(hashes), "3e84822a8a4ca7f5e0118fd8efc4427ec2c92171bc94b5940c5c159bc10aa886");
}

TEST(Signs, DifferBetweenSplitsAndImages) {
  const auto train = make_signs(Split::kTrain);
  const auto test = make_signs(Split::kTest);
  const auto hash = [](const Dataset& set, std::int64_t index) {
    return sha256(set.get(index).image.bytes());
  };
  EXPECT_NE(hash(*train, 3), hash(*test, 3));
  EXPECT_NE(hash(*train, 3), hash(*train, 3 + kSignsClasses));
  EXPECT_EQ(hash(*train, 3), hash(*make_signs(Split::kTrain, 4), 3));
}

TEST(Signs, HoldEveryClassEquallyOften) {
  const auto signs = make_signs(Split::kTest);
  EXPECT_EQ(signs->size(), kSignsTestImages);
  ASSERT_EQ(signs->class_names().size(), static_cast<std::size_t>(kSignsClasses));
  EXPECT_EQ(signs->class_names()[5], "triangle bar");
  std::array<int, kSignsClasses> count{};
  for (std::int64_t i = 0; i < signs->size(); ++i)
    ++count[static_cast<std::size_t>(signs->label(i))];
  for (const int each : count) EXPECT_EQ(each, kSignsTestImages / kSignsClasses);
  EXPECT_EQ(signs->get(21).label, signs->label(21));
}

using Features = std::vector<float>;

// 24x24 means of 4x4 pixels, about centred.
Features small_picture(const Tensor& image) {
  Features features(std::size_t{24} * 24 * 3);
  const auto pixels = image.values<std::uint8_t>();
  for (std::size_t y = 0; y < 96; ++y)
    for (std::size_t x = 0; x < 96; ++x)
      for (std::size_t c = 0; c < 3; ++c)
        features[((y / 4) * 24 + x / 4) * 3 + c] +=
            (static_cast<float>(pixels[(y * 96 + x) * 3 + c]) / 255 - 0.45F) / 16;
  return features;
}

// How much edge there is in each of 18 directions, wherever it is in the picture.
Features edge_directions(const Tensor& image) {
  Features features(18);
  const auto green = [pixels = image.values<std::uint8_t>()](std::size_t y, std::size_t x) {
    return static_cast<float>(pixels[(y * 96 + x) * 3 + 1]);
  };
  float sum = 0;
  for (std::size_t y = 2; y < 94; ++y)
    for (std::size_t x = 2; x < 94; ++x) {
      const float across = green(y, x + 2) - green(y, x - 2);
      const float down = green(y + 2, x) - green(y - 2, x);
      const float strength = across * across + down * down;
      const float turn = std::atan2(down, across) / 6.2831853F + 0.5F;
      features[static_cast<std::size_t>(turn * 18) % 18] += strength;
      sum += strength;
    }
  for (float& feature : features) feature = feature / sum * 18 - 1;
  return features;
}

// Logistic regression over all classes, by stochastic gradient descent.
class Linear {
 public:
  explicit Linear(std::size_t features) : weights_(kSignsClasses, Features(features)) {}

  std::array<float, kSignsClasses> scores(const Features& x) const {
    std::array<float, kSignsClasses> sums{};
    for (std::size_t k = 0; k < sums.size(); ++k)
      for (std::size_t i = 0; i < x.size(); ++i) sums[k] += weights_[k][i] * x[i];
    return sums;
  }

  void learn(const Features& x, std::size_t label, float rate) {
    auto p = scores(x);
    const float largest = *std::ranges::max_element(p);
    float sum = 0;
    for (float& each : p) sum += each = std::exp(each - largest);
    for (std::size_t k = 0; k < p.size(); ++k) {
      const float step = rate * ((k == label ? 1.0F : 0.0F) - p[k] / sum);
      for (std::size_t i = 0; i < x.size(); ++i) weights_[k][i] += step * x[i];
    }
  }

 private:
  std::vector<Features> weights_;
};

using Extract = Features (*)(const Tensor&);

std::vector<Features> features_of(Split split, std::int64_t count, Extract extract) {
  const auto signs = make_signs(split);
  std::vector<Features> features;
  for (std::int64_t i = 0; i < count; ++i) features.push_back(extract(signs->get(i).image));
  return features;
}

double test_accuracy(Extract extract, int steps, float rate) {
  const std::vector<Features> train = features_of(Split::kTrain, 2000, extract);
  const std::vector<Features> test = features_of(Split::kTest, 800, extract);
  Linear linear(train[0].size());
  Rng rng(1);
  for (int step = 0; step < steps; ++step) {
    const auto i = static_cast<std::size_t>(rng.below(train.size()));
    linear.learn(train[i], i % kSignsClasses, rate);
  }
  int right = 0;
  for (std::size_t i = 0; i < test.size(); ++i)
    right += argmax(linear.scores(test[i])) == i % kSignsClasses;
  const double accuracy = right / static_cast<double>(test.size());
  testing::Test::RecordProperty("accuracy", std::to_string(accuracy));
  return accuracy;
}

TEST(Signs, AreTooHardForALinearClassifier) {
  EXPECT_LT(test_accuracy(small_picture, 6'000, 0.01F), 0.6);
}

TEST(Signs, AreToldApartByTheirEdges) {
  EXPECT_GT(test_accuracy(edge_directions, 40'000, 0.02F), 3.0 / kSignsClasses);
}

}  // namespace
}  // namespace isthmus
