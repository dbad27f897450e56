"""Which heads matter? Switch heads of a sentence encoder off, and see how its ranking of sentences changes."""

import html
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache

import ipywidgets as widgets
import torch
from torch.nn.utils.rnn import pad_sequence

from ..model import Bert, eval_mode
from ..wordpiece import WordPiece
from . import markup
from .shared import LiveHTML, check_vocabulary, make_text_box, tokenize_text

QUESTION = "Which animal sleeps through the winter?"

SENTENCES = (
    "In the cold months the brown bear rests in its den and hardly moves.",
    "A hedgehog spends the season of snow asleep under dry leaves.",
    "Many birds fly south in autumn and come back in spring.",
    "The dog barked at the postman all night.",
    "Snow fell on the mountains in January.",
    "The hotel was quiet, and we slept well.",
    "Parliament votes on the law next week.",
)


@contextmanager
def heads_off(bert: Bert, off: Iterable[tuple[int, int]]) -> Iterator[None]:
    """Inside `with heads_off(bert, [(layer, head)]):` these heads output zeros. Layers and heads are counted from 0.
    Their outputs are multiplied by 0 before the heads are mixed, as in Michel et al. 2019. Raises ValueError for a head
    that the model does not have."""
    L, H, D = bert.config.num_hidden_layers, bert.config.num_attention_heads, bert.config.hidden_size
    gates = torch.ones(L, H)
    for layer, head in off:
        if not (0 <= layer < L and 0 <= head < H):
            raise ValueError(f"no head {head} in layer {layer}: there are layers 0 to {L - 1} and heads 0 to {H - 1}")
        gates[layer, head] = 0
    gates = gates.repeat_interleave(D // H, dim=1)  # (L, D): the heads' outputs are concatenated
    with ExitStack() as hooks:
        for layer, gate in zip(bert.layers, gates, strict=True):
            if not gate.all():
                gate_heads = lambda _, inputs, gate=gate: (inputs[0] * gate.to(inputs[0]),)  # noqa: E731
                hooks.callback(layer.attention.output.register_forward_pre_hook(gate_heads).remove)
        yield


def embed_texts(bert: Bert, tokenizer: WordPiece, texts: Sequence[str]) -> torch.Tensor:
    """One vector for each text, (N, D): the mean over its tokens, scaled to length 1, as MiniLM was tuned. Long texts
    are truncated."""
    room = bert.config.max_position_embeddings
    rows = [tokenizer.encode(text, max_length=room, truncate=True).input_ids for text in texts]
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=tokenizer.pad_id)  # (N, T)
    ids = ids.to(bert.embeddings.words.weight.device)
    mask = ids != tokenizer.pad_id
    with eval_mode(bert):
        states = bert(ids, attention_mask=mask)  # (N, T, D)
    mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    return torch.nn.functional.normalize(mean.float(), dim=-1).cpu()


def switch_heads(bert: Bert, tokenizer: WordPiece, question: str = QUESTION,
                 sentences: Sequence[str] = SENTENCES) -> widgets.VBox:  # fmt: skip
    """A button for each head of each layer: click it to switch the head off, and see how the sentences are ranked then.
    The sentences are ordered by the cosine of their vector with the question's. The buttons at the left switch a whole
    layer. Raises ValueError when the model and the vocabulary do not fit, or there is no sentence."""
    check_vocabulary(bert, tokenizer)
    if not sentences:
        raise ValueError("there are no sentences: give at least one to rank")
    L, H = bert.config.num_hidden_layers, bert.config.num_attention_heads
    question_box = make_text_box(question, "Question")
    layout = {"width": "2.6em", "margin": "1px", "padding": "0"}
    heads = [[widgets.ToggleButton(value=True, description=f"{head}", tooltip=f"layer {layer}, head {head}",
                                   layout=layout) for head in range(H)] for layer in range(L)]  # fmt: skip
    layers = [widgets.Button(description=f"layer {i}", layout={"width": "5.5em", "margin": "1px"}) for i in range(L)]
    embed_with_all_heads = lru_cache(1)(lambda question: embed_texts(bert, tokenizer, [question, *sentences]))

    def render_ranking(question: str, *switches: bool) -> str:
        off = [divmod(number, H) for number, is_on in enumerate(switches) if not is_on]
        return switch_heads_html(bert, tokenizer, [question, *sentences], off, embed_with_all_heads(question))

    output = LiveHTML([question_box, *(head for row in heads for head in row)], render_ranking)

    def switch_layer(button: widgets.Button) -> None:
        row = heads[layers.index(button)]
        switch_on = not any(head.value for head in row)
        with output.render_once():
            for head in row:
                head.value = switch_on

    for button in layers:
        button.on_click(switch_layer)
    grid = widgets.VBox([widgets.HBox([button, *row]) for button, row in zip(layers, heads, strict=True)])
    return widgets.VBox([question_box, grid, output])


def switch_heads_html(bert: Bert, tokenizer: WordPiece, texts: Sequence[str], off: Sequence[tuple[int, int]],
                      before: torch.Tensor) -> str:  # fmt: skip
    """The sentences from the nearest to the farthest, with their cosines and ranks before and after. `texts` are the
    question and then the sentences, `before` their `embed_texts` with all heads on."""
    tokenize_text(tokenizer, texts[0], "the question")
    with heads_off(bert, off):
        after = embed_texts(bert, tokenizer, texts)
    cosines = [vectors[1:] @ vectors[0] for vectors in (before, after)]
    old_order, new_order = (values.argsort(descending=True, stable=True).tolist() for values in cosines)
    rows = []
    for rank, i in enumerate(new_order, 1):
        old_rank = old_order.index(i) + 1
        moved = "" if old_rank == rank else f" (was number {old_rank})"
        old, new = (float(values[i]) for values in cosines)
        bar = markup.format_bar(max(new, 0), 120, f"{new:.2f}")
        rows.append((str(rank), bar, f"was {old:.2f}", html.escape(texts[1 + i]) + moved))
    similarity = (before * after).sum(-1).mean().item()
    count = bert.config.num_hidden_layers * bert.config.num_attention_heads
    return (f"<p>{len(off)} of {count} heads are off. The vectors of the texts have a mean cosine of {similarity:.3f} "
            f"with those of the full model.</p>{markup.format_table(rows)}")  # fmt: skip
