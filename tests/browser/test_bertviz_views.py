"""The bertviz views in headless Chromium with the network off: saved pages, frames inside frames, and Run All.

BERTLAB_SHOTS=folder keeps the screenshots there.
"""

import html
import importlib.util
import os
from pathlib import Path

import nbformat
import pytest

from bertlab.views.capture import capture_attention

from . import lab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not importlib.util.find_spec("bertviz"), reason="bertviz is not installed"),
]

# A tiny model; also what the notebook's first cell runs.
SETUP = """
from bertlab import Bert, BertConfig, WordPiece, views
import torch

torch.manual_seed(0)
words = ["the", "cat", "sat", "on", "mat", "a", "dog", "slept", ".", "<", ">", "/", "=", "telecommunications"]
pieces = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])
model = Bert(BertConfig(vocab_size=len(pieces), hidden_size=32, num_attention_heads=4, num_hidden_layers=3,
                        intermediate_size=64, max_position_embeddings=64, initializer_range=0.5))
text, pair = "The cat sat on the mat.", "A dog slept on telecommunications."
"""
VIEWS = ["head_view", "model_view", "neuron_view"]
WHOLE = "(all) => all.map((text) => (text.querySelector('title') || text).textContent)"
PAINTED = """() => Promise.race([
    new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    new Promise((done) => setTimeout(done, 5000)),
])"""
FITS = """() => [...document.querySelectorAll("#left text, .token")].every((text) => {
    const length = text.getComputedTextLength();
    return length > 0 && length < 110;
})"""
HOSTILE = "</script><img src=x onerror=window.hit=1>"

# Around the frame of a view stands what a notebook's own output frame has: this one is VS Code's policy, and Colab's
# frame may run scripts in an origin of its own.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src https: http: data:; font-src https:; connect-src https:; child-src https: data:"
)


@pytest.fixture(scope="module")
def made():
    """What SETUP defines."""
    names = {}
    exec(SETUP, names)
    return names


@pytest.fixture
def opened(chromium, tmp_path):
    """Opens HTML from a file, offline. Gives the page, and a list that fills with what the console says is wrong."""
    context = chromium.new_context(viewport={"width": 1000, "height": 900}, offline=True)
    wrong = []

    def open_(content: str):
        (tmp_path / "page.html").write_text(content, encoding="utf-8")
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(f"uncaught: {error}"))
        page.on("request", lambda request: None if lab.HERE.match(request.url) or request.url.startswith("file:")
                else wrong.append(f"asked for {request.url}"))  # fmt: skip
        page.goto((tmp_path / "page.html").as_uri())
        return page, wrong

    yield open_
    context.close()


def shoot(page, name: str, height: int = 900) -> None:
    """Two pictures, at a notebook's width and a phone's. A frame outside the window would not be painted yet."""
    if folder := os.environ.get("BERTLAB_SHOTS"):
        for width in (400, 1000):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(500)
            for frame in page.frames:
                frame.evaluate(PAINTED)
            page.screenshot(path=Path(folder) / f"{name}-{width}.png")


def drawing(frame) -> str:
    """All that is drawn, as text: positions, colours, how strong each line is."""
    return frame.evaluate("() => document.querySelector('#vis svg').outerHTML")


def lines(frame) -> int:
    return frame.locator("#vis svg line").count()


# ---- Saved pages -----------------------------------------------------------------------------------------------------


def test_head_view(made, opened):
    page, wrong = opened(made["views"].head_view(made["model"], made["pieces"], made["text"], made["pair"]).page)
    T = 16
    assert lines(page) == 4 * T * T
    assert page.locator("#left text").all_text_contents()[:3] == ["[CLS]", "the", "cat"]
    shoot(page, "head-view")
    first = drawing(page)
    page.select_option("#layer", "2")
    assert drawing(page) != first
    page.select_option("#filter", label="Sentence B -> Sentence A")
    assert lines(page) == 4 * 7 * 9
    page.select_option("#filter", "0")
    before = drawing(page)
    page.locator("#vis svg > g:last-child rect").nth(1).click()  # the second head off
    assert drawing(page) != before
    strong = "() => [...document.querySelectorAll('#attention line')].filter(l => l.getAttribute('stroke-opacity') > 0)"
    assert page.evaluate(strong + ".length") == 3 * T * T
    page.locator("#left > g").last.locator("text").nth(2).hover()
    assert page.locator("#attention line[visibility=visible]").count() == 4 * T
    shoot(page, "head-view-pointed-at")
    assert wrong == []


