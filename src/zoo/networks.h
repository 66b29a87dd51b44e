#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "zoo/zoo.h"

namespace isthmus {

// One function per network, each a WriteNetwork (zoo.h) once its own arguments are bound. What they
// are called by is in registry.cpp.

// Krizhevsky, one stream, as in torchvision. `dense` is the width of the two hidden dense layers.
std::string alexnet(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                    std::int64_t dense);

// Simonyan and Zisserman, configuration D.
std::string vgg16(GraphBuilder& net, const std::string& image, const ZooOptions& options);

enum class ResidualBlock : std::uint8_t { kBasic, kBottleneck };

struct ResNetShape {
  ResidualBlock block = ResidualBlock::kBasic;
  // Blocks in each of the four stages.
  std::array<int, 4> blocks = {2, 2, 2, 2};
};

// He et al.; the stride of a bottleneck is at its 3x3 convolution, as in torchvision.
std::string resnet(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                   const ResNetShape& shape);

// He et al., section 4.2: three stages of 16, 32, 64 channels, depth 6n + 2, shortcuts without
// parameters (option A: every second pixel, padded with zero channels).
std::string resnet_cifar(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                         int depth);

// Zagoruyko and Komodakis: depth 6n + 4, three stages of 16, 32, 64 times `width` channels.
std::string wide_resnet(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                        int depth, int width);

// Huang et al., growth rate 32, layers in each of the four dense blocks. The tensors after the
// transitions are transition1.pool, transition2.pool, transition3.pool.
std::string densenet(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                     const std::array<int, 4>& layers);

// Szegedy et al., as in torchvision, for inference: without the auxiliary classifier.
std::string inception_v3(GraphBuilder& net, const std::string& image, const ZooOptions& options);

// Sandler et al., width 1.
std::string mobilenet_v2(GraphBuilder& net, const std::string& image, const ZooOptions& options);

// Chollet.
std::string xception(GraphBuilder& net, const std::string& image, const ZooOptions& options);

// Tran et al.: 3D convolutions over clips of 16 frames.
std::string c3d(GraphBuilder& net, const std::string& image, const ZooOptions& options);

// "dense-7680-512" (inputs, outputs) and "conv3-128-64-56" (kernel, filters, input channels, side;
// stride 1, "same" padding), "conv3d3-128-64-16-56" (one extent more, the frames), each with a
// ReLU; nothing for another name. The layers of paper 4's Figs. 11 and 14. Throws Error{kInvalid}
// for extents out of bounds.
std::optional<Graph> single_layer(const std::string& name, std::uint64_t seed);

}  // namespace isthmus
