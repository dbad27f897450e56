"""A text generator: an encoder with a causal mask on its target (UniLM, Dong et al. 2019), and beam search.

Dimension letters: B batch, S tokens of a source, T tokens of a row, Q requested tokens, M tokens with a label, N texts
that are being written, K of them for one source, D hidden size, V size of the vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .arguments import check_kind, check_list, check_number
from .batches import IGNORE
from .heads import MLMHead, Output, check_labels, find_labelled_positions, mean_cross_entropy
from .model import Bert, BertConfig, check_finite, gather_tokens


class Writer(nn.Module):
    """Write a target text from a source text with one encoder; only its attention mask differs (Dong et al. 2019).

    The row is [CLS] source [SEP] target [SEP]; segment 0 is the source, segment 1 the target. Source tokens attend to
    the whole source, target tokens to the source and to the target before them. At each token, the masked-word head
    predicts the next word. (UniLM masks some target words and predicts those; here every target word is predicted in
    each pass, and no [MASK] is needed to write.)
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        check_kind(config, BertConfig, "config")
        if config.type_vocab_size < 2:
            raise ValueError("type_vocab_size is 1: a writer needs two segments, for the source and for the target")
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
        """`attention_mask` (B, T) is 0 for padding; the rest of the mask follows from `token_type_ids`. `labels` (B, T)
        are the ids of the target at their own positions, including its [SEP], and -100 elsewhere: each is predicted
        from the token before it.

        `logits` is (B, T, V), for the word after each token, or with labels (M, V) for the M labels, in reading order.
        `loss` is the mean cross-entropy.
        """
        self.bert.check_inputs(input_ids, check_kind(token_type_ids, Tensor, "token_type_ids"), attention_mask)
        if labels is not None:
            check_labels(labels, input_ids)
        if labels is not None and labels.shape != input_ids.shape:
            raise ValueError(f"labels has shape {tuple(labels.shape)}, input_ids {tuple(input_ids.shape)}")
        mask = writing_mask(token_type_ids, attention_mask)
        words = self.bert.embeddings.words.weight
        if labels is None:
            return Output(logits=self.mlm(self.bert(input_ids, token_type_ids, mask), words))
        next_labels = F.pad(labels[:, 1:], (0, 1), value=IGNORE)  # (B, T) at each token the label of the next
        at = find_labelled_positions(next_labels)
        hidden = self.bert(input_ids, token_type_ids, mask, at)  # (B, Q, D)
        targets = next_labels.gather(1, at)  # (B, Q)
        logits = self.mlm(hidden[targets != IGNORE], words)  # (M, V)
        return Output(loss=mean_cross_entropy(logits, targets[targets != IGNORE]), logits=logits)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        end: int,
        max_tokens: int = 64,
        never: Sequence[int] = (),
        **search,
    ) -> list[list[tuple[float, list[int]]]]:
        """Write texts for each source (B, S), [CLS] source [SEP] and perhaps padding: the results of `beam_search`.

        A text has at most `max_tokens` tokens, including `end` (the id of [SEP]); ids in `never` are not written.
        `search` are options of `beam_search`. The model must be in eval mode. Raises ValueError when the model has too
        few positions.
        """
        self.bert.check_inputs(input_ids, None, attention_mask)
        max_tokens = check_number(max_tokens, "max_tokens", least=1, whole=True)
        V = self.config.vocab_size
        never = [
            check_number(word, "an id in never", least=0, below=V, whole=True) for word in check_list(never, "never")
        ]
        end = check_number(end, "end", least=0, below=V, whole=True)
        (B, S), positions = input_ids.shape, self.config.max_position_embeddings
        self.bert.check_inputs(input_ids, None, attention_mask)
        if S + max_tokens - 1 > positions:
            raise ValueError(
                f"{S} tokens to read and {max_tokens} to write, but the model has {positions} positions: cut the "
                "source, or write less"
            )
        real = torch.ones_like(input_ids) if attention_mask is None else attention_mask  # (B, S)
        ids = F.pad(input_ids, (0, max_tokens - 1), value=self.config.pad_token_id)  # (B, T), without the last token
        types, length = torch.zeros_like(ids), real.sum(1, keepdim=True)  # (B, T), (B, 1) the next token's position
        words = self.bert.embeddings.words.weight
        layer_inputs = [words.new_zeros(*ids.shape, words.size(1)) for _ in self.bert.layers]

        def score_words(hidden: Tensor) -> Tensor:  # (N, D) -> (N, V)
            logits = check_finite(self.mlm(hidden, words)).double()
            logits[:, list(never)] = -torch.inf
            return logits.log_softmax(-1).cpu()

        def extend(parents: list[int], chosen: list[int]) -> Tensor:
            nonlocal ids, types, length
            rows = torch.tensor(parents, device=ids.device)
            ids, types, length = ids[rows], types[rows], length[rows]  # (N, T), (N, T), (N, 1)
            for number, inputs in enumerate(layer_inputs):
                layer_inputs[number] = inputs[rows]
            ids.scatter_(1, length, torch.tensor(chosen, device=ids.device)[:, None])
            types.scatter_(1, length, 1)
            at, length = length, length + 1
            return score_words(self.encode_new_tokens(ids, types, length, at, layer_inputs)[:, 0])

        at = torch.arange(S, device=ids.device).expand(B, S)  # (B, S) the whole source
        hidden = gather_tokens(self.encode_new_tokens(ids, types, length, at, layer_inputs), length - 1)[:, 0]  # (B, D)
        return beam_search(score_words(hidden), extend, end=end, max_tokens=max_tokens, **search)

    def encode_new_tokens(
        self, ids: Tensor, types: Tensor, length: Tensor, at: Tensor, layer_inputs: list[Tensor]
    ) -> Tensor:
        """Compute the last layer's vectors of the tokens `at` (N, Q), whose predecessors are known: (N, Q, D).

        `layer_inputs` holds the input of each layer for every token (N, T, D), and gets those of the new ones. A target
        token attends to everything in its row before column `length`, so that older tokens need no new computation.
        """
        known = torch.arange(ids.size(1), device=ids.device) < length  # (N, T)
        x = gather_tokens(self.bert.embeddings(ids, types), at)  # (N, Q, D)
        for layer, inputs in zip(self.bert.layers, layer_inputs, strict=True):
            inputs.scatter_(1, at[:, :, None].expand_as(x), x)
            x = layer(inputs, known[:, None, None], at)
        return x


