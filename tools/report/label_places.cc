#include "tools/report/label_places.h"

#include <algorithm>

namespace seqsweep {
namespace {

constexpr double kTextHeight = 15, kMarkerRadius = 5, kGap = 8;

struct Rectangle {
  double left, right, bottom, top;
};

Rectangle text_at(const LabelBox& box, Side side) {
  const double half = kTextHeight / 2;
  switch (side) {
    case Side::Right:
      return {box.x + kGap, box.x + kGap + box.width, box.y - half, box.y + half};
    case Side::Left:
      return {box.x - kGap - box.width, box.x - kGap, box.y - half, box.y + half};
    case Side::Above:
      return {box.x - box.width / 2, box.x + box.width / 2, box.y + kMarkerRadius,
              box.y + kMarkerRadius + kTextHeight};
    case Side::Below:
      break;
  }
  return {box.x - box.width / 2, box.x + box.width / 2, box.y - kMarkerRadius - kTextHeight,
          box.y - kMarkerRadius};
}

double overlap(const Rectangle& a, const Rectangle& b) {
  const double wide = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double high = std::min(a.top, b.top) - std::max(a.bottom, b.bottom);
  return wide > 0 && high > 0 ? wide * high : 0;
}

}  // namespace

std::vector<Side> place_labels(const std::vector<LabelBox>& boxes, double width, double height) {
  std::vector<Rectangle> taken;
  for (const LabelBox& box : boxes) {
    taken.push_back({box.x - kMarkerRadius, box.x + kMarkerRadius, box.y - kMarkerRadius,
                     box.y + kMarkerRadius});
  }
  const Rectangle plot = {0, width, 0, height};
  std::vector<Side> sides;
  for (const LabelBox& box : boxes) {
    const auto cost = [&](Side side) {
      const Rectangle text = text_at(box, side);
      double hidden = kTextHeight * box.width - overlap(text, plot);  // What is outside.
      for (const Rectangle& other : taken) hidden += overlap(text, other);
      return hidden;
    };
    constexpr Side kSides[] = {Side::Right, Side::Left, Side::Above, Side::Below};
    // Rounded: the first of sides that are as good as each other, not that of the smaller noise.
    const Side side =
        std::ranges::min(kSides, {}, [&](Side s) { return static_cast<int>(cost(s)); });
    taken.push_back(text_at(box, side));
    sides.push_back(side);
  }
  return sides;
}

}  // namespace seqsweep
