# Finds libtorch: LIBTORCH_ROOT (variable or environment; the folder with include/ and lib/), then the
# system. Gives the target libtorch::libtorch.
#
# Not by libtorch's own package file: that one adds flags to everything, asks for all that libtorch was
# built with, and prints what nobody reads.
if(NOT LIBTORCH_ROOT AND DEFINED ENV{LIBTORCH_ROOT})
  set(LIBTORCH_ROOT $ENV{LIBTORCH_ROOT})
endif()

find_path(LIBTORCH_INCLUDE_DIR ATen/ATen.h HINTS ${LIBTORCH_ROOT} PATH_SUFFIXES include)
find_path(LIBTORCH_API_INCLUDE_DIR torch/types.h
  HINTS ${LIBTORCH_INCLUDE_DIR}/torch/csrc/api/include ${LIBTORCH_INCLUDE_DIR})
set(_libraries)
foreach(_name torch torch_cpu c10)
  find_library(LIBTORCH_${_name}_LIBRARY ${_name} HINTS ${LIBTORCH_ROOT} PATH_SUFFIXES lib)
  list(APPEND _libraries LIBTORCH_${_name}_LIBRARY)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libtorch
  REQUIRED_VARS ${_libraries} LIBTORCH_INCLUDE_DIR LIBTORCH_API_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run tools/install_dependencies base test train, or set LIBTORCH_ROOT")

if(Libtorch_FOUND AND NOT TARGET libtorch::libtorch)
  add_library(libtorch::libtorch INTERFACE IMPORTED)
  target_include_directories(libtorch::libtorch INTERFACE
    ${LIBTORCH_API_INCLUDE_DIR} ${LIBTORCH_INCLUDE_DIR})
  target_link_libraries(libtorch::libtorch INTERFACE
    ${LIBTORCH_torch_LIBRARY} ${LIBTORCH_torch_cpu_LIBRARY} ${LIBTORCH_c10_LIBRARY})
  # Nothing refers to it by name: it registers itself when it is loaded.
  find_library(LIBTORCH_torch_cuda_LIBRARY torch_cuda HINTS ${LIBTORCH_ROOT} PATH_SUFFIXES lib)
  if(LIBTORCH_torch_cuda_LIBRARY)
    target_link_libraries(libtorch::libtorch INTERFACE
      "-Wl,--push-state,--no-as-needed,${LIBTORCH_torch_cuda_LIBRARY},--pop-state")
  endif()
endif()
unset(_libraries)
unset(_name)
mark_as_advanced(LIBTORCH_INCLUDE_DIR LIBTORCH_API_INCLUDE_DIR LIBTORCH_torch_LIBRARY
  LIBTORCH_torch_cpu_LIBRARY LIBTORCH_c10_LIBRARY LIBTORCH_torch_cuda_LIBRARY)
