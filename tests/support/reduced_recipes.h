// The recipes of configs/ at a size that a test can train: width, depth, vocabulary and batch are reduced, everything
// else (modalities, image sizes, masking, mixtures, losses, inputs) stays; and data of the layout that each expects.
#pragma once

#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/data/crop.h"
#include "fourm/io/image.h"
#include "fourm/io/npy.h"
#include "fourm/text/wordpiece_trainer.h"
#include "fourm/train/clip_training.h"
#include "fourm/train/pretraining.h"
#include "fourm/train/tokenizer_training.h"

namespace fourm::test {

constexpr int64_t kTokens = 32;       // vocabulary of grids
constexpr int64_t kTextTokens = 700;  // of texts
constexpr int64_t kVectorWidth = 8;   // of embeddings

/// Two steps, and one for each phase, with a checkpoint after each, on one thread in float32.
inline void reduce(TrainingConfig& training) {
  training.steps = 2 + static_cast<int64_t>(training.phases.size());
  for (PhaseConfig& phase : training.phases) {
    phase.steps = 1;
    phase.schedule.warmup_steps = phase.schedule.hold_steps = 0;
  }
  training.accumulate = 1;
  training.precision = "f32";
  training.schedule.warmup_steps = training.schedule.hold_steps = 0;
  training.log_every = training.checkpoint_every = 1;
  training.evaluate_every = 0;
  training.threads = 1;
}

/// The modalities that the recipe names, with reduced vocabularies, as YAML; `table` has those of its modalities file.
inline std::string reduced_modalities(const ModelConfig& model, const ModalityTable& table) {
  std::vector<std::string> names = model.domains_in;
  names.insert(names.end(), model.domains_out.begin(), model.domains_out.end());
  YAML::Node yaml = parse_yaml(table.yaml(names), "the modalities");
  for (auto row : yaml["modalities"]) {
    const auto kind = row.second["kind"].as<std::string>();
    if (kind == "tokens") row.second["vocab_size"] = kTokens;
    if (kind == "sequence") row.second["vocab_size"] = kTextTokens;
    if (kind == "embeddings") row.second["width"] = kVectorWidth;
  }
  return yaml_text(yaml);
}

/// Writes the made data of reduced recipes under a folder; what is there stays.
class MadeData {
 public:
  explicit MadeData(fs::path root) : root_(std::move(root)) {}

  /// tokenizer.json at `path`.
  void text_tokenizer(const fs::path& path) const {
    WordPieceTrainer text({.vocabulary_size = kTextTokens,
                           .sentinels = 20,
                           .coordinates = 100,
                           .classes = {"chair", "table"},
                           .min_frequency = 0});
    text.add("a room with a chair and a table");
    write_file(root_ / path, text.tokenizer_json());
  }

  /// A token set: files of these modalities for each sample, of two crops. The second is mirrored, but not where there are
  /// poses, which mirrored crops lack.
  void token_set(const fs::path& path, const std::vector<std::string>& names, const ModalityTable& table) const {
    for (const auto& name : names) {
      const Modality m = table.at(name);
      for (int i = 0; i < kSamples; ++i) {
        if (m.kind == ModalityKind::kPixels)
          image(root_ / path / "rgb", "rgb", i);
        else if (m.kind == ModalityKind::kTokens)
          write_npy(file(path / name, i, ".npy"), integers({2, m.max_tokens}, kTokens, i));
        else
          sequence(path / name, name, m, i);
      }
    }
    const int64_t mirrored = contains(names, "human_poses") ? 0 : 1;
    for (int i = 0; i < kSamples; ++i)
      write_npy(file(path / "crop_settings", i, ".npy"),
                npy_from_integers({0, 2, 36, 36, 0, 1, 0, 30, 40, mirrored}, {2, 5}, "i4"));
  }

  /// Images, maps or features of the kind of an input (modality/transform.h), in a folder.
  void images(const fs::path& path, const TokenizerConfig& tokenizer) const {
    const InputConfig input = tokenizer.image_input();
    for (int i = 0; i < kSamples; ++i) {
      if (!input.has_features()) {
        image(root_ / path, input.kind, i);
        continue;
      }
      const int64_t grid = tokenizer.encoder_grid();
      std::vector<int64_t> shape{tokenizer.n_channels};
      if (!mlp_sizes(tokenizer.enc_type)) shape.insert(shape.end(), {grid, grid});
      write_npy(file(path, i, ".npy"), floats(shape, i));
    }
  }

