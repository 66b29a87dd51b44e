# Third-party libraries. Everything comes from the system, see tools/install_dependencies.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# core
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(ZLIB REQUIRED)

# graph, net
find_package(Protobuf REQUIRED)
find_package(Onnx REQUIRED)
pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc++)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

# sim (gRPC brings it)
find_package(absl REQUIRED)

# engine
find_package(OnnxRuntime REQUIRED)

# codec
pkg_check_modules(TURBOJPEG REQUIRED IMPORTED_TARGET libturbojpeg)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
# The same CRC from either: ISA-L (amd64, arm64) is 14 times as fast as zlib.
pkg_check_modules(ISAL IMPORTED_TARGET libisal)
if(ISAL_FOUND)
  set(ISTHMUS_CRC_LIBRARY PkgConfig::ISAL)
else()
  set(ISTHMUS_CRC_LIBRARY ZLIB::ZLIB)
endif()

# serve: metrics endpoint, where the library is there
find_package(prometheus-cpp CONFIG QUIET)

# the programs' options
find_package(CLI11 REQUIRED)

if(NOT ISTHMUS_AGENT_ONLY)
  find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs videoio)
endif()

# train
if(ISTHMUS_TRAIN)
  find_package(Libtorch REQUIRED)
endif()

if(ISTHMUS_TESTS)
  find_package(GTest REQUIRED)
endif()
if(ISTHMUS_BENCH)
  find_package(benchmark REQUIRED)
endif()
