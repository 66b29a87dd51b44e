#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// A network that is trained to stand for a teacher and is cut at its bottleneck (paper 0, section
// 3; paper 1, III-B): head = encoder; tail = decoder and the teacher's layers behind `target`. A
// plain value.
struct Student {
  // Whole: from the teacher's input to the teacher's outputs, same names.
  Graph graph;
  // The tensor that crosses between the machines: the encoder's output. Empty for kClassifier.
  std::string bottleneck;
  // The tensor that the decoder makes. It has the name of the teacher's tensor that it stands for;
  // empty if it stands for none. Names of kept tensors do not change, so a tensor of the teacher
  // behind the target can be compared with the student's by name (paper 1, eq. 4).
  std::string target;
  // kAutoencoder: what goes into it, the teacher's values of `target`. Empty for the other kinds.
  std::string source;
  // Initializers of each region: every initializer of the graph, constants and running statistics
  // too, is in exactly one. The tail is what is kept of the teacher (kClassifier: see there): same
  // names, and the teacher's weights to begin with.
  std::vector<std::string> encoder;
  std::vector<std::string> decoder;
  std::vector<std::string> tail;
};

enum class StudentKind : std::uint8_t {
  kBottleneck,   // "bottleneck": new first layers with a bottleneck (split/bottleneck.h).
  kMimic,        // "mimic": lighter first layers without one; bottleneck = target.
  kAutoencoder,  // "autoencoder": the teacher as it is, and an autoencoder at one tensor.
  kNarrow,       // "narrow": the teacher with fewer channels at one tensor (split/narrow.h).
  kClassifier,   // "classifier": the teacher with another last layer (split/classifier.h).
};

std::string_view to_string(StudentKind kind);
// The inverse. Throws Error{kInvalid} that lists the names and the nearest.
StudentKind student_kind_from_string(std::string_view name);

// What a student shall be. A 0 or an empty name is the default of its kind.
struct StudentSpec {
  StudentKind kind = StudentKind::kBottleneck;
  // kBottleneck: "auto", "hnd", "bottlefit-sp1" or "bottlefit-sp2" (split/bottleneck.h).
  std::string preset = "auto";
  // The tensor of the teacher that is reproduced (kBottleneck, kMimic), at which the autoencoder
  // stands, or that is made narrow: a cut point. Unused by kClassifier.
  std::string until;
  // Of the bottleneck.
  std::int64_t channels = 0;
  // Height of the bottleneck; its width follows the image's proportions.
  std::int64_t patch = 0;
  // Most MACs of the encoder, as a fraction of the teacher's up to `until`. 0 stands for 0.2.
  double budget = 0;
  // No ReLU behind the convolution that makes the bottleneck, so that values of both signs cross.
  bool linear = false;
  // kClassifier: scores of the new last layer.
  std::int64_t classes = 0;
  // Of the new weights (He's normal initialisation).
  std::uint64_t seed = 1;
};

// Throws Error{kInvalid} or Error{kNotFound}, each with the way out, for a tensor that is not a cut
// point (with the nearest that are), and for numbers that no design can reach; Error{kUnsupported}
// for a teacher that does not take one image.
Student make_student(const Graph& teacher, const StudentSpec& spec);

}  // namespace isthmus
