#include "fourm/train/pretokenize.h"

#include <algorithm>
#include <set>

#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/token_set.h"
#include "fourm/tokenizer/picture_tokenizer.h"

namespace fourm {
namespace {

const std::vector<std::string> kPictures{".png", ".jpg", ".jpeg", ".webp", ".npy"}, kTexts{".json", ".txt"};
constexpr size_t kBatch = 64;

// The file of each sample in one folder, in the order of the first folder that was asked for.
class Samples {
 public:
  explicit Samples(fs::path root) : root_(std::move(root)) {}

  bool has(const std::string& folder) const { return fs::is_directory(root_ / folder); }
  const std::vector<std::string>& names() const { return names_; }

  std::vector<fs::path> files(const std::string& folder, const std::vector<std::string>& extensions) {
    std::vector<fs::path> found = list_files(root_ / folder, extensions);
    check(!found.empty(), (root_ / folder).string(), ": holds no ", join(extensions, ", "), " files");
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.stem() < b.stem(); });
    std::vector<std::string> names;
    for (const auto& file : found) names.push_back(file.stem().string());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    check(twice == names.end(), (root_ / folder).string(), ": two files are called ",
          twice == names.end() ? "" : *twice);
    if (names_.empty()) {
      names_ = names;
      first_ = folder;
    }
    for (const auto& [has_it, lacks_it, a, b] :
         {std::tuple{first_, folder, &names_, &names}, std::tuple{folder, first_, &names, &names_}}) {
      std::vector<std::string> alone;
      std::set_difference(a->begin(), a->end(), b->begin(), b->end(), std::back_inserter(alone));
      check(alone.empty(), root_.string(), ": ", alone.size(), " samples are in ", has_it, " but not in ", lacks_it,
            ", such as ", alone.empty() ? "" : alone[0], "; add the missing files or remove their partners");
    }
    return found;
  }

 private:
  fs::path root_;
  std::string first_;
  std::vector<std::string> names_;
};

// A tensor file that says what it was made from, so that a later run knows whether it can stay.
class Packed {
 public:
  Packed(fs::path path, std::string tensor, uint64_t origin) : path_(std::move(path)), tensor_(std::move(tensor)) {
    metadata_["made_from"] = std::to_string(origin);
  }
  bool is_there() const {
    if (!fs::exists(path_)) return false;
    return SafetensorsFile::open(path_).metadata() == metadata_;
  }
  void write(DType dtype, std::vector<int64_t> shape, const void* data) const {
    size_t bytes = dtype_size(dtype);
    for (const int64_t n : shape) bytes *= static_cast<size_t>(n);
    write_safetensors(path_, {{tensor_, dtype, std::move(shape), static_cast<const std::byte*>(data), bytes}},
                      metadata_);
  }

 private:
  fs::path path_;
  std::string tensor_;
  std::map<std::string, std::string> metadata_;
};

// "tok_depth@128" is made from the files in depth/.
std::string source_folder(std::string_view modality) {
  if (modality.starts_with("tok_")) modality.remove_prefix(4);
  return std::string(modality.substr(0, modality.find('@')));
}

// Files [begin, end) as squares.
std::vector<StoredPicture> read_squares(const std::vector<fs::path>& files, size_t begin, size_t end,
                                        const InputConfig& input, int64_t size) {
  std::vector<StoredPicture> pictures(end - begin);
  parallel_for(static_cast<int64_t>(pictures.size()), [&](int64_t i) {
    pictures[i] = centre_square(input, read_picture(input, files[begin + i]), static_cast<int>(size));
  });
  return pictures;
}

uint64_t name_hash(const std::vector<std::string>& names) { return hash_text(join(names, "\n")); }

