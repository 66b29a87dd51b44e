#include "codec/rans_tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "codec/crc.h"
#include "codec/little_endian.h"
#include "codec/rans.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/rng.h"

namespace isthmus {
namespace {

using Frequencies = std::array<std::uint16_t, 256>;

// `channels` channels that are of `kinds` kinds: |normal| with a scale that depends on the kind.
Tensor activations(std::int64_t channels, std::int64_t kinds, std::uint64_t seed) {
  Rng rng(seed);
  Tensor tensor(DType::kF32, {1, channels, 24, 24});
  const auto numbers = tensor.mutable_values<float>();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto kind = static_cast<int>(i) / 576 % static_cast<int>(kinds);
    numbers[i] = static_cast<float>(std::max(0.0, rng.normal() * std::exp2(-kind)));
  }
  return tensor;
}

RansTables learnt(const Tensor& sample, std::size_t groups) {
  return learn_tables({&sample, 1}, {.max_groups = groups});
}

std::size_t coded_bytes(const Tensor& tensor, const RansTables& tables) {
  const auto numbers = tensor.values<float>();
  std::vector<std::uint8_t> codes(numbers.size());
  EXPECT_TRUE(AffineGrid(range_of(numbers)).quantize(numbers, codes));
  std::vector<std::byte> room(2 * codes.size() + 100);
  return rans_encode(codes, channel_layout(tensor.shape()), tables, room).value();
}

TEST(RansTables, ComeBackFromTheirFile) {
  const RansTables tables = learnt(activations(24, 4, 1), 8);
  const auto file = tables.serialize();
  const RansTables read = RansTables::parse(file);
  EXPECT_EQ(read.serialize(), file);
  EXPECT_EQ(read.hash(), tables.hash());
  EXPECT_EQ(read.hash(), sha256(std::span<const std::byte>(file)));
  EXPECT_EQ(read.channels(), 24u);
  EXPECT_EQ(read.groups(), tables.groups());
}

TEST(RansTables, RefuseAFileWithAnyBitChangedOrAnyOtherLength) {
  auto file = RansTables::uniform().serialize();
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    ASSERT_THROW(RansTables::parse(file), Error) << "bit " << bit;
    file[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  for (std::size_t bytes = 0; bytes < file.size(); ++bytes)
    ASSERT_THROW(RansTables::parse(std::span(file).first(bytes)), Error) << bytes;
  file.push_back({});
  EXPECT_THROW(RansTables::parse(file), Error);
}

TEST(RansTables, RefuseForgedCounts) {
  struct Case {
    std::size_t at;
    std::uint32_t value;
  };
  for (const Case c : {Case{8, 0}, Case{8, 0xffffffff}, Case{8, 2}, Case{12, 0}, Case{12, 65},
                       Case{12, 0xffff}, Case{16, 1}, Case{17, 0}, Case{17, 63}}) {
    SCOPED_TRACE("byte " + std::to_string(c.at) + " = " + std::to_string(c.value));
    auto file = RansTables::uniform().serialize();
    if (c.at == 8)
      store(file.data() + c.at, c.value);
    else if (c.at == 16)
      store(file.data() + c.at, static_cast<std::uint8_t>(c.value));
    else
      store(file.data() + c.at, static_cast<std::uint16_t>(c.value));
    store(file.data() + file.size() - 4, crc_extend(0, std::span(file).first(file.size() - 4)));
    EXPECT_THROW(RansTables::parse(file), Error);
  }
}

TEST(RansTables, RefuseFrequenciesThatAreNotADistribution) {
  const auto make = [](auto change) {
    Frequencies row;
    row.fill(kRansTotal / 256);
    change(row);
    return RansTables({0}, std::span(&row, 1));
  };
  EXPECT_NO_THROW(make([](Frequencies&) {}));
  EXPECT_THROW(make([](Frequencies& row) { row[3] += 1; }), Error);
  EXPECT_THROW(make([](Frequencies& row) { row[255] -= 1; }), Error);
  EXPECT_THROW(make([](Frequencies& row) { row[9] += row[8], row[8] = 0; }), Error);
  EXPECT_THROW(make([](Frequencies& row) { row.fill(65535); }), Error);
}

TEST(LearnTables, FindTheKindsOfChannels) {
  const RansTables tables = learnt(activations(40, 4, 2), 4);
  EXPECT_EQ(tables.groups(), 4u);
  for (std::size_t c = 4; c < 40; ++c)
    for (std::size_t other = 0; other < 4; ++other)
      EXPECT_EQ(&tables.table_of(c) == &tables.table_of(other), c % 4 == other) << c;
}

TEST(LearnTables, CodeSmallerWithGroupsThanWithout) {
  const Tensor sample = activations(40, 4, 3);
  const Tensor unseen = activations(40, 4, 4);
  const std::size_t one = coded_bytes(unseen, learnt(sample, 1));
  const std::size_t four = coded_bytes(unseen, learnt(sample, 4));
  EXPECT_LT(four, one * 97 / 100);
  EXPECT_LT(one, static_cast<std::size_t>(unseen.size()));
}

TEST(LearnTables, KeepToTheBoundAndAreDeterministic) {
  const Tensor sample = activations(40, 8, 5);
  for (const std::size_t groups : {1, 2, 3, 64}) EXPECT_LE(learnt(sample, groups).groups(), groups);
  EXPECT_EQ(learnt(sample, 5).hash(), learnt(sample, 5).hash());
  EXPECT_EQ(learnt(Tensor(DType::kF32, {1, 3, 4, 4}), 16).groups(), 1u);
}

TEST(LearnTables, CountCodesAsTheyAre) {
  const Tensor codes = Tensor::of<std::uint8_t>({4}, {7, 7, 7, 9});
  const RansTables tables = learnt(codes, 1);
  const auto& decoding = tables.table_of(0).decoding;
  EXPECT_NEAR(decoding[7].frequency, 0.75 * kRansTotal, 200);
  EXPECT_NEAR(decoding[9].frequency, 0.25 * kRansTotal, 200);
  EXPECT_EQ(decoding[8].frequency, 1);
}

TEST(LearnTables, RefuseUnusableSamples) {
  const Tensor a(DType::kF32, {1, 3, 4, 4});
  const Tensor b(DType::kF32, {1, 5, 4, 4});
  const Tensor integers(DType::kI32, {4});
  const Tensor nan = Tensor::scalar(std::nanf(""));
  EXPECT_THROW(learn_tables({}), Error);
  EXPECT_THROW(learn_tables(std::vector{a, b}), Error);
  EXPECT_THROW(learnt(integers, 1), Error);
  EXPECT_THROW(learnt(nan, 1), Error);
  EXPECT_THROW(learn_tables({&nan, 1}, {.range = ValueRange{0, 1}}), Error);
  EXPECT_THROW(learnt(a, 0), Error);
  EXPECT_THROW(learnt(a, 65), Error);
}

TEST(ChannelLayout, FollowsTheShape) {
  struct Case {
    Shape shape;
    std::size_t channels, planes, size;
  };
  for (const Case& c : {Case{{}, 1, 1, 1}, Case{{5}, 1, 1, 5}, Case{{1, 100}, 1, 1, 100},
                        Case{{1, 3, 4, 5}, 3, 3, 20}, Case{{2, 3, 4}, 3, 6, 4},
                        Case{{1, 4, 2, 2, 2}, 4, 4, 8}, Case{{1, 0, 4, 4}, 1, 0, 0}}) {
    SCOPED_TRACE(to_string(c.shape));
    const ChannelLayout layout = channel_layout(c.shape);
    EXPECT_EQ(layout.channels, c.channels);
    EXPECT_EQ(layout.planes, c.planes);
    EXPECT_EQ(layout.plane_size, c.size);
  }
}

}  // namespace
}  // namespace isthmus
