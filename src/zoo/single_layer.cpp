// Networks of one layer, as paper 4 measures them (Figs. 11 and 14).
#include <cstdint>
#include <regex>
#include <string>

#include "core/error.h"
#include "zoo/networks.h"

namespace isthmus {
namespace {

constexpr std::int64_t kLargestExtent = 1 << 16;

std::int64_t extent(const std::string& name, const std::string& text) {
  const std::int64_t value = std::stoll(text);
  if (value < 1 || value > kLargestExtent)
    throw Error(ErrorKind::kInvalid, name + ": extents must be in 1..65536");
  return value;
}

}  // namespace

std::optional<Graph> single_layer(const std::string& name, std::uint64_t seed) {
  static const std::regex dense("dense-([0-9]{1,6})-([0-9]{1,6})");
  static const std::regex conv("conv([0-9]{1,2})-([0-9]{1,6})-([0-9]{1,6})-([0-9]{1,6})");
  static const std::regex conv3d(
      "conv3d([0-9]{1,2})-([0-9]{1,6})-([0-9]{1,6})-([0-9]{1,6})-([0-9]{1,6})");
  std::smatch match;
  GraphBuilder net(name, {.seed = seed, .centered_filters = true});
  if (std::regex_match(name, match, dense)) {
    const std::string x = net.input("input", {-1, extent(name, match[1])});
    net.output(net.relu(net.gemm(x, extent(name, match[2]), "dense"), "output"));
    return net.build();
  }
  const bool has_time = std::regex_match(name, match, conv3d);
  if (!has_time && !std::regex_match(name, match, conv)) return std::nullopt;
  const std::int64_t kernel = extent(name, match[1]);
  const std::int64_t side = extent(name, match[has_time ? 5 : 4]);
  Shape shape = {-1, extent(name, match[3]), side, side};
  if (has_time) shape.insert(shape.begin() + 2, extent(name, match[4]));
  const std::string x = net.input("input", shape);
  net.output(
      net.relu(net.conv(x, extent(name, match[2]),
                        {.kernel = {kernel}, .pad = {kernel / 2}, .bias = true, .name = "conv"}),
               "output"));
  return net.build();
}

}  // namespace isthmus
