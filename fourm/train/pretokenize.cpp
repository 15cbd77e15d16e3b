#include "fourm/train/pretokenize.h"

#include <algorithm>
#include <set>

#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/convert.h"
#include "fourm/data/source.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/tar.h"
#include "fourm/io/weights.h"
#include "fourm/modality/modality.h"
#include "fourm/tokenizer/picture_tokenizer.h"

namespace fourm {
namespace {

constexpr size_t kBatch = 64;  // pictures encoded at once

// "tok_depth@128" is made from the files in depth/.
std::string source_folder(std::string_view modality) {
  if (modality.starts_with("tok_")) modality.remove_prefix(4);
  return std::string(modality.substr(0, modality.find('@')));
}

struct NamedTokenizer {
  std::string modality, folder;  // "tok_depth@128", "depth"
  PictureTokenizer tokenizer;
};

// Pixels of a picture modality, by name "rgb@128".
struct PixelSize {
  std::string modality;
  int size;
};

class Pretokenizer {
 public:
  explicit Pretokenizer(const PretokenizeOptions& options) : o_(options), source_(Source::open(options.data)) {
    check(o_.crops > 0 && o_.shard_size > 0, "--crops and --shard-size should be at least 1");
    check(o_.workers > 0 && o_.worker >= 0 && o_.worker < o_.workers, "--worker should be K/N with K from 0 to N - 1");
    open_tokenizers();
    for (const char* folder : {"caption", "det"})
      if (source_.has(folder)) texts_.emplace_back(folder);
    check(!tokenizers_.empty(), o_.data, ": holds nothing that the tokenizers read");
    for (int64_t i = 0; i < source_.size(); ++i)
      check(is_shard_key(source_.name(i)), o_.data, ": the name ", printable(source_.name(i)),
            " has a dot, so that it is unclear where the key of a shard's member ends; rename it");
  }

  void run() {
    settle();
    const int64_t shards = (source_.size() + o_.shard_size - 1) / o_.shard_size;
    Progress progress("tokenize", shards);
    for (int64_t shard = o_.worker; shard < shards; shard += o_.workers) {
      if (!make_shard(shard)) progress.skip();
      progress.update(shard + 1);
    }
    note(o_.out.string(), ": ", counted(source_.size(), "sample"), " in ", counted(shards, "shard"),
         o_.workers > 1 ? concat(", of which worker ", o_.worker, " made its part") : "");
  }

 private:
  void open_tokenizers() {
    check(fs::is_directory(o_.tokenizers), o_.tokenizers.string(), ": no such folder");
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(o_.tokenizers))
      if (entry.path().filename().string().starts_with("tok_")) folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());
    check(!folders.empty(), o_.tokenizers.string(),
          ": holds no tokenizers; they should stand in folders named after their modality, such as tok_depth@128");
    std::map<std::string, Row> rows;
    for (const auto& folder : folders) {
      const std::string modality = folder.filename().string(), from = source_folder(modality);
      if (!source_.has(from)) {
        warn(o_.data, ": has no ", from, " for the tokenizer ", modality);
        continue;
      }
      tokenizers_.push_back({modality, from, PictureTokenizer::open(folder)});
      const TokenizerConfig& config = tokenizers_.back().tokenizer.config();
      check(config.codebook_size <= 1 << 15, modality, ": tokens of a codebook of ", config.codebook_size,
            " do not fit the 16 bits of token files");
      std::string weights;
      for (const auto& file : weight_files(model_folder(folder))) weights += read_file(file);
      made_from_[modality] = hash_text(weights);
      rows[modality] = {"tokens", config.codebook_size, config.image_size, config.patch_size};
      if (!source_.has("rgb")) continue;
      const std::string pixels = concat("rgb@", config.image_size);
      if (rows.contains(pixels)) continue;
      rows[pixels] = {"pixels", 0, config.image_size, config.patch_size};
      pixels_.push_back({pixels, static_cast<int>(config.image_size)});
    }
    for (const auto& [name, row] : rows)
      table_ +=
          concat("  ", name, ": {kind: ", row.kind, row.vocabulary ? concat(", vocab_size: ", row.vocabulary) : "",
                 ", image_size: ", row.image_size, ", patch_size: ", row.patch_size, "}\n");
  }

