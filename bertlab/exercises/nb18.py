"""The exercises of notebook 18, the bug museum: eleven functions with published bugs, four written, seven mended.

The tests are those of `bertlab.checks`, on small models: what they find becomes the hint.
"""

import copy
import tempfile
from collections.abc import Callable

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
    loss = pair_loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
    expect(isinstance(loss, Tensor) and loss.dim() == 0, "Return one number: a tensor without axes.")
    expect(loss.requires_grad, "Your loss has no gradient. Return the tensor itself, without item() or detach().")
    model = WithLoss(make_classifier(), pair_loss)
    hold(checks.check_classes, model, make_pair_batch(write_pairs(8, 0)))


def pair_loss_is_cross_entropy(pair_loss):
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, -1.0]]), torch.tensor([0, 1, 1])
    loss = pair_loss(logits, labels)
    expect(not is_close(loss, F.cross_entropy(logits, labels, reduction="sum")), "This is the sum. Take the mean.")
    expect(not is_close(loss, F.nll_loss(logits, labels)), "nll_loss wants log-probabilities: keep the log_softmax.")
    expect(
        is_close(loss, F.cross_entropy(logits, labels)), "Both classes teach, but this is not the mean cross-entropy."
    )


def words_of_one_piece(join_pieces):
    given = ["O", "B-PER", "O", "O"], [None, 0, 1, None]
    tags = join_pieces(*given)
    expect(given == (["O", "B-PER", "O", "O"], [None, 0, 1, None]), "You changed a list that was passed.")
    expect(isinstance(tags, list), "Return a list of tags.")
    expect(len(tags) < 3, "[CLS] and [SEP] belong to no word: their number is None, and they have no tag.")
    expect(tags != ["O"], "The first word is missing. Its number is 0, which counts as false: ask for `is not None`.")
    expect(tags == ["B-PER", "O"], f"Two words have the tags B-PER and O. Yours are {tags}.")


def words_of_several_pieces(join_pieces):
    tags = join_pieces(["O", "B-PER", "O", "I-PER", "I-PER", "I-PER", "O", "I-PER", "O"], [None, *[0] * 6, 1, None])
    expect(len(tags) != 7, "A word of six pieces has six tags in your list. It is one word, and counts once.")
    expect(
        tags != ["O", "I-PER"],
        "You took the last piece of each word. The label is on the first, where it was trained.",
    )
    expect(
        tags != ["I-PER", "I-PER"], "You took the most frequent tag of each word. The tag of the first piece counts."
    )
    expect(tags == ["B-PER", "I-PER"], f"Two words of 6 and 1 pieces have the tags B-PER and I-PER. Yours are {tags}.")
    tags = join_pieces(["O", "O", "B-PER", "O"], [None, 0, 0, None])
    expect(tags == ["O"], f"The first piece has O, so the word has O, whatever its second piece says. Yours is {tags}.")


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
        expect(isinstance(loaded, WordPiece), "Return a tokenizer, an object of the class WordPiece.")
        hold(checks.check_reload, saved.tokenize, loaded.tokenize, ["Rose needs the rose", "Marlo finds Lily"])

    return casing_survives


# ---- collate, choose_tokens, mlm_loss --------------------------------------------------------------------------------

ROWS = sorted((encode(text) for text in write_sentences(12, 3)), key=len)


def padding_is_not_attended(collate):
    def collate_copies(rows):
        return collate([list(row) for row in rows])

    batch = collate_copies(ROWS)
    expect(isinstance(batch, dict) and "input_ids" in batch, "Return a dict with input_ids.")
    ids, mask = batch["input_ids"], batch.get("attention_mask")
    expect(
        isinstance(ids, Tensor) and torch.equal(ids, pad(ROWS)), "input_ids must be the padded rows, a tensor (B, T)."
    )
    expect(len(batch) == 1 or mask is not None, "The model reads the mask under the name attention_mask.")
    if mask is not None:
        expect(
            isinstance(mask, Tensor) and mask.shape == ids.shape,
            "attention_mask must be a tensor (B, T), like input_ids.",
        )
        expect(not torch.equal(mask != 0, ids == 0), "Your mask is inverted: it must be 1 at tokens and 0 at padding.")
    model = make_word_model()
    nn.init.normal_(model.output.weight)
    hold(checks.check_collate, model, collate_copies, ROWS)
    expect(
        batch["attention_mask"].sum() == sum(len(row) for row in ROWS),
        "The mask must be 1 at each token of a row, [CLS] and [SEP] included, and 0 at padding.",
    )
    mask = collate([[SPECIAL[2], SPECIAL[1], 9, SPECIAL[3]], [SPECIAL[2], SPECIAL[3]]])["attention_mask"]
    expect(mask.sum() == 6, "[UNK], with the id 1, is a token of the text, so the mask is 1 there too.")


