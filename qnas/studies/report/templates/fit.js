// Each plot was drawn before the page around it was whole: once it is, every plot fills its card.
// Where a finger scrolls, a plot must let it.
const seen = () => [...document.querySelectorAll(".plotly-graph-div")].filter((plot) => plot.offsetParent);
const fit = () => seen().forEach((plot) => Plotly.Plots.resize(plot));
if (matchMedia("(pointer: coarse)").matches)
  for (const plot of document.querySelectorAll(".plotly-graph-div"))
    if (plot.layout && !plot.layout.scene) Plotly.relayout(plot, { dragmode: false });
fit();
addEventListener("load", () => requestAnimationFrame(fit));
