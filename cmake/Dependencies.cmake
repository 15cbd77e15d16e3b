# Every dependency is a Debian package, but LibTorch, which comes in the torch wheel (docs/design.md says why each is there).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(LibArchive REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(LCMS REQUIRED IMPORTED_TARGET lcms2)
find_package(ICU REQUIRED COMPONENTS uc i18n)
pkg_check_modules(FREETYPE REQUIRED IMPORTED_TARGET freetype2)  # only fourm/draw includes it
find_file(FOURM_FONT DejaVuSans.ttf REQUIRED  # becomes part of the program
  PATHS /usr/share/fonts /usr/local/share/fonts PATH_SUFFIXES truetype/dejavu TTF dejavu dejavu-sans-fonts)
pkg_check_modules(MATIO REQUIRED matio)  # and HDF5, which it reads with; only fourm/io includes them

add_library(fourm_plain_deps INTERFACE)
target_link_libraries(fourm_plain_deps INTERFACE
  Threads::Threads nlohmann_json::nlohmann_json yaml-cpp JPEG::JPEG PNG::PNG LibArchive::LibArchive
  PkgConfig::WEBP PkgConfig::LCMS OpenSSL::Crypto ICU::uc ICU::i18n
  ${MATIO_LINK_LIBRARIES})

# LibTorch: from CMAKE_PREFIX_PATH, else from the local virtual environment that scripts/install.sh makes. Only its
# libraries and headers are needed, so the CPU wheel is found without a CUDA toolkit.
file(GLOB venv_torch ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
find_path(FOURM_TORCH_INCLUDE ATen/ATen.h
  HINTS ${CMAKE_PREFIX_PATH} $ENV{CMAKE_PREFIX_PATH}
  PATH_SUFFIXES include ../../include
  PATHS ${venv_torch})
if(NOT FOURM_TORCH_INCLUDE)
  message(FATAL_ERROR "LibTorch was not found. Run scripts/install.sh, or pass -DCMAKE_PREFIX_PATH=/path/to/torch")
endif()
get_filename_component(FOURM_TORCH_ROOT ${FOURM_TORCH_INCLUDE} DIRECTORY)
add_library(fourm_torch INTERFACE)
target_include_directories(fourm_torch SYSTEM INTERFACE
  ${FOURM_TORCH_INCLUDE} ${FOURM_TORCH_INCLUDE}/torch/csrc/api/include)
target_link_directories(fourm_torch INTERFACE ${FOURM_TORCH_ROOT}/lib)
# at::parallel_for is a header: without OpenMP flags it would run serially. The runtime is the wheel's own libgomp.
target_compile_options(fourm_torch INTERFACE -fopenmp)
# The wheel is built with NDEBUG; without it the headers give some of its classes other members.
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
if(NOT CMAKE_CXX_FLAGS_${build_type} MATCHES NDEBUG)
  target_compile_definitions(fourm_torch INTERFACE NDEBUG)
endif()
# Not libtorch.so: in a CUDA wheel it loads the CUDA library, which fourm opens when a GPU is asked for.
target_link_libraries(fourm_torch INTERFACE torch_cpu c10)
if(EXISTS ${FOURM_TORCH_ROOT}/lib/libgomp.so.1)
  target_link_libraries(fourm_torch INTERFACE ${FOURM_TORCH_ROOT}/lib/libgomp.so.1)
else()
  target_link_libraries(fourm_torch INTERFACE gomp)
endif()
target_link_options(fourm_torch INTERFACE -Wl,-rpath,${FOURM_TORCH_ROOT}/lib)
message(STATUS "LibTorch: ${FOURM_TORCH_ROOT}")
