"""Every public function with wrong arguments: it works, or says which argument is wrong and what was expected.

An error that comes from deep inside, such as torch's "'str' object has no attribute 'dim'", tells a learner nothing. So
the innermost frame of each error must be a `raise` of bertlab.
"""

import contextlib
import io
import json
from functools import cache

import numpy as np
import pytest
import torch

from bertlab import (
    baselines,
    batches,
    corpus,
    explore,
    head_scores,
    heads,
    masked_writing,
    masking,
    model,
    optim,
    plots,
    pretrain,
    saliency,
    sources,
    tasks,
    train,
    views,
    vocabulary,
    weights,
    wordpiece,
    writing,
)
from bertlab.failures import is_our_message

WORDS = ["the", "cat", "sat", "on", "mat", ".", "a", "dog", "is", "good", "bad", "film", "##s", "##ing"]
SIZES = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
         "max_position_embeddings": 24}  # fmt: skip
IDS = torch.tensor([[2, 5, 6, 3], [2, 7, 8, 3]])
TEXT = "the cat sat on the mat ."
WRONG = {
    "None": None,
    "3": 3,
    "-1": -1,
    "0.5": 0.5,
    "nan": float("nan"),
    "text": "text",
    "empty text": "",
    "[]": [],
    "[None]": [None],
    "{}": {},
    "object": object(),
    "a class": str,
    "a scalar": torch.tensor(1.0),
    "nan tensor": torch.full((2, 4), float("nan")),
    "other shape": torch.zeros(1, 2, 3, 5, 7),
    "array": np.zeros((3, 1)),
    "strings": np.array(["a", "b"]),
    "meta": torch.zeros(2, 4, dtype=torch.int64, device="meta"),
}


@cache
def make_parts() -> dict:
    """Small right arguments, made once: wrong ones beside them must not change them."""
    torch.manual_seed(0)
    tokenizer = wordpiece.WordPiece(wordpiece.SPECIAL_TOKENS + WORDS)
    config = model.BertConfig(vocab_size=len(tokenizer), **SIZES)
    documents = [["the cat sat .", "a dog is good ."], ["the film is bad .", "the mat is good ."], ["cats sat ."] * 3]
    encoded = corpus.encode_documents(documents, tokenizer)
    rows = corpus.pair_rows(encoded, 16, seed=0)
    collate = masking.PretrainingCollate(tokenizer)
    pretraining, classifier = heads.Pretraining(config), heads.Classifier(config, 2)
    writer = writing.Writer(config)
    for one in (pretraining, classifier, writer):
        one.eval()
    with torch.no_grad(), model.attention_maps(pretraining) as maps:
        pretraining(IDS)
    return locals() | {"batch": {"input_ids": IDS}, "target": torch.tensor([0, 1]),
                       "numbered": batches.Batches(rows, collate, 2),
                       "task": tasks.Classification(tokenizer, ["a", "b"], 16),
                       "map": torch.full((2, 2, 4, 4), 0.25), "tokens": ["[CLS]", "the", "cat", "[SEP]"],
                       "words": IDS > 4}  # fmt: skip


