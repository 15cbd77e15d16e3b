#include "fourm/train/pretokenize.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "fourm/clip/image_text.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/carry_over.h"
#include "fourm/data/member_name.h"
#include "fourm/data/sample_image.h"
#include "fourm/data/token_set.h"
#include "fourm/data/token_writer.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/modality/modality.h"
#include "fourm/modality/modality_name.h"
#include "fourm/tokenizer/image_tokenizer.h"

namespace fourm {
namespace {

constexpr size_t kBatch = 64;  // images encoded at once

struct NamedTokenizer {
  std::string modality, folder;  // "tok_depth@128", "depth"
  ImageTokenizer tokenizer;
  bool vectors = false;      // reads a vector of a whole image, not a map
  bool from_images = false;  // reads features that are made of crops of rgb
  size_t square = 0;         // of Squares: what it reads

  int size() const { return static_cast<int>(tokenizer.image_size()); }
  int64_t patch() const { return tokenizer.config().patch_size; }
  int64_t grid() const { return size() / patch(); }
  int64_t length() const { return tokenizer.config().num_codebooks * (vectors ? 1 : grid() * grid()); }
};

// Pixels of the images, by name "rgb@128".
struct PixelSize {
  std::string modality;
  int size;
  size_t square = 0;  // of Squares
};

// The files of a folder, decoded in one way.
struct Decoding {
  std::string folder;
  InputConfig input;
};

// Crops of decoded files, resized to squares.
struct Square {
  size_t decoding;
  int size;
};

// A sample from files that are read and decoded once.
struct PreparedSample {
  int64_t index = 0;
  std::string broken;  // why it is left out; empty: it is not
  SampleCrops crops;
  std::vector<std::vector<StoredImage>> squares;   // by Square, a crop each; empty where the sample lacks the file
  std::vector<std::optional<std::string>> copies;  // bytes by copied modality
};

// A row of modalities.yaml.
std::string row_of(const NamedTokenizer& t) {
  const int64_t vocabulary = t.tokenizer.config().codebook_size, length = t.length();
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(length))));
  const bool is_grid = side * side == length && t.size() % side == 0;
  const ModalityTable official = ModalityTable::official();
  const bool learned =
      official.contains(t.modality) && official.at(t.modality, t.size()).positions == PositionKind::kLearned;
  return concat("  ", t.modality, ": {kind: tokens, vocab_size: ", vocabulary,
                is_grid ? concat(", image_size: ", t.size(), ", patch_size: ", t.size() / side)
                        : concat(", max_tokens: ", length),
                learned ? ", positions: learned" : "", "}\n");
}

class Pretokenizer {
 public:
  explicit Pretokenizer(const PretokenizeOptions& options)
      : o_(options), source_(Source::open(options.data, options.skip_broken ? &faults_ : nullptr)) {
    check_apart(source_.root(), o_.out);
    if (!o_.clip.empty())
      clip_ = ImageText::open(o_.clip, {.device = ComputeConfig{.device = o_.device}.first_device()});
    check_fields(o_, "the options");
    check(o_.workers > 0 && o_.worker >= 0 && o_.worker < o_.workers, "worker should be from 0 to workers - 1");
    open_tokenizers();
    check(!tokenizers_.empty(), o_.data, ": holds nothing that the tokenizers read");
    for (int64_t i = 0; i < source_.size(); ++i) check_shard_key(source_.name(i), o_.data);
    choose_pixels();
    plan_squares();
    std::set<std::string> used{"crop_settings"};
    for (const Decoding& d : decodings_) used.insert(d.folder);
    for (const auto& [modality, row] : layout_.rows)
      if (used.insert(modality).second && source_.has(modality))
        warn(modality, " of ", o_.data, " is not copied: the tokenizers make it from the images");
    CarryOver carry = plan_carry_over(source_, used, o_.crops);
    layout_.copied = std::move(carry.copied);
    for (const auto& [modality, reason] : carry.left_out)
      warn(modality, " of ", o_.data, " is not carried over: ", reason);
    // Captions of a set with crops of its own may be about those, mirrored as they are.
    layout_.texts_of_crops = source_.has("crop_settings") && !has_whole_image_texts(source_);
    layout_.shard_size = o_.shard_size;
  }