def only_words_are_chosen(choose_tokens):
    generator = torch.Generator().manual_seed(0)
    batches = []
    for start in range(40):
        ids = pad([encode(text) for text in write_sentences(16, start)])
        chosen = choose_tokens(given := ids.clone(), generator)
        expect(torch.equal(given, ids), "You changed the ids that were passed. Make a new tensor.")
        expect(isinstance(chosen, Tensor) and chosen.dtype == torch.bool and chosen.shape == ids.shape,
               "Return a tensor of True and False in the shape of ids.")  # fmt: skip
        batches.append({"input_ids": ids.masked_fill(chosen, SPECIAL[4]), "labels": ids.masked_fill(~chosen, IGNORE)})
    hold(checks.check_masking, batches, SPECIAL[4], SPECIAL, len(TOKENIZER), share=0.25, replaced=(1.0, 0.0))


def each_word_is_drawn(choose_tokens):
    for number, name in zip(SPECIAL, ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), strict=True):
        chosen = choose_tokens(torch.full((64, 64), number), torch.Generator().manual_seed(0))
        expect(not chosen.any(), f"{name}, with the id {number}, is special too, and must never be chosen.")
    for number in (len(SPECIAL), len(TOKENIZER) - 1):
        generator = torch.Generator().manual_seed(0)
        chosen, later = (choose_tokens(torch.full((64, 64), number), generator) for _ in range(2))
        expect(chosen.any(), f"The id {number} is that of a word, and your function never chooses it.")
        expect(
            bool(chosen.any(0).all() and chosen.any(1).all()),
            "Whole rows or whole columns are chosen together. Draw a number for each place: rand(ids.shape).",
        )
        expect(
            not torch.equal(chosen, later), "Each call chooses the same places. Do not set the seed in the function."
        )
        again = choose_tokens(torch.full((64, 64), number), torch.Generator().manual_seed(0))
        expect(torch.equal(chosen, again), "Draw with the generator that is passed, so that a run can be repeated.")


def weight_0_does_not_count(mlm_loss):
    logits, labels = torch.eye(3)[[0, 1, 2, 2]].mul(2).requires_grad_(), torch.tensor([0, 1, 0, 1])
    try:
        loss = mlm_loss(logits, labels, torch.ones(4))
    except RuntimeError as error:
        expect(
            "weight tensor" not in str(error), "cross_entropy's own `weight` is for classes, and ours are for places."
        )
        raise
    expect(isinstance(loss, Tensor) and loss.dim() == 0, "Return one number: a tensor without axes.")
    expect(loss.requires_grad, "Your loss has no gradient. Return the tensor itself, without item() or detach().")
    expect(
        not is_close(loss, F.cross_entropy(logits, labels, reduction="sum")),
        "This is the sum. Divide by the number of labels that count, which is the sum of the weights.",
    )
    weights = torch.tensor([1.0, 0.0, 0.0, 0.0])
    losses = F.cross_entropy(logits, labels, reduction="none")
    expect(
        not is_close(mlm_loss(logits, labels, weights), losses[0] / 4),
        "You divided by all places. Divide by those that count: the sum of the weights.",
    )
    hold(checks.check_ignored, mlm_loss)


def weights_belong_to_places(mlm_loss):
    logits, labels = torch.eye(3)[[0, 1, 2, 2]] * 200, torch.tensor([0, 1, 2, 0])
    loss = mlm_loss(logits, labels.clone(), torch.tensor([0.0, 0.0, 1.0, 1.0]))
    expect(
        not is_close(loss, 200.0), "You left out a label of weight 1 that is predicted well. Its loss of 0 counts too."
    )
    expect(
        is_close(loss, 100.0), "The weights are 0, 0, 1 and 1 here. The labels that count need not be the first ones."
    )


# ---- backward_in_parts, load_run -------------------------------------------------------------------------------------


