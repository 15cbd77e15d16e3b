// On the small CLIP of tests/fixtures/clip.
#include "fourm/eval/folder_distance.h"

#include <gtest/gtest.h>

#include "fourm/clip/image_text.h"
#include "fourm/eval/frechet.h"
#include "fourm/io/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

const fs::path kDistanceModel = fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/clip";

class FolderDistanceTest : public testing::Test {
 protected:
  // `count` images of two by one squares of the model's size.
  void write_images(const std::string& name, int count, int seed) {
    const int side = static_cast<int>(model_.image_size());
    for (int i = 0; i < count; ++i) {
      Image image(2 * side, side, 3);
      for (size_t p = 0; p < image.pixels.size(); ++p)
        image.pixels[p] = static_cast<uint8_t>((p * static_cast<size_t>(seed + i) + p / 97) % 251);
      write_png(folder_ / name / (std::to_string(i) + ".png"), image);
    }
  }
  FolderDistanceOptions options(const std::string& generated) const {
    FolderDistanceOptions o;
    o.generated = folder_ / generated;
    o.real = folder_ / "real";
    o.model = kDistanceModel;
    return o;
  }
  std::vector<Embedding> embeddings(const std::string& name) const {
    std::vector<StoredImage> images;
    for (const auto& file : list_images(folder_ / name)) images.emplace_back(read_image(file));
    return model_.embed(squares_of(images, static_cast<int>(model_.image_size())));
  }
  const ImageText model_ = ImageText::open(kDistanceModel);
  const test::TemporaryFolder folder_;
};

TEST_F(FolderDistanceTest, IsThatOfTheEmbeddingsOfAllSquares) {
  write_images("real", 5, 3);
  write_images("generated", 4, 11);
  const FolderDistance found = folder_distance(options("generated"));
  EXPECT_EQ(found.generated, 4);
  EXPECT_EQ(found.real, 5);
  EXPECT_EQ(found.squares, 2);
  EXPECT_NEAR(found.distance, frechet_distance(embeddings("generated"), embeddings("real")), 1e-9);
  EXPECT_GT(found.distance, 1e-3);
  EXPECT_NEAR(folder_distance(options("real")).distance, 0, 1e-6);
}

TEST_F(FolderDistanceTest, ImagesOfOtherSizesAreNamed) {
  write_images("real", 3, 3);
  write_images("generated", 3, 3);
  write_png(folder_ / "generated" / "3.png", Image(8, 8, 3));
  EXPECT_NE(test::message_of([&] { folder_distance(options("generated")); }).find("generated: images 0 to 3"),
            std::string::npos);
  FolderDistanceOptions resized = options("generated");
  resized.resize = model_.image_size();
  EXPECT_EQ(folder_distance(resized).squares, 1);
  fs::remove_all(folder_ / "generated");
  write_png(folder_ / "generated" / "0.png", Image(8, 8, 3));
  EXPECT_NE(test::message_of([&] { folder_distance(options("generated")); }).find("holds 1 image"), std::string::npos);
}

}  // namespace
}  // namespace fourm
