# A room is a folder of the house (ARCHITECTURE.md) built as one library. Files are collected, so a
# new file needs no line here. x.cc / no_x.cc: the second is built where the dependency x is missing.

function(seqsweep_collect out)
  set(all "")
  foreach(folder ${ARGN})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
    list(APPEND all ${found})
  endforeach()
  foreach(dependency mpi nccl)
    if(have_${dependency})
      list(FILTER all EXCLUDE REGEX "/no_${dependency}_?[a-z_]*\\.cc$")
    else()
      list(FILTER all EXCLUDE REGEX "/${dependency}_[a-z_]*\\.cc$")
    endif()
  endforeach()
  if(have_ulfm)
    list(FILTER all EXCLUDE REGEX "/mpi_no_ulfm\\.cc$")
  else()
    list(FILTER all EXCLUDE REGEX "/mpi_ulfm\\.cc$")
  endif()
  set(${out} ${all} PARENT_SCOPE)
endfunction()

# seqsweep_room(NAME FOLDER LINK ...): a room that sees no torch. The first one, base, owns the header
# that all of them precompile.
function(seqsweep_room name folder)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  seqsweep_collect(sources ${folder})
  if(NOT sources)
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC seqsweep_options ${ARG_LINK})
  if(name STREQUAL "base")
    target_precompile_headers(base PRIVATE <fmt/format.h> <nlohmann/json.hpp> <algorithm> <filesystem>
                              <functional> <map> <optional> <string> <vector>)
  else()
    target_precompile_headers(${name} REUSE_FROM base)
  endif()
  seqsweep_unity(${name})
endfunction()

# Every file compiles the inline code of its headers anew, torch's and the standard library's, used or
# not: some 5 s a file with torch. So several are compiled as one where nobody edits them all day: in a
# release build (SEQSWEEP_UNITY), not in the dev preset. Names in anonymous namespaces are unique in a
# folder for that.
function(seqsweep_unity name)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${SEQSWEEP_UNITY} UNITY_BUILD_BATCH_SIZE 8)
endfunction()

# Kernels stay alone: what is inlined into them is not to depend on their neighbours. Only the checks
# and the autograd around them are compiled together: x.cc where x_cpu.cc or x_*_cpu.cc has the kernel.
function(seqsweep_keep_kernels_alone)
  foreach(source ${ARGN})
    string(REGEX REPLACE "\\.cc$" "" stem ${source})
    file(GLOB kernel ${stem}_cpu.cc ${stem}_*_cpu.cc)
    if(NOT kernel)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()

# For code that waits for others, as tests and commands do: a third less time to compile without torch.
# GCC 12 warns falsely of libstdc++'s strings then.
function(seqsweep_optimize_little name)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow -Wno-maybe-uninitialized>)
endfunction()

# seqsweep_torch_room(NAME FOLDER... LINK ...): a room that sees torch. The first one, kernels, owns
# the header that all of them precompile: what we use of torch, not torch/torch.h, which costs each
# file twice as long.
function(seqsweep_torch_room name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  seqsweep_collect(sources ${ARG_UNPARSED_ARGUMENTS})
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC seqsweep_options torch_cpu openmp ${ARG_LINK})
  if(have_mpi)
    target_link_libraries(${name} PUBLIC MPI::MPI_CXX)
  endif()
  if(name STREQUAL "kernels")
    target_precompile_headers(kernels PRIVATE <torch/types.h> <torch/autograd.h> <torch/nn/module.h>)
    seqsweep_keep_kernels_alone(${sources})
  else()
    target_precompile_headers(${name} REUSE_FROM kernels)
  endif()
  seqsweep_unity(${name})
endfunction()

# The components register themselves, so their objects are linked whole: an OBJECT library that every
# executable links directly (a static one would drop them).
function(seqsweep_experiments name)
  cmake_parse_arguments(ARG "" "HEADER_ROOM" "LINK;FOLDERS" ${ARGN})
  list(TRANSFORM ARG_FOLDERS PREPEND experiments/)
  seqsweep_collect(sources ${ARG_FOLDERS})
  add_library(${name} OBJECT ${sources})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM ${ARG_HEADER_ROOM})
  if(ARG_HEADER_ROOM STREQUAL "kernels")
    seqsweep_unity(${name})
  endif()
endfunction()

