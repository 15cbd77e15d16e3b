#include "fourm/eval/clip_score.h"

#include <algorithm>

#include "fourm/clip/image_text.h"
#include "fourm/core/error.h"
#include "fourm/core/sha256.h"
#include "fourm/core/strings.h"
#include "fourm/data/prompt_list.h"
#include "fourm/eval/image_rows.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"

namespace fourm {
namespace {

std::string read_caption(const fs::path& file, const fs::path& image) {
  check(fs::exists(file), image.string(), ": has no caption ", file.string(), "; write one, or name a list of them");
  const std::string caption = trim(read_file(file, 1 << 20));
  check(!caption.empty() && caption.find('\n') == std::string::npos, file.string(),
        ": expected one caption, on one line");
  return caption;
}

std::vector<std::string> captions_of_images(const fs::path& images, const fs::path& captions) {
  const auto files = list_images(images);
  if (fs::is_regular_file(captions)) {
    auto list = read_prompts(captions);
    check(list.size() == files.size(), captions.string(), ": has ",
          counted(static_cast<int64_t>(list.size()), "caption"), ", but ", images.string(), " has ",
          counted(static_cast<int64_t>(files.size()), "image"));
    return list;
  }
  check(captions.empty() || fs::is_directory(captions), captions.string(), ": no such file or folder of captions");
  std::vector<std::string> list;
  for (const auto& image : files) {
    const fs::path place = captions.empty() ? image : captions / image.lexically_relative(images);
    list.push_back(read_caption(fs::path(place).replace_extension(".txt"), image));
  }
  return list;
}

}  // namespace

Summary clip_score(const ClipScoreOptions& options, const ProcessGroup& group) {
  const std::vector<std::string> captions = captions_of_images(options.images, options.captions);
  const ImageText model = ImageText::open(options.model, {.device = options.device});
  ImageRowsOptions rows;
  rows.name = "clip";
  rows.images = options.images;
  rows.resize = options.resize;
  rows.width = 1;
  rows.store = options.store;
  rows.depends_on = {{"model", weights_digest(model_folder(options.model))},
                     {"captions", sha256_hex(join(captions, "\n"))}};
  const auto compute = [&](const std::vector<Image>& images, size_t first) {
    const auto begin = captions.begin() + static_cast<int64_t>(first);
    const auto of_texts = model.embed(std::vector<std::string>(begin, begin + static_cast<int64_t>(images.size()))),
               of_images = model.embed(std::vector<StoredImage>(images.begin(), images.end()));
    const Tensor scores = at::empty({static_cast<int64_t>(images.size()), 1}, at::kFloat);
    for (size_t i = 0; i < images.size(); ++i)
      scores.data_ptr<float>()[i] = static_cast<float>(std::max(100 * similarity(of_images[i], of_texts[i]), 0.0));
    return scores;
  };
  const Tensor scores = image_rows(rows, compute, group).to(at::kDouble);
  return summarise({scores.const_data_ptr<double>(), scores.const_data_ptr<double>() + scores.numel()});
}

}  // namespace fourm
