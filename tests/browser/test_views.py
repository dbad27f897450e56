"""Our attention view in headless Chromium, network off: it draws, answers mouse, keys and touch, runs no token.

BERTLAB_SHOTS=folder keeps screenshots there. Times are CPU time of the page's thread: other programs run too.
"""

import os
import re
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pytest

from bertlab import views

from ..views.test_attention_view import HOSTILE, held, planted, read_back
from . import lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TOKENS = ["[CLS]", "the", "cat", "sat", "[SEP]", "on", "the", "mat", "[SEP]"]
MAPS = planted(3, 4, len(TOKENS))
SEGMENTS = [0] * 5 + [1] * 4

# The large canvas as text.
LARGE = "() => document.querySelector('[data-bertlab]').shadowRoot.querySelector('canvas.large').toDataURL()"
COLOURS = """(css) => {
    const canvas = document.querySelector("[data-bertlab]").shadowRoot.querySelector(css);
    const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return new Set(pixels).size;
}"""
SWITCH = """() => {
    const root = document.querySelector("[data-bertlab]").shadowRoot;
    const heads = [...root.querySelectorAll(".grid button")], large = root.querySelector("canvas.large");
    for (let i = 0; i < 20; i++) {
        heads[(37 * i) % heads.length].click();
        large.getContext("2d").getImageData(60, 60, 1, 1); // waits until it is drawn
    }
}"""


@pytest.fixture
def show(chromium, tmp_path):
    """show(view, **context): the page of a view, from a file. The test fails for an error, a dialog or a request."""
    contexts, wrong = [], []

    def open_page(view: views.AttentionView | str, width: int = 1000, height: int = 900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        watch(page, wrong)
        path = tmp_path / f"{len(contexts)}.html"
        if isinstance(view, str):
            path.write_text(view, encoding="utf-8")
        else:
            view.save(path)
        page.goto(path.as_uri())
        if not isinstance(view, str):
            page.wait_for_selector("[data-ready]", timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def watch(page, wrong: list[str]) -> None:
    """Collect all that a good page never does."""
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"uncaught: {error}"))
    page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on(
        "request", lambda asked: None if re.match("file:|data:|blob:|about:", asked.url) else wrong.append(asked.url)
    )


def shoot(page, name: str) -> None:
    if os.environ.get("BERTLAB_SHOTS"):
        page.screenshot(path=Path(os.environ["BERTLAB_SHOTS"]) / f"view-{name}.png", full_page=True)


def head(page, layer: int, plane):
    return page.locator(f'.grid button[data-layer="{layer}"][data-plane="{plane}"]')


def listed(page, which: str) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(f".lists .{which} li").all_inner_texts()]


def test_draws_and_tells_the_weights_that_python_has(show):
    view = views.show_maps(MAPS, TOKENS, SEGMENTS, layer=1, head=2)
    page, held_there = show(view), read_back(held(view))[1, 2]
    shoot(page, "sentence")
    assert page.evaluate(COLOURS, "canvas.large") > 20
    assert page.evaluate(COLOURS, ".grid canvas") > 20
    assert page.locator(".what").inner_text() == "Layer 1, head 2"
    assert page.locator(".token").all_inner_texts() == TOKENS
    page.locator(".token").nth(3).click()
    for which, weights, given in (("from", held_there[3], MAPS[1, 2, 3]), ("to", held_there[:, 3], MAPS[1, 2, :, 3])):
        best = np.argsort(-weights, kind="stable")[:5]
        lines = listed(page, which)
        assert [line.split()[0] for line in lines] == [TOKENS[i] for i in best]
        for line, i in zip(lines, best, strict=True):  # rounded once by us, once by the page
            assert abs(float(line.split()[-1].rstrip("%")) / 100 - given[i]) <= 1 / 510 + 0.005
    assert page.locator(".lists h3").all_inner_texts() == ["“sat” attends to", "attending to “sat”"]


def test_every_weight_is_where_it_belongs(show):
    """One planted cell: row 2 attends to column 7 only, and in the picture only there is it dark."""
    T = len(TOKENS)
    maps = np.full((1, 1, T, T), 1 / T, np.float32)
    maps[0, 0, 2] = np.eye(T)[7]
    page = show(views.show_maps(maps, TOKENS))
    page.locator(".token").nth(2).click()
    assert listed(page, "from") == ["mat 7 100%"]
    box, gutter = page.locator("canvas.large").bounding_box(), None
    for x in range(int(box["width"])):  # the gutter ends where a cell answers
        page.mouse.move(box["x"] + x, box["y"] + box["height"] - 8)
        if "→" in page.locator(".cell").inner_text():
            gutter = x
            break
    size = (box["height"] - gutter - 2) / T  # a square, as wide as it is high
    page.mouse.move(box["x"] + gutter + 7.5 * size, box["y"] + gutter + 2.5 * size)
    assert " ".join(page.locator(".cell").inner_text().split()) == "cat → mat 100%"


