"use strict";
// Sets of points, every cost minimised: qnas/pareto.py, for the page. The tests hold both against
// the same cases. A point is an array of costs.

const pareto = {
  // Mask of the points that no other point dominates; all of several equal points.
  nondominated(points) {
    const differ = (a, b) => a.findIndex((c, i) => c !== b[i]);
    const order = points.map((_, i) => i).sort((p, q) => {
      const i = differ(points[p], points[q]);
      return i < 0 ? 0 : points[p][i] - points[q][i];
    });
    const dominates = (a, b) => differ(a, b) >= 0 && a.every((c, i) => c <= b[i]);
    const mask = points.map(() => false), front = [];
    for (const index of order) {  // in this order nobody is dominated by one that comes later
      if (front.some((other) => dominates(points[other], points[index]))) continue;
      front.push(index);
      mask[index] = true;
    }
    return mask;
  },

  // The range of the points (at least one): {best, worst}.
  boxAround(points) {
    const column = (i) => points.map((point) => point[i]);
    return {
      best: points[0].map((_, i) => Math.min(...column(i))),
      worst: points[0].map((_, i) => Math.max(...column(i))),
    };
  },

  // `point` in units of the box; a cost of no width keeps its own unit.
  normalise(point, box) {
    return point.map((cost, i) => {
      const width = box.worst[i] - box.best[i];
      return (cost - box.best[i]) / (width > 0 ? width : 1);
    });
  },

  // Index of the point whose normalised costs have the least sum; ties go to the first.
  knee(points) {
    const box = pareto.boxAround(points);
    const sums = points.map((point) => pareto.normalise(point, box).reduce((a, b) => a + b, 0));
    return sums.indexOf(Math.min(...sums));
  },

  // Volume that the points dominate below `box.worst`, in units of the box.
  hypervolume(points, box) {
    const below = points.map((point) => pareto.normalise(point, box))
      .filter((point) => point.every((cost) => cost < 1));
    return pareto.volume(below, box.best.length);
  },

  // Below 1 in each of the first `costs` costs, by slices of the last of them.
  volume(points, costs) {
    if (!points.length) return 0;
    if (costs === 1) return 1 - Math.min(...points.map((point) => point[0]));
    const sorted = [...points].sort((a, b) => a[costs - 1] - b[costs - 1]);
    let sum = 0;
    sorted.forEach((point, i) => {
      const next = i + 1 < sorted.length ? sorted[i + 1][costs - 1] : 1;
      const height = next - point[costs - 1];
      if (height > 0) sum += height * pareto.volume(sorted.slice(0, i + 1), costs - 1);
    });
    return sum;
  },
};
