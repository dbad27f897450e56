"""The exercises of notebook 07, MLM: masking, the loss of the masked positions, the MLM head, whole words."""

import math
import random
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close, random_numbers

# ---- mask_tokens -----------------------------------------------------------------------------------------

SPECIAL = np.arange(105) < 5  # [PAD] [UNK] [CLS] [SEP] [MASK]; the words are 5 to 104
MASK = 4


def make_ids() -> np.ndarray:
    """400 rows of [CLS], 30 words and [SEP]; in every fourth row [PAD] takes the place of the last eight."""
    ids = np.random.default_rng(0).integers(5, 105, (400, 32))
    ids[:, 0], ids[:, -1] = 2, 3
    ids[::4, 24:], ids[::4, 23] = 0, 3
    return ids


IDS = make_ids()
WORDS = ~SPECIAL[IDS]


def compute_masked_tokens(ids, special, mask_id, rng, rate=0.15, mask=0.8, random=0.1):
    """Hide tokens as BERT does: ids (B, T) to what the model reads and the labels, both (B, T)."""
    chosen = (rng.random(ids.shape) < rate) & ~special[ids]
    dice = rng.random(ids.shape)
    other = rng.choice(np.flatnonzero(~special), ids.shape)
    new = np.where(dice < mask, mask_id, np.where(dice < mask + random, other, ids))
    return np.where(chosen, new, ids), np.where(chosen, ids, -100)


def run_mask_tokens(
    mask_tokens, seed: int = 0, ids: np.ndarray = IDS, special: np.ndarray = SPECIAL, mask_id: int = MASK, **settings
) -> tuple[np.ndarray, np.ndarray]:
    """What the model reads, and the labels. Raises Hint unless they are two whole-number arrays of the right shape."""
    own = ids.copy()
    try:
        answer = mask_tokens(own, special.copy(), mask_id, np.random.default_rng(seed), **settings)
    except ValueError as error:
        raise Hint(
            "Two shapes do not fit. ids is (B, T) and special is (V,), so special[ids] is (B, T), too. "
            f"numpy's error: {error}"
        ) from None
    except ZeroDivisionError:
        raise Hint("With mask=1 you divide by 1 - mask, which is 0. Compare one number with mask + random.") from None
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "Return two arrays: what the model reads, and the labels.",
    )
    hidden, labels = map(np.asarray, answer)
    expect(
        hidden.shape == labels.shape == ids.shape, "Both arrays have the shape of ids. Positions are never left out."
    )
    expect(
        all(np.issubdtype(array.dtype, np.integer) for array in (hidden, labels)),
        "Ids and labels are whole numbers. Do not put nan or None where there is no label: put -100.",
    )
    expect((own == ids).all(), "Your function changes the ids that it is given. Work on a copy: ids.copy().")
    expect(
        (hidden != -100).all(), "The first array is what the model reads, and -100 is no word. Labels are the second."
    )
    return hidden, labels


def refuse_shared_numbers(hit: np.ndarray, among: np.ndarray) -> None:
    """Raise Hint where all tokens of a row, or of a position, had the same luck."""
    for axis, what in ((1, "row"), (0, "position")):
        shares = (hit & among).sum(axis)[among.any(axis)] / among.sum(axis)[among.any(axis)]
        expect(
            not ((shares == 0) | (shares == 1)).all() or shares.min() == shares.max(),
            f"All tokens of a {what} share one random number. Every token needs its own: rng.random(ids.shape).",
        )


def labels_are_the_text(mask_tokens):
    hidden, labels = run_mask_tokens(mask_tokens)
    asked = labels != -100
    expect(asked.any(), "There is no label, so the model would learn nothing.")
    expect(not asked.all(), "Every position has a label. Those that are not chosen get -100.")
    expect(
        not (labels[asked] == MASK).any(),
        "A label is the id of [MASK]: you took it after hiding. A label is the word that was there before.",
    )
    expect(
        (labels[asked] == IDS[asked]).all(),
        "Some labels are not the original word. A label comes from ids, and not from what replaces the word.",
    )
    changed = hidden != IDS
    expect(
        changed[asked].any() or not changed.any(),
        "No token with a label is changed, but others are. Labels belong to the chosen tokens, -100 to the others.",
    )
    expect(
        not changed[~asked].any(),
        "Some tokens are changed but have no label. Every token that you replace must be one of the chosen ones.",
    )


