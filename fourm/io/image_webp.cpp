#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>

#include "fourm/io/image_codec.h"

namespace fourm {
namespace {

std::string chunk(const WebPDemuxer* demuxer, const char* name) {
  WebPChunkIterator it;
  std::string bytes;
  if (WebPDemuxGetChunk(demuxer, name, 1, &it))
    bytes.assign(reinterpret_cast<const char*>(it.chunk.bytes), it.chunk.size);
  WebPDemuxReleaseChunkIterator(&it);
  return bytes;
}

bool decode_first_frame(const WebPData& data, Image& image) {
  const std::unique_ptr<WebPAnimDecoder, void (*)(WebPAnimDecoder*)> decoder(WebPAnimDecoderNew(&data, nullptr),
                                                                             WebPAnimDecoderDelete);
  uint8_t* canvas = nullptr;
  int milliseconds = 0;
  if (!decoder || !WebPAnimDecoderGetNext(decoder.get(), &canvas, &milliseconds)) return false;
  std::copy_n(canvas, image.pixels.size(), image.pixels.begin());
  return true;
}

using Demuxer = std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)>;

WebPData webp_data(std::string_view bytes) { return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}; }

WebPBitstreamFeatures read_features(const WebPData& data, const std::string& origin) {
  WebPBitstreamFeatures features;
  check(WebPGetFeatures(data.bytes, data.size, &features) == VP8_STATUS_OK, origin, ": broken WebP header");
  check_image_size(static_cast<uint64_t>(features.width), static_cast<uint64_t>(features.height), origin);
  return features;
}

}  // namespace

ImageHeader webp_header(std::string_view bytes, const std::string& origin) {
  const WebPData data = webp_data(bytes);
  const WebPBitstreamFeatures features = read_features(data, origin);
  const Demuxer demuxer(WebPDemux(&data), WebPDemuxDelete);
  return {features.width, features.height, demuxer ? exif_orientation(chunk(demuxer.get(), "EXIF")) : 1};
}

DecodedImage decode_webp(std::string_view bytes, const std::string& origin) {
  const WebPData data = webp_data(bytes);
  const WebPBitstreamFeatures features = read_features(data, origin);
  DecodedImage decoded;
  Image& image = decoded.pixels = Image(features.width, features.height, 4);
  const bool whole = features.has_animation ? decode_first_frame(data, image)
                                            : WebPDecodeRGBAInto(data.bytes, data.size, image.pixels.data(),
                                                                 image.pixels.size(), 4 * features.width) != nullptr;
  check(whole, origin, ": broken or cut WebP");
  const Demuxer demuxer(WebPDemux(&data), WebPDemuxDelete);
  if (demuxer) {
    decoded.orientation = exif_orientation(chunk(demuxer.get(), "EXIF"));
    decoded.profile = chunk(demuxer.get(), "ICCP");
  }
  return decoded;
}

}  // namespace fourm
