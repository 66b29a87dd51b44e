# Finds ONNX Runtime, in this order: ONNXRUNTIME_ROOT (variable or environment), the system, and the
# folder that tools/install_dependencies fills where the system has no package.
# Gives the target onnxruntime::onnxruntime.
if(NOT ONNXRUNTIME_ROOT AND DEFINED ENV{ONNXRUNTIME_ROOT})
  set(ONNXRUNTIME_ROOT $ENV{ONNXRUNTIME_ROOT})
endif()
if(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(_fetched $ENV{XDG_CACHE_HOME}/isthmus/onnxruntime-1.21.0)
else()
  set(_fetched $ENV{HOME}/.cache/isthmus/onnxruntime-1.21.0)
endif()

find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_cxx_api.h
  HINTS ${ONNXRUNTIME_ROOT} PATHS /usr /usr/local ${_fetched}
  PATH_SUFFIXES include include/onnxruntime include/onnxruntime/core/session)
find_library(ONNXRUNTIME_LIBRARY NAMES onnxruntime
  HINTS ${ONNXRUNTIME_ROOT} PATHS /usr /usr/local ${_fetched} PATH_SUFFIXES lib)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OnnxRuntime
  REQUIRED_VARS ONNXRUNTIME_LIBRARY ONNXRUNTIME_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run tools/install_dependencies, or set ONNXRUNTIME_ROOT")

if(OnnxRuntime_FOUND AND NOT TARGET onnxruntime::onnxruntime)
  add_library(onnxruntime::onnxruntime UNKNOWN IMPORTED)
  set_target_properties(onnxruntime::onnxruntime PROPERTIES
    IMPORTED_LOCATION ${ONNXRUNTIME_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ONNXRUNTIME_INCLUDE_DIR})
endif()
unset(_fetched)
mark_as_advanced(ONNXRUNTIME_INCLUDE_DIR ONNXRUNTIME_LIBRARY)
