"""The heads: losses where labels are and nowhere else, and the same numbers as Hugging Face's."""

import math
from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F

from bertlab.batches import IGNORE
from bertlab.heads import (
    Classifier,
    Pretraining,
    SpanFinder,
    Tagger,
    find_labelled_positions,
    mean_cross_entropy,
    mean_sigmoid_cross_entropy,
    mean_squared_error,
)
from bertlab.model import attention_maps
from bertlab.weight_names import OUR_TO_HF, from_hf_names, translate_name
from bertlab.writing import Writer
from tests.parity import BOUND, CONFIGS, B, T, describe_size, make_batch, make_loud

SMALL = CONFIGS[0]


def close(x: torch.Tensor, y: torch.Tensor, bound: float = 1e-12) -> None:
    torch.testing.assert_close(x, y, rtol=0, atol=bound)


def loud(kind=Pretraining, config=SMALL, *arguments):
    model = kind(config, *arguments).double()
    make_loud(model)
    return model


def gradients(model, loss) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {key: weight.grad.clone() for key, weight in model.named_parameters() if weight.grad is not None}


# ---- Masked words ----------------------------------------------------------------------------------------------------

X = IGNORE
LABELS = {
    "unequal counts": [[X, 5, X, 6, X, X, 7, X, 8, X, X], [X] * 10 + [9], [X, X, 1, 2] + [X] * 7],
    "one row without": [[X, 5] + [X] * 9, [X] * 11, [X, X, 1] + [X] * 8],
    "[CLS] too": [[3, 5] + [X] * 9, [4] + [X] * 10, [X, X, 1] + [X] * 8],
    "every token": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]] * 3,
}


@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("case", LABELS)
def test_scores_where_labels_are_equal_all_scores(case, padded):
    """Logits, both losses and every gradient, against scores for all positions and PyTorch's own loss."""
    model, batch = loud(), make_batch(SMALL, padded)
    labels = torch.tensor(LABELS[case])
    inputs = {key: value for key, value in batch.items() if "label" not in key}
    some = model(**inputs, labels=labels, next_sentence_label=batch["next_sentence_label"])
    full = model(**inputs)
    assert full.mlm_logits.shape == (B, T, SMALL.vocab_size)
    assert some.mlm_logits.shape == ((labels != X).sum(), SMALL.vocab_size)
    close(some.mlm_logits, full.mlm_logits[labels != X])  # in reading order
    close(some.nsp_logits, full.nsp_logits)
    mlm = F.cross_entropy(full.mlm_logits.flatten(0, 1), labels.flatten())
    nsp = F.cross_entropy(full.nsp_logits, batch["next_sentence_label"])
    close(some.mlm_loss, mlm)
    close(some.nsp_loss, nsp)
    close(some.loss, mlm + nsp)
    few, all_ = gradients(model, some.loss), gradients(model, mlm + nsp)
    assert set(few) == set(all_) == {key for key, _ in model.named_parameters()}
    for key in few:
        close(few[key], all_[key])


def test_no_label_at_all_is_a_loss_of_zero():
    """And not nan: a short batch may have nothing masked."""
    model, batch = loud(), make_batch(SMALL, False)
    output = model(batch["input_ids"], labels=torch.full((B, T), X))
    assert output.mlm_logits.shape == (0, SMALL.vocab_size)
    assert output.mlm_loss == output.loss == 0
    assert all((gradient == 0).all() for gradient in gradients(model, output.loss).values())


def test_what_is_not_asked_for_is_none():
    model, batch = loud(), make_batch(SMALL, False)
    output = model(batch["input_ids"])
    assert (output.loss, output.mlm_loss, output.nsp_loss, output.logits) == (None,) * 4
    output = model(batch["input_ids"], next_sentence_label=batch["next_sentence_label"])
    assert output.mlm_loss is None
    assert output.loss == output.nsp_loss
    output = model(batch["input_ids"], labels=batch["labels"])
    assert output.nsp_loss is None
    assert output.loss == output.mlm_loss


