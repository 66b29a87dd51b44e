#include "codec/codec_kinds.h"
#include "codec/image.h"
#include "core/error.h"

namespace isthmus {
namespace {

// What libwebp's container and partitions may take beside coefficients; far above what was ever
// seen.
constexpr std::size_t kImageSlack = 64 * 1024;

class ImageCodec final : public Codec {
 public:
  explicit ImageCodec(const CodecSpec& spec) : Codec(spec) {}

  Payload encode(const Tensor& tensor) const override {
    check_codec_type(spec(), DType::kU8, tensor.dtype());
    Payload payload(jpeg() ? encode_jpeg(tensor, spec().quality)
                           : encode_webp(tensor, spec().quality));
    if (payload.size() > max_payload_bytes(tensor.dtype(), tensor.shape()))
      throw Error(ErrorKind::kInvalid,
                  to_string(spec()) + " made an image of " + to_string(tensor.shape()) +
                      " larger than raw: " + std::to_string(payload.size()) + " bytes; use raw");
    return payload;
  }

  Tensor decode(std::span<const std::byte> payload, DType type, const Shape& shape) const override {
    const ImageSize expected = expected_size(type, shape);
    const ImageSize size = jpeg() ? jpeg_size(payload) : webp_size(payload);
    if ((expected.height != -1 && expected.height != size.height) ||
        (expected.width != -1 && expected.width != size.width))
      throw Error(ErrorKind::kInvalid, "image has the wrong shape: " + std::to_string(size.height) +
                                           'x' + std::to_string(size.width) + "x3 instead of " +
                                           to_string(shape));
    Tensor image = jpeg() ? decode_jpeg(payload) : decode_webp(payload);
    return shape.size() == 4 ? image.reshaped({1, size.height, size.width, 3}) : image;
  }

  std::size_t max_payload_bytes(DType type, const Shape& shape) const override {
    expected_size(type, shape);
    return tensor_bytes(DType::kU8, shape) + kImageSlack;
  }

 private:
  bool jpeg() const { return spec().kind == CodecKind::kJpeg; }

  ImageSize expected_size(DType type, const Shape& shape) const {
    check_codec_type(spec(), DType::kU8, type);
    const bool batch = shape.size() == 4 && shape[0] == 1;
    if ((shape.size() != 3 && !batch) || shape.back() != 3)
      throw Error(ErrorKind::kInvalid,
                  "codec " + to_string(spec()) + " codes images of HxWx3, not " + to_string(shape));
    return {shape[shape.size() - 3], shape[shape.size() - 2]};
  }
};

}  // namespace

std::unique_ptr<const Codec> make_image_codec(const CodecSpec& spec) {
  return std::make_unique<ImageCodec>(spec);
}

}  // namespace isthmus
