#include "codec/normalise.h"

#include <cmath>
#include <string>

#include "core/error.h"

namespace isthmus {
namespace {

using ChannelTable = std::array<float, 256>;

ChannelTable make_table(double scale, double mean, double std) {
  if (!(std::abs(std) > 0))
    throw Error(ErrorKind::kInvalid,
                "standard deviation of a normalisation must not be 0: " + std::to_string(std));
  ChannelTable table;
  for (std::size_t x = 0; x < table.size(); ++x)
    table[x] = static_cast<float>((static_cast<double>(x) * scale - mean) / std);
  return table;
}

}  // namespace

Tensor normalise(const Tensor& image, const Normalization& normalization) {
  Shape shape = image.shape();
  if (shape.size() == 4 && shape[0] == 1) shape.erase(shape.begin());
  if (image.dtype() != DType::kU8 || shape.size() != 3 || shape[2] != 3)
    throw Error(ErrorKind::kInvalid,
                "an image must be uint8 HxWx3: " + std::string(to_string(image.dtype())) + ' ' +
                    to_string(image.shape()));
  std::array<ChannelTable, 3> tables;
  for (std::size_t c = 0; c < 3; ++c)
    tables[c] = make_table(normalization.scale, normalization.mean[c], normalization.std[c]);

  Tensor result(DType::kF32, {1, 3, shape[0], shape[1]});
  const auto pixels = static_cast<std::size_t>(shape[0] * shape[1]);
  const std::uint8_t* const in = image.values<std::uint8_t>().data();
  float* const red = result.mutable_values<float>().data();
  float* const green = red + pixels;
  float* const blue = green + pixels;
  for (std::size_t i = 0; i < pixels; ++i) {
    red[i] = tables[0][in[3 * i]];
    green[i] = tables[1][in[3 * i + 1]];
    blue[i] = tables[2][in[3 * i + 2]];
  }
  return result;
}

}  // namespace isthmus
