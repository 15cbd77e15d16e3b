#include "fourm/train/pretokenize.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/member_name.h"
#include "fourm/data/sample_image.h"
#include "fourm/data/shard_plan.h"
#include "fourm/data/source.h"
#include "fourm/data/token_set.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/tar.h"
#include "fourm/io/weights.h"
#include "fourm/modality/modality.h"
#include "fourm/text/unicode.h"
#include "fourm/tokenizer/picture_tokenizer.h"
#include "fourm/train/carry_over.h"

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
  bool vectors = false;  // reads a vector of a whole image, not a map

  int size() const { return static_cast<int>(tokenizer.image_size()); }
  int64_t patch() const { return tokenizer.config().patch_size; }
  int64_t grid() const { return size() / patch(); }
  int64_t length() const { return tokenizer.config().num_codebooks * (vectors ? 1 : grid() * grid()); }
};

// Pixels of the images, by name "rgb@128".
struct PixelSize {
  std::string modality;
  int size;
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
    check(o_.crops > 0 && o_.shard_size > 0, "--crops and --shard-size should be at least 1");
    check(o_.workers > 0 && o_.worker >= 0 && o_.worker < o_.workers, "--worker should be K/N with K from 0 to N - 1");
    open_tokenizers();
    check(!tokenizers_.empty(), o_.data, ": holds nothing that the tokenizers read");
    for (int64_t i = 0; i < source_.size(); ++i) check_shard_key(source_.name(i), o_.data);
    choose_pixels();
    std::set<std::string> used = folders();
    used.insert("crop_settings");
    CarryOver carry = plan_carry_over(source_, used, o_.crops);
    copied_ = std::move(carry.copied);
    for (const auto& [modality, reason] : carry.left_out)
      warn(modality, " of ", o_.data, " is not carried over: ", reason);
  }

  void run() {
    settle();
    const auto shards = static_cast<int64_t>(shards_.size());
    Progress progress("tokenize", shards);
    for (int64_t shard = o_.worker; shard < shards; shard += o_.workers) {
      if (is_whole(shard))
        progress.skip();
      else
        make_shard(shard);
      progress.update(shard + 1);
    }
    list_broken();
    for (const auto& [modality, unknown] : unknown_)
      warn(o_.out.string(), ": ", counted(unknown.count, "sample"), " of the shards made now ",
           unknown.count == 1 ? "has" : "have", " no ", modality, ", since a crop has no known pixel (", unknown.first,
           unknown.count > 1 ? ", ...)" : ")");
    note(o_.out.string(), ": ", counted(source_.size(), "sample"), " in ", counted(shards, "shard"),
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
      const std::string modality = folder.filename().string(), from = source_folder(modality);
      if (!source_.has(from)) {
        warn(o_.data, ": has no ", from, " for the tokenizer ", modality);
        continue;
      }
      tokenizers_.push_back({modality, from, PictureTokenizer::open(folder, Precision::kF32, modality)});
      NamedTokenizer& t = tokenizers_.back();
      const TokenizerConfig& config = t.tokenizer.config();
      check(config.codebook_size <= 1 << 15, modality, ": tokens of a codebook of ", config.codebook_size,
            " do not fit the 16 bits of token files");
      check(t.size() % t.patch() == 0, modality, ": ", t.size(), " pixels are no multiple of the tokenizer's patch of ",
            t.patch());
      if (t.tokenizer.input().has_features()) t.vectors = has_vectors(t);
      if (!t.vectors && t.size() != config.image_size)
        note(modality, ": the tokenizer was made for ", config.image_size,
             " pixels; its position table is resized to the ", t.size(), " of its name");
      std::string weights;
      for (const auto& file : weight_files(model_folder(folder))) weights += read_file(file);
      made_from_[modality] = hash_text(weights);
      rows_[modality] = row_of(t);
    }
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

  // Those asked for; else the sizes of tok_rgb; without it the largest size of any tokenizer.
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
        check(size > 0 && size <= 1 << 14 && size % patch == 0, "--pixels ", size,
              ": expected a multiple of the patch, ", patch);
        patches[static_cast<int>(size)] = patch;
      }
    }
    for (const auto& [size, patch] : patches) {
      const std::string name = concat("rgb@", size);
      pixels_.push_back({name, size});
      rows_[name] = concat("  ", name, ": {kind: pixels, image_size: ", size, ", patch_size: ", patch, "}\n");
    }
  }

  // OUT says what it was made from; another run must agree with it, but for the list of samples.
  void settle() {
    std::vector<std::string> names;
    for (int64_t i = 0; i < source_.size(); ++i) {
      names.push_back(source_.name(i));
      check(to_valid_utf8(names.back()) == names.back(), o_.data, ": the name ", printable(names.back()),
            " is not valid UTF-8; rename the files of this sample");
    }
    std::vector<std::string> modalities;
    for (const auto& [modality, row] : rows_) modalities.push_back(modality);
    modalities.insert(modalities.end(), copied_.begin(), copied_.end());
    Json record{{"modalities", modalities},
                {"crops", o_.crops},
                {"shard_size", o_.shard_size},
                {"seed", o_.seed},
                {"min_crop_scale", o_.crop.min_scale},
                {"flip", o_.crop.flip}};
    if (Json units = depth_units(); !units.is_null()) record["depth_unit"] = std::move(units);
    for (const auto& [modality, hash] : made_from_) record["tokenizers"][modality] = hash;
    const fs::path file = o_.out / "made_from.json";
    make_folder(o_.out);
    const bool again = fs::exists(file);
    if (again) {
      const Json before = read_json(file);
      check(before.is_object(), file.string(), ": should be an object");
      check(!before.contains("names"), file.string(),
            ": the shards there were made by an earlier version and do not say which samples they hold; remove the "
            "folder or give another --out");
      Json settings = before;
      settings.erase("samples");
      settings.erase("shards");
      for (const Json& either : {record, settings})
        for (const auto& item : either.items())
          check(record.contains(item.key()) && settings.contains(item.key()) &&
                    record[item.key()] == settings[item.key()],
                file.string(), ": the shards there were made with another '", item.key(),
                "'; remove the folder or give another --out");
    }
    shards_ = plan_shards(records(), names, o_.shard_size);
    // A shard with other samples than it should have is not whole any more.
    for (int64_t shard = 0; shard < static_cast<int64_t>(shards_.size()); ++shard)
      if (ShardRecord::exists(records(), shard) && !agrees(ShardRecord::read(records(), shard), shard))
        fs::remove(path("crop_settings", shard));
    record["samples"] = source_.size();
    record["shards"] = shards_.size();
    if (!again) {
      std::string table = "modalities:\n";
      for (const auto& [modality, row] : rows_) table += row;
      write_file(o_.out / "modalities.yaml", table);
      // Captions of a set with crops of its own may be about those, mirrored as they are.
      if (source_.has("crop_settings") && !has_whole_image_texts(source_))
        write_file(o_.out / "dataset.yaml", "texts: crops\n");
    }
    if (!again || read_json(file) != record) write_json(file, record);
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

  fs::path records() const { return o_.out / ".shards"; }
  fs::path path(const std::string& modality, int64_t shard) const { return o_.out / modality / shard_name(shard); }

  // Of which files the samples of a shard have.
  uint64_t files_of(int64_t shard) const {
    std::string files;
    for (const int64_t i : shards_[shard])
      for (const auto& modality : source_.modalities())
        if (source_.has(i, modality)) files += source_.name(i) + "\n" + modality + "\n";
    return hash_text(files);
  }

  bool agrees(const ShardRecord& record, int64_t shard) const {
    const auto& planned = shards_[shard];
    return std::equal(planned.begin(), planned.end(), record.samples.begin(), record.samples.end(),
                      [&](int64_t i, const std::string& name) { return source_.name(i) == name; }) &&
           record.files == files_of(shard);
  }

  // Made before, from these samples, and what was broken then is broken still.
  bool is_whole(int64_t shard) {
    // The crop settings come last: with them the shard is whole.
    if (!fs::exists(path("crop_settings", shard)) || !ShardRecord::exists(records(), shard)) return false;
    const ShardRecord record = ShardRecord::read(records(), shard);
    for (const int64_t i : shards_[shard]) {
      if (!record.broken.contains(source_.name(i))) continue;
      std::string reason;
      examine(i, &reason);
      if (reason.empty()) return false;
    }
    for (const auto& [name, reason] : record.broken) broken_.push_back(reason);
    return true;
  }

  struct Sample {
    int64_t index;
    std::vector<CropView> views;
  };

  // The crops of a sample, once all of its files are found sound. With --skip-broken the reason goes to `broken`.
  Sample examine(int64_t i, std::string* broken) const {
    try {
      Sample sample = crops_of(i);
      for (const auto& t : tokenizers_)
        if (source_.has(i, t.folder)) check_input(t, sample);
      for (const auto& modality : copied_)
        if (is_copied(source_, i, modality)) copied_bytes(source_, i, modality, sample.views, o_.crops);
      return sample;
    } catch (const Error& error) {
      if (!o_.skip_broken) throw Error(std::string(error.what()) + "; --skip-broken leaves such samples out");
      *broken = error.what();
      return {i, {}};
    }
  }

  // That the tokenizer knows what the file holds.
  void check_input(const NamedTokenizer& t, const Sample& sample) const {
    const InputConfig& input = t.tokenizer.input();
    if (!input.has_features() && !input.has_labels()) return;
    const std::string where = source_.origin(sample.index, t.folder);
    const StoredPicture picture = decode(sample.index, t.folder, input);
    const int width = picture_width(picture), height = picture_height(picture);
    if (input.has_features()) {
      const int64_t side = t.vectors ? 1 : t.grid();
      check(width == side && height == side, where, ": holds ", height, "x", width, " vectors, ", t.modality, " reads ",
            side, "x", side);
      if (!t.vectors)
        for (const auto& view : sample.views) check_middle(view, where);
      return;
    }
    const int64_t known = t.tokenizer.config().n_labels.value_or(256) - input.label_offset;
    for (const int label : std::get<Image>(picture).pixels)
      check(label < known || label == 255, where, ": holds the label ", label, ", ", t.modality, " knows 0 to ",
            known - 1);
  }

  // The crops of a sample: its own, or drawn for the size of its images.
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
    for (const auto& t : tokenizers_)  // a sample of features alone: of an image of the tokenizer's size
      if (width == 0 && t.tokenizer.input().has_features() && source_.has(i, t.folder)) width = height = t.size();
    if (source_.has(i, "crop_settings")) {
      const std::string where = source_.origin(i, "crop_settings");
      const auto size = width > 0 ? std::optional(ImageSize{width, height}) : image_size(source_, i);
      sample.views = decode_crop_settings(source_.read(i, "crop_settings"), where, size);
      check(static_cast<int64_t>(sample.views.size()) >= o_.crops, where, ": holds ",
            counted(static_cast<int64_t>(sample.views.size()), "crop"), ", --crops asks for ", o_.crops);
      sample.views.resize(o_.crops);
    } else if (width > 0) {
      sample.views = draw_views(width, height, o_.crops, o_.crop, Random(o_.seed, {hash_text(source_.name(i))}));
    }
    if (width == 0) return sample;
    for (auto& view : sample.views) {
      check(view.top + view.crop_height <= height && view.left + view.crop_width <= width,
            source_.origin(i, sized.empty() ? "crop_settings" : sized), ": is ", width, "x", height,
            ", but a crop reaches ", view.left + view.crop_width, "x", view.top + view.crop_height,
            "; its crop settings are of another image");
    }
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

  void make_shard(int64_t shard) {
    remove_halves(shard);
    fs::remove(path("crop_settings", shard));
    const std::vector<int64_t>& planned = shards_[shard];
    const auto n = static_cast<int64_t>(planned.size());
    std::vector<Sample> samples(n);
    std::vector<std::string> reasons(n);
    parallel_for(n, [&](int64_t k) { samples[k] = examine(planned[k], &reasons[k]); });
    ShardRecord record;
    record.files = files_of(shard);
    for (int64_t k = 0; k < n; ++k) {
      record.samples.push_back(source_.name(planned[k]));
      if (reasons[k].empty()) continue;
      record.broken[record.samples.back()] = reasons[k];
      broken_.push_back(reasons[k]);
    }
    std::erase_if(samples, [&](const Sample& s) { return record.broken.contains(source_.name(s.index)); });
    record.write(records(), shard);
    for (const auto& t : tokenizers_) write_tokens(t, samples, path(t.modality, shard));
    for (const auto& p : pixels_) write_pixels(p, samples, path(p.modality, shard));
    for (const auto& modality : copied_) write_copies(modality, samples, path(modality, shard));
    write_tar(path("crop_settings", shard), [&](TarWriter& tar) {
      for (const Sample& s : samples)
        if (!s.views.empty()) tar.add(source_.name(s.index) + ".npy", encode_npy(encode_crop_settings(s.views)));
    });
  }

  void list_broken() const {
    for (const auto& fault : faults_) warn("left out: ", fault.text());
    for (const auto& reason : broken_) warn("left out: ", reason);
    if (!broken_.empty())
      warn(counted(static_cast<int64_t>(broken_.size()), "broken sample was", "broken samples were"), " left out");
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
          squares[k * o_.crops + c] =
              input.has_features() ? picture : cut_square(input, picture, to_cut(s.views[c]), size);
      });
      use(std::vector<const Sample*>(having.begin() + begin, having.begin() + begin + n), squares);
    }
  }

  // A feature map was made of the middle square and cannot be cut; only that crop has it.
  static void check_middle(const CropView& view, const std::string& where) {
    const CropView middle = centre_view(static_cast<int>(view.width), static_cast<int>(view.height));
    check(!view.flip && view.top == middle.top && view.left == middle.left && view.crop_height == middle.crop_height &&
              view.crop_width == middle.crop_width,
          where, ": feature maps are of the middle square, other crops have none; use --crops 1 and no crop_settings");
  }

  // Whether each crop of the sample, the k-th of `squares`, has a known pixel; otherwise its tokens would say nothing.
  bool all_known(const NamedTokenizer& t, int64_t index, const std::vector<StoredPicture>& squares, size_t k) {
    if (t.tokenizer.input().none_is_a_class()) return true;
    for (int64_t c = 0; c < o_.crops; ++c)
      if (!any_known(known_pixels(t.tokenizer.input(), squares[k * o_.crops + c]))) {
        Unknown& unknown = unknown_[t.modality];
        if (unknown.count++ == 0) unknown.first = source_.origin(index, t.folder);
        return false;
      }
    return true;
  }

  void write_tokens(const NamedTokenizer& t, const std::vector<Sample>& samples, const fs::path& file) {
    write_tar(file, [&](TarWriter& tar) {
      each_batch(t.folder, t.tokenizer.input(), t.size(), samples, [&](const auto& having, const auto& squares) {
        const std::vector<TokenMap> maps = t.tokenizer.encode(squares);
        for (size_t k = 0; k < having.size(); ++k) {
          if (!all_known(t, having[k]->index, squares, k)) continue;
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

  void write_copies(const std::string& modality, const std::vector<Sample>& samples, const fs::path& file) const {
    write_tar(file, [&](TarWriter& tar) {
      for (const Sample& s : samples)
        if (is_copied(source_, s.index, modality))
          tar.add(source_.name(s.index) + "." + source_.extension(s.index, modality),
                  copied_bytes(source_, s.index, modality, s.views, o_.crops));
    });
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
  std::vector<NamedTokenizer> tokenizers_;
  std::vector<PixelSize> pixels_;
  std::vector<std::string> copied_;            // modalities
  std::map<std::string, uint64_t> made_from_;  // modality -> hash of the tokenizer's weights
  std::map<std::string, std::string> rows_;    // of modalities.yaml, by modality
  std::vector<std::vector<int64_t>> shards_;   // the samples of each
  std::map<std::string, Unknown> unknown_;     // by modality, of the shards made now
  std::vector<std::string> broken_;            // why samples of this worker's shards were left out
};

}  // namespace

void pretokenize(const PretokenizeOptions& options) { Pretokenizer(options).run(); }

}  // namespace fourm
