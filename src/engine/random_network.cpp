#include "engine/random_network.h"

#include <string>
#include <vector>

#include "core/rng.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

class RandomNetwork {
 public:
  explicit RandomNetwork(std::uint64_t seed)
      : rng_(seed), net_("random_" + std::to_string(seed), {.seed = seed}) {
    open_.push_back(net_.input("image", {-1, 3, 16, 16}));
  }

  Graph build() {
    const std::uint64_t layers = 4 + rng_.below(16);
    for (std::uint64_t i = 0; i < layers; ++i) add_layer();
    // Everything that leads nowhere yet is joined, so that no layer is dead.
    std::vector<std::string> ends;
    for (const std::string& tensor : open_) ends.push_back(pooled(tensor));
    std::string x = ends.size() == 1 ? ends[0] : net_.concat(ends);
    net_.output(net_.gemm(x, 10, "logits"));
    if (rng_.below(3) == 0) net_.output(net_.softmax("logits", -1, "scores"));
    return net_.build();
  }

 private:
  std::string pooled(const std::string& x) { return net_.flatten(net_.global_average_pool(x)); }

  // Takes a tensor from those that wait; one time in four it stays for others too.
  std::string take() {
    const std::size_t at = rng_.below(open_.size());
    const std::string tensor = open_[at];
    if (rng_.below(4) != 0) open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    return tensor;
  }

  void add_layer() {
    const std::string x = take();
    switch (rng_.below(7)) {
      case 0:
      case 1: open_.push_back(convolution(x)); break;
      case 2: open_.push_back(net_.relu(net_.batch_norm(x))); break;
      case 3: open_.push_back(pool(x)); break;
      case 4: open_.push_back(net_.add(x, convolution_like(x))); break;
      case 5: open_.push_back(net_.concat({x, convolution_like(x)})); break;
      default: split(x); break;
    }
  }

  std::string convolution(const std::string& x) {
    const std::int64_t groups = rng_.below(4) == 0 ? net_.channels_of(x) : 1;
    const auto channels = groups * static_cast<std::int64_t>(1 + rng_.below(4));
    const bool dilated = rng_.below(4) == 0;
    return net_.relu(net_.conv(x, channels,
                               {.kernel = {3},
                                .stride = {static_cast<std::int64_t>(1 + rng_.below(2))},
                                .pad = {dilated ? 2 : 1},
                                .dilation = {dilated ? 2 : 1},
                                .groups = groups,
                                .bias = rng_.below(2) == 0}));
  }

  // Of the same extents as x.
  std::string convolution_like(const std::string& x) {
    return net_.conv(x, net_.channels_of(x), {.kernel = {3}, .pad = {1}});
  }

  std::string pool(const std::string& x) {
    const WindowOptions window{.kernel = {3}, .stride = {2}, .pad = {1}};
    return rng_.below(2) == 0 ? net_.max_pool(x, window) : net_.average_pool(x, window);
  }

  // One node with two outputs.
  void split(const std::string& x) {
    const std::int64_t channels = net_.channels_of(x);
    if (channels < 2) return open_.push_back(net_.relu(x));
    const std::string name = "sizes_" + std::to_string(splits_++);
    const auto sizes = net_.weight(name, Tensor::of<std::int64_t>({2}, {1, channels - 1}));
    for (const std::string& piece :
         net_.op_with_outputs("Split", {x, sizes}, 2, {{"axis", std::int64_t{1}}}))
      open_.push_back(piece);
  }

  Rng rng_;
  GraphBuilder net_;
  // Tensors that a layer may take.
  std::vector<std::string> open_;
  int splits_ = 0;
};

}  // namespace

Graph random_network(std::uint64_t seed) { return RandomNetwork(seed).build(); }

}  // namespace isthmus
