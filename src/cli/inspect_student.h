#pragma once

#include <filesystem>
#include <string>

#include "core/json_fwd.h"
#include "graph/graph.h"
#include "split/student.h"

namespace isthmus {

// What `isthmus inspect` says of a student: MACs of head, decoder and tail, the reduction against
// the teacher's layers up to the same tensor, and what the bottleneck takes on the wire.

// A student that is only designed. `word` is a kind of student, or a design of the kind
// "bottleneck"; it decides `spec.kind` and `spec.preset`.
Json inspect_design(const Graph& teacher, const std::string& model, const std::string& word,
                    StudentSpec spec);

// Whether a folder holds a trained student: head.onnx, tail.onnx and metrics.json.
bool is_trained_student(const std::filesystem::path& folder);
// The student of such a folder: costs from its networks, the teacher's from metrics.json.
Json inspect_trained(const std::filesystem::path& folder);

void print_student(const Json& result);

}  // namespace isthmus