def test_the_page_holds_the_model_s_weights(made, opened):
    """What bertviz draws from is what the model computed, for every entry of the menu."""
    torch = made["torch"]
    encoding = made["pieces"].encode(made["text"], made["pair"])
    seen = capture_attention(made["model"], made["pieces"], made["text"], made["pair"], vectors=True)[0]
    page, wrong = opened(made["views"].neuron_view(made["model"], made["pieces"], made["text"], made["pair"]).page)
    held = page.evaluate("() => window.bertviz_params.attention")
    T, cut = len(encoding.tokens), 9
    a, b = slice(0, cut), slice(cut, T)
    for entry, (rows, columns) in zip(held, [(slice(0, T),) * 2, (a, a), (b, b), (a, b), (b, a)], strict=True):
        for name, expected in [
            ("attn", seen.maps[:, :, rows, columns]),
            ("queries", seen.queries[:, :, rows]),
            ("keys", seen.keys[:, :, columns]),
        ]:
            torch.testing.assert_close(torch.tensor(entry[name]), expected, atol=1e-6, rtol=0)
        assert (entry["left_text"], entry["right_text"]) == (encoding.tokens[rows], encoding.tokens[columns])
    assert wrong == []


def test_model_view(made, opened):
    page, wrong = opened(made["views"].model_view(made["model"], made["pieces"], made["text"], made["pair"]).page)
    assert lines(page) == 3 * 4 * 16 * 16
    shoot(page, "model-view", height=1250)
    first = drawing(page)
    small = page.locator("#vis svg > g:has(.attn_background)")
    small.nth(6).locator("rect").last.click()  # layer 1, head 2
    assert page.locator("text.detail").text_content() == "Layer 1, Head 2"
    assert lines(page) == (3 * 4 + 1) * 16 * 16
    long = page.locator(".token", has=page.locator("title")).first
    assert long.text_content().startswith("telecommunicat")
    assert long.evaluate("(text) => text.getComputedTextLength()") <= 77
    shoot(page, "model-view-enlarged", height=1250)
    second = drawing(page)
    small.nth(0).locator("rect").last.click()
    assert len({first, second, drawing(page)}) == 3
    assert wrong == []


def test_neuron_view(made, opened):
    page, wrong = opened(made["views"].neuron_view(made["model"], made["pieces"], made["text"], layer=1).page)
    T, K = 9, 8
    assert page.locator("#queries .element").count() == T * K
    assert page.locator("#layer").input_value() == "1"
    shoot(page, "neuron-view")
    first = drawing(page)
    page.select_option("#att_head", "3")
    second = drawing(page)
    page.select_option("#layer", "0")
    assert len({first, second, drawing(page)}) == 3
    token = page.locator("#collapsed #leftText > g").nth(2)
    token.locator("text").hover()
    token.locator("rect").last.click()  # its plus sign
    assert page.locator("#expanded").get_attribute("visibility") == "visible"
    page.locator("#expanded #leftText text").nth(3).hover()
    products = page.locator("#product .element").evaluate_all("(all) => all.map((e) => +e.dataset.value)")
    expected = page.evaluate(
        "() => { const { queries, keys } = bertviz_params.attention[0];"
        " return keys[0][3].flatMap((key) => key.map((k, i) => k * queries[0][3][3][i])); }"
    )
    assert products == pytest.approx(expected)
    assert any(products)
    shoot(page, "neuron-view-expanded")
    assert wrong == []


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_token_text_is_shown_and_does_not_run(view, made, opened):
    import transformers

    tokenizer = transformers.BertTokenizer(vocab=dict(made["pieces"].index))
    tokenizer.add_tokens([HOSTILE])
    config = transformers.BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_attention_heads=4,
                                     num_hidden_layers=2, intermediate_size=64)  # fmt: skip
    model = transformers.BertModel(config)
    text = f"the cat {HOSTILE} sat {HOSTILE.replace('script', 'style')}"
    shown = getattr(made["views"], view)(model, tokenizer, text)
    for content in (shown.page, "<!DOCTYPE html><p>before</p>" + shown._repr_html_() + "<p>after</p>"):
        page, wrong = opened(content)
        frame = page.frames[-1]
        frame.wait_for_selector("#vis svg line", state="attached")
        if view == "model_view":
            frame.locator("#vis svg > g:has(.attn_background) rect:last-child").first.click()
        texts = frame.locator("#vis text").evaluate_all(
            "(all) => all.map((t) => (t.querySelector('title') || t).textContent)"
        )
        assert HOSTILE.strip() in texts
        assert "img" in texts or "<" in texts  # the second one, cut into pieces by the tokenizer
        assert all(not f.evaluate("window.hit") and f.locator("img").count() == 0 for f in page.frames)
        assert HOSTILE in frame.title()
        assert wrong == []