def special_tokens_stay(mask_tokens):
    _, labels = run_mask_tokens(mask_tokens)
    asked = labels != -100
    names = {0: "[PAD]", 2: "[CLS]", 3: "[SEP]"}
    found = [name for id_, name in names.items() if asked[id_ == IDS].any()]
    expect(
        not found,
        f"You chose {' and '.join(found)}. A model can predict them without reading: leave out where special[ids].",
    )


def share_of_the_words(mask_tokens):
    for rate in (0.15, 0.4):
        hidden, labels = run_mask_tokens(mask_tokens, rate=rate)
        asked = labels != -100
        refuse_shared_numbers(asked, WORDS)
        share = asked[WORDS].mean()
        expect(abs(share - (1 - rate)) > 0.02, f"You chose {share:.0%} of the words: the comparison is the wrong way.")
        expect(abs(share - 0.15) > 0.02 or rate == 0.15, "You chose 15% of the words, but rate is 0.4. Use the rate.")
        masked = (hidden[asked] == MASK).all()
        expect(
            abs(share - rate) < 0.02 or masked or (hidden == IDS)[asked].any(),
            "No word that stays as it is has a label. The tenth that stays is chosen as well, and gets its label.",
        )
        expect(abs(share - rate) < 0.02, f"The rate is {rate:.0%} of the words, and you chose {share:.1%} of them.")


def three_replacements(mask_tokens):
    hidden, labels = run_mask_tokens(mask_tokens)
    asked = labels != -100
    refuse_shared_numbers(hidden == MASK, asked)
    masked, same = (hidden == MASK)[asked].mean(), (hidden == IDS)[asked].mean()
    other = 1 - masked - same
    shares = f"{masked:.0%} of the chosen words became [MASK], {other:.0%} another word, and {same:.0%} stayed"
    expect(
        other > 0.001 or same > 0.001,
        "Every chosen word became [MASK]. A tenth should become a random word. Which one does is decided by another "
        "random number than the one that chooses.",
    )
    expect(
        other > 0.001,
        "No chosen word became a random one. What is not below mask is not below random either: compare it with mask + "
        "random.",
    )
    expect(
        not (abs(masked - 0.72) < 0.025 and same > 0.14),
        f"{shares}. You threw the dice twice, and the second throw undid some of the first. One random number per word "
        "decides among the three cases.",
    )
    expect(
        not (abs(masked - 0.8) < 0.03 and other < 0.045),
        f"{shares}. You threw the dice again for the words that are left, and took a tenth of a fifth. Compare the "
        "same random number with 0.8 and with 0.9.",
    )
    expect(
        not (abs(masked - 0.8) < 0.03 and same < 0.03), f"{shares}. The last tenth should stay as it is in the text."
    )
    expect(
        abs(masked - 0.8) < 0.03 and abs(other - 0.1) < 0.03,
        f"{shares}. The shares should be 80%, 10% and 10% of the chosen words.",
    )


def random_words(mask_tokens):
    hidden, labels = run_mask_tokens(mask_tokens, rate=0.5, mask=0.0, random=1.0)
    asked = labels != -100
    drawn = hidden[asked]
    expect(
        (drawn == MASK).mean() < 0.5,
        "With mask=0 and random=1 some chosen words became [MASK]. Use the arguments mask and random, not 0.8 and 0.9.",
    )
    expect(not SPECIAL[drawn].any(), "A special token was drawn as a random word. Draw among the others only.")
    kinds = len(np.unique(drawn))
    expect(
        kinds > 1,
        "All random words are the same one. Every position needs a draw of its own: rng.choice(words, shape).",
    )
    expect(kinds > 90, f"Only {kinds} of the 100 words were drawn in thousands of draws. Draw among all of them.")
    hidden, labels = run_mask_tokens(mask_tokens, mask=1.0, random=0.0)
    expect((hidden[labels != -100] == MASK).all(), "With mask=1 every chosen word becomes [MASK]. Use the arguments.")


