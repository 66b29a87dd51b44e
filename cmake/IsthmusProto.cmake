# isthmus_proto: C++ of every proto/*.proto, messages and services.
# Include as "inference.pb.h" and "inference.grpc.pb.h".
file(GLOB _protos CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/proto/*.proto)
set(_out ${PROJECT_BINARY_DIR}/proto)
file(MAKE_DIRECTORY ${_out})

set(_sources)
foreach(_proto IN LISTS _protos)
  get_filename_component(_name ${_proto} NAME_WE)
  set(_generated ${_out}/${_name}.pb.cc ${_out}/${_name}.grpc.pb.cc)
  add_custom_command(
    OUTPUT ${_generated} ${_out}/${_name}.pb.h ${_out}/${_name}.grpc.pb.h
    COMMAND protobuf::protoc -I${PROJECT_SOURCE_DIR}/proto --cpp_out=${_out} --grpc_out=${_out}
            --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${_proto}
    DEPENDS ${_protos}
    COMMENT "protoc ${_name}.proto"
    VERBATIM)
  list(APPEND _sources ${_generated})
endforeach()

if(_sources)
  add_library(isthmus_proto STATIC ${_sources})
  set(_scope PUBLIC)
else()
  add_library(isthmus_proto INTERFACE)
  set(_scope INTERFACE)
endif()
target_include_directories(isthmus_proto SYSTEM ${_scope} ${_out})
target_link_libraries(isthmus_proto ${_scope} PkgConfig::GRPC protobuf::libprotobuf)
