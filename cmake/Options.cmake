# Warnings, sanitizers, instruction set, ccache.
add_library(seqsweep_options INTERFACE)
target_include_directories(seqsweep_options INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>
  $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/generated> $<INSTALL_INTERFACE:include/seqsweep>)
target_compile_options(seqsweep_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-missing-field-initializers -Werror=return-type>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>)
# Nobody reads the floating-point exception flags; as long as they count, loops with rounding or
# comparisons (exp_of in row_math.h) are not vectorised.
target_compile_options(seqsweep_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-trapping-math>)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # AVX2 and FMA: every x86 server since 2015. The kernels' inner loops are written for it.
  target_compile_options(seqsweep_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=x86-64-v3>)
endif()

set(SEQSWEEP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them: address,undefined or thread")
if(SEQSWEEP_SANITIZE)
  add_compile_options(-fsanitize=${SEQSWEEP_SANITIZE} -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${SEQSWEEP_SANITIZE})
endif()

set(SEQSWEEP_FUZZ OFF CACHE BOOL "Build the fuzzers of tests/fuzz: needs clang, use the preset fuzz")
if(SEQSWEEP_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "SEQSWEEP_FUZZ=ON needs clang, whose libFuzzer it is: cmake --preset fuzz")
  endif()
  # Everything reports what it covers, and stops at the first report of a sanitizer.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow
                      -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=address,undefined)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # The sloppiness lets ccache serve files that use the precompiled header.
  set(ccache_command ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ccache_command})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${ccache_command})
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