  /// Images with captions.
  void described_images(const fs::path& path) const {
    for (int i = 0; i < kSamples; ++i) {
      image(root_ / path / "rgb", "rgb", i);
      write_json(file(path / "caption", i, ".json"), captions(i));
    }
  }

 private:
  static constexpr int kSamples = 4, kWidth = 40, kHeight = 36;

  fs::path file(const fs::path& folder, int i, const char* ending) const {
    make_folder(root_ / folder);
    return root_ / folder / ("sample" + std::to_string(i) + ending);
  }

  static NpyArray integers(const std::vector<int64_t>& shape, int64_t below, int i) {
    Random random(1, {static_cast<uint64_t>(i)});
    std::vector<int64_t> values(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
    for (auto& v : values) v = random.below(below);
    return npy_from_integers(values, shape, "i2");
  }

  static NpyArray floats(const std::vector<int64_t>& shape, int i) {
    Random random(2, {static_cast<uint64_t>(i)});
    std::vector<float> values(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
    for (auto& v : values) v = static_cast<float>(random.normal());
    return npy_from_floats(values, shape);
  }

  static Json captions(int i) {
    const std::string number = i % 2 ? "chair" : "table";
    return {"a room with a " + number, "a room with a chair and a " + number};
  }

  static void image(const fs::path& folder, const std::string& kind, int i) {
    Random random(3, {static_cast<uint64_t>(i)});
    const auto fill = [&](auto& raster, int64_t low, int64_t high) {
      for (auto& p : raster.pixels) p = static_cast<std::decay_t<decltype(p)>>(random.between(low, high));
    };
    Image colours(kWidth, kHeight, 3), grey(kWidth, kHeight, 1);
    Raster<uint8_t> labels(kWidth, kHeight, 1);
    Raster<uint16_t> depth(kWidth, kHeight, 1);
    fill(colours, 0, 255);
    fill(grey, 0, 255);
    fill(labels, 0, 30);
    fill(depth, 1000, 6000);
    make_folder(folder);
    write_file(folder / ("sample" + std::to_string(i) + ".png"),
               kind == "depth"                    ? encode_png16(depth)
               : kind == "semseg"                 ? encode_label_png(labels, std::vector<Colour>(40))
               : kind == "grey" || kind == "mask" ? encode_png(grey)
                                                  : encode_png(colours));
  }

  void sequence(const fs::path& folder, const std::string& name, const Modality& m, int i) const {
    const fs::path json = file(folder, i, ".json");
    if (m.kind == ModalityKind::kEmbeddings) {
      write_npy(file(folder, i, ".npy"), floats({m.max_tokens - i, m.width}, i));
    } else if (name == "det") {
      write_json(json, {{"instances",
                         {{{"boxes", {0.1, 0.25, 0.5, 0.75}}, {"class_name", "chair"}, {"score", 0.9}},
                          {{"boxes", {0.2, 0.3, 0.9, 0.8}}, {"class_name", "table"}, {"score", 0.7}}}}});
    } else if (name == "metadata") {
      write_json(json, {{"original_width", 640}, {"original_height", 480}, {"brightness", 120.5}, {"n_humans", i}});
    } else if (name == "color_palette") {
      Json palettes = Json::object();
      for (int n = 1; n <= 7; ++n) palettes[std::to_string(n)] = std::vector<std::vector<int>>(n, {10 * n, 20, 30 + i});
      write_json(json, Json::array({palettes}));
    } else if (name == "human_poses") {
      const std::vector<double> turn{1, 0, 0, 0, 1, 0, 0, 0, 1};
      write_json(json, i == 0 ? Json::array()
                              : Json{{"bbox_xyxy", {{0.1, 0.1, 0.5, 0.9}}},
                                     {"pose_tokenized", {{1, 2, 3, 4, 5, 6, 7, 1023}}},
                                     {"pred_cam", {{0.5, 0.1, 5.0}}},
                                     {"pred_smpl_params",
                                      {{"global_orient", {turn}},
                                       {"body_pose", {std::vector<double>(207, 0.0)}},
                                       {"betas", {std::vector<double>(10, 0.1)}}}}});
    } else if (name == "sam_instance") {
      // Ids of its own stand above those of the special tokens.
      write_npy(file(folder, i, ".npy"), integers({2, 40 + i}, kTextTokens / 2, i));
    } else {
      write_json(json, captions(i));
    }
  }

  fs::path root_;
};

}  // namespace fourm::test
