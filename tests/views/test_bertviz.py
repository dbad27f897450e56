"""The bertviz views: what their pages hold, whether the maps are the model's own, and what is refused."""

import base64
import html
import json
import re
import sys

import pytest
import torch
from torch import nn

pytest.importorskip("bertviz", reason='bertviz is an optional extra: pip install "bertviz>=1.4"')

from bertlab import files, views
from bertlab.heads import Classifier, Pretraining
from bertlab.model import Bert, BertConfig, attention_maps
from bertlab.views import bertviz_page
from bertlab.views.capture import capture_attention
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from ..conftest import ROOT
from ..parity import make_loud

WORDS = ["the", "cat", "sat", "on", "mat", "a", "dog", "slept", ".", "<", ">", "/", "=", "(", ")", "##s"]
PIECES = WordPiece([*SPECIAL_TOKENS, *WORDS])
CAT, DOG = "The cat sat on the mat.", "A dog slept."
HOSTILE = "</script><img src=x onerror=alert(1)>"
VIEWS = [views.head_view, views.model_view, views.neuron_view]
SIZES = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "vocab_size": len(PIECES),
    "max_position_embeddings": 24,
}


def our_model(kind=Bert, *arguments, **changes) -> nn.Module:
    model = kind(BertConfig(**SIZES | changes), *arguments)
    make_loud(model)
    return model


def transformers_model(name: str, **changes) -> nn.Module:
    """A tiny model of transformers with loud random weights, in training mode, on its default attention."""
    import transformers

    model = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**SIZES | changes))
    make_loud(model)
    return model.train()


def bert_tokenizer():
    from transformers import BertTokenizer

    return BertTokenizer(vocab={token: number for number, token in enumerate(PIECES.vocab)})


