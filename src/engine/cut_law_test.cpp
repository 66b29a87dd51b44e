// tail(head(x)) = whole(x), for cuts of many networks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "core/file.h"
#include "core/rng.h"
#include "engine/random_network.h"
#include "engine/verify.h"
#include "graph/cuts.h"
#include "split/cut.h"

namespace isthmus {
namespace {

void expect_cut_is_lossless(const Graph& graph, const std::vector<std::string>& tensors) {
  SCOPED_TRACE(graph.name + " at " + testing::PrintToString(tensors));
  const auto result =
      verify_partition(graph, cut_graph(graph, tensors), random_inputs(graph, 1, /*seed=*/7));
  EXPECT_TRUE(result.equal) << result.first_difference << ": " << result.max_relative_difference;
  EXPECT_EQ(result.images, 1);
}

TEST(CutLaw, HoldsAtEveryCutPointOfRandomNetworks) {
  std::size_t cuts = 0;
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    const Graph graph = random_network(seed);
    for (const CutPoint& cut : cut_points(graph)) {
      expect_cut_is_lossless(graph, {cut.tensor});
      ++cuts;
    }
  }
  // The networks are not all one tangle.
  EXPECT_GT(cuts, 200U);
}

TEST(CutLaw, HoldsAtMinimumCutsOfRandomNetworks) {
  std::size_t several = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Graph graph = random_network(seed);
    for (std::uint64_t trial = 0; trial < 3; ++trial) {
      Rng rng(mix_seed(seed, trial));
      // Those are tried above; dear, so that sets of several tensors win.
      std::set<std::string> alone;
      for (const CutPoint& point : cut_points(graph)) alone.insert(point.tensor);
      std::map<std::string, double> weights;
      const auto cut = minimum_cut(graph, [&](const std::string& tensor) {
        // Cutting the input or the answer is no cut.
        if (graph.find_input(tensor) || graph.find_output(tensor))
          return std::numeric_limits<double>::infinity();
        return weights.try_emplace(tensor, 0.1 + rng.uniform() + (alone.contains(tensor) ? 4 : 0))
            .first->second;
      });
      several += cut.size() > 1;
      expect_cut_is_lossless(graph, cut);
    }
  }
  EXPECT_GT(several, 60U);
}

// A handful of cuts spread over each trained network that is there; bench/verify_cuts does them
// all.
TEST(CutLaw, HoldsForTrainedNetworks) {
  const auto folder = data_folder() / "models";
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".onnx") files.push_back(entry.path());
  if (files.empty()) GTEST_SKIP() << "no models in " << folder;
  std::ranges::sort(files);
  for (const auto& file : files) {
    const Graph graph = load_graph(file);
    const auto cuts = cut_points(graph);
    ASSERT_GE(cuts.size(), 3U) << file;
    for (std::size_t i = 0; i < 3; ++i)
      expect_cut_is_lossless(graph, {cuts[(2 * i + 1) * cuts.size() / 6].tensor});
  }
}

}  // namespace
}  // namespace isthmus
