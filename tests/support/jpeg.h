// JPEG files of any colour space and with any markers, straight from libjpeg.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include <jpeglib.h>

#include "fourm/io/image.h"

namespace fourm::test {

/// `image` holds the components of `space`. `configure` changes the settings, `write_markers` writes markers before the
/// pixels; both take the jpeg_compress_struct.
template <class Configure, class WriteMarkers>
std::string encode_jpeg(const Image& image, J_COLOR_SPACE space, const Configure& configure,
                        const WriteMarkers& write_markers) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = image.channels;
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  configure(info);
  jpeg_start_compress(&info, TRUE);
  write_markers(info);
  for (int y = 0; y < image.height; ++y) {
    JSAMPROW row = const_cast<uint8_t*>(image.at(0, y));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string bytes(reinterpret_cast<char*>(data), size);
  jpeg_destroy_compress(&info);
  std::free(data);
  return bytes;
}

template <class Configure>
std::string encode_jpeg(const Image& image, J_COLOR_SPACE space, const Configure& configure) {
  return encode_jpeg(image, space, configure, [](jpeg_compress_struct&) {});
}

inline std::string encode_jpeg(const Image& image, J_COLOR_SPACE space) {
  return encode_jpeg(image, space, [](jpeg_compress_struct&) {});
}

}  // namespace fourm::test