def word_tokenizer(template: str | None = None):
    """A tokenizer of transformers that has nothing of BERT's: words, and the template's [SEP] at the end if any."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    rust = Tokenizer(models.WordLevel(PIECES.index, unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    if template:
        rust.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("[SEP]", PIECES.sep_id)])
    return PreTrainedTokenizerFast(tokenizer_object=rust, unk_token="[UNK]", pad_token="[PAD]")


def read_sent(view: views.BertvizView) -> dict:
    """The data in the page, read as its script reads them."""
    return json.loads(re.search(r'<script type="application/json" id="sent">(.*?)</script>', view.page, re.S)[1])


def decode_array(packed: dict) -> torch.Tensor:
    data = bytearray(base64.b64decode(packed["data"]))
    return torch.frombuffer(data, dtype=torch.float32).reshape(packed["shape"])


# ---- The maps are the model's own ------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", [(Bert,), (Pretraining,), (Classifier, 3)], ids=lambda kind: kind[0].__name__)
def test_maps_of_our_models(view, kind):
    model = our_model(*kind).train()
    part = read_sent(view(model, PIECES, CAT, DOG))["parts"][0]
    encoding = PIECES.encode(CAT, DOG)
    with torch.no_grad(), attention_maps(model.eval()) as maps:
        model(torch.tensor([encoding.input_ids]), torch.tensor([encoding.token_type_ids]))
    assert part["left"] == part["right"] == encoding.tokens
    torch.testing.assert_close(decode_array(part["maps"]), torch.cat(maps), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["Bert", "Roberta", "Electra", "Albert", "DistilBert"])
def test_maps_queries_and_keys_of_transformers(name, double):
    model = transformers_model(name)
    if name == "DistilBert":
        model = transformers_model(name, dim=32, n_heads=4, n_layers=2, hidden_dim=64)
    seen = capture_attention(model, bert_tokenizer(), CAT, vectors=True)[0]
    assert model.config._attn_implementation == "sdpa"
    assert all(part.training for part in model.modules())
    model.eval().set_attn_implementation("eager")
    ids = torch.tensor([PIECES.encode(CAT).input_ids])
    maps = torch.cat(model(ids, output_attentions=True).attentions)
    torch.testing.assert_close(seen.maps, maps, atol=1e-12, rtol=0)
    scores = seen.queries @ seen.keys.mT / seen.queries.size(-1) ** 0.5
    torch.testing.assert_close(scores.softmax(-1), maps, atol=1e-12, rtol=0)


def test_neuron_view_of_a_bert_and_of_ours_hold_the_same(double):
    from bertlab.weight_names import from_hf_names

    theirs, ours = transformers_model("Bert"), our_model()
    weights = from_hf_names(theirs.state_dict())
    ours.load_state_dict({name.removeprefix("bert."): weight for name, weight in weights.items()
                          if not name.startswith("pooler.")})  # fmt: skip
    one, two = (capture_attention(model, PIECES, CAT, DOG, vectors=True)[0] for model in (theirs, ours))
    for name in ("maps", "queries", "keys"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name), atol=1e-12, rtol=0)
    one, two = (read_sent(views.neuron_view(model, PIECES, CAT, DOG))["parts"][0] for model in (theirs, ours))
    for name in ("maps", "queries", "keys"):
        torch.testing.assert_close(decode_array(one[name]), decode_array(two[name]), atol=1e-6, rtol=0)


def test_neuron_view_of_gpt2(double):
    model = transformers_model("GPT2", n_embd=32, n_head=4, n_layer=2, n_positions=24, bos_token_id=1, eos_token_id=1)
    view = views.neuron_view(model, word_tokenizer(), "the cat sat on the mat")
    data = read_sent(view)
    assert data["params"]["bidirectional"] is False
    assert read_sent(views.neuron_view(our_model(), PIECES, CAT))["params"]["bidirectional"] is True
    assert data["parts"][0]["left"] == ["the", "cat", "sat", "on", "the", "mat"]
    model.eval().set_attn_implementation("eager")
    ids = torch.tensor([PIECES.convert_tokens_to_ids(data["parts"][0]["left"])])
    maps = model(ids, output_attentions=True).attentions
    torch.testing.assert_close(decode_array(data["parts"][0]["maps"]).double(), torch.cat(maps), atol=1e-6, rtol=0)


def test_attention_that_is_not_softmax_of_q_k_has_no_neuron_view():
    model = transformers_model("GPT2", n_embd=32, n_head=4, n_layer=2, n_positions=24, bos_token_id=1, eos_token_id=1,
                               scale_attn_by_inverse_layer_idx=True)  # fmt: skip
    views.head_view(model, word_tokenizer(), "the cat")
    with pytest.raises(ValueError, match=r"is not the softmax of q k / sqrt\(8\)"):
        views.neuron_view(model, word_tokenizer(), "the cat sat")


@pytest.mark.parametrize("kind", ["bert2bert", "bert2bert with ours", "T5"])
@pytest.mark.parametrize("view", [views.head_view, views.model_view])
def test_encoder_decoders(kind, view):
    import transformers

    if kind == "T5":
        config = transformers.T5Config(vocab_size=len(PIECES), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4,
                                       decoder_start_token_id=0)  # fmt: skip
        model, tokenizer, start = transformers.T5Model(config), word_tokenizer("$A [SEP]"), "[PAD]"
    else:
        half = transformers.BertConfig(**SIZES)
        config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(half, half)
        model, start = transformers.EncoderDecoderModel(config), "[CLS]"
        tokenizer = bert_tokenizer() if kind == "bert2bert" else PIECES
    make_loud(model)
    data = read_sent(view(model, tokenizer, "the cat sat", "a dog slept ."))
    assert [entry["name"] for entry in data["menu"]] == ["Encoder", "Decoder", "Cross"]
    source = [*["[CLS]"] * (kind != "T5"), "the", "cat", "sat", "[SEP]"]
    target = [start, "a", "dog", "slept", "."]
    sides = [(source, source), (target, target), (target, source)]
    assert [(part["left"], part["right"]) for part in data["parts"]] == sides
    model.eval().set_attn_implementation("eager")
    ids = [torch.tensor([PIECES.convert_tokens_to_ids(tokens)]) for tokens in (source, target)]
    with torch.no_grad():
        output = model(input_ids=ids[0], decoder_input_ids=ids[1], output_attentions=True)
    for part, maps in zip(
        data["parts"], (output.encoder_attentions, output.decoder_attentions, output.cross_attentions), strict=True
    ):
        torch.testing.assert_close(decode_array(part["maps"]), torch.cat(maps), atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="give its text as `pair`"):
        view(model, tokenizer, CAT)
    with pytest.raises(ValueError, match="no neuron view of an encoder-decoder"):
        views.neuron_view(model, tokenizer, CAT, DOG)


def test_a_model_is_left_as_it_was_after_an_error():
    model = transformers_model("Bert", attn_implementation="sdpa")
    model.encoder.layer[0].eval()
    with pytest.raises(ValueError, match="30 tokens, but the model has 24 positions"):
        views.head_view(model, bert_tokenizer(), "cat " * 28)
    with pytest.raises(ValueError, match="no embedding for a token"):
        views.neuron_view(transformers_model("Bert", vocab_size=7), bert_tokenizer(), CAT)
    views.neuron_view(model, bert_tokenizer(), CAT)
    assert model.config._attn_implementation == "sdpa"
    assert model.training
    assert not model.encoder.layer[0].training
    assert not any(part.query._forward_hooks for part in model.modules() if hasattr(part, "query"))


# ---- The page --------------------------------------------------------------------------------------------------------


def test_menu_of_a_pair():
    """Parts of the maps, in bertviz's order for head and model view; the second sentence begins after its [SEP]."""
    for tokenizer in (PIECES, bert_tokenizer()):
        data = read_sent(views.head_view(our_model(), tokenizer, CAT, DOG))
        a, b = [0, 9], [9, 14]
        assert data["parts"][0]["left"][:10] == ["[CLS]", "the", "cat", "sat", "on", "the", "mat", ".", "[SEP]", "a"]
        assert [(entry["name"][-15:], entry["rows"], entry["columns"]) for entry in data["menu"][1:]] == [
            ("e A -> Sentence A"[-15:], a, a), ("B -> Sentence B", b, b), ("A -> Sentence B", a, b),
            ("B -> Sentence A", b, a)]  # fmt: skip
    assert len(read_sent(views.head_view(our_model(), PIECES, CAT))["menu"]) == 1