def test_positions_that_are_read_literally():
    labels = torch.tensor([[X, X, 7, X, 8], [X, X, X, X, X], [4, X, X, X, 9]])
    found = find_labelled_positions(labels)
    assert found.shape == (3, 3)
    assert found[0].tolist() == [0, 2, 4]
    assert found[1, 0] == 0
    assert found[2, :2].tolist() == [0, 4]
    assert labels.gather(1, found).tolist() == [[X, 7, 8], [X, X, X], [4, 9, X]]
    assert find_labelled_positions(torch.full((2, 4), X)).tolist() == [[0], [0]]


def test_only_labelled_positions_reach_the_decoder():
    model, batch = loud(), make_batch(SMALL, False)
    seen = []
    model.mlm.register_forward_hook(lambda _part, args, _output: seen.append(tuple(args[0].shape)))
    model(**batch)
    assert seen == [((batch["labels"] != X).sum().item(), SMALL.hidden_size)]


def test_maps_stay_whole_while_labels_are_given():
    model, batch = loud(), make_batch(SMALL, True)
    closed = model(**batch)
    with attention_maps(model) as maps:
        opened = model(**batch)
    assert [tuple(x.shape) for x in maps] == [(B, 4, T, T)] * 2
    close(opened.mlm_logits, closed.mlm_logits)
    close(opened.loss, closed.loss)


def test_decoder_is_the_word_table():
    """Tied: one tensor, and both uses leave their gradient in it."""
    model, batch = loud(), make_batch(SMALL, False)
    assert sum(weight.shape[0] == SMALL.vocab_size and weight.dim() == 2 for weight in model.parameters()) == 1
    never_read = (batch["input_ids"] == 50).sum() == 0
    assert never_read
    grad = gradients(model, model(**batch).mlm_loss)["bert.embeddings.words.weight"]
    assert grad[50].abs().max() > 0


def test_bias_from_unigrams():
    """An MLM that sees nothing then predicts the frequencies; what was never counted counts as half."""
    model = Pretraining(replace(SMALL, vocab_size=4))
    model.start_from_unigrams(torch.tensor([0, 5, 4, 0.5]))
    close(model.mlm.bias.softmax(0).detach(), torch.tensor([0.05, 0.5, 0.4, 0.05]), 1e-6)
    with pytest.raises(ValueError, match=r"counts has shape \(3,\), the vocabulary has 4 words"):
        model.start_from_unigrams(torch.ones(3))


# ---- Next sentence ---------------------------------------------------------------------------------------------------


def test_both_next_sentence_classes_count():
    """Class 0 is a class (codertimo/BERT-pytorch#32: there it was ignored, and accuracy stayed at one half)."""
    model, batch = loud(), make_batch(SMALL, False)
    output = model(batch["input_ids"], next_sentence_label=torch.zeros(B, dtype=torch.long))
    close(output.nsp_loss, -output.nsp_logits.log_softmax(-1)[:, 0].mean())
    assert gradients(model, output.loss)["nsp.weight"].abs().max() > 1e-3
    mixed = model(batch["input_ids"], next_sentence_label=torch.tensor([0, 1, 0]))
    scores = -mixed.nsp_logits.log_softmax(-1)
    close(mixed.nsp_loss, (scores[0, 0] + scores[1, 1] + scores[2, 0]) / 3)


def test_next_sentence_may_be_a_column():
    model, batch = loud(), make_batch(SMALL, False)
    flat = batch["next_sentence_label"]
    assert model(batch["input_ids"], next_sentence_label=flat[:, None]).nsp_loss == (
        model(batch["input_ids"], next_sentence_label=flat).nsp_loss
    )


def test_next_sentence_reads_cls_alone():
    """The pooler gets the first token of the last layer, whatever labels are given."""
    model, batch = loud(), make_batch(SMALL, True)
    inputs = {key: value for key, value in batch.items() if "label" not in key}
    cls = model.bert(**inputs)[:, 0]
    close(model(**batch).nsp_logits, model.nsp(torch.tanh(model.pooler.dense(cls))))


# ---- Mean loss -------------------------------------------------------------------------------------------------------


