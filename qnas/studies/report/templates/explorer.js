// Every figure is filled from the same candidates, those that keep the budgets. What a trace shows
// is the role in its `meta`; its points are the trials in its `customdata`.
const study = JSON.parse(document.getElementById("study").textContent);
const place = Object.fromEntries(study.columns.map((column, i) => [column.name, i]));
const columnOf = (name) => study.columns[place[name]];
const amount = (trial, name) => trial.values[place[name]];
const cost = (trial, name) =>
  columnOf(name).direction === "maximize" ? -amount(trial, name) : amount(trial, name);
const numbered = new Map(study.trials.map((trial) => [trial.number, trial]));
const byError = (a, b) => amount(a, "error") - amount(b, "error") || a.place - b.place;
const INK = "#1b2430", MOST_POINTS = 2000;

function shown(value, name) {
  const text = Math.abs(value) >= 1000 || Number.isInteger(value)
    ? Math.round(value).toLocaleString("en-US") : String(+value.toPrecision(4));
  const unit = name && columnOf(name).unit;
  return unit ? `${text} ${unit}` : text;
}

// ---- sets of trials, every cost minimised: see pareto.js ----------------------------------------

const costsOf = (trial, names) => names.map((name) => cost(trial, name));

function nondominated(trials, names) {
  const mask = pareto.nondominated(trials.map((trial) => costsOf(trial, names)));
  return trials.filter((_, i) => mask[i]).sort(byError);
}

function normalised(front, names) {
  const box = pareto.boxAround(front.map((trial) => costsOf(trial, names)));
  return (trial) => pareto.normalise(costsOf(trial, names), box);
}

function kneeOf(front) {
  return front[pareto.knee(front.map((trial) => costsOf(trial, study.objectives)))];
}

// ---- budgets ------------------------------------------------------------------------------------

const fitting = study.trials.filter((trial) => trial.fits);
const budgets = study.budgets.map((name) => {
  const most = columnOf(name).direction === "minimize";
  const values = [...new Set(fitting.map((trial) => amount(trial, name)))].sort((a, b) => a - b);
  if (!most) values.reverse();
  return { name, most, values, at: values.length - 1 };
}).filter((budget) => budget.values.length > 1);

const limits = (budget) => budget.at < budget.values.length - 1;
const keeps = (trial) => budgets.every((budget) => {
  if (!limits(budget)) return true;
  const value = amount(trial, budget.name), limit = budget.values[budget.at];
  return budget.most ? value <= limit : value >= limit;
});

function limitText(budget) {
  if (!limits(budget)) return "any";
  return `${budget.most ? "≤" : "≥"} ${shown(budget.values[budget.at], budget.name)}`;
}

function command() {
  const rounded = (value, up) => {  // four digits, to the side that keeps the candidate itself
    if (Number.isInteger(value)) return String(value);
    const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 3);
    return String(+((up ? Math.ceil : Math.floor)(value / unit) * unit).toPrecision(4));
  };
  const words = budgets.filter(limits).map((budget) =>
    `${budget.most ? "--at-most" : "--at-least"} ${budget.name}=` +
    rounded(budget.values[budget.at], budget.most));
  return ["qnas pick", study.file, ...words].join(" ");
}

// ---- what is shown ------------------------------------------------------------------------------

const view = { tab: "pair", x: study.axes[0], y: study.axes[1], chosen: null };
let state = null;

function sieve() {
  const all = study.trials.filter(keeps);
  const within = all.filter((trial) => trial.fits);
  const front = nondominated(within, study.objectives);
  const members = new Set(front);
  return {
    within, front,
    others: within.filter((trial) => !members.has(trial)),
    misfits: all.filter((trial) => !trial.fits),
    knee: front.length ? kneeOf(front) : null,
    limited: budgets.some(limits),
  };
}

function thinned(trials) {
  const step = Math.ceil(trials.length / MOST_POINTS) || 1;
  return trials.filter((_, i) => i % step === 0);
}

