"""The diagram of the encoder: every parameter is counted, and the panel follows clicks and says what is impossible."""

import pytest

from bertlab import explore


def test_blocks_of_bert_base_count_every_parameter():
    blocks = explore.trace_encoder_blocks(explore.ENCODER_SIZES["base"], batch=2, tokens=6)
    assert sum(block.parameter_count for block in blocks) == 109_482_240 - (768 * 768 + 768)  # all but the pooler
    assert [block.output_shape for block in blocks] == [(2, 6)] + 6 * [(2, 6, 768)]
    assert [block.input_shape for block in blocks] == 2 * [(2, 6)] + 5 * [(2, 6, 768)]
    assert dict(blocks[2].intermediates)["attention map"] == (2, 12, 6, 6)
    assert dict(blocks[4].intermediates)["widened"] == (2, 6, 3072)
    assert dict(blocks[4].weights)["expand.weight"] == (3072, 768)


def test_blocks_refuse_what_the_model_cannot_read():
    with pytest.raises(ValueError, match="512 positions"):
        explore.trace_encoder_blocks(explore.ENCODER_SIZES["tiny"], tokens=513)
    with pytest.raises(ValueError, match="at least one"):
        explore.trace_encoder_blocks(explore.ENCODER_SIZES["tiny"], batch=0)


def find_parts(panel):
    """The dropdown, the four sliders, the seven buttons and the details of an encoder panel."""
    (first, second), (diagram, details) = (box.children for box in panel.children)
    sizes, layers, heads = first.children
    ids, embeddings, frame, hidden = diagram.children
    return sizes, layers, heads, *second.children, [ids, embeddings, *frame.children[1:], hidden], details


def test_encoder_panel_follows_clicks_sizes_and_sliders():
    sizes, layers, heads, batch, tokens, buttons, details = find_parts(explore.encoder_diagram("tiny"))
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
    _, _, heads, _, tokens, buttons, details = find_parts(explore.encoder_diagram("tiny"))
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
