"""The exercises of notebook 18, the bug museum: eleven functions with published bugs, four written, seven mended.

The tests are those of `bertlab.checks`, on small models: what they find becomes the hint.
"""

import tempfile

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checks
from ..batches import IGNORE
from ..wordpiece import WordPiece
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import is_close
from .exhibits import READY, Adam
from .museum import (
    SPECIAL,
    TOKENIZER,
    WithLoss,
    encode,
    make_classifier,
    make_pair_batch,
    make_word_model,
    pad,
    write_pairs,
    write_sentences,
)


def hold(test, *arguments, **options):
    """Run a check of `bertlab.checks`. Raises Hint with what it found."""
    try:
        return test(*arguments, **options)
    except checks.CheckError as error:
        raise Hint(f"{test.__name__}: {error}") from None


# ---- pair_loss, join_pieces, load_tokenizer --------------------------------------------------------------------------


def both_classes_teach(pair_loss):
    model = WithLoss(make_classifier(), pair_loss)
    hold(checks.check_classes, model, make_pair_batch(write_pairs(8, 0)))


def pair_loss_is_cross_entropy(pair_loss):
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    expect(
        is_close(pair_loss(logits, labels), F.cross_entropy(logits, labels)),
        "This is no longer the mean cross-entropy.",
    )


def words_of_one_piece(join_pieces):
    tags = join_pieces(["O", "B-PER", "O", "O"], [None, 0, 1, None])
    expect(isinstance(tags, list), "Return a list of tags.")
    expect(len(tags) != 4, "[CLS] and [SEP] belong to no word: their number is None, and they have no tag.")
    expect(tags == ["B-PER", "O"], f"Two words have the tags B-PER and O. Yours are {tags}.")


def words_of_several_pieces(join_pieces):
    tags = join_pieces(["O", "B-PER", "B-PER", "O", "I-PER", "O"], [None, 0, 0, 0, 1, None])
    expect(len(tags) != 4, "A word of three pieces has three tags in your list. It is one word, and counts once.")
    expect(
        tags != ["O", "I-PER"], "You took the last piece of each word. The label is on the first, where it was trained."
    )
    expect(tags == ["B-PER", "I-PER"], f"Two words of 3 and 1 pieces have the tags B-PER and I-PER. Yours are {tags}.")


def neighbours_with_one_tag(join_pieces):
    tags = join_pieces(["O", "O", "B-PER", "B-PER", "O"], [None, 0, 1, 2, None])
    expect(len(tags) != 2, "Equal tags side by side may belong to different words. Look at word_ids, not at the tags.")
    expect(tags == ["O", "B-PER", "B-PER"], f"Three words have the tags O, B-PER and B-PER. Yours are {tags}.")


def reload_keeps(lower: bool):
    def casing_survives(load_tokenizer):
        saved = WordPiece(TOKENIZER.vocab, lower=lower)
        with tempfile.TemporaryDirectory() as folder:
            saved.save(folder)
            loaded = load_tokenizer(folder)
        expect(hasattr(loaded, "tokenize"), "Return a tokenizer.")
        hold(checks.check_reload, saved.tokenize, loaded.tokenize, ["Rose needs the rose", "Marlo finds Lily"])

    return casing_survives


# ---- collate, choose_tokens, mlm_loss --------------------------------------------------------------------------------

ROWS = sorted((encode(text) for text in write_sentences(12, 3)), key=len)


def padding_is_not_attended(collate):
    batch = collate(ROWS)
    expect(isinstance(batch, dict) and "input_ids" in batch, "Return a dict with input_ids.")
    expect(torch.equal(batch["input_ids"], pad(ROWS)), "input_ids must be the padded rows.")
    model = make_word_model()
    nn.init.normal_(model.output.weight)
    hold(checks.check_collate, model, collate, ROWS)
    expect(
        batch["attention_mask"].sum() == sum(len(row) for row in ROWS),
        "The mask must be 1 at each token of a row, [CLS] and [SEP] included, and 0 at padding.",
    )


def only_words_are_chosen(choose_tokens):
    generator = torch.Generator().manual_seed(0)
    batches = []
    for start in range(40):
        ids = pad([encode(text) for text in write_sentences(16, start)])
        chosen = choose_tokens(ids, generator)
        expect(isinstance(chosen, Tensor) and chosen.dtype == torch.bool and chosen.shape == ids.shape,
               "Return a tensor of True and False in the shape of ids.")  # fmt: skip
        batches.append({"input_ids": ids.masked_fill(chosen, SPECIAL[4]), "labels": ids.masked_fill(~chosen, IGNORE)})
    hold(checks.check_masking, batches, SPECIAL[4], SPECIAL, len(TOKENIZER), share=0.25, replaced=(1.0, 0.0))


def weight_0_does_not_count(mlm_loss):
    logits, labels = torch.eye(3) * 2, torch.tensor([0, 1, 0])
    loss = mlm_loss(logits, labels, torch.ones(3))
    expect(isinstance(loss, Tensor) and loss.dim() == 0, "Return one number: a tensor without axes.")
    expect(
        not is_close(loss, F.cross_entropy(logits, labels, reduction="sum")),
        "This is the sum. Divide by the number of labels that count, which is the sum of the weights.",
    )
    weights = torch.tensor([1.0, 0.0, 0.0])
    losses = F.cross_entropy(logits, labels, reduction="none")
    expect(
        not is_close(mlm_loss(logits, labels, weights), losses[0] / 3),
        "You divided by all places. Divide by those that count: the sum of the weights.",
    )
    hold(checks.check_ignored, mlm_loss)


# ---- backward_in_parts, load_run -------------------------------------------------------------------------------------