def another_vocabulary(mask_tokens):
    special = np.isin(np.arange(60), [0, 20, 59])  # [CLS], [SEP] and [MASK]
    ids = np.random.default_rng(3).integers(1, 20, (300, 24))  # the words 21 to 58 do not occur
    ids[:, 0], ids[:, -1] = 0, 20
    hidden, labels = run_mask_tokens(mask_tokens, 4, ids, special, 59, rate=0.5, mask=0.4, random=0.4)
    asked = labels != -100
    expect(
        not asked[special[ids]].any() and len(np.unique(labels[asked])) == 19,
        "In another vocabulary other ids are special. The argument special says which: look up special[ids].",
    )
    masked, same = (hidden == 59)[asked].mean(), (hidden == ids)[asked].mean()
    expect(masked > 0.2, "In this vocabulary [MASK] has the id 59. Use mask_id.")
    expect(
        abs(masked - 0.4) < 0.05 and abs(same - 0.2) < 0.05,
        f"With mask=0.4 and random=0.4, {masked:.0%} of the chosen words became [MASK], {1 - masked - same:.0%} "
        f"another word, and {same:.0%} stayed. Use both arguments: 40%, 40% and 20%.",
    )
    drawn = hidden[asked & (hidden != ids) & (hidden != 59)]
    expect(not special[drawn].any(), "In this vocabulary a special token was drawn as a random word. Use special.")
    expect(
        len(np.unique(drawn)) > 50,
        "Some words of the vocabulary are never drawn as random words. Draw among all that are not special, and not "
        "only among those of the batch.",
    )


def only_the_given_randomness(mask_tokens):
    (first, _), (again, _), (other, _) = (run_mask_tokens(mask_tokens, seed) for seed in (1, 1, 2))
    expect(
        (first == again).all(),
        "The same rng gave another answer. Take all random numbers from rng, so that a run can be repeated.",
    )
    expect(
        (first != other).any(),
        "Another rng gave the same answer. Do not make a generator of your own: BERT sees new masks in every epoch.",
    )


# ---- masked_loss -----------------------------------------------------------------------------------------


def compute_masked_loss(logits, labels):
    """Mean cross-entropy in nats of logits (..., V) over the labels (...) that are not -100."""
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=-100)


def as_loss(answer: object) -> float:
    """The loss as a float. Raises Hint when it is not one number, or nan."""
    loss = as_number(answer, "one number: a tensor without axes, or a float")
    expect(
        not math.isnan(loss),
        "The loss is nan. Scores may be negative or large: use log_softmax, and do not divide by zero.",
    )
    return loss


def loss_of_one_label(masked_loss):
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]], dtype=torch.float64))
    try:
        value = as_loss(masked_loss(logits, torch.tensor([[1, -100]])))
    except (IndexError, RuntimeError) as error:
        expect(
            "-100" not in str(error), "-100 is no word and cannot be looked up. First pick the positions with a label."
        )
        raise Hint(
            "Each label picks one number from its own row of log probabilities: row n, column label n, for example by "
            f"gather(-1, labels[:, None]). torch's error: {error}"
        ) from None
    expect(not is_close(value, -math.log(4)), "The sign is wrong: the loss is minus the logarithm.")
    expect(not is_close(value, -0.25), "The logarithm is missing: the loss is the mean of -ln p, and not of -p.")
    expect(not is_close(value, 0.0), "The softmax runs over the positions. It belongs to the words, the last axis.")
    expect(not is_close(value, 2.0), "Your loss is in bits. It should be in nats: take the natural logarithm.")
    expect(
        not is_close(value, math.log(4) / 2),
        "You divided by the number of tokens. Divide by the number of labels, which is one here.",
    )
    expect(
        not is_close(value, (math.log(4) + math.log(10)) / 2),
        "Your loss counts every position. A position whose label is -100 must not count.",
    )
    expect(
        is_close(value, math.log(4)),
        "There is one label, and its word has the probability 1/4, so the loss is ln 4 = 1.386.",
    )


