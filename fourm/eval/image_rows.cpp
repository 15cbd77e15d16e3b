#include "fourm/eval/image_rows.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/sha256.h"
#include "fourm/dist/all_gather.h"
#include "fourm/io/image_file.h"
#include "fourm/io/npy.h"
#include "fourm/modality/transform.h"

namespace fourm {
namespace {

constexpr size_t kPart = 500, kImagesAtOnce = 16;

// The rows of the images of a folder, part by part.
class RowStore {
 public:
  RowStore(const ImageRowsOptions& options, const RowsOfImages& compute)
      : options_(options), compute_(compute), files_(list_images(options.images)) {
    if (options.store.empty()) return;
    folder_ = options.store / options.name;
    make_folder(folder_);
    std::string files;
    for (const auto& file : files_)
      files += concat(file.lexically_relative(options.images).string(), " ", fs::file_size(file), "\n");
    Json contents{{"images", sha256_hex(files)}, {"resize", options.resize}};
    contents.update(options.depends_on);
    const fs::path manifest = folder_ / "manifest.json";
    if (!fs::exists(manifest)) write_json(manifest, contents);
    check(read_json(manifest) == contents, folder_.string(),
          ": was made from other images or with other options; remove it or name another folder");
  }

  int64_t parts() const { return static_cast<int64_t>((files_.size() + kPart - 1) / kPart); }

  Tensor part(int64_t index) const {
    const size_t first = static_cast<size_t>(index) * kPart, end = std::min(first + kPart, files_.size());
    const std::vector<int64_t> shape{static_cast<int64_t>(end - first), options_.width};
    const fs::path file = folder_ / concat(index, ".npy");
    if (!folder_.empty() && fs::exists(file)) {
      const NpyArray stored = read_npy(file);
      check(stored.shape == shape, file.string(), ": is not an array of ", shape[0], " x ", shape[1]);
      return at::tensor(npy_floats(stored)).view(shape);
    }
    const Tensor rows = compute_rows(first, end);
    if (!folder_.empty())
      write_npy(file,
                npy_from_floats({rows.const_data_ptr<float>(), rows.const_data_ptr<float>() + rows.numel()}, shape));
    return rows;
  }

 private:
  Tensor compute_rows(size_t first, size_t end) const {
    std::vector<Tensor> rows;
    for (size_t i = first; i < end; i += kImagesAtOnce) {
      std::vector<Image> batch;
      for (size_t k = i; k < std::min(i + kImagesAtOnce, end); ++k) batch.push_back(image(k));
      rows.push_back(compute_(batch, i).to(at::kCPU, at::kFloat));
    }
    return at::cat(rows);
  }

  Image image(size_t i) const {
    Image whole = read_image(files_[i]);
    if (options_.resize == 0) return whole;
    return std::get<Image>(centre_square({}, std::move(whole), static_cast<int>(options_.resize)));
  }

  const ImageRowsOptions& options_;
  const RowsOfImages& compute_;
  std::vector<fs::path> files_;
  fs::path folder_;  // of the stored parts; empty: they are not stored
};

}  // namespace

Tensor image_rows(const ImageRowsOptions& options, const RowsOfImages& compute, const ProcessGroup& group) {
  const RowStore store(options, compute);
  const int64_t begin = group.begin(store.parts()), end = group.end(store.parts());
  std::vector<Tensor> own{at::empty({0, options.width}, at::kFloat)};
  {
    const ProcessGroup::Busy busy(group);
    Progress progress(options.name, end - begin);
    for (int64_t part = begin; part < end; ++part) {
      own.push_back(store.part(part));
      progress.update(part + 1 - begin);
    }
  }
  return all_gather_rows(at::cat(own), group);
}

std::vector<Embedding> embeddings_of(const Tensor& table, int64_t from, int64_t to) {
  std::vector<Embedding> rows;
  for (int64_t i = 0; i < table.size(0); ++i) {
    const float* row = table.const_data_ptr<float>() + i * table.size(1);
    rows.emplace_back(row + from, row + to);
  }
  return rows;
}

}  // namespace fourm
