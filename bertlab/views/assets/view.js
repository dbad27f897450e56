// The view of bertlab/views.py in the browser. Python puts MARK (the digest of the data), CSS and DATA before this text,
// and a function around all of it. No library, no request, and no text that becomes markup: tokens are set as text only.
//
// Dimension letters: T tokens, L layers, H heads. A plane holds T * T weights, column by column: [to * T + from].
// A place in the grid is [layer, plane]: planes 0 to H - 1 are the heads, H is the rollout up to that layer, H + 1 the
// average of the layer's heads, and [L, H + 1] the average of all.

const LIGHT = { stops: [[0, "#ffffff"], [0.35, "#8fc1e3"], [0.7, "#0072b2"], [1, "#04233f"]],
    ink: "#1c2126", soft: "#5b6670", line: "#c3ccd3", paper: [255, 255, 255],
    looks: [0, 114, 178], seen: [196, 85, 0], most: 0.62 };
const DARK = { stops: [[0, "#15181c"], [0.35, "#1c5980"], [0.7, "#56b4e9"], [1, "#f4fbff"]],
    ink: "#e6eaee", soft: "#a0abb5", line: "#4a545d", paper: [21, 24, 28],
    looks: [86, 180, 233], seen: [243, 154, 61], most: 0.5 };
// Okabe and Ito's colours, for heads over one another: told apart by readers with any kind of colour vision.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const THUMB = 28; // cells across a small square at most
const LISTED = 5;

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const css = (colour, alpha = 1) => `rgba(${colour.map(Math.round).join(", ")}, ${alpha.toFixed(3)})`;
const percent = (w) => (w >= 0.0995 ? `${Math.round(100 * w)}%` : `${(100 * w).toFixed(1)}%`);
const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

// 256 colours between the stops of a theme, as red, green, blue.
function ramp(stops) {
    const colours = new Uint8ClampedArray(3 * 256);
    for (let level = 0; level < 256; level++) {
        const x = level / 255;
        const after = Math.max(1, stops.findIndex(([place]) => place >= x));
        const [[a, from], [b, to]] = [stops[after - 1], stops[after]];
        rgb(from).forEach((part, i) => {
            colours[3 * level + i] = part + ((x - a) / (b - a)) * (rgb(to)[i] - part);
        });
    }
    return colours;
}

// Base64 of a zlib stream -> bytes.
async function unpack(text) {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

// An element with attributes, "on" listeners and children; strings become text.
function make(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (typeof value === "function") node.addEventListener(key, value);
        else if (value === true) node.setAttribute(key, "");
        else if (value !== false && value != null) node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child != null));
    return node;
}

