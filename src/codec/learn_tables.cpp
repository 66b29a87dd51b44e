#include <algorithm>
#include <cmath>
#include <numeric>

#include "codec/rans_tables.h"
#include "core/error.h"

namespace isthmus {
namespace {

// Counts, whole up to 2^53.
using Histogram = std::array<double, 256>;
using Frequencies = std::array<std::uint16_t, 256>;
using Bits = std::array<double, 256>;

constexpr int kMaxRounds = 20;
constexpr std::size_t kMaxSeeds = 256;

void check_sample(const Tensor& sample, const Tensor& first) {
  if (sample.dtype() != DType::kF32 && sample.dtype() != DType::kU8)
    throw Error(ErrorKind::kInvalid, "frequency tables are learnt from float32 or uint8, not " +
                                         std::string(to_string(sample.dtype())));
  if (channel_layout(sample.shape()).channels != channel_layout(first.shape()).channels)
    throw Error(ErrorKind::kInvalid,
                "samples of one edge differ in shape: " + to_string(first.shape()) + " and " +
                    to_string(sample.shape()));
}

std::vector<std::uint8_t> codes_of(const Tensor& sample, const std::optional<ValueRange>& range) {
  if (sample.dtype() == DType::kU8) {
    const auto codes = sample.values<std::uint8_t>();
    return {codes.begin(), codes.end()};
  }
  const auto numbers = sample.values<float>();
  std::vector<std::uint8_t> codes(numbers.size());
  if (!AffineGrid(range ? *range : range_of(numbers)).quantize(numbers, codes))
    throw Error(ErrorKind::kInvalid, "a sample to learn frequency tables from holds a NaN");
  return codes;
}

std::vector<Histogram> count_codes(std::span<const Tensor> samples,
                                   const std::optional<ValueRange>& range) {
  std::vector<Histogram> histograms(channel_layout(samples[0].shape()).channels);
  for (const Tensor& sample : samples) {
    check_sample(sample, samples[0]);
    const ChannelLayout layout = channel_layout(sample.shape());
    const std::vector<std::uint8_t> codes = codes_of(sample, range);
    for (std::size_t plane = 0; plane < layout.planes; ++plane) {
      Histogram& histogram = histograms[plane % layout.channels];
      for (std::size_t i = 0; i < layout.plane_size; ++i)
        ++histogram[codes[plane * layout.plane_size + i]];
    }
  }
  return histograms;
}

double total_of(const Histogram& histogram) {
  return std::accumulate(histogram.begin(), histogram.end(), 0.0);
}

// At least 1 each, the rest in proportion, what rounding leaves to the most frequent.
Frequencies frequencies_of(const Histogram& histogram) {
  const double total = total_of(histogram);
  Frequencies result;
  if (total == 0) {
    result.fill(kRansTotal / 256);
    return result;
  }
  std::uint32_t sum = 0;
  for (std::size_t code = 0; code < 256; ++code) {
    const double share = histogram[code] / total;
    result[code] = static_cast<std::uint16_t>(1 + share * (kRansTotal - 256));
    sum += result[code];
  }
  const auto top = std::ranges::max_element(histogram) - histogram.begin();
  result[static_cast<std::size_t>(top)] += static_cast<std::uint16_t>(kRansTotal - sum);
  return result;
}

Bits bits_of(const Histogram& histogram) {
  const Frequencies frequencies = frequencies_of(histogram);
  Bits bits;
  for (std::size_t code = 0; code < 256; ++code)
    bits[code] = kRansBits - std::log2(static_cast<double>(frequencies[code]));
  return bits;
}

double coded_bits(const Histogram& histogram, const Bits& bits) {
  double sum = 0;
  for (std::size_t code = 0; code < 256; ++code) sum += histogram[code] * bits[code];
  return sum;
}

void add(Histogram& sum, const Histogram& histogram) {
  for (std::size_t code = 0; code < 256; ++code) sum[code] += histogram[code];
}

// Bits of all codes of a histogram at their own entropy.
double entropy_bits(const Histogram& histogram) {
  const double total = total_of(histogram);
  double bits = 0;
  for (const double count : histogram)
    if (count > 0) bits += count * std::log2(total / count);
  return bits;
}

Histogram sum_of(const Histogram& a, const Histogram& b) {
  Histogram sum = a;
  add(sum, b);
  return sum;
}

// Unites the two groups whose union costs least, again and again, until `wanted` are left (Ward's
// method with coded bits for squares).
class Merging {
 public:
  explicit Merging(std::vector<Histogram> groups) : groups_(std::move(groups)) {
    for (const Histogram& group : groups_) own_.push_back(entropy_bits(group));
    loss_.resize(groups_.size());
    for (std::size_t a = 0; a < groups_.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) loss_[a].push_back(loss(a, b));
  }

