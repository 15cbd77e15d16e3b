// What a result was made from, so that it can be made again: stored in PNG files and in manifest.json.
#pragma once

#include "fourm/core/json.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

struct Input;

/// What decides a result beside its inputs.
struct GenerationSettings {
  std::string model{};    ///< its folder
  std::string weights{};  ///< Pipeline::fingerprint(); empty: not known
  std::string precision{};
  uint64_t seed = 0;
  bool draw = true;
  Plan plan{};
  DecodeOptions decoding{};
  bool paste_kept = false;         ///< kept parts of an image are copied into the result, at the image's own resolution
  std::string super_resolution{};  ///< folder of the model of a second stage; empty: none
  std::string super_resolution_weights{};
  Plan super_resolution_plan{};
};
Json settings_json(const GenerationSettings& settings);
GenerationSettings settings_from_json(const Json& json, const std::string& origin);
/// The keys of the stored settings that are not as expected. Earlier versions stored fewer keys.
std::vector<std::string> changed_settings(Json stored, const Json& expected, const std::string& origin);

/// The inputs of a canvas: tokens and texts whole; pixels and vectors by file and SHA-256, and so are images of which a part
/// is kept if `with_kept`, and masks. `inputs`: as they were given, in the order of the canvas.
Json inputs_json(const Pipeline& pipeline, const Canvas& canvas, const std::vector<Input>& inputs,
                 bool with_kept = false);

/// A canvas with the recorded inputs and random numbers. Error when a file is missing or has changed.
struct GenerationRecord {
  GenerationSettings settings;
  Json inputs;
  uint64_t key = 0;
  std::string sample{};  ///< name of the sample; empty where there was only one

  std::string text() const;  ///< JSON in ASCII, for a PNG file
  /// From the text that a PNG file holds.
  static GenerationRecord parse(const std::string& text, const std::string& origin);
  /// From a PNG file that `fourm generate` wrote. Error when it holds no record.
  static GenerationRecord read(const fs::path& png);
  Canvas canvas(const Pipeline& pipeline) const;
};

}  // namespace fourm
