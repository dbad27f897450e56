"""Explorers: what they show is what the library computes, and bad input is answered in words."""

import pytest
import torch

from bertlab import explore
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

# ---- The sentence box (notebook 00) ----------------------------------------------------------------------

WORDS = WordPiece([*SPECIAL_TOKENS, "[unused0]", "good", "great", "bad", "##ly", "<b>"])
TABLE = torch.tensor(
    [[0, 0, 1.0]] * 6 + [[1, 0, 0], [2, 1, 0], [-1, 0, 0.1], [0, 1, 0], [0, 0, 1]], dtype=torch.float32
)


def test_nearest_words_are_by_angle_and_never_the_word_itself_or_a_mark():
    unit = explore.normalize_vectors(WORDS, TABLE)
    (good,) = explore.find_nearest_words(WORDS, unit, ["good"], k=2)
    assert [word for word, _ in good] == ["great", "##ly"]
    assert good[0][1] == pytest.approx(2 / 5**0.5)
    (mark,) = explore.find_nearest_words(WORDS, unit, ["<b>"], k=9)  # points like [PAD] and [unused0]
    assert mark[0][0] == "bad"


def test_sentence_box_follows_typing():
    panel = explore.sentence_box(WORDS, TABLE, "good")
    box, shown = panel.children
    assert "<b>good</b></td><td>6</td>" in shown.value
    assert "great <small>0.89</small>" in shown.value
    box.value = "badly"
    assert "2 tokens" in shown.value
    assert "<b>##ly</b></td><td>9</td>" in shown.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ", "Nothing to read yet"),
        ("films", "not in the vocabulary"),
        ("[MASK]", "a mark for the model"),
        ("good " * 30, "has 30 tokens: the first 24"),
    ],
)
def test_sentence_box_answers_bad_input_in_words(text, said):
    assert said in explore.sentence_html(WORDS, explore.normalize_vectors(WORDS, TABLE), text)


def test_sentence_box_escapes_and_needs_a_table_that_fits():
    assert "&lt;b&gt;" in explore.format_neighbour("<b>", 0.5)
    with pytest.raises(ValueError, match="11 tokens"):
        explore.sentence_box(WORDS, TABLE[:4])


# ---- A live tokenizer (notebook 01) ----------------------------------------------------------------------

LETTERS = [*SPECIAL_TOKENS, "a", "b", "##a", "##b", "<"]


def test_tokenizer_shows_pieces_ids_and_counts():
    shown = explore.tokenizer_html(WordPiece([*LETTERS, "ab", "##ba"]), "abba <c")
    assert "3 words, 4 pieces, 1.33 pieces a word, 1 [UNK]" in shown
    assert "(12 tokens in the vocabulary)" in shown
    for id_ in (10, 11, 9, 1):
        assert f">{id_}</small>" in shown
    assert "Decoded: abba &lt; [UNK]" in shown
    assert "<c" not in shown.replace("&lt;", "")


def test_tokenizer_follows_typing_and_the_slider():
    panel = explore.live_tokenizer({"letters": WordPiece(LETTERS), "words": WordPiece([*LETTERS, "ab"])}, "ab")
    box, size, shown = panel.children
    assert "1 words, 1 pieces" in shown.value
    size.value = "letters"
    assert "1 words, 2 pieces" in shown.value
    box.value = "a b"
    assert "2 words, 2 pieces" in shown.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Nothing to read yet"),
        (" \u200b", "Nothing to read yet"),
        ("a " * 1500, "3,000 characters: only the first"),
    ],
)
def test_tokenizer_answers_bad_input_in_words(text, said):
    assert said in explore.tokenizer_html(WordPiece(LETTERS), text)


def test_tokenizer_needs_a_vocabulary():
    with pytest.raises(ValueError, match="at least one"):
        explore.live_tokenizer({})


# ---- The blocks of the encoder (notebook 06) -------------------------------------------------------------