def loss_of_several(masked_loss):
    logits, labels = 3 * random_numbers(1, 2, 4, 7), torch.tensor([[-100, 3, -100, 0], [6, -100, -100, -100]])
    expected = float(F.cross_entropy(logits.flatten(0, 1), labels.flatten()))
    value = as_loss(masked_loss(logits, labels))
    expect(not is_close(value, 3 * expected), "This is the sum over the labels. The loss is their mean.")
    expect(
        not is_close(value, expected * 3 / 8), "You divided by the number of tokens. Divide by the number of labels."
    )
    asked = labels != -100
    picked, right = logits[asked], labels[asked][:, None]
    for wrong, hint in (
        (
            -picked.softmax(-1).gather(-1, right).mean().log(),
            "This is the logarithm of the mean probability. Take the logarithm at each label, and then the mean.",
        ),
        (
            -picked.gather(-1, right).mean(),
            "You averaged the scores. A score becomes a log probability by log_softmax over the vocabulary.",
        ),
        (
            -picked.log_softmax(-1)[:, right[:, 0]].mean(),
            "You looked up every label in every row. Each row has one label: gather(-1, labels[:, None]).",
        ),
        (
            -picked.log_softmax(0).gather(-1, right).mean(),
            "The softmax runs over the positions. It belongs to the words, the last axis.",
        ),
        (
            -logits.log_softmax(1)[asked].gather(-1, right).mean(),
            "The softmax runs over the positions. It belongs to the words, the last axis.",
        ),
    ):
        expect(not is_close(value, wrong), hint)
    rows = [float(F.cross_entropy(logits[b], labels[b])) for b in range(2)]
    expect(
        not is_close(value, sum(rows) / 2),
        "You took the mean of the means of the rows. Every label has the same weight: take one mean over all labels.",
    )
    copied = torch.where(labels < 0, 0, labels)
    expect(
        not is_close(value, float(F.cross_entropy(logits.flatten(0, 1), copied.flatten()))),
        "Your loss counts every position. A position whose label is -100 must not count.",
    )
    kept = labels > 0
    expect(
        not is_close(value, float(F.cross_entropy(logits[kept], labels[kept]))),
        "A label of 0 is a word like any other. Only -100 is ignored.",
    )
    expect(
        is_close(value, expected),
        f"With three labels in two rows the loss is {expected:.4f}, and yours is {value:.4f}.",
    )


def loss_of_a_list(masked_loss):
    logits, labels = random_numbers(2, 5, 7), torch.tensor([2, 0, -100, 6, 3])
    try:
        value = as_loss(masked_loss(logits, labels))
    except (IndexError, RuntimeError, ValueError) as error:
        raise Hint(
            "Your function fails where logits is (N, V) and labels is (N,), as when the chosen positions were picked "
            f"out before. logits[labels != -100] works for any number of axes. The error: {error}"
        ) from None
    expect(is_close(value, float(F.cross_entropy(logits, labels))), "For logits (5, 7) and labels (5,) it is wrong.")


def loss_of_large_scores(masked_loss):
    logits = torch.tensor([[[1000.0, 0.0], [0.0, 0.0]]])
    value = as_loss(masked_loss(logits, torch.tensor([[0, 1]])))
    expect(not math.isinf(value), "With a score of 1000 the loss is infinite, because exp overflows. Use log_softmax.")
    expect(
        is_close(value, math.log(2) / 2),
        "With the scores 1000 and 0 the loss of the first word is 0, and with 0 and 0 it is ln 2. Their mean is 0.347.",
    )
    value = as_loss(masked_loss(logits, torch.tensor([[1, -100]])))
    expect(
        not math.isinf(value),
        "A word with the score 0 beside one with 1000 has a loss of 1000, and yours is infinite, because its "
        "probability is rounded to 0. Use log_softmax, not the logarithm of the softmax.",
    )


