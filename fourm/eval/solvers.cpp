#include "fourm/eval/solvers.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/eval/measures.h"

namespace fourm {
namespace {

double rmse(double psnr) { return 255 * std::pow(10, -psnr / 20); }

}  // namespace

std::vector<SolverError> compare_solvers(const ImageTokenizer& tokenizer, const std::vector<StoredImage>& images,
                                         const std::vector<int64_t>& steps, int64_t reference, DecodeOptions options) {
  check(!images.empty(), "[compare_solvers] there are no images");
  check(tokenizer.config().kind() == TokenizerClass::kDiVae,
        "this tokenizer has no diffusion decoder: nothing to compare");
  const InputConfig& input = tokenizer.input();
  const std::vector<TokenMap> tokens = tokenizer.encode(images);
  const auto n = static_cast<double>(images.size());
  std::vector<Image> truth;
  std::vector<SolverError> table;
  const auto add = [&](const std::string& solver, int64_t count) {
    options.solver = solver;
    options.steps = count;
    const Stopwatch watch;
    const std::vector<StoredImage> decoded = tokenizer.decode(tokens, options);
    SolverError row{options, 0, 0, 0, watch.seconds() / n};
    const bool first = truth.empty();
    double squares = 0;
    for (size_t i = 0; i < decoded.size(); ++i) {
      const Image shown = display(input, decoded[i]);
      if (first) truth.push_back(shown);
      const double error = first ? 0 : rmse(psnr(shown, truth[i]));
      squares += error * error / n;
      row.largest = std::max(row.largest, error);
      row.psnr += bounded_psnr(shown, display(input, images[i])) / n;
    }
    row.rmse = std::sqrt(squares);
    table.push_back(row);
  };
  add("ddim", reference);
  for (const char* solver : {"dpm++", "ddim", "ddpm"})
    for (const int64_t count : steps) add(solver, count);
  return table;
}

}  // namespace fourm