def test_mean_loss_literally():
    logits = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 0.0]])
    close(mean_cross_entropy(logits, torch.tensor([1, X, 0])), torch.tensor(2.0).log(), 1e-6)
    assert mean_cross_entropy(logits, torch.tensor([X, X, X])) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_mean_loss_is_never_in_half_precision(dtype):
    """700 losses of 100 add up to 70,000, and float16 ends at 65,504."""
    logits = torch.zeros(700, 3, dtype=dtype)
    logits[:, 0] = 100
    loss = mean_cross_entropy(logits, torch.ones(700, dtype=torch.long))
    assert loss.dtype == torch.float32
    close(loss, torch.tensor(100.0), 1e-4)


def test_loss_stays_float64():
    assert loud()(**make_batch(SMALL, False)).loss.dtype == torch.float64


# ---- Classifier ------------------------------------------------------------------------------------------------------


CLASS_NUMBERS = torch.tensor([4, 0, 2])
PRESENT = torch.tensor([[0.0, 1, 1, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 0, 0]])
NUMBERS = torch.tensor([[0.3, -2, 4, 0, 1], [0, -2.5, 0.1, 3, 2], [1, 5, -1, 0.5, 0]])
PROBLEMS = {
    "single label": ("single_label_classification", 5, CLASS_NUMBERS),
    "multi-label": ("multi_label_classification", 5, PRESENT),
    "probabilities": ("multi_label_classification", 5, PRESENT * 0.8 + 0.1),
    "one label": ("multi_label_classification", 1, PRESENT[:, :1]),
    "regression": ("regression", 5, NUMBERS),
    "one number": ("regression", 1, NUMBERS[:, 0]),
    "a column of numbers": ("regression", 1, NUMBERS[:, :1]),
}


@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("dtype", BOUND, ids=["float64", "float32"])
@pytest.mark.parametrize("config", CONFIGS[:4], ids=describe_size)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_classifier_equals_hugging_faces(problem, config, dtype, padded):
    """Logits, loss and the gradient of every weight."""
    problem_type, C, labels = PROBLEMS[problem]
    ours, theirs = equal_models(
        Classifier, "BertForSequenceClassification", config, dtype, C, problem_type,
        num_labels=C, problem_type=problem_type,
    )  # fmt: skip
    batch = {key: value for key, value in make_batch(config, padded).items() if "label" not in key}
    batch["labels"] = labels.to(dtype) if labels.is_floating_point() else labels
    our, their = ours(**batch), theirs(**batch)
    assert our.logits.shape == (B, C)
    close(our.logits, their.logits, BOUND[dtype])
    close(our.loss, their.loss, BOUND[dtype])
    same_gradients(ours, our, theirs, their, BOUND[dtype])
    assert ours(batch["input_ids"]).loss is None


def test_losses_of_the_problem_types_literally():
    """ln 2 for a logit of 0; ln(1 + e^-3) for one of 3 that is right."""
    logits = torch.tensor([[0.0, 3.0], [-3.0, 0.0]])
    right = math.log1p(math.exp(-3))
    expected = torch.tensor((2 * math.log(2) + 2 * right) / 4)
    close(mean_sigmoid_cross_entropy(logits, torch.tensor([[0.0, 1.0], [0.0, 1.0]])), expected, 1e-6)
    close(mean_squared_error(logits, torch.tensor([[1.0, 1.0], [-3.0, 4.0]])), torch.tensor((1 + 4 + 0 + 16) / 4))
    close(mean_squared_error(logits[:, :1], torch.tensor([1.0, 1.0])), torch.tensor((1 + 16) / 2))
    close(mean_squared_error(logits[:1, :1], torch.tensor([-100.0])), torch.tensor(1e4))  # a number like any other