# ---- mlm_head --------------------------------------------------------------------------------------------


def make_head() -> tuple[SimpleNamespace, Tensor]:
    """A head of width 8 for 12 words whose numbers are all different from 0 and 1; and the word embeddings (12, 8)."""
    dense, norm = nn.Linear(8, 8), nn.LayerNorm(8, eps=1e-12)
    with torch.no_grad():
        for number, weight in enumerate((dense.weight, dense.bias, norm.weight, norm.bias)):
            weight.copy_(random_numbers(10 + number, *weight.shape))
    head = SimpleNamespace(dense=dense.requires_grad_(False), norm=norm.requires_grad_(False))
    head.bias = random_numbers(20, 12).float()
    return head, random_numbers(21, 12, 8).float()


def compute_mlm_head(x, head, words):
    """The MLM head: vectors x (..., D) to scores for every word (..., V), by the word embeddings (V, D)."""
    return F.linear(head.norm(F.gelu(head.dense(x))), words, head.bias)


def head_of_a_batch(mlm_head):
    head, words = make_head()
    x = random_numbers(22, 2, 3, 8).float()
    try:
        y = mlm_head(x, head, words)
    except RuntimeError as error:
        raise Hint(
            "The shapes do not fit. A vector (D,) times words.T, which is (D, V), gives V scores. "
            f"torch's error: {error}"
        ) from None
    expect(isinstance(y, Tensor), "Return a tensor of scores.")
    expect(
        y.shape == (2, 3, 12),
        f"There are 12 words, so the scores of a batch (2, 3, 8) are (2, 3, 12). Yours are {tuple(y.shape)}.",
    )
    dense, norm, bias = head.dense, head.norm, head.bias
    for wrong, hint in (
        (norm(F.gelu(dense(x))) @ words.T, "The bias is missing: every word has a number of its own in head.bias."),
        (x @ words.T + bias, "You compared the encoder's vector itself. It goes through dense, GELU and norm first."),
        (norm(x) @ words.T + bias, "Dense and GELU are missing: the order is dense, GELU, LayerNorm."),
        (norm(F.gelu(x)) @ words.T + bias, "The linear layer is missing: head.dense comes first."),
        (dense(x) @ words.T + bias, "GELU and LayerNorm are missing after dense."),
        (norm(dense(F.gelu(x))) @ words.T + bias, "The order is dense, GELU, LayerNorm. Your GELU comes first."),
        (dense(F.gelu(norm(x))) @ words.T + bias, "The order is dense, GELU, LayerNorm. Yours is the other way round."),
        (
            norm(F.gelu(dense(x), approximate="tanh")) @ words.T + bias,
            "This is the approximation of GELU by tanh. BERT's head uses the exact one, F.gelu(x).",
        ),
        (norm(torch.tanh(dense(x))) @ words.T + bias, "The nonlinearity is GELU here. The tanh is in the pooler."),
        (
            norm(F.gelu(dense(x))) @ words.T - bias,
            "The bias is subtracted. The score of a word is its dot product plus its bias.",
        ),
        (norm(dense(x)) @ words.T + bias, "The nonlinearity between dense and norm is missing: F.gelu."),
        (norm(F.relu(dense(x))) @ words.T + bias, "This is ReLU. BERT's head has GELU, as its layers do: F.gelu."),
        (F.gelu(dense(x)) @ words.T + bias, "The LayerNorm after GELU is missing: head.norm."),
        (F.gelu(norm(dense(x))) @ words.T + bias, "The order is dense, GELU, LayerNorm. You normalised before GELU."),
        (F.gelu(dense(norm(x))) @ words.T + bias, "The order is dense, GELU, LayerNorm. You normalised first."),
        (
            norm(x + F.gelu(dense(x))) @ words.T + bias,
            "There is no residual connection in the head: do not add x.",
        ),
        (
            (norm(F.gelu(dense(x))) @ words.T + bias).softmax(-1),
            "You took the softmax. The head gives scores, and the loss takes the softmax of them.",
        ),
        (
            (norm(F.gelu(dense(x))) @ words.T + bias).log_softmax(-1),
            "You took the log-softmax. The head gives scores, and the loss takes the softmax of them.",
        ),
    ):
        expect(not is_close(y, wrong), hint)
    expect(
        is_close(y, compute_mlm_head(x, head, words)),
        "The scores are not the expected ones. Compare each part with section 4.",
    )


