# How our own code is compiled. Hot loops choose their instruction set at run time (core/simd.h), so one build serves all x86-64.
# Folders of such loops are compiled with -O3 (HOT in fourm_folder), the rest with -O2 and tests with -O1: most of the
# time of a build is optimisation.
# As a subproject only the targets have flags: C++20 as a compile feature, and warnings, which their users do not inherit.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_STANDARD 20)
  set(CMAKE_CXX_STANDARD_REQUIRED ON)
  set(CMAKE_CXX_EXTENSIONS OFF)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
  endif()
  find_program(FOURM_CCACHE ccache)
  if(FOURM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${FOURM_CCACHE})
  endif()
  find_program(FOURM_MOLD mold)
  if(FOURM_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

add_library(fourm_headers INTERFACE)
target_compile_features(fourm_headers INTERFACE cxx_std_20)
target_include_directories(fourm_headers INTERFACE ${PROJECT_SOURCE_DIR})

add_library(fourm_flags INTERFACE)
target_compile_options(fourm_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -fpch-preprocess
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-stringop-overflow -Wno-maybe-uninitialized>)
if(FOURM_WERROR)
  target_compile_options(fourm_flags INTERFACE -Werror)
endif()
target_link_libraries(fourm_flags INTERFACE fourm_headers)

if(FOURM_SANITIZE)
  add_compile_options(-fsanitize=${FOURM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${FOURM_SANITIZE})
endif()
