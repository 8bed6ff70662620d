// Charts by uPlot. A figure holds its data as JSON: {kind, at: [seconds], series: [{name, hue, values, dash, fill}],
// unit, width, low, high, label, marks: [{value, name}]}. What is drawn is in the table beneath it too.
const drawn = new Map();

const color = (name) => {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};
const faded = (rgb, share) => rgb.startsWith("rgb(") ? rgb.replace("rgb(", "rgba(").replace(")", `, ${share})`) : rgb;

const two = (x) => String(x).padStart(2, "0");
const day = (d) => `${two(d.getUTCDate())} ${["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][d.getUTCMonth()]}`;
const clock = (d) => `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
const moment = (seconds) => { const d = new Date(seconds * 1000); return `${day(d)} ${clock(d)} UTC`; };

const plain = (x) => (Math.abs(x) >= 1000 ? Math.round(x).toLocaleString("en-US") : String(+x.toPrecision(3))).replace("-", "−");
const formats = {
  share: (x) => `${+(100 * x).toFixed(x && Math.abs(x) < 0.1 ? 1 : 0)}%`,
  usd: (x) => x < 0 ? `−$${plain(-x)}` : `$${plain(x)}`,
  seconds: (x) => `${plain(x)} s`,
  number: plain,
};

// Shares are stacked: each bar is the sum of those up to it, and the lower ones are drawn over the higher ones.
const stacked = (series) => {
  const below = series[0]?.values.map(() => 0) ?? [];
  return series.map(({ values }) => values.map((value, i) => value === null ? null : (below[i] += value)));
};

const options = (node, data) => {
  const format = formats[data.unit] ?? plain;
  const ink = color("muted"), line = color("line"), stack = data.kind === "stack";
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const steps = data.x === "number";
  const [from, to] = ends(data), long = !steps && to - from > 2 * 86400;
  const series = data.series.map((one, i) => {
    const hue = color(one.hue ?? "accent");
    return {
      label: one.name, stroke: hue, width: stack ? 0 : one.width ?? 2, dash: one.dash,
      fill: stack ? hue : one.fill ? faded(hue, 0.16) : undefined, paths: stack ? uPlot.paths.bars({ size: [0.94, 60] }) : undefined,
      points: stack ? { show: false } : { show: false, size: 6, fill: hue, filter: (_, at) => alone(data.series[at - 1].values, steps) },
      spanGaps: steps, value: (_, v) => v,
    };
  });
  if (stack) series.reverse();
  const bands = (data.bands ?? []).map(([high, low]) => ({ series: [high + 1, low + 1], fill: faded(color(data.series[high].hue ?? "accent"), 0.16) }));
  return {
    width: node.clientWidth, height: node.clientHeight, legend: { show: false }, series: [{}, ...series], bands,
    cursor: { y: false, points: { show: !stack, size: 6 }, drag: { x: false, y: false } },
    padding: [10, 24, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { x: { time: !steps, range: () => ends(data) }, y: { range: (_, low, high) => range(data, stack, low, high) } },
    axes: [
      { ...axis, size: 30, grid: { show: false }, space: 70, ...(steps ? { label: data.label, labelSize: 18, labelFont: axis.font } : { incrs: long ? DAYS : CLOCK }),
        values: steps ? (_, ticks) => ticks.map(plain) : (_, ticks) => ticks.map((s) => { const d = new Date(s * 1000); return long ? day(d) : clock(d); }) },
      { ...axis, size: 56, values: (_, ticks) => ticks.map(format) },
    ],
    hooks: { setCursor: [(plot) => tell(node, data, plot.cursor.idx, format)], draw: [(plot) => marks(plot, data, ink)] },
  };
};

// Ticks stand at whole minutes or days, so that no two of them say the same.
const CLOCK = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
const DAYS = [1, 2, 5, 7, 10, 14, 30, 60, 90].map((n) => n * 86400);

// From the start of the first span to the end of the last; what is known of a span is drawn in its middle.
const ends = ({ at, width = 0, x }) => x === "number" ? [at[0], at.at(-1) > at[0] ? at.at(-1) : at[0] + 1] : [at[0], at.at(-1) + width];

// Values without a neighbour, which no line shows.
const alone = (values, spans) => {
  const known = values.flatMap((value, i) => value === null ? [] : [i]);
  if (spans) return known.length === 1 ? known : null;
  const found = known.filter((i) => (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);
  return found.length ? found : null;
};

const range = (data, stack, low, high) => {
  if (stack) return [0, 1];
  if (data.low !== undefined) return [data.low, data.high];
  const values = (data.marks ?? []).map((mark) => mark.value);
  low = Math.min(low ?? 0, data.zero === false ? Infinity : 0, ...values);
  high = Math.max(high ?? 0, ...values);
  if (high === low) high = low + (data.unit === "share" ? 0.01 : 1);
  return [low < 0 || data.zero === false ? low - 0.06 * (high - low) : 0, high + 0.06 * (high - low)];
};

// Horizontal lines that mean something, such as a margin that was agreed.
const marks = (plot, data, ink) => {
  const { ctx } = plot;
  const highest = Math.max(...(data.marks ?? []).map((mark) => mark.value));
  (data.marks ?? []).forEach((mark) => {
    const y = Math.round(plot.valToPos(mark.value, "y", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = ink;
    ctx.setLineDash([5, 5]);
    ctx.beginPath(); ctx.moveTo(plot.bbox.left, y); ctx.lineTo(plot.bbox.left + plot.bbox.width, y); ctx.stroke();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "right";
    ctx.fillText(mark.name, plot.bbox.left + plot.bbox.width - 4, y + (mark.value < highest ? 14 : -5) * devicePixelRatio);
    ctx.restore();
  });
};

// The key says what is under the pointer; else what holds of the whole time, or at last.
const tell = (node, data, index, format) => {
  const key = node.parentElement.querySelector(".key");
  if (!key) return;
  data.series.forEach((one, i) => {
    const cell = key.querySelector(`[data-series="${i}"]`);
    const whole = index === null || index === undefined;
    const value = one.values[whole ? one.values.findLastIndex((v) => v !== null) : index];
    if (cell) cell.textContent = whole && one.total ? one.total : value === null || value === undefined ? "–" : format(value);
  });
  const when = key.querySelector("[data-when]");
  if (when) when.textContent = index === null || index === undefined ? data.whole ?? "" : data.x === "number" ? `after ${plain(data.at[index])}` : moment(data.at[index]);
};

const draw = (node, anew) => {
  const text = node.dataset.chart;
  const before = drawn.get(node);
  if (before && !anew && before.text === text) {
    tell(node, before.data, null, formats[before.data.unit] ?? plain);
    return;
  }
  const data = JSON.parse(text);
  const middle = data.at.map((at) => at + (data.width ?? 0) / 2);
  const values = [middle, ...(data.kind === "stack" ? stacked(data.series).reverse() : data.series.map((one) => one.values))];
  const shape = data.kind + (ends(data)[1] - ends(data)[0] > 2 * 86400) + data.series.map((one) => one.name).join("|");
  if (before && !anew && before.shape === shape) {
    before.data = Object.assign(before.data, data);
    before.plot.setData(values);
    before.text = text;
  } else {
    before?.plot.destroy();
    drawn.set(node, { text, shape, data, plot: new uPlot(options(node, data), values, node) });
  }
  tell(node, data, null, formats[data.unit] ?? plain);
};

const sized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const one = drawn.get(target);
    if (one && target.clientWidth && one.plot.width !== target.clientWidth) one.plot.setSize({ width: target.clientWidth, height: target.clientHeight });
  }
});

/** Draws what is new on the page; everything, in the colours of the moment, with `anew`. */
export const drawAll = (anew = false) => {
  if (typeof uPlot === "undefined") return;
  for (const [node, one] of drawn) if (!node.isConnected) { one.plot.destroy(); drawn.delete(node); }
  for (const node of document.querySelectorAll("[data-chart]")) { draw(node, anew); sized.observe(node); }
};
