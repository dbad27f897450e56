"""What stands on the encoder: the two pre-training tasks, a label for a text or for each word, a span, a text to write.
Each returns its own loss.

Dimension letters: B batch, T tokens, Q tokens that are asked for, M tokens with a label, D hidden, V vocabulary, C
classes. While writing: S tokens of a source, N texts that are being written, K of them for a source.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .model import Bert, BertConfig, pick

IGNORE = -100  # a label that counts for nothing, as everywhere in PyTorch and Hugging Face


@dataclass
class Output:
    """What a head returns. A field that the head does not have, or that needs labels which were not given, is None."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    mlm_logits: Tensor | None = None
    nsp_logits: Tensor | None = None
    mlm_loss: Tensor | None = None
    nsp_loss: Tensor | None = None
    start_logits: Tensor | None = None
    end_logits: Tensor | None = None


class Pooler(nn.Module):
    """The vector of [CLS], through a square layer and tanh: (B, D) -> (B, D)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, cls: Tensor) -> Tensor:
        return torch.tanh(self.dense(cls))


class MaskedWords(nn.Module):
    """Which word stood here? A layer, GELU and LayerNorm, then a score for every word: (M, D) -> (M, V).

    The scores are products with the word embeddings themselves ("tied"), plus a bias for each word.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden: Tensor, words: Tensor) -> Tensor:
        return F.linear(self.norm(F.gelu(self.dense(hidden))), words, self.bias)


