#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "graph/builder.h"
#include "graph/graph.h"

namespace isthmus {

// How a ResNet begins.
enum class Stem : std::uint8_t {
  kPublished,  // As the network's own publication has it.
  kLarge,      // 7x7 stride 2, then 3x3 max pooling stride 2: a quarter of the side.
  kHalf,       // 3x3 stride 2 without pooling, for images of about 100 pixels.
  kSmall,      // 3x3 stride 1 without pooling, for images of 32 pixels.
};

struct ZooOptions {
  // 0: as published.
  std::int64_t classes = 0;
  // Pixels of the square input's side. 0: as published.
  std::int64_t input_size = 0;
  // Only ResNets have a choice.
  Stem stem = Stem::kPublished;
  // Of the weights. Equal options make equal graphs, on every machine.
  std::uint64_t seed = 1;
  // Batch normalizations that follow a convolution become part of it, as in a deployed model.
  bool fold_batch_norm = false;
};

// Writes a network from its input tensor to its scores and returns their name. No field of
// `options` is 0 there.
using WriteNetwork = std::function<std::string(GraphBuilder& net, const std::string& image,
                                               const ZooOptions& options)>;

struct ZooEntry {
  std::string name;
  // One line: what it is and where it comes from.
  std::string description;
  // Trainable parameters with the published number of classes.
  std::int64_t published_params = 0;
  // Without the batch: {3, 224, 224}, or {3, 16, 112, 112} for video.
  Shape input;
  std::int64_t classes = 0;
  WriteNetwork write;
};

// Every network with a name of its own. Besides, "wrnD-K" makes a wide ResNet of any depth D = 6n +
// 4 and width K.
const std::vector<ZooEntry>& zoo();

// By name; capitals, dashes and underscores do not matter ("ResNet-50" is resnet50). Throws
// Error{kNotFound} with the nearest name.
ZooEntry find_in_zoo(std::string_view name);

// The network with seeded weights: opset 13, input `input` [batch, 3, H, W] f32 with a dynamic
// batch, output `logits` [batch, classes]. Weights are He-normal and the statistics of
// normalization plausible, so that activations stay finite and scores vary from image to image;
// they know nothing. Throws Error{kNotFound} for an unknown name, and Error{kInvalid} for options
// that the network cannot have (an input too small for its poolings, a stem where there is no
// choice).
//
// Single layers have names of their own (zoo/single_layer.cpp): "dense-7680-512",
// "conv3-128-64-56", "conv3d3-128-64-16-56".
Graph build_network(std::string_view name, const ZooOptions& options = {});

// Whatever may stand for MODEL on the command line: "zoo:NAME", with options
// "zoo:resnet50,classes=10,size=32,stem=small,seed=7,fold=1", or the path of an ONNX file. Throws
// what build_network and load_graph throw; a missing file whose name is in the zoo suggests it.
Graph load_model(const std::string& spec);

}  // namespace isthmus
