"""Our attention view: what its page holds, how exact and how small, what is refused. Drawing: browser/test_views.py."""

import base64
import io
import json
import re
import time
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from bertlab import Bert, BertConfig, Classifier, Pretraining, attention_maps, saliency, save, views
from bertlab.__main__ import main
from bertlab.views.packing import choose_coarseness
from bertlab.views.pages import read_asset
from bertlab.views.still import LARGE, draw_square
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

HOSTILE = "</script><img src=x onerror=alert(1)>"
PIECES = WordPiece([*SPECIAL_TOKENS, *"abcdefghijklmnopqrstuvwxyz", "the", "cat", "sat", "mat", "##s", "."])
TINY = BertConfig(vocab_size=len(PIECES), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                  intermediate_size=64, max_position_embeddings=24)  # fmt: skip


def planted(L: int, H: int, T: int, seed: int = 0) -> np.ndarray:
    """Maps like BERT's: each head attends to one distance, to the first and last token, and a little everywhere."""
    rng = np.random.default_rng(seed)
    distance = np.subtract.outer(np.arange(T), np.arange(T))
    scores = rng.normal(size=(L, H, T, T)).astype(np.float32)
    scores -= np.abs(distance - rng.integers(-3, 4, (L, H, 1, 1))) * rng.uniform(0, 2, (L, H, 1, 1))
    scores[..., [0, -1]] += rng.uniform(0, 4, (L, H, 1, 1))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def held(view: views.AttentionView) -> dict:
    """The data that a page holds."""
    return json.loads(re.search(r"^const DATA = (.*);$", view.body, re.MULTILINE)[1])


def read_back(data: dict) -> np.ndarray:
    """The weights of a page as the browser makes them: (L, H + 1, T, T)."""
    T = len(data["tokens"])
    bytes_ = [np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8) for text in data["layers"]]
    planes = np.stack(bytes_).reshape(len(bytes_), data["heads"] + 1, T, T).swapaxes(-1, -2)  # to-from -> from-to
    return planes * np.array(data["steps"])[:, :, None, None]


# ---- Exactness -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("T", [1, 2, 9, 128])
def test_weights_come_back_within_the_error_that_the_page_states(T):
    maps = planted(2, 3, T)
    view = views.show_maps(maps, ["x"] * T)
    back = read_back(held(view))[:, :3]
    assert back.shape == maps.shape
    assert np.abs(back - maps).max() <= view.error + 1e-6
    assert view.error <= 1 / 510 + 1e-6
    assert held(view)["error"] == pytest.approx(view.error, abs=1e-6)


def test_a_head_of_small_weights_has_finer_steps():
    T = 16
    flat = np.full((1, 1, T, T), 1 / T, np.float32)
    view = views.show_maps(flat, ["x"] * T)
    assert held(view)["steps"][0][0] == pytest.approx(1 / T / 255, rel=1e-5)
    assert np.abs(read_back(held(view))[0, 0] - 1 / T).max() < 1e-7


def test_noise_is_stored_with_larger_steps_within_the_bound():
    T = 200
    noise = np.random.default_rng(0).dirichlet(np.ones(T), (1, 1, T)).astype(np.float32)
    view = views.show_maps(noise, ["x"] * T)
    step = held(view)["steps"][0][0]
    assert 2 * noise.max() / 255 <= step <= 1 / 255
    assert np.abs(read_back(held(view))[0, 0] - noise).max() <= step / 2 + 1e-6


def test_coarseness_doubles_until_the_bits_are_kept_and_stops_at_the_maximum():
    levels = np.random.default_rng(0).integers(0, 256, (90, 90)).astype(np.uint8)  # 8 bits
    assert [choose_coarseness(levels, bits, 1000) for bits in (8, 6.5, 3.5)] == [1, 4, 32]
    assert [choose_coarseness(levels, 0.5, limit) for limit in (1, 3, 4)] == [1, 2, 4]