class Pretraining(nn.Module):
    """BERT with its two pre-training tasks: masked words (MLM) and next sentence (NSP). Devlin et al. 2018, section
    3.1."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.pooler = Pooler(config)
        self.mlm = MaskedWords(config)
        self.nsp = nn.Linear(config.hidden_size, 2)
        for head in (self.pooler, self.mlm, self.nsp):
            head.apply(self.bert.initialise)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
    ) -> Output:
        """`labels` (B, T) hold the id that was masked, -100 elsewhere; `next_sentence_label` (B,) is 0 where the second
        segment really follows the first, 1 where it is random (Hugging Face's polarity).

        `mlm_logits` is (B, T, V), or (M, V) at the M labels alone, in reading order, when labels are given: the
        other 85% need no scores. Each loss is a mean; `loss` is the sum of those there are. No label in the batch:
        MLM loss 0.
        """
        if labels is not None and labels.shape != input_ids.shape:
            raise ValueError(f"labels has shape {tuple(labels.shape)}, input_ids {tuple(input_ids.shape)}")
        self.bert.check(input_ids, token_type_ids, attention_mask)  # before labels of the same wrong shape are read
        at = None if labels is None else where_labelled(labels)
        hidden = self.bert(input_ids, token_type_ids, attention_mask, at)  # (B, T or Q, D)
        nsp_logits = self.nsp(self.pooler(hidden[:, 0]))  # (B, 2)
        words = self.bert.embeddings.words.weight
        if labels is None:
            mlm_logits, mlm_loss = self.mlm(hidden, words), None
        else:
            wanted = labels.gather(1, at)  # (B, Q)
            mlm_logits = self.mlm(hidden[wanted != IGNORE], words)  # (M, V)
            mlm_loss = mean_loss(mlm_logits, wanted[wanted != IGNORE])
        nsp_loss = None if next_sentence_label is None else mean_loss(nsp_logits, next_sentence_label.view(-1))
        losses = [loss for loss in (mlm_loss, nsp_loss) if loss is not None]
        return Output(
            loss=sum(losses) if losses else None,
            mlm_logits=mlm_logits,
            nsp_logits=nsp_logits,
            mlm_loss=mlm_loss,
            nsp_loss=nsp_loss,
        )

    @torch.no_grad()
    def start_from_unigrams(self, counts: Tensor) -> None:
        """Set the MLM bias to the log frequency of each word, from `counts` (V,) of the training text.

        An untrained model then guesses as well as a table of frequencies does. It costs nothing, and takes away the
        first part of the loss curve, in which a model learns just that. A word that was never seen counts as half a
        time.
        """
        if counts.shape != self.mlm.bias.shape:
            raise ValueError(f"counts has shape {tuple(counts.shape)}, the vocabulary has {len(self.mlm.bias)} words")
        counts = counts.double().clamp(min=0.5)
        self.mlm.bias.copy_((counts / counts.sum()).log())


class Classifier(nn.Module):
    """A label for a text or a pair of texts, from [CLS] through the pooler (Devlin et al. 2018, section 4.1).

    A pair needs no head of its own: the encoder tells the two by their segments.
    """

    def __init__(self, config: BertConfig, num_labels: int):
        super().__init__()
        if num_labels < 2:
            raise ValueError(f"num_labels is {num_labels}: a classifier needs at least two classes to choose from")
        self.config, self.num_labels = config, num_labels
        self.bert = Bert(config)
        self.pooler = Pooler(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.output = nn.Linear(config.hidden_size, num_labels)
        self.register_buffer("class_weights", None, persistent=False)  # (C,) how much each class counts in the loss
        for head in (self.pooler, self.output):
            head.apply(self.bert.initialise)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Output:
        """`labels` (B,) are class numbers. `logits` is (B, C), `loss` the mean cross-entropy."""
        at = input_ids.new_zeros(len(input_ids), 1)  # only [CLS] is read
        cls = self.bert(input_ids, token_type_ids, attention_mask, at)[:, 0]  # (B, D)
        logits = self.output(self.dropout(self.pooler(cls)))  # (B, C)
        return Output(loss=None if labels is None else mean_loss(logits, labels, self.class_weights), logits=logits)


class Tagger(nn.Module):
    """A label for each token, from its own vector (Devlin et al. 2018, section 5.3)."""

    def __init__(self, config: BertConfig, num_labels: int):
        super().__init__()
        if num_labels < 2:
            raise ValueError(f"num_labels is {num_labels}: a tagger needs at least two tags to choose from")
        self.config, self.num_labels = config, num_labels
        self.bert = Bert(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.output = nn.Linear(config.hidden_size, num_labels)
        self.register_buffer("class_weights", None, persistent=False)  # (C,)
        self.output.apply(self.bert.initialise)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Output:
        """`labels` (B, T) are tag numbers, -100 where none is asked for: on [CLS], [SEP], padding, and on all pieces of
        a word but the one that speaks for it. `logits` is (B, T, C), `loss` the mean cross-entropy of those asked for.
        """
        if labels is not None and labels.shape != input_ids.shape:
            raise ValueError(f"labels has shape {tuple(labels.shape)}, input_ids {tuple(input_ids.shape)}")
        logits = self.output(self.dropout(self.bert(input_ids, token_type_ids, attention_mask)))  # (B, T, C)
        if labels is None:
            return Output(logits=logits)
        loss = mean_loss(logits.flatten(0, 1), labels.flatten(), self.class_weights)  # (B * T, C), (B * T,)
        return Output(loss=loss, logits=logits)


class SpanFinder(nn.Module):
    """Where an answer starts and where it ends, as two scores for each token (Devlin et al. 2018, section 4.2).

    A question without an answer has both at [CLS], position 0 (section 4.3).
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.spans = nn.Linear(config.hidden_size, 2)
        self.spans.apply(self.bert.initialise)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
    ) -> Output:
        """`start_positions` and `end_positions` (B,) are the answer's first and last token. One that lies behind the
        text, at T or later, counts for nothing, as in Hugging Face's head; so does -100.

        `start_logits` and `end_logits` are (B, T); `loss` is half the sum of their cross-entropies.
        """
        hidden = self.bert(input_ids, token_type_ids, attention_mask)
        start_logits, end_logits = self.spans(hidden).unbind(-1)  # (B, T, 2) -> (B, T), (B, T)
        output = Output(start_logits=start_logits, end_logits=end_logits)
        if start_positions is not None and end_positions is not None:
            ends = (start_logits, start_positions.view(-1)), (end_logits, end_positions.view(-1))
            T = input_ids.size(1)
            output.loss = sum(mean_loss(logits, at.masked_fill(at >= T, IGNORE)) for logits, at in ends) / 2
        return output


