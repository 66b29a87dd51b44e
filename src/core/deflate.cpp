#include "core/deflate.h"

#include <zlib.h>

#include <limits>
#include <vector>

#include "core/error.h"

namespace isthmus {

std::size_t deflated_size(std::span<const std::byte> data) {
  if (data.size() > std::numeric_limits<uInt>::max())
    throw Error(ErrorKind::kInvalid,
                "too large to compress: " + std::to_string(data.size()) + " bytes");
  uLongf size = compressBound(data.size());
  std::vector<Bytef> out(size);
  if (compress2(out.data(), &size, reinterpret_cast<const Bytef*>(data.data()), data.size(), 6) !=
      Z_OK)
    throw Error(ErrorKind::kInvalid, "cannot compress " + std::to_string(data.size()) + " bytes");
  return size;
}

}  // namespace isthmus