def head_of_chosen_vectors(mlm_head):
    head, words = make_head()
    x = random_numbers(23, 5, 8).float()
    try:
        y = mlm_head(x, head, words)
    except (RuntimeError, ValueError, IndexError) as error:
        raise Hint(f"It fails for five vectors (5, 8). Use no fixed number of axes. The error: {error}") from None
    expect(
        is_close(y, compute_mlm_head(x, head, words)),
        "For five vectors without a batch axis, (5, 8), the scores are wrong. Use no fixed number of axes.",
    )


# ---- choose_whole_words ----------------------------------------------------------------------------------

TOKENS = ["[CLS]", "the", "un", "##right", "##eous", "man", "be", "##lieve", "##th", "not", ".", "[SEP]"]
WHOLE_WORDS = [{1}, {2, 3, 4}, {5}, {6, 7, 8}, {9}, {10}]


def choose_words_to_budget(tokens, budget, draw):
    """Positions of the tokens to hide: all pieces of a word or none, at most `budget` of them."""
    words: list[list[int]] = []
    for t, token in enumerate(tokens):
        if token in ("[CLS]", "[SEP]", "[PAD]"):
            continue
        if token.startswith("##") and words:
            words[-1].append(t)
        else:
            words.append([t])
    draw.shuffle(words)
    chosen: list[int] = []
    for word in words:
        if len(chosen) + len(word) <= budget:
            chosen += word
    return chosen


def run_choose_whole_words(choose_whole_words, tokens: list[str], budget: int, seed: int) -> set[int]:
    """The chosen positions. Raises Hint unless they are a list of different numbers."""
    try:
        answer = choose_whole_words(list(tokens), budget, random.Random(seed))
    except TypeError as error:
        expect("NoneType" not in str(error), "draw.shuffle changes the order of the list itself and returns None.")
        raise
    expect(
        isinstance(answer, list | set | tuple | np.ndarray)
        and all(isinstance(t, int | np.integer) and t is not True for t in answer),
        f"Return a list of positions. Yours is {answer!r}.",
    )
    expect(len(set(answer)) == len(answer), f"A position occurs twice: {answer!r}.")
    return set(answer)


def pieces_stay_together(choose_whole_words):
    for seed in range(30):
        chosen = run_choose_whole_words(choose_whole_words, TOKENS, 4, seed)
        expect(not chosen & {0, 11}, "You chose [CLS] or [SEP]. They are not words.")
        for word in WHOLE_WORDS:
            if chosen & word:
                expect(
                    word <= chosen,
                    f"Only a part of {[TOKENS[t] for t in sorted(word)]} is masked. A piece with ## belongs to the "
                    "word before it.",
                )


