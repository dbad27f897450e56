"""A real JupyterLab in a real browser, with the network off: opens a notebook, runs all of it, says what was seen.

    with server(folder, settings) as address, browser() as chromium:
        seen = run_all(chromium, address, "01_wordpiece.ipynb", shots=Path("shots"))

The browser refuses every address but this machine's. The kernels find a dead proxy, no package index and no hub,
so the data that a notebook needs must be in the cache: `make test` fetches it first.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
HERE = re.compile(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:|about:")
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"  # the only outside picture that a notebook may show

SETTINGS = {
    "notebook-extension/tracker": {
        "windowingMode": "none",  # all cells are in the page, not only those on the screen
        "scrollPastEnd": False,
    },
    "docmanager-extension/plugin": {"autosave": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
OFFLINE = {
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1,localhost",
    "PIP_NO_INDEX": "1",
    "PIP_CONFIG_FILE": os.devnull,
    "HF_HUB_OFFLINE": "1",
}

# What JupyterLab itself says on the console, whatever the notebook.
NOISE = ("Failed to load resource: net::ERR_FAILED", "favicon", "NSApplicationDelegate")

# These run in the page, where JupyterLab's own objects can be asked.
FOUND = r"""(name) => {
    const widgets = window.jupyterapp ? [...window.jupyterapp.shell.widgets("main")] : [];
    window.panel = widgets.find((w) => w.context?.path === name && w.context.isReady && w.sessionContext?.isReady);
    return Boolean(window.panel);
}"""
IDLE = "() => window.panel.sessionContext.session?.kernel?.status === 'idle'"
# Run All says that it is done at the first error, also at one that is meant (raises-exception), and the stars of the
# waiting cells go; but the kernel goes on, and is idle for a moment between two cells. So the run has ended when every
# cell has run, or when the kernel has been idle for five seconds and no cell has ended meanwhile.
ENDED = r"""() => {
    const waiting = [...window.panel.content.model.cells].filter(
        (c) => c.type === "code" && c.sharedModel.getSource().trim() && c.executionCount === null).length;
    if (window.panel.sessionContext.session?.kernel?.status !== "idle" || waiting !== window.waiting) {
        window.waiting = waiting;
        window.quiet_since = performance.now();
        return false;
    }
    return waiting === 0 || performance.now() - window.quiet_since > 5000;
}"""
RUN = r"""() => {
    window.jupyterapp.shell.activateById(window.panel.id);
    window.jupyterapp.commands.execute("notebook:run-all-cells").finally(() => { window.done = true; });
}"""

# The notebook's own model, beside what is drawn of it.
LOOK = r"""() => {
    const panel = window.panel;
    const cells = panel.content.model.sharedModel.toJSON().cells.filter((c) => c.cell_type === "code");
    const tagged = (c, tag) => (c.metadata.tags || []).includes(tag);
    const outputs = cells.flatMap((c) => c.outputs.map((o) => [c, o]));
    const holds = (mime) => outputs.filter(([c, o]) => o.data && mime in o.data).length;
    const drawn = (css) => [...panel.node.querySelectorAll(`.jp-OutputArea-output ${css}`)];
    const painted = (place) => [...place.querySelectorAll("canvas")].some(
        (c) => c.width && new Set(c.getContext("2d").getImageData(0, 0, c.width, c.height).data).size > 8);
    return {
        unrun: cells.filter((c) => c.source.trim() && c.execution_count === null).length,
        errors: outputs.filter(([c, o]) => o.output_type === "error" && !tagged(c, "raises-exception"))
            .map(([c, o]) => `${o.ename}: ${o.evalue}`),
        figures: holds("image/png"),
        widgets: holds("application/vnd.jupyter.widget-view+json"),
        images: drawn("img").filter((i) => i.naturalWidth > 0).length,
        broken: drawn("img").filter((i) => !(i.naturalWidth > 0)).length,
        drawn_widgets: drawn(".jupyter-widgets:not(.jupyter-widgets .jupyter-widgets)").filter(
            (w) => w.getBoundingClientRect().height > 0).length,
        views: drawn(".bertlab-attention").length,
        drawn_views: drawn(".bertlab-attention").filter((v) => v.shadowRoot && painted(v.shadowRoot)).length,
        frames: drawn("iframe[srcdoc]").length,
        broken_widgets: [...panel.node.querySelectorAll(".jp-OutputArea-output")].filter((o) =>
            /Error (displaying|creating) (the )?widget|Loading widget|Could not (create|render)/.test(o.textContent)
            ).length,
    };
}"""


@dataclass
class Seen:
    """What one run of a notebook showed."""

    unrun: int  # code cells that never ran
    errors: list[str]  # of cells that are not meant to fail
    figures: int  # PNG outputs in the notebook
    widgets: int  # widget outputs in the notebook
    images: int  # pictures drawn with a size, those inside widgets included
    broken: int  # pictures without a size
    drawn_widgets: int
    views: int  # of our own kind
    drawn_views: int  # with something on their canvas
    frames: int  # bertviz's views, each a page in a frame
    broken_widgets: int
    drawn_frames: int = 0  # with something that bertviz drew
    seconds: float = 0.0
    console: list[str] = field(default_factory=list)  # errors on the browser's console
    refused: list[str] = field(default_factory=list)  # addresses outside that the page asked for
    shots: list[Path] = field(default_factory=list)


def chromium_path() -> str | None:
    """Where the system's Chromium is, if it has one."""
    return next((found for name in CHROMIUM if (found := shutil.which(name))), None)