  // OUT says what it was made from; another run must agree with it.
  void settle() {
    std::string names;
    for (int64_t i = 0; i < source_.size(); ++i) names += source_.name(i) + "\n";
    Json record{{"samples", source_.size()},   {"names", hash_text(names)}, {"crops", o_.crops},
                {"shard_size", o_.shard_size}, {"seed", o_.seed},           {"min_crop_scale", o_.crop.min_scale},
                {"flip", o_.crop.flip}};
    for (int64_t i = 0; i < source_.size(); ++i)
      if (source_.has(i, "depth")) {
        if (const auto unit = units_.of(source_.file(i, "depth"))) record["depth_unit"] = *unit;
        break;
      }
    for (const auto& [modality, hash] : made_from_) record["tokenizers"][modality] = hash;
    const fs::path file = o_.out / "made_from.json";
    make_folder(o_.out);
    if (fs::exists(file)) {
      const Json before = read_json(file);
      check(before.is_object(), file.string(), ": should be an object");
      for (const auto& [key, value] : record.items())
        check(before.contains(key) && before[key] == value, file.string(),
              ": the shards there were made with another '", key, "'; remove the folder or give another --out");
      return;
    }
    write_file(o_.out / "modalities.yaml", "modalities:\n" + table_);
    write_json(file, record);
  }

  struct Sample {
    int64_t index;
    std::vector<CropView> views;
  };

  // The crops of a sample: its own, or drawn for the size of its pictures.
  Sample crops_of(int64_t i) const {
    Sample sample{i, {}};
    int width = 0, height = 0;
    std::string sized;
    for (const auto& folder : folders()) {
      if (!source_.has(i, folder) || input(folder).has_features()) continue;
      const StoredPicture picture = decode(i, folder);
      const int w = picture_width(picture), h = picture_height(picture);
      check(sized.empty() || (w == width && h == height), source_.origin(i, folder), ": is ", w, "x", h, ", but ",
            sized, " of the sample is ", width, "x", height, "; `fourm data check` lists such files");
      width = w, height = h, sized = folder;
    }
    for (const auto& t : tokenizers_)  // a sample of features alone: of a picture of the tokenizer's size
      if (width == 0 && t.tokenizer.input().has_features() && source_.has(i, t.folder))
        width = height = static_cast<int>(t.tokenizer.config().image_size);
    if (source_.has(i, "crop_settings")) {
      const std::string where = source_.origin(i, "crop_settings");
      sample.views = decode_crop_settings(source_.read(i, "crop_settings"), where);
      check(static_cast<int64_t>(sample.views.size()) >= o_.crops, where, ": holds ", sample.views.size(),
            " crops, --crops asks for ", o_.crops);
      sample.views.resize(o_.crops);
    } else if (width > 0) {
      sample.views = draw_views(width, height, o_.crops, o_.crop, Random(o_.seed, {hash_text(source_.name(i))}));
    }
    if (width > 0)
      for (auto& view : sample.views) view.width = width, view.height = height;
    return sample;
  }

  std::set<std::string> folders() const {
    std::set<std::string> all;
    for (const auto& t : tokenizers_) all.insert(t.folder);
    if (!pixels_.empty()) all.insert("rgb");
    return all;
  }

  InputConfig input(const std::string& folder) const {
    for (const auto& t : tokenizers_)
      if (t.folder == folder) return t.tokenizer.input();
    return {};
  }
  StoredPicture decode(int64_t i, const std::string& folder) const { return decode(i, folder, input(folder)); }
  StoredPicture decode(int64_t i, const std::string& folder, const InputConfig& kind) const {
    return decode_picture(kind, source_.read(i, folder), source_.origin(i, folder), units_.of(source_.file(i, folder)));
  }

  // False when the shard was there.
  bool make_shard(int64_t shard) const {
    const auto path = [&](const std::string& modality) { return o_.out / modality / shard_name(shard); };
    // The crop settings come last: with them the shard is whole.
    if (fs::exists(path("crop_settings"))) return false;
    remove_halves(shard);
    std::vector<Sample> samples(std::min(o_.shard_size, source_.size() - shard * o_.shard_size));
    parallel_for(static_cast<int64_t>(samples.size()),
                 [&](int64_t k) { samples[k] = crops_of(shard * o_.shard_size + k); });
    for (const auto& t : tokenizers_) write_tokens(t, samples, path(t.modality));
    for (const auto& p : pixels_) write_pixels(p, samples, path(p.modality));
    for (const auto& folder : texts_) write_texts(folder, samples, path(folder));
    write_tar(path("crop_settings"), [&](TarWriter& tar) {
      for (const Sample& s : samples)
        if (!s.views.empty()) tar.add(source_.name(s.index) + ".npy", encode_npy(encode_crop_settings(s.views)));
    });
    return true;
  }

  // What a kill left half written.
  void remove_halves(int64_t shard) const {
    for (const auto& folder : fs::directory_iterator(o_.out)) {
      if (!folder.is_directory()) continue;
      for (const auto& file : fs::directory_iterator(folder))
        if (file.path().filename().string().starts_with("." + shard_name(shard) + ".tmp")) fs::remove(file.path());
    }
  }

