"use strict";
(() => {
const page = JSON.parse(document.getElementById("data").textContent);
for (const series of page.series) // shares travel as thousandths
  for (const name of ["index", "lower", "upper"]) series[name] = series[name].map(value => value === null ? null : value / 1000);
const byId = name => document.getElementById(name);
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const narrow = matchMedia("(max-width: 40rem)");
const dark = matchMedia("(prefers-color-scheme: dark)");
const touch = matchMedia("(pointer: coarse)");
const atFirst = { alerts: 20, headlines: 50 }; // rows; the rest at a press of its button

// Plotly reads a subset of HTML in every text; names and versions come from outside.
const plain = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const short = (text, length) => { const signs = [...text]; return signs.length > length ? signs.slice(0, length - 1).join("") + "…" : text; };
const percent = (share, digits = 1) => share === null ? "–" : (100 * share).toFixed(digits) + "%";
const say = (english, values = {}) => (page.words[english] || english).replace(/\{(\w+)\}/g, (_, name) => values[name]);
const count = number => number.toLocaleString("en-US");
const sum = (values, from, to) => values.slice(Math.max(from, 0), Math.max(to, 0)).reduce((total, value) => total + value, 0);

const chosenSeries = () => Number(byId("series").value);
function chosenPoints() {
  const days = Number(document.querySelector("#period input:checked").value);
  const points = days ? Math.min(Math.ceil(days / page.step), page.days.length) : page.days.length;
  return [page.days.length - points, page.days.length];
}
// The first day that the chosen points cover: a point stands for the step that ends on it.
function firstDay(from) {
  const day = new Date(page.days[from] + "T00:00:00Z");
  day.setUTCDate(day.getUTCDate() - page.step + 1);
  return day.toISOString().slice(0, 10);
}

function layout(more) {
  const axis = { gridcolor: style("--line"), linecolor: style("--line"), zeroline: false, automargin: true, fixedrange: true };
  const { xaxis, yaxis, ...rest } = more;
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, dragmode: touch.matches ? false : "zoom",
    font: { color: style("--ink"), family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 11 : 13 },
    hoverlabel: { bgcolor: style("--card"), bordercolor: style("--line"), font: { color: style("--ink") }, align: "left" },
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}
// Names of days and months, and dates on axes: of %a, and of what Plotly chooses itself.
const CHINESE = { dictionary: {}, format: {
  days: ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"], shortDays: ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
  months: [...Array(12).keys()].map(month => `${month + 1}月`), shortMonths: [...Array(12).keys()].map(month => `${month + 1}月`),
  year: "%Y年", month: "%Y年%-m月", dayMonth: "%-m月%-d日", dayMonthYear: "%Y年%-m月%-d日", date: "%Y年%-m月%-d日",
} };
const CONFIG = { locale: page.language === "zh" ? "zh-CN" : "en-US", locales: { "zh-CN": CHINESE }, displaylogo: false, responsive: true, typesetMath: false, displayModeBar: false, doubleClick: "reset" };
const draw = (name, traces, shape) => Plotly.react(name, traces, layout(shape), CONFIG);

function drawIndex() {
  const series = page.series[chosenSeries()], [from, to] = chosenPoints();
  const days = page.days.slice(from, to), cut = values => values.slice(from, to);
  const place = new Map(page.days.map((day, number) => [day, number]));
  const height = day => { // the curve's value at a day, or at the next point that is drawn
    let number = place.get(day);
    if (number === undefined) number = page.days.findIndex(other => other >= day);
    return number < 0 ? null : series.index[number];
  };
  const first = firstDay(from), last = page.days[to - 1];
  const shares = alert => ({ share: percent(alert.share), baseline: percent(alert.baseline) });
  const alerts = page.alerts.filter(alert => alert.series === chosenSeries() && ["surge", "subject"].includes(alert.kind) && alert.day >= first);
  const line = { x: days, type: "scatter", mode: "lines" };
  const traces = [
    { ...line, y: cut(series.lower), line: { width: 0 }, hoverinfo: "skip" },
    { ...line, y: cut(series.upper), line: { width: 0 }, hoverinfo: "skip", fill: "tonexty", fillcolor: style("--band") },
    { x: days, y: cut(series.documents), type: "bar", yaxis: "y2", marker: { color: style("--bar") }, name: say("documents"),
      hovertemplate: say("%{y:,} documents") + "<extra></extra>" },
    { ...line, y: cut(series.index), line: { color: style("--accent"), width: 2 }, connectgaps: false,
      hovertemplate: say("%{y:.1%} negative") + "<extra></extra>" },
    ...["low", "high"].map(severity => {
      const those = alerts.filter(alert => alert.severity === severity), colour = style(severity === "high" ? "--bad" : "--warm");
      return {
        x: those.map(alert => alert.day), y: those.map(alert => height(alert.day)), type: "scatter", mode: "markers",
        marker: { symbol: severity === "high" ? "triangle-down" : "triangle-down-open", size: 13, color: colour, line: { color: colour, width: 2 } },
        text: those.map(alert => (severity === "high" ? say("high alert: {share} against {baseline}", shares(alert)) : say("low alert: {share} against {baseline}", shares(alert)))),
        hovertemplate: "%{text}<extra></extra>",
      };
    }),
  ];
  const marks = page.models.filter(model => model.day >= first && model.day <= last);
  draw("index-chart", traces, {
    height: narrow.matches ? 330 : 430, margin: { l: 8, r: 8, t: 26, b: 8 }, hovermode: "x unified", bargap: 0,
    xaxis: { type: "date", anchor: "y2", range: [first, last], fixedrange: touch.matches, hoverformat: say("%a %-d %B %Y"), nticks: narrow.matches ? 4 : 8 },
    yaxis: { domain: [0.24, 1], tickformat: ".0%", rangemode: "tozero" },
    yaxis2: { domain: [0, 0.17], nticks: 3, tickformat: say("~s"), gridcolor: style("--line"), automargin: true, fixedrange: true, zeroline: false },
    shapes: marks.map(model => ({ type: "line", x0: model.day, x1: model.day, yref: "paper", y0: 0, y1: 1,
      line: { color: style("--soft"), width: 1, dash: "dot" } })),
    annotations: marks.map(model => ({ x: model.day, y: 1, yref: "paper", yanchor: "bottom", xanchor: "left", showarrow: false,
      text: plain(short(model.title, narrow.matches ? 12 : 24)), font: { color: style("--soft"), size: 11 } })),
  });
  const now = to - 1, value = series.index[now], lower = series.lower[now], upper = series.upper[now];
  byId("now-index").textContent = percent(value);
  byId("now-index").className = value !== null && upper !== null && value > upper ? "bad" : "";
  byId("now-range").textContent = upper === null ? say("no usual range yet") : say("usual range {lower} to {upper}", { lower: percent(lower), upper: percent(upper) });
  byId("now-documents").textContent = count(sum(series.documents, from, to));
}

function drawBars() {
  const [from, to] = chosenPoints(), before = from - (to - from);
  for (const element of document.querySelectorAll(".by-group")) {
    const share = (series, start, end) => { const all = sum(series.documents, start, end); return all ? sum(series.mass, start, end) / all : null; };
    const rows = page.series.map((series, number) => ({ ...series, number })).filter(series => series.group === Number(element.dataset.group))
      .map(series => ({ ...series, now: share(series, from, to), past: share(series, before, from), seen: sum(series.documents, from, to) }))
      .filter(series => series.seen > 0).sort((a, b) => b.now - a.now).slice(0, 20).reverse();
    const names = rows.map(series => plain(short(series.title, narrow.matches ? 16 : 28)));
    const where = rows.map((_, number) => number);
    const most = Math.max(...rows.map(series => Math.max(series.now, series.past || 0)), 0.01);
    draw(element, [
      { type: "bar", orientation: "h", y: where, x: rows.map(series => series.now), customdata: rows.map(series => series.number),
        marker: { color: rows.map(series => series.number === chosenSeries() ? style("--bad") : style("--accent")) },
        hoverinfo: "skip" },
      { type: "scatter", mode: "markers", y: where, x: rows.map(series => series.past), hovertemplate: say("%{x:.1%} in the period before") + "<extra></extra>",
        marker: { symbol: "line-ns-open", size: 16, color: style("--ink"), line: { width: 2 } } },
    ], {
      height: 46 + 30 * Math.max(rows.length, 1), margin: { l: 8, r: 110, t: 4, b: 8 }, bargap: 0.35, dragmode: false,
      xaxis: { tickformat: ".0%", range: [0, most * 1.02], nticks: 4 },
      yaxis: { tickmode: "array", tickvals: where, ticktext: names, range: [-0.6, rows.length - 0.4], showgrid: false },
      annotations: rows.length ? rows.map((series, number) => ({ x: 1.01, xref: "paper", xanchor: "left", y: number, showarrow: false,
        text: say("{share} of {count}", { share: percent(series.now), count: count(series.seen) }) })) : [{ text: say("no documents in this period"), showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }],
    });
    element.removeAllListeners("plotly_click");
    element.on("plotly_click", event => {
      const number = event.points[0].customdata;
      if (number !== undefined) { byId("series").value = String(number); show(); }
    });
  }
}

function drawDrift() {
  if (!byId("drift-chart")) return;
  const [from] = chosenPoints(), first = firstDay(from), hues = style("--hues").split(/\s+/);
  const dashes = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
  const traces = page.drift.features.map((feature, number) => ({
    x: page.drift.days, y: feature.values, type: "scatter", mode: "lines+markers", name: plain(feature.title),
    line: { color: hues[number % hues.length], dash: dashes[number % dashes.length], width: 2 }, marker: { size: 5 },
    hovertemplate: "%{y:.2f} " + plain(feature.title).replace(/%/g, "") + "<extra></extra>",
  }));
  const last = page.days[page.days.length - 1];
  draw("drift-chart", traces, {
    height: 280, margin: { l: 8, r: 8, t: 8, b: 8 }, showlegend: true, legend: { orientation: "h", y: -0.22, yanchor: "top" }, hovermode: "x unified",
    xaxis: { type: "date", range: [first, last], fixedrange: touch.matches, nticks: narrow.matches ? 4 : 8, hoverformat: say("%-d %B %Y") },
    yaxis: { rangemode: "tozero" },
    shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: 1, y1: 1, line: { color: style("--bad"), width: 1.5, dash: "dash" } }],
  });
}

