// The model itself: gradients, saving, packing, sharing, errors.
#include <cmath>

#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/model/model_file.h"
#include "tests/support/compare.h"
#include "tests/support/fixtures.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

ModalityTable tiny_table() {
  ModalityTable table;
  table.extend(R"(
modalities:
  pixels: {kind: pixels, image_size: 4, patch_size: 2}
  grid: {kind: tokens, vocab_size: 5, image_size: 4, patch_size: 2}
  learned: {kind: tokens, vocab_size: 4, image_size: 4, patch_size: 2, positions: learned}
  words: {kind: sequence, vocab_size: 6, max_tokens: 8}
  vectors: {kind: embeddings, width: 3, max_tokens: 4}
)",
               "the test's table");
  return table;
}

ModelConfig tiny_config() {
  ModelConfig c;
  c.domains_in = {"pixels", "grid", "learned", "words", "vectors"};
  c.domains_out = {"grid", "learned", "words"};
  c.dim = 8;
  c.encoder_depth = c.decoder_depth = 1;
  c.num_heads = 2;
  c.norm_bias = c.gated_mlp = c.qk_norm = true;
  c.num_register_tokens = 2;
  return c;
}

Modality tiny_modalities(const std::string& name) {
  static const ModalityTable table = tiny_table();
  return tiny_config().modality(name, table);
}

Batch tiny_batch() {
  MaskedSample a, b;
  a.inputs = {{"pixels", {}, std::vector<float>(24, 0.3f), 12, {0, 3}},
              {"grid", {1, 4}, {}, 0, {1, 2}},
              {"words", {5, 2, 3}, {}, 0, {0, 1, 2}}};
  a.inputs[0].values[5] = -1;
  a.targets = {{"learned", {2, 1, 3}, {}, 0, {0, 1, 3}}, {"words", {1, 4, 2, 5}, {}, 0, {}}};
  b.inputs = {{"vectors", {}, {0.5f, -1, 2, 0, 1, 1}, 3, {0, 1}}, {"learned", {3}, {}, 0, {2}}};
  b.targets = {{"grid", {0, 2}, {}, 0, {3, 0}}};
  return pack({a, b}, tiny_modalities);
}

// Every parameter of every kind: layers with and without bias, gated and plain, QK-norm, registers, all embeddings.
void expect_gradients(ModelConfig config) {
  FourM model = create_model(config, tiny_table(), 3, at::kDouble);
  model.parameters().make_trainable();
  for (const auto& entry : model.parameters().entries()) {
    if (!entry.is_parameter) continue;
    const at::NoGradGuard no_grad;  // away from the symmetric start
    Tensor value = entry.value;
    value.add_(0.3 * at::sin(at::arange(value.numel(), at::kDouble) * 1.7).view(value.sizes()));
  }
  const Batch batch = tiny_batch();
  model.loss(batch).total.backward();
  int checked = 0;
  for (const auto& entry : model.parameters().entries()) {
    if (!entry.is_parameter) continue;
    const Tensor grad = entry.value.grad();
    ASSERT_TRUE(grad.defined()) << entry.name;
    const at::NoGradGuard no_grad;
    Tensor flat = entry.value.view({-1});
    for (int64_t i = 0; i < flat.numel(); i += std::max<int64_t>(1, flat.numel() / 5)) {
      const double h = 1e-5, kept = flat[i].item<double>();
      const auto loss_at = [&](double x) {
        flat[i].fill_(x);
        const double loss = model.loss(batch).total.item<double>();
        flat[i].fill_(kept);
        return loss;
      };
      const double slope = (loss_at(kept + h) - loss_at(kept - h)) / (2 * h);
      EXPECT_NEAR(grad.view({-1})[i].item<double>(), slope, 1e-8 + 1e-5 * std::abs(slope)) << entry.name << " " << i;
      ++checked;
    }
  }
  EXPECT_GT(checked, 100);
}