# The CUDA kernels and NCCL: a plug-in beside the tools, loaded when a run is on a GPU.
function(seqsweep_cuda_plugin name)
  file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.cu)
  seqsweep_collect(glue kernels/cuda core/comm/cuda)
  if(NOT kernels)
    return()
  endif()
  add_library(${name} MODULE ${kernels} ${glue})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
                        PREFIX "")
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_include_directories(${name} SYSTEM PRIVATE $<TARGET_PROPERTY:torch_cpu,INTERFACE_SYSTEM_INCLUDE_DIRECTORIES>)
  target_link_libraries(${name} PRIVATE CUDA::cudart ${TORCH_CUDA_LIBRARY} ${TORCH_C10_CUDA_LIBRARY})
  if(have_nccl)
    target_include_directories(${name} SYSTEM PRIVATE ${NCCL_INCLUDE})
    target_link_libraries(${name} PRIVATE ${NCCL_LIBRARY} fmt::fmt-header-only)
  endif()
  target_link_options(${name} PRIVATE -Wl,--no-as-needed,--allow-shlib-undefined -Wl,-rpath,${torch_root}/lib)
endfunction()

# An executable in build/bin that uses the precompiled header of a room. Compiled with -fPIC like the
# rooms (CMake would take -fPIE), or that header would be refused.
function(seqsweep_executable name header_room)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} seqsweep_options)
  target_precompile_headers(${name} REUSE_FROM ${header_room})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  if(header_room STREQUAL "kernels")
    set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)  # To the CUDA plug-in.
  endif()
  seqsweep_unity(${name})
endfunction()

# seqsweep_tool(NAME SOURCES... LINK ...): an executable without torch.
function(seqsweep_tool name)
  seqsweep_executable(${name} base ${ARGN})
endfunction()

# A tool with torch and every experiment.
function(seqsweep_torch_tool name)
  seqsweep_executable(${name} kernels ${ARGN})
  target_link_libraries(${name} PRIVATE experiments datasets torch_rooms)
endfunction()

# seqsweep_tests(NAME FOLDER LINK ... [TORCH | HEADER_ROOM room] [LABELS ...] [TIMEOUT s]):
# every *_test.cc of a folder of tests/ in one executable; each test case is a ctest case. TORCH: linked
# with every experiment.
function(seqsweep_tests name folder)
  cmake_parse_arguments(ARG "TORCH" "TIMEOUT;HEADER_ROOM" "LINK;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  list(APPEND ARG_LINK GTest::gtest_main GTest::gmock)
  if(ARG_TORCH)
    seqsweep_torch_tool(${name} ${sources} LINK ${ARG_LINK})
  elseif(ARG_HEADER_ROOM)
    seqsweep_executable(${name} ${ARG_HEADER_ROOM} ${sources} LINK ${ARG_LINK})
  else()
    seqsweep_tool(${name} ${sources} LINK ${ARG_LINK})
  endif()
  seqsweep_optimize_little(${name})
  target_compile_definitions(${name} PRIVATE SEQSWEEP_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                             SEQSWEEP_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  gtest_discover_tests(${name} TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 120
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# seqsweep_mpi_test(NAME FOLDER RANKS n): every *_test.cc of a folder of tests/ in one
# executable with a main of its own, which mpirun starts as one ctest case.
function(seqsweep_mpi_test name folder)
  if(NOT have_mpi)
    return()
  endif()
  cmake_parse_arguments(ARG "" "RANKS" "" ${ARGN})
  get_filename_component(mpi_bin ${MPI_CXX_COMPILER} DIRECTORY)
  find_program(MPIRUN mpirun HINTS ${mpi_bin} REQUIRED)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.cc)
  list(APPEND sources ${CMAKE_SOURCE_DIR}/tests/core/comm/mpi_main.cc)
  seqsweep_torch_tool(${name} ${sources} LINK GTest::gtest)
  seqsweep_optimize_little(${name})
  add_test(NAME ${name} COMMAND ${MPIRUN} -n ${ARG_RANKS} --bind-to none $<TARGET_FILE:${name}>)
  # Open MPI: as root in a container, and with more ranks than cores.
  set_tests_properties(${name} PROPERTIES LABELS mpi TIMEOUT 120 PROCESSORS ${ARG_RANKS} ENVIRONMENT
    "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;PRTE_ALLOW_RUN_AS_ROOT=1;PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1;PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe")
endfunction()
