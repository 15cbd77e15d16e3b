// The high-level interface of generation: a model with its tokenizers and vocabulary. Images, texts and token files are
// put on canvases, a plan is run, and the results are images, texts and tokens again.
//
//   const Pipeline pipeline = Pipeline::open({.model = "models/rooms-ti"});
//   std::vector<Canvas> canvases(1);
//   pipeline.add_input(canvases[0], "rgb@128", "room.png");
//   pipeline.add_target(canvases[0], "tok_depth@128");
//   pipeline.run(canvases, pipeline.default_plan(canvases[0], {"tok_depth@128"}), {.seed = 1});
//   write_png("depth.png", pipeline.visualize(canvases[0], "tok_depth@128"));
//
// A pipeline may be used by several threads at once.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "fourm/generate/canvas.h"
#include "fourm/generate/plan.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/modality/modality_name.h"
#include "fourm/modality/transform.h"
#include "fourm/text/boxes.h"
#include "fourm/text/wordpiece.h"
#include "fourm/tokenizer/decode_options.h"

namespace fourm {

struct Input;
struct InputValue;
struct NpyArray;

struct PipelineFiles {
  fs::path model{};           ///< model folder or single safetensors file
  fs::path tokenizers{};      ///< one folder for each modality; default: MODEL/tokenizers where it exists
  fs::path text_tokenizer{};  ///< tokenizer.json; default: MODEL/tokenizer.json where it exists
  fs::path modalities{};      ///< YAML with further modalities; default: MODEL/modalities.yaml where it exists
};

/// How far the step of a sequence is.
struct TextProgress {
  int64_t step, steps;   ///< as for RunOptions::on_step
  int64_t tokens, most;  ///< generated so far, and at most
  const std::string& target;
};

struct RunOptions {
  uint64_t seed = 0;
  bool draw = true;  ///< false: greedy, always the most likely token
  /// Called after each step with its index, the number of steps and its target; false stops the run. Canvases of different
  /// conditions are run in groups, each with its own steps.
  std::function<bool(int64_t step, int64_t steps, const std::string& target)> on_step{};
  /// Called within the step of a sequence, after each token; false stops the run.
  std::function<bool(const TextProgress& progress)> on_token{};
};

class Pipeline {
 public:
  /// Opens model and tokenizers. Error on files that are missing or do not fit each other, and on a device or precision that is
  /// not available.
  static Pipeline open(const PipelineFiles& files, const ComputeConfig& config = {});

  const ComputeConfig& compute() const;              ///< what it was opened with
  Modality modality(const std::string& name) const;  ///< Error on a name that the model does not have
  std::vector<std::string> inputs() const;           ///< names of the modalities that it reads, sorted
  std::vector<std::string> outputs() const;          ///< and of those that it generates
  /// The input or output that a short name means: the name itself, else the one size of it ("rgb" is "rgb@128"), else that
  /// with tok_ in front ("depth" is "tok_depth@128"). Error with the nearest name, and where several sizes match.
  std::string input_name(const std::string& name) const;
  std::string output_name(const std::string& name) const;
  bool has_tokenizer(const std::string& modality) const;
  /// Whether the tokens in the text of a sequence can be decoded: outlines of sam_instance (tokenizers/sam_instance or
  /// tokenizers/sam_mask), poses of human_poses.
  bool has_sequence_tokenizer(const std::string& modality) const;
  /// The folder that the modality's tokenizer was opened from; empty where it has none.
  fs::path tokenizer_folder(const std::string& modality) const;
  bool has_text_tokenizer() const;
  const WordPiece& text_tokenizer() const;  ///< Error when there is no text tokenizer
  /// Tells the model and the tokenizers apart from others (io/weights.h): other weights give other results.
  std::string fingerprint() const;
  /// The kind of the images of the modality; Error when it has none.
  InputConfig input_config(const std::string& modality) const;
  /// Pixels a side of the square image behind the modality's tokens: its own, or its tokenizer's where its tokens are no
  /// grid. Error when it has neither.
  int image_size(const std::string& modality) const;