@cache
def make_calls() -> dict:
    """name -> (function, its right arguments)."""
    p = make_parts()
    V, B, P, C, W = p["tokenizer"], p["pretraining"].bert, p["pretraining"], p["classifier"], p["writer"]
    both = {"model": P, "tokenizer": V, "text": TEXT}
    explain = {"model": C, "batch": p["batch"], "target": p["target"]}
    log = [{"step": 0, "loss": 2.0}, {"step": 1, "loss": 1.0, "accuracy": 0.5}]
    examples = [tasks.LabelledText("the cat", None, "a"), tasks.LabelledText("a dog", None, "b")]
    answers = p["task"].predict(C, examples)
    return {
        "BertConfig": (model.BertConfig, SIZES | {"vocab_size": 30, "hidden_dropout_prob": 0.1, "hidden_act": "gelu",
                                                  "layer_norm_eps": 1e-12, "initializer_range": 0.02}),
        "BertConfig.preset": (model.BertConfig.preset, {"name": "tiny"}),
        "Bert": (model.Bert, {"config": p["config"]}),
        "Bert.forward": (B.forward, {"input_ids": IDS, "token_type_ids": IDS * 0, "attention_mask": IDS * 0 + 1,
                                     "at": torch.tensor([[0], [1]])}),
        "Pretraining": (heads.Pretraining, {"config": p["config"]}),
        "Pretraining.forward": (P.forward, {"input_ids": IDS, "token_type_ids": IDS * 0, "attention_mask": IDS * 0 + 1,
                                            "labels": IDS, "next_sentence_label": torch.tensor([0, 1])}),
        "Pretraining.start_from_unigrams": (P.start_from_unigrams, {"counts": torch.ones(len(V))}),
        "Classifier": (heads.Classifier, {"config": p["config"], "num_labels": 2,
                                          "problem_type": "single_label_classification"}),
        "Classifier.forward": (C.forward, {"input_ids": IDS, "labels": torch.tensor([0, 1])}),
        "Tagger": (heads.Tagger, {"config": p["config"], "num_labels": 2}),
        "Tagger.forward": (heads.Tagger(p["config"], 30).forward, {"input_ids": IDS, "labels": IDS}),
        "SpanFinder": (heads.SpanFinder, {"config": p["config"]}),
        "SpanFinder.forward": (heads.SpanFinder(p["config"]).forward,
                               {"input_ids": IDS, "start_positions": torch.tensor([1, 2]),
                                "end_positions": torch.tensor([2, 2])}),
        "Writer": (writing.Writer, {"config": p["config"]}),
        "Writer.forward": (W.forward, {"input_ids": IDS, "token_type_ids": IDS * 0, "labels": IDS}),
        "Writer.generate": (W.generate, {"input_ids": IDS, "end": 3, "max_tokens": 3, "never": [0], "beams": 2,
                                         "length_penalty": 1.0}),
        "hide_targets": (masked_writing.hide_targets, {"batch": {"input_ids": IDS, "labels": IDS}, "mask_id": 4,
                                                       "rng": np.random.default_rng(0), "rate": 0.5, "end": 3}),
        "append_masks": (masked_writing.append_masks, {"model": P, "sources": [[2, 5, 3]], "mask_id": 4, "end": 3,
                                                       "max_tokens": 3, "never": [0]}),
        "mask_predict": (masked_writing.mask_predict, {"model": P, "sources": [[2, 5, 3]], "lengths": [3],
                                                       "mask_id": 4, "end": 3, "never": [0], "steps": 2, "around": 1}),
        "attention_maps": (lambda model: enter(attention_maps_of(model)), {"model": P}),
        "eval_mode": (lambda model: enter(eval_mode_of(model)), {"model": P}),
        "make_sinusoid_table": (model.make_sinusoid_table, {"length": 4, "width": 6}),
        "WordPiece": (wordpiece.WordPiece, {"vocab": list(V.vocab), "lower": True}),
        "WordPiece.encode": (V.encode, {"text": TEXT, "pair": TEXT, "max_length": 40, "truncate": True}),
        "WordPiece.decode": (V.decode, {"ids": [2, 5]}),
        "WordPiece.tokenize": (V.tokenize, {"text": TEXT}),
        "WordPiece.tokenize_with_offsets": (V.tokenize_with_offsets, {"text": TEXT}),
        "WordPiece.encode_bulk": (V.encode_bulk, {"texts": [TEXT]}),
        "WordPiece.convert_tokens_to_ids": (V.convert_tokens_to_ids, {"tokens": ["the"]}),
        "WordPiece.load": (wordpiece.WordPiece.load, {"path": "folder"}),
        "learn_vocabulary": (vocabulary.learn_vocabulary, {"texts": [TEXT] * 3, "size": 60, "alphabet": 30}),
        "learn_slowly": (vocabulary.learn_slowly, {"texts": [TEXT] * 3, "size": 60, "alphabet": 30, "at_least": 2}),
        "split_documents": (corpus.split_documents, {"documents": p["documents"], "held_out": 0.3, "seed": 0}),
        "encode_documents": (corpus.encode_documents, {"documents": p["documents"], "tokenizer": V}),
        "pair_rows": (corpus.pair_rows, {"encoded": p["encoded"], "length": 16, "seed": 0, "short": 0.1,
                                         "pairs": "next", "times": 1, "kinds": ["a", "a", "a"]}),
        "Masking": (masking.Masking, {"rate": 0.15, "mask": 0.8, "random": 0.1}),
        "PretrainingCollate": (masking.PretrainingCollate, {"tokenizer": V, "masking": masking.Masking()}),
        "PretrainingCollate()": (p["collate"], {"rows": [p["rows"][0]], "rng": np.random.default_rng(0)}),
        "Batches": (batches.Batches, {"rows": [1, 2, 3], "collate": len, "batch_size": 2, "seed": 0,
                                      "lengths": [1, 2, 3]}),
        "Batches[]": (p["numbered"].__getitem__, {"number": 0}),
        "TrainConfig": (train.TrainConfig, {"steps": 3, "optimizer": "adamw", "keep_best": "", "precision": "no"}),
        "train": (lambda **given: train.train(**given, watch=train.quiet),
                  {"model": heads.Pretraining(p["config"]), "batches": p["numbered"],
                   "config": train.TrainConfig(steps=1), "evaluate": lambda one: {"score": 1.0}}),
        "evaluate": (train.evaluate, {"model": P, "batches": p["numbered"], "scores": baselines.score_pretraining}),
        "estimate_steps": (train.estimate_steps, {"minutes": 1, "model": P, "batches": p["numbered"],
                                                  "config": train.TrainConfig()}),
        "make_optimizer": (optim.make_optimizer, {"model": P, "config": train.TrainConfig()}),
        "learning_rate_at": (optim.learning_rate_at, {"step": 3, "config": train.TrainConfig()}),
        "fit_unigram": (baselines.fit_unigram, {"text": p["encoded"], "vocab_size": len(V)}),
        "Bigram": (baselines.Bigram, {"text": p["encoded"], "vocab_size": len(V)}),
        "TwoSidedBigram": (baselines.TwoSidedBigram, {"text": p["encoded"], "vocab_size": len(V)}),
        "load": (weights.load, {"where": "folder", "kind": heads.Pretraining, "num_labels": None, "dtype": None}),
        "save": (weights.save, {"model": P, "folder": "other", "tokenizer": V, "dtype": torch.float16, "labels": None}),
        "find_model_folder": (weights.find_model_folder, {"where": "folder"}),
        "fill_masks": (pretrain.fill_masks, {"model": P, "tokenizer": V, "text": "the [MASK] sat", "top": 2}),
        "pretrain": (pretrain.pretrain, {"plan": None, "folder": "run", "minutes": 1}),
        "finetune": (tasks.finetune, {"plan": None, "folder": "run"}),
        "predict": (tasks.predict, {"folder": "folder", "inputs": ["a text"]}),
        "load_predictor": (tasks.load_predictor, {"folder": "folder"}),
        "Classification": (tasks.Classification, {"tokenizer": V, "labels": ["a", "b"], "length": 16}),
        "Classification.predict": (p["task"].predict, {"model": C, "examples": examples}),
        "Classification.make_rows": (p["task"].make_rows, {"examples": examples}),
        "compute_bleu": (tasks.compute_bleu, {"predicted": [TEXT], "expected": [TEXT]}),
        "compute_chrf": (tasks.compute_chrf, {"predicted": [TEXT], "expected": [TEXT]}),
        "bootstrap_scores": (tasks.bootstrap_scores, {"predicted": [TEXT], "expected": [TEXT], "samples": 3,
                                                      "seed": 0}),
        "compute_rouge_l": (tasks.compute_rouge_l, {"predicted": [TEXT], "expected": [TEXT]}),
        "exact_match": (tasks.exact_match, {"predicted": TEXT, "expected": [TEXT]}),
        "answer_f1": (tasks.answer_f1, {"predicted": TEXT, "expected": [TEXT]}),
        "normalize_answer": (tasks.normalize_answer, {"text": TEXT}),
        "find_entities": (tasks.find_entities, {"tags": ["B-PER", "O"]}),
        "to_iob1": (tasks.to_iob1, {"tags": ["B-PER", "O"]}),
        "to_iob2": (tasks.to_iob2, {"tags": ["B-PER", "O"]}),
        "score_entities": (tasks.score_entities, {"expected": [["B-PER"]], "predicted": [["O"]]}),
        "recall_at": (tasks.recall_at, {"k": 1, "ranks": [0, 2]}),
        "count_ngrams": (tasks.count_ngrams, {"items": ["a", "b"], "n": 1}),
        "measure_calibration": (tasks.measure_calibration, {"confidence": [0.5], "right": [True], "bins": 10}),
        "score_classes": (tasks.score_classes, {"expected": ["a"], "predicted": ["a"]}),
        "split_examples": (tasks.split_examples, {"examples": examples, "key": lambda one: one.text}),
        "show_attention": (views.show_attention, both | {"pair": TEXT, "layer": 0, "head": 0}),
        "show_maps": (views.show_maps, {"maps": p["map"], "tokens": p["tokens"], "segments": [0, 0, 1, 1],
                                        "layer": 0, "head": 0}),
        "head_view": (views.head_view, both | {"layer": 0, "heads": [0], "include_layers": [0]}),
        "model_view": (views.model_view, both | {"include_heads": [0], "include_layers": [0]}),
        "neuron_view": (views.neuron_view, both | {"layer": 0, "head": 0}),
        "score_heads": (head_scores.score_heads, {"maps": p["map"], "tokens": p["tokens"]}),
        "average_head_scores": (head_scores.average_head_scores, {"texts": [(p["map"], p["tokens"])]}),
        "select_text_maps": (head_scores.select_text_maps, {"maps": p["maps"], "row": 0, "length": 4}),
        "compute_chance_levels": (head_scores.compute_chance_levels, {"texts": [p["tokens"]]}),
        "find_scored_keys": (head_scores.find_scored_keys, {"tokens": p["tokens"]}),
        "log_odds": (saliency.log_odds, {"logits": torch.zeros(2, 3), "target": p["target"]}),
        "roll_out_attention": (saliency.roll_out_attention, {"maps": p["maps"]}),
        "average_cls_attention": (saliency.average_cls_attention, {"maps": p["maps"], "layer": 0}),
        "transform_values": (saliency.transform_values, {"attention": C.bert.layers[0].attention,
                                                         "x": torch.rand(2, 4, C.config.hidden_size)}),
        "norm_weighted_attention": (saliency.norm_weighted_attention, {"weights": torch.rand(2, 4),
                                                                       "vectors": torch.rand(2, 4, 3)}),
        "gradient_norm": (saliency.gradient_norm, explain),
        "gradient_x_input": (saliency.gradient_x_input, explain),
        "integrated_gradients": (saliency.integrated_gradients, explain | {"baseline": IDS * 0, "steps": 2}),
        "make_blank_baseline": (saliency.make_blank_baseline, {"input_ids": IDS, "fill": 0, "keep": [2, 3]}),
        "score_tokens": (saliency.score_tokens, explain | {"baseline": IDS * 0, "steps": 2}),
        "classify_without_tokens": (saliency.classify_without_tokens, {"model": C, "batch": p["batch"],
                                                                       "removed": p["words"]}),
        "occlude_each_token": (saliency.occlude_each_token, explain | {"words": p["words"]}),
        "select_top_tokens": (saliency.select_top_tokens, {"scores": torch.rand(2, 4), "words": p["words"], "k": 1}),
        "comprehensiveness": (saliency.comprehensiveness, explain | {"scores": torch.rand(2, 4), "words": p["words"],
                                                                     "k": 1}),
        "sufficiency": (saliency.sufficiency, explain | {"scores": torch.rand(2, 4), "words": p["words"], "k": 1}),
        "find_other_attention": (saliency.find_other_attention, {"weights": torch.full((4,), 0.25),
                                                                 "values": torch.rand(4, 2)}),
        "draw_curves": (plots.draw_curves, {"lines": {"a": ([1, 2], [1, 2])}, "baselines": {"b": 1.0}}),
        "draw_training_log": (plots.draw_training_log, {"log": log, "baselines": {"b": 1.0}}),
        "draw_bars": (plots.draw_bars, {"names": ["a"], "values": [1.0], "errors": [0.1]}),
        "draw_heatmap": (plots.draw_heatmap, {"matrix": np.eye(2), "rows": ["a", "b"], "columns": ["a", "b"]}),
        "draw_token_rows": (plots.draw_token_rows, {"rows": {"a": ["the", "cat"]}}),
        "draw_weighted_tokens": (plots.draw_weighted_tokens, {"rows": {"a": [0.1, 0.2]}, "tokens": ["the", "cat"]}),
        "draw_blocks": (plots.draw_blocks, {"parts": [("a", "b", "c")], "frames": [(0, 0, "x")], "skips": [(0, 0)]}),
        "draw_position_table": (plots.draw_position_table, {"table": np.eye(3)}),
        "draw_position_similarity": (plots.draw_position_similarity, {"table": np.eye(3)}),
        "draw_head_grid": (plots.draw_head_grid, {"maps": p["map"].numpy(), "off": [(0, 0)]}),
        "draw_head_kinds": (plots.draw_head_kinds, {"names": np.array([["next"]]), "values": np.array([[0.5]])}),
        "draw_confusion_matrix": (plots.draw_confusion_matrix, {"counts": np.eye(2, dtype=int), "names": ["a", "b"]}),
        "draw_reliability": (plots.draw_reliability, {"confidence": [0.5], "right": [0.5], "count": [3]}),
        "draw_beam": (plots.draw_beam, {"steps": [[(0.0, [1])]], "vocab": ["a", "b"], "best": [1]}),
        "live_tokenizer": (explore.live_tokenizer, {"tokenizers": {"a": V}, "text": TEXT}),
        "masked_word_box": (explore.masked_word_box, both | {"k": 2}),
        "attention_box": (explore.attention_box, {"bert": B, "tokenizer": V, "text": TEXT}),
        "next_sentence_box": (explore.next_sentence_box, {"models": {"a": P}, "tokenizer": V, "a": TEXT, "b": TEXT}),
        "before_and_after": (explore.before_and_after, {"before": P, "after": P, "tokenizer": V, "text": "the [MASK]"}),
        "saliency_box": (explore.saliency_box, {"model": C, "tokenizer": V, "text": TEXT, "labels": ["a", "b"],
                                                "steps": 2}),
        "sentence_box": (explore.sentence_box, {"tokenizer": V, "table": torch.rand(len(V), 4), "text": TEXT, "k": 2}),
        "error_browser": (explore.error_browser, {"model": C, "task": p["task"], "examples": examples,
                                                  "predictions": answers, "text": TEXT}),
        "cost_calculator": (explore.cost_calculator, {"size": "base"}),
        "encoder_diagram": (explore.encoder_diagram, {"size": "base"}),
        "position_waves": (explore.position_waves, {"length": 16, "width": 8}),
        "query_and_keys": (explore.query_and_keys, {"tokens": ["a", "b"], "query": [1.0, 0.0],
                                                    "keys": [[1.0, 0.0]] * 2, "values": [[1.0, 0.0]] * 2}),
        "training_maps": (explore.training_maps, {"steps": [0, 5], "maps": [[[1.0]], [[1.0]]], "tokens": ["a"],
                                                  "measured": {"loss": [1.0, 2.0]}}),
        "symptom_cards": (explore.symptom_cards, {"cards": {"none": 1.0}, "sound": 1.0, "checks": {"check": float},
                                                  "measure": lambda _: {"loss": ([0, 1], [2.0, 1.0])}}),
        "documents": (sources.documents, {"name_or_path": "folder"}),
        "fetch": (sources.fetch, {"name": "nowhere"}),
    }  # fmt: skip


