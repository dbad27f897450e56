// Runs in the page of one bertviz view, before bertviz's own script: unpacks what Python sent into the parameters that
// the script reads, replaces the few functions of jQuery and require.js that it calls, and adjusts what it draws.
"use strict";

const sent = JSON.parse(document.getElementById("sent").textContent);

// ---- From what was sent to bertviz's parameters ----

// Base64 of little-endian float32 with a shape -> nested arrays.
function unpack({ shape, data }) {
    const text = atob(data);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const nest = (flat, [size, ...rest]) =>
        rest.length === 0
            ? Array.from(flat)
            : Array.from({ length: size }, (_, i) => {
                  const step = flat.length / size;
                  return nest(flat.subarray(i * step, (i + 1) * step), rest);
              });
    return nest(new Float32Array(bytes.buffer), shape);
}

// An entry of the menu is a region of one set of maps: some rows and some columns.
function selectRegion({ name, part, rows, columns }) {
    const { maps, queries, keys, left, right } = parts[part];
    const each = (layers, change) => layers.map((heads) => heads.map(change));
    return {
        name,
        attn: each(maps, (map) => map.slice(...rows).map((row) => row.slice(...columns))),
        left_text: left.slice(...rows),
        right_text: right.slice(...columns),
        queries: queries && each(queries, (vectors) => vectors.slice(...rows)),
        keys: keys && each(keys, (vectors) => vectors.slice(...columns)),
    };
}

const parts = sent.parts.map((part) => ({
    ...part,
    maps: unpack(part.maps),
    queries: part.queries && unpack(part.queries),
    keys: part.keys && unpack(part.keys),
}));
window.bertviz_params = {
    ...sent.params,
    attention: sent.menu.map(selectRegion),
    default_filter: "0",
    root_div_id: "bertviz",
};

// ---- Instead of jQuery and require.js ----

function jquery(selector) {
    const tag = /^<(\w+)/.exec(selector);
    const element = tag ? document.createElement(tag[1]) : document.querySelector(selector); // null without a menu
    const self = { element };
    const calls = {
        val: (value) => (element.value = value),
        text: (value) => (element.textContent = value),
        attr: (name, value) => element.setAttribute(name, value),
        append: (other) => element.append(other.element),
        empty: () => element.replaceChildren(),
        on: (name, listener) => element.addEventListener(name, listener),
        change: () => element.dispatchEvent(new Event("change")),
    };
    for (const [name, call] of Object.entries(calls)) {
        self[name] = (...values) => {
            if (element) call(...values);
            return self;
        };
    }
    return self;
}

const require = { config() {} };
const requirejs = (names, run) => run(jquery, d3);

// ---- Adjusting what bertviz draws ----

const vis = document.getElementById("vis");

// A drawing that is wider than the page shrinks, but not below `min_width` pixels; then the page scrolls sideways.
function fit(svg) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", document.title);
    if (sent.full_width) {
        svg.setAttribute("viewBox", `0 0 ${sent.full_width} ${parseFloat(svg.getAttribute("height"))}`);
        svg.removeAttribute("height");
        svg.style.width = `clamp(${sent.min_width}px, 100%, ${sent.full_width}px)`;
    } else {
        svg.style.minWidth = `${sent.min_width}px`;
    }
}

// A token that is too long for its column is condensed, and shortened if that is not enough; pointing at it shows all of
// it. Returns false while the page has no size and nothing can be measured: a notebook may show a frame later.
function condense(text) {
    const whole = text.textContent;
    let length = text.getComputedTextLength();
    if (length <= sent.token_width) return length > 0;
    if (length > 1.6 * sent.token_width) {
        text.textContent = whole.slice(0, Math.floor((1.5 * sent.token_width * whole.length) / length)) + "\u2026";
        length = text.getComputedTextLength();
    }
    if (length > sent.token_width) {
        text.setAttribute("textLength", sent.token_width);
        text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = whole;
    text.append(title);
    return true;
}

const adjusted = new WeakSet();
function adjust() {
    const svg = vis.querySelector("svg");
    if (svg && !adjusted.has(svg)) fit(svg);
    if (svg) adjusted.add(svg);
    for (const text of vis.querySelectorAll("#left text, #right text, .token")) {
        if (!adjusted.has(text) && (text.textContent.length < 6 || condense(text))) adjusted.add(text);
    }
}
new MutationObserver(adjust).observe(vis, { childList: true, subtree: true });
new ResizeObserver(adjust).observe(vis);
