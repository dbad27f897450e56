// Runs in the page of one bertviz view, before bertviz's own script: unpacks what Python sent into the parameters which
// that script reads, stands in for the few calls of jQuery and require.js that it makes, and mends what it draws.
"use strict";

const sent = JSON.parse(document.getElementById("sent").textContent);

// ---- From what was sent to bertviz's parameters ----

// Base64 of little-endian float32 with a shape -> arrays in arrays.
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

// An entry of the menu is a part of one set of maps: some rows, some columns.
function cut({ name, part, rows, columns }) {
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
    attention: sent.menu.map(cut),
    default_filter: "0",
    root_div_id: "bertviz",
};

// ---- In place of jQuery and require.js ----

function jquery(what) {
    const made = /^<(\w+)/.exec(what);
    const element = made ? document.createElement(made[1]) : document.querySelector(what); // no menu: null
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

// ---- What bertviz draws, mended ----

const vis = document.getElementById("vis");

// A drawing that is wider than the page shrinks, down to `least` pixels; then the page scrolls sideways.
function fit(svg) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", document.title);
    if (sent.wide) {
        svg.setAttribute("viewBox", `0 0 ${sent.wide} ${parseFloat(svg.getAttribute("height"))}`);
        svg.removeAttribute("height");
        svg.style.width = `clamp(${sent.least}px, 100%, ${sent.wide}px)`;
    } else {
        svg.style.minWidth = `${sent.least}px`;
    }
}

// A token that is too long for its column is squeezed, and beyond that cut; pointing at it shows the whole. False while
// the page has no size yet (a notebook may make a frame first and show it later): then nothing can be measured.
function squeeze(text) {
    const whole = text.textContent;
    let length = text.getComputedTextLength();
    if (length <= sent.room) return length > 0;
    if (length > 1.6 * sent.room) {
        text.textContent = whole.slice(0, Math.floor((1.5 * sent.room * whole.length) / length)) + "\u2026";
        length = text.getComputedTextLength();
    }
    if (length > sent.room) {
        text.setAttribute("textLength", sent.room);
        text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = whole;
    text.append(title);
    return true;
}

const mended = new WeakSet();
function mend() {
    const svg = vis.querySelector("svg");
    if (svg && !mended.has(svg)) fit(svg);
    if (svg) mended.add(svg);
    for (const text of vis.querySelectorAll("#left text, #right text, .token")) {
        if (!mended.has(text) && (text.textContent.length < 6 || squeeze(text))) mended.add(text);
    }
}
new MutationObserver(mend).observe(vis, { childList: true, subtree: true });
new ResizeObserver(mend).observe(vis);