def test_the_page_says_that_it_rounds():
    body = views.show_maps(planted(1, 1, 2), ["a", "b"]).body
    assert "at most 256 levels" in body
    assert "percentage points of the model's" in body


def test_comments_of_style_and_script_are_left_out():
    body = views.show_maps(planted(1, 1, 2), ["a", "b"]).body
    for name in ("view.css", "view.js"):
        comment = read_asset(name).splitlines()[0]
        assert comment.startswith(("//", "/*"))
        assert comment[3:40] not in body
    assert ".top {" in body
    assert "function mount(host, data)" in body


def test_the_page_holds_the_rollout_of_every_layer():
    maps = planted(3, 2, 6)
    rollout = saliency.roll_out_attention([torch.from_numpy(layer) for layer in maps]).numpy()
    view = views.show_maps(maps, list("abcdef"))
    np.testing.assert_allclose(read_back(held(view))[:, -1], rollout, atol=view.error + 1e-6)


# ---- Any model -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Bert, Pretraining, lambda config: Classifier(config, 2)])
def test_our_models_show_what_attention_maps_gives(kind):
    model = kind(TINY).train()
    view = views.show_attention(model, PIECES, "the cat sat", "the mats")
    assert view.tokens == ["[CLS]", "the", "cat", "sat", "[SEP]", "the", "mat", "##s", "[SEP]"]
    data = held(view)
    assert data["segments"] == [0] * 5 + [1] * 4
    assert data["specials"] == [0, 4, 8]
    encoding = PIECES.encode("the cat sat", "the mats")
    model.eval()
    with attention_maps(model) as maps, torch.no_grad():
        model(torch.tensor([encoding.input_ids]), torch.tensor([encoding.token_type_ids]))
    given = torch.cat(maps).numpy()
    assert np.abs(read_back(data)[:, :4] - given).max() <= view.error + 1e-6


def test_a_transformers_model_and_tokenizer_and_the_model_is_left_as_it_was(tmp_path):
    from transformers import AutoModel, AutoTokenizer

    save(Bert(TINY), tmp_path, PIECES)
    theirs, tokenizer = AutoModel.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    theirs.train()
    before = theirs.config._attn_implementation
    assert before != "eager"
    one = views.show_attention(theirs, tokenizer, "the cat sat", "the mats")
    other = views.show_attention(theirs, PIECES, "the cat sat", "the mats")
    assert theirs.training
    assert theirs.config._attn_implementation == before
    assert one.tokens == other.tokens
    np.testing.assert_allclose(read_back(held(one)), read_back(held(other)), atol=2 * one.error)
    from bertlab import load

    ours = views.show_attention(load(tmp_path, Bert), tokenizer, "the cat sat", "the mats")
    np.testing.assert_allclose(read_back(held(ours)), read_back(held(one)), atol=2 * one.error)


def test_maps_can_be_tensors_with_a_batch_of_one_or_arrays():
    maps = planted(2, 2, 3)
    plain = views.show_maps(list(maps), list("abc"))
    assert views.show_maps([torch.from_numpy(layer)[None] for layer in maps], list("abc")).body == plain.body
    assert views.show_maps(maps.astype(np.float64), list("abc")).body == plain.body
    maps.flags.writeable = False  # torch warns of such an array
    assert views.show_maps(maps, list("abc")).body == plain.body
    backwards = np.ascontiguousarray(maps[:, ::-1])[:, ::-1]  # torch refuses negative strides
    assert views.show_maps(backwards, list("abc")).body == plain.body


# ---- What is refused -------------------------------------------------------------------------------------------------


