#include "fourm/train/initial_weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/text/wordpiece_trainer.h"
#include "tests/support/captured_log.h"
#include "tests/support/compare.h"
#include "tests/support/small_transformer.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class InitialWeights : public testing::Test {
 protected:
  static WordPiece text(const std::vector<std::string>& names) {
    WordPieceTrainer trainer(
        {.vocabulary_size = 40, .sentinels = 4, .coordinates = 1, .classes = names, .min_frequency = 0});
    return WordPiece::from_json(trainer.tokenizer_json(), "the test");
  }
  static void write_text(const fs::path& file, const std::vector<std::string>& names) {
    WordPieceTrainer trainer(
        {.vocabulary_size = 40, .sentinels = 4, .coordinates = 1, .classes = names, .min_frequency = 0});
    write_file(file, trainer.tokenizer_json());
  }
  void save_start() { save_model(create_model(config_, table_, 3), start_); }

  const test::TemporaryFolder temporary_;
  const fs::path start_ = temporary_ / "start";
  const ModelConfig config_ = test::small_transformer();
  const ModalityTable table_ = test::small_table();
};

// Keys (1981), equation 4, with a = -3/4 as in PyTorch: what a neighbour at this distance counts.
double cubic(double distance) {
  constexpr double kA = -0.75;
  const double d = std::abs(distance);
  return d <= 1 ? (kA + 2) * d * d * d - (kA + 3) * d * d + 1 : kA * (d * d * d - 5 * d * d + 8 * d - 4);
}

TEST_F(InitialWeights, LearnedPositionsAreResized) {
  FourM first = create_model(config_, table_, 3);
  const Tensor positions = first.parameters().find("encoder_embeddings.b.pos_emb").clone();
  first.parameters().find("decoder_embeddings.b.pos_emb").fill_(0.5);
  save_model(first, start_);
  ModalityTable larger = test::small_table();
  larger.extend("modalities:\n  b: {kind: tokens, vocab_size: 17, image_size: 32, patch_size: 4, positions: learned}\n",
                "b");
  const test::CapturedLog captured;
  const FourM model = model_from(start_, config_, larger, 8);
  EXPECT_NE(captured.text().find("learned positions are resized: encoder_embeddings.b (4 x 4 to 8 x 8), "
                                 "decoder_embeddings.b (4 x 4 to 8 x 8)"),
            std::string::npos)
      << captured.text();
  EXPECT_EQ(captured.warnings(), "");
  const Tensor found = model.parameters().find("encoder_embeddings.b.pos_emb");
  ASSERT_EQ(found.sizes(), (at::IntArrayRef{1, 64, config_.dim}));
  for (const int64_t row : {3, 4})  // whose four neighbours a side are all there
    for (const int64_t column : {3, 4}) {
      Tensor expected = at::zeros({config_.dim});
      for (int64_t t = 0; t < 16; ++t)
        expected += positions[0][t] * cubic((double(row) + 0.5) / 2 - 0.5 - double(t / 4)) *
                    cubic((double(column) + 0.5) / 2 - 0.5 - double(t % 4));
      test::expect_close("position", found[0][row * 8 + column], expected, 1e-6);
    }
  test::expect_close("constant", model.parameters().find("decoder_embeddings.b.pos_emb"),
                     at::full({1, 64, config_.dim}, 0.5), 1e-6);
}

// A token keeps its embedding, whatever its number is now.
TEST_F(InitialWeights, TextsGoByToken) {
  save_start();
  write_text(start_ / "tokenizer.json", {"bed", "chair", "lamp"});
  const WordPiece before = WordPiece::load(start_ / "tokenizer.json"), now = text({"lamp", "bed", "zebra"});
  ASSERT_NE(before.id("lamp"), now.id("lamp"));
  const test::CapturedLog captured;
  const FourM model = model_from(start_, config_, table_, 8, at::kCPU, &now), first = create_model(config_, table_, 3),
              fresh = create_model(config_, table_, 8);
  for (const char* name : {"encoder_embeddings.words.token_emb.weight", "decoder_embeddings.words.to_logits.weight"}) {
    const auto of = [&](const FourM& m) { return m.parameters().find(name); };
    for (const char* token : {"lamp", "bed", "[EOS]", "[S_2]"})
      EXPECT_TRUE(at::equal(of(model)[now.id_of(token)], of(first)[before.id_of(token)])) << name << token;
    EXPECT_TRUE(at::equal(of(model)[now.id_of("zebra")], of(fresh)[now.id_of("zebra")])) << name;
  }
  EXPECT_TRUE(at::equal(model.parameters().find("encoder_embeddings.a.token_emb.weight"),
                        first.parameters().find("encoder_embeddings.a.token_emb.weight")));
  const std::string said = captured.text();
  for (const char* expected : {"these start fresh: 'zebra' (1)", "these of its own are left behind: 'chair' (1)",
                               "Rows are taken by token: decoder_embeddings.words (1), encoder_embeddings.words (1)"})
    EXPECT_NE(said.find(expected), std::string::npos) << said;
}

// With the same tokens, or without a tokenizer to compare, rows go by number.
TEST_F(InitialWeights, TheSameTextsAreTakenWhole) {
  save_start();
  const WordPiece now = text({"bed", "chair"});
  const auto rows = [](const FourM& m) { return m.parameters().find("encoder_embeddings.words.token_emb.weight"); };
  const Tensor expected = rows(create_model(config_, table_, 3));
  const test::CapturedLog captured;
  EXPECT_TRUE(at::equal(rows(model_from(start_, config_, table_, 8, at::kCPU, &now)), expected));
  write_text(start_ / "tokenizer.json", {"bed", "chair"});
  EXPECT_TRUE(at::equal(rows(model_from(start_, config_, table_, 8, at::kCPU, &now)), expected));
  EXPECT_EQ(captured.text().find("by token"), std::string::npos);
}

// Another number of codes is another codebook: its rows mean something else.
TEST_F(InitialWeights, CodesOfAnotherCodebookAreNamed) {
  save_start();
  ModalityTable other = test::small_table();
  other.extend("modalities:\n  a: {kind: tokens, vocab_size: 64, image_size: 16, patch_size: 4}\n", "a");
  const test::CapturedLog captured;
  model_from(start_, config_, other, 8);
  EXPECT_NE(
      captured.warnings().find("are not taken, and start fresh: decoder_embeddings.a (1), encoder_embeddings.a (1)"),
      std::string::npos)
      << captured.warnings();
}

}  // namespace
}  // namespace fourm
