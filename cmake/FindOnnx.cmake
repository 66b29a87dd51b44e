# Finds libonnx (the model format: protobuf messages, checker, shape inference).
# Gives the target onnx::onnx with the definitions that Debian's headers were built with.
find_path(ONNX_INCLUDE_DIR onnx/onnx_pb.h)
find_library(ONNX_LIBRARY onnx)
find_library(ONNX_PROTO_LIBRARY onnx_proto)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Onnx REQUIRED_VARS ONNX_LIBRARY ONNX_INCLUDE_DIR)

if(Onnx_FOUND AND NOT TARGET onnx::onnx)
  add_library(onnx::onnx UNKNOWN IMPORTED)
  set_target_properties(onnx::onnx PROPERTIES
    IMPORTED_LOCATION ${ONNX_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ONNX_INCLUDE_DIR}
    INTERFACE_COMPILE_DEFINITIONS "ONNX_NAMESPACE=onnx;ONNX_ML=1")
  target_link_libraries(onnx::onnx INTERFACE protobuf::libprotobuf)
  if(ONNX_PROTO_LIBRARY)
    target_link_libraries(onnx::onnx INTERFACE ${ONNX_PROTO_LIBRARY})
  endif()
endif()
mark_as_advanced(ONNX_INCLUDE_DIR ONNX_LIBRARY ONNX_PROTO_LIBRARY)
