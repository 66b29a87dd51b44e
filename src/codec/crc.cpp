#include "codec/crc.h"

#ifdef ISTHMUS_ISAL
#include <isa-l/crc.h>
#else
#include <zlib.h>
#endif

namespace isthmus {

std::uint32_t crc_extend(std::uint32_t crc, std::span<const std::byte> data) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
#ifdef ISTHMUS_ISAL
  return crc32_gzip_refl(crc, bytes, data.size());
#else
  return static_cast<std::uint32_t>(crc32_z(crc, bytes, data.size()));
#endif
}

}  // namespace isthmus