# ---- In notebooks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("around", ["exported", "Visual Studio Code", "Colab"])
def test_three_views_in_one_page_of_outputs(around, made, opened):
    """Outputs beside one another, as nbconvert writes them, and inside the front ends' own frames and policies."""
    shown = [
        getattr(made["views"], view)(made["model"], made["pieces"], made["text"], made["pair"])._repr_html_()
        for view in VIEWS
    ]
    cells = "".join(f"<div>{output}</div>" for output in shown)
    whole = f"<!DOCTYPE html><meta charset=utf-8><title>t</title><body style='background: #111; color: #ddd'>{cells}"
    if around == "exported":
        from nbconvert import HTMLExporter

        book = nbformat.v4.new_notebook()
        for output in shown:
            data = nbformat.v4.new_output("display_data", {"text/html": output})
            book.cells.append(nbformat.v4.new_code_cell(outputs=[data], execution_count=1))
        whole = HTMLExporter(require_js_url="", mathjax_url="").from_notebook_node(book)[0]
    elif around == "Visual Studio Code":
        whole = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">{whole}'
    else:
        whole = (
            "<!DOCTYPE html><title>t</title><iframe style='width: 100%; height: 3000px' "
            f"sandbox='allow-scripts allow-popups' srcdoc=\"{html.escape(whole)}\"></iframe>"
        )
    page, wrong = opened(whole)
    page.wait_for_load_state("load")
    frames = page.frames[-3:]
    for frame, count in zip(frames, [4 * 256, 12 * 256, 4 * 256], strict=True):
        frame.wait_for_selector("#vis svg", state="attached")
        assert lines(frame) >= count
        assert frame.evaluate("() => document.documentElement.scrollHeight <= innerHeight"), "no scroll bar of its own"
        assert frame.evaluate("() => innerHeight - document.body.scrollHeight") < 90, "and no large gap below"
    frames[0].select_option("#layer", "2")
    frames[2].select_option("#layer", "1")
    assert [frame.locator("#layer").input_value() for frame in (frames[0], frames[2])] == ["2", "1"]
    shoot(page, f"outputs-{around.split()[0].lower()}", height=2400)
    # nbconvert's page has an empty address for the two scripts that it must not fetch
    assert [line for line in wrong if "MathJax" not in line and "require" not in line] == []


def test_run_all_in_jupyterlab(chromium, jupyterlab, tmp_path, monkeypatch):
    address, folder = jupyterlab
    cells = [SETUP, *(f"views.{view}(model, pieces, text, pair)" for view in VIEWS)]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(book, folder / "bertviz.ipynb")
    drawn = []

    def look_at_frames(page, shots, stem):
        """Called by run_all when everything has run: counts what each output's frame has drawn."""
        for frame in page.frames[1:]:
            frame.wait_for_selector("#vis svg", state="attached", timeout=30_000)
            drawn.append((frame.title().split()[0], lines(frame)))
            frame.frame_element().scroll_into_view_if_needed()  # what is not on the screen is not laid out
            frame.wait_for_function(FITS, timeout=30_000, polling=100)
        taken = photograph(page, shots, stem)
        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        page.wait_for_timeout(800)
        taken += photograph(page, shots, f"{stem}-dark")
        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
        page.wait_for_function("() => document.body.dataset.jpThemeLight === 'true'")  # for the next test
        return taken

    photograph = lab.photograph
    monkeypatch.setattr(lab, "photograph", look_at_frames)
    seen = lab.run_all(chromium, address, "bertviz.ipynb", Path(os.environ.get("BERTLAB_SHOTS") or tmp_path))
    assert (seen.errors, seen.unrun, seen.console, seen.refused) == ([], 0, [], [])
    assert [name for name, _ in drawn] == ["Head", "Model", "Neuron"]
    assert [count for _, count in drawn[:2]] == [4 * 256, 12 * 256]
    assert drawn[2][1] > 256
