"""The weights that pre-training begins with: random ones with a head start, or those of a checkpoint."""

from typing import TYPE_CHECKING

import torch
from torch import nn

from .continued import Checkpoint, make_continued_model
from .corpus import EncodedCorpus
from .heads import Pretraining
from .model import Bert, BertConfig, make_sinusoid_table
from .wordpiece import WordPiece

if TYPE_CHECKING:
    from .pretrain import PretrainPlan


def make_pretraining_model(
    plan: "PretrainPlan", tokenizer: WordPiece, text: EncodedCorpus, checkpoint: Checkpoint | None = None
) -> Pretraining:
    """A BERT with random weights from the plan's seed, and the starting points that the plan asks for; or that of the
    `checkpoint` to go on from."""
    if checkpoint is not None:
        return make_continued_model(checkpoint, tokenizer, text)
    config = BertConfig.preset(
        plan.preset,
        vocab_size=len(tokenizer),
        max_position_embeddings=max(plan.length, 128),
        hidden_dropout_prob=plan.dropout,
        attention_probs_dropout_prob=plan.dropout,
        pad_token_id=tokenizer.pad_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        model = Pretraining(config)
        if plan.sinusoids:
            table = model.bert.embeddings.positions.weight
            with torch.no_grad():
                table.copy_(plan.sinusoids * make_sinusoid_table(*table.shape))
        if plan.orthogonal:
            start_heads_copying(model.bert)
        if plan.sinusoids and plan.neighbours:
            start_heads_at_neighbours(model.bert, copying=False)
    if not plan.pairs:
        model.drop_next_sentence(keep_pooler=False)
    if plan.unigrams:
        model.start_from_unigrams(torch.from_numpy(text.count_ids(len(tokenizer))))
    return model


@torch.no_grad()
def start_heads_copying(bert: Bert) -> None:
    """Start the value and output matrices of all layers as an orthogonal matrix and its transpose, so that the heads
    together copy what they read (after the mimetic initialisation of Trockman and Kolter, 2023)."""
    for layer in bert.layers:
        nn.init.orthogonal_(layer.attention.value.weight)
        layer.attention.output.weight.copy_(layer.attention.value.weight.T)


@torch.no_grad()
def start_heads_at_neighbours(bert: Bert, copying: bool = True) -> None:
    """Initialise the heads of the first half of the layers so that they attend to neighbouring tokens.

    In each of these layers the first head attends to the previous token, the second to the next one, the others to the
    offsets -2, +2, and so on. The heads of a trained BERT do the same, but a small model spends most of its minutes
    discovering it. This needs positions that start from the sinusoids (`make_sinusoid_table` of model.py): there, a
    shift by o tokens rotates each pair of columns (sin, cos) by the angle o * w, where w is the pair's frequency
    (Vaswani et al. 2017, section 3.5). Keys read the fastest pairs unchanged, queries read them rotated by the head's
    offset o, so that the score of token i for token j is highest at j = i + o. The heads of the later layers keep their
    random queries and keys, and so start by attending to all tokens equally, which helps to predict the next sentence.
    No weight is frozen: all are trained as usual. With `copying`, `start_heads_copying` comes first.
    """
    if copying:
        start_heads_copying(bert)
    D, H = bert.config.hidden_size, bert.config.num_attention_heads
    sines = torch.arange(0, D // H - 1, 2)  # the columns with a sine that fit into a head, each followed by its cosine
    frequency = 10_000 ** (-sines / D)
    for layer in bert.layers[: (len(bert.layers) + 1) // 2]:
        attention = layer.attention
        for head in range(H):
            angle = frequency * (head // 2 % 2 + 1) * (-1 if head % 2 == 0 else 1)
            row = head * (D // H) + sines  # the head's outputs for these pairs: rows are outputs, columns inputs
            for matrix, rotation in ((attention.key.weight, torch.zeros_like(angle)), (attention.query.weight, angle)):
                matrix[row, sines] += rotation.cos()
                matrix[row, sines + 1] += rotation.sin()
                matrix[row + 1, sines] -= rotation.sin()
                matrix[row + 1, sines + 1] += rotation.cos()