def make_uneven_batch() -> dict[str, Tensor]:
    """Rows of which the first half has few labels, and the second half many."""
    ids = pad(ROWS[:3] + ROWS[-3:])
    labels = ids.masked_fill(torch.isin(ids, torch.tensor(SPECIAL)), IGNORE)
    labels[:3, 3:] = IGNORE
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}


def collect_gradients(model: nn.Module, backward: Callable[[nn.Module], object]) -> Tensor:
    """All gradients that `backward(model)` leaves, as one vector, from a copy of the model."""
    learner = copy.deepcopy(model)
    backward(learner)
    gradients = [torch.zeros_like(part) if part.grad is None else part.grad for part in learner.parameters()]
    return torch.cat([gradient.flatten() for gradient in gradients])


def parts_equal_the_whole(backward_in_parts):
    model, batch = make_word_model(), make_uneven_batch()
    parts = [{name: tensor[rows] for name, tensor in batch.items()} for rows in (slice(0, 3), slice(3, 6))]
    a, b = (int((part["labels"] != IGNORE).sum()) for part in parts)
    c, d = (int(part["attention_mask"].sum()) for part in parts)
    mistakes = [
        ((0, 0), "Your function leaves no gradient. Call backward() on the loss of each part."),
        ((0, b / (a + b)), "Only the gradient of the last part is left. Add up those of all parts."),
        ((a, b), "These are sums over the labels. Divide by the number of labels in all parts."),
        (
            (a / (a + b) / 2, b / (a + b) / 2),
            "You divided by the number of parts as well. Their shares already add up to 1.",
        ),
        ((1, 1), "You added the means of the parts. Weight each by its share of all labels."),
        ((1 / 2, 1 / 2), "All parts count the same here. Weight each by its number of labels that are not -100."),
        ((c / (c + d), d / (c + d)), "You counted the tokens of each part. Count its labels that are not -100."),
    ]
    found = collect_gradients(model, lambda learner: backward_in_parts(learner, [dict(part) for part in parts]))
    for shares, hint in mistakes:
        pairs = list(zip(shares, parts, strict=True))
        wrong = collect_gradients(model, lambda m, pairs=pairs: sum(x * m(**part).loss for x, part in pairs).backward())
        expect(not torch.allclose(found, wrong, 1e-3, 1e-6), hint)
    hold(checks.check_accumulation, model, batch, backward_in_parts)


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
    groups = group_parameters(model, 0.3)
    expect(
        isinstance(groups, list | tuple) and all(isinstance(group, dict) and "params" in group for group in groups),
        "Return a list of two groups, each a dict with params and weight_decay.",
    )
    groups = [group | {"params": list(group["params"])} for group in groups]
    grouped = sum(len(group["params"]) for group in groups)
    expect(
        grouped >= len(list(model.parameters())),
        f"Only {grouped} of {len(list(model.parameters()))} parameters are in a group. (model.parameters() can be read "
        "only once: make a list of it.)",
    )
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=1e-3)
    hold(checks.check_decay, optimizer, model)
    expect(
        {group["weight_decay"] for group in optimizer.param_groups} == {0, 0.3},
        "The matrices must be decayed by the number that is passed as decay, and the vectors by 0.",
    )


def norms_start_at_1(init_weights):
    torch.manual_seed(0)
    model = make_classifier()
    parts = [part for part in model.modules() if isinstance(part, nn.Linear | nn.Embedding)]
    for numbers in nn.ModuleList(parts).parameters():
        nn.init.constant_(numbers, 7.0)  # as if nothing had been drawn before
    model.apply(init_weights)
    hold(checks.check_norms, model)
    for part in parts:
        kind = f"{type(part).__name__} ({', '.join(map(str, part.weight.shape))})"
        mean, std = part.weight.mean().item(), part.weight.std().item()
        expect(not (part.weight == 7).all(), f"Your function leaves the weight of one {kind} as it was. Draw it too.")
        expect(
            part.weight.numel() < 1000 or (0.018 < std < 0.022 and abs(mean) < 0.003),
            "The weight of each Linear and Embedding must still be drawn around 0 with a standard deviation of 0.02. "
            f"In one {kind} the mean is {mean:.3f}, and the standard deviation {std:.3f}.",
        )
        if isinstance(part, nn.Linear):
            expect(bool((part.bias == 0).all()), "The bias of a linear layer starts at 0.")


