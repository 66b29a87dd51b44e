#pragma once

// Only for the tests of this folder: what holds for every student, whatever the design.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "graph/cuts.h"
#include "graph/shapes.h"
#include "split/student.h"

namespace isthmus {

inline std::vector<std::string> names_of(const std::vector<NamedValue>& values) {
  std::vector<std::string> names;
  for (const NamedValue& value : values) names.push_back(value.name);
  return names;
}

// Every initializer is in exactly one region.
inline void expect_regions_partition_the_initializers(const Student& student) {
  std::multiset<std::string> regions;
  for (const auto* names : {&student.encoder, &student.decoder, &student.tail})
    regions.insert(names->begin(), names->end());
  std::multiset<std::string> all;
  for (const auto& [name, initializer] : student.graph.initializers) all.insert(name);
  EXPECT_EQ(regions, all);
}

inline bool equal_bytes(const Initializer& a, const Initializer& b) {
  return a.tensor.shape() == b.tensor.shape() &&
         (a.tensor.bytes().data() == b.tensor.bytes().data() ||
          std::ranges::equal(a.tensor.bytes(), b.tensor.bytes()));
}

// The tail's initializers are the teacher's, by name and byte.
inline void expect_tail_weights_are_the_teachers(const Student& student, const Graph& teacher) {
  for (const std::string& name : student.tail) {
    ASSERT_TRUE(teacher.is_initializer(name)) << name;
    EXPECT_TRUE(equal_bytes(student.graph.initializers.at(name), teacher.initializers.at(name)))
        << name;
  }
}

// Nodes of the teacher that `tensor` does not need: kept with name, operator, tensors.
inline void expect_nodes_behind_are_kept(const Student& student, const Graph& teacher,
                                         const std::string& tensor) {
  const auto before = ancestors(teacher, {&tensor, 1});
  const std::set<std::size_t> head(before.begin(), before.end());
  for (std::size_t i = 0; i < teacher.nodes.size(); ++i) {
    if (head.contains(i)) continue;
    const Node& node = teacher.nodes[i];
    const auto kept = std::ranges::find(student.graph.nodes, node.name, &Node::name);
    ASSERT_NE(kept, student.graph.nodes.end()) << node.name;
    EXPECT_EQ(kept->op, node.op);
    EXPECT_EQ(kept->inputs, node.inputs);
    EXPECT_EQ(kept->outputs, node.outputs);
  }
}

// What stands for the target has its shape; inputs and outputs are the teacher's; all shapes are
// known and right.
inline void expect_student_stands_for(const Student& student, const Graph& teacher) {
  EXPECT_EQ(names_of(student.graph.inputs), names_of(teacher.inputs));
  EXPECT_EQ(names_of(student.graph.outputs), names_of(teacher.outputs));
  expect_regions_partition_the_initializers(student);
  // From the layers alone, not what the maker of the student says of them.
  Graph inferred = student.graph;
  inferred.values.clear();
  infer_shapes(inferred);
  for (const std::string& tensor : student.graph.tensors())
    EXPECT_EQ(inferred.value_of(tensor).shape, student.graph.value_of(tensor).shape) << tensor;
  if (student.target.empty()) return;
  EXPECT_EQ(inferred.value_of(student.target).shape, teacher.value_of(student.target).shape);
  EXPECT_NO_THROW(check_separates(student.graph, {&student.bottleneck, 1}));
}

}  // namespace isthmus
