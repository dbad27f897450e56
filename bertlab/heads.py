"""Heads on the encoder: the two pre-training tasks, labels for a text or for each word, a span. Each returns its own
loss.

Dimension letters: B batch, T tokens, Q requested tokens, M tokens with a label, D hidden size, V vocabulary size, C
classes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .arguments import check_argument, check_arguments, check_kind, check_number, check_text
from .batches import IGNORE
from .dropout import Dropout
from .model import ACTIVATIONS, Bert, BertConfig, can_check_values
from .precision import round_up


@dataclass
class Output:
    """The output of a head. A field that the head does not have, or that needs labels that were not given, is None."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    mlm_logits: Tensor | None = None
    nsp_logits: Tensor | None = None
    mlm_loss: Tensor | None = None
    nsp_loss: Tensor | None = None
    start_logits: Tensor | None = None
    end_logits: Tensor | None = None


class Pooler(nn.Module):
    """A linear layer and tanh on the vector of [CLS]: (B, D) -> (B, D)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, cls: Tensor) -> Tensor:
        return torch.tanh(self.dense(cls))


class MLMHead(nn.Module):
    """Predict a masked word: a linear layer, GELU and LayerNorm, then a score for every word: (M, D) -> (M, V).

    The scores are products with the word embeddings ("tied weights"), plus a bias for each word.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, hidden: Tensor, words: Tensor) -> Tensor:
        x = self.activation(self.dense(hidden)).to(self.norm.weight.dtype)  # in bf16, LayerNorm's numbers stay float32
        return F.linear(self.norm(x), words, self.bias)


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
            head.apply(self.bert.init_weights)

    def drop_next_sentence(self, keep_pooler: bool = True) -> None:
        """Leave out the NSP head, as in a BertForMaskedLM. The pooler is not trained then, but a classifier may start
        from it; without `keep_pooler` it goes too."""
        self.nsp = None
        self.pooler = self.pooler if keep_pooler else None

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
    ) -> Output:
        """`labels` (B, T) are the ids of the masked words, -100 elsewhere; `next_sentence_label` (B,) is 0 where the
        second segment follows the first, 1 where it is random (as in Hugging Face's BERT).

        `mlm_logits` is (B, T, V), or with labels (M, V) for the M labels alone, in reading order: the other 85% need no
        scores. Each loss is a mean, and `loss` is their sum. The MLM loss of a batch without labels is 0. Raises
        ValueError for a `next_sentence_label` where there is no NSP head.
        """
        self.bert.check_inputs(input_ids, token_type_ids, attention_mask)  # before labels of the same shape are used
        check_argument(next_sentence_label, (Tensor, None), "next_sentence_label")
        if labels is not None:
            check_labels(labels, input_ids)
        if labels is not None and labels.shape != input_ids.shape:
            raise ValueError(f"labels has shape {tuple(labels.shape)}, input_ids {tuple(input_ids.shape)}")
        at = None if labels is None else find_labelled_positions(labels)
        hidden = self.bert(input_ids, token_type_ids, attention_mask, at)  # (B, T or Q, D)
        if self.nsp is None and next_sentence_label is not None:
            raise ValueError("next_sentence_label is given, but this model has no NSP head: make rows without pairs")
        nsp_logits = None if self.nsp is None else self.nsp(self.pooler(hidden[:, 0]))  # (B, 2)
        words = self.bert.embeddings.words.weight
        if labels is None:
            mlm_logits, mlm_loss = self.mlm(hidden, words), None
        else:
            targets = labels.gather(1, at)  # (B, Q)
            chosen, targets = hidden[targets != IGNORE], targets[targets != IGNORE]  # (M, D), (M,)
            more = round_up(len(targets), 64, targets) - len(targets)  # rows of zeros, without a label
            logits = self.mlm(F.pad(chosen, (0, 0, 0, more)), words)
            mlm_loss = mean_cross_entropy(logits, F.pad(targets, (0, more), value=IGNORE))
            mlm_logits = logits[: len(targets)]  # (M, V)
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
        """Set the MLM bias to the log frequency of each word, from its `counts` (V,) in the training text.

        An untrained model then predicts as well as a table of frequencies. This costs nothing, and saves the first part
        of the training, in which a model learns just these frequencies. A word that does not occur counts as 0.5.
        """
        check_kind(counts, Tensor, "counts")
        if counts.shape != self.mlm.bias.shape:
            raise ValueError(f"counts has shape {tuple(counts.shape)}, the vocabulary has {len(self.mlm.bias)} words")
        counts = counts.double().clamp(min=0.5)
        self.mlm.bias.copy_((counts / counts.sum()).log())


PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")  # Hugging Face's names


