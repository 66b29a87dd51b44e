#include "core/hash.h"

#include <openssl/evp.h>

#include <array>

#include "core/error.h"

namespace isthmus {

std::string sha256(std::span<const std::byte> data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(data.data(), data.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
    throw Error(ErrorKind::kUnsupported, "this machine's OpenSSL has no SHA-256");
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256(std::string_view data) { return sha256(std::as_bytes(std::span(data))); }

}  // namespace isthmus