def test_layers_and_heads_are_chosen():
    model = our_model(num_hidden_layers=3)
    maps = decode_array(read_sent(views.model_view(model, PIECES, CAT))["parts"][0]["maps"])
    data = read_sent(views.model_view(model, PIECES, CAT, include_layers=[2, 0], include_heads=[3]))
    assert data["params"]["include_layers"] == [2, 0]
    assert data["params"]["total_heads"] == 4
    torch.testing.assert_close(decode_array(data["parts"][0]["maps"]), maps[[2, 0]][:, [3]])
    params = read_sent(views.head_view(model, PIECES, CAT, layer=1, heads=[2], include_layers=[1, 2]))["params"]
    assert (params["layer"], params["heads"], params["include_layers"]) == (1, [2], [1, 2])
    params = read_sent(views.neuron_view(model, PIECES, CAT, layer=2, head=3, display_mode="dark"))["params"]
    assert (params["layer"], params["head"], params["display_mode"]) == (2, 3, "dark")


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_loads_nothing(view):
    shown = view(our_model(), PIECES, CAT, DOG)
    for page in (shown.page, html.unescape(shown._repr_html_())):
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`)]*", page))
        outside = {a for a in addresses if not a.startswith("http://www.w3.org/")}  # names of XML, never loaded
        # bertviz's own script names them for require.js, which is not there; and says where it comes from.
        allowed = ("https://cdnjs.cloudflare.com/ajax/libs/d3/5.7.0/d3.min", "https://github.com/tensorflow/",
                   "https://cdnjs.cloudflare.com/ajax/libs/jquery/2.0.0/jquery.min")  # fmt: skip
        assert not [a for a in outside if not a.startswith(allowed)]
        assert not re.search(r"<(script|img|link|iframe|source)\b[^>]*\b(src|href)=", page)
    assert "default-src 'none'" in shown.page


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_text_is_only_text(view):
    tokenizer = bert_tokenizer()
    tokenizer.add_tokens([HOSTILE])
    shown = view(
        transformers_model("Bert", vocab_size=len(tokenizer)),
        tokenizer,
        f"the cat {HOSTILE} sat",
        "{{sent}} <!-- a dog",
    )
    assert HOSTILE in read_sent(shown)["parts"][0]["left"]
    assert "<img" not in shown.page
    assert "<!-- a" not in shown.page
    assert shown.page.count("<script") == shown.page.count("</script>") == 4
    frame = shown._repr_html_()
    assert frame.count("<") == 4  # the div, the iframe, and their ends
    assert re.search(r'srcdoc="([^"<>]*)"', frame)[1] == html.escape(shown.page)
    assert f"<title>{html.escape(shown.title)}</title>" in shown.page
    assert 'sandbox="allow-scripts"' in frame


def test_save(tmp_path, monkeypatch):
    shown = views.model_view(our_model(), PIECES, CAT)
    assert shown.save(tmp_path / "page.html").read_text(encoding="utf-8") == shown.page
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(FileNotFoundError, match="no folder"):
        shown.save(tmp_path / "nowhere" / "page.html")
    assert len(repr(shown)) < 200

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        views.head_view(our_model(), PIECES, CAT).save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == shown.page
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_long_text_is_refused_or_announced(monkeypatch):
    model = our_model()
    with pytest.raises(ValueError, match=r"9 tokens have 648 attention weights.*may hold 600.*views.show_attention"):
        views.model_view(model, PIECES, CAT, limit=600)
    views.model_view(model, PIECES, CAT, limit=600, include_layers=[1])
    assert "views.show_attention" not in views.model_view(model, PIECES, CAT).page
    monkeypatch.setattr(bertviz_page, "MANY_LINES", 500)
    assert "648 lines are drawn at once" in views.model_view(model, PIECES, CAT).page


# ---- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
def test_bad_input(view):
    model = our_model()
    for words, texts in [
        ("text is empty", ("  ",)),
        ("pair is empty.*Leave it out", (CAT, "")),
        ("30 tokens, but the model has 24 positions", ("cat " * 28,)),
    ]:
        with pytest.raises(ValueError, match=words):
            view(model, PIECES, *texts)
    with pytest.raises(TypeError, match="text is a list"):
        view(model, PIECES, [CAT])
    with pytest.raises(TypeError, match="model is a str"):
        view("minilm", PIECES, CAT)
    with pytest.raises(TypeError, match="tokenizer is a str"):
        view(model, "bert", CAT)
    with pytest.raises(ValueError, match="Linear has no attention to show"):
        view(nn.Linear(2, 2), PIECES, CAT)
    with pytest.raises(ValueError, match="ModuleList holds 2 encoders"):
        view(nn.ModuleList([model, our_model()]), PIECES, CAT)
    with pytest.raises(ValueError, match='must be "light" or "dark"'):
        view(model, PIECES, CAT, display_mode="blue")
    with pytest.raises(ValueError, match="input_ids run from"):
        view(our_model(vocab_size=6), PIECES, CAT)


def test_layers_and_heads_that_are_not_there():
    model = our_model()
    with pytest.raises(ValueError, match="layer is 0; the view holds layers 1"):
        views.head_view(model, PIECES, CAT, layer=0, include_layers=[1])
    for view, choice in [
        (views.head_view, {"heads": [4]}),
        (views.head_view, {"heads": []}),
        (views.head_view, {"include_layers": [-1]}),
        (views.model_view, {"include_layers": [0, 0]}),
        (views.model_view, {"include_heads": [True]}),
        (views.neuron_view, {"layer": 2}),
        (views.neuron_view, {"head": 4}),
    ]:
        with pytest.raises(ValueError, match=f"{next(iter(choice))} is .*the model has 0 to"):
            view(model, PIECES, CAT, **choice)


def test_a_transformers_model_without_attention_is_refused():
    import transformers

    sizes = {"vocab_size": len(PIECES), "hidden_size": 32, "num_hidden_layers": 1}
    for name in ("MobileNetV1", "Mamba"):
        config = getattr(transformers, f"{name}Config")(**sizes if name == "Mamba" else {})
        model = getattr(transformers, f"{name}Model")(config)
        with pytest.raises(ValueError, match="is no model of text with attention|gave no attention maps"):
            views.head_view(model, bert_tokenizer(), CAT)


@pytest.mark.parametrize("view", VIEWS)
def test_without_bertviz_the_error_says_how_to_get_it(view, monkeypatch):
    monkeypatch.setitem(sys.modules, "bertviz", None)
    with pytest.raises(ModuleNotFoundError, match=r'not installed: pip install "bertviz>=1.4"'):
        view(our_model(), PIECES, CAT)


def test_another_bertviz_is_refused(monkeypatch, tmp_path):
    (tmp_path / "bertviz").mkdir()
    (tmp_path / "bertviz" / "__init__.py").touch()
    (tmp_path / "bertviz" / "head_view.js").write_text("import * as d3 from 'd3'")
    monkeypatch.delitem(sys.modules, "bertviz", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="no head_view.js that bertlab understands; version 1.4.1 works"):
        views.head_view(our_model(), PIECES, CAT)


def test_views_import_no_training_and_no_bertviz_and_d3_is_the_file_its_note_describes():
    import hashlib
    import subprocess

    code = (
        "import sys, bertlab.views.bertviz_page as page; page.read_bertviz_script('head_view');"
        "assert not {'bertviz', 'matplotlib', 'bertlab.train', 'bertlab.tasks'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)
    folder = ROOT / "bertlab" / "views" / "assets" / "bertviz"
    digest = hashlib.sha256((folder / "d3.js").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in folder.iterdir()} == {
        "LICENSE-d3.txt", "README.md", "d3.entry.js", "d3.js", "frame.css", "frame.html", "frame.js"}  # fmt: skip