TEST(Model, GradientsEqualFiniteDifferences) {
  expect_gradients(tiny_config());
  ModelConfig plain = tiny_config();
  plain.gated_mlp = plain.qk_norm = plain.share_modality_embeddings = false;
  plain.act_layer = "GELU";
  plain.qkv_bias = plain.proj_bias = plain.mlp_bias = plain.norm_bias = false;
  plain.num_register_tokens = 0;
  expect_gradients(plain);
}

TEST(Model, PackedLossEqualsTheSamplesApart) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  const at::NoGradGuard no_grad;
  MaskedSample a, b;
  a.inputs = {{"grid", {1, 4}, {}, 0, {1, 2}}};
  a.targets = {{"grid", {3}, {}, 0, {0}}};
  b.inputs = {{"words", {5, 2, 3}, {}, 0, {0, 1, 2}}};
  b.targets = {{"grid", {2}, {}, 0, {3}}};
  const auto loss = [&](const std::vector<MaskedSample>& samples) {
    return model.loss(pack(samples, tiny_modalities)).parts.at("grid").loss.item<double>();
  };
  EXPECT_NEAR(loss({a, b}), (loss({a}) + loss({b})) / 2, 1e-6);
}

// Where nothing is learned, the encoder takes some samples at a time.
TEST(Model, SamplesEncodeTheSameInAnyCompany) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  std::vector<MaskedSample> samples(120);
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto id = static_cast<int64_t>(i);
    std::vector<int64_t> words, places;
    for (int64_t k = 0; k < id % 8; ++k) words.push_back((id + k) % 6), places.push_back(k);
    samples[i].inputs = {{"grid", {id % 5, id / 5 % 5, id / 25}, {}, 0, {0, 1, 3}}, {"words", words, {}, 0, places}};
    samples[i].targets = {{"grid", {2}, {}, 0, {2}}};
  }
  const Encoded learning = model.encoder(pack(samples, tiny_modalities).inputs);
  const test::TemporaryFolder folder;
  save_model(model, folder.path());
  const FourM inferring = load_model(folder.path(), tiny_table(), Compute::for_inference());
  const at::NoGradGuard no_grad;
  const Encoded together = inferring.encoder(pack(samples, tiny_modalities).inputs);
  EXPECT_LE(test::largest_difference(together.out, learning.out), 1e-5);
  int64_t row = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const Encoded alone = inferring.encoder(pack({samples[i]}, tiny_modalities).inputs);
    const int64_t rows = alone.lengths[0];
    ASSERT_EQ(together.lengths[i], rows);
    EXPECT_LE(test::largest_difference(together.out.slice(0, row, row + rows), alone.out), 1e-5) << i;
    row += rows;
  }
  ASSERT_EQ(together.out.size(0), row);
  ASSERT_GT(row, 2 * inferring.parameters().kernels().rows_together()) << "or all were taken at once";
}

// The same of the decoder, where samples without inputs are among the others and at the end.
TEST(Model, SamplesDecodeTheSameInAnyCompany) {
  std::vector<MaskedSample> samples(300);
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto id = static_cast<int64_t>(i);
    std::vector<int64_t> words;
    for (int64_t k = 0; k < id % 6; ++k) words.push_back((id + k) % 6);
    if (i % 7 > 0 && i < 280) samples[i].inputs = {{"grid", {id % 5, id / 5 % 5, id / 25 % 5}, {}, 0, {0, 1, 3}}};
    samples[i].targets = {{"grid", {2, id % 5}, {}, 0, {2, id % 2}}, {"words", words, {}, 0, {}}};
  }
  ModelConfig plain = tiny_config();  // its cross-attention may absorb the projection of keys and values
  plain.qk_norm = plain.qkv_bias = plain.proj_bias = false;
  plain.num_register_tokens = 0;
  for (const ModelConfig& config : {tiny_config(), plain}) {
    const test::TemporaryFolder folder;
    save_model(create_model(config, tiny_table(), 3), folder.path());
    const FourM model = load_model(folder.path(), tiny_table(), Compute::for_inference());
    const at::NoGradGuard no_grad;
    const auto decode = [&](const std::vector<MaskedSample>& some) {
      const Batch batch = pack(some, tiny_modalities);
      return model.decoder(batch.targets, model.encoder(batch.inputs)).out;
    };
    const Tensor together = decode(samples);
    int64_t row = 0;
    for (const MaskedSample& sample : samples) {
      const Tensor alone = decode({sample});
      EXPECT_LE(test::largest_difference(together.slice(0, row, row + alone.size(0)), alone), 1e-5) << row;
      row += alone.size(0);
    }
    ASSERT_EQ(together.size(0), row);
    ASSERT_GT(row, 2 * model.parameters().kernels().rows_together()) << "or all were taken at once";
  }
}

