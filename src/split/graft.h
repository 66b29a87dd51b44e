#pragma once

// Private to split/: new layers in place of a teacher's first ones.

#include <string>
#include <vector>

#include "graph/graph.h"
#include "split/layer_design.h"
#include "split/student.h"

namespace isthmus {

// Throws unless `tensor` is a single tensor at which `teacher` can be cut: Error{kNotFound} with
// the nearest name, Error{kInvalid} that names the node which goes around it and the nearest cut
// points before and behind it.
void check_cut_point(const Graph& teacher, const std::string& tensor);

// Channels, height and width of the teacher's image, or of one of its tensors. Throws
// Error{kUnsupported} for anything but one f32 image, Error{kInvalid} for a tensor that is no
// batch x channels x height x width of known extents.
FeatureShape image_shape(const Graph& teacher);
FeatureShape feature_shape(const Graph& teacher, const std::string& tensor);

// MACs of all nodes that `tensor` needs.
std::int64_t macs_up_to(const Graph& graph, const std::string& tensor);

// Whether no value of the tensor is negative, as far as the operators behind it tell: the last that
// is no pooling or view is a ReLU or a Clip from 0.
bool is_rectified(const Graph& graph, const std::string& tensor);

// `wanted`, with a number behind it if a name of the graph begins with it already.
std::string free_prefix(const Graph& graph, const std::string& wanted);

// A builder that begins with the teacher's input, for layers that go in front of its own.
GraphBuilder builder_for(const Graph& teacher, std::uint64_t seed);

// `layers` has one input and one output; its new names must be free in the teacher.
//
// The teacher's layers behind `until`, and before them `layers`, which begin with the teacher's
// input and whose output becomes `until`.
Graph graft(const Graph& teacher, const std::string& until, const Graph& layers);
// The whole teacher with `layers` between the node that makes `until` and those that use it: that
// node's output takes the name of the layers' input, and their output the name `until`.
Graph insert_layers(const Graph& teacher, const std::string& until, const Graph& layers);

// Puts every initializer of the student's graph into its region: the encoder's and the decoder's
// names begin with these prefixes and a dot, the rest is the tail.
void assign_regions(Student& student, const std::string& encoder, const std::string& decoder);

}  // namespace isthmus
