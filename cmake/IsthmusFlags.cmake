# isthmus_flags: what every target of ours is compiled with. Generated code does not link to it.
add_library(isthmus_flags INTERFACE)
target_compile_features(isthmus_flags INTERFACE cxx_std_20)
target_compile_options(isthmus_flags INTERFACE
  -Wall -Wextra -Wpedantic
  # Designated initialisers leave the other fields at their defaults on purpose.
  -Wno-missing-field-initializers)
# In clang, std::stable_sort of libstdc++ 12 warns about itself.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(isthmus_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(ISTHMUS_WERROR)
  target_compile_options(isthmus_flags INTERFACE -Werror)
endif()

if(ISTHMUS_SANITIZE)
  add_compile_options(-fsanitize=${ISTHMUS_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ISTHMUS_SANITIZE})
  if(ISTHMUS_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

# Coverage feedback for the fuzz targets, in all code of ours; only the targets link libFuzzer's main.
if(ISTHMUS_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