// Of three modalities that the model writes, "grid" has no target: it counts as 0 in the mean, and not among the tokens.
TEST(Model, TotalLossIsTheMeanOverAllModalitiesOrOverTokens) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  const at::NoGradGuard no_grad;
  MaskedSample sample;
  sample.inputs = {{"grid", {1, 4}, {}, 0, {1, 2}}};
  sample.targets = {{"learned", {2, 1, 3}, {}, 0, {0, 1, 3}}, {"words", {1, 4, 2, 5, 3}, {}, 0, {}}};
  const Batch batch = pack({sample}, tiny_modalities);
  const Loss mean = model.loss(batch), tokens = model.loss(batch, LossKind::kToken),
             by_vocab = model.loss(batch, LossKind::kTokenByVocab);
  const auto &learned = mean.parts.at("learned"), &words = mean.parts.at("words");
  const auto of_learned = learned.loss.item<double>(), of_words = words.loss.item<double>();
  EXPECT_EQ(mean.parts.at("grid").slots, 0);
  EXPECT_EQ(mean.parts.at("grid").loss.item<double>(), 0);
  EXPECT_NEAR(mean.total.item<double>(), (of_learned + of_words) / 3, 1e-6);
  const auto weighted = [&](double a, double b) { return (a * of_learned + b * of_words) / (a + b); };
  const auto n = static_cast<double>(learned.slots), m = static_cast<double>(words.slots);
  EXPECT_NE(n, m);
  EXPECT_NEAR(tokens.total.item<double>(), weighted(n, m), 1e-6);
  EXPECT_NEAR(by_vocab.total.item<double>(), weighted(4 * n, 6 * m), 1e-6);
}

TEST(Model, SequencesPredictTheNextTokenFromPlaceZero) {
  MaskedSample sample;
  sample.inputs = {{"grid", {1, 4}, {}, 0, {1, 2}}};
  sample.targets = {{"words", {1, 4, 2, 5, 3}, {}, 0, {}}};
  const Batch batch = pack({sample}, tiny_modalities);
  ASSERT_EQ(batch.targets.groups.size(), 1u);
  const auto& words = batch.targets.groups[0];
  EXPECT_TRUE(words.ids.equal(at::tensor({1, 4, 2, 5}, at::kLong))) << words.ids;
  EXPECT_TRUE(words.targets.equal(at::tensor({4, 2, 5, 3}, at::kLong))) << words.targets;
  EXPECT_TRUE(words.positions.equal(at::tensor({0, 1, 2, 3}, at::kLong))) << words.positions;
}

TEST(Model, PositionsOfSequencesMayBeLearned) {
  for (const bool learned : {false, true}) {
    ModalityTable table = tiny_table();
    if (learned)
      table.extend("modalities: {words: {kind: sequence, vocab_size: 6, max_tokens: 8, positions: learned}}", "test");
    FourM model = create_model(tiny_config(), table, 3, at::kDouble);
    model.parameters().make_trainable();
    int found = 0;
    for (const auto& entry : model.parameters().entries())
      if (entry.name.find("words.pos_emb") != std::string::npos) {
        EXPECT_EQ(entry.is_parameter, learned) << entry.name;
        ++found;
      }
    EXPECT_EQ(found, 2) << "encoder and decoder";
  }
}