class Classifier(nn.Module):
    """Labels or numbers for a text or a pair of texts, from [CLS] through the pooler (Devlin et al. 2018, section 4.1).

    `problem_type` says what the C outputs mean: scores of classes of which one is right, scores of labels each of which
    may be right or not, or numbers. A pair needs no head of its own: the encoder tells the two texts apart by their
    segments.
    """

    def __init__(self, config: BertConfig, num_labels: int, problem_type: str = "single_label_classification"):
        super().__init__()
        num_labels = check_number(num_labels, "num_labels", whole=True)
        check_text(problem_type, "problem_type")
        if problem_type not in PROBLEM_TYPES:
            raise ValueError(f"problem_type is {problem_type!r}; it must be one of {', '.join(PROBLEM_TYPES)}")
        if problem_type == "single_label_classification" and num_labels < 2:
            raise ValueError(
                f"num_labels is {num_labels}: a classifier needs at least two classes to choose from "
                '(for one number per text use problem_type="regression")'
            )
        if num_labels < 1:
            raise ValueError(f"num_labels is {num_labels}; it must be at least 1")
        self.config, self.num_labels, self.problem_type = config, num_labels, problem_type
        self.bert = Bert(config)
        self.pooler = Pooler(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.output = nn.Linear(config.hidden_size, num_labels)
        self.register_buffer("class_weights", None, persistent=False)  # (C,) how much each class counts in the loss
        for head in (self.pooler, self.output):
            head.apply(self.bert.init_weights)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Output:
        """`logits` is (B, C). `labels` and `loss` depend on the problem type, as in Hugging Face's head:

        single_label_classification  class numbers (B,), -100 for a row without a label; cross-entropy
        multi_label_classification   floats 0 or 1 (B, C), -100 for a missing label; sigmoid cross-entropy
        regression                   floats (B, C), or (B,) where C is 1, nan for a missing number; squared error

        `loss` is the mean over the labels that are given, 0 where there are none.
        """
        self.bert.check_inputs(input_ids, token_type_ids, attention_mask)
        at = input_ids.new_zeros(len(input_ids), 1)  # only [CLS] is read
        cls = self.bert(input_ids, token_type_ids, attention_mask, at)[:, 0]  # (B, D)
        logits = self.output(self.dropout(self.pooler(cls)))  # (B, C)
        return Output(loss=None if labels is None else self.compute_loss(logits, labels), logits=logits)

    def compute_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of the problem type. Raises ValueError for labels that do not fit it."""
        if self.problem_type == "single_label_classification":
            return mean_cross_entropy(logits, labels, self.class_weights)
        if self.class_weights is not None:
            raise ValueError(f"class_weights are for single-label classification, problem_type is {self.problem_type}")
        return (mean_squared_error if self.problem_type == "regression" else mean_sigmoid_cross_entropy)(logits, labels)


class Tagger(nn.Module):
    """Predict a label for each token from its own vector (Devlin et al. 2018, section 5.3)."""

    def __init__(self, config: BertConfig, num_labels: int):
        super().__init__()
        num_labels = check_number(num_labels, "num_labels", whole=True)
        if num_labels < 2:
            raise ValueError(f"num_labels is {num_labels}: a tagger needs at least two tags to choose from")
        self.config, self.num_labels = config, num_labels
        self.bert = Bert(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.output = nn.Linear(config.hidden_size, num_labels)
        self.register_buffer("class_weights", None, persistent=False)  # (C,)
        self.output.apply(self.bert.init_weights)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Output:
        """`labels` (B, T) are tag numbers, or -100 for tokens without a label: [CLS], [SEP], padding, and all pieces of
        a word but the one that represents it. `logits` is (B, T, C), `loss` the mean cross-entropy of the labels.
        """
        self.bert.check_inputs(input_ids, token_type_ids, attention_mask)
        check_argument(labels, (Tensor, None), "labels")
        if labels is not None and labels.shape != input_ids.shape:
            raise ValueError(f"labels has shape {tuple(labels.shape)}, input_ids {tuple(input_ids.shape)}")
        logits = self.output(self.dropout(self.bert(input_ids, token_type_ids, attention_mask)))  # (B, T, C)
        if labels is None:
            return Output(logits=logits)
        loss = mean_cross_entropy(logits.flatten(0, 1), labels.flatten(), self.class_weights)  # (B * T, C), (B * T,)
        return Output(loss=loss, logits=logits)


class SpanFinder(nn.Module):
    """Predict where an answer starts and ends, by two scores for each token (Devlin et al. 2018, section 4.2).

    For a question without an answer both are at [CLS], position 0 (section 4.3).
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.spans = nn.Linear(config.hidden_size, 2)
        self.spans.apply(self.bert.init_weights)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
    ) -> Output:
        """`start_positions` and `end_positions` (B,) are the answer's first and last token. A position after the end of
        the row, at T or later, is ignored, as in Hugging Face's head; so is -100.

        `start_logits` and `end_logits` are (B, T); `loss` is half the sum of their cross-entropies.
        """
        check_arguments(
            start_positions=(start_positions, (Tensor, None)), end_positions=(end_positions, (Tensor, None))
        )
        hidden = self.bert(input_ids, token_type_ids, attention_mask)
        start_logits, end_logits = self.spans(hidden).unbind(-1)  # (B, T, 2) -> (B, T), (B, T)
        output = Output(start_logits=start_logits, end_logits=end_logits)
        if start_positions is not None and end_positions is not None:
            ends = (start_logits, start_positions.view(-1)), (end_logits, end_positions.view(-1))
            T = input_ids.size(1)
            output.loss = sum(mean_cross_entropy(logits, at.masked_fill(at >= T, IGNORE)) for logits, at in ends) / 2
        return output