def copy_unrun(notebook: Path, folder: Path) -> None:
    """A copy without its outputs, so that what is seen later was made later. JupyterLab saves: never give it yours."""
    book = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    (folder / notebook.name).write_text(json.dumps(book), encoding="utf-8")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server(folder: Path, settings: Path) -> Iterator[str]:
    """JupyterLab on the notebooks in `folder`, with its own settings and a dead network. Yields its address."""
    for name, values in SETTINGS.items():
        place = settings / "lab" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(values))
    port, token = free_port(), secrets.token_hex(16)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PIP_", "COV_"))}
    environment |= OFFLINE | {name.upper(): OFFLINE[name] for name in ("http_proxy", "https_proxy", "no_proxy")}
    environment |= {
        "JUPYTERLAB_SETTINGS_DIR": str(settings / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(settings / "config"),
        "JUPYTER_DATA_DIR": str(settings / "data"),
        "JUPYTER_RUNTIME_DIR": str(settings / "runtime"),
        "IPYTHONDIR": str(settings / "ipython"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    log = settings / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=out)
        try:
            wait_for(f"http://127.0.0.1:{port}/api?token={token}", process, log)
            yield f"http://127.0.0.1:{port}/?token={token}"
        finally:
            process.terminate()  # ends its kernels too
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(address: str, process: subprocess.Popen, log: Path, seconds: float = 90) -> None:
    """Return when the server answers. Raises RuntimeError with its log if it ends or stays silent."""
    until = time.monotonic() + seconds
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until and process.poll() is None:
        try:
            with straight.open(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


@contextmanager
def browser():
    """Headless Chromium that can reach this machine alone. Yields playwright's browser."""
    from playwright.sync_api import sync_playwright

    rules = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path(),
            headless=True,
            chromium_sandbox=False,
            args=[*quiet, f"--host-resolver-rules={rules}"],
        )
        try:
            yield chromium
        finally:
            chromium.close()


def run_all(chromium, address: str, name: str, shots: Path | None = None, seconds: float = 1200) -> Seen:
    """Open notebook `name`, Run All Cells, wait for the end, and tell what stands on the page.

    With `shots`, the page is photographed from top to bottom into that folder. Raises playwright's TimeoutError when
    the notebook is not done after `seconds`.
    """
    base, token = address.split("/?token=")
    context = chromium.new_context(viewport={"width": 1300, "height": 1400}, reduced_motion="reduce")
    console, refused = [], []

    def gate(route):
        wanted = route.request.url
        if HERE.match(wanted):
            route.continue_()
        else:
            if wanted != BADGE:
                refused.append(wanted)
            route.abort()

    context.route("**/*", gate)
    page = context.new_page()
    page.on("console", lambda said: console.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: console.append(f"uncaught: {error}"))
    try:
        page.goto(f"{base}/lab/tree/{name}?token={token}&reset")
        page.wait_for_function(FOUND, arg=name, timeout=90_000)
        page.wait_for_function(IDLE, timeout=90_000)
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        begun = time.monotonic()
        page.evaluate(RUN)
        page.wait_for_function("() => window.done", timeout=seconds * 1000, polling=200)
        page.wait_for_function(ENDED, timeout=seconds * 1000, polling=200)
        took = time.monotonic() - begun
        seen = look_when_drawn(page)
        seen.seconds = took
        if shots is not None:
            seen.shots = photograph(page, shots, Path(name).stem)
    finally:
        shut_down_kernels(base, token)
        context.close()
    seen.console = [line for line in console if not any(noise in line for noise in NOISE)]
    seen.refused = sorted(set(refused))
    return seen


def look_when_drawn(page, seconds: float = 10) -> Seen:
    """What is on the page once everything is drawn, or after `seconds` if something is never drawn."""
    until = time.monotonic() + seconds
    while True:
        page.wait_for_timeout(1500)  # widgets are drawn a moment after their cell is done
        seen = Seen(**page.evaluate(LOOK))
        inside = [
            frame.evaluate("() => document.querySelectorAll('svg line, svg text').length") for frame in frames(page)
        ]
        seen.drawn_frames = sum(nodes > 10 for nodes in inside)
        whole = seen.images >= seen.figures and (seen.drawn_widgets, seen.drawn_views) == (seen.widgets, seen.views)
        if (whole and seen.drawn_frames == seen.frames) or time.monotonic() > until:
            return seen


def frames(page) -> list:
    """The frames of the notebook's outputs."""
    return [frame for frame in page.frames if frame != page.main_frame and frame.url == "about:srcdoc"]


def photograph(page, shots: Path, stem: str) -> list[Path]:
    """The whole notebook, a screen a picture: <stem>-01.png and on."""
    shots.mkdir(parents=True, exist_ok=True)
    for old in shots.glob(f"{stem}-*.png"):
        old.unlink()
    scroller = page.locator(".jp-WindowedPanel-outer").first
    height, screen = scroller.evaluate("(e) => [e.scrollHeight, e.clientHeight]")
    taken = []
    for number, top in enumerate(range(0, max(1, height - 50), screen - 50), start=1):
        scroller.evaluate("(e, top) => { e.scrollTop = top; }", top)
        page.wait_for_timeout(150)
        taken.append(shots / f"{stem}-{number:02d}.png")
        page.screenshot(path=taken[-1])
    return taken


def shut_down_kernels(base: str, token: str) -> None:
    """End every kernel of the server: a notebook's memory is not kept for the next one."""
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    header = {"Authorization": f"token {token}"}
    with straight.open(urllib.request.Request(f"{base}/api/sessions", headers=header), timeout=30) as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(f"{base}/api/sessions/{session['id']}", headers=header, method="DELETE")
        straight.open(request, timeout=30).close()
