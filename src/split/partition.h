#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// One piece of a network.
struct Part {
  std::string name;
  Graph graph;
};

// A tensor goes from `from_part`'s output `from_tensor` to `to_part`'s input `to_tensor`. An empty
// `from_part` is the input of the whole, an empty `to_part` an output of the whole.
struct Edge {
  std::string from_part;
  std::string from_tensor;
  std::string to_part;
  std::string to_tensor;

  friend bool operator==(const Edge&, const Edge&) = default;
};

// Parts and edges that make, or stand in for, the whole. A plain value.
struct Partition {
  std::string name;
  std::vector<Part> parts;
  std::vector<Edge> edges;
  // True if it must compute the same function as the whole (a cut, a shard); false for one that was
  // trained to stand in for it.
  bool lossless = true;

  const Part* find(std::string_view part) const;
};

// Throws Error{kInvalid} unless: part names are unique and not empty; every edge names existing
// parts and tensors with fitting types and shapes; every part input has exactly one edge into it;
// there is no cycle; there is an edge from the input and one to an output.
void check_partition(const Partition& partition);

// Part indices so that every part comes after those that feed it.
std::vector<std::size_t> execution_order(const Partition& partition);

// The whole network as a partition of one part ("local", "offload").
Partition whole_partition(Graph graph, std::string part_name = "whole");

// A folder: PART.onnx for each part and partition.yaml (schema isthmus.partition/1,
// docs/formats/partition.md, with the SHA-256 of each file and, if given, where the whole lies, for
// `verify`). Written to a temporary folder beside and renamed.
void save_partition(const Partition& partition, const std::filesystem::path& folder,
                    const std::filesystem::path& whole = {});
struct StoredPartition {
  Partition partition;
  // Empty if not recorded.
  std::filesystem::path whole;
};
// Throws Error{kInvalid} for a part whose hash differs from the recorded one.
StoredPartition load_partition(const std::filesystem::path& folder);

}  // namespace isthmus