def test_hovering_shows_and_clicking_stays(show):
    page = show(views.show_maps(MAPS, TOKENS, SEGMENTS))
    page.mouse.move(900, 880)
    first, tokens = page.evaluate(LARGE), page.locator(".token")
    tokens.nth(7).hover()
    hovered = page.evaluate(LARGE)
    assert hovered != first
    assert page.locator(".lists h3").first.inner_text() == "“mat” attends to"
    page.mouse.move(900, 880)
    assert page.evaluate(LARGE) == first, "back to the token that was chosen before"
    tokens.nth(7).click()
    page.mouse.move(900, 880)
    assert page.evaluate(LARGE) == hovered
    assert page.locator(".token.on").all_inner_texts() == ["mat"]


def test_choosing_heads_averages_and_rollout_changes_the_picture(show):
    page = show(views.show_maps(MAPS, TOKENS, SEGMENTS))
    seen = [page.evaluate(LARGE)]
    for layer, plane, words in (
        (2, 3, "Layer 2, head 3"),
        (1, "average", "Layer 1, average of its heads"),
        (2, "rollout", "Rollout up to layer 2"),
        (3, "average", "Average of all heads"),
    ):
        head(page, layer, plane).click()
        assert page.locator(".what").inner_text() == words
        assert head(page, layer, plane).get_attribute("aria-pressed") == "true"
        assert page.locator('.grid [aria-pressed="true"]').count() == 1
        seen.append(page.evaluate(LARGE))
    assert len(set(seen)) == 5
    page.locator(".token").nth(2).click()
    best = int(MAPS.mean((0, 1))[2].argmax())
    assert listed(page, "from")[0].split()[0] == TOKENS[best]


def test_several_heads_over_one_another_and_averaged(show):
    page = show(views.show_maps(MAPS, TOKENS, SEGMENTS))
    one = page.evaluate(LARGE)
    head(page, 1, 1).click(modifiers=["Shift"])
    page.locator(".add").click()
    head(page, 2, 2).click()
    assert page.locator(".chip").count() == 3
    assert page.locator(".what").inner_text() == "3 maps on top of each other"
    shoot(page, "compare")
    over = page.evaluate(LARGE)
    page.locator(".blend").click()
    assert page.locator(".what").inner_text() == "Average of 3 maps"
    mean = page.evaluate(LARGE)
    assert len({one, over, mean}) == 3
    page.locator(".token").nth(3).click()
    row = (MAPS[0, 0, 3] + MAPS[1, 1, 3] + MAPS[2, 2, 3]) / 3
    assert listed(page, "from")[0].split()[0] == TOKENS[int(row.argmax())]
    page.locator(".clear").click()
    assert page.locator(".what").inner_text() == "Layer 2, head 2"


def test_small_weights_and_special_tokens_can_be_left_out(show):
    page = show(views.show_maps(MAPS, TOKENS, SEGMENTS))
    page.locator(".token").nth(2).click()
    every = page.evaluate(LARGE)
    page.locator('input[type="checkbox"]').check()
    inner = page.evaluate(LARGE)
    assert not any(line.startswith("[") for line in listed(page, "from") + listed(page, "to"))
    page.locator('input[type="checkbox"]').uncheck()
    assert page.evaluate(LARGE) == every
    page.locator('input[type="range"]').fill("50")  # 25%
    assert page.locator("output").inner_text() == "25%"
    big = (MAPS[0, 0, 2] >= 0.25).sum()
    shown = [line for line in listed(page, "from") if "%" in line]
    assert len(shown) == big
    assert len({every, inner, page.evaluate(LARGE)}) == 3


def test_keys_alone_reach_everything_and_are_told(show):
    page = show(views.show_maps(MAPS, TOKENS, SEGMENTS))
    first = page.evaluate(LARGE)
    page.keyboard.press("Tab")  # the tokens are one stop
    page.keyboard.press("ArrowRight")
    assert page.locator(".token.on").inner_text() == "cat"
    moved = page.evaluate(LARGE)
    assert moved != first
    page.locator("[aria-live]").filter(has_text="Token 2").wait_for(state="attached")
    row = MAPS[0, 0, 2]
    said = page.locator("[aria-live]").inner_text()
    assert said.startswith("Layer 0, head 0. Token 2 'cat' attends to ")
    assert f"attends to '{TOKENS[row.argmax()]}' " in said
    assert "Attended to by '" in said
    page.keyboard.press("End")
    assert page.evaluate("() => document.querySelector('[data-bertlab]').shadowRoot.activeElement.title") == "token 8"
    page.keyboard.press("Tab")  # the heads are the next
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.locator(".what").inner_text() == "Layer 1, head 1"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    assert page.locator(".token.on").count() == 0
    assert "Point at a token" in page.locator(".legend").inner_text()


