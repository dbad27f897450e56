// The functions of d3 that bertviz's three views call. README.md in this folder says how it becomes d3.js.
export { select, selectAll } from "d3-selection";
export { scaleOrdinal } from "d3-scale";
export { schemeCategory10 } from "d3-scale-chromatic";
export { hsl } from "d3-color";
export { line } from "d3-shape";
export const version = "5, a part of it";
