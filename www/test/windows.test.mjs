// Windows as pure functions: widths, gaps, and what lies under them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { columnsOfPoints, columnsOfWindows, wholeWindows, widthFor } from "../src/windows.js";

const DAY = 86_400_000;
const group = (times, values) => ({ tags: {}, times: Float64Array.from(times), min: Float64Array.from(values), max: Float64Array.from(values), mean: Float64Array.from(values), count: Float64Array.from(values, () => 2) });

test("there is never more than one window for a pixel, and seldom less than a third", () => {
  for (const span of [0.001, 1, 999, 60_000, DAY, 30 * DAY, 400 * DAY]) {
    const windows = (span * 1e6) / widthFor(0, span, 1000);
    assert.ok(windows <= 1000 && (windows > 333 || span < 0.01), `${windows} windows of ${span} ms`);
  }
});

test("a width is a whole number of ns, and at least one", () => {
  assert.equal(widthFor(0, 0.00001, 1000), 1);
  assert.equal(widthFor(0, 30 * DAY, 1000), 3600e9);
});

test("windows at the edges are whole", () => {
  assert.deepEqual(wholeWindows(1500, 3500, 1e9), { from: 1000, to: 4000 });
});

test("a gap between windows breaks the line, windows that touch do not", () => {
  const { x, series } = columnsOfWindows([group([0, 1000, 5000], [1, 2, 3])], 1e9);
  assert.deepEqual(x, [500, 1500, 2500, 5500]);
  assert.deepEqual(series[0].mean, [1, 2, null, 3]);
});

test("a group without points where another has some is a gap there", () => {
  const { series } = columnsOfWindows([group([0, 1000], [1, 2]), group([1000], [9])], 1e9);
  assert.deepEqual(series[1].mean, [null, 9]);
});

test("the mean in view weighs windows by their points", () => {
  const windows = { ...group([0, 1000], [10, 40]), count: Float64Array.from([3, 1]) };
  assert.equal(columnsOfWindows([windows], 1e9).series[0].summary.mean, 17.5);
});

test("single points are joined over other series' times and broken at long pauses", () => {
  const one = { tags: {}, times: Float64Array.from([0, 10, 20, 30, 1000]), values: Float64Array.from([1, 2, 3, 4, 5]) };
  const other = { tags: {}, times: Float64Array.from([5]), values: Float64Array.from([7]) };
  const { x, series } = columnsOfPoints([one, other]);
  assert.deepEqual(x, [0, 5, 10, 20, 30, 515, 1000]);
  assert.deepEqual(series[0].mean, [1, undefined, 2, 3, 4, null, 5]);
});

test("NaN and infinities are drawn as gaps and left out of the numbers", () => {
  const { series } = columnsOfPoints([{ tags: {}, times: Float64Array.from([0, 1]), values: Float64Array.from([NaN, 3]) }]);
  assert.deepEqual(series[0].mean, [null, 3]);
  assert.deepEqual([series[0].summary.mean, series[0].summary.points], [3, 2]);
});