function trialsOf(meta) {
  switch (meta.role) {
    case "does not fit": return thinned(state.misfits);
    case "candidates": return thinned(state.others);
    case "front": return state.front;
    case "steps":
      return nondominated(state.front, [view.x, view.y])
        .sort((a, b) => amount(a, view.x) - amount(b, view.x) || amount(a, view.y) - amount(b, view.y));
    case "pick": return state.within.filter((trial) => trial.number === meta.trial);
    case "knee": return state.limited && state.knee ? [state.knee] : [];
    case "chosen": return view.chosen ? [view.chosen] : [];
  }
  return null;
}

const wholeFront = nondominated(fitting, study.objectives);
const lineColumns = study.columns.map((column) => column.name).filter((name) => name !== "fps");
const lineCosts = normalised(wholeFront, lineColumns);

function polyline(trials) {  // candidates beyond the front's range end at the edge
  const gap = lineColumns.map((_, i) => i).concat([null]);
  const height = (c) => Math.max(-0.06, Math.min(1.06, 1 - c));
  return {
    x: trials.flatMap(() => gap),
    y: trials.flatMap((trial) => [...lineCosts(trial).map(height), null]),
    customdata: trials.flatMap((trial) => gap.map(() => trial.number)),
  };
}

function points(trials, axes) {
  const found = { customdata: trials.map((trial) => trial.number) };
  for (const [axis, name] of Object.entries(axes))
    found[axis] = trials.map((trial) => amount(trial, name));
  found.hovertemplate = "trial %{customdata}" + Object.entries(axes).map(([axis, name]) =>
    `<br>${columnOf(name).label} %{${axis}:,.4~g} ${columnOf(name).unit}`).join("") + "<extra></extra>";
  return found;
}

function filled(trace, axes) {
  const trials = trace.meta && trialsOf(trace.meta);
  if (!trials) return trace;
  if (trace.meta.lines) return Object.assign({}, trace, polyline(trials));
  return Object.assign({}, trace, points(trials, axes),
    trace.meta.role === "pick" ? { text: trials.map(() => trace.letter) } : {});
}

const ring = (role, size, width) => ({
  type: "scatter", mode: "markers", meta: { role }, hoverinfo: "skip", x: [], y: [],
  marker: { symbol: "circle-open", size, color: INK, line: { width, color: INK } },
});
const rings = {
  pair: [ring("knee", 27, 2), ring("chosen", 15, 1.5)],
  solid: [{ ...ring("chosen", 9, 2), type: "scatter3d", z: [] }],
  parallel: [{ ...ring("chosen", 5, 2), mode: "lines+markers", meta: { role: "chosen", lines: true },
               marker: { color: INK, size: 5 }, line: { color: INK, width: 2 } }],
};

const plots = {};
function plotOf(name) {  // drawn when it is first shown
  if (name in plots) return plots[name];
  const node = document.getElementById(`plot-${name}`);
  if (!node) return null;
  const stored = document.getElementById(`figure-${name}`);
  const { data, layout } = stored ? JSON.parse(stored.textContent) : node;
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = layout.scene ? undefined : false;
  if (stored) Plotly.newPlot(node, [], layout, { responsive: true, displayModeBar: false });
  for (const event of ["plotly_hover", "plotly_click"])
    node.on(event, ({ points: [point] }) => {
      const trial = numbered.get(point.customdata);
      if (trial && trial !== view.chosen) inspect(trial);
    });
  const lettered = data.map((trace) => ({ ...trace, letter: trace.text && trace.text[0] }));
  return plots[name] = { node, data: [...lettered, ...rings[name]] };
}

const axesOf = {
  pair: () => ({ x: view.x, y: view.y }),
  solid: () => ({ x: study.objectives[0], y: study.objectives[1], z: study.objectives[2] }),
  parallel: () => ({}),
};

function draw(name = view.tab) {
  const plot = plotOf(name);
  if (!plot) return;
  const layout = plot.node.layout;
  if (name === "pair") for (const axis of ["x", "y"]) {
    const column = columnOf(view[axis]);
    Object.assign(layout[`${axis}axis`], { tickvals: undefined, ticktext: undefined, autorange: true },
      column.axis, { title: { text: column.title, standoff: 8 } });
  }
  const data = plot.data.map((trace) => filled(trace, axesOf[name]()));
  Plotly.react(plot.node, data, layout);
}

// ---- figures that stand apart -------------------------------------------------------------------