def budget_is_kept(choose_whole_words):
    for budget in (1, 2, 3, 4):
        for seed in range(30):
            chosen = run_choose_whole_words(choose_whole_words, TOKENS, budget, seed)
            expect(
                len(chosen) <= budget,
                f"You masked {len(chosen)} pieces, and the budget is {budget}. It counts pieces, not words, and a word "
                "that does not fit is skipped.",
            )
    expect(
        any(run_choose_whole_words(choose_whole_words, TOKENS, 1, seed) for seed in range(30)),
        "With a budget of 1 nothing is masked, although there are words of one piece. The budget may be used up.",
    )
    for seed in range(30):
        chosen = run_choose_whole_words(choose_whole_words, TOKENS, 2, seed)
        expect(
            len(chosen) == 2,
            "The budget is 2 and there are words of one piece, but you masked fewer. When a word is too long for what "
            "is left, continue with the next one.",
        )


def every_word_can_be_chosen(choose_whole_words):
    many = [run_choose_whole_words(choose_whole_words, TOKENS, 3, seed) for seed in range(400)]
    rates = [sum(word <= chosen for chosen in many) / 400 for word in WHOLE_WORDS]
    expect(min(rates) > 0, "Some words are never chosen. Shuffle them with draw.shuffle, and take them in that order.")
    single = [rates[i] for i in (0, 2, 4, 5)]
    expect(
        max(single) - min(single) < 0.15,
        "Words at one end of the text are chosen more often than those at the other end. Is their order random?",
    )
    expect(
        max(rates[1], rates[3]) < 0.24,
        "Long words are chosen too often. Put the words into random order, and not the pieces.",
    )
    again = [run_choose_whole_words(choose_whole_words, TOKENS, 3, seed) for seed in range(400)]
    expect(
        many == again,
        "The same seed gave another answer. Use no source of randomness but draw.",
    )


def only_special(choose_whole_words):
    try:
        chosen = run_choose_whole_words(choose_whole_words, ["[CLS]", "[SEP]", "[PAD]"], 1, 0)
    except IndexError:
        raise Hint("Your function fails for a text without words. Choose nothing in this case.") from None
    expect(not chosen, "There is no word in [CLS] [SEP] [PAD], but you chose one.")


def row_within_a_word(choose_whole_words):
    tokens = ["[CLS]", "##eous", "man", "[SEP]"]
    try:
        chosen = [run_choose_whole_words(choose_whole_words, tokens, 1, seed) for seed in range(30)]
    except IndexError:
        raise Hint(
            "Your function fails for a row that begins within a word, with a piece such as ##eous after [CLS]. There "
            "is no word before it, so it begins one."
        ) from None
    expect(
        {2} in chosen and all(positions <= {1, 2} for positions in chosen),
        "A row may begin within a word: [CLS] ##eous man. There [CLS] is still no word, and man is one.",
    )
    chosen = run_choose_whole_words(choose_whole_words, TOKENS, 10, 0)
    expect(chosen == set(range(1, 11)), "A budget of 10 is enough for all six words, but you left some out.")


# ---- replace_chosen, tie_decoder: find the bug -----------------------------------------------------------


def replaced_words(replace_chosen):
    chosen, ids = WORDS & (np.random.default_rng(5).random(IDS.shape) < 0.5), IDS.copy()
    hidden = replace_chosen(ids, chosen, MASK, np.arange(5, 105), np.random.default_rng(6))
    expect(isinstance(hidden, np.ndarray) and hidden.shape == IDS.shape, "Return the ids that the model reads, (B, T).")
    expect((ids == IDS).all(), "Your function changes the ids that it is given. Work on a copy.")
    expect((hidden[~chosen] == IDS[~chosen]).all(), "A token that was not chosen is changed.")
    masked, same = (hidden == MASK)[chosen].mean(), (hidden == IDS)[chosen].mean()
    shares = f"{masked:.1%} [MASK], {1 - masked - same:.1%} another word, {same:.1%} as they were"
    expect(
        abs(masked - 0.8) < 0.02,
        f"The chosen words are {shares}. What happens to a word that is a [MASK] already when the second line runs?",
    )
    expect(abs(same - 0.1) < 0.02, f"The chosen words are {shares}. The shares should be 80, 10 and 10.")
    hidden, again = (
        replace_chosen(IDS.copy(), chosen, 200, np.arange(300, 400), np.random.default_rng(7)) for _ in range(2)
    )
    expect((hidden == again).all(), "The same rng gave another answer. Take all random numbers from rng.")
    expect((hidden == 200).any(), "Use mask_id: it is not the same number in every vocabulary.")
    drawn = hidden[(hidden != IDS) & (hidden != 200)]
    expect((drawn >= 300).all(), "A random word was drawn that is not in words.")
    expect(len(np.unique(drawn)) > 90, "Too few different random words. Each position needs a draw of its own.")
    other = replace_chosen(IDS.copy(), chosen, 200, np.arange(300, 400), np.random.default_rng(8))
    expect((hidden != other).any(), "Another rng gave the same answer. Use the one that is given.")


