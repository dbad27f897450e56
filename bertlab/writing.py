"""An encoder that writes, by its attention mask alone (UniLM, Dong et al. 2019), and beam search.

Dimension letters: B batch, S tokens of a source, T tokens of a row, Q tokens that are asked for, M tokens with a label, N texts
that are being written, K of them for one source, D hidden, V vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .batches import IGNORE
from .heads import MLMHead, Output, find_labelled_positions, mean_cross_entropy
from .model import Bert, BertConfig, gather_tokens


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
        self.mlm = MLMHead(config)
        self.mlm.apply(self.bert.init_weights)

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
        self.bert.check_inputs(input_ids, token_type_ids, attention_mask)
        mask = writing_mask(token_type_ids, attention_mask)
        words = self.bert.embeddings.words.weight
        if labels is None:
            return Output(logits=self.mlm(self.bert(input_ids, token_type_ids, mask), words))
        coming = F.pad(labels[:, 1:], (0, 1), value=IGNORE)  # (B, T) at each token the label of the next
        at = find_labelled_positions(coming)
        hidden = self.bert(input_ids, token_type_ids, mask, at)  # (B, Q, D)
        wanted = coming.gather(1, at)  # (B, Q)
        logits = self.mlm(hidden[wanted != IGNORE], words)  # (M, V)
        return Output(loss=mean_cross_entropy(logits, wanted[wanted != IGNORE]), logits=logits)

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
        self.bert.check_inputs(input_ids, None, attention_mask)
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
            return scores(self.encode_new_tokens(ids, types, length, at, read)[:, 0])

        whole = torch.arange(S, device=ids.device).expand(B, S)  # (B, S)
        hidden = gather_tokens(self.encode_new_tokens(ids, types, length, whole, read), length - 1)[:, 0]  # (B, D)
        return beam_search(scores(hidden), go_on, end=end, most=most, **search)

    def encode_new_tokens(self, ids: Tensor, types: Tensor, length: Tensor, at: Tensor, read: list[Tensor]) -> Tensor:
        """The last layer's vectors of the tokens `at` (N, Q), where all before them were read already: (N, Q, D).

        `read` holds what each layer was given at every token (N, T, D), and is filled up. A token of the target sees
        all that stands in its row before column `length`, so the new one alone needs to be computed.
        """
        seen = torch.arange(ids.size(1), device=ids.device) < length  # (N, T)
        x = gather_tokens(self.bert.embeddings(ids, types), at)  # (N, Q, D)
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
