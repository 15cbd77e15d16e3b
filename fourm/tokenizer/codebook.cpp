#include "fourm/tokenizer/codebook.h"

#include <cmath>

#include "fourm/dist/all_gather.h"
#include "fourm/tokenizer/usage.h"

namespace fourm {
namespace {

constexpr int kLloydIterations = 10;
constexpr double kLaplace = 1e-5;
// The usage of a restarted code is this multiple of the threshold: at decay 0.99 it remains above the threshold for 140
// steps.
constexpr double kFreshUsage = 4;
constexpr double kSplitNoise = 1e-2;

Tensor sums_of(const Tensor& x, const Tensor& codes, int64_t size) {
  return at::zeros({size, x.size(1)}, x.options()).index_add_(0, codes, x);
}

// The linear map of a vector to its nearness to each row of the table; larger is nearer.
Matrix nearness(const Tensor& table, bool cosine) {
  if (cosine) return {table, {}};
  return {2 * table, table.square().sum(1).neg()};  // |x|^2 is the same for all codes
}

}  // namespace

EmaCodebook::EmaCodebook(const Scope& scope, const TokenizerConfig& c)
    : kernels_(scope.kernels()),
      cosine_(c.norm_codes),
      split_popular_(c.code_replacement_policy == "linde_buzo_gray"),
      decay_(c.ema_decay),
      threshold_(c.threshold_ema_dead_code) {
  const int64_t k = c.codebook_size, d = c.latent_dim;
  embed_ = scope.buffer("embed", {k, d}, c.kmeans_init ? Init::zeros() : Init::normal(1 / std::sqrt(d)));
  cluster_size_ = scope.buffer("cluster_size", {k}, Init::zeros());
  initted_ = scope.buffer("initted", {1}, c.kmeans_init ? Init::zeros() : Init::ones());
  if (!cosine_) embed_avg_ = scope.buffer("embed_avg", {k, d}, Init::zeros());
}

Tensor EmaCodebook::nearest(const Tensor& x) const {
  return kernels_->argmax_linear(x.detach(), nearness(cosine_ ? unit_rows(embed_) : embed_, cosine_));
}

void EmaCodebook::initialise(const Tensor& own, QuantizerDraws& draws) {
  if (!initialised_) initialised_ = initted_.item<float>() != 0;
  if (initialised_) return;
  const Tensor x = all_gather_rows(own, group_);
  Tensor means = x.index_select(0, draws.rows(x.size(0), size()).to(x.device())), counts;
  for (int i = 0; i < kLloydIterations; ++i) {
    const Matrix to_nearness = nearness(means, cosine_);
    const auto [score, codes] = at::linear(x, to_nearness.weight, to_nearness.bias).max(1);
    counts = code_counts(codes, size());
    const Tensor filled = (counts > 0).unsqueeze(1);
    const Tensor average = sums_of(x, codes, size()) / counts.clamp_min(1).unsqueeze(1);
    means = at::where(filled, cosine_ ? unit_rows(average) : average, means);
    if (as_original_) continue;
    // Empty clusters, duplicates among them, move to the vectors with the largest quantisation error.
    const Tensor empty = (counts == 0).nonzero().squeeze(1);
    const Tensor fit = cosine_ ? score : score - x.square().sum(1);
    const int64_t moved = std::min(empty.size(0), x.size(0));
    means.index_copy_(0, empty.slice(0, 0, moved), x.index_select(0, std::get<1>(fit.topk(moved, 0, false))));
  }
  embed_.copy_(means);
  cluster_size_.copy_(counts);
  if (!cosine_) embed_avg_.copy_(as_original_ ? means : means * counts.unsqueeze(1));
  initted_.fill_(1);
  started_rows_ = x.size(0);
}

void EmaCodebook::collect(const Tensor& x, const Tensor& codes) {
  vectors_.push_back(x.detach());
  codes_.push_back(codes);
}

void EmaCodebook::update(QuantizerDraws& draws) {
  if (vectors_.empty()) return;
  const NoGradGuard no_grad;
  for (auto* collected : {&vectors_, &codes_})
    for (Tensor& of_micro_batch : *collected) of_micro_batch = all_gather_rows(of_micro_batch, group_);
  const Tensor x = at::cat(vectors_), codes = at::cat(codes_);
  vectors_.clear();
  codes_.clear();
  if (started_rows_ > 0 && started_rows_ != x.size(0)) {  // k-means counted the first micro-batch only
    const double share = static_cast<double>(x.size(0)) / static_cast<double>(started_rows_);
    cluster_size_.mul_(share);
    if (!cosine_) embed_avg_.mul_(share);
  }
  started_rows_ = 0;
  const Tensor counts = code_counts(codes, size());
  const Tensor sums = sums_of(x, codes, size());
  cluster_size_.mul_(decay_).add_(counts, 1 - decay_);
  if (cosine_) {
    const Tensor used = (counts > 0).unsqueeze(1);
    const Tensor target = unit_rows(at::where(used, sums / counts.clamp_min(1).unsqueeze(1), embed_));
    embed_.mul_(decay_).add_(target, 1 - decay_);
  } else {
    embed_avg_.mul_(decay_).add_(sums, 1 - decay_);
    const Tensor total = cluster_size_.sum();
    const Tensor smooth = (cluster_size_ + kLaplace) / (total + static_cast<double>(size()) * kLaplace) * total;
    embed_.copy_(embed_avg_ / smooth.unsqueeze(1));
  }
  if (threshold_ > 0) restart_dead(x, draws);
}

void EmaCodebook::restart_dead(const Tensor& x, QuantizerDraws& draws) {
  const Tensor dead = (cluster_size_ < threshold_).nonzero().squeeze(1);
  const int64_t n = dead.size(0);
  if (n == 0) return;
  Tensor fresh;
  if (split_popular_) {
    const Tensor popular = cluster_size_.argsort(/*stable=*/true, 0, /*descending=*/true);
    const int64_t models = as_original_ ? n : std::max<int64_t>(1, size() - n);  // dead codes are not copied
    fresh = embed_.index_select(0, popular.index_select(0, at::arange(n, popular.options()).remainder(models)));
    if (!as_original_)
      fresh = unit_rows(fresh) + (draws.uniform(fresh.sizes()).to(x.device()) - 0.5) * (2 * kSplitNoise);
  } else {
    fresh = x.index_select(0, draws.rows(x.size(0), n).to(x.device()));
  }
  if (cosine_ || as_original_) fresh = unit_rows(fresh);
  embed_.index_copy_(0, dead, fresh);
  if (as_original_) return;
  const double usage = kFreshUsage * threshold_;
  cluster_size_.index_fill_(0, dead, usage);
  if (!cosine_) embed_avg_.index_copy_(0, dead, fresh * usage);
}

}  // namespace fourm