TEST(Model, LoadSaveLoadIsBitEqual) {
  for (const char* name : {"forward_7", "forward_21", "variant_gelu_bias", "variant_qknorm_registers"}) {
    const fs::path folder = test::fixture_root() / "transformer" / name;
    if (!fs::exists(folder / "model.safetensors")) continue;
    const test::TemporaryFolder temporary;
    const fs::path copy = temporary / "files";
    save_model(load_model(folder), copy);
    const auto before = test::read_all(folder / "model.safetensors"),
               after = test::read_all(copy / "model.safetensors");
    ASSERT_EQ(before.size(), after.size()) << name;
    for (const auto& [key, value] : before) EXPECT_TRUE(at::equal(value, after.at(key))) << name << " " << key;
    EXPECT_EQ(SafetensorsFile::open(copy / "model.safetensors").metadata(),
              SafetensorsFile::open(folder / "model.safetensors").metadata())
        << name;
    EXPECT_NO_THROW(load_model(copy)) << name;
  }
}

TEST(Model, OneFileWithItsConfigInTheHeaderLoads) {
  const fs::path folder = test::fixture_root() / "transformer" / "variant_qknorm_registers";
  FOURM_NEEDS(folder);
  const auto file = SafetensorsFile::open(folder / "model.safetensors");
  std::map<std::string, std::string> header{{"dim", "16"},
                                            {"encoder_depth", "2"},
                                            {"decoder_depth", "2"},
                                            {"num_heads", "2"},
                                            {"mlp_ratio", "4"},
                                            {"domains_in", "['rgb@224', 'tok_semseg@224']"},
                                            {"domains_out", "['tok_depth@224', 'tok_semseg@224']"},
                                            {"qkv_bias", "False"},
                                            {"proj_bias", "False"},
                                            {"mlp_bias", "False"},
                                            {"norm_bias", "False"},
                                            {"gated_mlp", "True"},
                                            {"qk_norm", "True"},
                                            {"act_layer", "SiLU"},
                                            {"num_register_tokens", "3"},
                                            {"share_modality_embeddings", "True"},
                                            {"decoder_causal_mask", "True"},
                                            {"decoder_sep_mask", "False"},
                                            {"image_size", "224"},
                                            {"patch_size", "16"},
                                            {"drop_path_rate_encoder", "0.0"}};
  auto tensors = file.tensors();
  StoredTensor shared = *file.find("decoder_embeddings.tok_semseg@224.mod_emb");
  shared.name = "encoder_embeddings.tok_semseg@224.mod_emb";  // this layout stores both names
  tensors.push_back(shared);
  const test::TemporaryFolder temporary;
  const fs::path copy = temporary / "model.safetensors";
  write_safetensors(copy, tensors, header);
  const FourM one = load_model(copy), two = load_model(folder);
  EXPECT_EQ(one.parameters().entries().size(), two.parameters().entries().size());
  EXPECT_EQ(one.config().num_register_tokens, 3);
}

TEST(Model, HalfPrecisionFilesLoad) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    const test::TemporaryFolder temporary;
    const fs::path copy = temporary / "files";
    save_model(model, copy, type);
    const FourM loaded = load_model(copy);
    EXPECT_LE(test::largest_difference(loaded.parameters().find("mask_token"), model.parameters().find("mask_token")),
              1e-3);
    EXPECT_EQ(loaded.parameters().find("mask_token").scalar_type(), at::kFloat);
  }
}

