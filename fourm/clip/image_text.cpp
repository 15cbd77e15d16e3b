#include "fourm/clip/image_text.h"

#include <numeric>

#include "fourm/clip/clip_model.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/io/model_folder.h"
#include "fourm/tokenizer/image_batch.h"

namespace fourm {
namespace {

constexpr size_t kBatch = 64;

// Calls body(images [B, 3, S, S]) for each batch.
template <class Body>
void each_batch(const ClipConfig& config, const std::vector<StoredImage>& images, const Body& body) {
  const InferenceGuard inference;
  const InputConfig rgb;
  for (size_t begin = 0; begin < images.size(); begin += kBatch) {
    std::vector<StoredImage> squares;
    for (size_t i = begin; i < std::min(images.size(), begin + kBatch); ++i)
      squares.push_back(centre_square(rgb, images[i], static_cast<int>(config.image_size)));
    std::vector<const StoredImage*> batch;
    for (const auto& square : squares) batch.push_back(&square);
    body(image_batch(rgb, batch));
  }
}

void append(const Tensor& rows, std::vector<Embedding>& out) {
  const Tensor values = rows.to(at::kCPU).contiguous();
  const float* data = values.data_ptr<float>();
  for (int64_t i = 0; i < values.size(0); ++i, data += values.size(1)) out.emplace_back(data, data + values.size(1));
}

}  // namespace

double similarity(const Embedding& a, const Embedding& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

ImageText ImageText::open(const fs::path& folder, const ComputeConfig& compute) {
  return ImageText(std::make_shared<const ClipModel>(ClipModel::open(folder, compute_of(compute))));
}

const ClipConfig& ImageText::config() const { return model_->config(); }
double ImageText::scale() const { return model_->scale().item<double>(); }

std::vector<Embedding> ImageText::embed(const std::vector<std::string>& texts) const {
  const InferenceGuard inference;
  std::vector<Embedding> out;
  for (size_t begin = 0; begin < texts.size(); begin += kBatch)
    append(model_->embed_texts({texts.begin() + static_cast<int64_t>(begin),
                                texts.begin() + static_cast<int64_t>(std::min(texts.size(), begin + kBatch))}),
           out);
  return out;
}

std::vector<Embedding> ImageText::embed(const std::vector<StoredImage>& images) const {
  std::vector<Embedding> out;
  each_batch(config(), images, [&](const Tensor& batch) { append(model_->embed_images(batch), out); });
  return out;
}

std::vector<NpyArray> ImageText::features(const std::vector<StoredImage>& images) const {
  std::vector<NpyArray> out;
  each_batch(config(), images, [&](const Tensor& batch) {
    const Tensor maps = model_->patch_features(batch).to(at::kCPU, at::kHalf).contiguous();
    for (const Tensor& map : maps.unbind(0)) {
      const auto* bytes = reinterpret_cast<const char*>(map.data_ptr<at::Half>());
      out.push_back({"f2", map.sizes().vec(), {bytes, static_cast<size_t>(map.nbytes())}});
    }
  });
  return out;
}

fs::path image_text_of(const fs::path& model) {
  std::error_code ignored;
  const fs::path inside = model_folder(model) / "clip";
  return fs::is_directory(inside, ignored) ? inside : fs::path();
}

void each_image_batch(const std::vector<fs::path>& files, const std::string& label,
                      const std::function<void(const std::vector<StoredImage>&, size_t first)>& use) {
  Progress progress(label, static_cast<int64_t>(files.size()));
  for (size_t first = 0; first < files.size(); first += kBatch) {
    std::vector<StoredImage> images(std::min(kBatch, files.size() - first));
    parallel_for(static_cast<int64_t>(images.size()),
                 [&](int64_t i) { images[i] = read_stored_image({}, files[first + static_cast<size_t>(i)]); });
    use(images, first);
    progress.update(static_cast<int64_t>(first + images.size()));
  }
}

}  // namespace fourm