def test_a_bad_text_or_tokenizer_is_named():
    model = Bert(TINY)
    with pytest.raises(ValueError, match="text is empty"):
        views.show_attention(model, PIECES, " ")
    with pytest.raises(ValueError, match="pair is empty"):
        views.show_attention(model, PIECES, "cat", "")
    with pytest.raises(ValueError, match="27 tokens, but the model has 24 positions"):
        views.show_attention(model, PIECES, "cat " * 25)
    with pytest.raises(ValueError, match=f"has {len(PIECES)} tokens, the tokenizer {len(PIECES) - 1}"):
        views.show_attention(model, WordPiece(PIECES.vocab[:-1]), "cat")
    with pytest.raises(TypeError, match="tokenizer is a str"):
        views.show_attention(model, "cat", "cat")
    with pytest.raises(ValueError, match="Linear has no attention"):
        views.show_attention(torch.nn.Linear(2, 2), PIECES, "cat")
    with pytest.raises(ValueError, match="layer is 2; there are 2"):
        views.show_attention(model, PIECES, "cat", layer=2)
    with pytest.raises(ValueError, match="head is -1"):
        views.show_attention(model, PIECES, "cat", head=-1)


def test_bad_maps_are_named():
    good = planted(2, 2, 3)
    nan, negative, unsummed = good.copy(), good.copy(), good.copy()
    nan[1, 0, 0, 0] = np.nan
    negative[0, 0, 0] = [1.5, -0.5, 0]
    unsummed[1, 1, 2] /= 2
    for maps, tokens, words in (
        ([], "abc", "there are no maps"),
        (good, "ab", r"shape \(2, 3, 3\) for 2 tokens"),
        ([good[0], good[1, :1]], "abc", "every layer must have as many heads"),
        (good[:, :, :2], "abc", r"must be \(heads, tokens, tokens\)"),
        ([good], "abc", "choose one text of the batch"),
        (nan, "abc", "layer 1 holds weights that are not numbers"),
        (negative, "abc", "layer 0 holds the weight -0.5"),
        (unsummed, "abc", "layer 1, head 1, token 2: its weights sum to 0.500, not to 1"),
    ):
        with pytest.raises(ValueError, match=words):
            views.show_maps(maps, list(tokens))
    with pytest.raises(ValueError, match="2 segments for 3 tokens"):
        views.show_maps(good, list("abc"), [0, 1])


def test_half_precision_is_no_error():
    views.show_maps(torch.from_numpy(planted(1, 2, 64)).bfloat16(), ["x"] * 64)


# ---- The page --------------------------------------------------------------------------------------------------------


def test_no_token_ends_the_script_or_becomes_markup():
    view = views.show_maps(planted(1, 1, 3), [HOSTILE, "<!--<script>", "\u2028&'\""])
    assert held(view)["tokens"][0] == HOSTILE
    assert "<img src=x" not in view.page
    assert view.body.count("</script") == 1
    assert view.body.count("<script") == 1
    assert "<!--" not in view.body


def test_a_page_needs_nothing_from_elsewhere():
    page = views.show_maps(planted(1, 1, 3), list("abc")).page
    outside = set(re.findall(r"https?://[^\s\"'`<]+", page)) - {"http://www.w3.org/2000/svg"}
    assert outside == set()
    assert "import(" not in page
    assert "fetch(" not in page


def test_every_form_for_every_front_end():
    view = views.show_maps(planted(2, 2, 3), list("abc"), layer=1)
    bundle = view._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert bundle["text/html"] == view._repr_html_() == view.body
    assert bundle["text/plain"].startswith("AttentionView(2 layers, 2 heads, 3 tokens")
    assert f"base64,{bundle['image/png']}" in view.body, "the same picture stands in the HTML"
    json.dumps(bundle)
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert 300 < image.width < 1000
    assert len(image.convert("RGB").getcolors(10_000)) > 5


def test_equal_data_make_equal_html_and_other_data_another_mark():
    one, again, other = (views.show_maps(planted(1, 1, 3, seed), list("abc")) for seed in (0, 0, 1))
    assert one.body == again.body
    mark = re.compile(r'data-bertlab="(\w+)"')
    assert mark.search(one.body)[1] != mark.search(other.body)[1]


