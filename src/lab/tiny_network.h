#pragma once

#include "core/rng.h"
#include "graph/builder.h"
#include "lab/study.h"

namespace isthmus {

// For tests: a network of a few layers for 16x16 images and 4 classes, with seeded weights.
inline NetworkUnderStudy tiny_network() {
  GraphBuilder net("tiny", {.seed = 5});
  std::string x = net.input("input", {-1, 3, 16, 16});
  x = net.relu(net.conv(x, 8, {.kernel = {3}, .stride = {2}, .pad = {1}}), "first");
  x = net.relu(net.conv(x, 4, {.kernel = {3}, .stride = {2}, .pad = {1}}), "second");
  net.output(net.gemm(net.flatten(x), 4, "logits"));
  return study_network(net.build(), "zoo:tiny", "tiny");
}

// Noisy images of its size, labels in turn; seeded.
inline ImageSet tiny_images(std::int64_t count) {
  return {.count = count, .class_names = {}, .get = [](std::int64_t index) {
            Rng rng(static_cast<std::uint64_t>(index) + 1);
            Tensor image(DType::kU8, {16, 16, 3});
            for (std::uint8_t& pixel : image.mutable_values<std::uint8_t>())
              pixel = static_cast<std::uint8_t>(rng.below(256));
            return LabelledImage{.image = image, .label = index % 4, .prepare = Seconds{0}};
          }};
}

inline StrategyOptions tiny_options(const NetworkUnderStudy& network) {
  return {.device = "device",
          .server = "server",
          .input = network.input,
          .labels = {},
          .answer_codec = "f32"};
}

}  // namespace isthmus
