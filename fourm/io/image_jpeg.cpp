#include <cstdio>  // jpeglib.h needs FILE

#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstdlib>

#include "fourm/io/image_codec.h"

namespace fourm {
namespace {

constexpr int kExifMarker = JPEG_APP0 + 1, kProfileMarker = JPEG_APP0 + 2;

// libjpeg reports errors by a call that must not return. It jumps back to guarded(), whose steps hold only plain data,
// so that no destructor is skipped.
struct JpegReader {
  jpeg_error_mgr errors;
  jpeg_decompress_struct info;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX] = "";
  bool cut = false;

  JpegReader() {
    info.err = jpeg_std_error(&errors);
    info.client_data = this;
    errors.error_exit = [](j_common_ptr common) {
      auto* self = static_cast<JpegReader*>(common->client_data);
      common->err->format_message(common, self->message);
      std::longjmp(self->back, 1);
    };
    // Level -1 is a warning: libjpeg fills what is missing with grey and continues; here it is an error.
    errors.emit_message = [](j_common_ptr common, int level) {
      const int code = common->err->msg_code;
      if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
        static_cast<JpegReader*>(common->client_data)->cut = true;
    };
    jpeg_create_decompress(&info);
  }
  ~JpegReader() { jpeg_destroy_decompress(&info); }

  template <class Step>
  bool guarded(const Step& step) {
    if (setjmp(back)) return false;
    step();
    return true;
  }

  template <class Step>
  void run(const Step& step, const std::string& origin) {
    check(guarded(step), origin, ": broken JPEG (", message, ")");
    check(!cut, origin, ": the JPEG is cut or damaged; copy it again");
  }

  ImageHeader read_header(std::string_view bytes, const std::string& origin) {
    run(
        [&] {
          jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
          jpeg_save_markers(&info, kExifMarker, 0xFFFF);
          jpeg_save_markers(&info, kProfileMarker, 0xFFFF);
          jpeg_read_header(&info, TRUE);
        },
        origin);
    check_image_size(info.image_width, info.image_height, origin);
    ImageHeader header{static_cast<int>(info.image_width), static_cast<int>(info.image_height)};
    for (auto* m = info.marker_list; m; m = m->next) {
      const std::string_view data(reinterpret_cast<const char*>(m->data), m->data_length);
      if (m->marker != kExifMarker || !data.starts_with("Exif")) continue;  // XMP has the same marker
      header.orientation = exif_orientation(data);
      break;
    }
    return header;
  }
};

}  // namespace

ImageHeader jpeg_header(std::string_view bytes, const std::string& origin) {
  return JpegReader().read_header(bytes, origin);
}

DecodedImage decode_jpeg(std::string_view bytes, const std::string& origin) {
  JpegReader jpeg;
  auto& info = jpeg.info;
  DecodedImage decoded;
  decoded.orientation = jpeg.read_header(bytes, origin).orientation;
  const bool cmyk = info.num_components == 4;
  if (cmyk) decoded.layout = info.saw_Adobe_marker ? PixelLayout::kInvertedCmyk : PixelLayout::kCmyk;
  if (info.num_components == 1) decoded.layout = PixelLayout::kGrey;
  JOCTET* profile = nullptr;
  unsigned profile_size = 0;
  jpeg.run([&] { jpeg_read_icc_profile(&info, &profile, &profile_size); }, origin);
  if (profile) decoded.profile.assign(reinterpret_cast<const char*>(profile), profile_size);
  std::free(profile);
  jpeg.run(
      [&] {
        info.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBA;
        jpeg_start_decompress(&info);
      },
      origin);
  Image& image = decoded.pixels = Image(static_cast<int>(info.output_width), static_cast<int>(info.output_height), 4);
  jpeg.run(
      [&] {
        while (info.output_scanline < info.output_height) {
          JSAMPROW row = image.at(0, static_cast<int>(info.output_scanline));
          jpeg_read_scanlines(&info, &row, 1);
        }
        jpeg_finish_decompress(&info);
      },
      origin);
  return decoded;
}

}  // namespace fourm
