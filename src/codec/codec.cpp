#include "codec/codec.h"

#include <array>
#include <charconv>
#include <cmath>

#include "codec/codec_kinds.h"
#include "core/error.h"
#include "core/text.h"

namespace isthmus {
namespace {

constexpr int kMaxQuality = 100;
constexpr int kMaxCount = 65535;

// A name, and for those that take one ("jpeg:75"), the bounds of the number behind the colon.
struct KindRow {
  CodecKind kind;
  std::string_view name;
  int CodecSpec::* number = nullptr;
  int largest = 0;
};

constexpr std::array<KindRow, 8> kKinds = {{
    {CodecKind::kF32, "f32"},
    {CodecKind::kF16, "f16"},
    {CodecKind::kU8, "u8"},
    {CodecKind::kU8Rans, "u8+rans"},
    {CodecKind::kTop, "top", &CodecSpec::count, kMaxCount},
    {CodecKind::kRaw, "raw"},
    {CodecKind::kJpeg, "jpeg", &CodecSpec::quality, kMaxQuality},
    {CodecKind::kWebp, "webp", &CodecSpec::quality, kMaxQuality},
}};

const KindRow& row_of(CodecKind kind) {
  for (const KindRow& row : kKinds)
    if (row.kind == kind) return row;
  throw Error(ErrorKind::kInvalid,
              "unknown kind of codec: " + std::to_string(static_cast<int>(kind)));
}

[[noreturn]] void refuse_name(std::string_view name) {
  std::vector<std::string> names;
  for (const KindRow& row : kKinds) names.emplace_back(row.name);
  throw Error(ErrorKind::kInvalid, "unknown codec: " + std::string(name) +
                                       suggestion(name.substr(0, name.find(':')), names) +
                                       "; there are " + std::string(codec_names()));
}

void check_number(const KindRow& row, int number) {
  if (row.number != nullptr && (number < 1 || number > row.largest))
    throw Error(ErrorKind::kInvalid, "codec " + std::string(row.name) + " needs a number of 1 to " +
                                         std::to_string(row.largest) + " as in " +
                                         std::string(row.name) + ":5");
}

void check_parameters(const CodecSpec& spec, const CodecParameters& parameters) {
  const KindRow& row = row_of(spec.kind);
  if (row.number != nullptr) check_number(row, spec.*row.number);
  const bool affine = spec.kind == CodecKind::kU8 || spec.kind == CodecKind::kU8Rans;
  if (parameters.range && !affine)
    throw Error(ErrorKind::kInvalid, "codec " + to_string(spec) + " takes no range");
  if (spec.kind == CodecKind::kU8Rans && !parameters.tables)
    throw Error(ErrorKind::kInvalid,
                "codec u8+rans needs frequency tables; calibrate the edge or use u8");
}

}  // namespace

std::string_view codec_names() { return "f32, f16, u8, u8+rans, top:K, raw, jpeg:Q, webp:Q"; }

std::string to_string(const CodecSpec& spec) {
  const KindRow& row = row_of(spec.kind);
  std::string name(row.name);
  if (row.number != nullptr) name += ':' + std::to_string(spec.*row.number);
  return name;
}

CodecSpec codec_spec_from_string(std::string_view name) {
  const std::size_t colon = name.find(':');
  for (const KindRow& row : kKinds) {
    if (row.name != name.substr(0, colon)) continue;
    CodecSpec spec{.kind = row.kind};
    const std::string_view digits = colon == name.npos ? "" : name.substr(colon + 1);
    if (row.number == nullptr) {
      if (colon != name.npos) refuse_name(name);
      return spec;
    }
    int& number = spec.*row.number;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) number = 0;
    check_number(row, number);
    return spec;
  }
  refuse_name(name);
}

Payload::Payload(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  bytes_ = *owner;
  owner_ = std::move(owner);
}

Payload::Payload(const Tensor& tensor)
    : bytes_(tensor.bytes()), owner_(std::make_shared<const Tensor>(tensor)) {}

// NOLINTBEGIN(performance-unnecessary-value-param): others keep the owner.
Tensor Codec::decode_shared(std::span<const std::byte> payload,
                            std::shared_ptr<const void> /*owner*/, DType type,
                            const Shape& shape) const {
  return decode(payload, type, shape);
}
// NOLINTEND(performance-unnecessary-value-param)

std::optional<std::size_t> Codec::fixed_payload_bytes(DType, const Shape&) const {
  return std::nullopt;
}

void check_codec_type(const CodecSpec& spec, DType wanted, DType given) {
  if (wanted == given) return;
  throw Error(ErrorKind::kInvalid, "codec " + to_string(spec) + " codes " +
                                       std::string(to_string(wanted)) + " tensors, not " +
                                       std::string(to_string(given)) + "; use raw");
}

void check_payload_size(const CodecSpec& spec, const Shape& shape, std::size_t expected,
                        std::size_t given) {
  if (expected == given) return;
  throw Error(ErrorKind::kInvalid, "payload of codec " + to_string(spec) + " for " +
                                       to_string(shape) + " must have " + std::to_string(expected) +
                                       " bytes, not " + std::to_string(given));
}

std::size_t tensor_bytes(DType type, const Shape& shape) {
  std::size_t bytes = 0;
  const auto count = static_cast<std::size_t>(element_count(shape));
  if (byte_size(type) == 0 || __builtin_mul_overflow(count, byte_size(type), &bytes))
    throw Error(ErrorKind::kInvalid,
                "no tensor can be " + std::string(to_string(type)) + ' ' + to_string(shape));
  return bytes;
}

std::unique_ptr<const Codec> make_codec(const CodecSpec& spec, CodecParameters parameters) {
  check_parameters(spec, parameters);
  switch (spec.kind) {
    case CodecKind::kF32:
    case CodecKind::kRaw: return make_identity_codec(spec);
    case CodecKind::kF16: return make_half_codec(spec);
    case CodecKind::kU8: return make_affine_codec(spec, parameters);
    case CodecKind::kU8Rans: return make_rans_codec(spec, std::move(parameters));
    case CodecKind::kTop: return make_top_codec(spec);
    case CodecKind::kJpeg:
    case CodecKind::kWebp: return make_image_codec(spec);
  }
  row_of(spec.kind);
  return nullptr;
}

}  // namespace isthmus
