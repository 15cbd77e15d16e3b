#include "fourm/core/strings.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

TEST(Strings, NearestNames) {
  EXPECT_EQ(nearest_name("learnin_rate", {"batch", "learning_rate"}), "learning_rate");
  EXPECT_EQ(nearest_name("zzz", {"batch", "learning_rate"}), "");
  EXPECT_EQ(nearest_name("rbg", {"caption", "rgb", "depth"}), "rgb") << "neighbours exchanged";
  EXPECT_EQ(nearest_name("gr", {"rgb"}), "") << "two apart";
  EXPECT_EQ(nearest_name("quiet", {"out"}), "") << "more than a third differs";
  EXPECT_EQ(duration(59), "59.0 s");
  EXPECT_EQ(duration(3725), "1:02:05");
}

TEST(Strings, PrintableKeepsEveryScriptAndNoControlCharacter) {
  EXPECT_EQ(printable("Schlüssel_鍵_ключ.png"), "'Schlüssel_鍵_ключ.png'");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "'a?b?[31m?'");
  EXPECT_EQ(printable("\xc2\x9b\xe2\x80\xae\xe2\x80\xa8x"), "'???x'");  // a C1 control, an override, a line separator
  EXPECT_EQ(printable("\xff\xc3(\xe9\x8d"),
            "'?"
            "?(?'");  // not UTF-8
  EXPECT_EQ(printable("ééééé", 3), "'ééé...'");
  EXPECT_EQ(printable("ééé", 3), "'ééé'");
}

TEST(Strings, CountsHaveTheirPlural) {
  EXPECT_EQ(counted(0, "sample"), "0 samples");
  EXPECT_EQ(counted(1, "sample"), "1 sample");
  EXPECT_EQ(counted(2, "sample"), "2 samples");
  EXPECT_EQ(counted(1, "entry", "entries"), "1 entry");
  EXPECT_EQ(counted(-3, "entry", "entries"), "-3 entries");
}

}  // namespace
}  // namespace fourm