def test_blocks_of_bert_base_count_every_parameter():
    blocks = explore.trace_encoder_blocks(explore.ENCODER_SIZES["base"], batch=2, tokens=6)
    assert sum(block.count for block in blocks) == 109_482_240 - (768 * 768 + 768)  # all but the pooler
    assert [block.gives for block in blocks] == [(2, 6)] + 6 * [(2, 6, 768)]
    assert dict(blocks[2].inside)["attention map"] == (2, 12, 6, 6)
    assert dict(blocks[4].inside)["widened"] == (2, 6, 3072)
    assert dict(blocks[4].weights)["expand.weight"] == (3072, 768)


def test_blocks_refuse_what_the_model_cannot_read():
    with pytest.raises(ValueError, match="512 positions"):
        explore.trace_encoder_blocks(explore.ENCODER_SIZES["tiny"], tokens=513)
    with pytest.raises(ValueError, match="at least one"):
        explore.trace_encoder_blocks(explore.ENCODER_SIZES["tiny"], batch=0)


def parts_of(panel):
    """The dropdown, the four sliders, the seven buttons and the details of an encoder panel."""
    (first, second), (diagram, details) = (box.children for box in panel.children)
    sizes, layers, heads = first.children
    ids, embeddings, frame, hidden = diagram.children
    return sizes, layers, heads, *second.children, [ids, embeddings, *frame.children[1:], hidden], details


def test_encoder_panel_follows_clicks_sizes_and_sliders():
    sizes, layers, heads, batch, tokens, buttons, details = parts_of(explore.encoder_diagram("tiny"))
    assert "attention map" in details.value
    assert (layers.value, heads.value) == (2, 2)
    buttons[4].click()
    assert "expand.weight" in details.value
    assert [button.button_style for button in buttons].index("primary") == 4
    sizes.value = "mini"
    assert (layers.value, heads.value) == (4, 4)
    tokens.value, batch.value, layers.value = 7, 3, 1
    assert "3 × 7 × 1,024 = 21,504" in details.value
    assert buttons[6].description == "hidden states: 3 × 7 × 256"


def test_encoder_panel_says_what_is_wrong_and_recovers():
    _, _, heads, _, tokens, buttons, details = parts_of(explore.encoder_diagram("tiny"))
    heads.value = 3
    assert "hidden_size 128 is not divisible by num_attention_heads 3" in details.value
    assert all(button.disabled for button in buttons)
    buttons[1].click()
    assert "not divisible" in details.value
    heads.value = 2
    assert "embeddings" in details.value
    assert not any(button.disabled for button in buttons)
    tokens.value = 513
    assert "513 tokens, but the model has 512 positions" in details.value


def test_encoder_panel_refuses_an_unknown_size():
    with pytest.raises(ValueError, match="there are tiny, mini"):
        explore.encoder_diagram("huge")


# ---- A hole in a sentence (notebook 07) ------------------------------------------------------------------


def a_guesser():
    """A model of 5 + 6 tokens that always says "be", whatever it reads."""
    pieces = WordPiece([*SPECIAL_TOKENS, "let", "be", "##gin", "light", "<", "."])
    config = BertConfig(vocab_size=len(pieces), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=8, max_position_embeddings=8)  # fmt: skip
    model = Pretraining(config)
    torch.nn.init.zeros_(model.mlm.norm.weight)  # then only the bias speaks
    model.mlm.bias.data[pieces.index["be"]] = 10.0
    return model, pieces


def test_hole_hides_all_pieces_of_a_word_and_nothing_else():
    model, pieces = a_guesser()
    seen = []
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0][0].tolist()))
    words = explore.split_into_words(pieces, "let light begin.", room=6)
    assert words == [["let"], ["light"], ["be", "##gin"], ["."]]
    first, second = explore.guess_word(model, pieces, words, 2, k=2)
    assert first[0][0] == second[0][0] == "be"
    assert first[0][1] > 0.99
    assert seen == [[2, 5, 8, 4, 4, 10, 3]]
    explore.guess_word(model, pieces, words, 2, hide=False)
    assert seen[1] == [2, 5, 8, 6, 7, 10, 3]
    assert model.training


