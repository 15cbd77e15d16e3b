#include "fourm/draw/skeleton.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fourm/core/rng.h"
#include "fourm/draw/strokes.h"

namespace fourm {
namespace {

constexpr Rotation kStraight{1, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr Rotation kFacing{1, 0, 0, 0, -1, 0, 0, 0, -1};  // upright, toward the viewer
constexpr size_t kHead = 15, kLeftFoot = 10, kLeftElbow = 18, kLeftWrist = 20, kLeftHand = 22;

std::array<Rotation, kBodyRotations> standing() {
  std::array<Rotation, kBodyRotations> pose;
  pose.fill(kStraight);
  return pose;
}

std::vector<float> numbers(const std::array<Rotation, kBodyRotations>& pose) {
  std::vector<float> all;
  for (const Rotation& r : pose)
    for (const double v : r) all.push_back(static_cast<float>(v));
  return all;
}

double distance(const Point& a, const Point& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

TEST(Skeleton, StandsUprightBeforeTheViewer) {
  const auto joints = body_joints(kFacing, standing());
  EXPECT_EQ(joints[0], (Point{0, 0, 0}));
  EXPECT_LT(joints[kHead][1], -0.5) << "y points down";
  EXPECT_GT(joints[kLeftFoot][1], 0.7);
  EXPECT_GT(joints[kLeftHand][0], 0.6) << "the left hand is at the viewer's right";
  EXPECT_LT(joints[kLeftFoot][2], 0) << "the toes point to the viewer";
  EXPECT_NEAR(joints[kLeftFoot][1] - joints[kHead][1], 1.55, 0.15) << "head to toes, in metres";
}

TEST(Skeleton, RotationsKeepBonesAndMoveWhatHangsOnThem) {
  const auto rest = body_joints(kFacing, standing());
  Random random(3);
  auto pose = standing();
  for (Rotation& r : pose)
    for (double& v : r) v = random.normal();
  const auto joints = body_joints(kFacing, pose);
  for (size_t j = 1; j < kBodyJoints; ++j) {
    const auto parent = static_cast<size_t>(kParentJoints[j]);
    EXPECT_NEAR(distance(joints[j], joints[parent]), distance(rest[j], rest[parent]), 1e-12) << j;
  }
  pose = standing();
  pose[kLeftElbow - 1] = {0, -1, 0, 1, 0, 0, 0, 0, 1};  // a quarter turn about z: the forearm points up
  const auto bent = body_joints(kFacing, pose);
  for (size_t j = 0; j < kBodyJoints; ++j) EXPECT_EQ(bent[j] != rest[j], j == kLeftWrist || j == kLeftHand) << j;
  EXPECT_LT(bent[kLeftWrist][1], rest[kLeftElbow][1] - 0.2);
  pose[0] = Rotation{};  // without a direction: as if it were straight
  EXPECT_EQ(body_joints(kFacing, pose), bent);
}

int64_t coloured(const Image& image, Colour colour) {
  int64_t n = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) n += std::equal(colour.begin(), colour.end(), &image.pixels[i]);
  return n;
}

TEST(DrawPoses, ProjectsByTheCameraOfTheBox) {
  HumanPose person;
  person.box = {0.25, 0, 0.75, 1};  // a square of 100 pixels around it
  person.global = kFacing;
  person.camera = {1, 0.3, -0.1};
  const Image plain(10, 10, 3, 0);
  const Image drawn = draw_poses(plain, {person}, {numbers(standing())}, 100);
  const Colour colour = bright_colour(size_t{0});
  const auto is_drawn = [&](int x, int y) { return std::equal(colour.begin(), colour.end(), drawn.at(x, y)); };
  EXPECT_TRUE(is_drawn(65, 45)) << "the pelvis, 0.3 m to the right and 0.1 m up at 50 pixels a metre";
  EXPECT_FALSE(is_drawn(50, 70)) << "beside the legs";
  person.camera = {0.5, 0.3, -0.1};
  EXPECT_LT(coloured(draw_poses(plain, {person}, {numbers(standing())}, 100), colour), coloured(drawn, colour))
      << "half as large";
  person.camera = {19, 19, 19};
  draw_poses(plain, {person}, {numbers(standing())}, 100);  // far outside
}

TEST(DrawPoses, WithoutAPoseShowsWhereTheBodyPoints) {
  HumanPose person;
  person.box = {0, 0, 1, 1};
  person.global = kFacing;
  const Image drawn = draw_poses(Image(10, 10, 3, 0), {person}, {{}}, 100);
  EXPECT_GT(drawn.at(50, 30)[2], drawn.at(50, 30)[0]) << "the head is up: blue";
  EXPECT_EQ(int{drawn.at(50, 75)[2]}, 0);
  person.global = {0, 0, 1, 0, -1, 0, 1, 0, 0};  // toward the right of the image
  const Image side = draw_poses(Image(10, 10, 3, 0), {person}, {{}}, 100);
  EXPECT_GT(side.at(70, 50)[0], side.at(70, 50)[2]) << "the front is right: red";
  EXPECT_EQ(int{drawn.at(70, 50)[0]}, 0);
}

}  // namespace
}  // namespace fourm
