#include "fourm/tokenizer/losses.h"

#include "fourm/core/error.h"

namespace fourm {

Tensor reconstruction_loss(const std::string& name, const Tensor& output, const Tensor& target) {
  if (name == "mse") return at::mse_loss(output, target);
  if (name == "l1") return at::l1_loss(output, target);
  if (name == "smooth_l1") return at::smooth_l1_loss(output, target);
  if (name == "cross_entropy") return at::cross_entropy_loss(output, target);
  if (name == "cosine") return 1 - at::cosine_similarity(output.flatten(2), target.flatten(2), 2).mean();
  if (name == "cosine_1d") return 1 - at::cosine_similarity(output, target, 1).mean();
  if (name == "binary_cross_entropy") {
    const Tensor squashed = 2 * output.sigmoid() - 1;
    return at::binary_cross_entropy_with_logits(squashed, target);
  }
  fail("the loss '", name, "' is not known; expected mse, l1, smooth_l1, cross_entropy, cosine, cosine_1d or ",
       "binary_cross_entropy");
}

}  // namespace fourm