def test_a_finger_chooses_too_and_a_phone_needs_no_scrolling_sideways(show):
    page = show(views.show_maps(planted(12, 12, 40), ["un##believably-long"] * 40), width=400, height=800,
                has_touch=True, is_mobile=True, device_scale_factor=2)  # fmt: skip
    shoot(page, "phone")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400
    before = page.evaluate(LARGE)
    page.locator(".token").nth(9).tap()
    assert page.locator(".token.on").get_attribute("title") == "token 9"
    head(page, 5, 5).tap()
    assert page.locator(".what").inner_text() == "Layer 5, head 5"
    assert page.evaluate(LARGE) != before


def test_dark_where_the_page_is_dark_and_turns_with_it(show):
    view = views.show_maps(MAPS, TOKENS)
    page = show(view, color_scheme="dark")
    shoot(page, "dark")
    assert page.locator("[data-bertlab]").get_attribute("data-theme") == "dark"
    dark = page.evaluate(LARGE)
    page.evaluate("() => { document.body.style.background = 'white'; }")
    page.wait_for_selector('[data-theme="light"]')
    assert page.evaluate(LARGE) != dark


def test_hostile_text_is_shown_and_never_run(show):
    tokens = [HOSTILE, "<b>bold</b>", "&lt;", "\u202eabc", " ", "'\"`${alert(1)}", "</style>", "$x$", "😀"]
    page = show(views.show_maps(MAPS, tokens, layer=2))
    assert page.locator(".token").first.evaluate("(e) => e.textContent") == HOSTILE
    assert (
        page.evaluate("() => document.querySelector('[data-bertlab]').shadowRoot.querySelectorAll('img, b b').length")
        == 0
    )
    page.locator(".token").first.click()
    page.evaluate("() => { Object.defineProperty(navigator, 'clipboard', { value: { "
                  "writeText: async (text) => { window.svg = text; } } }); }")  # fmt: skip
    page.locator(".copy").click()
    page.wait_for_function("() => window.svg")
    figure = ET.fromstring(page.evaluate("() => window.svg"))
    words = ["".join(node.itertext()) for node in figure.iter("{http://www.w3.org/2000/svg}text")]
    assert words[0] == "Layer 2, head 0"
    assert words.count(HOSTILE) == 2
    assert len(list(figure.iter("{http://www.w3.org/2000/svg}rect"))) > 40
    assert page.locator(".copy").inner_text() == "Copied"


def test_many_views_in_a_page_do_not_meet(show):
    one, other = views.show_maps(MAPS, TOKENS), views.show_maps(MAPS[:2], list("abcdefghi"))
    page = show(f"<!DOCTYPE html><meta charset=utf-8>{one.body}{one.body}{other.body}")
    page.wait_for_function("() => document.querySelectorAll('[data-ready]').length === 3")
    page.locator("[data-bertlab]").nth(1).locator('.grid button[data-layer="1"][data-plane="2"]').click()
    assert page.locator(".what").all_inner_texts() == ["Layer 0, head 0", "Layer 1, head 2", "Layer 0, head 0"]


def test_in_a_sandboxed_frame_and_as_the_classic_notebook_runs_scripts(show):
    """Colab and VS Code show outputs in frames of another origin; jQuery runs an output's script from the head."""
    view = views.show_maps(MAPS, TOKENS)
    framed = view.body.replace("&", "&amp;").replace('"', "&quot;")
    page = show(f'<!DOCTYPE html><iframe sandbox="allow-scripts" width=900 height=900 srcdoc="{framed}"></iframe>')
    frame = page.frame_locator("iframe")
    frame.locator("[data-ready]").wait_for()
    frame.locator(".token").nth(2).click()
    assert frame.locator(".lists h3").first.inner_text() == "“cat” attends to"
    page = show("<!DOCTYPE html><div id=place></div>")
    page.evaluate("""(body) => {
        const place = document.getElementById("place");
        place.innerHTML = body;
        const script = document.createElement("script");
        script.text = place.querySelector("script").text;
        document.head.append(script);
        script.remove();
    }""", view.body)  # fmt: skip
    page.wait_for_selector("#place [data-ready]")


def test_without_scripts_the_picture_stays(chromium, tmp_path):
    views.show_maps(MAPS, TOKENS).save(tmp_path / "page.html")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert page.locator("img").is_visible()
    assert page.locator("img").bounding_box()["width"] > 300
    assert page.get_by_text("A picture of the view").is_visible()
    context.close()