def enter(manager) -> None:
    with manager:
        pass


def attention_maps_of(one):
    return model.attention_maps(one)


def eval_mode_of(one):
    return model.eval_mode(one)


CALLS = list(make_calls())
# Where the right kind of argument fails inside itself: a function of the caller's, or rows that it cannot read.
CALLERS_OWN = {("evaluate", "scores", "a class"), ("split_examples", "examples", ""), ("split_examples", "key", "")}
# What has no right call here, as it would take a folder or the network: only wrong ones are tried.
NEEDS_MORE = {"WordPiece.load", "load", "find_model_folder", "pretrain", "finetune", "predict", "load_predictor",
              "documents", "fetch"}  # fmt: skip


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    plots.plt.close("all")


def call(function, given: dict) -> BaseException | None:
    """The error of a call, if there is one."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            function(**given)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("name", CALLS)
def test_the_right_arguments_work(name):
    function, given = make_calls()[name]
    assert name in NEEDS_MORE or call(function, given) is None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_named_or_work(name):
    function, given = make_calls()[name]
    raw = []
    for argument in given:
        for title, wrong in WRONG.items():
            error = call(function, given | {argument: wrong})
            own = {(name, argument, title), (name, argument, "")} & CALLERS_OWN
            if error is not None and not is_our_message(error) and not own:
                raw.append(f"{argument}={title}: {type(error).__name__}: {str(error)[:80]}")
    assert not raw, json.dumps(raw, indent=1)