@pytest.mark.parametrize(
    ("problem_type", "labels", "missing"),
    [("multi_label_classification", PRESENT, float(X)), ("regression", NUMBERS, math.nan)],
)
def test_missing_labels_count_for_nothing(problem_type, labels, missing):
    """Whole rows and single ones: the loss is the mean over the others, and so is every gradient."""
    ids = make_batch(SMALL, False)["input_ids"]
    model, labels = loud(Classifier, SMALL, 5, problem_type).eval(), labels.double()
    first_two = model(ids[:2], labels=labels[:2]).loss
    last_missing = labels.clone()
    last_missing[2] = missing
    some = model(ids, labels=last_missing).loss
    close(some, first_two)
    for key, gradient in gradients(model, some).items():
        close(gradient, gradients(model, model(ids[:2], labels=labels[:2]).loss)[key])
    one_missing = labels.clone()
    one_missing[0, 1] = missing
    logits = model(ids).logits
    losses = (
        F.mse_loss(logits, labels, reduction="none")
        if problem_type == "regression"
        else F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    )
    close(model(ids, labels=one_missing).loss, (losses.sum() - losses[0, 1]) / 14)
    nothing = model(ids, labels=torch.full_like(labels, missing))
    assert nothing.loss == 0
    assert all((gradient == 0).all() for gradient in gradients(model, nothing.loss).values())


@pytest.mark.parametrize("loss", [mean_sigmoid_cross_entropy, mean_squared_error])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_of_the_problem_types_are_never_in_half_precision(loss, dtype):
    """7,000 losses of 100 or more add up to more than float16 can hold."""
    logits = torch.full((7000, 1), 100, dtype=dtype)
    found = loss(logits, torch.zeros(7000, 1, dtype=dtype))
    assert found.dtype == torch.float32
    close(found, torch.tensor(100.0 if loss is mean_sigmoid_cross_entropy else 10_000.0), 1e-1)


@pytest.mark.parametrize(
    ("problem_type", "labels", "message"),
    [
        ("single_label_classification", torch.zeros(3), "labels are torch.float32; class numbers must be whole"),
        ("single_label_classification", torch.zeros(3, 2).long(), r"labels has shape \(3, 2\) for 3 rows"),
        ("multi_label_classification", torch.zeros(3), r"shape \(3,\); for 3 rows and 2 outputs it must be \(3, 2\)"),
        ("multi_label_classification", torch.zeros(3, 2).long(), r"labels are torch.int64; .*: labels.float\(\)"),
        ("multi_label_classification", torch.zeros(3, 2) - 1, "labels lie from -1 to -1; each must be 0 or 1, or -100"),
        ("multi_label_classification", torch.eye(3)[:, :2] * 2, "labels lie from 0 to 2; each must be 0 or 1"),
        ("multi_label_classification", torch.full((3, 2), math.nan), "labels lie from nan to nan"),
        ("regression", torch.zeros(3), r"labels has shape \(3,\); for 3 rows and 2 outputs it must be \(3, 2\)"),
        ("regression", torch.zeros(3, 3), r"labels has shape \(3, 3\); for 3 rows and 2 outputs"),
        ("regression", torch.zeros(3, 2).long(), "labels are torch.int64"),
        ("regression", torch.full((3, 2), math.inf), "labels hold infinity"),
    ],
)
def test_labels_that_do_not_fit_the_problem_type(problem_type, labels, message):
    model = Classifier(SMALL, 2, problem_type)
    with pytest.raises(ValueError, match=message):
        model(make_batch(SMALL, False)["input_ids"], labels=labels)


def test_class_weights_are_for_single_labels():
    model = Classifier(SMALL, 2, "multi_label_classification")
    model.class_weights = torch.ones(2)
    with pytest.raises(ValueError, match="class_weights are for single-label classification, problem_type is multi_"):
        model(make_batch(SMALL, False)["input_ids"], labels=torch.zeros(B, 2))


def test_classifier_drops_out_after_the_pooler():
    """In training alone, and with the config's rate."""
    model, ids = loud(Classifier, replace(SMALL, hidden_dropout_prob=0.25), 3), make_batch(SMALL, False)["input_ids"]
    assert model.dropout.p == 0.25
    for part in model.bert.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)
    model.eval()
    assert torch.equal(model(ids).logits, model(ids).logits)


