// A small described world: a disc of one of four colours on the left or on the right, and what it shows in words.
#pragma once

#include <cmath>

#include "fourm/clip/config.h"
#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "fourm/io/image.h"
#include "fourm/text/wordpiece_trainer.h"

namespace fourm::test {

struct DescribedDisc {
  Image image;
  std::vector<std::string> captions;  ///< the longest last
};

/// 32 x 32 pixels; eight kinds, `i` says which and where in it.
inline DescribedDisc described_disc(int i) {
  static const std::pair<const char*, Colour> colours[] = {
      {"red", {220, 30, 30}}, {"green", {30, 200, 40}}, {"blue", {40, 60, 230}}, {"white", {250, 250, 250}}};
  const auto& [name, colour] = colours[i % 4];
  const bool right = i / 4 % 2;
  Random random(static_cast<uint64_t>(i));
  const double x0 = random.uniform(6, 11) + (right ? 15 : 0), y0 = random.uniform(6, 26), r = random.uniform(4, 6);
  Image image(32, 32, 3, static_cast<uint8_t>(random.below(60)));
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x)
      if (std::hypot(x - x0, y - y0) < r) std::copy(colour.begin(), colour.end(), image.at(x, y));
  const std::string disc = std::string("a ") + name + " disc";
  return {image, {disc, disc + " on the " + (right ? "right" : "left")}};
}

/// ROOT/rgb, ROOT/caption, and ROOT/text.json, a text tokenizer.
inline void write_described_discs(const fs::path& root, int count) {
  WordPieceTrainer text({.vocabulary_size = 150, .sentinels = 4, .coordinates = 8, .classes = {}, .min_frequency = 0});
  for (int i = 0; i < count; ++i) {
    const DescribedDisc disc = described_disc(i);
    const std::string name = std::to_string(1000 + i);
    write_file(root / "rgb" / (name + ".png"), encode_png(disc.image));
    write_file(root / "caption" / (name + ".json"), Json(disc.captions).dump());
    for (const auto& caption : disc.captions) text.add(caption);
  }
  write_file(root / "text.json", text.tokenizer_json());
}

/// An image-text model for the discs.
inline ClipConfig small_clip() {
  ClipConfig config;
  config.image_size = 32;
  config.patch_size = 8;
  config.embed_dim = 12;
  config.image_width = config.text_width = 16;
  config.image_depth = config.text_depth = 2;
  config.image_heads = config.text_heads = 2;
  config.max_tokens = 12;
  return config;
}

}  // namespace fourm::test
