#include "fourm/io/image_file.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/io/image.h"
#include "tests/support/captured_log.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(ImageFile, ExtensionsInAnyCase) {
  for (const char* name : {"a.png", "a.PNG", "b/c.JPG", "a.JPEG", "a.Jpeg", "x.y.webp", "a.WEBP"})
    EXPECT_TRUE(is_image_file(name)) << name;
  for (const char* name : {"a.gif", "a.TIFF", "a.npy", "png", "a.jpg.txt", "a.png2"})
    EXPECT_FALSE(is_image_file(name)) << name;
  EXPECT_EQ(lower_extension("a/b.TAR"), ".tar");
}

TEST(ImageFile, FormatsThatAreNotReadAreNamed) {
  for (const auto& [name, format] :
       {std::pair{"a.GIF", "GIF"}, {"a.tif", "TIFF"}, {"a.bmp", "BMP"}, {"a.heic", "HEIC"}, {"a.avif", "AVIF"}}) {
    const std::string text = unsupported_image(name);
    EXPECT_NE(text.find(format), text.npos) << text;
    for (const char* supported : {".jpg", ".jpeg", ".png", ".webp"}) EXPECT_NE(text.find(supported), text.npos) << text;
  }
  EXPECT_EQ(unsupported_image("a.png"), "");
  EXPECT_EQ(unsupported_image("a.txt"), "");
}

TEST(ImageFile, FormatsAreKnownByTheirFirstBytes) {
  const auto box = [](const char* brand) {
    return std::string(
               "\0\0\0\x18"
               "ftyp",
               8) +
           brand + std::string(12, '\0');
  };
  const std::vector<std::pair<std::string, const char*>> files{{"GIF89a\1\0\1\0", "GIF"},
                                                               {std::string("II*\0\x08\0\0\0", 8), "TIFF"},
                                                               {std::string("MM\0*\0\0\0\x08", 8), "TIFF"},
                                                               {"BM\x46", "BMP"},
                                                               {box("heic"), "HEIC"},
                                                               {box("avif"), "AVIF"}};
  for (const auto& [bytes, format] : files) {
    EXPECT_EQ(image_format(bytes), format);
    for (const auto& read : {+[](const std::string& b) { decode_image(b, "photo.jpg"); },
                             +[](const std::string& b) { decode_labels(b, "photo.jpg"); },
                             +[](const std::string& b) { decode_png16(b, "photo.jpg"); }}) {
      try {
        read(bytes);
        ADD_FAILURE() << format;
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find(concat("photo.jpg: is a ", format, " image")), 0u) << error.what();
      }
    }
  }
  EXPECT_EQ(image_format("<html>"), "");
  EXPECT_EQ(image_format(""), "");
}

TEST(ImageFile, FoldersBelowAreEntered) {
  const test::TemporaryFolder temporary;
  const fs::path root = temporary.path();
  for (const char* name :
       {"b.png", "n01/a.JPEG", "n01/deep/c.Jpg", "n02/d.npy", "n02/e.gif", ".hidden/f.png", "n02/.g.png", "h.txt"})
    write_file(root / name, "x");
  fs::create_directory_symlink(root, root / "n01" / "loop");
  fs::create_directory_symlink(root / "n02", root / "linked");
  const auto names = [&](const std::vector<fs::path>& files) {
    std::vector<std::string> all;
    for (const auto& file : files) all.push_back(file.lexically_relative(root).string());
    return all;
  };
  EXPECT_EQ(names(list_images(root)), (std::vector<std::string>{"b.png", "n01/a.JPEG", "n01/deep/c.Jpg"}));
  EXPECT_EQ(names(list_images(root, {".npy"})),
            (std::vector<std::string>{"b.png", "linked/d.npy", "n01/a.JPEG", "n01/deep/c.Jpg", "n02/d.npy"}));
  const test::CapturedLog captured;
  list_images(root);
  EXPECT_NE(captured.warnings().find("warning: "), std::string::npos);
  try {
    list_images(root / "n02");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("e.gif is a GIF image"), std::string::npos) << error.what();
  }
  EXPECT_THROW(list_images(root / "nowhere"), Error);
}

}  // namespace
}  // namespace fourm