const figureOf = (id) => document.getElementById(`plot-${id}`);

function drawHistory() {
  const order = [...study.trials].sort((a, b) => a.place - b.place);
  const xs = [], ys = [];
  let best = Infinity;
  order.forEach((trial) => {
    if (trial.fits && keeps(trial)) best = Math.min(best, amount(trial, "error"));
    if (best < Infinity) { xs.push(trial.place); ys.push(best); }
  });
  if (xs.length) { xs.push(study.evaluated); ys.push(best); }
  Plotly.restyle(figureOf("best"), { x: [xs], y: [ys] }, [0]);
  if (study.objectives.length > 4) return;  // slices grow with the power of the objectives
  let front = [];
  const volumes = study.generations.map((generation) => {
    const born = state.within.filter((trial) => trial.generation === generation);
    front = nondominated([...front, ...born], study.objectives);
    const points = front.map((trial) => costsOf(trial, study.objectives));
    return pareto.hypervolume(points, study.box);
  });
  Plotly.restyle(figureOf("volume"), { y: [volumes] }, [0]);
}

function drawPicks() {
  const left = new Set(state.within.map((trial) => trial.number));
  for (const node of document.querySelectorAll("[data-trial]"))
    node.classList.toggle("over", !left.has(+node.dataset.trial));
  for (const name of ["resources", "predictions"]) {
    const node = figureOf(name);
    if (!node) continue;
    const of = node.data.map((trace, i) => [trace, i]).filter(([trace]) => trace.meta && trace.meta.trial !== undefined);
    Plotly.restyle(node, { opacity: of.map(([trace]) => left.has(trace.meta.trial) ? 1 : 0.15) },
      of.map(([, i]) => i));
  }
}

// ---- words --------------------------------------------------------------------------------------

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const byId = (id) => document.getElementById(id);

function tell() {
  const { within, front, knee, limited } = state;
  const verdict = byId("verdict");
  if (!within.length) {
    verdict.replaceChildren("No candidate keeps all of these budgets. Loosen one.");
  } else {
    const kept = limited ? `${within.length.toLocaleString("en-US")} of ${fitting.length.toLocaleString("en-US")} candidates keep these budgets` :
      `${fitting.length.toLocaleString("en-US")} candidates fit the device`;
    const link = (label, trial) => make("button", { class: "link", onclick: () => inspect(trial) },
      make("b", {}, label), ` trial ${trial.number}: ${shown(amount(trial, "error"), "error")} error, ${shown(amount(trial, "fps"))} FPS`);
    verdict.replaceChildren(`${kept}; ${front.length.toLocaleString("en-US")} of them on their front.`,
      link("Knee", knee), link("Most accurate", front[0]));
  }
  byId("command").textContent = command();
  byId("reset").disabled = !limited;
  for (const budget of budgets) {
    budget.output.textContent = limitText(budget);
    budget.row.classList.toggle("limits", limits(budget));
  }
}

function tabulate() {
  const row = (trial) => {
    const pick = study.picks.find((p) => p.trial === trial.number);
    const first = make("td", {}, String(trial.number));
    if (pick) first.prepend(make("span", { class: "letter", style: `background:${pick.color}` }, pick.letter));
    return make("tr", { onclick: () => inspect(trial), tabindex: "0" }, first,
      ...study.columns.map((column) => make("td", {}, shown(amount(trial, column.name)))));
  };
  byId("front-rows").replaceChildren(...state.front.map(row));
}

function meter(label, used, limit) {
  const share = used / limit;
  return make("div", { class: "meter" }, make("span", {}, label),
    make("i", {}, make("u", { style: `width:${Math.min(100, 100 * share)}%` })),
    make("span", {}, `${shown(used)} of ${limit.toLocaleString("en-US")}`));
}

function blockRow(block, i, widest) {
  const [heads, hidden, ...eighths] = block;
  return make("tr", {}, make("td", {}, String(i)), make("td", {}, String(heads)),
    make("td", { class: "mlp" }, make("u", { style: `width:${56 * hidden / widest}px` }), String(hidden)),
    ...eighths.map((e) => make("td", { class: "eighth",
      style: `background:rgba(31,111,178,${0.1 + 0.085 * e});color:${e > 4 ? "#fff" : "inherit"}` }, String(e))));
}