void write_tokens(const std::string& modality, Samples& samples, const PretokenizeOptions& options,
                  const PictureTokenizer& tokenizer) {
  const std::vector<fs::path> files = samples.files(source_folder(modality), kPictures);
  const uint64_t weights = hash_text(read_file(options.tokenizers / modality / "model.safetensors"));
  const Packed packed(options.out / (modality + ".safetensors"), "tokens", weights ^ name_hash(samples.names()));
  if (packed.is_there()) return note(modality, ": is there already");
  check(tokenizer.config().codebook_size <= 1 << 15, modality, ": tokens of a codebook of ",
        tokenizer.config().codebook_size, " do not fit the 16 bits of token files");
  std::vector<int16_t> tokens;
  Progress progress(modality, static_cast<int64_t>(files.size()));
  for (size_t begin = 0; begin < files.size(); begin += kBatch) {
    const size_t end = std::min(begin + kBatch, files.size());
    for (const TokenMap& map :
         tokenizer.encode(read_squares(files, begin, end, tokenizer.input(), tokenizer.config().image_size)))
      tokens.insert(tokens.end(), map.tokens.begin(), map.tokens.end());
    progress.update(static_cast<int64_t>(end));
  }
  const auto n = static_cast<int64_t>(files.size());
  packed.write(DType::kI16, {n, 1, static_cast<int64_t>(tokens.size()) / n}, tokens.data());
}

void write_pixels(int64_t size, Samples& samples, const PretokenizeOptions& options) {
  const std::string modality = concat("rgb@", size);
  const std::vector<fs::path> files = samples.files("rgb", kPictures);
  const Packed packed(options.out / (modality + ".safetensors"), "pixels", name_hash(samples.names()));
  if (packed.is_there()) return note(modality, ": is there already");
  std::vector<uint8_t> pixels;
  for (size_t begin = 0; begin < files.size(); begin += kBatch)
    for (const auto& picture : read_squares(files, begin, std::min(begin + kBatch, files.size()), {}, size)) {
      const Image& image = std::get<Image>(picture);
      pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
    }
  packed.write(DType::kU8, {static_cast<int64_t>(files.size()), 1, size, size, 3}, pixels.data());
}

void write_texts(const std::string& modality, Samples& samples, const PretokenizeOptions& options) {
  const std::vector<fs::path> files = samples.files(modality, kTexts);
  Json all = Json::array();
  for (const auto& file : files)
    all.push_back(file.extension() == ".txt" ? Json(trim(read_file(file))) : read_json(file));
  write_json(options.out / (modality + ".json"), all);
}

}  // namespace

void pretokenize(const PretokenizeOptions& options) {
  check(fs::is_directory(options.data), options.data.string(), ": no such folder");
  check(fs::is_directory(options.tokenizers), options.tokenizers.string(), ": no such folder");
  make_folder(options.out);
  Samples samples(options.data);
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(options.tokenizers))
    if (entry.path().filename().string().starts_with("tok_")) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  check(!folders.empty(), options.tokenizers.string(),
        ": holds no tokenizers; they should stand in folders named after their modality, such as tok_depth@128");
  std::set<int64_t> sizes;
  for (const auto& folder : folders) {
    const std::string modality = folder.filename().string();
    if (!samples.has(source_folder(modality))) {
      warn(options.data.string(), ": has no ", source_folder(modality), " for the tokenizer ", modality);
      continue;
    }
    const PictureTokenizer tokenizer = PictureTokenizer::open(folder);
    sizes.insert(tokenizer.config().image_size);
    write_tokens(modality, samples, options, tokenizer);
  }
  if (samples.has("rgb"))
    for (const int64_t size : sizes) write_pixels(size, samples, options);
  for (const char* modality : {"caption", "det"})
    if (samples.has(modality)) write_texts(modality, samples, options);
  check(!samples.names().empty(), options.data.string(), ": holds nothing that the tokenizers read");
  TokenSetIndex{samples.names(), 1}.write(options.out);
  note(options.out.string(), ": ", samples.names().size(), " samples");
}

}  // namespace fourm
