#include "split/box.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace isthmus {

IndexRange intersection(const IndexRange& a, const IndexRange& b) {
  const std::int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

Box whole_box(const Graph& graph, const std::string& tensor) {
  const Value value = graph.value_of(tensor);
  if (!value.has_shape)
    throw Error(ErrorKind::kUnsupported, "the shape of " + tensor + " is not known");
  Box box;
  for (std::size_t axis = 1; axis < value.shape.size(); ++axis) {
    if (value.shape[axis] < 0)
      throw Error(ErrorKind::kUnsupported,
                  fmt::format("{} is open in extent {}: {}", tensor, axis, to_string(value.shape)));
    box.push_back({0, value.shape[axis]});
  }
  return box;
}

Box hull(const Box& a, const Box& b) {
  Box box = a;
  for (std::size_t axis = 0; axis < box.size(); ++axis)
    box[axis] = {std::min(a[axis].begin, b[axis].begin), std::max(a[axis].end, b[axis].end)};
  return box;
}

std::int64_t element_count(const Box& box) {
  return std::accumulate(
      box.begin(), box.end(), std::int64_t{1},
      [](std::int64_t product, const IndexRange& axis) { return product * axis.extent(); });
}

std::string to_string(const Box& box) {
  std::string text;
  for (const IndexRange& axis : box)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ", ", axis.begin, axis.end);
  return text;
}

std::vector<IndexRange> divide(std::int64_t extent, const std::vector<double>& shares,
                               std::int64_t step) {
  const auto count = static_cast<std::int64_t>(shares.size());
  if (count == 0 || count > extent)
    throw Error(ErrorKind::kInvalid, fmt::format("an extent of {} cannot be divided in {} pieces",
                                                 extent, shares.size()));
  for (const double share : shares)
    if (!(share > 0) || !std::isfinite(share))
      throw Error(ErrorKind::kInvalid, fmt::format("a share must be positive: {}", share));
  if (step < 1 || extent / step < count) step = 1;
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  // In steps; the last piece has what is left over.
  const std::int64_t steps = extent / step;
  std::vector<IndexRange> pieces;
  double sum = 0;
  std::int64_t begin = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += shares[static_cast<std::size_t>(i)];
    const auto wanted = std::llround(sum / total * static_cast<double>(steps));
    // One step at least for this piece and for each that follows.
    const std::int64_t end = std::clamp<std::int64_t>(wanted, begin + 1, steps - (count - 1 - i));
    pieces.push_back({begin * step, i + 1 == count ? extent : end * step});
    begin = end;
  }
  return pieces;
}

namespace {

// How many pieces lie in each block of `block`: the boundary between two blocks goes where the
// shares before it are nearest to what the blocks before it are worth, and all find room.
std::vector<std::size_t> pieces_by_block(std::size_t blocks, std::size_t block,
                                         const std::vector<double>& shares) {
  std::vector<double> before(shares.size() + 1, 0);
  std::partial_sum(shares.begin(), shares.end(), before.begin() + 1);
  std::vector<std::size_t> counts;
  std::size_t first = 0;
  for (std::size_t left = blocks; left-- > 0;) {
    const double wanted =
        before.back() * static_cast<double>(blocks - left) / static_cast<double>(blocks);
    // The others have room for so many.
    const std::size_t others = std::min(shares.size(), left * block);
    std::size_t end = std::max(first + 1, shares.size() - others);
    while (end < shares.size() - left && end - first < block &&
           std::abs(before[end + 1] - wanted) < std::abs(before[end] - wanted))
      ++end;
    counts.push_back(end - first);
    first = end;
  }
  return counts;
}

}  // namespace

std::vector<IndexRange> divide_blocks(std::int64_t extent, std::int64_t blocks,
                                      const std::vector<double>& shares) {
  const std::int64_t block = extent / blocks;
  std::vector<IndexRange> pieces;
  if (static_cast<std::int64_t>(shares.size()) <= blocks) {
    pieces = divide(blocks, shares);
    for (IndexRange& piece : pieces) piece = {piece.begin * block, piece.end * block};
    return pieces;
  }
  std::int64_t begin = 0;
  auto share = shares.begin();
  for (const std::size_t count :
       pieces_by_block(static_cast<std::size_t>(blocks), static_cast<std::size_t>(block), shares)) {
    const auto end = share + static_cast<std::ptrdiff_t>(count);
    for (const IndexRange& piece : divide(block, std::vector<double>(share, end)))
      pieces.push_back({begin + piece.begin, begin + piece.end});
    begin += block;
    share = end;
  }
  return pieces;
}

}  // namespace isthmus
