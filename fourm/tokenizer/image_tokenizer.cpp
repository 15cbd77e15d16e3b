#include "fourm/tokenizer/image_tokenizer.h"

#include "fourm/core/parallel.h"
#include "fourm/data/token_array.h"
#include "fourm/io/weights.h"
#include "fourm/kernels/compute.h"
#include "fourm/modality/input_kind.h"
#include "fourm/modality/modality_name.h"
#include "fourm/tokenizer/image_batch.h"
#include "fourm/tokenizer/vqvae.h"

namespace fourm {
namespace {

// Pixels per batch: limits memory, and is large enough for efficient matrix multiplications.
constexpr int64_t kBatchPixels = int64_t{1} << 20;

// Calls body(tokenizer, begin, end) for batches of `step` of n items. The replicas take turns and run side by side.
template <class Body>
void for_batches(int64_t n, int64_t step, const std::vector<std::shared_ptr<const Tokenizer>>& replicas,
                 const Body& body) {
  const auto count = static_cast<int64_t>(replicas.size());
  step = std::max<int64_t>(1, std::min(step, (n + count - 1) / count));
  const auto run = [&](int64_t r) {
    for (int64_t begin = r * step; begin < n; begin += count * step)
      body(*replicas[r], begin, std::min(n, begin + step));
  };
  if (count == 1) return run(0);
  parallel_for(count, run, static_cast<int>(count));
}

int64_t batch_of(int64_t pixels) { return std::max<int64_t>(1, kBatchPixels / std::max<int64_t>(1, pixels)); }

}  // namespace

Tensor image_batch(const InputConfig& config, const std::vector<const StoredImage*>& images,
                   const std::vector<bool>& flips) {
  check(!images.empty(), "[image_batch] no images");
  const int width = width_of(*images[0]), height = height_of(*images[0]);
  for (const auto* p : images)
    check(width_of(*p) == width && height_of(*p) == height, "images of one batch must have one size, got ",
          width_of(*p), "x", height_of(*p), " and ", width, "x", height);
  const auto n = static_cast<int64_t>(images.size());
  const auto flip = [&](int64_t i) { return !flips.empty() && flips[i]; };
  if (config.has_labels()) {
    const Tensor batch = at::empty({n, height, width}, at::kLong);
    auto* data = batch.data_ptr<int64_t>();
    for (int64_t i = 0; i < n; ++i) to_labels(config, *images[i], flip(i), data + i * height * width);
    return batch;
  }
  const Tensor batch = at::empty({n, config.channels(), height, width}, at::kFloat);
  auto* data = batch.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i)
    to_network(config, *images[i], flip(i), data + i * config.channels() * height * width);
  return batch;
}

Tensor known_batch(const InputConfig& config, const std::vector<const StoredImage*>& images,
                   const std::vector<bool>& flips) {
  if (config.none_is_a_class()) return {};
  Tensor batch;
  for (size_t i = 0; i < images.size(); ++i) {
    KnownPixels known = known_pixels(config, *images[i]);
    if (known.empty()) continue;
    const int64_t height = height_of(*images[i]), width = width_of(*images[i]);
    if (!batch.defined()) batch = at::ones({static_cast<int64_t>(images.size()), 1, height, width}, at::kBool);
    const Tensor plane = at::from_blob(known.data(), {height, width}, at::kByte).to(at::kBool);
    batch[static_cast<int64_t>(i)][0].copy_(!flips.empty() && flips[i] ? plane.flip(1) : plane);
  }
  return batch;
}

std::vector<StoredImage> stored_images(const InputConfig& config, const Tensor& output) {
  const int height = static_cast<int>(output.size(-2)), width = static_cast<int>(output.size(-1));
  std::vector<StoredImage> images(output.size(0));
  if (config.has_labels()) {
    const Tensor labels = output.argmax(1).to(at::kCPU).contiguous();
    for (size_t i = 0; i < images.size(); ++i)
      images[i] = from_labels(config, labels.data_ptr<int64_t>() + i * height * width, width, height);
    return images;
  }
  const Tensor values = output.to(at::kCPU, at::kFloat).contiguous();
  for (size_t i = 0; i < images.size(); ++i)
    images[i] = from_network(config, values[static_cast<int64_t>(i)].data_ptr<float>(), width, height);
  return images;
}

ImageTokenizer ImageTokenizer::open(const fs::path& path, const ComputeConfig& compute, const std::string& name) {
  const std::string in_path = name_in_path(path);
  std::vector<std::shared_ptr<const Tokenizer>> replicas;
  for (const Compute& one : computes_of(compute))
    replicas.push_back(std::make_shared<const Tokenizer>(Tokenizer::open(path, one)));
  ImageTokenizer tokenizer(std::move(replicas), name.empty() ? in_path : name);
  if (!size_in_name(name))
    if (const auto size = size_in_name(in_path)) tokenizer.image_size_ = *size;
  return tokenizer;
}

ImageTokenizer::ImageTokenizer(std::shared_ptr<const Tokenizer> tokenizer, const std::string& name)
    : ImageTokenizer(std::vector{std::move(tokenizer)}, name) {}

ImageTokenizer::ImageTokenizer(std::vector<std::shared_ptr<const Tokenizer>> replicas, const std::string& name)
    : replicas_(std::move(replicas)),
      input_(config().image_input(name)),
      image_size_(size_in_name(name).value_or(config().image_size)) {}

