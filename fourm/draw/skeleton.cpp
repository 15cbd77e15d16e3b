#include "fourm/draw/skeleton.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/draw/strokes.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr int kBoneWidth = 2, kBone = 3;
constexpr Colour kHead{90, 160, 255}, kFront{255, 90, 80};

// Where a joint lies from its parent, of a standing body with arms stretched out: x to its left, y up, z to its
// front. Rounded proportions of an adult of 1.7 m.
constexpr std::array<Point, kBodyJoints> kRest{{
    {0, 0, 0},
    {0.07, -0.09, 0},
    {-0.07, -0.09, 0},  // pelvis, left and right hip
    {0, 0.11, -0.02},
    {0.03, -0.38, 0},
    {-0.03, -0.38, 0},  // spine, knees
    {0, 0.14, 0.02},
    {-0.01, -0.40, -0.04},
    {0.01, -0.40, -0.04},  // spine, ankles
    {0, 0.06, 0},
    {0.03, -0.06, 0.12},
    {-0.03, -0.06, 0.12},  // spine, feet
    {0, 0.21, -0.03},
    {0.08, 0.12, -0.02},
    {-0.08, 0.12, -0.02},  // neck, collars
    {0, 0.09, 0.05},
    {0.09, 0.04, -0.01},
    {-0.09, 0.04, -0.01},  // head, shoulders
    {0.26, -0.01, -0.02},
    {-0.26, -0.01, -0.02},  // elbows
    {0.25, 0.01, 0},
    {-0.25, 0.01, 0},  // wrists
    {0.08, -0.01, -0.01},
    {-0.08, -0.01, -0.01},  // hands
}};

constexpr Rotation kIdentity{1, 0, 0, 0, 1, 0, 0, 0, 1};

Rotation product(const Rotation& a, const Rotation& b) {
  Rotation out{};
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      for (size_t k = 0; k < 3; ++k) out[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return out;
}

Point turned(const Rotation& r, const Point& p) {
  Point out{};
  for (size_t i = 0; i < 3; ++i)
    for (size_t k = 0; k < 3; ++k) out[i] += r[3 * i + k] * p[k];
  return out;
}

// By Gram and Schmidt over the rows; the identity where they do not span a space.
Rotation orthogonal(const Rotation& r) {
  Point x{r[0], r[1], r[2]}, y{r[3], r[4], r[5]};
  const auto normalise = [](Point& p) {
    const double length = std::hypot(p[0], p[1], p[2]);
    for (double& v : p) v /= length;
    return length > 1e-6;
  };
  if (!normalise(x)) return kIdentity;
  const double along = x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
  for (size_t i = 0; i < 3; ++i) y[i] -= along * x[i];
  if (!normalise(y)) return kIdentity;
  return {x[0],
          x[1],
          x[2],
          y[0],
          y[1],
          y[2],
          x[1] * y[2] - x[2] * y[1],
          x[2] * y[0] - x[0] * y[2],
          x[0] * y[1] - x[1] * y[0]};
}

std::array<Rotation, kBodyRotations> rotations_of(const std::vector<float>& numbers) {
  check(numbers.size() == kPoseNumbers, "a pose has ", numbers.size(), " numbers, expected ", kPoseNumbers);
  std::array<Rotation, kBodyRotations> rotations;
  for (size_t i = 0; i < kPoseNumbers; ++i) rotations[i / 9][i % 9] = static_cast<double>(numbers[i]);
  return rotations;
}

// The square around a person's box that the camera refers to, in pixels: that of 4D-Humans, which makes boxes as narrow
// as 3 : 4.
struct PersonSquare {
  double x, y, side;
};
PersonSquare square_of(const std::array<double, 4>& box, int side) {
  const double width = box[2] - box[0], height = box[3] - box[1];
  return {(box[0] + box[2]) / 2 * side, (box[1] + box[3]) / 2 * side, std::max(height, width * 4 / 3) * side};
}

void draw_skeleton(Image& image, const HumanPose& person, const std::vector<float>& numbers, Colour colour) {
  const PersonSquare square = square_of(person.box, image.width);
  const auto joints = body_joints(person.global, rotations_of(numbers));
  const auto at = [&](size_t joint, size_t axis) {
    const double middle = axis == 0 ? square.x : square.y;
    return middle + square.side / 2 * person.camera[0] * (joints[joint][axis] + person.camera[1 + axis]);
  };
  for (size_t j = 1; j < kBodyJoints; ++j) {
    const auto parent = static_cast<size_t>(kParentJoints[j]);
    draw_line(image, at(parent, 0), at(parent, 1), at(j, 0), at(j, 1), kBone, colour);
  }
}

void draw_orientation(Image& image, const HumanPose& person) {
  const PersonSquare square = square_of(person.box, image.width);
  const Rotation global = orthogonal(person.global);
  const auto arrow = [&](const Point& direction, Colour colour) {
    const Point to = turned(global, direction);
    draw_line(image, square.x, square.y, square.x + to[0] * square.side / 3, square.y + to[1] * square.side / 3, kBone,
              colour);
  };
  arrow({0, 1, 0}, kHead);
  arrow({0, 0, 1}, kFront);
}

}  // namespace

const std::array<int, kBodyJoints> kParentJoints{-1, 0, 0, 0,  1,  2,  3,  4,  5,  6,  7,  8,
                                                 9,  9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21};

std::array<Point, kBodyJoints> body_joints(const Rotation& global, const std::array<Rotation, kBodyRotations>& pose) {
  std::array<Point, kBodyJoints> joints{};
  std::array<Rotation, kBodyJoints> turns{orthogonal(global)};
  for (size_t j = 1; j < kBodyJoints; ++j) {
    const auto parent = static_cast<size_t>(kParentJoints[j]);
    turns[j] = product(turns[parent], orthogonal(pose[j - 1]));
    const Point bone = turned(turns[parent], kRest[j]);
    for (size_t i = 0; i < 3; ++i) joints[j][i] = joints[parent][i] + bone[i];
  }
  return joints;
}

Image draw_poses(const Image& image, const std::vector<HumanPose>& people, const std::vector<std::vector<float>>& poses,
                 int side) {
  check(people.size() == poses.size(), "[draw_poses] people and poses differ in number");
  Image out = resize_bilinear(image, side, side);
  for (size_t i = 0; i < people.size(); ++i) {
    const auto pixel = [&](double at) { return static_cast<int>(std::lround(std::clamp(at, -1.0, 2.0) * side)); };
    const auto& box = people[i].box;
    const Colour colour = bright_colour(i);
    draw_rectangle(out, pixel(box[0]), pixel(box[1]), pixel(box[2]), pixel(box[3]), kBoneWidth, colour);
    if (poses[i].empty())
      draw_orientation(out, people[i]);
    else
      draw_skeleton(out, people[i], poses[i], colour);
  }
  return out;
}

}  // namespace fourm
