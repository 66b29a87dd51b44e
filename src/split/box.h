#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace isthmus {

// Indices [begin, end) of one axis.
struct IndexRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t extent() const { return end - begin; }
  bool contains(const IndexRange& other) const { return begin <= other.begin && other.end <= end; }
  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

// Empty (begin = end) where they do not meet.
IndexRange intersection(const IndexRange& a, const IndexRange& b);

// A rectangular piece of an activation: an interval for each axis behind the batch, which every
// piece has whole. box[0] are the channels of N x C x H x W, box[1] and box[2] rows and columns.
using Box = std::vector<IndexRange>;

// All of a tensor. Throws Error{kUnsupported} naming the tensor if an extent behind the batch is
// unknown.
Box whole_box(const Graph& graph, const std::string& tensor);
// The smallest box around both, which have equally many axes.
Box hull(const Box& a, const Box& b);
// Elements of one frame.
std::int64_t element_count(const Box& box);
// "0:64, 0:14, 0:28"
std::string to_string(const Box& box);

// [0, extent) in pieces in proportion to `shares`, in order, none of them empty; boundaries fall on
// multiples of `step` where that leaves no piece empty. Throws Error{kInvalid} if a share is not
// positive or the extent is too small for so many pieces.
std::vector<IndexRange> divide(std::int64_t extent, const std::vector<double>& shares,
                               std::int64_t step = 1);
// The same where [0, extent) is `blocks` equal ones: each piece is some whole blocks or, where
// there are more pieces than blocks, lies within one. Throws as `divide` does.
std::vector<IndexRange> divide_blocks(std::int64_t extent, std::int64_t blocks,
                                      const std::vector<double>& shares);

}  // namespace isthmus