std::string name_in_path(const fs::path& path) {
  fs::path named = fs::absolute(path).lexically_normal();
  if (named.filename().empty()) named = named.parent_path();  // "folder/"
  if (is_weight_file(named)) {
    const bool generic = named.stem() == "model" || named.stem() == "pytorch_model";
    named = generic ? named.parent_path() : named.parent_path() / named.stem();
  }
  if (named.filename() == "model") named = named.parent_path();
  if (named.parent_path().filename() == "snapshots") named = named.parent_path().parent_path();
  return named.filename().string();
}

const TokenizerConfig& ImageTokenizer::config() const { return replicas_.front()->config(); }

std::vector<TokenMap> ImageTokenizer::encode(const std::vector<StoredImage>& images) const {
  std::vector<TokenMap> maps(images.size());
  const auto n = static_cast<int64_t>(images.size());
  const int64_t step = n ? batch_of(int64_t{width_of(images[0])} * height_of(images[0])) : 1;
  for_batches(n, step, replicas_, [&](const Tokenizer& tokenizer, int64_t begin, int64_t end) {
    std::vector<const StoredImage*> part;
    for (int64_t i = begin; i < end; ++i) part.push_back(&images[i]);
    Tensor tokens = tokenizer.encode(image_batch(input_, part));
    if (tokens.dim() == 3) tokens = tokens.unsqueeze(1);
    tokens = tokens.to(at::kCPU).contiguous();
    const int64_t each = tokens[0].numel();
    for (int64_t i = begin; i < end; ++i) {
      const int64_t* first = tokens.data_ptr<int64_t>() + (i - begin) * each;
      maps[i] = {static_cast<int>(tokens.size(1)),
                 static_cast<int>(tokens.size(2)),
                 static_cast<int>(tokens.size(3)),
                 {first, first + each}};
    }
  });
  return maps;
}

TokenMap ImageTokenizer::square_map(std::vector<int64_t> tokens) const {
  const int64_t codebooks = config().num_codebooks;
  const auto side = static_cast<int>(square_side(static_cast<int64_t>(tokens.size()), codebooks));
  check(side > 0, tokens.size(), " tokens fill no square grid",
        codebooks > 1 ? concat(" in ", codebooks, " codebooks of the tokenizer") : "");
  return {static_cast<int>(codebooks), side, side, std::move(tokens)};
}

std::vector<TokenMap> ImageTokenizer::token_maps(const NpyArray& array, const std::string& where) const {
  const int64_t codebooks = config().num_codebooks, grid = config().encoder_grid();
  const TokenArray tokens(array, where, {ExpectedTokens::Length::kSquare, codebooks * grid * grid, codebooks});
  const auto rows = static_cast<int>(tokens.rows()), columns = static_cast<int>(tokens.columns());
  check(tokens.rows() <= 4096 && tokens.columns() <= 4096, where, ": a grid of ", tokens.rows(), " x ",
        tokens.columns(), " tokens is too large");
  std::vector<TokenMap> maps;
  for (int64_t i = 0; i < tokens.crops(); ++i)
    maps.push_back({static_cast<int>(codebooks), rows, columns, tokens.ids(i, config().codebook_size)});
  return maps;
}

NpyArray ImageTokenizer::token_file(const TokenMap& map) const {
  std::vector<int64_t> shape{static_cast<int64_t>(map.tokens.size())};
  if (map.height != map.width) {
    shape = {1, map.height, map.width};
    if (map.codebooks > 1) shape.insert(shape.begin() + 1, map.codebooks);
  }
  return npy_from_integers(map.tokens, shape, config().codebook_size <= 1 << 15 ? "i2" : "i4");
}

std::vector<StoredImage> ImageTokenizer::decode(const std::vector<TokenMap>& tokens,
                                                const DecodeOptions& options) const {
  std::vector<StoredImage> images(tokens.size());
  const auto n = static_cast<int64_t>(tokens.size());
  const int64_t patch = config().decoder_patch();
  const int64_t step = n ? batch_of(int64_t{tokens[0].height} * tokens[0].width * patch * patch) : 1;
  for_batches(n, step, replicas_, [&](const Tokenizer& tokenizer, int64_t begin, int64_t end) {
    const TokenMap& first = tokens[begin];
    Tensor batch = at::empty({end - begin, first.codebooks, first.height, first.width}, at::kLong);
    for (int64_t i = begin; i < end; ++i) {
      const TokenMap& t = tokens[i];
      check(t.codebooks == first.codebooks && t.height == first.height && t.width == first.width &&
                static_cast<int64_t>(t.tokens.size()) == batch[0].numel(),
            "token maps of one batch must have one size, got ", t.height, "x", t.width, " and ", first.height, "x",
            first.width);
      std::copy(t.tokens.begin(), t.tokens.end(), batch[i - begin].data_ptr<int64_t>());
    }
    if (config().num_codebooks == 1) batch = batch.squeeze(1);
    auto decoded = stored_images(input_, tokenizer.decode_tokens(batch, options));
    std::move(decoded.begin(), decoded.end(), images.begin() + begin);
  });
  return images;
}

}  // namespace fourm