  std::vector<Histogram> down_to(std::size_t wanted) {
    while (groups_.size() > wanted) merge_best();
    return std::move(groups_);
  }

 private:
  double loss(std::size_t a, std::size_t b) const {
    return entropy_bits(sum_of(groups_[a], groups_[b])) - own_[a] - own_[b];
  }

  void merge_best() {
    std::size_t a = 1;
    std::size_t b = 0;
    for (std::size_t i = 1; i < groups_.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (loss_[i][j] < loss_[a][b]) a = i, b = j;
    add(groups_[b], groups_[a]);
    own_[b] = entropy_bits(groups_[b]);
    // The last group moves to the free place.
    const std::size_t last = groups_.size() - 1;
    groups_[a] = groups_[last];
    own_[a] = own_[last];
    for (std::size_t i = 0; i < last; ++i)
      if (i != a) loss_[std::max(a, i)][std::min(a, i)] = loss_[last][i];
    groups_.pop_back();
    own_.pop_back();
    loss_.pop_back();
    for (std::size_t i = 0; i < last; ++i)
      if (i != b) loss_[std::max(b, i)][std::min(b, i)] = loss(b, i);
  }

  std::vector<Histogram> groups_;
  std::vector<double> own_;
  // What a union of groups a > b adds to the bits of both: loss_[a][b].
  std::vector<std::vector<double>> loss_;
};

// At most kMaxSeeds groups of channels of similar entropy, to begin merging with.
std::vector<Histogram> seeds(std::span<const Histogram> channels) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t c = 0; c < channels.size(); ++c)
    order.emplace_back(entropy_bits(channels[c]) / std::max(total_of(channels[c]), 1.0), c);
  std::ranges::sort(order);
  std::vector<Histogram> result(std::min(channels.size(), kMaxSeeds));
  for (std::size_t rank = 0; rank < order.size(); ++rank)
    add(result[rank * result.size() / order.size()], channels[order[rank].second]);
  return result;
}

// Merging, then k-means in which the distance of a channel to a group is the size of its coded
// codes.
class Grouping {
 public:
  Grouping(std::span<const Histogram> channels, std::size_t max_groups)
      : channels_(channels),
        groups_(Merging(seeds(channels)).down_to(max_groups)),
        group_(channels.size(), 0) {
    assign();
  }

  // Recomputes the groups from their channels, then the channels' groups. False if nothing moved.
  bool refine() {
    std::ranges::fill(groups_, Histogram{});
    for (std::size_t c = 0; c < channels_.size(); ++c) add(groups_[group_[c]], channels_[c]);
    return assign();
  }

  RansTables tables() const {
    std::vector<std::uint8_t> number_of_group(groups_.size(), 255);
    std::vector<Histogram> used;
    std::vector<std::uint8_t> group_of_channel;
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      std::uint8_t& number = number_of_group[group_[c]];
      if (number == 255) {
        number = static_cast<std::uint8_t>(used.size());
        used.emplace_back();
      }
      add(used[number], channels_[c]);
      group_of_channel.push_back(number);
    }
    std::vector<Frequencies> frequencies(used.size());
    std::ranges::transform(used, frequencies.begin(), frequencies_of);
    return RansTables(std::move(group_of_channel), frequencies);
  }

 private:
  bool assign() {
    std::vector<Bits> bits;
    for (const Histogram& group : groups_) bits.push_back(bits_of(group));
    bool moved = false;
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      std::size_t best = group_[c];
      double least = coded_bits(channels_[c], bits[best]);
      for (std::size_t g = 0; g < groups_.size(); ++g)
        if (const double cost = coded_bits(channels_[c], bits[g]); cost < least) {
          best = g;
          least = cost;
        }
      moved |= best != group_[c];
      group_[c] = best;
    }
    return moved;
  }

  std::span<const Histogram> channels_;
  std::vector<Histogram> groups_;
  std::vector<std::size_t> group_;
};

}  // namespace

RansTables learn_tables(std::span<const Tensor> samples, const LearnTablesOptions& options) {
  if (samples.empty())
    throw Error(ErrorKind::kInvalid, "frequency tables need at least one sample");
  if (options.max_groups == 0 || options.max_groups > kMaxRansGroups)
    throw Error(ErrorKind::kInvalid, "number of table groups must be 1 to " +
                                         std::to_string(kMaxRansGroups) + ": " +
                                         std::to_string(options.max_groups));
  const std::vector<Histogram> histograms = count_codes(samples, options.range);
  Grouping grouping(histograms, options.max_groups);
  for (int round = 0; round < kMaxRounds; ++round)
    if (!grouping.refine()) break;
  return grouping.tables();
}

}  // namespace isthmus
