#include "fourm/modality/transform.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fourm/core/strings.h"
#include "fourm/io/image_resize.h"
#include "fourm/io/npy.h"
#include "fourm/modality/feature_colours.h"
#include "fourm/modality/input_kind.h"

namespace fourm {
namespace {

uint8_t to_byte(float signed_value) {
  return static_cast<uint8_t>(std::lround(std::clamp(signed_value * 127.5F + 127.5F, 0.0F, 255.0F)));
}

constexpr uint8_t kNoLabel = 255, kNoNormal = 128;

const Raster<float>& depth_of(const StoredImage& image) {
  const auto* depth = std::get_if<Raster<float>>(&image);
  check(depth != nullptr && depth->channels == 1, "a depth map is expected here, not an 8-bit image");
  return *depth;
}

const Image& bytes_of(const StoredImage& image, int channels) {
  const auto* bytes = std::get_if<Image>(&image);
  check(bytes != nullptr && bytes->channels == channels, "an 8-bit image of ", channels, " channels is expected here");
  return *bytes;
}

const Raster<float>& features_of(const InputConfig& config, const StoredImage& image) {
  const auto* map = std::get_if<Raster<float>>(&image);
  check(map != nullptr && map->channels == config.features, "a feature map of ", config.features,
        " channels is expected here");
  return *map;
}

// [C, h, w] or [C] -> one vector per position.
Raster<float> feature_map(const InputConfig& config, const NpyArray& array, const std::string& origin) {
  const size_t dims = array.shape.size();
  check((dims == 1 || dims == 3) && array.shape[0] == config.features && array.count() > 0 &&
            (dims == 1 || (array.shape[1] <= 4096 && array.shape[2] <= 4096)),
        origin, ": expected features as an array [", config.features, ", rows, columns] or [", config.features, "]");
  const std::vector<float> values = npy_floats(array);
  Raster<float> map(dims == 1 ? 1 : static_cast<int>(array.shape[2]), dims == 1 ? 1 : static_cast<int>(array.shape[1]),
                    static_cast<int>(config.features));
  for (size_t i = 0; i < values.size(); ++i) {
    check(std::isfinite(values[i]), origin, ": the feature at index ", i, " is ", values[i]);
    map.pixels[i % map.area() * map.channels + i / map.area()] = values[i];
  }
  return map;
}

Image one_channel(const Image& rgb, bool binary) {
  Image out(rgb.width, rgb.height, 1);
  for (size_t i = 0; i < out.area(); ++i) {
    const uint8_t* p = &rgb.pixels[3 * i];
    const int grey = (299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000;  // Rec. 601 luma
    out.pixels[i] = static_cast<uint8_t>(binary ? (grey > 127 ? 255 : 0) : grey);
  }
  return out;
}

// Mean and deviation of values between their first and their last tenth (official depth tokenizer).
struct MiddleStatistics {
  double mean = 0, deviation = 0;
};
MiddleStatistics middle_statistics(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  auto first = values.begin() + static_cast<int64_t>(0.1 * n), last = values.begin() + static_cast<int64_t>(0.9 * n);
  if (first == last) first = values.begin(), last = values.end();  // a single known pixel
  const double kept = std::max<double>(1, static_cast<double>(last - first));
  const double mean = std::accumulate(first, last, 0.0) / kept;
  double squares = 0;
  for (auto v = first; v != last; ++v) squares += (*v - mean) * (*v - mean);
  return {mean, std::sqrt(squares / std::max(1.0, kept - 1) + 1e-6)};
}

// Whether a map is in standard deviations from its mean already, as decoders write it: only such values can be negative.
bool is_standardised(const Raster<float>& depth) {
  return std::any_of(depth.pixels.begin(), depth.pixels.end(), [](float v) { return v < 0; });
}

// Whether values, some of them negative, are standard deviations and not metres with a negative mark of unknown pixels.
bool may_be_standardised(const std::vector<float>& values) {
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) return false;
  const auto [mean, deviation] = middle_statistics(values);
  return std::abs(mean) < 0.5 && deviation < 2;
}

// A .npy of standardised values [H, W]; nothing when it holds no such values.
std::optional<Raster<float>> standardised_values(std::string_view bytes, const std::string& origin) {
  if (!bytes.starts_with("\x93NUMPY")) return std::nullopt;
  const NpyArray array = decode_npy(bytes, origin);
  if (array.dtype[0] != 'f' || array.shape.size() != 2) return std::nullopt;
  Raster<float> depth(static_cast<int>(array.shape[1]), static_cast<int>(array.shape[0]), 1);
  depth.pixels = npy_floats(array);
  if (!is_standardised(depth) || !may_be_standardised(depth.pixels)) return std::nullopt;
  return depth;
}

// Minus mean, over deviation, of the known pixels between the first and the last tenth (official depth tokenizer).
void standardise(const Raster<float>& depth, const KnownPixels& known, float* out) {
  std::transform(
      depth.pixels.begin(), depth.pixels.end(), out,
      [unit = is_standardised(depth) ? 1 : kMostPngMetres](float v) { return static_cast<float>(v / unit); });
  const bool nothing_known = !any_known(known);
  std::vector<float> values;
  for (size_t i = 0; i < depth.area(); ++i)
    if (nothing_known || is_known(known, i)) values.push_back(out[i]);
  const auto [mean, deviation] = middle_statistics(std::move(values));
  const double scale = 1 / deviation;
  std::transform(out, out + depth.area(), out, [&](float v) { return static_cast<float>((v - mean) * scale); });
}

// Not black, and a length of at least 0.1: |2 p - 255| / 255.
bool is_known_normal(const uint8_t* pixel) {
  int squares = 0, sum = 0;
  for (int c = 0; c < 3; ++c) {
    squares += (2 * pixel[c] - 255) * (2 * pixel[c] - 255);
    sum += pixel[c];
  }
  return sum > 0 && squares >= 0.1 * 0.1 * 255 * 255;
}

// A copy without holes (fill_unknown); normals without any known pixel have no length.
StoredImage filled(const InputConfig& config, StoredImage image, const KnownPixels& known) {
  std::visit([&](auto& map) { fill_unknown(map, known); }, image);
  if (config.kind == "normal" && !any_known(known)) std::get<Image>(image).pixels.assign(3 * known.size(), kNoNormal);
  return image;
}

Image resized_normals(const Image& normals, const KnownPixels& known, int size) {
  Raster<float> exact(normals.width, normals.height, 3);
  std::copy(normals.pixels.begin(), normals.pixels.end(), exact.pixels.begin());
  exact = resize_known(exact, known, size, size, kNoNormal);
  Image out(size, size, 3);
  std::transform(exact.pixels.begin(), exact.pixels.end(), out.pixels.begin(),
                 [](float v) { return static_cast<uint8_t>(std::lround(std::clamp(v, 0.0F, 255.0F))); });
  return out;
}

// The unit by which a standardised map is read. Official depth tokenizers divide the stored number by 65535, whatever it
// measures, so a stated unit says no more than that the integers are depth.
std::optional<double> unit_to_standardise(std::string_view bytes, const std::string& origin,
                                          std::optional<double> stated) {
  if (!stated) return std::nullopt;
  const bool floats = bytes.starts_with("\x93NUMPY") && decode_npy(bytes, origin).dtype[0] == 'f';
  return floats ? std::nullopt : std::optional(kMostPngMetres / 65535);
}

// Whether images of the kind are stored as .npy rather than PNG.
bool is_npy(const InputConfig& config) {
  return config.has_features() || (config.kind == "depth" && (config.standardise || config.far > kMostPngMetres));
}

// Mirrors the pixel index within its row.
size_t source_pixel(size_t i, int width, bool flip) { return flip ? i - i % width + (width - 1 - i % width) : i; }

// From blue over green and yellow to red: piecewise linear between a few anchors.
Colour warm_cold(float t) {
  static constexpr float kAnchors[][3] = {{48, 18, 59},   {70, 107, 227}, {40, 188, 235},
                                          {50, 242, 152}, {164, 252, 60}, {238, 207, 58},
                                          {251, 126, 33}, {208, 47, 5},   {122, 4, 3}};
  const float position = std::clamp(t, 0.0F, 1.0F) * 8;
  const int i = std::min(7, static_cast<int>(position));
  Colour colour;
  for (int c = 0; c < 3; ++c)
    colour[c] =
        static_cast<uint8_t>(std::lround(kAnchors[i][c] + (position - i) * (kAnchors[i + 1][c] - kAnchors[i][c])));
  return colour;
}

}  // namespace

void InputConfig::migrate(YAML::Node& node, const std::string& origin) {
  const YAML::Node& given = node;
  const YAML::Node unit = given["depth_unit"], standardise = given["standardise"];
  if (!unit.IsDefined()) return;
  const bool has_effect = !standardise.IsDefined() || !standardise.as<bool>(false);
  check(!has_effect || (unit.IsScalar() && unit.as<double>(0) == 0.001), origin, ": input.depth_unit is ",
        flow_text(unit), "; the unit is stated by the data set now: write `depth: {unit: ", flow_text(unit),
        "}` into its dataset.yaml and remove the key");
  node.remove("depth_unit");
}

void InputConfig::validate(const std::string& origin) const {
  check_fields(*this, origin + ": input");
  check(near > 0 && far > near && std::isfinite(far), origin, ": input.near and far must be positive, far beyond near");
  check(!has_features() || features > 0, origin, ": input.features is 0, expected 1 to 65536");
}

StoredImage decode_stored_image(const InputConfig& config, std::string_view bytes, const std::string& origin,
                                std::optional<double> depth_unit) {
  if (config.has_labels()) return decode_labels(bytes, origin);
  if (config.has_features()) return feature_map(config, decode_npy(bytes, origin), origin);
  if (config.kind == "grey" || config.kind == "mask")
    return one_channel(decode_image(bytes, origin), config.kind == "mask");
  if (config.standardise) {
    if (auto depth = standardised_values(bytes, origin)) return *std::move(depth);
    depth_unit = unit_to_standardise(bytes, origin, depth_unit);
  }
  if (config.kind == "depth") return decode_depth(bytes, origin, depth_unit);
  const auto png = png_kind(bytes);
  check(!png || png->bits < 16 || png->colour != 0, origin, ": is a 16-bit grey PNG, which looks like a depth map; ",
        "expected a colour image of 8 bits");
  return config.kind == "normal" ? decode_normals(bytes, origin) : decode_image(bytes, origin);
}

StoredImage read_stored_image(const InputConfig& config, const fs::path& path, const DepthUnits& units) {
  return decode_stored_image(config, read_file(path), path.string(),
                             config.kind == "depth" ? units.of(path) : std::nullopt);
}

KnownPixels known_pixels(const InputConfig& config, const StoredImage& image) {
  if (config.kind != "depth" && config.kind != "normal" && !config.has_labels()) return {};
  const size_t area = static_cast<size_t>(width_of(image)) * height_of(image);
  KnownPixels known(area);
  if (config.kind == "depth") {
    const Raster<float>& depth = depth_of(image);
    const bool all = config.standardise && is_standardised(depth);
    for (size_t i = 0; i < area; ++i) known[i] = all || depth.pixels[i] > 0;
  } else if (config.kind == "normal") {
    const Image& normals = bytes_of(image, 3);
    for (size_t i = 0; i < area; ++i) known[i] = is_known_normal(&normals.pixels[3 * i]);
  } else {
    const Image& labels = bytes_of(image, 1);
    for (size_t i = 0; i < area; ++i) known[i] = labels.pixels[i] != kNoLabel;
  }
  if (std::find(known.begin(), known.end(), 0) == known.end()) known.clear();
  return known;
}

int width_of(const StoredImage& image) {
  return std::visit([](const auto& p) { return p.width; }, image);
}
int height_of(const StoredImage& image) {
  return std::visit([](const auto& p) { return p.height; }, image);
}

StoredImage cut_square(const InputConfig& config, const StoredImage& image, const Cut& cut, int size) {
  check(!config.has_features(), "feature maps are not cut or resized");
  const auto mirrored = [](auto part) {
    for (int y = 0; y < part.height; ++y)
      for (int x = 0; 2 * x < part.width - 1; ++x)
        std::swap_ranges(part.at(x, y), part.at(x, y) + part.channels, part.at(part.width - 1 - x, y));
    return part;
  };
  const auto taken = [&](const auto& whole) {
    auto part = crop(whole, cut.left, cut.top, cut.width, cut.height);
    return cut.flip ? mirrored(std::move(part)) : part;
  };
  if (config.has_labels() || config.kind == "mask") {  // classes have no values between; mirrored last, as the original
    const Image part = crop(bytes_of(image, 1), cut.left, cut.top, cut.width, cut.height);
    Image square = resize_nearest(part, size, size);
    return cut.flip ? mirrored(std::move(square)) : square;
  }
  if (config.kind == "depth") {
    const Raster<float> part = taken(depth_of(image));
    if (part.width == size && part.height == size) return part;
    return resize_known(part, known_pixels(config, part), size, size, 0);
  }
  Image part = taken(bytes_of(image, static_cast<int>(config.channels())));
  KnownPixels known;
  if (config.kind == "normal") known = known_pixels(config, part);
  if (cut.flip && config.kind == "normal")
    for (size_t i = 0; i < part.area(); ++i)
      if (is_known(known, i)) part.pixels[3 * i] = 255 - part.pixels[3 * i];
  if (part.width == size && part.height == size) return part;
  // Bicubic weights are partly negative, so that unknown pixels cannot be left out of them.
  if (std::find(known.begin(), known.end(), 0) != known.end()) return resized_normals(part, known, size);
  return resize_bicubic(part, size, size);
}

StoredImage centre_square(const InputConfig& config, const StoredImage& image, int size) {
  if (config.has_features()) return features_of(config, image);
  const int width = width_of(image), height = height_of(image), side = std::min(width, height);
  return cut_square(config, image, {(width - side) / 2, (height - side) / 2, side, side}, size);
}

void to_network(const InputConfig& config, const StoredImage& stored, bool flip, float* out) {
  const KnownPixels known = known_pixels(config, stored);
  const StoredImage without_holes = known.empty() ? StoredImage() : filled(config, stored, known);
  const StoredImage& image = known.empty() ? stored : without_holes;
  if (config.kind == "depth") {
    const Raster<float>& depth = depth_of(image);
    if (config.standardise) {
      standardise(depth, known, out);
      if (flip)
        for (int y = 0; y < depth.height; ++y)
          std::reverse(out + int64_t{y} * depth.width, out + int64_t{y + 1} * depth.width);
      return;
    }
    const auto low = static_cast<float>(std::log(config.near));
    const auto scale = static_cast<float>(2 / std::log(config.far / config.near));
    for (size_t i = 0; i < depth.area(); ++i) {
      const float metres = depth.pixels[source_pixel(i, depth.width, flip)];
      out[i] = metres > 0 ? std::clamp((std::log(metres) - low) * scale - 1, -1.0F, 1.0F) : 1.0F;
    }
    return;
  }
  const auto channels = static_cast<int>(config.channels());
  if (config.has_features()) {
    const Raster<float>& map = features_of(config, image);
    for (size_t i = 0; i < map.area(); ++i)
      for (int c = 0; c < channels; ++c)
        out[c * map.area() + i] = map.pixels[channels * source_pixel(i, map.width, flip) + c];
    return;
  }
  const Image& bytes = bytes_of(image, channels);
  const size_t area = bytes.area();
  const float scale = config.kind == "mask" ? 1 / 255.0F : 2 / 255.0F, shift = config.kind == "mask" ? 0 : -1;
  for (size_t i = 0; i < area; ++i) {
    const uint8_t* from = &bytes.pixels[channels * source_pixel(i, bytes.width, flip)];
    for (int c = 0; c < channels; ++c) out[c * area + i] = static_cast<float>(from[c]) * scale + shift;
  }
  if (flip && config.kind == "normal")
    for (size_t i = 0; i < area; ++i) out[i] = -out[i];  // x points to the other side
}

void to_labels(const InputConfig& config, const StoredImage& image, bool flip, int64_t* out) {
  Image labels = bytes_of(image, 1);
  if (!config.none_is_a_class()) {
    const KnownPixels known = known_pixels(config, image);
    fill_unknown(labels, known);
    if (!any_known(known)) labels.pixels.assign(labels.area(), 0);
  }
  for (size_t i = 0; i < labels.area(); ++i)
    out[i] = static_cast<uint8_t>(labels.pixels[source_pixel(i, labels.width, flip)] + config.label_offset);
}

StoredImage from_network(const InputConfig& config, const float* values, int width, int height) {
  const size_t area = static_cast<size_t>(width) * height;
  if (config.kind == "depth") {
    Raster<float> depth(width, height, 1);
    std::copy_n(values, area, depth.pixels.begin());
    if (!config.standardise)
      for (float& v : depth.pixels)
        v = static_cast<float>(config.near * std::pow(config.far / config.near, (std::clamp(v, -1.0F, 1.0F) + 1) / 2));
    return depth;
  }
  if (config.has_features()) {
    Raster<float> map(width, height, static_cast<int>(config.features));
    for (size_t i = 0; i < area; ++i)
      for (int c = 0; c < map.channels; ++c) map.pixels[i * map.channels + c] = values[c * area + i];
    return map;
  }
  if (config.channels() == 1) {
    Image image(width, height, 1);
    for (size_t i = 0; i < area; ++i)  // a mask's decoder returns logits
      image.pixels[i] = config.kind == "mask" ? (values[i] > 0 ? 255 : 0) : to_byte(values[i]);
    return image;
  }
  Image image(width, height, 3);
  for (size_t i = 0; i < area; ++i) {
    float v[3] = {values[i], values[area + i], values[2 * area + i]};
    if (config.kind == "normal") {
      const float length = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
      for (float& x : v) x /= std::max(length, 1e-6F);
    }
    for (int c = 0; c < 3; ++c) image.pixels[3 * i + c] = to_byte(v[c]);
  }
  return image;
}

StoredImage from_labels(const InputConfig& config, const int64_t* labels, int width, int height) {
  Image image(width, height, 1);
  for (size_t i = 0; i < image.area(); ++i) image.pixels[i] = static_cast<uint8_t>(labels[i] - config.label_offset);
  return image;
}

std::string encode_stored_image(const InputConfig& config, const StoredImage& image) {
  if (config.kind == "depth")
    return is_npy(config) ? encode_depth_npy(depth_of(image)) : encode_depth_png(depth_of(image));
  if (config.has_labels()) return encode_label_png(bytes_of(image, 1), label_palette());
  if (config.has_features()) {
    const Raster<float>& map = features_of(config, image);
    std::vector<float> planes(map.pixels.size());
    to_network(config, image, false, planes.data());
    return encode_npy(npy_from_floats(planes, {map.channels, map.height, map.width}));
  }
  return encode_png(bytes_of(image, static_cast<int>(config.channels())));
}

Raster<float> standardised_depth(const InputConfig& config, const StoredImage& image, const KnownPixels& known) {
  check(config.standardise, "this depth is in metres, not standardised");
  const Raster<float>& depth = depth_of(image);
  Raster<float> out(depth.width, depth.height, 1);
  standardise(depth, known, out.pixels.data());
  return out;
}

const char* stored_extension(const InputConfig& config) { return is_npy(config) ? ".npy" : ".png"; }

std::string stored_suffix(const InputConfig& config) {
  if (!is_npy(config)) return ".png";
  return "_" + (config.standardise ? "standardised" : config.kind) + ".npy";
}

Image display(const InputConfig& config, const StoredImage& image) {
  if (config.kind == "rgb" || config.kind == "normal") return bytes_of(image, 3);
  if (config.has_features()) {
    const Raster<float>& map = features_of(config, image);
    return FeatureColours(map)(map);
  }
  Image out(width_of(image), height_of(image), 3);
  std::vector<float> depth(config.kind == "depth" ? out.area() : 0);
  const KnownPixels known = config.kind == "depth" ? known_pixels(config, image) : KnownPixels();
  if (config.kind == "depth") to_network(config, image, false, depth.data());
  for (size_t i = 0; i < out.area(); ++i) {
    Colour colour{};
    if (config.kind == "depth")
      colour = is_known(known, i) ? warm_cold((1 - depth[i]) / 2) : Colour{};
    else if (config.has_labels())
      colour = label_palette()[bytes_of(image, 1).pixels[i]];
    else
      colour.fill(bytes_of(image, 1).pixels[i]);
    std::copy(colour.begin(), colour.end(), &out.pixels[3 * i]);
  }
  return out;
}

const std::vector<Colour>& label_palette() {
  static const std::vector<Colour> palette = [] {
    std::vector<Colour> colours(256, Colour{0, 0, 0});
    for (int label = 0; label < 256; ++label)
      for (int bit = 0; bit < 8; ++bit)
        colours[label][bit % 3] = static_cast<uint8_t>(colours[label][bit % 3] | (label >> bit & 1) << (7 - bit / 3));
    return colours;
  }();
  return palette;
}

}  // namespace fourm
