# Imported targets. LibTorch and MPI come from CMAKE_PREFIX_PATH when it has them, else from the
# project's venv (tools/setup.sh fills it).
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(simdjson REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)

# ---- LibTorch: only libtorch_cpu and libc10 are linked. CUDA is a plug-in (docs/decisions/0002). ----
file(GLOB venv_site_packages ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages)
find_path(TORCH_INCLUDE ATen/ATen.h
  HINTS ${CMAKE_PREFIX_PATH} ${venv_site_packages}/torch PATH_SUFFIXES include REQUIRED)
get_filename_component(torch_root ${TORCH_INCLUDE} DIRECTORY)
find_library(TORCH_CPU_LIBRARY torch_cpu HINTS ${torch_root}/lib REQUIRED)
find_library(TORCH_C10_LIBRARY c10 HINTS ${torch_root}/lib REQUIRED)
add_library(torch_cpu INTERFACE)
target_include_directories(torch_cpu SYSTEM INTERFACE
  ${TORCH_INCLUDE} ${TORCH_INCLUDE}/torch/csrc/api/include)
target_compile_definitions(torch_cpu INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
target_link_libraries(torch_cpu INTERFACE ${TORCH_CPU_LIBRARY} ${TORCH_C10_LIBRARY})
target_link_options(torch_cpu INTERFACE -Wl,--no-as-needed,--allow-shlib-undefined
                    -Wl,-rpath,${torch_root}/lib)

# ---- OpenMP: torch's own libgomp, so that there is one thread pool ----
find_package(OpenMP REQUIRED COMPONENTS CXX)

# ---- MPI ----
set(have_mpi OFF)
if(NOT SEQSWEEP_MPI STREQUAL "OFF")
  find_program(MPI_CXX_COMPILER mpicxx HINTS ${CMAKE_PREFIX_PATH} ${CMAKE_SOURCE_DIR}/.venv
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

# ---- CUDA ----
set(have_cuda OFF)
if(NOT SEQSWEEP_CUDA STREQUAL "OFF")
  find_library(TORCH_CUDA_LIBRARY torch_cuda HINTS ${torch_root}/lib)
  find_library(TORCH_C10_CUDA_LIBRARY c10_cuda HINTS ${torch_root}/lib)
  include(CheckLanguage)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80 90)
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER AND TORCH_CUDA_LIBRARY)
    set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(CMAKE_CUDA_STANDARD 17)  # CMake 3.25 knows no CUDA 20.
    set(have_cuda ON)
  elseif(SEQSWEEP_CUDA STREQUAL "ON")
    message(FATAL_ERROR "SEQSWEEP_CUDA=ON, but nvcc or a CUDA LibTorch is missing")
  endif()
endif()

# ---- NCCL: the one that LibTorch brings ----
set(have_nccl OFF)
if(have_cuda)
  find_path(NCCL_INCLUDE nccl.h HINTS ${torch_root}/../nvidia/nccl PATH_SUFFIXES include)
  find_library(NCCL_LIBRARY NAMES libnccl.so.2 nccl HINTS ${torch_root}/../nvidia/nccl PATH_SUFFIXES lib)
  if(NCCL_INCLUDE AND NCCL_LIBRARY)
    set(have_nccl ON)
  endif()
endif()
message(STATUS "seqsweep: LibTorch ${torch_root}; MPI ${have_mpi}, ULFM ${have_ulfm}; CUDA kernels ${have_cuda}; NCCL ${have_nccl}")