class Writer(nn.Module):
    """Writes a text from a text: one encoder for both, made to write by its mask alone (UniLM, Dong et al. 2019).

    The row is [CLS] source [SEP] target [SEP]; segment 0 is the source, segment 1 what is written. The source sees all
    of the source, the target sees the source and what was written before. Each token is asked for the word that comes
    next, by the head that guesses masked words. (UniLM masks some target words and guesses those; here all of them
    count in every pass, and no [MASK] is needed to write.)
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        if config.type_vocab_size < 2:
            raise ValueError("type_vocab_size is 1: a writer needs two segments, the source's and its own")
        self.config = config
        self.bert = Bert(config)
        self.mlm = MaskedWords(config)
        self.mlm.apply(self.bert.initialise)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Output:
        """`attention_mask` (B, T) is 0 on padding; who may see whom follows from `token_type_ids`. `labels` (B, T) are
        the ids of the target where they stand, its [SEP] too, and -100 elsewhere: the head looks one token ahead.

        `logits` is (B, T, V), for the word after each token, or (M, V) for the M labels, in reading order, when they
        are given. `loss` is the mean cross-entropy.
        """
        if labels is not None and labels.shape != input_ids.shape:
            raise ValueError(f"labels has shape {tuple(labels.shape)}, input_ids {tuple(input_ids.shape)}")
        self.bert.check(input_ids, token_type_ids, attention_mask)
        mask = writing_mask(token_type_ids, attention_mask)
        words = self.bert.embeddings.words.weight
        if labels is None:
            return Output(logits=self.mlm(self.bert(input_ids, token_type_ids, mask), words))
        coming = F.pad(labels[:, 1:], (0, 1), value=IGNORE)  # (B, T) at each token the label of the next
        at = where_labelled(coming)
        hidden = self.bert(input_ids, token_type_ids, mask, at)  # (B, Q, D)
        wanted = coming.gather(1, at)  # (B, Q)
        logits = self.mlm(hidden[wanted != IGNORE], words)  # (M, V)
        return Output(loss=mean_loss(logits, wanted[wanted != IGNORE]), logits=logits)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        end: int,
        most: int = 64,
        never: Sequence[int] = (),
        **search,
    ) -> list[list[tuple[float, list[int]]]]:
        """Texts for each source (B, S), [CLS] source [SEP] with padding behind: what `beam_search` finds.

        A text has `most` words at most, `end` (the id of [SEP]) counted; words in `never` are not written. `search` are
        the options of `beam_search`. The model must be in eval mode. Raises ValueError when it has too few positions.
        """
        (B, S), most_positions = input_ids.shape, self.config.max_position_embeddings
        self.bert.check(input_ids, None, attention_mask)
        if S + most - 1 > most_positions:
            raise ValueError(
                f"{S} tokens to read and {most} to write, but the model has {most_positions} positions: cut the "
                "source, or write less"
            )
        real = torch.ones_like(input_ids) if attention_mask is None else attention_mask  # (B, S)
        ids = F.pad(input_ids, (0, most - 1), value=self.config.pad_token_id)  # (B, T); the last word is not read
        types, length = torch.zeros_like(ids), real.sum(1, keepdim=True)  # (B, T), (B, 1) where the next word goes
        words = self.bert.embeddings.words.weight
        read = [words.new_zeros(*ids.shape, words.size(1)) for _ in self.bert.layers]

        def scores(hidden: Tensor) -> Tensor:  # (N, D) -> (N, V)
            logits = self.mlm(hidden, words).double()
            logits[:, list(never)] = -torch.inf
            return logits.log_softmax(-1).cpu()

        def go_on(parents: list[int], chosen: list[int]) -> Tensor:
            nonlocal ids, types, length
            rows = torch.tensor(parents, device=ids.device)
            ids, types, length = ids[rows], types[rows], length[rows]  # (N, T), (N, T), (N, 1)
            for layer, before in enumerate(read):
                read[layer] = before[rows]
            ids.scatter_(1, length, torch.tensor(chosen, device=ids.device)[:, None])
            types.scatter_(1, length, 1)
            at, length = length, length + 1
            return scores(self.read_on(ids, types, length, at, read)[:, 0])

        whole = torch.arange(S, device=ids.device).expand(B, S)  # (B, S)
        hidden = pick(self.read_on(ids, types, length, whole, read), length - 1)[:, 0]  # (B, D)
        return beam_search(scores(hidden), go_on, end=end, most=most, **search)

    def read_on(self, ids: Tensor, types: Tensor, length: Tensor, at: Tensor, read: list[Tensor]) -> Tensor:
        """The last layer's vectors of the tokens `at` (N, Q), where all before them were read already: (N, Q, D).

        `read` holds what each layer was given at every token (N, T, D), and is filled up. A token of the target sees
        all that stands in its row before column `length`, so the new one alone needs to be computed.
        """
        seen = torch.arange(ids.size(1), device=ids.device) < length  # (N, T)
        x = pick(self.bert.embeddings(ids, types), at)  # (N, Q, D)
        for layer, before in zip(self.bert.layers, read, strict=True):
            before.scatter_(1, at[:, :, None].expand_as(x), x)
            x = layer(before, seen[:, None, None], at)
        return x


def writing_mask(token_type_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """Who may see whom while writing: (B, T) -> bool (B, T, T), row the one that looks (Dong et al. 2019, figure 1).

    All see the source (segment 0); the target (segment 1) sees itself up to the token that looks. Nobody sees padding.
    """
    T = token_type_ids.size(1)
    source = token_type_ids == 0  # (B, T)
    before = torch.ones(T, T, dtype=torch.bool, device=token_type_ids.device).tril()
    mask = source[:, None, :] | (~source[:, :, None] & before)  # (B, T, T)
    return mask if attention_mask is None else mask & attention_mask.bool()[:, None, :]


def beam_search(
    first: Tensor,
    go_on: Callable[[list[int], list[int]], Tensor],
    *,
    end: int,
    most: int,
    beams: int = 1,
    length_penalty: float = 1.0,
    early_stop: bool = True,
    watch: Callable[[list[list[tuple[float, list[int]]]]], None] | None = None,
) -> list[list[tuple[float, list[int]]]]:
    """The best texts for each of B sources, (score, ids) with the best first and without `end`; `beams` at most.

    Of the texts begun, `beams` are carried on at a time: those with the highest log p = sum of log p(word | words
    before). One beam is the greedy way, and with all texts that there are it finds the best of all. A text is finished
    by `end` or by `most` words, and scores log p / length ** length_penalty; `end` is counted in its length. At 0 short
    texts are ahead, at 1 it is the mean.

    `first` (B, V) are the log p of each first word. `go_on(parents, words)` adds word i to text parents[i], a row of
    what it returned last, and returns the log p of the next words (N, V). A source is done when nothing that is carried
    on can come out first any more; with `early_stop` also once `beams` of its texts are finished. `watch` is called
    after each word with the texts that are carried on, (log p, ids) for each source.
    """
    if beams < 1 or most < 1:
        raise ValueError(f"beams is {beams}, most is {most}: both must be at least 1")
    V = first.size(1)
    finished: list[list[tuple[float, list[int]]]] = [[] for _ in first]
    texts = [(source, 0.0, []) for source in range(len(first))]  # (source, log p, ids) of what is carried on
    scores = first  # (N, V)
    for length in range(1, most + 1):
        scores = scores + torch.tensor([[log_p] for _, log_p, _ in texts], dtype=scores.dtype)  # (N, V) + (N, 1)
        carried = []  # (source, log p, ids, its parent)
        sources = [source for source, _, _ in texts]  # (N,) in order
        for source, group in groupby(range(len(texts)), sources.__getitem__):
            mine = list(group)
            every = scores[mine].flatten()  # (K * V,)
            best = every.topk(min(2 * beams, len(every)))  # so that `beams` remain if as many end
            kept = []
            for rank, (log_p, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
                parent, word = mine[place // V], place % V
                if log_p == -math.inf:
                    break
                if word == end and rank < beams:
                    finished[source].append((log_p / length**length_penalty, texts[parent][2]))
                elif word != end and len(kept) < beams:
                    kept.append((source, log_p, [*texts[parent][2], word], parent))
            enough = early_stop and len(finished[source]) >= beams
            if length == most and not enough:  # no room for more: as they are
                finished[source] += [(log_p / length**length_penalty, ids) for _, log_p, ids, _ in kept]
            finished[source] = sorted(finished[source], reverse=True)[:beams]
            if kept and finished[source]:
                # A text's log p can only fall: this is the most that it can still score, at the kindest length.
                hope = max(kept[0][1] / n**length_penalty for n in (length + 1, most))
                if enough or finished[source][0][0] >= hope:
                    kept = []
            carried += kept
        texts = [text[:3] for text in carried]
        if watch is not None:
            watch([[(log_p, ids) for of, log_p, ids in texts if of == source] for source in range(len(first))])
        if not texts or length == most:
            break
        scores = go_on([parent for *_, parent in carried], [ids[-1] for _, _, ids, _ in carried])
    return finished


def where_labelled(labels: Tensor) -> Tensor:
    """Positions that the heads read: (B, T) -> (B, Q), [CLS] first, then each label in order.

    Q is one more than the most labels in a row; a row with fewer is filled up with positions that nobody reads.
    """
    asked = labels != IGNORE
    asked[:, 0] = True
    return asked.byte().argsort(dim=1, descending=True, stable=True)[:, : int(asked.sum(1).max())]


def mean_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy in nats of logits (N, C) over the labels (N,) that are not -100; 0 where there are none.

    With `class_weights` (C,) it is a weighted mean, in which each label counts by its class. Never in less than
    float32. Raises ValueError for labels that do not fit; on a GPU PyTorch looks at their values.
    """
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"labels has shape {tuple(labels.shape)} for {len(logits)} rows")
    given = labels != IGNORE
    if labels.device.type == "cpu" and not torch.compiler.is_compiling() and given.any():
        low, high, C = labels[given].min(), labels[given].max(), logits.size(1)
        if low < 0 or high >= C:
            raise ValueError(f"labels run from {low} to {high}; there are {C} classes, 0 to {C - 1}")
    logits = logits if logits.dtype == torch.float64 else logits.float()
    if class_weights is None:
        total = F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum")
        return total / given.sum().clamp(min=1)
    class_weights = class_weights.to(logits.dtype)
    total = F.cross_entropy(logits, labels, class_weights, ignore_index=IGNORE, reduction="sum")
    counted = class_weights[labels[given]].sum()
    return total / counted if given.any() else total