// Dark or light? What lies behind the view decides; behind nothing at all, VS Code's word or the system's.
function isDark(host) {
    for (let node = host.parentElement; node; node = node.parentElement) {
        const [r, g, b, a = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
        if (a > 0.5) return 0.299 * r + 0.587 * g + 0.114 * b < 128;
    }
    const kind = document.body.dataset.vscodeThemeKind || document.body.className;
    if (/vscode-(dark|light|high)/.test(kind)) return !/light/.test(kind);
    return matchMedia("(prefers-color-scheme: dark)").matches;
}

function mount(host, data) {
    const begun = performance.now();
    const { tokens, segments, heads: H } = data;
    const T = tokens.length, L = data.layers.length;
    const ROLLOUT = H, AVERAGE = H + 1;
    const special = new Set(data.specials);
    const name = (i) => (tokens[i].trim() ? tokens[i] : "␣");

    // What the reader has chosen.
    let chosen = [[data.layer, data.head]];
    let adding = false, averaged = false, least = 0, without = false;
    let pinned = Math.max(0, tokens.findIndex((_, i) => !special.has(i)));
    let pointed = null; // { from, to } while the pointer is on a token (to: null) or a cell
    // What follows from it.
    let theme = LIGHT, colours = ramp(LIGHT.stops);
    let maps = []; // of the chosen: { values, colour, label }
    let top = 1; // the largest weight that is shown: the darkest colour

    // ---- The data ------------------------------------------------------------------------------------------------

    const layers = new Array(L); // bytes, when they have been unpacked
    const kept = new Map(); // the last planes as weights

    function plane(layer, which) {
        const key = `${layer} ${which}`;
        if (!kept.has(key)) {
            if (kept.size > 2 * L + 24) kept.delete(kept.keys().next().value);
            kept.set(key, weights(layer, which));
        }
        return kept.get(key);
    }

    function weights(layer, which) {
        const values = new Float32Array(T * T);
        if (which !== AVERAGE) {
            const bytes = layers[layer], step = data.steps[layer][which], start = which * T * T;
            for (let i = 0; i < values.length; i++) values[i] = bytes[start + i] * step;
            return values;
        }
        const parts = layer === L ? layers.map((_, l) => [l, AVERAGE]) : data.steps[layer].slice(0, H).map((_, h) => [layer, h]);
        for (const [l, p] of parts) {
            const part = p === AVERAGE ? plane(l, p) : null;
            if (part) for (let i = 0; i < values.length; i++) values[i] += part[i] / parts.length;
            else {
                const bytes = layers[l], step = data.steps[l][p] / parts.length, start = p * T * T;
                for (let i = 0; i < values.length; i++) values[i] += bytes[start + i] * step;
            }
        }
        return values;
    }

    const isHere = ([layer]) => (layer === L ? !layers.includes(undefined) : Boolean(layers[layer]));

    function label([layer, which]) {
        if (layer === L) return "Average of all heads";
        if (which === AVERAGE) return `Layer ${layer}, average of its heads`;
        if (which === ROLLOUT) return `Rollout up to layer ${layer}`;
        return `Layer ${layer}, head ${which}`;
    }

    // The planes to draw, without the special tokens if so wished; several may be averaged into one.
    function gather() {
        let found = chosen.map((place, k) => ({ values: plane(...place), colour: rgb(COLOURS[k]), label: label(place) }));
        if (averaged && found.length > 1) {
            const mean = new Float32Array(T * T);
            for (const { values } of found) for (let i = 0; i < mean.length; i++) mean[i] += values[i] / found.length;
            found = [{ values: mean, colour: found[0].colour, label: `Average of ${found.length}` }];
        }
        if (without && special.size) {
            for (const map of found) {
                map.values = map.values.slice();
                for (const i of special) for (let j = 0; j < T; j++) map.values[i * T + j] = map.values[j * T + i] = 0;
            }
        }
        maps = found;
        top = 1e-9;
        for (const { values } of maps) for (let i = 0; i < values.length; i++) if (values[i] > top) top = values[i];
    }

    // The strongest of the maps at one cell: [weight, which map].
    function strongest(from, to) {
        let best = 0, which = 0;
        maps.forEach(({ values }, k) => {
            const w = values[to * T + from];
            if (w > best) [best, which] = [w, k];
        });
        return best < least ? [0, which] : [best, which];
    }

    // ---- The page ------------------------------------------------------------------------------------------------

    const root = host.attachShadow({ mode: "open" });
    const title = make("h2", { class: "what" });
    const several = () => maps.length > 1;

    const text = make("div", { class: "text", role: "group", "aria-label": "Tokens. Left and right arrows move." });
    const buttons = tokens.map((_, i) => make("button", { type: "button", class: special.has(i) ? "token special" : "token",
        tabindex: "-1", title: `token ${i}` }, name(i)));
    buttons.forEach((button, i) => {
        if (i && segments[i] !== segments[i - 1]) text.append(make("span", { class: "break" }));
        text.append(button);
    });
    const key = make("p", { class: "key" });

    // The grid: one button a place, over one canvas that all small squares are drawn on.
    const thumbs = make("canvas", { "aria-hidden": "true" });
    const grid = make("div", { class: "grid", role: "group",
        "aria-label": "Heads: rows are layers, columns are heads. Arrows move; Enter or Space chooses; with Shift, adds." }, thumbs);
    const room = H > 16 ? "minmax(0, 1fr)" : "minmax(0, 44px)";
    grid.style.gridTemplateColumns = `18px repeat(${H}, ${room}) 4px repeat(2, ${room === "minmax(0, 1fr)" ? room : "minmax(0, 44px)"})`;
    const places = [];
    const put = (node, row, column) => {
        node.style.gridRow = row;
        node.style.gridColumn = column;
        grid.append(node);
    };
    for (let h = 0; h < H; h++) if (H <= 16 || h % 4 === 0) put(make("span", {}, String(h)), 1, h + 2);
    put(make("span", { title: "the average of a layer's heads" }, "avg"), 1, H + 3);
    put(make("span", { title: "attention followed through the layers (Abnar & Zuidema 2020)" }, "roll"), 1, H + 4);
    for (let l = 0; l <= L; l++) {
        put(make("span", {}, l < L ? String(l) : "all"), l + 2, l < L ? 1 : `${H + 1}/${H + 3}`);
        for (const p of l < L ? [...Array(H).keys(), AVERAGE, ROLLOUT] : [AVERAGE]) {
            const button = make("button", { type: "button", tabindex: "-1", title: label([l, p]), "aria-label": label([l, p]),
                "data-layer": l, "data-plane": p === AVERAGE ? "average" : p === ROLLOUT ? "rollout" : p });
            put(button, l + 2, p < H ? p + 2 : p === AVERAGE ? H + 3 : H + 4);
            places.push({ place: [l, p], button });
        }
    }

    const canvas = make("canvas", { class: "large", role: "img" });
    const cell = make("p", { class: "cell" });
    const bar = make("canvas", { width: "240", height: "1", "aria-hidden": "true" });
    const scale = make("div", { class: "scale" }, make("span", {}, "0%"), bar, make("span"), make("span"));
    const about = make("p", { class: "caption", hidden: true });
    const looks = make("div", { class: "from" }, make("h3"), make("ol")), seen = make("div", { class: "to" }, make("h3"), make("ol"));
    const said = make("div", { class: "said", role: "status", "aria-live": "polite" });

    const out = make("output", {}, "0%");
    const slider = make("input", { type: "range", min: "0", max: "100", value: "0", "aria-label": "Hide weights under",
        input: () => {
            least = (slider.value / 100) ** 2; // finer where most weights are
            slider.setAttribute("aria-valuetext", percent(least));
            out.textContent = percent(least);
            draw();
        } });
    const specials = make("input", { type: "checkbox", change: () => { without = specials.checked; refresh(); } });
    const add = make("button", { type: "button", class: "plain add", "aria-pressed": "false",
        title: "Heads that you click are added, and drawn over one another (or hold Shift)",
        click: () => { adding = !adding; add.setAttribute("aria-pressed", adding); } }, "Compare heads");
    const blend = make("button", { type: "button", class: "plain blend", "aria-pressed": "false",
        click: () => { averaged = !averaged; refresh(); } }, "Average");
    const clear = make("button", { type: "button", class: "plain clear",
        click: () => { chosen = chosen.slice(-1); averaged = false; refresh(); } }, "Back to one");
    const chips = make("div", { class: "chips" });
    const copy = make("button", { type: "button", class: "plain copy", click: copySvg }, "Copy as SVG");
    const copied = make("textarea", { class: "copied", readonly: true, hidden: true, "aria-label": "The figure as SVG text" });

    const left = make("div", { class: "left" },
        make("p", { class: "caption" }, `${L} layer${L > 1 ? "s" : ""} down, ${H} head${H > 1 ? "s" : ""} across, counted from 0. Click one.`),
        grid, make("div", { class: "tools" }, add, blend, clear),
        make("div", { class: "lists" }, looks, seen),
        make("div", { class: "tools last" },
            make("label", {}, "Hide weights under", slider, out),
            special.size ? make("label", {}, specials, "Leave out special tokens") : null, copy));
    const right = make("div", { class: "map" },
        make("p", { class: "caption" }, "Each row is a token that looks, each column one that is looked at. Each row sums to 100%."),
        canvas, scale, cell, about);
    const main = make("div", { class: "body" }, left, right);
    root.append(make("style", {}, CSS),
        make("div", { class: "top" }, title, make("span", { class: "size" }, `${T} tokens`)),
        text, key, chips, main,
        copied,
        make("p", { class: "foot" }, `Keys: Tab to the tokens or the heads, then arrows; Esc lets go of a token. Weights are stored in at `
            + `most 256 levels a head: each is within ${(100 * data.error).toFixed(data.error < 0.0005 ? 3 : 2)} percentage points of the model's.`),
        said);

    // ---- Drawing -------------------------------------------------------------------------------------------------

    const image = document.createElement("canvas"); // the chosen maps, a pixel a cell
    image.width = image.height = T;

    function paint() {
        const context = image.getContext("2d"), field = context.createImageData(T, T);
        const pixels = new Uint32Array(field.data.buffer); // one number a cell: alpha, blue, green, red
        if (several()) {
            const levels = new Float32Array(maps.length);
            for (let to = 0, at = 0; to < T; to++) {
                for (let from = 0; from < T; from++, at++) {
                    for (let k = 0; k < maps.length; k++) levels[k] = level(maps[k].values[at]);
                    const [r, g, b] = over(levels);
                    pixels[from * T + to] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
                }
            }
        } else {
            const { values } = maps[0], shades = new Uint32Array(256);
            for (let c = 0; c < 256; c++)
                shades[c] = ((255 << 24) | (colours[3 * c + 2] << 16) | (colours[3 * c + 1] << 8) | colours[3 * c]) >>> 0;
            for (let to = 0, at = 0; to < T; to++)
                for (let from = 0; from < T; from++, at++) pixels[from * T + to] = shades[(255 * level(values[at]) + 0.5) | 0];
        }
        context.putImageData(field, 0, 0);
    }

    // How dark a weight is, 0 to 1: its square root, so that small ones are seen. Of several maps the share itself, or
    // their small weights would make one mud of all colours.
    const level = (w) => (w < least ? 0 : several() ? w / top : Math.sqrt(w / top));

    // Colours over one another, as inks on white paper or lights on black.
    const mixed = [0, 0, 0]; // one list for all cells: a new one for each would cost more than the sums
    function over(levels) {
        for (let i = 0; i < 3; i++) {
            let part = theme.paper[i];
            for (let k = 0; k < levels.length; k++) {
                if (theme === LIGHT) part *= 1 - levels[k] * (1 - maps[k].colour[i] / 255);
                else part += levels[k] * maps[k].colour[i];
            }
            mixed[i] = Math.min(255, part) | 0;
        }
        return mixed;
    }

    // Where the large map lies in its canvas, in CSS pixels.
    let box = { gutter: 0, side: 1, every: 1 };

    function measure() {
        const width = Math.max(160, Math.floor(right.clientWidth));
        const context = canvas.getContext("2d");
        context.font = "12px system-ui, sans-serif";
        let longest = 0;
        for (const token of tokens) longest = Math.max(longest, context.measureText(token.slice(0, 24)).width);
        const gutter = Math.ceil(clamp(longest + 8, 24, Math.min(110, width / 4)));
        const side = Math.min(width - gutter - 2, 46 * T + 40);
        box = { gutter, side, every: Math.max(1, Math.ceil((13 * T) / side)), width };
        const ratio = window.devicePixelRatio || 1;
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round((gutter + side + 2) * ratio);
        canvas.style.height = `${gutter + side + 2}px`;
    }

    // A name that fits beside the map, in the context's font.
    function short(context, words) {
        const room = box.gutter - 7;
        if (context.measureText(words).width <= room) return words;
        let most = Math.min(words.length, 40);
        while (most > 1 && context.measureText(`${words.slice(0, most)}…`).width > room) most--;
        return `${words.slice(0, most)}…`;
    }

    function drawMap() {
        const { gutter, side, every } = box, ratio = window.devicePixelRatio || 1, size = side / T;
        const context = canvas.getContext("2d");
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.imageSmoothingEnabled = side * ratio < T;
        context.drawImage(image, gutter, gutter, side, side);
        context.lineWidth = 1;
        context.strokeStyle = theme.line;
        context.strokeRect(gutter - 0.5, gutter - 0.5, side + 1, side + 1);
        for (let i = 1; i < T; i++) { // where the second sentence begins
            if (segments[i] === segments[i - 1]) continue;
            context.setLineDash([3, 3]);
            context.strokeStyle = theme.soft;
            context.beginPath();
            context.moveTo(gutter, gutter + i * size);
            context.lineTo(gutter + side, gutter + i * size);
            context.moveTo(gutter + i * size, gutter);
            context.lineTo(gutter + i * size, gutter + side);
            context.stroke();
            context.setLineDash([]);
        }
        const from = focus(), to = pointed?.to ?? null;
        if (from !== null) {
            context.lineWidth = 2;
            context.strokeStyle = css(theme.looks);
            context.strokeRect(gutter - 1, gutter + from * size - 1, side + 2, size + 2);
            context.strokeStyle = css(theme.seen);
            const column = to ?? from;
            context.strokeRect(gutter + column * size - 1, gutter - 1, size + 2, side + 2);
        }
        context.textBaseline = "middle";
        for (let i = 0; i < T; i++) {
            const row = i === from, column = i === (to ?? from);
            // A name that is pointed at takes the place of its neighbours.
            const near = (j) => j !== null && j !== i && Math.abs(i - j) * size < 12;
            if (row || (i % every === 0 && !near(from))) {
                context.font = `${row ? "600 " : ""}12px system-ui, sans-serif`;
                context.fillStyle = row ? css(theme.looks) : theme.ink;
                context.textAlign = "right";
                context.fillText(short(context, name(i)), gutter - 5, gutter + (i + 0.5) * size);
            }
            if (column || (i % every === 0 && !near(to ?? from))) {
                context.font = `${column ? "600 " : ""}12px system-ui, sans-serif`;
                context.fillStyle = column ? css(theme.seen) : theme.ink;
                context.textAlign = "left";
                context.save();
                context.translate(gutter + (i + 0.5) * size, gutter - 5);
                context.rotate(-Math.PI / 2);
                context.fillText(short(context, name(i)), 0, 0);
                context.restore();
            }
        }
    }

    function drawScale() {
        const context = bar.getContext("2d");
        for (let x = 0; x < 240; x++) {
            const c = 3 * Math.round((255 * x) / 239);
            context.fillStyle = css([colours[c], colours[c + 1], colours[c + 2]]);
            context.fillRect(x, 0, 1, 1);
        }
        scale.children[2].textContent = percent(top);
        scale.children[3].textContent = `(the middle is ${percent(top / 4)})`;
        bar.hidden = several();
        scale.children[0].hidden = several();
        if (several()) [scale.children[2].textContent, scale.children[3].textContent] = [`Full colour is ${percent(top)}; half of it, half the colour.`, ""];
    }

    // The sentence: a field for each map where the token looks, a line below for what looks at it.
    function drawText() {
        const from = focus();
        buttons.forEach((button, i) => {
            button.classList.toggle("on", i === from);
            let back = "", under = "transparent";
            if (from !== null) {
                const strength = (w) => theme.most * level(w);
                const fields = maps.map(({ values, colour }) =>
                    css(several() ? colour : theme.looks, strength(values[i * T + from])));
                back = several()
                    ? `linear-gradient(${fields.map((f, k) => `${f} ${(100 * k) / fields.length}% ${(100 * (k + 1)) / fields.length}%`).join(", ")})`
                    : `linear-gradient(${fields[0]}, ${fields[0]})`;
                const [w] = strongest(i, from);
                under = w ? css(theme.seen, level(w)) : "transparent";
            }
            button.style.backgroundImage = back;
            button.style.borderBottomColor = under;
            button.tabIndex = i === pinnedOrFirst() ? 0 : -1;
        });
        key.replaceChildren();
        if (from === null) key.append("Point at a token, or click it.");
        else {
            const bands = make("i");
            if (several()) bands.style.backgroundImage =
                `linear-gradient(${maps.map(({ colour }, k) => `${css(colour)} ${(100 * k) / maps.length}% ${(100 * (k + 1)) / maps.length}%`).join(", ")})`;
            key.append(make("span", {}, bands, make("b", {}, name(from)), " looks here", several() ? ", a band for each map" : ""),
                make("span", {}, make("i", { class: "seen" }), "looks at ", make("b", {}, name(from))),
                make("span", {}, "Click a token to stay with it."));
        }
    }

    const ranked = (weight) => tokens.map((_, i) => [i, ...weight(i)]).filter(([, w]) => w > 0)
        .sort((a, b) => b[1] - a[1]).slice(0, LISTED);

    function drawLists() {
        const from = focus();
        const fill = (part, heading, rows) => {
            part.firstChild.textContent = heading;
            part.lastChild.replaceChildren(...rows.map(([i, w, k]) => {
                const row = make("li", {}, make("span", {}, name(i)), make("small", {}, String(i)), make("em", {}, percent(w)));
                row.style.setProperty("--much", `${(100 * w).toFixed(1)}%`);
                if (several()) {
                    row.title = maps[k].label;
                    row.style.setProperty("--mine", css(maps[k].colour));
                }
                return row;
            }));
            if (!rows.length && from !== null) part.lastChild.append(make("li", {}, make("span", {}, "nothing that is shown")));
        };
        if (from === null) {
            fill(looks, "No token chosen", []);
            fill(seen, "", []);
            return;
        }
        const whom = ranked((i) => strongest(from, i)), who = ranked((i) => strongest(i, from));
        fill(looks, `“${name(from)}” looks at`, whom);
        fill(seen, `looking at “${name(from)}”`, who);
        const tell = (rows) => rows.map(([i, w]) => `'${name(i)}' ${percent(w)}`).join(", ") || "nothing";
        announce(`${heading()}. Token ${from} '${name(from)}' looks at ${tell(whom)}. Looked at by ${tell(who)}.`);
    }

    let waiting = 0;
    function announce(words) { // a reader hears where one stops, not all that lies on the way
        clearTimeout(waiting);
        waiting = setTimeout(() => { said.textContent = words; }, 150);
    }

    const heading = () => (chosen.length === 1 ? label(chosen[0])
        : averaged ? `Average of ${chosen.length} maps` : `${chosen.length} maps, one over another`);

    function drawHeading() {
        title.textContent = heading();
        canvas.setAttribute("aria-label", `${heading()}: ${T} by ${T} weights, drawn as colours. The lists say the largest.`);
        add.setAttribute("aria-pressed", adding);
        blend.hidden = clear.hidden = chosen.length < 2;
        blend.setAttribute("aria-pressed", averaged);
        chips.hidden = chosen.length < 2;
        chips.replaceChildren(...chosen.map((place, k) => {
            const square = make("i");
            square.style.background = averaged ? css(theme.looks) : COLOURS[k];
            return make("span", { class: "chip" }, square, label(place),
                make("button", { type: "button", "aria-label": `Take away ${label(place)}`, click: () => choose(place, true) }, "×"));
        }));
        const rolled = chosen.some(([, p]) => p === ROLLOUT);
        about.hidden = !rolled;
        about.textContent = rolled ? "Rollout (Abnar & Zuidema 2020): each layer passes on half the average of its heads and half "
            + "the token itself; the layers up to this one are multiplied. It shows which words of the input a token may hold." : "";
        for (const { place, button } of places) {
            const k = chosen.findIndex(([l, p]) => l === place[0] && p === place[1]);
            button.setAttribute("aria-pressed", k >= 0);
            button.style.setProperty("--mine", k >= 0 && chosen.length > 1 && !averaged ? COLOURS[k] : "");
            button.tabIndex = k === chosen.length - 1 && k >= 0 ? 0 : -1;
        }
    }

    // The small squares: each is its plane's largest weights in blocks, kept as levels so that a theme is one redraw.
    const pooled = new Map();
    function pool([layer, which]) {
        const n = Math.min(T, THUMB), levels = new Uint8Array(n * n);
        const sums = which === AVERAGE, values = sums ? plane(layer, which) : layers[layer];
        const start = sums ? 0 : which * T * T, best = new Float32Array(n * n);
        const block = Uint16Array.from({ length: T }, (_, i) => Math.floor((i * n) / T));
        for (let to = 0, i = start; to < T; to++)
            for (let from = 0; from < T; from++, i++) {
                const at = block[from] * n + block[to];
                if (values[i] > best[at]) best[at] = values[i];
            }
        const most = best.reduce((a, b) => Math.max(a, b), 1e-9);
        for (let i = 0; i < levels.length; i++) levels[i] = Math.round(255 * Math.sqrt(best[i] / most));
        return levels;
    }

    function drawThumbs() {
        const ratio = window.devicePixelRatio || 1, width = grid.clientWidth, height = grid.clientHeight;
        thumbs.width = Math.round(width * ratio);
        thumbs.height = Math.round(height * ratio);
        Object.assign(thumbs.style, { left: "0", top: "0", width: `${width}px`, height: `${height}px` });
        places.forEach(drawThumb);
    }

    function drawThumb({ place, button }) {
        const levels = pooled.get(String(place));
        if (!levels) return;
        const n = Math.sqrt(levels.length), tile = document.createElement("canvas");
        tile.width = tile.height = n;
        const field = new ImageData(n, n);
        for (let i = 0; i < levels.length; i++) {
            for (let part = 0; part < 3; part++) field.data[4 * i + part] = colours[3 * levels[i] + part];
            field.data[4 * i + 3] = 255;
        }
        tile.getContext("2d").putImageData(field, 0, 0);
        const context = thumbs.getContext("2d"), ratio = window.devicePixelRatio || 1;
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.imageSmoothingEnabled = false;
        const [x, y, w, h] = [button.offsetLeft, button.offsetTop, button.offsetWidth, button.offsetHeight];
        context.drawImage(tile, x, y, w, h);
        context.strokeStyle = theme.line;
        context.lineWidth = 0.5;
        context.strokeRect(x, y, w, h);
    }

    // From the choice to the screen: `refresh` for other planes, `draw` for other weights, `point` for another token.
    function refresh() {
        drawHeading();
        if (!chosen.every(isHere)) return; // drawn when it has been unpacked
        gather();
        draw();
    }
    function draw() {
        paint();
        drawScale();
        point();
    }
    function point() {
        drawMap();
        drawText();
        drawLists();
        cell.textContent = pointed?.to != null
            ? `${name(pointed.from)} → ${name(pointed.to)}  ${maps.map(({ values, label: mine }) =>
                `${several() ? `${mine}: ` : ""}${percent(values[pointed.to * T + pointed.from])}`).join(", ")}`
            : "Point at the map to read a weight; click to stay with that row.";
    }

    // ---- What the reader does ------------------------------------------------------------------------------------

    const focus = () => pointed?.from ?? pinned;
    const pinnedOrFirst = () => pinned ?? 0;

    function choose(place, more = false) {
        const k = chosen.findIndex(([l, p]) => l === place[0] && p === place[1]);
        if (!more) chosen = [place];
        else if (k >= 0) chosen = chosen.length > 1 ? chosen.filter((_, i) => i !== k) : chosen;
        else chosen = [...chosen, place].slice(-COLOURS.length);
        if (chosen.length < 2) averaged = false;
        refresh();
    }

    function aim(where) {
        if (where?.from === pointed?.from && where?.to === pointed?.to) return;
        pointed = where;
        if (maps.length) point();
    }

    function pin(i) {
        pinned = i;
        pointed = null;
        if (maps.length) point();
    }

    const under = (event) => buttons.indexOf(event.target);
    text.addEventListener("pointerover", (event) => {
        if (event.pointerType !== "touch" && under(event) >= 0) aim({ from: under(event), to: null });
    });
    text.addEventListener("pointerleave", () => aim(null));
    text.addEventListener("click", (event) => { if (under(event) >= 0) pin(under(event)); });
    text.addEventListener("focusin", (event) => { if (event.target.matches(":focus-visible")) pin(under(event)); });
    text.addEventListener("keydown", (event) => {
        const i = under(event);
        const next = { ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: 0, End: T - 1 }[event.key];
        if (event.key === "Escape") pin(null);
        else if (next === undefined) return;
        else {
            const to = clamp(next, 0, T - 1);
            pin(to);
            buttons[to].focus();
        }
        event.preventDefault();
        event.stopPropagation(); // in a notebook, arrows move between cells and letters are commands
    });

    // The cell of the large map at a pointer, or null.
    function cellAt(event) {
        const { gutter, side } = box;
        const to = Math.floor(((event.offsetX - gutter) / side) * T), from = Math.floor(((event.offsetY - gutter) / side) * T);
        return from < 0 || from >= T || to >= T || to < -1e6 ? null : { from, to: to < 0 ? null : to };
    }
    canvas.addEventListener("pointermove", (event) => aim(cellAt(event)));
    canvas.addEventListener("pointerdown", (event) => aim(cellAt(event)));
    canvas.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") aim(null); });
    canvas.addEventListener("click", (event) => {
        const found = cellAt(event);
        if (found) pinned = found.from;
        if (found && maps.length) point();
    });

    const placeOf = (event) => places.find(({ button }) => button === event.target);
    grid.addEventListener("click", (event) => {
        const found = placeOf(event);
        if (found) choose(found.place, adding || event.shiftKey || event.ctrlKey || event.metaKey);
    });
    grid.addEventListener("keydown", (event) => {
        const found = placeOf(event);
        const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
        if (!found || !step) return;
        const [l, p] = found.place, order = [...Array(H).keys(), AVERAGE, ROLLOUT];
        const column = clamp(order.indexOf(p) + step[1], 0, H + 1), row = clamp(l + step[0], 0, L);
        const next = places.find(({ place }) => place[0] === row && place[1] === (row === L ? AVERAGE : order[column]));
        if (next) {
            if (!adding && !event.shiftKey) choose(next.place);
            next.button.focus();
        }
        event.preventDefault();
        event.stopPropagation();
    });

    // ---- Copy as SVG ---------------------------------------------------------------------------------------------

    const safe = (words) => words.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "�");

    // The large map: rectangles up to 64 tokens, a picture beyond, and always text for the names.
    function svg() {
        const { gutter, side, every } = box, size = side / T, whole = gutter + side + 4, parts = [];
        if (T <= 64) {
            const pixels = image.getContext("2d").getImageData(0, 0, T, T).data;
            const paper = theme.paper.join();
            for (let from = 0; from < T; from++) {
                for (let to = 0; to < T; to++) {
                    const p = 4 * (from * T + to), fill = [pixels[p], pixels[p + 1], pixels[p + 2]];
                    if (fill.join() === paper) continue;
                    parts.push(`<rect x="${(gutter + to * size).toFixed(2)}" y="${(24 + gutter + from * size).toFixed(2)}" `
                        + `width="${size.toFixed(2)}" height="${size.toFixed(2)}" fill="rgb(${fill})"/>`);
                }
            }
        } else {
            parts.push(`<image x="${gutter}" y="${24 + gutter}" width="${side}" height="${side}" `
                + `style="image-rendering: pixelated" href="${image.toDataURL()}"/>`);
        }
        parts.push(`<rect x="${gutter}" y="${24 + gutter}" width="${side}" height="${side}" fill="none" stroke="${theme.line}"/>`);
        for (let i = 0; i < T; i += every) {
            const at = (24 + gutter + (i + 0.5) * size).toFixed(2), across = (gutter + (i + 0.5) * size).toFixed(2);
            parts.push(`<text x="${gutter - 5}" y="${at}" text-anchor="end" dominant-baseline="middle">${safe(name(i))}</text>`);
            parts.push(`<text transform="translate(${across} ${24 + gutter - 5}) rotate(-90)" dominant-baseline="middle">${safe(name(i))}</text>`);
        }
        const words = several() ? `${heading()}: ${maps.map((map) => map.label).join("; ")}` : heading();
        return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${whole} ${24 + whole}" width="${whole}" height="${24 + whole}" `
            + `font-family="sans-serif" font-size="12" fill="${theme.ink}">`
            + `<rect width="100%" height="100%" fill="${css(theme.paper)}"/><text x="5" y="16" font-size="14">${safe(words)}</text>${parts.join("")}</svg>`;
    }

    async function copySvg() {
        const figure = svg();
        let done = false;
        try {
            await navigator.clipboard.writeText(figure);
            done = true;
        } catch { // no permission, as in a frame: the old way
            copied.hidden = false;
            copied.value = figure;
            copied.select();
            try { done = document.execCommand("copy"); } catch { done = false; }
            copied.hidden = done;
        }
        copy.textContent = done ? "Copied" : "Copy the text below";
        announce(done ? "The figure is on the clipboard, as SVG." : "Copy the figure from the field below.");
        setTimeout(() => { copy.textContent = "Copy as SVG"; }, 2500);
    }

    // ---- Begin ---------------------------------------------------------------------------------------------------

    function dress() {
        theme = isDark(host) ? DARK : LIGHT;
        colours = ramp(theme.stops);
        host.dataset.theme = theme === DARK ? "dark" : "light";
    }
    let width = 0, mode = "";
    function arrange() { // when the place has another width or theme
        const now = `${isDark(host)} ${window.devicePixelRatio}`;
        if (host.clientWidth === 0 || (host.clientWidth === width && now === mode)) return;
        [width, mode] = [host.clientWidth, now];
        dress();
        main.classList.toggle("narrow", width < 700);
        measure();
        drawThumbs();
        if (maps.length) draw();
    }
    new ResizeObserver(() => requestAnimationFrame(arrange)).observe(host);
    const themes = new MutationObserver(() => requestAnimationFrame(arrange));
    for (const node of [document.documentElement, document.body])
        themes.observe(node, { attributes: true, attributeFilter: ["class", "style", "theme", "data-jp-theme-light", "data-vscode-theme-kind"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", arrange);

    async function open() {
        dress();
        drawHeading();
        const order = [data.layer, ...Array(L).keys()].filter((l, i, all) => all.indexOf(l) === i);
        for (const l of order) {
            layers[l] = await unpack(data.layers[l]);
            data.layers[l] = null;
            if (!maps.length && chosen.every(isHere)) {
                arrange();
                refresh();
                host.dataset.drawn = Math.round(performance.now() - begun); // milliseconds
            }
            for (const one of places.filter(({ place }) => place[0] === l)) {
                pooled.set(String(one.place), pool(one.place));
                drawThumb(one);
            }
            await new Promise((go) => setTimeout(go)); // let the page breathe
        }
        const all = places[places.length - 1];
        pooled.set(String(all.place), pool(all.place));
        drawThumb(all);
        if (!chosen.every((place) => place[0] < L)) refresh();
        host.dataset.ready = Math.round(performance.now() - begun);
    }
    open().catch((error) => {
        host.dataset.failed = "";
        root.replaceChildren(make("p", {}, `This view could not be drawn: ${error}`), make("slot"));
    });
}

// A notebook may show one output twice, so every div of this mark that is still empty is filled.
if ("DecompressionStream" in window)
    for (const host of document.querySelectorAll(`[data-bertlab="${MARK}"]`))
        if (!host.shadowRoot) mount(host, { ...DATA, layers: [...DATA.layers] });
