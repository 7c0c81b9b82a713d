# What our libraries link with, as imported targets: for our own build and, installed, for that of
# a program with models of its own. LibTorch and MPI come from CMAKE_PREFIX_PATH when it has them,
# else from the venv that tools/setup.sh fills.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(simdjson REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)

# ---- LibTorch: only libtorch_cpu and libc10 are linked. CUDA is a plug-in (docs/decisions/0002). ----
file(GLOB venv_site_packages ${seqsweep_venv}/lib/python3*/site-packages)
find_path(TORCH_INCLUDE ATen/ATen.h
  HINTS ${CMAKE_PREFIX_PATH} ${venv_site_packages}/torch PATH_SUFFIXES include REQUIRED)
get_filename_component(torch_root ${TORCH_INCLUDE} DIRECTORY)
find_library(TORCH_CPU_LIBRARY torch_cpu HINTS ${torch_root}/lib REQUIRED)
find_library(TORCH_C10_LIBRARY c10 HINTS ${torch_root}/lib REQUIRED)
add_library(torch_cpu INTERFACE IMPORTED GLOBAL)  # Imported: an export names it and leaves it out.
target_include_directories(torch_cpu SYSTEM INTERFACE
  ${TORCH_INCLUDE} ${TORCH_INCLUDE}/torch/csrc/api/include)
target_compile_definitions(torch_cpu INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
target_link_libraries(torch_cpu INTERFACE ${TORCH_CPU_LIBRARY} ${TORCH_C10_LIBRARY})
target_link_options(torch_cpu INTERFACE -Wl,--no-as-needed,--allow-shlib-undefined
                    -Wl,-rpath,${torch_root}/lib)

# ---- OpenMP: torch's own libgomp, so that there is one thread pool. By flag: CMake warns of the
# compiler's libgomp, which OpenMP::OpenMP_CXX names and torch's hides. ----
find_package(OpenMP REQUIRED COMPONENTS CXX)
add_library(openmp INTERFACE IMPORTED GLOBAL)
target_compile_options(openmp INTERFACE ${OpenMP_CXX_FLAGS})
target_link_options(openmp INTERFACE ${OpenMP_CXX_FLAGS})

# ---- MPI ----
set(have_mpi OFF)
if(NOT SEQSWEEP_MPI STREQUAL "OFF")
  find_program(MPI_CXX_COMPILER mpicxx HINTS ${CMAKE_PREFIX_PATH} ${seqsweep_venv}
               PATH_SUFFIXES bin)
  if(MPI_CXX_COMPILER)
    set(MPI_CXX_SKIP_MPICXX ON)
    if(SEQSWEEP_MPI STREQUAL "ON")
      find_package(MPI REQUIRED COMPONENTS CXX)
    else()
      find_package(MPI COMPONENTS CXX)
    endif()
    set(have_mpi ${MPI_CXX_FOUND})
  elseif(SEQSWEEP_MPI STREQUAL "ON")
    message(FATAL_ERROR "SEQSWEEP_MPI=ON, but no mpicxx: run tools/setup.sh or set CMAKE_PREFIX_PATH")
  endif()
endif()

# Its extension for jobs that go on when a rank dies.
set(have_ulfm OFF)
if(have_mpi)
  include(CheckCXXSymbolExists)
  set(CMAKE_REQUIRED_LIBRARIES MPI::MPI_CXX)
  check_cxx_symbol_exists(MPIX_Comm_failure_get_acked "mpi.h;mpi-ext.h" have_ulfm_calls)
  unset(CMAKE_REQUIRED_LIBRARIES)
  if(have_ulfm_calls)
    set(have_ulfm ON)
  endif()
endif()