def decoder_is_tied(tie_decoder):
    embedding, decoder = nn.Embedding(12, 8), nn.Linear(8, 12)
    table = random_numbers(30, 12, 8)
    with torch.no_grad():
        embedding.weight.copy_(table)
    try:
        tie_decoder(decoder, embedding)
    except TypeError as error:
        raise Hint(
            "A weight must be a Parameter, and a tensor computed from one is none. Give the decoder the embedding's "
            f"own weight. torch's error: {error}"
        ) from None
    except RuntimeError as error:
        raise Hint(
            "Copying numbers into a Parameter does not tie it: they would be two tensors. Make them one. torch's "
            f"error: {error}"
        ) from None
    expect(
        is_close(embedding.weight, table),
        "The word table has changed. The decoder takes the embedding's table, and not the other way round.",
    )
    expect(is_close(decoder.weight, embedding.weight), "The decoder does not hold the word embeddings.")
    both = {id(weight): weight for part in (embedding, decoder) for weight in part.parameters()}.values()
    optimizer = torch.optim.SGD(list(both), lr=0.1)
    F.cross_entropy(decoder(embedding(torch.tensor([1, 2]))), torch.tensor([3, 4])).backward()
    optimizer.step()
    expect(
        is_close(decoder.weight, embedding.weight),
        "They are equal at first, but after one step of training they differ. Are they one tensor, or two with the "
        "same numbers?",
    )
    expect(
        decoder.weight is embedding.weight,
        "They share their memory but are two Parameters: each gets a part of the gradient, and the optimizer keeps two "
        "states. Make them one Parameter.",
    )
    expect(not is_close(embedding.weight, table), "The table is no longer trained. Leave requires_grad as it is.")


EXERCISES = {
    "mask_tokens": Exercise(
        "Choose words, replace them 80/10/10, and make the labels.",
        3,
        15,
        (
            labels_are_the_text,
            special_tokens_stay,
            share_of_the_words,
            three_replacements,
            random_words,
            another_vocabulary,
            only_the_given_randomness,
        ),
    ),
    "masked_loss": Exercise(
        "Mean cross-entropy in nats at the positions with a label, without a loop.",
        2,
        8,
        (loss_of_one_label, loss_of_several, loss_of_a_list, loss_of_large_scores),
    ),
    "mlm_head": Exercise(
        "Vectors to scores for every word: dense, GELU, LayerNorm, and the word embeddings.",
        2,
        8,
        (head_of_a_batch, head_of_chosen_vectors),
    ),
    "choose_whole_words": Exercise(
        "Choose positions to hide, all pieces of a word or none, within a budget of pieces.",
        3,
        15,
        (pieces_stay_together, budget_is_kept, every_word_can_be_chosen, only_special, row_within_a_word),
    ),
}
BUGS = {
    "replace_chosen": Exercise("Find the bug: 80/10/10.", 1, 5, (replaced_words,)),
    "tie_decoder": Exercise("Find the bug: tied weights.", 1, 5, (decoder_is_tied,)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "mask_tokens": compute_masked_tokens,
        "masked_loss": compute_masked_loss,
        "mlm_head": compute_mlm_head,
        "choose_whole_words": choose_words_to_budget,
    },
)
