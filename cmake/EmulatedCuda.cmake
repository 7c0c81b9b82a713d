# kernels/*.cu as a plug-in for the CPU, for the tests (tests/support/emulated_cuda): g++ compiles them
# against headers that stand in for CUDA's. C++ has no word for what the script changes: a launch with
# <<<...>>>, and shared memory whose size is known at the launch.
#   cmake -DFROM=x.cu -DTO=x.cc -P EmulatedCuda.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${FROM} code)
  string(REPLACE "__noinline__" "__attribute__((noinline))" code "${code}")  # A word of libstdc++'s too.
  string(REGEX REPLACE "extern __shared__ (__align__\\([0-9]+\\) )?([A-Za-z0-9_]+) ([A-Za-z0-9_]+)\\[\\]"
         "\\2* const \\3 = emulated_cuda::dynamic_shared<\\2>()" code "${code}")
  string(REGEX REPLACE "([A-Za-z0-9_]+(<[^<>;()]*>)?)[ \n]*<<<" "emulated_cuda::Launch(\\1, " code "${code}")
  string(REPLACE ">>>(" ")(" code "${code}")
  file(WRITE ${TO} "#line 1 \"${FROM}\"\n${code}")
  return()
endif()

function(seqsweep_emulated_cuda name)
  set(support ${CMAKE_SOURCE_DIR}/tests/support/emulated_cuda)
  set(script ${CMAKE_SOURCE_DIR}/cmake/EmulatedCuda.cmake)
  file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.cu)
  set(sources ${support}/emulator.cc ${support}/device.cc)
  foreach(kernel ${kernels})
    get_filename_component(stem ${kernel} NAME_WE)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/emulated_cuda/${stem}.cc)
    add_custom_command(OUTPUT ${source} DEPENDS ${kernel} ${script} COMMENT "Emulating ${stem}.cu"
      COMMAND ${CMAKE_COMMAND} -DFROM=${kernel} -DTO=${source} -P ${script})
    list(APPEND sources ${source})
  endforeach()
  add_library(${name} MODULE ${sources})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} PREFIX "")
  target_include_directories(${name} BEFORE PRIVATE ${support})
  target_link_libraries(${name} PRIVATE seqsweep_options torch_cpu)
  # Kernels see shared memory now as these numbers, now as those.
  target_compile_options(${name} PRIVATE -O2 -fno-strict-aliasing -Wno-unknown-pragmas -Wno-unused -Wno-sign-compare)
  target_link_options(${name} PRIVATE -Wl,--allow-shlib-undefined)
endfunction()
