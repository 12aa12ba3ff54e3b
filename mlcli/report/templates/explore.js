"use strict";
// Parts of the page that can be moved. Every number comes from the run; here is only drawing.
(() => {
  const NS = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;
  const WIDTH = 400, HEIGHT = 300, LEFT = 60, RIGHT = 12, TOP = 26, BOTTOM = 42;
  const element = (tag, attributes, parent, text) => {
    const made = tag === "svg" || parent?.namespaceURI === NS ? document.createElementNS(NS, tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent?.append(made);
    return made;
  };
  const colour = (mark) => (typeof mark.c === "number" ? `var(--series-${mark.c % 6})` : `var(--${mark.c})`);
  const shown = (value) => String(Number(value.toPrecision(3))).replace("-", "\u2212");

  // Ticks at 1, 2 or 5 times a power of ten; of a logarithmic axis at the powers.
  const ticks = ([low, high], log) => {
    const found = [];
    if (log) {
      const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
      const step = Math.max(1, Math.ceil((last - first + 1) / 6));
      for (let power = first; power <= last; power += step) found.push(10 ** power);
      return found;
    }
    const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * [1, 2, 5, 10].find((one) => one * unit >= rough);
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
    return found;
  };
  const named = (value, log) => (log && (value >= 1e4 || value < 1e-2) ? `1e${Math.round(Math.log10(value))}` : shown(value)).replace("e-", "e\u2212");

  const axes = (panel, parent) => {
    const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, parent);
    let [x0, x1, y0, y1] = [LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, TOP];
    if (panel.bare) [x0, y0] = [RIGHT, HEIGHT - RIGHT];
    if (panel.square) {
      const scale = Math.min((x1 - x0) / (panel.xr[1] - panel.xr[0]), (y0 - y1) / (panel.yr[1] - panel.yr[0]));
      x1 = x0 + scale * (panel.xr[1] - panel.xr[0]);
      y1 = y0 - scale * (panel.yr[1] - panel.yr[0]);
    }
    const scaled = ([low, high], log, from, to) => {
      const of = log ? Math.log10 : (value) => value;
      return (value) => from + ((of(value) - of(low)) / (of(high) - of(low))) * (to - from);
    };
    const at = { x: scaled(panel.xr, panel.log_x, x0, x1), y: scaled(panel.yr, panel.log_y, y0, y1) };
    element("text", { x: x0, y: Math.min(y1 - 8, TOP - 8), class: "title" }, svg, panel.title);
    if (!panel.bare) {
      for (const [value, text] of panel.xt ?? ticks(panel.xr, panel.log_x).map((one) => [one, named(one, panel.log_x)])) {
        element("line", { x1: at.x(value), x2: at.x(value), y1: y0, y2: y1, class: "grid" }, svg);
        element("text", { x: at.x(value), y: y0 + 14, "text-anchor": "middle" }, svg, text);
      }
      for (const value of ticks(panel.yr, panel.log_y)) {
        element("line", { x1: x0, x2: x1, y1: at.y(value), y2: at.y(value), class: "grid" }, svg);
        element("text", { x: x0 - 5, y: at.y(value) + 4, "text-anchor": "end" }, svg, named(value, panel.log_y));
      }
      element("path", { d: `M${x0},${y1}V${y0}H${x1}`, class: "axis" }, svg);
      element("text", { x: (x0 + x1) / 2, y: y0 + 32, "text-anchor": "middle" }, svg, panel.x);
      element("text", { transform: `translate(12 ${(y0 + y1) / 2}) rotate(-90)`, "text-anchor": "middle" }, svg, panel.y);
    }
    const clip = `clip-${axes.count = (axes.count ?? 0) + 1}`;
    element("rect", { x: x0, y: y1, width: x1 - x0, height: y0 - y1 }, element("clipPath", { id: clip }, svg));
    const layer = () => element("g", { "clip-path": `url(#${clip})` }, svg);
    const [fixed, moved, over] = [layer(), layer(), layer()];
    for (const mark of panel.fixed) draw(mark, at, fixed);
    for (const mark of panel.over) draw(mark, at, over);
    return { at, layer: moved };
  };

  const path = (xs, ys, at) => {
    let pen = "M", text = "";
    xs.forEach((x, i) => {
      if (x === null || ys[i] === null) { pen = "M"; return; }
      text += `${pen}${at.x(x).toFixed(1)},${Math.min(Math.max(at.y(ys[i]), -1e4), 1e4).toFixed(1)}`;
      pen = "L";
    });
    return text;
  };

  const matrix = (mark, at, group) => {
    const [xa, xb] = mark.x, [ya, yb] = mark.y, rows = mark.v.length, columns = mark.v[0].length;
    const [w, h] = [(at.x(xb) - at.x(xa)) / columns, (at.y(yb) - at.y(ya)) / rows];
    const most = Math.max(...mark.v.flat().map(Math.abs), 1e-300);
    // One path for each level of shade is much faster than one rectangle a cell.
    const levels = new Map();
    mark.v.forEach((row, i) => row.forEach((value, j) => {
      if (value === null) return;
      const share = mark.k === "shades" ? Math.round(24 * (2 * value - 1)) : Math.round(12 * value / most);
      const corner = [at.x(xa) + j * w, at.y(ya) + i * h];
      levels.set(share, (levels.get(share) ?? "") + `M${corner[0].toFixed(1)},${corner[1].toFixed(1)}h${w.toFixed(2)}v${h.toFixed(2)}h${(-w).toFixed(2)}z`);
    }));
    for (const [level, d] of levels) {
      const strength = mark.k === "shades" ? 0.1 + 0.75 * Math.abs(level) / 24 : 0.55 * Math.abs(level) / 12;
      element("path", { d, style: `fill:var(--series-${level < 0 ? 0 : 1});fill-opacity:${strength.toFixed(3)}` }, group);
    }
    (mark.t ?? []).forEach((row, i) => row.forEach((text, j) => {
      const size = Math.min(12, Math.abs(h) * 0.55, (1.6 * Math.abs(w)) / Math.max(text.length, 2));
      element("text", { x: at.x(xa) + (j + 0.5) * w, y: at.y(ya) + (i + 0.5) * h + size / 3, "text-anchor": "middle", style: `font-size:${size.toFixed(1)}px` }, group, text);
    }));
  };

  const draw = (mark, at, parent) => {
    if (!mark.x) return;  // A mark without points.
    const group = element("g", {}, parent), own = colour(mark);
    if (mark.k === "cells" || mark.k === "shades") matrix(mark, at, group);
    else if (mark.k === "line") element("path", { d: path(mark.x, mark.y, at), style: `fill:none;stroke:${own};stroke-width:${mark.n ? 1 : 2}${mark.d ? ";stroke-dasharray:5 4" : ""}` }, group);
    else if (mark.k === "band") {
      const there = mark.x.map((_, i) => i).filter((i) => mark.y[i] !== null && mark.h[i] !== null);
      const back = [...there].reverse();
      const d = path(there.map((i) => mark.x[i]), there.map((i) => mark.y[i]), at) + path(back.map((i) => mark.x[i]), back.map((i) => mark.h[i]), at).replace("M", "L");
      element("path", { d: d && `${d}z`, style: `fill:${own};fill-opacity:.25` }, group);
    } else if (mark.k === "bars") {
      const wide = mark.x.length > 1 ? 0.7 * Math.abs(at.x(mark.x[1]) - at.x(mark.x[0])) : 20;
      mark.x.forEach((x, i) => {
        if (mark.y[i] === null) return;
        const [top, foot] = [at.y(mark.y[i]), at.y(0)];
        element("rect", { x: at.x(x) - wide / 2, y: Math.min(top, foot), width: wide, height: Math.max(Math.abs(top - foot), 0.5), style: `fill:${own}` }, group);
      });
    } else if (mark.k === "text") mark.x.forEach((x, i) => element("text", { x: at.x(x), y: at.y(mark.y[i]) + 4, "text-anchor": "middle", style: `fill:${own};paint-order:stroke;stroke:var(--paper);stroke-width:5px;stroke-linejoin:round` }, group, mark.t[i]));
    else if (mark.k === "arrow") {
      const [xa, xb] = mark.x.map(at.x), [ya, yb] = mark.y.map(at.y), angle = Math.atan2(yb - ya, xb - xa);
      const head = [-0.4, 0.4].map((turn) => `L${xb - 8 * Math.cos(angle + turn)},${yb - 8 * Math.sin(angle + turn)}M${xb},${yb}`).join("");
      element("path", { d: `M${xa},${ya}L${xb},${yb}${head}`, style: `fill:none;stroke:${own};stroke-width:1.6` }, group);
    } else mark.x.forEach((x, i) => {
      if (x !== null && mark.y[i] !== null) element("circle", { cx: at.x(x).toFixed(1), cy: at.y(mark.y[i]).toFixed(1), r: mark.x.length > 60 ? 1.8 : 3.4, style: `fill:${own}` }, group);
    });
  };

  const explore = (holder) => {
    const data = JSON.parse(holder.querySelector("script").textContent);
    const board = holder.querySelector(".board"), says = holder.querySelector(".says"), legend = holder.querySelector(".legend");
    const at = [...data.start], sliders = [], last = at.length - 1;
    const drawn = data.panels.map((panel) => axes(panel, element("div", { class: "panel" }, board)));
    const show = () => {
      // The last control may end earlier where the others stand elsewhere.
      let end = 0;
      while (data.states[[...at.slice(0, last), end + 1].join(",")]) end++;
      at[last] = Math.min(at[last], end);
      sliders[last].slider.max = end;
      sliders.forEach(({ slider, name }, i) => { slider.value = at[i]; name(); });
      const state = data.states[at.join(",")];
      const labels = new Map();
      const note = (mark) => { if (mark.l && !labels.has(mark.l)) labels.set(mark.l, mark); };
      drawn.forEach(({ at: place, layer }, i) => {
        layer.replaceChildren();
        data.panels[i].fixed.forEach(note);
        for (const one of state.marks[i]) {
          const mark = typeof one === "number" ? data.shared[one] : one;
          draw(mark, place, layer);
          note(mark);
        }
        data.panels[i].over.forEach(note);
      });
      legend.replaceChildren();
      for (const [label, mark] of labels) {
        const item = element("li", {}, legend, label);
        item.style.setProperty("--swatch", colour(mark));
      }
      says.textContent = state.says;
    };
    data.controls.forEach((control, i) => {
      const label = element("label", {}, holder.querySelector(".controls"));
      element("span", {}, label, control.label);
      const slider = element("input", { type: "range", min: 0, max: control.values.length - 1, step: 1, value: at[i] }, label);
      const output = element("output", {}, label);
      const name = () => { output.textContent = control.values[at[i]]; slider.setAttribute("aria-valuetext", control.values[at[i]]); };
      slider.addEventListener("input", () => { at[i] = Number(slider.value); show(); });
      sliders.push({ slider, name });
    });
    holder.hidden = false;
    show();
  };

  // Drawn when they come near, so that the page is there at once.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); explore(entry.target); }
  }, { rootMargin: "600px" });
  for (const holder of document.querySelectorAll(".explorable")) {
    holder.hidden = false;
    near.observe(holder);
  }
  addEventListener("beforeprint", () => {
    for (const holder of document.querySelectorAll(".explorable")) {
      if (!holder.querySelector(".says").textContent) { near.unobserve(holder); explore(holder); }
    }
  });
})();