// What Python's load_file and save_file make of a model: the metadata with the second names of tied tensors are gone.
TEST(Model, FilesWithoutMetadataKeepTheirTies) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  const test::TemporaryFolder temporary;
  const fs::path copy = temporary / "files";
  save_model(model, copy);
  const auto original = test::read_all(copy / "model.safetensors");
  const std::string head = "decoder_embeddings.words.to_logits.weight",
                    table = "decoder_embeddings.words.token_emb.weight";
  ASSERT_TRUE(original.contains(head));
  for (const auto type : {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble})
    for (const bool other_name : {false, true}) {
      NamedTensors tensors;
      for (const auto& [name, value] : original)
        tensors.emplace_back(other_name && name == head ? table : name, value.to(type));
      save_tensors(copy / "model.safetensors", tensors);
      const FourM loaded = load_model(copy, tiny_table());
      const Tensor expected = original.at(head).to(type).to(at::kFloat);
      EXPECT_TRUE(loaded.parameters().find(head).equal(expected)) << type;
      EXPECT_TRUE(loaded.parameters().find(table).is_same(loaded.parameters().find(head))) << type;
      const at::NoGradGuard no_grad;
      const double loss = loaded.loss(tiny_batch()).total.item<double>();
      EXPECT_NEAR(loss, model.loss(tiny_batch()).total.item<double>(), 0.05) << type;
      for (const auto precision : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
        const FourM packed = load_model(copy, tiny_table(), Compute::for_inference(precision));
        EXPECT_NEAR(packed.loss(tiny_batch()).total.item<double>(), loss, 0.05) << type;
      }
    }
}

// The error of opening a model folder.
std::string refusal_of(const fs::path& folder) {
  try {
    load_model(folder, tiny_table());
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Model, ShardsAreOneModel) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  const test::TemporaryFolder temporary;
  const fs::path copy = temporary / "files";
  save_model(model, copy);
  NamedTensors parts[2];
  Json map = Json::object();
  const auto original = test::read_all(copy / "model.safetensors");
  for (const auto& [name, value] : original) {
    const size_t part = map.size() % 2;
    parts[part].emplace_back(name, value);
    map[name] = part ? "model-00002-of-00002.safetensors" : "model-00001-of-00002.safetensors";
  }
  for (int part = 0; part < 2; ++part)
    save_tensors(copy / concat("model-0000", part + 1, "-of-00002.safetensors"), parts[part], {{"format", "pt"}});
  fs::remove(copy / "model.safetensors");
  const fs::path index = copy / "model.safetensors.index.json";
  write_json(index, {{"metadata", {{"total_size", 1}}}, {"weight_map", map}});
  const FourM loaded = load_model(copy, tiny_table());
  for (const auto& entry : model.parameters().entries())
    EXPECT_TRUE(loaded.parameters().find(entry.name).equal(entry.value)) << entry.name;

  const auto refusal = [&] { return refusal_of(copy); };
  map["extra.weight"] = "model-00001-of-00002.safetensors";
  write_json(index, {{"weight_map", map}});
  EXPECT_NE(refusal().find("'extra.weight' is not in model-00001"), std::string::npos) << refusal();
  map["extra.weight"] = "../model.safetensors";
  write_json(index, {{"weight_map", map}});
  EXPECT_NE(refusal().find("file beside the index"), std::string::npos) << refusal();
  map.erase("extra.weight");
  write_json(index, {{"weight_map", map}});
  fs::remove(copy / "model-00002-of-00002.safetensors");
  EXPECT_NE(refusal().find("model-00002-of-00002.safetensors: is missing"), std::string::npos) << refusal();
}

TEST(Model, WrappersAndPointersAreNamed) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  const test::TemporaryFolder temporary;
  const fs::path copy = temporary / "files";
  save_model(model, copy);
  const auto original = test::read_all(copy / "model.safetensors");
  const auto refusal = [&] { return refusal_of(copy); };
  for (const auto& [prefix, wrapper] :
       {std::pair{"module.", "DistributedDataParallel"}, {"_orig_mod.", "torch.compile"}}) {
    NamedTensors tensors;
    for (const auto& [name, value] : original) tensors.emplace_back(prefix + name, value);
    save_tensors(copy / "model.safetensors", tensors);
    EXPECT_NE(refusal().find(wrapper), std::string::npos) << refusal();
    EXPECT_NE(refusal().find("state_dict()"), std::string::npos) << refusal();
    EXPECT_EQ(refusal().find("missing"), std::string::npos) << refusal();
  }
  write_file(copy / "model.safetensors",
             "version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 16608328\n");
  EXPECT_NE(refusal().find("model.safetensors: is a Git LFS pointer"), std::string::npos) << refusal();
}

