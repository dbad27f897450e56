"""What stands on the encoder: the two pre-training tasks, a label for a text or for each word, a span. Each returns its
own loss.

Dimension letters: B batch, T tokens, Q tokens that are asked for, M tokens with a label, D hidden, V vocabulary, C
classes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .batches import IGNORE
from .model import Bert, BertConfig


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


class MLMHead(nn.Module):
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
        self.mlm = MLMHead(config)
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
        at = None if labels is None else find_labelled_positions(labels)
        hidden = self.bert(input_ids, token_type_ids, attention_mask, at)  # (B, T or Q, D)
        nsp_logits = self.nsp(self.pooler(hidden[:, 0]))  # (B, 2)
        words = self.bert.embeddings.words.weight
        if labels is None:
            mlm_logits, mlm_loss = self.mlm(hidden, words), None
        else:
            wanted = labels.gather(1, at)  # (B, Q)
            mlm_logits = self.mlm(hidden[wanted != IGNORE], words)  # (M, V)
            mlm_loss = mean_cross_entropy(mlm_logits, wanted[wanted != IGNORE])
        nsp_loss = None if next_sentence_label is None else mean_cross_entropy(nsp_logits, next_sentence_label.view(-1))
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
        return Output(
            loss=None if labels is None else mean_cross_entropy(logits, labels, self.class_weights), logits=logits
        )


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
        loss = mean_cross_entropy(logits.flatten(0, 1), labels.flatten(), self.class_weights)  # (B * T, C), (B * T,)
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
            output.loss = sum(mean_cross_entropy(logits, at.masked_fill(at >= T, IGNORE)) for logits, at in ends) / 2
        return output


def find_labelled_positions(labels: Tensor) -> Tensor:
    """Positions that the heads read: (B, T) -> (B, Q), [CLS] first, then each label in order.

    Q is one more than the most labels in a row; a row with fewer is filled up with positions that nobody reads.
    """
    asked = labels != IGNORE
    asked[:, 0] = True
    return asked.byte().argsort(dim=1, descending=True, stable=True)[:, : int(asked.sum(1).max())]


def mean_cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy in nats of logits (N, C) over the labels (N,) that are not -100; 0 where there are none.

    With `compute_class_weights` (C,) it is a weighted mean, in which each label counts by its class. Never in less than
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
