// Depth files: which unit a file has, what is unknown, what is refused.
#include "fourm/modality/depth.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/io/npy.h"
#include "fourm/modality/transform.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

std::string failure(std::string_view bytes, std::optional<double> unit = {}) {
  try {
    decode_depth(bytes, "map", unit);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::vector<float> kThree(6, 3);

TEST(Depth, SixteenBitPngIsMillimetresAndFloatsAreMetres) {
  EXPECT_EQ(decode_depth(encode_png16(Raster<uint16_t>(3, 2, 1, 3000)), "map").pixels, kThree);
  const Raster<float> map = decode_depth(encode_npy(npy_from_floats({1, 2, 3, 4, 5, 300}, {2, 3})), "map");
  EXPECT_EQ(map.pixels, (std::vector<float>{1, 2, 3, 4, 5, 300}));
  EXPECT_EQ(map.width, 3);
}

TEST(Depth, OtherFilesNeedAUnit) {
  const std::string bytes8 = encode_png(Image(3, 2, 1, 30)), bytes16 = encode_png16(Raster<uint16_t>(3, 2, 1, 300));
  std::vector<std::string> whole{bytes8};
  for (const char* dtype : {"u1", "i2", "u2", "i4", "i8"})
    whole.push_back(encode_npy(npy_from_integers(std::vector<int64_t>(6, 30), {2, 3}, dtype)));
  for (const auto& bytes : whole) {
    EXPECT_NE(failure(bytes).find("whose unit is not known"), std::string::npos) << failure(bytes);
    EXPECT_NE(failure(bytes).find("depth: {unit: cm}"), std::string::npos) << failure(bytes);
    EXPECT_EQ(decode_depth(bytes, "map", 0.1).pixels, kThree);
  }
  EXPECT_EQ(decode_depth(bytes16, "map", 0.01).pixels, kThree);  // a stated unit holds for every file
  EXPECT_EQ(decode_depth(encode_npy(npy_from_floats(std::vector<float>(6, 300), {2, 3})), "map", 0.01).pixels, kThree);
}

TEST(Depth, NotANumberIsUnknownAndImpossibleDepthIsNamed) {
  const auto file = [](float value) { return encode_npy(npy_from_floats({1, 2, value, 4}, {2, 2})); };
  EXPECT_EQ(decode_depth(file(NAN), "map").pixels, (std::vector<float>{1, 2, 0, 4}));
  EXPECT_EQ(decode_depth(file(0), "map").pixels[2], 0);
  for (const float bad : {-1.0F, INFINITY, -INFINITY})
    EXPECT_NE(failure(file(bad)).find("row 1, column 0"), std::string::npos) << failure(file(bad));
  EXPECT_NE(failure(encode_png(Image(3, 2, 3, 9))).find("expected 16-bit grey"), std::string::npos);
  EXPECT_NE(failure(encode_npy(npy_from_floats(kThree, {1, 2, 3}))).find("[H, W]"), std::string::npos);
  EXPECT_NE(failure("GIF89a").find("neither PNG nor .npy"), std::string::npos);
}

TEST(Depth, BeyondAPngThereIsNpy) {
  const Raster<float> far(2, 1, 1, 300);
  try {
    encode_depth_png(far);
    FAIL() << "300 m were cut";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(".npy"), std::string::npos) << error.what();
  }
  EXPECT_EQ(decode_depth(encode_depth_npy(far), "map"), far);
  const Raster<float> near(2, 1, 1, 65.5F);
  EXPECT_EQ(decode_depth(encode_depth_png(near), "map"), near);
  InputConfig config;
  config.kind = "depth";
  EXPECT_STREQ(stored_extension(config), ".png");
  config.far = 300;
  EXPECT_STREQ(stored_extension(config), ".npy");
  EXPECT_EQ(decode_stored_image(config, encode_stored_image(config, far), "map"), StoredImage(far));
}

TEST(Depth, TheUnitIsStatedByTheDataSetOrTheCommand) {
  const test::TemporaryFolder temporary;
  const fs::path root = temporary.path();
  write_file(root / "plain/depth/a.npy", "");
  write_file(root / "cm/dataset.yaml", "name: x\ndepth: {unit: cm}\n");
  write_file(root / "cm/inner/dataset.yaml", "name: y\n");
  const DepthUnits units;
  EXPECT_EQ(units.of(root / "plain/depth/a.npy"), std::nullopt);
  EXPECT_EQ(units.of(root / "cm/depth/a.npy"), 0.01);
  EXPECT_EQ(units.of(root / "cm/depth/class/b/c/a.npy"), 0.01);
  EXPECT_EQ(units.of(root / "cm/depth/class/b/c/d/a.npy"), std::nullopt) << "only four folders above are searched";
  EXPECT_EQ(units.of(root / "cm/inner/depth/a.npy"), std::nullopt) << "the nearest dataset.yaml is the data set's";
  EXPECT_EQ(DepthUnits("mm").of(root / "cm/depth/a.npy"), 0.001);

  EXPECT_EQ(parse_depth_unit("m", ""), 1);
  EXPECT_EQ(parse_depth_unit("0.0002", ""), 0.0002);
  for (const char* bad : {"", "inch", "0", "-1", "nan", "inf", "1 m", "1e999"})
    EXPECT_THROW(parse_depth_unit(bad, "here"), Error) << bad;
  for (const char* bad : {"depth: cm\n", "depth: {unit: yards}\n", "depth: {units: cm}\n"}) {
    write_file(root / "cm/dataset.yaml", bad);
    EXPECT_THROW(DepthUnits().of(root / "cm/depth/a.npy"), Error) << bad;
  }
}

}  // namespace
}  // namespace fourm
