#pragma once

#include <cstdint>
#include <string>

#include "core/json_fwd.h"
#include "graph/graph.h"
#include "split/student.h"

namespace isthmus {

// The teacher's MACs at batch 1 (facts.md, "Units"): up to the student's target, or, without one,
// up to the tensor of the bottleneck's name (kNarrow) or of the whole (kClassifier); and of the
// whole.
struct TeacherMacs {
  std::int64_t head = 0;
  std::int64_t whole = 0;
};
TeacherMacs teacher_macs(const Student& student, const Graph& teacher);

// What a student costs and saves.
struct StudentCost {
  // Up to the bottleneck: what the device computes.
  std::int64_t head_macs = 0;
  // From there to the target; 0 without one.
  std::int64_t decoder_macs = 0;
  // The rest; head + decoder + tail = whole.
  std::int64_t tail_macs = 0;
  TeacherMacs teacher;
  // Weights of the head, as a device stores them.
  std::int64_t head_weight_bytes = 0;
  Shape bottleneck;
  // Elements of the bottleneck over elements of the image ("data size", paper 0).
  double relative = 0;
  std::int64_t f32_bytes = 0;
  std::int64_t u8_bytes = 0;

  // 1 - head / teacher's head; negative where the head is dearer.
  double reduction() const;
};

// Of the student only graph, bottleneck and target count. Throws Error{kNotFound} if a tensor is
// not in the graph, Error{kInvalid} if it has no bottleneck, or one of unknown shape.
StudentCost cost_of_student(const Student& student, const TeacherMacs& teacher);

// What `metrics.json` of a trained result has as "student", and `isthmus inspect` as JSON:
//   bottleneck {tensor, shape, relative, f32_bytes, u8_bytes}, target ("" for none),
//   head {macs, weight_bytes, reduction}, decoder {macs}, tail {macs}, teacher {head_macs, macs}.
Json describe_student(const Student& student, const StudentCost& cost);

// A student's graph with what describe_student recorded of it, to look at its cost again: the
// initializers of encoder and decoder are told by the names that designs give them. `where` names
// the document in messages. Throws Error{kInvalid}.
struct RecordedStudent {
  Student student;
  TeacherMacs teacher;
};
RecordedStudent recorded_student(Graph graph, const Json& description, const std::string& where);

}  // namespace isthmus