def test_hole_follows_typing_and_buttons():
    panel = explore.masked_word_box(*a_guesser(), "let light begin", k=1)
    box, words, hide, shown = panel.children
    assert [name for name, _ in words.options] == ["1 let", "2 light", "3 begin"]
    assert "There stood <b>light</b>" in shown.value
    words.value = 2
    assert "There stood <b>##gin</b>" in shown.value
    assert shown.value.count("[MASK]") == 2
    assert shown.value.count("% right") == 1
    hide.value = False
    assert "[MASK]" not in shown.value
    box.value = "let be"
    assert words.value == 0
    assert "There stood <b>let</b>" in shown.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  ", "Nothing to hide yet"),
        ("let be let be let be let be", "only the first 6 words are read"),
        ("zebra let", "not in the vocabulary"),
        ("< let", "There stood <b>&lt;</b>"),
    ],
)
def test_hole_answers_bad_input_in_words(text, said):
    assert said in explore.masked_word_html(*a_guesser(), text, 0)


def test_hole_needs_a_vocabulary_that_fits():
    model, _ = a_guesser()
    with pytest.raises(ValueError, match="11 tokens"):
        explore.masked_word_box(model, WordPiece(SPECIAL_TOKENS))


# ---- Before and after training (notebook 09) -------------------------------------------------------------


def two_models():
    size = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                      intermediate_size=16, max_position_embeddings=12)  # fmt: skip
    models = {}
    for name, favourite in (("before", 6), ("after", 9)):
        models[name] = Pretraining(size)
        with torch.no_grad():
            models[name].mlm.bias[favourite] = 9.0
    return models


def test_before_and_after_shows_what_each_model_guesses():
    models = two_models()
    panel = explore.before_and_after(models["before"], models["after"], WORDS, "good [MASK]")
    box, shown = panel.children
    before, after = shown.value.split("after<table>")
    assert before.index(">good<") < before.index("great")
    assert after.startswith('<tr><td style="text-align:left">##ly<')
    box.value = "[MASK] bad [MASK]"
    assert "[MASK] 2" in shown.value


@pytest.mark.parametrize(
    ("text", "said"),
    [("good", "No [MASK] yet"), ("", "No [MASK] yet"), ("[MASK] " * 20, "This cannot be read: 22 tokens"),
     ("<b> [MASK]", "&lt;b&gt;")],
)  # fmt: skip
def test_before_and_after_answers_bad_input_in_words(text, said):
    assert said in explore.two_guesses_html(two_models(), WORDS, text, k=12)


# ---- A pair of sentences (notebook 08) -------------------------------------------------------------------


def small_pair_model(seed: int = 0) -> Pretraining:
    config = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=16, max_position_embeddings=12, initializer_range=0.5)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Pretraining(config).train()


def test_pair_verdicts_are_the_heads_probability_of_label_0():
    model = small_pair_model()
    (found,) = explore.score_pairs({"one": model}, WORDS, "good bad", "great").values()
    assert model.training
    pair = WORDS.encode("good bad", "great")
    model.eval()
    logits = model(torch.tensor([pair.input_ids]), torch.tensor([pair.token_type_ids])).nsp_logits
    assert found == pytest.approx(logits.softmax(-1)[0, 0].item(), abs=1e-5)
    cut = explore.score_pairs({"one": model}, WORDS, "good " * 30, "bad")  # longer than the model's positions
    assert cut == explore.score_pairs({"one": model}, WORDS, "good " * 8, "bad")


def test_pair_box_swaps_and_answers_bad_input_in_words():
    model = small_pair_model()
    panel = explore.next_sentence_box({"<one>": model}, WORDS, "good bad", "great good")
    first, second, button, shown = panel.children
    assert "<b>good</b> bad" in shown.value
    assert "&lt;one&gt;" in shown.value
    before = shown.value
    button.click()
    assert (first.value, second.value) == ("great good", "good bad")
    assert shown.value != before
    second.value = " "
    assert "Sentence B holds no letter" in shown.value
    with pytest.raises(ValueError, match="no models"):
        explore.next_sentence_box({}, WORDS)
    with pytest.raises(ValueError, match="the vocabulary has 6"):
        explore.next_sentence_box({"one": model}, WordPiece([*SPECIAL_TOKENS, "x"]))
