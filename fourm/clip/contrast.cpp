#include "fourm/clip/contrast.h"

#include "fourm/core/error.h"
#include "fourm/kernels/precision_scope.h"

namespace fourm {
namespace {

// [B, B]: whether row and column are of one group.
Tensor same_group(const std::vector<int64_t>& groups, at::Device device) {
  const Tensor ids = at::tensor(groups, at::kLong).to(device);
  return ids.unsqueeze(0).eq(ids.unsqueeze(1));
}

// Share of the rows of `similarity` with fewer than k columns of other groups at least as similar as the most similar column
// of their own group.
double recall(const Tensor& similarity, const Tensor& same, int64_t k) {
  const Tensor best = std::get<0>(similarity.masked_fill(same.logical_not(), -2).max(1, /*keepdim=*/true));
  // Not "ge": similarities that are not numbers must not count as found.
  const Tensor before = similarity.lt(best).logical_or(same).logical_not().sum(1);
  return before.lt(k).to(at::kDouble).mean().item<double>();
}

}  // namespace

std::vector<int64_t> groups_of(const std::vector<std::string>& texts) {
  std::map<std::string, int64_t> known;
  std::vector<int64_t> groups;
  for (const auto& text : texts)
    groups.push_back(known.emplace(text, static_cast<int64_t>(known.size())).first->second);
  return groups;
}

Tensor contrastive_loss(const Tensor& images, const Tensor& texts, const Tensor& scale,
                        const std::vector<int64_t>& groups) {
  check(images.sizes() == texts.sizes() && images.size(0) == static_cast<int64_t>(groups.size()),
        "[contrastive_loss] expected as many texts and groups as images, got ", images.sizes(), ", ", texts.sizes(),
        " and ", groups.size());
  const PrecisionScope exact(Precision::kF32, images.device());  // logits reach 100
  const Tensor logits = scale * images.mm(texts.t());
  const Tensor same = same_group(groups, images.device()).to(at::kFloat);
  const Tensor target = same / same.sum(1, /*keepdim=*/true);
  const Tensor both = at::log_softmax(logits, 1) + at::log_softmax(logits, 0);  // the target is symmetric
  return -(target * both).sum() / (2 * images.size(0));
}

std::map<std::string, double> retrieval(const Tensor& images, const Tensor& texts, const std::vector<int64_t>& groups) {
  const Tensor similarity = images.mm(texts.t()), same = same_group(groups, images.device());
  std::map<std::string, double> recalls;
  for (const int64_t k : {1, 5}) {
    recalls["text_at_" + std::to_string(k)] = recall(similarity, same, k);
    recalls["image_at_" + std::to_string(k)] = recall(similarity.t(), same, k);
  }
  return recalls;
}

}  // namespace fourm