def moments_of_one_step(adam_step):
    gradient = torch.tensor([0.5, -2.0])
    answer = adam_step(gradient, torch.zeros(2), torch.zeros(2), 1)
    expect(isinstance(answer, tuple | list) and len(answer) == 3, "Return three tensors: the change, m and v.")
    change, m, v = answer
    expect(not is_close(change, 0.1 * gradient), "This is m. Return the change first, and then m and v.")
    expect(not is_close(m, torch.zeros(2)), "You returned the old m. The next step needs the new one.")
    expect(
        not is_close(m, gradient),
        "Your m is ten times too large. Add 0.1 times the gradient, and correct m only in the change: the next step "
        "builds on m itself.",
    )
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
    expect(not is_close(change, 1 / gradient, 1e-3), "Divide by the root of v.")
    expect(not is_close(change, -gradient.sign(), 1e-3), "The sign is reversed. The optimizer subtracts the change.")
    expect(is_close(change, gradient.sign(), 1e-3), "With t = 1 the change is 1 or -1 for each number.")


def moments_of_a_later_step(adam_step):
    gradient, old_m, old_v = torch.tensor([0.5, -2.0]), torch.tensor([0.3, 0.4]), torch.tensor([0.04, 0.09])
    change, m, v = adam_step(gradient, old_m.clone(), old_v.clone(), 3)
    new_m, new_v = 0.9 * old_m + 0.1 * gradient, 0.999 * old_v + 0.001 * gradient**2
    expect(is_close(m, new_m), "In the third step m is wrong: it is 0.9 times the old m plus 0.1 times the gradient.")
    expect(is_close(v, new_v), "In the third step v is wrong: it is 0.999 times the old v plus 0.001 times the square.")
    expect(
        not is_close(change, new_m / 0.1 / (new_v / 0.001).sqrt(), 1e-3),
        "You divided by 1 - 0.9 and 1 - 0.999 in the third step too. The sums of the weights grow with t.",
    )
    expect(
        is_close(change, new_m / (1 - 0.9**3) / (new_v / (1 - 0.999**3)).sqrt(), 1e-3),
        "The first step is right and the third is not. Make the change of the new m and v, both corrected with t = 3.",
    )


def a_small_number_is_added(adam_step):
    change, _, _ = adam_step(torch.tensor([1e-6]), torch.zeros(1), torch.zeros(1), 1)
    expect(
        is_close(change, torch.tensor([0.5]), 1e-2),
        "A gradient of 1e-6 should give a change of 0.5, because 1e-6 is added to the root. Without it a gradient of 0 "
        f"would be 0 / 0. Your change is {float(change):.3f}.",
    )


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
    "mlm_loss": Exercise("The mean loss over the labels of weight 1.", 1, 5,
                         (weight_0_does_not_count, weights_belong_to_places)),
    "backward_in_parts": Exercise(
        "Gradients of several small batches that equal those of one large batch.", 2, 8,
        (parts_equal_the_whole, three_parts_equal_the_whole),
    ),
    "adam_step": Exercise(
        "One step of Adam, with both corrections.", 2, 6,
        (moments_of_one_step, moments_of_a_later_step, a_small_number_is_added, steps_of_adam),
    ),
}  # fmt: skip
BUGS = {
    "pair_loss": Exercise("Find the bug: a loss for two classes.", 1, 3,
                          (both_classes_teach, pair_loss_is_cross_entropy)),
    "load_tokenizer": Exercise("Find the bug: a tokenizer is loaded.", 1, 4, (reload_keeps(False), reload_keeps(True))),
    "collate": Exercise("Find the bug: rows become a batch.", 1, 4, (padding_is_not_attended,)),
    "choose_tokens": Exercise("Find the bug: which tokens are masked.", 1, 4,
                              (only_words_are_chosen, each_word_is_drawn)),
    "load_run": Exercise("Find the bug: a run is resumed.", 1, 3, (resumed_equals_straight,)),
    "group_parameters": Exercise("Find the bug: what is decayed.", 1, 5, (vectors_are_not_decayed,)),
    "init_weights": Exercise("Find the bug: fresh weights.", 1, 4, (norms_start_at_1,)),
}  # fmt: skip
check = make_check(EXERCISES | BUGS)
use = make_use(check, READY)