  // The samples of a shard that have `folder`, each with its crops as squares, a batch at a time.
  template <class Use>
  void each_batch(const std::string& folder, const InputConfig& input, int size, const std::vector<Sample>& samples,
                  const Use& use) const {
    std::vector<const Sample*> having;
    for (const Sample& s : samples)
      if (source_.has(s.index, folder)) having.push_back(&s);
    const size_t most = std::max<size_t>(1, kBatch / static_cast<size_t>(o_.crops));
    for (size_t begin = 0; begin < having.size(); begin += most) {
      const size_t n = std::min(most, having.size() - begin);
      std::vector<StoredPicture> squares(n * o_.crops);
      parallel_for(static_cast<int64_t>(n), [&](int64_t k) {
        const Sample& s = *having[begin + k];
        const StoredPicture picture = decode(s.index, folder, input);
        for (int64_t c = 0; c < o_.crops; ++c)
          squares[k * o_.crops + c] = input.has_features()
                                          ? whole_map(picture, s.views[c], source_.origin(s.index, folder))
                                          : cut_square(input, picture, to_cut(s.views[c]), size);
      });
      use(std::vector<const Sample*>(having.begin() + begin, having.begin() + begin + n), squares);
    }
  }

  // A feature map was made of the middle square and cannot be cut; only that crop has it.
  static StoredPicture whole_map(const StoredPicture& map, const CropView& view, const std::string& where) {
    const CropView middle = centre_view(static_cast<int>(view.width), static_cast<int>(view.height));
    check(!view.flip && view.top == middle.top && view.left == middle.left && view.crop_height == middle.crop_height &&
              view.crop_width == middle.crop_width,
          where, ": feature maps are of the middle square, other crops have none; use --crops 1 and no crop_settings");
    return map;
  }

  void write_tokens(const NamedTokenizer& t, const std::vector<Sample>& samples, const fs::path& file) const {
    write_tar(file, [&](TarWriter& tar) {
      each_batch(t.folder, t.tokenizer.input(), static_cast<int>(t.tokenizer.config().image_size), samples,
                 [&](const auto& having, const auto& squares) {
                   const std::vector<TokenMap> maps = t.tokenizer.encode(squares);
                   for (size_t k = 0; k < having.size(); ++k) {
                     std::vector<int64_t> tokens;
                     for (int64_t c = 0; c < o_.crops; ++c) {
                       const auto& one = maps[k * o_.crops + c].tokens;
                       tokens.insert(tokens.end(), one.begin(), one.end());
                     }
                     const auto length = static_cast<int64_t>(tokens.size()) / o_.crops;
                     tar.add(source_.name(having[k]->index) + ".npy",
                             encode_npy(npy_from_integers(tokens, {o_.crops, length}, "i2")));
                   }
                 });
    });
  }

  void write_pixels(const PixelSize& p, const std::vector<Sample>& samples, const fs::path& file) const {
    write_tar(file, [&](TarWriter& tar) {
      each_batch("rgb", {}, p.size, samples, [&](const auto& having, const auto& squares) {
        for (size_t k = 0; k < having.size(); ++k) {
          NpyArray array{"u1", {o_.crops, p.size, p.size, 3}, {}};
          for (int64_t c = 0; c < o_.crops; ++c) {
            const Image& image = std::get<Image>(squares[k * o_.crops + c]);
            array.bytes.append(image.pixels.begin(), image.pixels.end());
          }
          tar.add(source_.name(having[k]->index) + ".npy", encode_npy(array));
        }
      });
    });
  }

  // As they are, once checked; boxes learn the size of their picture, which crops are relative to.
  void write_texts(const std::string& folder, const std::vector<Sample>& samples, const fs::path& file) const {
    write_tar(file, [&](TarWriter& tar) {
      for (const Sample& s : samples) {
        if (!source_.has(s.index, folder)) continue;
        const std::string extension = source_.extension(s.index, folder), where = source_.origin(s.index, folder);
        std::string bytes = source_.read(s.index, folder);
        if (decode_annotation(bytes, extension, where).boxes && !s.views.empty()) {
          Json json = parse_json(bytes, where);
          json["height"] = static_cast<int64_t>(s.views[0].height);
          json["width"] = static_cast<int64_t>(s.views[0].width);
          bytes = json.dump() + "\n";
        }
        tar.add(source_.name(s.index) + "." + extension, bytes);
      }
    });
  }

  struct Row {
    std::string kind;
    int64_t vocabulary, image_size, patch_size;
  };
  const PretokenizeOptions& o_;
  Source source_;
  DepthUnits units_;
  std::vector<NamedTokenizer> tokenizers_;
  std::vector<PixelSize> pixels_;
  std::vector<std::string> texts_;
  std::map<std::string, uint64_t> made_from_;  // modality -> hash of the tokenizer's weights
  std::string table_;
};

}  // namespace

void pretokenize(const PretokenizeOptions& options) { Pretokenizer(options).run(); }

}  // namespace fourm