TEST(Model, EveryWrongTensorIsNamedAtOnce) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  const test::TemporaryFolder temporary;
  const fs::path copy = temporary / "files";
  save_model(model, copy);
  auto file = SafetensorsFile::open(copy / "model.safetensors");
  auto tensors = file.tensors();
  std::erase_if(tensors,
                [](const auto& t) { return t.name == "encoder_norm.weight" || t.name.ends_with("grid.pos_emb"); });
  for (auto& t : tensors)
    if (t.name == "mask_token") t.shape = {8, 1, 1};
  write_safetensors(copy / "model.safetensors.new", tensors, file.metadata());
  fs::rename(copy / "model.safetensors.new", copy / "model.safetensors");
  try {
    load_model(copy);
    FAIL() << "accepted";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("2 tensors do not fit"), std::string::npos) << text;
    EXPECT_NE(text.find("encoder_norm.weight is missing, expected [8]"), std::string::npos) << text;
    EXPECT_NE(text.find("mask_token has shape [8, 1, 1], expected [1, 1, 8]"), std::string::npos) << text;
    EXPECT_EQ(text.find("pos_emb"), std::string::npos) << "a position table can be rebuilt";
  }
}

TEST(Model, FreshWeightsFollowTheSeedAndThePaper) {
  const FourM a = create_model(tiny_config(), tiny_table(), 3), b = create_model(tiny_config(), tiny_table(), 3),
              c = create_model(tiny_config(), tiny_table(), 4);
  const auto weight = [](const FourM& m) { return m.parameters().find("encoder.0.attn.qkv.weight"); };
  EXPECT_TRUE(at::equal(weight(a), weight(b)));
  EXPECT_FALSE(at::equal(weight(a), weight(c)));
  // Xavier for each of q, k, v on its own: |w| <= sqrt(6 / (8 + 8)).
  EXPECT_LE(weight(a).abs().max().item<double>(), std::sqrt(6.0 / 16));
  EXPECT_GT(weight(a).abs().max().item<double>(), 0.8 * std::sqrt(6.0 / 16));
  EXPECT_EQ(a.parameters().find("encoder.0.attn.qkv.bias").abs().max().item<double>(), 0);
  EXPECT_NEAR(a.parameters().find("encoder_embeddings.words.token_emb.weight").std().item<double>(), 0.02, 0.008);
  // Encoder and decoder share the modality embedding; a head is its decoder's token embedding.
  EXPECT_TRUE(a.encoder.embedding("grid").mod_emb.is_same(a.decoder.embedding("grid").mod_emb));
  const DecoderEmbedding& words = a.decoder.embedding("words");
  EXPECT_TRUE(words.token_emb.weight.is_same(words.to_logits.weight));
}