@pytest.mark.parametrize("T", [128, 512])
def test_twelve_layers_draw_within_a_second_and_switch_within_50_ms(show, T):
    page = show("<!DOCTYPE html><title>empty</title>")
    path = views.show_maps(planted(12, 12, T), [f"word{i}" for i in range(T)])
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    def cpu() -> float:
        return {m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]}["TaskDuration"]

    file = Path(page.url.removeprefix("file://")).with_name("long.html")
    path.save(file)
    page.goto(file.as_uri(), wait_until="commit")
    page.wait_for_selector("[data-drawn]", state="attached", timeout=60_000)
    first = cpu()
    page.wait_for_selector("[data-ready]", timeout=60_000)
    shoot(page, f"{T}-tokens")
    ready = cpu()
    page.evaluate(SWITCH)
    each = (cpu() - ready) / 20
    wall = page.locator("[data-bertlab]").get_attribute("data-drawn")
    print(f"{T} tokens: first drawing {first:.2f} s of CPU ({wall} ms on the clock), all squares {ready:.2f} s")
    print(f"another head {1000 * each:.1f} ms of CPU")
    assert first < 1
    assert each < 0.05


# ---- JupyterLab ------------------------------------------------------------------------------------------------------

HOSTS = """() => [...window.panel.node.querySelectorAll("[data-bertlab]")].map((host) => ({
    ready: "ready" in host.dataset, theme: host.dataset.theme, height: host.getBoundingClientRect().height,
    tokens: host.shadowRoot ? host.shadowRoot.querySelectorAll(".token").length : 0,
    picture: host.querySelector("img")?.naturalWidth > 0 && !host.shadowRoot,
}))"""


@contextmanager
def opened(chromium, address: str, name: str, wrong: list[str]):
    """A notebook in JupyterLab, with its kernel ready."""
    base, token = address.split("/?token=")
    context = chromium.new_context(viewport={"width": 1300, "height": 1400})
    page = context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"uncaught: {error}"))
    page.on("dialog", lambda dialog: (wrong.append("dialog"), dialog.dismiss()))
    try:
        page.goto(f"{base}/lab/tree/{name}?token={token}&reset")
        page.wait_for_function(lab.FOUND, arg=name, timeout=90_000)
        page.wait_for_function(lab.IDLE, timeout=90_000)
        yield page
    finally:
        lab.shut_down_kernels(base, token)
        context.close()


def test_in_jupyterlab_run_all_draws_each_and_an_untrusted_notebook_shows_pictures(chromium, jupyterlab):
    cells = [
        "import numpy as np\nfrom bertlab import views\nfrom IPython.display import display",
        f"tokens = [{HOSTILE!r}, 'a', 'b']\nmaps = np.full((2, 3, 3, 3), 1 / 3)",
        "views.show_maps(maps, tokens)",
        "views.show_maps(maps, tokens, layer=1)",
        "for _ in range(2):\n    display(views.show_maps(maps[:1], ['x', 'y', 'z']))",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    (address, folder), wrong = jupyterlab, []
    nbformat.write(book, folder / "views.ipynb")
    data = views.show_maps(MAPS, TOKENS)._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data)
    book.cells = [nbformat.v4.new_code_cell("view", outputs=[output], execution_count=1)]
    nbformat.write(book, folder / "stranger.ipynb")  # nobody here has signed it

    with opened(chromium, address, "views.ipynb", wrong) as page:
        page.evaluate(lab.RUN)
        page.wait_for_function("() => window.done", timeout=120_000)
        page.wait_for_function(lab.ENDED, timeout=60_000)
        page.wait_for_function("() => window.panel.node.querySelectorAll('[data-ready]').length === 4")
        shoot(page, "jupyterlab")
        hosts = page.evaluate(HOSTS)
        assert [host["tokens"] for host in hosts] == [3, 3, 3, 3]
        assert all(host["ready"] and host["height"] > 300 and host["theme"] == "light" for host in hosts)
        second = page.locator("[data-bertlab]").nth(1)
        second.locator(".token").nth(2).focus()
        page.keyboard.press("ArrowLeft")  # the view's key, not the notebook's
        assert second.locator(".token.on").inner_text() == "a"
        assert page.locator("[data-bertlab]").first.locator(".token.on").inner_text() == HOSTILE
    with opened(chromium, address, "stranger.ipynb", wrong) as page:
        page.wait_for_selector("[data-bertlab] img, .jp-OutputArea-output img")
        shoot(page, "untrusted")
        drawn = page.evaluate("() => [...window.panel.node.querySelectorAll('.jp-OutputArea-output img')]"
                              ".filter((image) => image.naturalWidth > 300).length")  # fmt: skip
        assert drawn == 1
        assert page.evaluate("() => window.panel.node.querySelectorAll('[data-ready]').length") == 0
    assert [line for line in wrong if not any(noise in line for noise in lab.NOISE)] == []