  void run() {
    const TokenWriter writer(source_, o_.out, layout_, settings());
    Progress progress("tokenize", writer.shards());
    for (int64_t shard = o_.worker; shard < writer.shards(); shard += o_.workers) {
      if (is_current(writer, shard))
        progress.skip();
      else
        make_shard(writer, shard);
      progress.update(shard + 1);
    }
    list_broken();
    for (const auto& [modality, unknown] : unknown_)
      warn(o_.out.string(), ": ", counted(unknown.count, "sample"), " of the shards made now ",
           unknown.count == 1 ? "has" : "have", " no ", modality, ", since a crop has no known pixel (", unknown.first,
           unknown.count > 1 ? ", ...)" : ")");
    note(o_.out.string(), ": ", counted(source_.size(), "sample"), " in ", counted(writer.shards(), "shard"),
         o_.workers > 1 ? concat(", of which worker ", o_.worker, " made its part") : "");
  }

 private:
  void open_tokenizers() {
    check(fs::is_directory(o_.tokenizers), o_.tokenizers.string(), ": no such folder");
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(o_.tokenizers))
      if (entry.path().filename().string().starts_with("tok_")) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    check(!found.empty(), o_.tokenizers.string(),
          ": holds no tokenizers; they should stand in folders named after their modality, such as tok_depth@128");
    for (const auto& folder : found) {
      const std::string modality = folder.filename().string(), base = base_name(modality);
      const bool from_images = clip_ && base == "clip";
      const std::string from = from_images ? "rgb" : base;
      if (!source_.has(from)) {
        warn(o_.data, ": has no ", from, " for the tokenizer ", modality);
        continue;
      }
      tokenizers_.push_back({modality, from, ImageTokenizer::open(folder, {.device = o_.device}, modality)});
      NamedTokenizer& t = tokenizers_.back();
      t.from_images = from_images;
      const TokenizerConfig& config = t.tokenizer.config();
      check(config.codebook_size <= 1 << 15, modality, ": tokens of a codebook of ", config.codebook_size,
            " do not fit the 16 bits of token files");
      check(t.size() % t.patch() == 0, modality, ": ", t.size(), " pixels are no multiple of the tokenizer's patch of ",
            t.patch());
      if (from_images)
        check_clip(t);
      else if (t.tokenizer.input().has_features())
        t.vectors = has_vectors(t);
      if (!t.vectors && t.size() != config.image_size)
        note(modality, ": the tokenizer was made for ", config.image_size,
             " pixels; its position table is resized to the ", t.size(), " of its name");
      made_from_[modality] = weights_digest(model_folder(folder));
      if (from_images) made_from_[modality] += " " + weights_digest(model_folder(o_.clip));
      layout_.rows[modality] = row_of(t);
    }
  }

  // That the tokenizer reads the features of the image-text model.
  void check_clip(const NamedTokenizer& t) const {
    check(t.tokenizer.input().has_features(), t.modality, ": the tokenizer does not read features");
    check(t.patch() == clip_->patch_size() && t.tokenizer.config().n_channels == clip_->width(), t.modality,
          ": the tokenizer reads ", t.tokenizer.config().n_channels, " numbers for each ", t.patch(), " pixels, but ",
          o_.clip.string(), " makes ", clip_->width(), " for each ", clip_->patch_size());
  }

  // Whether the files of a feature tokenizer are vectors; the first one tells.
  bool has_vectors(const NamedTokenizer& t) const {
    for (int64_t i = 0; i < source_.size(); ++i)
      if (source_.has(i, t.folder)) {
        const NpyArray array = decode_npy(source_.read(i, t.folder), source_.origin(i, t.folder));
        return array.count() == t.tokenizer.config().n_channels;
      }
    return false;
  }

  // The given sizes; else the sizes of tok_rgb; without it the largest size of any tokenizer.
  void choose_pixels() {
    if (!source_.has("rgb")) return;
    std::map<int, int64_t> patches;  // size -> patch
    for (const auto& t : tokenizers_)
      if (t.folder == "rgb") patches[t.size()] = t.patch();
    if (patches.empty()) {
      const auto largest = std::max_element(tokenizers_.begin(), tokenizers_.end(),
                                            [](const auto& a, const auto& b) { return a.size() < b.size(); });
      patches[largest->size()] = largest->patch();
    }
    if (!o_.pixels.empty()) {
      const int64_t patch = patches.begin()->second;
      patches.clear();
      for (const int64_t size : o_.pixels) {
        check(size % patch == 0, "pixels ", size, ": expected a multiple of the patch, ", patch);
        patches[static_cast<int>(size)] = patch;
      }
    }
    for (const auto& [size, patch] : patches) {
      const std::string name = concat("rgb@", size);
      pixels_.push_back({name, size});
      layout_.rows[name] = concat("  ", name, ": {kind: pixels, image_size: ", size, ", patch_size: ", patch, "}\n");
    }
  }

  // Each folder is decoded once, each size of its crops is resized once.
  void plan_squares() {
    const auto index_of = [](auto& list, const auto& same, const auto& item) {
      const auto found = std::find_if(list.begin(), list.end(), same);
      if (found != list.end()) return static_cast<size_t>(found - list.begin());
      list.push_back(item);
      return list.size() - 1;
    };
    const auto square = [&](const std::string& folder, const InputConfig& input, int size) {
      const size_t decoding = index_of(
          decodings_, [&](const Decoding& d) { return d.folder == folder && d.input == input; },
          Decoding{folder, input});
      return index_of(
          squares_, [&](const Square& s) { return s.decoding == decoding && s.size == size; }, Square{decoding, size});
    };
    for (auto& t : tokenizers_)
      t.square = square(t.folder, t.from_images ? InputConfig() : t.tokenizer.input(), t.size());
    for (auto& p : pixels_) p.square = square("rgb", InputConfig(), p.size);
  }

  // What decides the bytes of the shards, beside the layout.
  Json settings() const {
    Json settings{
        {"crops", o_.crops}, {"seed", o_.seed}, {"min_crop_scale", o_.crop.min_scale}, {"flip", o_.crop.flip}};
    if (Json units = depth_units(); !units.is_null()) settings["depth_unit"] = std::move(units);
    for (const auto& [modality, digest] : made_from_) settings["tokenizers"][modality] = digest;
    return settings;
  }

  // The unit of all depth files, null where none is stated; or, where folders differ, the unit of each folder.
  Json depth_units() const {
    Json folders = Json::object();
    for (int64_t i = 0; i < source_.size(); ++i) {
      if (!source_.has(i, "depth")) continue;
      const fs::path file = source_.file(i, "depth");
      const std::string folder = file.parent_path().lexically_relative(o_.data).string();
      if (folders.contains(folder)) continue;
      const auto unit = units_.of(file);
      folders[folder] = unit ? Json(*unit) : Json();
    }
    const bool differ =
        std::any_of(folders.begin(), folders.end(), [&](const Json& unit) { return unit != folders.front(); });
    return differ ? folders : folders.empty() ? Json() : folders.front();
  }

  // Whether the shard is complete and what was broken then is broken still.
  bool is_current(const TokenWriter& writer, int64_t shard) {
    if (!writer.is_complete(shard)) return false;
    const auto broken = writer.broken(shard);
    for (const int64_t i : writer.samples(shard))
      if (broken.contains(source_.name(i)) && prepare(i).broken.empty()) return false;
    for (const auto& [name, reason] : broken) broken_.push_back(reason);
    return true;
  }

  // The crops of a sample and the files that are copied with it. With skip_broken a fault is noted in the sample.
  PreparedSample prepare(int64_t i) const {
    try {
      PreparedSample sample;
      sample.index = i;
      std::vector<std::optional<StoredImage>> images(decodings_.size());
      for (size_t d = 0; d < decodings_.size(); ++d)
        if (source_.has(i, decodings_[d].folder)) images[d] = decode(i, decodings_[d]);
      for (const auto& modality : layout_.copied) {
        auto& copy = sample.copies.emplace_back();
        if (is_copied(source_, i, modality)) copy = source_.read(i, modality);
      }
      sample.crops = crops_of(i, size_of(i, images), sample.copies);
      for (const auto& t : tokenizers_)
        if (const auto& image = images[squares_[t.square].decoding]) check_input(t, *image, sample);
      for (const Square& square : squares_) {
        const InputConfig& input = decodings_[square.decoding].input;
        auto& crops = sample.squares.emplace_back();
        if (const auto& image = images[square.decoding])
          for (int64_t c = 0; c < o_.crops; ++c)
            crops.push_back(
                input.has_features() ? *image : cut_square(input, *image, to_cut(sample.crops.views[c]), square.size));
      }
      for (size_t m = 0; m < layout_.copied.size(); ++m)
        if (auto& copy = sample.copies[m])
          copy = carried_over(source_, i, layout_.copied[m], std::move(*copy), sample.crops);
      return sample;
    } catch (const Error& error) {
      if (!o_.skip_broken) throw Error(std::string(error.what()) + "; skip_broken leaves such samples out");
      PreparedSample left_out;
      left_out.index = i;
      left_out.broken = error.what();
      return left_out;
    }
  }

  StoredImage decode(int64_t i, const Decoding& d) const {
    return decode_stored_image(d.input, source_.read(i, d.folder), source_.origin(i, d.folder),
                               units_.of(source_.file(i, d.folder)));
  }

  // Checks that the tokenizer has a code for what the file holds.
  void check_input(const NamedTokenizer& t, const StoredImage& image, const PreparedSample& sample) const {
    const InputConfig& input = t.tokenizer.input();
    if (t.from_images || (!input.has_features() && !input.has_labels())) return;
    const std::string where = source_.origin(sample.index, t.folder);
    const int width = width_of(image), height = height_of(image);
    if (input.has_features()) {
      const int64_t side = t.vectors ? 1 : t.grid();
      check(width == side && height == side, where, ": holds ", height, "x", width, " vectors, ", t.modality, " reads ",
            side, "x", side);
      if (!t.vectors)
        for (const auto& view : sample.crops.views) check_middle(view, where);
      return;
    }
    const int64_t known = t.tokenizer.config().n_labels.value_or(256) - input.label_offset;
    for (const int label : std::get<Image>(image).pixels)
      check(label < known || label == 255, where, ": holds the label ", label, ", ", t.modality, " has 0 to ",
            known - 1);
  }

  // A feature map was made of the middle square and cannot be cut; only that crop has it.
  static void check_middle(const CropView& view, const std::string& where) {
    const CropView middle = centre_view(static_cast<int>(view.width), static_cast<int>(view.height));
    check(!view.flip && view.top == middle.top && view.left == middle.left && view.crop_height == middle.crop_height &&
              view.crop_width == middle.crop_width,
          where, ": feature maps are of the middle square, other crops have none; use 1 crop and no crop_settings");
  }

  // The size of the images of a sample. Error when they differ.
  std::optional<ImageSize> size_of(int64_t i, const std::vector<std::optional<StoredImage>>& images) const {
    std::optional<ImageSize> size;
    std::string sized;  // the folder of an image of that size
    for (size_t d = 0; d < decodings_.size(); ++d) {
      const auto& [folder, input] = decodings_[d];
      if (!images[d] || input.has_features()) continue;
      const ImageSize found{width_of(*images[d]), height_of(*images[d])};
      check(!size || found == *size, source_.origin(i, folder), ": is ", found.width, "x", found.height, ", but ",
            sized, " of the sample is ", size.value_or(found).width, "x", size.value_or(found).height,
            "; `fourm data check` lists such files");
      size = found;
      sized = folder;
    }
    return size ? size : image_size(source_, i);
  }

  using Copies = std::vector<std::optional<std::string>>;

  // The size that the boxes of a sample without an image state.
  std::optional<ImageSize> stated_size(int64_t i, const Copies& copies) const {
    for (size_t m = 0; m < layout_.copied.size(); ++m)
      if (copies[m])
        if (const auto size = stated_image_size(source_, i, layout_.copied[m], *copies[m])) return size;
    return std::nullopt;
  }

  // The crops of a sample: its own, or drawn for the size of its image. A sample of features alone whose size nothing
  // states has an image of the tokenizer's size.
  SampleCrops crops_of(int64_t i, std::optional<ImageSize> size, const Copies& copies) const {
    SampleCrops crops{.image = size, .views = {}, .kept = o_.crops, .stored = 0};
    if (source_.has(i, "crop_settings")) {
      const std::string where = source_.origin(i, "crop_settings");
      crops.views = decode_crop_settings(source_.read(i, "crop_settings"), where, size);
      crops.stored = static_cast<int64_t>(crops.views.size());
      check(crops.stored >= o_.crops, where, ": holds ", counted(crops.stored, "crop"), ", expected at least ",
            o_.crops);
      crops.views.resize(o_.crops);
      for (const auto& view : crops.views)
        check(!size || (view.top + view.crop_height <= size->height && view.left + view.crop_width <= size->width),
              where, ": the image is ", view.width, "x", view.height, ", but a crop reaches ",
              view.left + view.crop_width, "x", view.top + view.crop_height,
              "; these crop settings are of another image");
      return crops;
    }
    if (!size) size = stated_size(i, copies);
    for (const auto& t : tokenizers_)
      if (!size && t.tokenizer.input().has_features() && source_.has(i, t.folder)) size = ImageSize{t.size(), t.size()};
    if (size)
      crops.views =
          draw_views(size->width, size->height, o_.crops, o_.crop, Random(o_.seed, {hash_text(source_.name(i))}));
    return crops;
  }

  // Prepares and encodes a batch of samples at a time.
  void make_shard(const TokenWriter& writer, int64_t shard) {
    const std::vector<int64_t>& planned = writer.samples(shard);
    const size_t most = std::max<size_t>(1, kBatch / static_cast<size_t>(o_.crops));
    TokenWriter::Shard out = writer.begin(shard);
    std::map<std::string, std::string> broken;
    for (size_t begin = 0; begin < planned.size(); begin += most) {
      std::vector<PreparedSample> samples(std::min(most, planned.size() - begin));
      parallel_for(static_cast<int64_t>(samples.size()), [&](int64_t k) { samples[k] = prepare(planned[begin + k]); });
      for (const auto& sample : samples) {
        if (sample.broken.empty()) continue;
        broken[source_.name(sample.index)] = sample.broken;
        broken_.push_back(sample.broken);
      }
      std::erase_if(samples, [](const PreparedSample& s) { return !s.broken.empty(); });
      for (const auto& t : tokenizers_) write_tokens(t, samples, out);
      for (const auto& p : pixels_) write_pixels(p, samples, out);
      for (const auto& sample : samples) write_copies(sample, out);
    }
    out.commit(broken);
  }

  void write_tokens(const NamedTokenizer& t, const std::vector<PreparedSample>& samples, TokenWriter::Shard& out) {
    std::vector<StoredImage> squares;
    std::vector<int64_t> of;  // the samples of the squares
    for (const auto& sample : samples) {
      const auto& crops = sample.squares[t.square];
      if (crops.empty() || !all_known(t, sample.index, crops)) continue;
      squares.insert(squares.end(), crops.begin(), crops.end());
      of.push_back(sample.index);
    }
    if (squares.empty()) return;
    const std::vector<TokenMap> maps = t.tokenizer.encode(t.from_images ? features_of(t, squares) : squares);
    for (size_t k = 0; k < of.size(); ++k) {
      std::vector<int64_t> tokens;
      for (int64_t c = 0; c < o_.crops; ++c) {
        const auto& one = maps[k * o_.crops + c].tokens;
        tokens.insert(tokens.end(), one.begin(), one.end());
      }
      const auto length = static_cast<int64_t>(tokens.size()) / o_.crops;
      out.add(t.modality, source_.name(of[k]) + ".npy",
              encode_npy(npy_from_integers(tokens, {o_.crops, length}, "i2")));
    }
  }

  std::vector<StoredImage> features_of(const NamedTokenizer& t, const std::vector<StoredImage>& squares) const {
    std::vector<StoredImage> maps;
    for (const NpyArray& map : clip_->features(squares, t.size()))
      maps.push_back(decode_stored_image(t.tokenizer.input(), encode_npy(map), t.modality));
    return maps;
  }

  // Whether each crop of the sample has a known pixel; otherwise its tokens would say nothing.
  bool all_known(const NamedTokenizer& t, int64_t index, const std::vector<StoredImage>& crops) {
    const InputConfig& input = t.tokenizer.input();
    if (input.none_is_a_class() || std::all_of(crops.begin(), crops.end(), [&](const StoredImage& crop) {
          return any_known(known_pixels(input, crop));
        }))
      return true;
    Unknown& unknown = unknown_[t.modality];
    if (unknown.count++ == 0) unknown.first = source_.origin(index, t.folder);
    return false;
  }

  void write_pixels(const PixelSize& p, const std::vector<PreparedSample>& samples, TokenWriter::Shard& out) const {
    for (const auto& sample : samples) {
      if (sample.squares[p.square].empty()) continue;
      NpyArray array{"u1", {o_.crops, p.size, p.size, 3}, {}};
      for (const StoredImage& crop : sample.squares[p.square]) {
        const auto& pixels = std::get<Image>(crop).pixels;
        array.bytes.append(pixels.begin(), pixels.end());
      }
      out.add(p.modality, source_.name(sample.index) + ".npy", encode_npy(array));
    }
  }

  void write_copies(const PreparedSample& sample, TokenWriter::Shard& out) const {
    const std::string& name = source_.name(sample.index);
    for (size_t m = 0; m < layout_.copied.size(); ++m)
      if (const auto& bytes = sample.copies[m])
        out.add(layout_.copied[m], name + "." + source_.extension(sample.index, layout_.copied[m]), *bytes);
    if (const auto& views = sample.crops.views; !views.empty())
      out.add("crop_settings", name + ".npy", encode_npy(encode_crop_settings(views)));
  }

  void list_broken() const {
    for (const auto& fault : faults_) warn("left out: ", fault.text());
    for (const auto& reason : broken_) warn("left out: ", reason);
    if (!broken_.empty())
      warn(counted(static_cast<int64_t>(broken_.size()), "broken sample was", "broken samples were"), " left out");
  }

  // Samples without tokens of a modality, because none of its pixels are known.
  struct Unknown {
    int64_t count = 0;
    std::string first;  // its file
  };

  const PretokenizeOptions& o_;
  std::vector<Fault> faults_;  // of the layout; before source_, which fills it
  Source source_;
  DepthUnits units_;
  std::optional<ImageText> clip_;
  TokenSetLayout layout_;
  std::vector<NamedTokenizer> tokenizers_;
  std::vector<PixelSize> pixels_;
  std::vector<Decoding> decodings_;
  std::vector<Square> squares_;
  std::map<std::string, std::string> made_from_;  // modality -> digest of the tokenizer's weights
  std::map<std::string, Unknown> unknown_;        // by modality, of the shards made now
  std::vector<std::string> broken_;               // why samples of this worker's shards were left out
};

}  // namespace

void pretokenize(const PretokenizeOptions& options) { Pretokenizer(options).run(); }

}  // namespace fourm