def find_labelled_positions(labels: Tensor) -> Tensor:
    """Find the positions that the heads need: (B, T) -> (B, Q), [CLS] first, then each label in order.

    Q is at most one more than the largest number of labels in a row, or that `round_up` to a multiple of 4; shorter
    rows are filled with unused positions.
    """
    needed = labels != IGNORE
    needed[:, 0] = True
    return needed.byte().argsort(dim=1, descending=True, stable=True)[
        :, : round_up(int(needed.sum(1).max()), 4, labels)
    ]


# ---- Mean losses -----------------------------------------------------------------------------------------------------
# Never in less than float32. The values of labels are checked on a CPU only: a GPU would have to wait for them.


def check_labels(labels: Tensor, beside: Tensor) -> None:
    """Raise TypeError or ValueError for labels that are no tensor, or on another device than the tensor `beside`."""
    check_kind(labels, Tensor, "labels")
    if labels.device != beside.device:
        raise ValueError(f"labels are on {labels.device}, the model on {beside.device}: move them")


def mean_cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy in nats of logits (N, C) over the labels (N,) that are not -100; 0 where there are none.

    With `class_weights` (C,) it is a weighted mean, in which each label counts by its class. Raises ValueError for
    labels that do not fit; on a GPU PyTorch checks their values.
    """
    check_labels(labels, logits)
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"labels has shape {tuple(labels.shape)} for {len(logits)} rows")
    if labels.dtype != torch.int64:
        raise ValueError(f"labels are {labels.dtype}; class numbers must be whole numbers (torch.int64)")
    given = labels != IGNORE
    if can_check_values(labels) and given.any():
        low, high, C = labels[given].min(), labels[given].max(), logits.size(1)
        if low < 0 or high >= C:
            raise ValueError(f"labels run from {low} to {high}; there are {C} classes, 0 to {C - 1}")
    logits = widen_half_precision(logits)
    if class_weights is None:
        total = F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum")
        return total / given.sum().clamp(min=1)
    class_weights = class_weights.to(logits.dtype)
    total = F.cross_entropy(logits, labels, class_weights, ignore_index=IGNORE, reduction="sum")
    counted = class_weights[labels[given]].sum()
    return total / counted if given.any() else total


def mean_sigmoid_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean binary cross-entropy in nats of sigmoid(logits) (B, C) over the labels (B, C) that are not -100.

    Each label is 0 or 1, or a probability between them. The loss is 0 where no label is given. Raises ValueError for
    labels that do not fit.
    """
    logits, labels = match_float_labels(logits, labels)
    given = labels != IGNORE
    if can_check_values(labels) and not ((labels >= 0) & (labels <= 1) | ~given).all():
        raise ValueError(
            f"labels lie from {labels[given].min():g} to {labels[given].max():g}; each must be 0 or 1, or -100 where "
            "it is missing"
        )
    losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return losses.masked_fill(~given, 0).sum() / given.sum().clamp(min=1)


def mean_squared_error(predictions: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of predictions (B, C) over the labels (B, C), or (B,) where C is 1, that are not nan.

    The error is 0 where no label is given. Raises ValueError for labels that do not fit.
    """
    predictions, labels = match_float_labels(predictions, labels)
    given = ~labels.isnan()
    if can_check_values(labels) and labels.isinf().any():
        raise ValueError("labels hold infinity; each must be a finite number, or nan where it is missing")
    differences = (predictions - labels).masked_fill(~given, 0)
    return differences.square().sum() / given.sum().clamp(min=1)


def match_float_labels(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Both as (B, C) in one dtype. Raises ValueError for labels of another shape, or for whole numbers."""
    check_labels(labels, logits)
    B, C = logits.shape
    if labels.shape != (B, C) and not (C == 1 and labels.shape == (B,)):
        raise ValueError(f"labels has shape {tuple(labels.shape)}; for {B} rows and {C} outputs it must be {(B, C)}")
    if not labels.is_floating_point():
        raise ValueError(f"labels are {labels.dtype}; for this problem_type they must be floats: labels.float()")
    logits = widen_half_precision(logits)
    return logits, labels.reshape(B, C).to(logits.dtype)


def widen_half_precision(logits: Tensor) -> Tensor:
    """float16 and bfloat16 as float32: a sum of losses in half precision overflows or loses its last digits."""
    return logits if logits.dtype == torch.float64 else logits.float()
