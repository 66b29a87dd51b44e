# What every test sees in its environment.
set(ISTHMUS_TEST_ENVIRONMENT
  ISTHMUS_BIN=${PROJECT_BINARY_DIR}/bin
  ISTHMUS_SOURCE=${PROJECT_SOURCE_DIR})

# Containers that the system's libraries filled carry no marks of the sanitizer; what those libraries
# leak or race about is not ours to mend.
if(ISTHMUS_SANITIZE)
  set(_suppressions ${PROJECT_SOURCE_DIR}/tests/support)
  list(APPEND ISTHMUS_TEST_ENVIRONMENT
    ASAN_OPTIONS=detect_container_overflow=0:detect_stack_use_after_return=1
    UBSAN_OPTIONS=print_stacktrace=1
    LSAN_OPTIONS=suppressions=${_suppressions}/lsan.supp:print_suppressions=0
    TSAN_OPTIONS=suppressions=${_suppressions}/tsan.supp:halt_on_error=1)
  unset(_suppressions)
endif()

# Seconds that a test program may take. Sanitizers make it five to ten times as slow.
if(ISTHMUS_SANITIZE)
  set(ISTHMUS_TEST_TIMEOUT 1200)
else()
  set(ISTHMUS_TEST_TIMEOUT 600)
endif()

# A GoogleTest program in build/tests, registered as one test of ctest with the label unit.
function(isthmus_test name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE
    isthmus_test_support GTest::gtest_main GTest::gmock isthmus_flags)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES
    LABELS unit TIMEOUT ${ISTHMUS_TEST_TIMEOUT}
    ENVIRONMENT "${ISTHMUS_TEST_ENVIRONMENT}")
  # Machines that are silent for 0.3 s are dead (docs/runtime.md): no other test beside these.
  if(name MATCHES "^(net|serve|lab|system)_test$")
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()
