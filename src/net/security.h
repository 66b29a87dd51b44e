#pragma once

#include <string>

namespace isthmus {

// What protects the connections of one program. All empty: no encryption and no token, which a
// server accepts only on a loopback address.
struct Security {
  // PEM files. A server needs `certificate` and `key`; a client needs `authority` to check the
  // server's certificate, and `certificate` and `key` as well where the server asks for them (it
  // does when it has an `authority`). A client without an `authority` accepts its own certificate:
  // machines that share one and talk to each other need nothing else.
  std::string authority;
  std::string certificate;
  std::string key;
  // Sent with, and demanded of, every call. Only over TLS or loopback.
  std::string token;

  bool tls() const { return !authority.empty() || !certificate.empty(); }
};

}  // namespace isthmus
