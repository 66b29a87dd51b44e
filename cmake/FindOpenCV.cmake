# Finds the OpenCV modules named as components. Debian's small packages (libopencv-core-dev, ...)
# come without OpenCV's own CMake files, which only the package of everything has.
# Gives one target opencv::MODULE per component and OpenCV_LIBS, all of them.
find_path(OpenCV_INCLUDE_DIR opencv2/core.hpp PATH_SUFFIXES opencv4)
set(_required OpenCV_INCLUDE_DIR)
foreach(_module IN LISTS OpenCV_FIND_COMPONENTS)
  find_library(OpenCV_${_module}_LIBRARY opencv_${_module})
  list(APPEND _required OpenCV_${_module}_LIBRARY)
  mark_as_advanced(OpenCV_${_module}_LIBRARY)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenCV REQUIRED_VARS ${_required})

set(OpenCV_LIBS)
if(OpenCV_FOUND)
  foreach(_module IN LISTS OpenCV_FIND_COMPONENTS)
    if(NOT TARGET opencv::${_module})
      add_library(opencv::${_module} UNKNOWN IMPORTED)
      set_target_properties(opencv::${_module} PROPERTIES
        IMPORTED_LOCATION ${OpenCV_${_module}_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${OpenCV_INCLUDE_DIR})
    endif()
    list(APPEND OpenCV_LIBS opencv::${_module})
  endforeach()
endif()
unset(_required)
mark_as_advanced(OpenCV_INCLUDE_DIR)
