// What bertviz's three views call of d3, and nothing else. How it becomes d3.js: README.md in this folder.
export { select, selectAll } from "d3-selection";
export { scaleOrdinal } from "d3-scale";
export { schemeCategory10 } from "d3-scale-chromatic";
export { hsl } from "d3-color";
export { line } from "d3-shape";
export const version = "5, a part of it";
