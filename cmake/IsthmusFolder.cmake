# isthmus_folder(NAME [USES folder...] [LINK library...] [LINK_PUBLIC library...]
#                [TEST_USES folder...])
#
# Makes src/NAME a static library isthmus_NAME of its *.cpp files, and its *_test.cpp files one test
# program NAME_test. USES names the folders it may include (core is always among them): it is the
# link line and what tools/check_layers allows. LINK names libraries that only its own sources and
# tests see, LINK_PUBLIC those that its headers show. TEST_USES names folders that only its tests may
# include.
function(isthmus_folder name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;LINK;LINK_PUBLIC;TEST_USES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "isthmus_folder(${name}): unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(folder ${PROJECT_SOURCE_DIR}/src/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  file(GLOB tests CONFIGURE_DEPENDS ${folder}/*_test.cpp)
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()

  set(uses ${arg_USES})
  if(NOT name STREQUAL core)
    list(PREPEND uses core)
  endif()
  list(TRANSFORM uses PREPEND isthmus_)

  set_property(GLOBAL APPEND PROPERTY ISTHMUS_FOLDERS ${name})
  set(library isthmus_${name})
  if(sources)
    add_library(${library} STATIC ${sources})
    target_link_libraries(${library}
      PUBLIC ${uses} ${arg_LINK_PUBLIC} Threads::Threads PRIVATE ${arg_LINK} isthmus_flags)
    target_include_directories(${library} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  else()
    add_library(${library} INTERFACE)
    target_link_libraries(${library} INTERFACE ${uses} ${arg_LINK_PUBLIC} Threads::Threads)
    target_include_directories(${library} INTERFACE ${PROJECT_SOURCE_DIR}/src)
  endif()

  if(ISTHMUS_TESTS AND tests)
    isthmus_test(${name}_test ${tests})
    set(test_uses ${arg_TEST_USES})
    list(TRANSFORM test_uses PREPEND isthmus_)
    target_link_libraries(${name}_test PRIVATE ${library} ${test_uses} ${arg_LINK})
  endif()
endfunction()