def test_classifier_needs_two_classes():
    with pytest.raises(ValueError, match="num_labels is 1: a classifier needs at least two .*problem_type=.regression"):
        Classifier(SMALL, 1)
    with pytest.raises(ValueError, match="num_labels is 0; it must be at least 1"):
        Classifier(SMALL, 0, "regression")
    with pytest.raises(ValueError, match="problem_type is 'ranking'; it must be one of single_label_classification, "):
        Classifier(SMALL, 2, "ranking")


def test_heads_start_as_the_encoder_does():
    for model in (Pretraining(replace(SMALL, hidden_size=64)), Classifier(replace(SMALL, hidden_size=64), 40)):
        for key, weight in model.named_parameters():
            if not key.startswith("bert.") and "norm" not in key:
                if key.endswith("bias"):
                    assert (weight == 0).all(), key
                else:
                    assert 0.013 < weight.std() < 0.027, key


# ---- Tagger and span finder ------------------------------------------------------------------------------------------


def equal_models(kind, architecture: str, config, dtype, *arguments, **settings):
    """Ours and Hugging Face's with the same loud weights, in train mode."""
    import transformers

    theirs = getattr(transformers, architecture)(transformers.BertConfig(**asdict(config), **settings))
    theirs = theirs.to(dtype).train()
    make_loud(theirs)
    ours = kind(config, *arguments).to(dtype).train()
    ours.load_state_dict(from_hf_names(theirs.state_dict()))
    return ours, theirs


def same_gradients(ours, our, theirs, their, bound: float) -> None:
    our_gradients, their_gradients = gradients(ours, our.loss), gradients(theirs, their.loss)
    assert {translate_name(key, OUR_TO_HF) for key in our_gradients} == set(their_gradients)
    for key, gradient in our_gradients.items():
        close(gradient, their_gradients[translate_name(key, OUR_TO_HF)], bound)


@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("dtype", BOUND, ids=["float64", "float32"])
@pytest.mark.parametrize("config", CONFIGS[:4], ids=describe_size)
def test_tagger_equals_hugging_faces(config, dtype, padded):
    ours, theirs = equal_models(Tagger, "BertForTokenClassification", config, dtype, 5, num_labels=5)
    batch = make_batch(config, padded)
    del batch["next_sentence_label"]
    batch["labels"] = torch.where(batch["labels"] == X, X, batch["labels"] % 5)
    our, their = ours(**batch), theirs(**batch)
    assert our.logits.shape == (B, T, 5)
    close(our.logits, their.logits, BOUND[dtype])
    close(our.loss, their.loss, BOUND[dtype])
    same_gradients(ours, our, theirs, their, BOUND[dtype])
    assert ours(batch["input_ids"]).loss is None


@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("dtype", BOUND, ids=["float64", "float32"])
@pytest.mark.parametrize("config", CONFIGS[:4], ids=describe_size)
def test_span_finder_equals_hugging_faces(config, dtype, padded):
    """With an answer, without one (position 0), and with one that lies behind the text."""
    ours, theirs = equal_models(SpanFinder, "BertForQuestionAnswering", config, dtype)
    batch = {key: value for key, value in make_batch(config, padded).items() if "label" not in key}
    batch |= {"start_positions": torch.tensor([2, 0, T + 3]), "end_positions": torch.tensor([3, 0, T])}
    our, their = ours(**batch), theirs(**batch)
    assert our.start_logits.shape == our.end_logits.shape == (B, T)
    close(our.start_logits, their.start_logits, BOUND[dtype])
    close(our.end_logits, their.end_logits, BOUND[dtype])
    close(our.loss, their.loss, BOUND[dtype])
    same_gradients(ours, our, theirs, their, BOUND[dtype])
    inputs = {key: value for key, value in batch.items() if "positions" not in key}
    assert ours(**inputs).loss is None
    assert ours(**inputs, start_positions=torch.zeros(3, dtype=torch.long)).loss is None


def test_positions_that_are_not_asked_for():
    model, ids = loud(SpanFinder), make_batch(SMALL, False)["input_ids"]
    ends = torch.tensor([1, X, 4])
    some = model(ids, start_positions=ends, end_positions=ends)
    close(some.loss, model(ids[[0, 2]], start_positions=ends[[0, 2]], end_positions=ends[[0, 2]]).loss)
    column = model(ids, start_positions=ends[:, None], end_positions=ends[:, None])
    assert column.loss == some.loss
    with pytest.raises(ValueError, match="labels run from -1 to 1"):
        model(ids, start_positions=torch.tensor([1, -1, 0]), end_positions=ends)