// The error of packing a batch; "accepted" when there is none.
std::string pack_error(const MaskedSample& sample) {
  try {
    pack({sample}, tiny_modalities);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Batch, IdsOutsideTheVocabularyAreRefusedWithModalityAndId) {
  const auto expect = [](const MaskedSample& sample, const std::string& message) {
    EXPECT_EQ(pack_error(sample), message);
  };
  const std::string grid = "modality 'grid': token ", words = "modality 'words': token ",
                    of_grid = " is outside its vocabulary of 5", of_words = " is outside its vocabulary of 6";
  for (const int64_t id : {int64_t{-1}, int64_t{5}, int64_t{1} << 40}) {
    expect({.inputs = {{"grid", {4, id}, {}, 0, {0, 1}}}, .targets = {}}, concat(grid, id, of_grid));
    expect({.inputs = {}, .targets = {{"grid", {0, id}, {}, 0, {0, 1}}}}, concat(grid, id, of_grid));
  }
  for (const int64_t id : {-1, 6}) {
    expect({.inputs = {{"words", {id}, {}, 0, {0}}}, .targets = {}}, concat(words, id, of_words));
    for (const std::vector<int64_t>& ids : {std::vector<int64_t>{id, 1, 2}, {1, id, 2}, {1, 2, id}})
      expect({.inputs = {}, .targets = {{"words", ids, {}, 0, {}}}}, concat(words, id, of_words));
  }
  expect({.inputs = {{"grid", {0, 4}, {}, 0, {0, 3}}}, .targets = {{"words", {0, 5}, {}, 0, {}}}}, "accepted");
}

TEST(Batch, PositionsBeyondTheTableAreRefused) {
  const auto expect = [](const MaskedSample& sample, const std::string& message) {
    EXPECT_EQ(pack_error(sample), message);
  };
  expect({.inputs = {{"grid", {1}, {}, 0, {4}}}, .targets = {}},
         "modality 'grid': position 4 is beyond the 4 that the model has; use fewer tokens");
  expect({.inputs = {}, .targets = {{"grid", {1}, {}, 0, {4}}}},
         "modality 'grid': position 4 is beyond the 4 that the model has; use fewer tokens");
  expect({.inputs = {{"pixels", {}, std::vector<float>(12), 12, {-1}}}, .targets = {}},
         "modality 'pixels': position -1 is negative");
  expect({.inputs = {{"words", {1}, {}, 0, {512}}}, .targets = {}},
         "modality 'words': position 512 is beyond the 512 that the model has; use fewer tokens");
}

// Of a long text the decoder reads positions beyond max_length as 0, as the original does.
TEST(Batch, LongTargetsArePacked) {
  MaskedSample sample;
  sample.inputs = {{"grid", {1}, {}, 0, {0}}};
  sample.targets = {{"words", std::vector<int64_t>(700, 1), {}, 0, {}}};
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  EXPECT_TRUE(std::isfinite(model.loss(pack({sample}, tiny_modalities)).total.item<double>()));
}

// An encoder alone has the outputs of the whole model, from any layout of the files, and needs no tensor of the decoder.
TEST(Encoder, LoadsWithoutTheDecoder) {
  const FourM model = create_model(tiny_config(), tiny_table(), 3);
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "files";
  save_model(model, folder);
  const at::NoGradGuard no_grad;
  const EncoderBatch inputs = tiny_batch().inputs;
  const Tensor expected = model.encoder(inputs).out;
  const auto expect_same = [&](const EncoderModel& loaded) {
    EXPECT_TRUE(loaded.encoder(inputs).out.equal(expected));
    EXPECT_EQ(loaded.encoder.modalities(), model.encoder.modalities());
    EXPECT_EQ(loaded.encoder.width(), 8);
    EXPECT_EQ(loaded.encoder.register_tokens(), 2);
    for (const auto& entry : loaded.parameters->entries())
      EXPECT_TRUE(!entry.name.starts_with("decoder") || entry.name.ends_with("mod_emb")) << entry.name;
  };
  expect_same(load_encoder(folder));
  EncoderModel trainable = load_encoder(folder);
  trainable.parameters->make_trainable();
  EXPECT_LE(test::largest_difference(load_encoder(folder, tiny_table(), Compute::for_inference()).encoder(inputs).out,
                                     expected),
            1e-4);

  NamedTensors kept;  // the encoder's tensors only; shared modality embeddings lie under the decoder's name
  for (const auto& [name, value] : test::read_all(folder / "model.safetensors"))
    if (name.ends_with("mod_emb") || (!name.starts_with("decoder") && name != "mask_token"))
      kept.emplace_back(name, value);
  save_tensors(folder / "model.safetensors", kept);
  expect_same(load_encoder(folder));
  EXPECT_THROW(load_model(folder), Error);
}

}  // namespace
}  // namespace fourm