def test_the_picture_shows_the_head_that_it_names():
    """A head that attends to the token before: a dark line below the diagonal of the large square."""
    T = 8
    maps = np.full((1, 2, T, T), 1 / T, np.float32)
    maps[0, 1] = np.eye(T, k=-1) + np.eye(T)[[0]].T @ np.eye(T)[[0]]
    image = Image.open(io.BytesIO(views.show_maps(maps, ["x"] * T, head=1).png)).convert("L")
    right, low = image.width - 8, image.height - 8
    large = image.crop((right - LARGE, low - LARGE, right, low))
    cell = LARGE / T
    dark = [[large.getpixel((int((j + 0.5) * cell), int((i + 0.5) * cell))) < 100 for j in range(T)] for i in range(T)]
    assert (np.array(dark) == (maps[0, 1] > 0.5)).all()


def test_save_leaves_a_whole_page_or_nothing(tmp_path):
    view = views.show_maps(planted(1, 1, 3), list("abc"))
    assert view.save(tmp_path / "page.html").read_text(encoding="utf-8") == view.page
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        view.save(tmp_path / "none" / "page.html")
    with pytest.raises(OSError):
        view.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(("T", "megabytes", "seconds"), [(128, 1.5, 0.3), (512, 12, 3)])
@pytest.mark.parametrize("kind", ["planted", "untrained"])
def test_size_and_time_of_twelve_layers_with_twelve_heads(kind, T, megabytes, seconds):
    """The targets, for BERT-like maps and for bert-base with random weights. CPU seconds, as other programs run too."""
    if kind == "planted":
        maps = list(planted(12, 12, T))
    else:
        model = Bert(BertConfig(vocab_size=100, intermediate_size=768)).eval()
        with torch.no_grad(), attention_maps(model) as layers:
            model(torch.randint(100, (1, T)))
        maps = [layer[0].numpy() for layer in layers]
    views.show_maps([layer[:1] for layer in maps[:1]], ["word"] * T)  # loads fonts and files, once
    start = time.process_time()
    view = views.show_maps(maps, ["word"] * T)
    duration, size = time.process_time() - start, len(view.page) / 1e6
    print(f"{kind}, {T} tokens: {size:.2f} MB, {duration:.2f} s, picture {len(view.png) / 1e3:.0f} kB")
    assert size <= megabytes
    assert duration <= seconds
    assert len(view.png) < 200_000


def test_a_sentence_is_small_enough_for_a_notebook():
    view = views.show_maps(planted(12, 12, 20), ["word"] * 20)
    assert len(view.body) + 4 / 3 * len(view.png) < 300_000


# ---- The command line ------------------------------------------------------------------------------------------------


def test_the_command_writes_a_page_and_says_where(tmp_path, capsys):
    save(Bert(TINY), tmp_path / "model", PIECES)
    page = tmp_path / "page.html"
    arguments = ["attention", "the cat sat", "--pair", "the mats", "--model", str(tmp_path / "model"), "--layer", "1"]
    assert main([*arguments, "--out", str(page)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{page}: {page.stat().st_size / 1e6:.2f} MB, 2 layers, 4 heads, 9 tokens")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert '"tokens":["[CLS]","the","cat","sat","[SEP]","the","mat","##s","[SEP]"]' in text


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    save(Bert(TINY), tmp_path / "model", PIECES)
    model, out = ["--model", str(tmp_path / "model")], ["--out", str(tmp_path / "page.html")]
    for arguments, words in (
        (["", *model, *out], "text is empty"),
        (["cat " * 30, *model, *out], "32 tokens, but the model has 24 positions"),
        (["cat", "--model", str(tmp_path / "none"), *out], "there is no folder"),
        (["cat", *model, "--head", "7", *out], "head is 7; there are 4"),
        (["cat", *model, "--out", str(tmp_path / "none" / "page.html")], "there is no folder for"),
        (["cat", *model, "--out", str(tmp_path)], "is a folder: give the name of a file"),
    ):
        assert main(["attention", *arguments]) == 2
        assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_still_picture_has_one_scale_for_all_heads():
    assert np.asarray(draw_square(np.full((4, 4), 0.25), 4)).max() == 127  # not the darkest colour, though the largest
    assert np.asarray(draw_square(np.eye(4), 4)).max() == 255