function inspect(trial) {
  view.chosen = trial;
  const pick = study.picks.find((p) => p.trial === trial.number);
  const standing = !trial.fits ? "does not fit the device" :
    state.front.includes(trial) ? "on the front" : "not on the front";
  const title = make("h3", {}, `Trial ${trial.number} `, make("small", {}, standing));
  if (pick) title.prepend(make("span", { class: "letter", style: `background:${pick.color}` }, pick.letter));
  const facts = [...new Set([...study.objectives, "latency", "fps"])]
    .filter((name) => !(name in study.limits))
    .map((name) => make("div", {}, make("dt", {}, columnOf(name).label), make("dd", {}, shown(amount(trial, name), name))));
  facts.push(make("div", {}, make("dt", {}, "embed dim, depth"), make("dd", {}, `${trial.embed}, ${trial.blocks.length}`)));
  facts.push(make("div", {}, make("dt", {}, "weights in 8 bits"), make("dd", {}, `${(100 * trial.wide).toFixed(1)} %`)));
  const widest = Math.max(...study.trials.flatMap((t) => t.blocks.map((block) => block[1])));
  const head = make("tr", {}, ...["block", "heads", "MLP", ...study.matrices].map((text) => make("th", {}, text)));
  const names = Object.keys(study.limits).filter((name) => name in place);
  byId("candidate").replaceChildren(title, make("dl", { class: "pairs" }, ...facts),
    make("div", { class: "scroll short" }, make("table", { class: "blocks" }, make("thead", {}, head),
      make("tbody", {}, ...trial.blocks.map((block, i) => blockRow(block, i, widest))))),
    make("p", { class: "note" }, "qkv to fc2: eighths of the matrix's rows in 8 bits, the others in 4."),
    ...names.map((name) => meter(columnOf(name).label, amount(trial, name), study.limits[name])),
    make("p", { class: "note key" }, trial.key));
  draw();
}

// ---- controls -----------------------------------------------------------------------------------

function refresh(settled) {
  state = sieve();
  tell();
  draw();
  tabulate();
  drawPicks();
  if (settled) drawHistory();
}

for (const budget of budgets) {
  const { label, title } = columnOf(budget.name);
  const last = budget.values.length - 1;
  budget.input = make("input", { type: "range", min: 0, max: last, step: 1, value: last,
    "aria-label": `${title} ${budget.most ? "at most" : "at least"}`, "data-budget": budget.name });
  budget.output = make("output", {}, "any");
  budget.row = make("label", { class: "budget" }, make("span", {}, label), budget.output, budget.input);
  budget.input.addEventListener("input", () => { budget.at = +budget.input.value; refresh(false); });
  budget.input.addEventListener("change", () => { budget.at = +budget.input.value; refresh(true); });
  byId("budgets").append(budget.row);
}
byId("reset").addEventListener("click", () => {
  for (const budget of budgets) budget.at = +(budget.input.value = budget.values.length - 1);
  refresh(true);
});

for (const axis of ["x", "y"]) {
  const select = byId(`axis-${axis}`);
  for (const column of study.columns) select.append(make("option", { value: column.name }, column.title));
  select.value = view[axis];
  select.addEventListener("change", () => { view[axis] = select.value; draw(); });
}

function open(tab) {
  view.tab = tab;
  for (const button of document.querySelectorAll("[role=tab]"))
    button.setAttribute("aria-selected", String(button.dataset.tab === tab));
  for (const panel of document.querySelectorAll("[role=tabpanel]"))
    panel.hidden = panel.dataset.tab !== tab;
  byId("axes").hidden = tab !== "pair";
  draw();
  if (plots[tab]) Plotly.Plots.resize(plots[tab].node);
}
for (const button of document.querySelectorAll("[role=tab]"))
  button.addEventListener("click", () => open(button.dataset.tab));

const columnsHead = make("tr", {}, make("th", {}, "trial"),
  ...study.columns.map((column) => make("th", {}, column.label, make("small", {}, column.unit))));
byId("front-head").replaceChildren(columnsHead);

refresh(true);
if (state.knee) inspect(state.knee);