def test_tagger_needs_two_tags_and_labels_that_fit():
    with pytest.raises(ValueError, match="num_labels is 1: a tagger needs at least two tags"):
        Tagger(SMALL, 1)
    ids = torch.ones(2, 5, dtype=torch.long)
    with pytest.raises(ValueError, match=r"labels has shape \(2, 4\), input_ids \(2, 5\)"):
        Tagger(SMALL, 2)(ids, labels=ids[:, :4])
    with pytest.raises(ValueError, match="labels run from 2 to 2; there are 2 classes"):
        Tagger(SMALL, 2)(ids, labels=ids * 2)
    with pytest.raises(ValueError, match="type_vocab_size is 1: a writer needs two segments"):
        Writer(CONFIGS[3])
    with pytest.raises(ValueError, match=r"labels has shape \(2, 4\), input_ids \(2, 5\)"):
        Writer(SMALL)(ids, ids, labels=ids[:, :4])


def test_class_weights():
    """The loss is then PyTorch's own weighted mean; they are not part of what is saved."""
    model, batch = loud(Classifier, SMALL, 3), make_batch(SMALL, False)
    labels, weights = torch.tensor([2, X, 0]), torch.tensor([1.0, 1.0, 5.0])
    model.class_weights = weights
    output = model(batch["input_ids"], labels=labels)
    close(output.loss, F.cross_entropy(output.logits, labels, weights.double()))
    close(output.loss, (5 * -output.logits.log_softmax(-1)[0, 2] - output.logits.log_softmax(-1)[2, 0]) / 6)
    assert "class_weights" not in model.state_dict()
    assert model(batch["input_ids"], labels=torch.full((B,), X)).loss == 0
    tagger = loud(Tagger, SMALL, 3)
    tagger.class_weights = weights
    tags = batch["labels"].clamp(max=2)
    output = tagger(batch["input_ids"], labels=tags)
    close(output.loss, F.cross_entropy(output.logits.flatten(0, 1), tags.flatten(), weights.double()))


# ---- What they cannot read -------------------------------------------------------------------------------------------


def test_labels_of_another_shape():
    ids = torch.ones(2, 5, dtype=torch.long)
    with pytest.raises(ValueError, match=r"labels has shape \(2, 4\), input_ids \(2, 5\)"):
        Pretraining(SMALL)(ids, labels=ids[:, :4])


@pytest.mark.parametrize("ids", [torch.ones(5, dtype=torch.long), torch.ones(2, 0, dtype=torch.long)])
def test_input_is_checked_before_labels_are_read(ids):
    with pytest.raises(ValueError, match="input_ids has shape"):
        Pretraining(SMALL)(ids, labels=ids)
    with pytest.raises(ValueError, match="input_ids has shape"):
        Classifier(SMALL, 2)(ids, labels=ids)


def test_labels_out_of_the_vocabulary():
    ids = torch.ones(2, 5, dtype=torch.long)
    with pytest.raises(ValueError, match="labels run from 100 to 100; there are 100 classes, 0 to 99"):
        Pretraining(SMALL)(ids, labels=ids * 100)
    with pytest.raises(ValueError, match="labels run from 1 to 2; there are 2 classes, 0 to 1"):
        Pretraining(SMALL)(ids, next_sentence_label=torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="labels run from -1 to 2; there are 3 classes, 0 to 2"):
        Classifier(SMALL, 3)(ids, labels=torch.tensor([-1, 2]))
    with pytest.raises(ValueError, match=r"labels has shape \(3,\) for 2 rows"):
        Classifier(SMALL, 3)(ids, labels=torch.tensor([1, 2, 0]))
    with pytest.raises(ValueError, match=r"labels has shape \(3,\) for 2 rows"):
        Pretraining(SMALL)(ids, next_sentence_label=torch.tensor([0, 1, 0]))
