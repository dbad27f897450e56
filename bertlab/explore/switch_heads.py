"""explore.switch_heads: TODO."""

import html
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import ipywidgets as widgets
import torch

from ..model import Bert
from ..wordpiece import WordPiece
from .shared import LONGEST_TEXT


@contextmanager
def heads_off(bert: Bert, off: Iterable[tuple[int, int]]) -> Iterator[None]:
    """Inside `with heads_off(bert, [(layer, head)])` these heads give zeros. Layers and heads are counted from 0.

    What a head gathers is multiplied by 0 before the heads are mixed, as Michel et al. 2019 do. Raises ValueError for
    a head that the model has not.
    """
    L, H, D = bert.config.num_hidden_layers, bert.config.num_attention_heads, bert.config.hidden_size
    keep = torch.ones(L, H)
    for layer, head in off:
        if not (0 <= layer < L and 0 <= head < H):
            raise ValueError(f"no head {head} in layer {layer}: there are layers 0 to {L - 1} and heads 0 to {H - 1}")
        keep[layer, head] = 0
    wide = keep.repeat_interleave(D // H, dim=1)  # (L, D): in the order in which the heads lie side by side
    outputs = [layer.attention.output for layer in bert.layers]
    hooks = [
        part.register_forward_pre_hook(lambda part, given, row=row: (given[0] * row.to(given[0]),))
        for part, row in zip(outputs, wide, strict=True)
        if not row.all()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def embed_texts(bert: Bert, wordpiece: WordPiece, texts: Sequence[str]) -> torch.Tensor:
    """One vector a text, (N, D): the mean over its tokens, at length 1, as MiniLM was tuned. Long texts are cut."""
    room = bert.config.max_position_embeddings
    rows = [wordpiece.encode(text[:LONGEST_TEXT], max_length=room, truncate=True).input_ids for text in texts]
    T = max(map(len, rows))
    device = bert.embeddings.words.weight.device
    ids = torch.tensor([row + [wordpiece.pad_id] * (T - len(row)) for row in rows], device=device)
    real = torch.arange(T, device=device) < torch.tensor([[len(row)] for row in rows], device=device)  # (N, T)
    training = bert.training
    bert.eval()
    states = bert(ids, attention_mask=real)  # (N, T, D)
    bert.train(training)
    mean = (states * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)
    return torch.nn.functional.normalize(mean.float(), dim=-1).cpu()


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


def switch_heads(
    bert: Bert, wordpiece: WordPiece, question: str = QUESTION, sentences: Sequence[str] = SENTENCES
) -> widgets.VBox:
    """A button for each head of each layer. Click to switch it off, and see how the sentences are ranked without it.

    The sentences are ordered by the cosine of their vector with the question's. The buttons at the left switch a whole
    layer. Raises ValueError when the model and the vocabulary do not fit, or there is no sentence.
    """
    if bert.config.vocab_size != len(wordpiece):
        raise ValueError(f"the model knows {bert.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    if not sentences:
        raise ValueError("no sentences: give at least one to be found")
    L, H = bert.config.num_hidden_layers, bert.config.num_attention_heads
    box = widgets.Text(value=question, description="Question", layout={"width": "100%"})
    small = {"width": "2.6em", "margin": "1px", "padding": "0"}
    heads = [
        [widgets.ToggleButton(value=True, description=f"{head}", tooltip=f"layer {layer}, head {head}", layout=small)
         for head in range(H)]
        for layer in range(L)
    ]  # fmt: skip
    whole = [widgets.Button(description=f"layer {layer}", layout={"width": "5.5em", "margin": "1px"})
             for layer in range(L)]  # fmt: skip
    shown = widgets.HTML()
    state = {"setting": False, "question": None, "before": None}

    def ask(_=None) -> None:
        if state["setting"]:
            return
        if box.value != state["question"]:  # with all heads on: asked once for each question
            state["question"] = box.value
            state["before"] = embed_texts(bert, wordpiece, [box.value, *sentences])
        off = [(layer, head) for layer in range(L) for head in range(H) if not heads[layer][head].value]
        shown.value = switch_heads_html(bert, wordpiece, box.value, sentences, off, state["before"])

    def turn(button: widgets.Button) -> None:
        row = heads[whole.index(button)]
        on = not any(head.value for head in row)
        state["setting"] = True  # many buttons change, and the model is asked once
        for head in row:
            head.value = on
        state["setting"] = False
        ask()

    for head in (head for row in heads for head in row):
        head.observe(ask, "value")
    for button in whole:
        button.on_click(turn)
    box.observe(ask, "value")
    ask()
    grid = widgets.VBox([widgets.HBox([button, *row]) for button, row in zip(whole, heads, strict=True)])
    return widgets.VBox([box, grid, shown])


def switch_heads_html(
    bert: Bert,
    wordpiece: WordPiece,
    question: str,
    sentences: Sequence[str],
    off: Sequence[tuple[int, int]],
    before: torch.Tensor,
) -> str:
    """The sentences from the nearest to the farthest, with their cosines, and where each stood with all heads on.

    `before` are the `embed_texts` of the question and the sentences with all heads on.
    """
    if not wordpiece.tokenize(question[:LONGEST_TEXT]):
        return "<p>Nothing to ask yet: the question holds no letter, digit or mark. Type some.</p>"
    texts = [question, *sentences]
    with heads_off(bert, off):
        after = embed_texts(bert, wordpiece, texts)
    stood = (before[1:] @ before[0]).tolist()
    stands = (after[1:] @ after[0]).tolist()
    turned = (before * after).sum(-1).mean().item()
    places = sorted(range(len(sentences)), key=lambda n: -stood[n])
    rows = []
    for place, n in enumerate(sorted(range(len(sentences)), key=lambda n: -stands[n])):
        moved = "" if places[place] == n else f" (was number {places.index(n) + 1})"
        bar = f'<div style="width:{120 * max(stands[n], 0):.0f}px;height:0.9em;background:#0072b2"></div>'
        rows.append(
            f'<tr><td>{place + 1}</td><td style="width:125px">{bar}</td><td>{stands[n]:.2f}</td>'
            f"<td>was {stood[n]:.2f}</td><td style='text-align:left'>{html.escape(sentences[n])}{moved}</td></tr>"
        )
    count = bert.config.num_hidden_layers * bert.config.num_attention_heads
    return (
        f"<p>{len(off)} of {count} heads are off. The vectors of the texts have a cosine of {turned:.3f} with what "
        f"they were.</p><table>{''.join(rows)}</table>"
    )