function filterRows() {
  const series = chosenSeries(), [from] = chosenPoints(), first = firstDay(from);
  for (const name of Object.keys(atFirst)) {
    const all = series === 0 && name === "alerts"; // a headline may be negative towards a name alone, and not count in the stream
    const fits = row => row.dataset.day >= first && (all || row.dataset.series.split(" ").includes(String(series)));
    let shown = 0;
    for (const row of byId(name).children) {
      const fit = fits(row);
      row.hidden = !fit || shown >= atFirst[name];
      shown += fit;
    }
    byId("no-" + name).hidden = shown > 0;
    byId(name).hidden = shown === 0;
    byId("more-" + name).hidden = shown <= atFirst[name];
    byId("more-" + name).textContent = say("Show all {count}", { count: count(shown) });
    if (name === "alerts") byId("now-alerts").textContent = count(shown);
  }
}

function show() { drawIndex(); drawBars(); drawDrift(); filterRows(); }

byId("series").value = "0";
document.querySelector(`#period input[value="${page.days.length * page.step > 400 ? 365 : 0}"]`).checked = true;
byId("series").addEventListener("change", show);
byId("period").addEventListener("change", show);
for (const name of Object.keys(atFirst)) byId("more-" + name).addEventListener("click", () => { atFirst[name] = Infinity; filterRows(); });
for (const button of document.querySelectorAll("[data-show]"))
  button.addEventListener("click", () => { byId("series").value = button.dataset.show; show(); byId("series").scrollIntoView({ block: "center" }); });
for (const query of [narrow, dark]) query.addEventListener("change", show);
show();
document.documentElement.dataset.drawn = "yes";
})();