def writing_mask(token_type_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """The attention mask for writing: (B, T) -> bool (B, T, T), one row per query (Dong et al. 2019, figure 1).

    All tokens attend to the source (segment 0); a target token (segment 1) also to the target up to itself. No token
    attends to padding.
    """
    T = token_type_ids.size(1)
    source = token_type_ids == 0  # (B, T)
    before = torch.ones(T, T, dtype=torch.bool, device=token_type_ids.device).tril()
    mask = source[:, None, :] | (~source[:, :, None] & before)  # (B, T, T)
    return mask if attention_mask is None else mask & attention_mask.bool()[:, None, :]


def beam_search(
    first: Tensor,
    extend: Callable[[list[int], list[int]], Tensor],
    *,
    end: int,
    max_tokens: int,
    beams: int = 1,
    length_penalty: float = 1.0,
    early_stop: bool = True,
    watch: Callable[[list[list[tuple[float, list[int]]]]], None] | None = None,
) -> list[list[tuple[float, list[int]]]]:
    """Find the best texts for each of B sources: at most `beams` of (score, ids), best first, without `end`.

    After each word the `beams` unfinished texts with the highest log p are kept, where log p is the sum of
    log p(word | words before). One beam is greedy search; with as many beams as possible texts, the search is
    exhaustive. A text is finished by `end` or after `max_tokens` words, and scores log p / length ** length_penalty,
    where the length includes `end`. A penalty of 0 favours short texts; with 1 the score is the mean log p of a word.

    `first` (B, V) are the log p of each first word. `extend(parents, words)` adds word i to text parents[i], a row of
    its previous result, and returns the log p of the next words (N, V). The search for a source ends when no unfinished
    text can still become the best; with `early_stop` also when `beams` of its texts are finished. `watch` is called
    after each word with the unfinished texts, (log p, ids) for each source.
    """
    beams = check_number(beams, "beams", least=1, whole=True)
    max_tokens = check_number(max_tokens, "max_tokens", least=1, whole=True)
    length_penalty = check_number(length_penalty, "length_penalty", least=-100, most=100)
    V = first.size(1)
    finished: list[list[tuple[float, list[int]]]] = [[] for _ in first]
    texts = [(source, 0.0, []) for source in range(len(first))]  # (source, log p, ids) of the unfinished texts
    scores = first  # (N, V)
    for length in range(1, max_tokens + 1):
        scores = scores + torch.tensor([[log_p] for _, log_p, _ in texts], dtype=scores.dtype)  # (N, V) + (N, 1)
        extended = []  # (source, log p, ids, row of its parent)
        sources = [source for source, _, _ in texts]  # (N,) in order
        for source, group in groupby(range(len(texts)), sources.__getitem__):
            rows = list(group)
            candidates = scores[rows].flatten()  # (K * V,)
            best = candidates.topk(min(2 * beams, len(candidates)))  # so that `beams` remain if as many end
            kept = []
            for rank, (log_p, index) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
                parent, word = rows[index // V], index % V
                if log_p == -math.inf:
                    break
                if word == end and rank < beams:
                    finished[source].append((log_p / length**length_penalty, texts[parent][2]))
                elif word != end and len(kept) < beams:
                    kept.append((source, log_p, [*texts[parent][2], word], parent))
            enough = early_stop and len(finished[source]) >= beams
            if length == max_tokens and not enough:  # the longest texts are finished without `end`
                finished[source] += [(log_p / length**length_penalty, ids) for _, log_p, ids, _ in kept]
            finished[source] = sorted(finished[source], reverse=True)[:beams]
            if kept and finished[source]:
                # A text's log p can only fall, so this is the highest score that any of them can still reach.
                highest = max(kept[0][1] / n**length_penalty for n in (length + 1, max_tokens))
                if enough or finished[source][0][0] >= highest:
                    kept = []
            extended += kept
        texts = [text[:3] for text in extended]
        if watch is not None:
            watch([[(log_p, ids) for of, log_p, ids in texts if of == source] for source in range(len(first))])
        if not texts or length == max_tokens:
            break
        scores = extend([parent for *_, parent in extended], [ids[-1] for _, _, ids, _ in extended])
    return finished
