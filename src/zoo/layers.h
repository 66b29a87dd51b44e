#pragma once

#include <cstdint>
#include <string>

#include "graph/builder.h"

namespace isthmus {

// What several networks are made of. `x` names a tensor of `net`, and so does the result.

struct BatchNormOptions {
  // Of the node, its output and its weights.
  std::string name;
  // Scale of the output. Below 1 at the end of a residual branch: with statistics that are fixed
  // rather than measured, a sum of equals would double its variance in every block.
  double gain = 1;
  float epsilon = 1e-5F;
};

inline constexpr double kResidualGain = 0.3;

// Batch normalization with statistics that vary from channel to channel as those of a trained
// network do.
std::string batch_norm(GraphBuilder& net, const std::string& x, const BatchNormOptions& options);

// Convolution, named NAME.conv, and batch normalization, NAME.bn.
std::string conv_bn(GraphBuilder& net, const std::string& x, std::int64_t channels,
                    WindowOptions window, const BatchNormOptions& norm);
// The same and a ReLU, NAME.relu.
std::string conv_bn_relu(GraphBuilder& net, const std::string& x, std::int64_t channels,
                         WindowOptions window, const BatchNormOptions& norm);

// Global average pooling and a dense layer that makes the scores.
std::string pooled_classifier(GraphBuilder& net, const std::string& x, std::int64_t classes);

}  // namespace isthmus
