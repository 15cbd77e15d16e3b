#include "fourm/eval/image_rows.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fourm/core/error.h"
#include "tests/support/message_of.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class ImageRows : public testing::Test {
 protected:
  ImageRowsOptions options(int64_t width) const {
    ImageRowsOptions o;
    o.name = "rows";
    o.images = folder / "images";
    o.width = width;
    return o;
  }
  const test::TemporaryFolder folder;
};

// The first value of the image, and its index.
Tensor value_and_index(const std::vector<Image>& images, size_t first) {
  const Tensor rows = at::empty({static_cast<int64_t>(images.size()), 2});
  float* row = rows.data_ptr<float>();
  for (size_t i = 0; i < images.size(); ++i, row += 2) {
    row[0] = static_cast<float>(images[i].pixels[0]);
    row[1] = static_cast<float>(first + i);
  }
  return rows;
}

TEST_F(ImageRows, ProcessesSplitTheParts) {
  write_png(folder / "even.png", Image(1, 1, 3, 4));
  write_png(folder / "odd.png", Image(1, 1, 3, 7));
  make_folder(folder / "images");
  for (int i = 0; i < 1100; ++i)
    fs::create_symlink(folder / (i % 2 == 0 ? "even.png" : "odd.png"), folder / "images" / concat(10000 + i, ".png"));
  const Tensor expected = image_rows(options(2), value_and_index);
  ASSERT_EQ(expected.sizes(), (std::vector<int64_t>{1100, 2}));
  for (int64_t i = 0; i < 1100; ++i) {
    ASSERT_EQ(expected[i][0].item<float>(), i % 2 == 0 ? 4 : 7) << i;
    ASSERT_EQ(expected[i][1].item<float>(), i);
  }
  ImageRowsOptions stored = options(2);
  stored.store = folder / "store";
  test::in_ranks(2, [&](const ProcessGroup& group) {
    EXPECT_TRUE(at::equal(image_rows(stored, value_and_index, group), expected)) << group.rank();
  });
  const auto refuse = [](const std::vector<Image>&, size_t) -> Tensor { fail("a stored part is computed again"); };
  EXPECT_TRUE(at::equal(image_rows(stored, refuse), expected));
}

TEST_F(ImageRows, MiddleSquaresAreResized) {
  Image wide(30, 10, 3, 0);
  for (int y = 0; y < 10; ++y)
    for (int x = 10; x < 20; ++x) std::fill_n(wide.at(x, y), 3, uint8_t{200});
  write_png(folder / "images/a.png", wide);
  ImageRowsOptions resized = options(3);
  resized.resize = 16;
  const Tensor row = image_rows(resized, [](const std::vector<Image>& images, size_t) {
    const Image& image = images.at(0);
    const auto [least, most] = std::minmax_element(image.pixels.begin(), image.pixels.end());
    return at::tensor({image.width * image.height, int{*least}, int{*most}}).view({1, 3});
  });
  EXPECT_TRUE(at::equal(row, at::tensor({256.F, 200.F, 200.F}).view({1, 3}))) << row;
}

TEST_F(ImageRows, StoredRowsOfOtherOptionsAreRefused) {
  write_png(folder / "images/a.png", Image(9, 9, 3, 5));
  ImageRowsOptions stored = options(2);
  stored.store = folder / "store";
  stored.depends_on["weights"] = "a 1";
  image_rows(stored, value_and_index);
  const auto refusal = [&](const ImageRowsOptions& o) {
    return test::message_of([&] { image_rows(o, value_and_index); });
  };
  EXPECT_EQ(refusal(stored), "no error");
  ImageRowsOptions other = stored;
  other.depends_on["weights"] = "b 1";
  EXPECT_NE(refusal(other).find("rows: was made from other images or with other options"), std::string::npos);
  other = stored;
  other.resize = 8;
  EXPECT_NE(refusal(other), "no error");
  fs::rename(folder / "images/a.png", folder / "images/b.png");
  EXPECT_NE(refusal(stored), "no error");
}

}  // namespace
}  // namespace fourm
