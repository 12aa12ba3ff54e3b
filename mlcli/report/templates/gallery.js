"use strict";
// The page is whole without this script: it adds search, copying, values under the pointer and
// switches for the series of a figure.
(() => {
  const REACH = 40; // How far from the pointer a point is still meant, in units of the figure.

  const make = (tag, properties = {}, parent = null) => {
    const element = Object.assign(document.createElement(tag), properties);
    if (parent) parent.append(element);
    return element;
  };

  // Search: a section whose own words match is shown whole, otherwise its figures that match.
  const search = () => {
    const form = document.querySelector(".search");
    const input = form.querySelector("input");
    const found = form.querySelector("[role=status]");
    const words = (element) => element.textContent.toLowerCase();
    const sections = [...document.querySelectorAll("main > section")].map((element) => ({
      element,
      numbers: element.querySelector(".numbers"),
      heading: [...element.querySelectorAll(":scope > h2, :scope > p, :scope > .holder")].map(words).join(" "),
      details: element.querySelector("#notes > details"),
      rows: [...element.querySelectorAll(".index tbody tr")].map((row) => ({ element: row, text: words(row) })),
      other: element.matches(".run") ? [...element.querySelectorAll("caption")].map(words).join(" ") : words(element),
      figures: [...element.querySelectorAll("figure")].map((figure) => ({
        element: figure,
        text: [...figure.querySelectorAll("figcaption, text, svg > title")].map(words).join(" ") +
          " " + (figure.querySelector("img")?.alt ?? "").toLowerCase() + " " + figure.id,
      })),
    }));
    const links = [...document.querySelectorAll(".contents li")];
    // What is folded is unfolded for a search, and folded again after it.
    const folded = [...document.querySelectorAll(".more")];
    const count = sections.reduce((sum, section) => sum + section.figures.length, 0);
    const filter = () => {
      const asked = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const holds = (text) => asked.every((word) => text.includes(word));
      let shown = 0;
      for (const details of folded) details.open = asked.length > 0;
      for (const section of sections) {
        const whole = holds(section.heading);
        const tables = whole || holds(section.heading + " " + section.other);
        let figures = 0;
        let rows = 0;
        for (const row of section.rows) {
          const match = whole || holds(row.text);
          row.element.hidden = !match;
          rows += match;
        }
        if (section.details && asked.length) section.details.open = rows > 0;
        for (const figure of section.figures) {
          const match = whole || holds(section.heading + " " + figure.text);
          figure.element.hidden = !match;
          figures += match;
        }
        shown += figures;
        section.element.hidden = section.rows.length ? !rows : !tables && !figures;
        if (section.numbers) section.numbers.hidden = !tables;
      }
      for (const link of links) {
        link.hidden = document.querySelector(link.firstElementChild.hash)?.hidden ?? false;
      }
      found.textContent = asked.length ? `${shown} of ${count} figures shown` : "";
    };
    input.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, textarea");
      if (event.key === "/" && !typing) { event.preventDefault(); input.focus(); }
      if (event.key === "Escape" && event.target === input) { input.value = ""; filter(); }
    });
    // A link to a hidden figure shows everything again, and unfolds where it is.
    const reach = () => {
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (!target) return;
      if (target.closest("[hidden]")) { input.value = ""; filter(); }
      const around = target.closest("details:not([open])");
      if (around) around.open = true;
      target.scrollIntoView();
    };
    addEventListener("hashchange", reach);
    if (location.hash) reach();
    form.hidden = false;
  };

  // The contents follow: the section that is read is marked, and Alt with an arrow goes to the next.
  const following = () => {
    const sections = [...document.querySelectorAll("main > section")].filter((one) => one.id !== "front");
    const link = (section) => document.querySelector(`.contents a[href="#${CSS.escape(section.id)}"]`);
    let current = -1;
    const mark = () => {
      const now = sections.findLastIndex((one) => !one.hidden && one.getBoundingClientRect().top < innerHeight / 3);
      if (now === current) return;
      if (current >= 0) link(sections[current])?.removeAttribute("aria-current");
      if (now >= 0) link(sections[now])?.setAttribute("aria-current", "true");
      current = now;
    };
    let waiting = false;
    addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; mark(); });
    }, { passive: true });
    document.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("input, textarea")) return;
      event.preventDefault();
      mark();
      const next = sections[Math.min(Math.max(current + step, 0), sections.length - 1)];
      history.replaceState(null, "", `#${next.id}`);
      next.scrollIntoView();
      mark();
    });
    document.querySelector(".keys").hidden = false;
    mark();
  };

  // A figure as large as the window: the drawing itself is moved there, and back.
  const enlarging = () => {
    const dialog = make("dialog", {}, document.body);
    dialog.setAttribute("aria-label", "Enlarged figure");
    const close = make("button", { type: "button", textContent: "Close" }, make("p", {}, dialog));
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    let place = null;
    dialog.addEventListener("close", () => { place.replaceWith(dialog.querySelector(".plot")); });
    const open = (plot) => {
      if (dialog.open) return;
      place = make("div", { className: "held" });
      place.style.height = `${plot.offsetHeight}px`;
      plot.replaceWith(place);
      dialog.append(plot);
      dialog.showModal();
    };
    for (const plot of document.querySelectorAll("figure .plot")) {
      const button = make("button", { type: "button", className: "enlarge", textContent: "Enlarge" });
      plot.after(button);
      for (const target of [button, plot]) target.addEventListener("click", () => open(plot));
    }
  };

  // Paper has no folds; browsers that can't say so in the style sheet are told here.
  const printing = () => {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = [...document.querySelectorAll(".more:not([open]), .erratum:not([open])")];
      for (const details of opened) details.open = true;
    });
    addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
  };

  const copying = () => {
    for (const command of document.querySelectorAll("pre.command")) {
      const holder = make("div", { className: "holder" });
      command.replaceWith(holder);
      holder.append(command);
      const button = make("button", { type: "button", textContent: "Copy" }, holder);
      button.setAttribute("aria-label", `Copy: ${command.textContent}`);
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(command.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(command);
          button.textContent = "Selected";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
    }
  };

  const show = (value) => (typeof value === "number" ? String(value).replace("-", "\u2212") : value);

  // Switches: one for each series that has a name.
  const switches = (figure, labels, off, changed) => {
    const named = labels.map((label, n) => ({ label, n, parts: figure.querySelectorAll(`[data-series="${n}"]`) }))
      .filter((series) => series.label && series.parts.length);
    if (named.length < 2) return;
    const list = make("ul", { className: "toggles" });
    list.setAttribute("aria-label", "Series of the figure");
    for (const { label, n, parts } of named) {
      const button = make("button", { type: "button", textContent: label }, make("li", {}, list));
      button.setAttribute("aria-pressed", "true");
      const drawn = [...parts].flatMap((part) => [part, ...part.querySelectorAll("[style]")]);
      const styles = drawn.flatMap((part) => [part.style.stroke, part.style.fill]);
      const colour = styles.find((style) => style && style !== "none" && !/ink|paper|255, 255, 255/.test(style));
      if (colour) button.style.setProperty("--swatch", colour);
      button.addEventListener("click", () => {
        const hide = !off.delete(n);
        if (hide) off.add(n);
        button.setAttribute("aria-pressed", String(!hide));
        for (const part of parts) part.classList.toggle("off", hide);
        changed();
      });
    }
    figure.querySelector(".plot").after(list);
  };

  // Values: the nearest point to the pointer; the arrow keys walk along a series and between them.
  const values = (figure) => {
    const { labels, panels } = JSON.parse(figure.querySelector("script").textContent);
    const plot = figure.querySelector(".plot");
    const svg = plot.querySelector("svg");
    const off = new Set();
    const cursor = document.createElementNS(svg.namespaceURI, "circle");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("r", "5");
    const reading = make("div", { className: "reading", hidden: true }, plot);
    const spoken = make("div", { className: "hidden" }, figure);
    spoken.setAttribute("role", "status");
    let at = null; // panel, series within it, point within it
    const hide = () => { reading.hidden = true; cursor.remove(); at = null; };
    const mark = (panel, series, point, aloud) => {
      at = { panel, series, point };
      const [px, py, x, y] = panels[panel].series[series].points[point];
      const label = labels[panels[panel].series[series].n];
      const lines = [`${panels[panel].x || "x"}: ${show(x)}`, `${panels[panel].y || "y"}: ${show(y)}`];
      reading.textContent = [label, ...lines].filter(Boolean).join("\n");
      cursor.setAttribute("cx", px);
      cursor.setAttribute("cy", py);
      svg.append(cursor);
      reading.hidden = false;
      const box = svg.viewBox.baseVal;
      const scale = svg.clientWidth / box.width;
      const left = svg.offsetLeft ?? 0;
      const width = reading.offsetWidth;
      const right = px * scale + 14 + width < svg.clientWidth;
      reading.style.left = `${Math.max(0, 8 + left + (right ? px * scale + 10 : px * scale - width - 10))}px`;
      reading.style.top = `${Math.max(0, 8 + py * scale - reading.offsetHeight - 8)}px`;
      if (aloud) spoken.textContent = reading.textContent.replaceAll("\n", ", ");
    };
    const nearest = (px, py) => {
      let best = null;
      panels.forEach((panel, p) => {
        const [x0, y0, x1, y1] = panel.box;
        if (px < x0 - 4 || px > x1 + 4 || py < y0 - 4 || py > y1 + 4) return;
        panel.series.forEach((series, s) => {
          if (off.has(series.n)) return;
          series.points.forEach(([x, y], i) => {
            const distance = Math.hypot(x - px, y - py);
            if (distance < REACH && (!best || distance < best.distance)) best = { p, s, i, distance };
          });
        });
      });
      return best;
    };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const best = nearest((event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
      if (best) mark(best.p, best.s, best.i, false); else hide();
    });
    svg.addEventListener("pointerleave", hide);
    const lines = () => panels.flatMap((panel, p) => panel.series.flatMap((series, s) => (off.has(series.n) ? [] : [[p, s]])));
    plot.addEventListener("keydown", (event) => {
      const every = lines();
      if (!every.length || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") { hide(); return; }
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step) return;
      event.preventDefault();
      if (!at) { mark(...every[0], 0, true); return; }
      const line = every.findIndex(([p, s]) => p === at.panel && s === at.series);
      const [panel, series] = every[(line + step[0] + every.length) % every.length];
      const last = panels[panel].series[series].points.length - 1;
      mark(panel, series, Math.min(Math.max(at.point + step[1], 0), last), true);
    });
    plot.addEventListener("blur", hide);
    plot.setAttribute("aria-label", "Values of the figure: arrow keys left and right along a series, up and down between series");
    switches(figure, labels, off, hide);
  };

  search();
  copying();
  following();
  enlarging();
  printing();
  for (const plot of document.querySelectorAll(".plot")) {
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "Figure");
  }
  for (const data of document.querySelectorAll("figure > script")) values(data.parentElement);
})();
