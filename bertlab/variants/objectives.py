"""Other questions than BERT's: replaced tokens (ELECTRA), next tokens beside masked ones (GPT-BERT), the answers of a
teacher (distillation), and masks that never change (BERT's own, before RoBERTa).

Dimension letters: B batch, T tokens, M tokens with a label, D hidden size, V vocabulary size.
"""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..batches import IGNORE
from ..heads import Output, Pretraining, mean_sigmoid_cross_entropy
from ..masking import PretrainingCollate, Row
from ..model import ACTIVATIONS
from ..wordpiece import WordPiece

# ---- ELECTRA ---------------------------------------------------------------------------------------------------------


def replace_tokens(input_ids: Tensor, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Put a word that the generator draws in place of each masked one: ids (B, T), and whether it was replaced (B, T).

    `logits` (M, V) are the generator's scores at the M labels, in reading order. A draw that happens to be the original
    word counts as original (Clark et al. 2020, section 2).
    """
    masked = labels != IGNORE
    original = input_ids.where(~masked, labels)
    drawn = original.clone()
    drawn[masked] = torch.distributions.Categorical(logits=logits.detach().float()).sample()
    return drawn, drawn != original


class Electra(nn.Module):
    """ELECTRA (Clark et al. 2020): a small generator fills the masks, a discriminator says of each token whether it was
    replaced. The discriminator learns from all tokens, and is what is kept: `bert`.

    The two share their embeddings. The generator has the discriminator's width and one layer, so that they can; the
    paper's is narrower. The loss is the generator's MLM loss plus `weight` times the discriminator's.
    """

    def __init__(self, generator: Pretraining, discriminator: Pretraining, weight: float = 50.0):
        super().__init__()
        self.config = discriminator.config
        self.generator, self.bert, self.weight = generator, discriminator.bert, weight
        generator.bert.embeddings = self.bert.embeddings
        self.dense = nn.Linear(self.config.hidden_size, self.config.hidden_size)
        self.output = nn.Linear(self.config.hidden_size, 1)
        self.activation = ACTIVATIONS[self.config.hidden_act]
        for part in (self.dense, self.output):
            part.apply(self.bert.init_weights)

    def judge_tokens(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """A score for each token, high where it seems to be replaced: (B, T) -> (B, T)."""
        hidden = self.bert(input_ids, attention_mask=attention_mask)
        return self.output(self.activation(self.dense(hidden)))[..., 0]

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Output:
        """`mlm_loss` and `mlm_logits` are the generator's, `logits` (B, T) the discriminator's."""
        guess = self.generator(input_ids, None, attention_mask, labels)
        drawn, replaced = replace_tokens(input_ids, labels, guess.mlm_logits)
        scores = self.judge_tokens(drawn, attention_mask)
        targets = replaced.to(scores.dtype)
        if attention_mask is not None:
            targets = targets.masked_fill(attention_mask == 0, IGNORE)
        loss = guess.mlm_loss + self.weight * mean_sigmoid_cross_entropy(scores, targets)
        return Output(loss=loss, logits=scores, mlm_logits=guess.mlm_logits, mlm_loss=guess.mlm_loss)


@torch.no_grad()
def score_by_discriminator(model: Electra, tokenizer: WordPiece, sentences: Sequence[str]) -> list[float]:
    """How original each sentence seems: the sum over its tokens of log P(not replaced), [CLS] and [SEP] left out.

    The sentence is read once, where `grammar.score_sentences` masks each token in turn.
    """
    scores = []
    for sentence in sentences:
        ids = torch.tensor([tokenizer.encode(sentence).input_ids])
        scores.append(float(F.logsigmoid(-model.judge_tokens(ids))[0, 1:-1].sum()))
    return scores


# ---- Next tokens beside masked ones ----------------------------------------------------------------------------------


class NextTokenPretraining(Pretraining):
    """Predicts each word from the vector of the token before it, so that masked words and next words are one question
    (GPT-BERT, Charpentier and Samuel 2024)."""

    def forward(self, input_ids, token_type_ids=None, attention_mask=None, labels=None, next_sentence_label=None):
        if labels is not None:
            labels = F.pad(labels[:, 1:], (0, 1), value=IGNORE)
        return super().forward(input_ids, token_type_ids, attention_mask, labels, next_sentence_label)


class HybridCollate:
    """Batches in which some rows are read from left to right: nothing is masked, each word is to be predicted, and a
    token attends to itself and to those before it. All other rows are masked as usual. All rows have one length."""

    def __init__(self, collate: PretrainingCollate, causal_rows: int):
        self.collate, self.causal_rows = collate, causal_rows

    def __call__(self, rows: Sequence[Row], rng: np.random.Generator) -> dict[str, Tensor]:
        batch = self.collate(rows, rng)
        ids, labels = batch["input_ids"], batch["labels"]
        B, T = ids.shape
        causal = (torch.arange(B) < self.causal_rows)[:, None]  # (B, 1); the rows are in no order
        words = ids.where(labels == IGNORE, labels)
        special = torch.from_numpy(self.collate.special)[words]
        mask = torch.ones(B, T, T, dtype=torch.bool)
        mask[: self.causal_rows] = mask[0].tril()
        return {"input_ids": words.where(causal, ids), "attention_mask": mask,
                "labels": words.masked_fill(special, IGNORE).where(causal, labels)}  # fmt: skip


# ---- Distillation ----------------------------------------------------------------------------------------------------


class Distilled(nn.Module):
    """A student that learns from the masked words and from what a frozen teacher thinks of them (Hinton et al. 2015,
    Sanh et al. 2019). Both have the same vocabulary. Without training, it is the student."""

    def __init__(self, student: Pretraining, teacher: Pretraining, share: float = 0.5, temperature: float = 2.0):
        super().__init__()
        self.config, self.bert, self.student = student.config, student.bert, student
        self.teacher = teacher.eval().requires_grad_(False)
        self.share, self.temperature = share, temperature

    def train(self, mode: bool = True) -> "Distilled":
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, input_ids, token_type_ids=None, attention_mask=None, labels=None) -> Output:
        """`loss` is (1 - share) * MLM loss + share * temperature^2 * KL(teacher, student), both softened."""
        output = self.student(input_ids, token_type_ids, attention_mask, labels)
        if not self.training:
            return output
        with torch.no_grad():
            expected = self.teacher(input_ids, token_type_ids, attention_mask, labels).mlm_logits
        soft = [logits.float() / self.temperature for logits in (output.mlm_logits, expected)]  # (M, V) each
        divergence = F.kl_div(soft[0].log_softmax(-1), soft[1].log_softmax(-1), reduction="batchmean", log_target=True)
        output.loss = (1 - self.share) * output.loss + self.share * self.temperature**2 * divergence
        return output


# ---- Masks that never change -----------------------------------------------------------------------------------------


class StaticCollate:
    """The masks of a row depend on the row alone: whenever it comes again, the same words are hidden, as in the files
    that Google's code writes. All rows have one length."""

    def __init__(self, collate: PretrainingCollate):
        self.collate = collate

    def __call__(self, rows: Sequence[Row], rng: np.random.Generator) -> dict[str, Tensor]:
        seeds = [zlib.crc32(np.asarray(row[0]).tobytes()) for row in rows]
        batches = [self.collate([row], np.random.default_rng(seed)) for row, seed in zip(rows, seeds, strict=True)]
        return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