  /// Adds an input to the canvas; `value` names a file or is the text itself (generate/input_value.h). Files are read as
  /// in training (data/modality_file.h): of several crops or texts the first, of palettes and of orders of metadata a
  /// fixed one. Boxes of a file refer to the whole image; those in its middle square are used, by the width and height in
  /// the file, otherwise by those of the image that was added before. Token modalities take what their tokenizer reads
  /// (images, depth, or floats of features) or token ids. An integer .npy holds token ids, or depth where its unit is
  /// stated; Error on one that may be either. Warns when a text is cut to max_tokens or looks like a file or like boxes.
  void add_input(Canvas& canvas, const std::string& modality, const std::string& value,
                 const DepthUnits& units = DepthUnits()) const;
  /// The same with a part that is kept and a weight. Of a modality that is also a target, the rest is generated.
  void add_input(Canvas& canvas, const Input& input, const DepthUnits& units = DepthUnits()) const;
  /// All of them: images first, since boxes need their size. Their order on the canvas is that of the list.
  void add_inputs(Canvas& canvas, const std::vector<Input>& inputs, const DepthUnits& units = DepthUnits()) const;
  /// The extensions of files that are read as the modality: ".png".
  std::vector<std::string> input_extensions(const std::string& modality) const;
  /// The bytes of a file with this extension ("png"); `origin` names them in errors, `depth_unit` is that of depth. Returns
  /// the size of an image, 0 x 0 of anything else.
  ImageSize add_bytes(Canvas& canvas, const std::string& modality, std::string bytes, std::string extension,
                      const std::string& origin, std::optional<double> depth_unit = {}) const;
  /// An image of any size: its middle square is resized to the modality's size.
  void add_image(Canvas& canvas, const std::string& modality, const StoredImage& image) const;
  /// Called with a warning and its topic (modality/text_warnings.h).
  using Warn = std::function<void(const std::string& topic, const std::string& message)>;
  /// [EOS] is added; what is beyond max_tokens is cut, with a warning. A text with sentinels ([S_1] ...) has holes that a
  /// plan can fill.
  void add_text(Canvas& canvas, const std::string& modality, const std::string& text, const Warn& warn = {}) const;
  /// Boxes as the text of a detection modality. Their corners lie in the square that the model reads, as in boxes().
  void add_boxes(Canvas& canvas, const std::string& modality, const std::vector<LabelledBox>& boxes) const;
  /// -1 in a grid is an unknown token.
  void add_tokens(Canvas& canvas, const std::string& modality, const std::vector<int64_t>& tokens) const;
  /// Tokens of an image of any size, as in add_image(); also for modalities that the model does not read. Error when
  /// there is no tokenizer.
  std::vector<int64_t> tokenize(const std::string& modality, const StoredImage& image) const;
  /// Adds what is known on the canvas of another model, of modalities that this one reads.
  void add_known_from(Canvas& canvas, const Canvas& other) const;
  /// Something to generate. Tokens of it that are known are kept. Error when all are.
  void add_target(Canvas& canvas, const std::string& modality) const;

  /// Default settings of the targets for the inputs of the canvas (generate/defaults.h): those of generation.yaml in the
  /// model folder, otherwise the authors'. Targets may be added that the model generates first.
  Plan default_plan(const Canvas& canvas, const std::vector<std::string>& outputs) const;
  Plan default_plan(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) const;
  /// The plan in a file. Targets and conditions may have short names. Error naming the file when the plan cannot be run
  /// (generate/plan.h).
  Plan read_plan(const fs::path& file) const;
  /// The steps of a run of the plan.
  int64_t step_count(const Plan& plan) const;
  /// Fills the canvases; false when a callback stopped it. Without `conditions` in the plan they are, for each canvas,
  /// every entry without target tokens. Error when a target is guided by a condition of the plan that the model does not read, or that
  /// is neither known on any canvas nor an earlier target.
  bool run(std::vector<Canvas>& canvases, Plan plan, const RunOptions& options) const;

  // Results. Error when the canvas lacks the modality, or has unknown tokens of it where all are needed.

  std::vector<int64_t> tokens(const Canvas& canvas, const std::string& modality) const;  ///< [L]; -1 unknown
  /// Those of a sequence without special tokens and counted from first_free_id(), as they are stored in files.
  std::vector<int64_t> file_tokens(const Canvas& canvas, const std::string& modality) const;
  int64_t square_size() const;  ///< pixels per side of the square image that generated boxes lie in
  std::string text(const Canvas& canvas, const std::string& modality) const;  ///< without [EOS] and padding
  /// Corners from 0 to 1 in the square of square_size() pixels.
  std::vector<LabelledBox> boxes(const Canvas& canvas, const std::string& modality) const;
  /// Of the tokenizer's size and kind. `decoding` is for diffusion tokenizers. Error when there is no tokenizer.
  StoredImage image(const Canvas& canvas, const std::string& modality, const DecodeOptions& decoding = {}) const;
  /// The images of lists of tokens, each on a square grid; also of those in the texts of a sequence.
  std::vector<StoredImage> decode(const std::string& modality, const std::vector<std::vector<int64_t>>& tokens,
                                  const DecodeOptions& decoding = {}) const;
  /// The decoded image as 8-bit RGB: depth and labels in colours, features by principal components (modality/transform.h,
  /// display). Error for modalities without an image tokenizer.
  Image visualize(const Canvas& canvas, const std::string& modality, const DecodeOptions& decoding = {}) const;

  /// The encoder's output for the known tokens, in the order of the canvas. Error when nothing is known.
  struct Features {
    std::vector<float> values;  ///< [N, D]
    int64_t width = 0;
    std::vector<std::string> modalities;  ///< [N] of each row; registers are "register"
  };
  Features features(const Canvas& canvas) const;

 private:
  struct State;
  explicit Pipeline(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  ImageSize add_value(Canvas& canvas, const Modality& modality, const std::string& value,
                      const DepthUnits& units) const;
  ImageSize add_file(Canvas& canvas, const Modality& modality, const InputValue& given, const DepthUnits& units) const;
  void add_known(Canvas& canvas, const Modality& modality, ModalityData data) const;
  bool holds_tokens(const Modality& modality, const NpyArray& array, const std::string& origin,
                    std::optional<double> depth_unit) const;
  void add_text_ids(Canvas& canvas, const Modality& modality, const std::vector<int64_t>& ids) const;
  void check_plan(const Plan& plan, const fs::path& origin) const;
  std::shared_ptr<const State> state_;
};

}  // namespace fourm