def make_uneven_batch() -> dict[str, Tensor]:
    """Rows of which the first half has few labels, and the second half many."""
    ids = pad(ROWS[:3] + ROWS[-3:])
    labels = ids.masked_fill(torch.isin(ids, torch.tensor(SPECIAL)), IGNORE)
    labels[:3, 3:] = IGNORE
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}


def parts_equal_the_whole(backward_in_parts):
    hold(checks.check_accumulation, make_word_model(), make_uneven_batch(), backward_in_parts)


def three_parts_equal_the_whole(backward_in_parts):
    hold(checks.check_accumulation, make_word_model(), make_uneven_batch(), backward_in_parts, parts=3)


def resumed_equals_straight(load_run):
    batch = make_uneven_batch()

    def make():
        model = make_word_model()
        return model, torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step(model, optimizer, number):
        optimizer.zero_grad()
        model(**{name: tensor.roll(number, 0) for name, tensor in batch.items()}).loss.backward()
        optimizer.step()

    def save(model, optimizer):
        return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}

    hold(checks.check_resume, make, step, save, load_run)


# ---- group_parameters, init_weights, adam_step -----------------------------------------------------------------------


def vectors_are_not_decayed(group_parameters):
    model = make_classifier()
    groups = group_parameters(model, 0.01)
    expect(isinstance(groups, list) and all("params" in group for group in groups), "Return a list of two groups.")
    groups = [group for group in groups if group["params"]]
    hold(checks.check_decay, torch.optim.AdamW(groups, lr=1e-3), model)


def norms_start_at_1(init_weights):
    torch.manual_seed(0)
    model = make_classifier().apply(init_weights)
    hold(checks.check_norms, model)
    std = model.bert.embeddings.words.weight.std().item()
    expect(0.018 < std < 0.022, f"The embeddings must still be drawn with a standard deviation of 0.02, not {std:.3f}.")
    expect(bool((model.output.bias == 0).all()), "The bias of a linear layer starts at 0.")


def moments_of_one_step(adam_step):
    gradient, zero = torch.tensor([0.5, -2.0]), torch.zeros(2)
    answer = adam_step(gradient, zero, zero, 1)
    expect(isinstance(answer, tuple) and len(answer) == 3, "Return three tensors: the change, m and v.")
    change, m, v = answer
    expect(not is_close(m, gradient), "Return m itself, not the corrected one: the next step builds on it.")
    expect(is_close(m, 0.1 * gradient), "m is 0.9 times the old m plus 0.1 times the gradient.")
    expect(is_close(v, 0.001 * gradient**2), "v is 0.999 times the old v plus 0.001 times the gradient's square.")
    expect(
        not is_close(change, gradient.sign() * 31.6, 1) and not is_close(change, gradient.sign() * 0.1, 1e-3),
        "You corrected one of the two moments. Both start at 0: divide m by 1 - 0.9**t and v by 1 - 0.999**t.",
    )
    expect(
        not is_close(change, gradient.sign() * 3.162, 1e-1),
        "The first step is 3.16 times the rate, because m and v start at 0. Divide m by 1 - 0.9**t, v by 1 - 0.999**t.",
    )
    expect(is_close(change, gradient.sign(), 1e-3), "With t = 1 the change is 1 or -1 for each number.")


def steps_of_adam(adam_step):
    hold(checks.check_first_step, lambda parts: Adam(parts, 0.01, adam_step), 0.01)
    ours, theirs = (nn.Parameter(torch.ones(3)) for _ in range(2))
    pairs = (ours, Adam([ours], 0.01, adam_step)), (theirs, torch.optim.Adam([theirs], lr=0.01, eps=1e-6))
    for t in range(5):
        for part, optimizer in pairs:
            part.grad = torch.tensor([0.1, -1.0, 3.0]) * (1 + t)
            optimizer.step()
    expect(is_close(ours, theirs, 1e-4), "After five steps the numbers are not those of torch.optim.Adam.")


EXERCISES = {
    "join_pieces": Exercise(
        "The tags of all tokens to one tag for each word.", 1, 5,
        (words_of_one_piece, words_of_several_pieces, neighbours_with_one_tag),
    ),
    "mlm_loss": Exercise("The mean loss over the labels of weight 1.", 1, 5, (weight_0_does_not_count,)),
    "backward_in_parts": Exercise(
        "Gradients of several small batches that equal those of one large batch.", 2, 8,
        (parts_equal_the_whole, three_parts_equal_the_whole),
    ),
    "adam_step": Exercise("One step of Adam, with both corrections.", 2, 6, (moments_of_one_step, steps_of_adam)),
}  # fmt: skip
BUGS = {
    "pair_loss": Exercise("Find the bug: a loss for two classes.", 1, 3,
                          (both_classes_teach, pair_loss_is_cross_entropy)),
    "load_tokenizer": Exercise("Find the bug: a tokenizer is loaded.", 1, 4, (reload_keeps(False), reload_keeps(True))),
    "collate": Exercise("Find the bug: rows become a batch.", 1, 4, (padding_is_not_attended,)),
    "choose_tokens": Exercise("Find the bug: which tokens are masked.", 1, 4, (only_words_are_chosen,)),
    "load_run": Exercise("Find the bug: a run is resumed.", 1, 3, (resumed_equals_straight,)),
    "group_parameters": Exercise("Find the bug: what is decayed.", 1, 5, (vectors_are_not_decayed,)),
    "init_weights": Exercise("Find the bug: fresh weights.", 1, 4, (norms_start_at_1,)),
}  # fmt: skip
check = make_check(EXERCISES | BUGS)
use = make_use(check, READY)
