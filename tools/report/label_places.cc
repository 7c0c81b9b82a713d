#include "tools/report/label_places.h"

#include <algorithm>
#include <optional>

namespace seqsweep {
namespace {

constexpr double kTextHeight = 15, kMarkerRadius = 5, kGap = 8;
constexpr double kTextWeight = 8;  // Of two texts on each other neither can be read.
constexpr int kPasses = 3;         // The first to choose do not know yet where the others will be.
constexpr double kFromLine = 3;    // Nearer, a text looks struck out or underlined.

struct Rectangle {
  double left, right, bottom, top;
};

constexpr Side kSides[] = {Side::Right,      Side::Left,      Side::Above,      Side::Below,
                           Side::AboveRight, Side::AboveLeft, Side::BelowRight, Side::BelowLeft};
struct Direction {
  int right, up;
};
constexpr Direction kDirections[] = {{1, 0}, {-1, 0}, {0, 1},  {0, -1},
                                     {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};  // Of the sides.

Rectangle text_at(const LabelBox& box, Side side) {
  const auto [right, up] = kDirections[static_cast<size_t>(side)];
  const double gap = up == 0 ? kGap : kMarkerRadius;
  const double left = right > 0   ? box.x + gap
                      : right < 0 ? box.x - gap - box.width
                                  : box.x - box.width / 2;
  const double bottom = box.y + up * (kMarkerRadius + kTextHeight / 2) - kTextHeight / 2;
  return {left, left + box.width, bottom, bottom + kTextHeight};
}

double overlap(const Rectangle& a, const Rectangle& b) {
  const double wide = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double high = std::min(a.top, b.top) - std::max(a.bottom, b.bottom);
  return wide > 0 && high > 0 ? wide * high : 0;
}

}  // namespace

std::vector<Side> place_labels(const std::vector<LabelBox>& boxes,
                               const std::vector<StraightLine>& lines, double width,
                               double height) {
  std::vector<Rectangle> taken;
  for (const LabelBox& box : boxes) {
    taken.push_back({box.x - kMarkerRadius, box.x + kMarkerRadius, box.y - kMarkerRadius,
                     box.y + kMarkerRadius});
  }
  for (const StraightLine& line : lines) {
    taken.push_back({std::min(line.x1, line.x2) - kFromLine, std::max(line.x1, line.x2) + kFromLine,
                     std::min(line.y1, line.y2) - kFromLine,
                     std::max(line.y1, line.y2) + kFromLine});
  }
  const Rectangle plot = {0, width, 0, height};
  std::vector<Side> sides(boxes.size());
  std::vector<std::optional<Rectangle>> texts(boxes.size());
  const auto cost = [&](size_t i, Side side) {
    const Rectangle text = text_at(boxes[i], side);
    double hidden = kTextHeight * boxes[i].width - overlap(text, plot);  // What is outside.
    for (const Rectangle& other : taken) hidden += overlap(text, other);
    for (size_t j = 0; j < texts.size(); ++j) {
      if (j != i && texts[j]) hidden += kTextWeight * overlap(text, *texts[j]);
    }
    return hidden;
  };
  for (int pass = 0; pass < kPasses; ++pass) {
    for (size_t i = 0; i < boxes.size(); ++i) {
      if (boxes[i].width == 0) continue;
      // Rounded: the first of sides that are as good as each other, not that of the smaller noise.
      sides[i] = std::ranges::min(kSides, {}, [&](Side s) { return static_cast<int>(cost(i, s)); });
      texts[i] = text_at(boxes[i], sides[i]);
    }
  }
  return sides;
}

}  // namespace seqsweep
