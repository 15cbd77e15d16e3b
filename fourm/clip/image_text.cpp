#include "fourm/clip/image_text.h"

#include <numeric>

#include "fourm/clip/clip_model.h"
#include "fourm/clip/hugging_face_clip.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/tokenizer/image_batch.h"

namespace fourm {
namespace {

constexpr size_t kBatch = 64;

class OwnModel : public ImageTextModel {
 public:
  explicit OwnModel(ClipModel model) : model_(std::move(model)) {}
  int64_t image_size() const override { return model_.config().image_size; }
  int64_t patch_size() const override { return model_.config().patch_size; }
  int64_t width() const override { return model_.config().embed_dim; }
  double scale() const override { return model_.scale().item<double>(); }
  Tensor embed_texts(const std::vector<std::string>& texts) const override { return model_.embed_texts(texts); }
  Tensor embed_images(const std::vector<Image>& images) const override {
    return model_.embed_images(squares(images, image_size()));
  }
  Tensor feature_maps(const std::vector<Image>& images, int64_t size) const override {
    return model_.patch_features(squares(images, size));
  }

 private:
  // [B, 3, size, size]
  static Tensor squares(const std::vector<Image>& images, int64_t size) {
    std::vector<StoredImage> squares;
    for (const auto& image : images) squares.push_back(centre_square({}, image, static_cast<int>(size)));
    std::vector<const StoredImage*> batch;
    for (const auto& square : squares) batch.push_back(&square);
    return image_batch({}, batch);
  }
  ClipModel model_;
};

// Calls body(images) for each batch.
template <class Body>
void each_batch(const std::vector<StoredImage>& images, const Body& body) {
  const InferenceGuard inference;
  for (size_t begin = 0; begin < images.size(); begin += kBatch) {
    std::vector<Image> batch;
    for (size_t i = begin; i < std::min(images.size(), begin + kBatch); ++i)
      batch.push_back(std::get<Image>(images[i]));
    body(batch);
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
  if (is_hugging_face_model(folder))
    return ImageText(std::make_shared<const HuggingFaceClip>(HuggingFaceClip::open(folder, compute_of(compute))));
  return ImageText(std::make_shared<const OwnModel>(ClipModel::open(folder, compute_of(compute))));
}

int64_t ImageText::image_size() const { return model_->image_size(); }
int64_t ImageText::patch_size() const { return model_->patch_size(); }
int64_t ImageText::width() const { return model_->width(); }
double ImageText::scale() const { return model_->scale(); }

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
  each_batch(images, [&](const std::vector<Image>& batch) { append(model_->embed_images(batch), out); });
  return out;
}

std::vector<NpyArray> ImageText::features(const std::vector<StoredImage>& images, int64_t size) const {
  std::vector<NpyArray> out;
  each_batch(images, [&](const std::vector<Image>& batch) {
    const Tensor maps =
        model_->feature_maps(batch, size > 0 ? size : image_size()).to(at::kCPU, at::kHalf).contiguous();
    for (const Tensor& map : maps.unbind(0)) {
      const auto* bytes = reinterpret_cast<const char*>(map.data_ptr<at::Half>());
      out.push_back({"f2", map.sizes().vec(), {bytes, static_cast<size_t>(map.nbytes())}});
    }
  });
  return out;
}

void write_features(const ImageText& model, const std::vector<fs::path>& files, const std::vector<fs::path>& outputs,
                    int64_t size) {
  each_image_batch(files, "features", [&](const std::vector<StoredImage>& images, size_t first) {
    const std::vector<NpyArray> maps = model.features(images, size);
    parallel_for(static_cast<int64_t>(maps.size()), [&](int64_t i) { write_npy(outputs[first + i], maps[i]); });
  });
}

int64_t label_features(const fs::path& data, const ImageText& model, int64_t size) {
  const fs::path rgb = data / "rgb";
  check(fs::is_directory(rgb), data.string(), ": has no folder rgb of images to make features of");
  std::vector<fs::path> files, outputs;
  for (const auto& file : list_images(rgb)) {
    const fs::path output = data / "clip" / file.lexically_relative(rgb).replace_extension(".npy");
    if (fs::exists(output)) continue;
    files.push_back(file);
    outputs.push_back(output);
  }
  write_features(model, files, outputs, size);
  return static_cast<int64_t>(files.size());
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
