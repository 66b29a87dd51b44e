#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// A network in which an encoder and a decoder stand for the first layers of a teacher (paper 0,
// section 3; paper 1, III-B): head = encoder, which ends in the bottleneck; tail = decoder and the
// teacher's layers behind `target`. A plain value; split/bottleneck.h and its neighbours make it.
struct Student {
  // Whole: from the teacher's input to the teacher's outputs, same names.
  Graph graph;
  // The tensor that crosses between the machines: the encoder's output.
  std::string bottleneck;
  // The tensor that the decoder makes. It has the name of the teacher's tensor that it stands for;
  // empty if it stands for none. Names of kept tensors do not change, so a tensor of the teacher
  // behind the target can be compared with the student's by name (paper 1, eq. 4).
  std::string target;
  // Initializers of each region, each initializer in one of them. The tail is what is kept of the
  // teacher: same names, and the teacher's weights to begin with.
  std::vector<std::string> encoder;
  std::vector<std::string> decoder;
  std::vector<std::string> tail;
};

}  // namespace isthmus
