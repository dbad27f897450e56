"""The comparisons of notebook 11, over seeds: which piece carries a label, simple baselines, silver and invented names.

    python -m bertlab.bench.tagging FILE.json

trains what FILE does not hold yet, about twenty minutes on one thread, and writes it after each seed.
"""

import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from .. import weights
from ..batches import IGNORE, Batches
from ..files import read_json, write_json
from ..heads import Tagger
from ..progress import quiet
from ..tasks import (
    NAMED,
    TaggedSentence,
    Tagging,
    collect_known_names,
    count_row_tokens,
    fit_perceptron,
    freeze_layers,
    list_open_articles,
    score_entities,
    tag_by_dictionary,
    tag_names,
)
from ..tasks.invented_names import Planted, get_planted_tags, plant_names, plant_nouns, shuffle_context
from ..train import TrainConfig, train
from ..wordpiece import WordPiece

MODEL, SEEDS, LENGTH, BATCH_SIZE, FREEZE = "minilm", (0, 1, 2), 128, 16, 2
# Sentences that are learned from, once each, and the learning rate. "few" is for the loops of transformers; "all" has
# every line with a part of speech, and perceptrons only.
SETTINGS = {"pos": (1280, 1e-3), "names": (1920, 5e-4), "few": (480, 1e-3), "all": (13139, None)}


def draw_sentences(setting: str, examples: Sequence[TaggedSentence], seed: int) -> list[TaggedSentence]:
    """The training sentences of a seed. Of names only sentences with one are drawn, for "few" those of 24 words at
    most."""
    if setting != "pos":
        examples = [example for example in examples if set(example.tags) != {"O"}]
    if setting == "few":
        examples = [example for example in examples if len(example.words) <= 24]
    return random.Random(seed).sample(examples, SETTINGS[setting][0])


def slip_labels(row: dict) -> dict:
    """A row as it is when its tags are laid beside its tokens from position 1 on, whatever the words are cut into."""
    labels = [label for label in row["labels"] if label != IGNORE]
    return row | {"labels": [IGNORE, *labels, *[IGNORE] * (len(row["labels"]) - 1 - len(labels))]}


def train_tagger(task: Tagging, rows: Sequence[dict], learning_rate: float, seed: int) -> nn.Module:
    """A tagger on the encoder of `MODEL`, whose embeddings and first layers stay as they are: one pass over the
    rows."""
    torch.manual_seed(seed)
    model = weights.load(MODEL, Tagger, num_labels=len(task.labels), new_heads=True)
    freeze_layers(model, FREEZE)
    batches = Batches(rows, task.collate, BATCH_SIZE, seed=seed, lengths=count_row_tokens(rows))
    config = TrainConfig(steps=len(batches), learning_rate=learning_rate, seed=seed)
    train(model, batches, config, watch=quiet)
    return model


def train_by_trainer(task: Tagging, rows: Sequence[dict], learning_rate: float, seed: int) -> nn.Module:
    """The same with `transformers.Trainer`, as notebook 11 uses it. In the end its model becomes a `Tagger`."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    start = weights.find_model_folder(MODEL)
    model = transformers.BertForTokenClassification.from_pretrained(start, num_labels=len(task.labels))
    for part in (model.bert.embeddings, *model.bert.encoder.layer[:FREEZE]):
        part.requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=BATCH_SIZE, learning_rate=learning_rate,
            weight_decay=0.01, warmup_steps=len(rows) // BATCH_SIZE // 10, seed=seed, remove_unused_columns=False,
            report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = transformers.Trainer(model, arguments, task.collate, rows)
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
        model.save_pretrained(folder)
        return weights.load(folder, Tagger, num_labels=len(task.labels))


def lower_words(examples: Sequence[TaggedSentence]) -> list[TaggedSentence]:
    """The same sentences without capitals, as an uncased model reads them."""
    return [TaggedSentence([word.lower() for word in example.words], example.tags) for example in examples]


def tag_with_perceptron(
    training: Sequence[TaggedSentence], test: Sequence[TaggedSentence], seed: int = 0
) -> list[list[str]]:
    """The tags of each test sentence, by a perceptron that reads the training sentences in an order of the seed."""
    tagger = fit_perceptron([example.words for example in training], [example.tags for example in training], seed=seed)
    return [tagger.tag(example.words) for example in test]


# ---- Parts of speech -------------------------------------------------------------------------------------------------


def count_right(
    tokenizer: WordPiece, examples: Sequence[TaggedSentence], predicted: Sequence[Sequence[str]]
) -> dict[str, float]:
    """The accuracy over all words, and over the words that are cut into pieces."""
    right, right_cut = [], []
    for example, tags in zip(examples, predicted, strict=True):
        for word, truth, guess in zip(*example, tags, strict=True):
            right.append(truth == guess)
            if len(tokenizer.tokenize(word)) > 1:
                right_cut.append(truth == guess)
    return {"all words": sum(right) / len(right), "cut words": sum(right_cut) / max(1, len(right_cut))}


def compare_pieces(seed: int) -> dict[str, dict[str, float]]:
    """The accuracy of models whose label is on the first, the last and all pieces, or slipped, and of baselines that
    have learned from the same lines."""
    data, tokenizer = NAMED["pos"].load(), WordPiece.load(weights.find_model_folder(MODEL))
    training, test = draw_sentences("pos", data.train, seed), data.test[::2]
    labels, rate, found = Tagging.list_labels(data.train), SETTINGS["pos"][1], {}
    for name in ("first", "last", "all", "slipped"):
        task = Tagging(tokenizer, labels, LENGTH, "first" if name == "slipped" else name)
        rows = task.make_rows(training)
        model = train_tagger(task, list(map(slip_labels, rows)) if name == "slipped" else rows, rate, seed)
        found[name] = [prediction["tags"] for prediction in task.predict(model, test)]
    found["dictionary"] = tag_by_dictionary(training, test)
    found["dictionary, lower case"] = tag_by_dictionary(lower_words(training), lower_words(test))
    found["perceptron"] = tag_with_perceptron(training, test)
    found["perceptron, lower case"] = tag_with_perceptron(lower_words(training), lower_words(test))
    return {name: count_right(tokenizer, test, tags) for name, tags in found.items()}


def compare_all_lines(seed: int) -> dict[str, dict[str, float]]:
    """The accuracy on all test lines of perceptrons that have learned from all training lines, with and without
    capitals. `finetune pos` has the model's."""
    data, tokenizer = NAMED["pos"].load(), WordPiece.load(weights.find_model_folder(MODEL))
    found = {"perceptron": tag_with_perceptron(data.train, data.test, seed)}
    found["perceptron, lower case"] = tag_with_perceptron(lower_words(data.train), lower_words(data.test), seed)
    return {name: count_right(tokenizer, data.test, tags) for name, tags in found.items()}


# ---- Names -----------------------------------------------------------------------------------------------------------


def score_sides(
    predict: Callable[[Sequence[TaggedSentence]], list[dict]],
    silver: Sequence[TaggedSentence],
    annotated: Sequence[TaggedSentence],
    by_rule: Sequence[tuple[list[str], bool]],
) -> dict[str, float]:
    """F1 on silver sentences, and on those that a language model annotated: all of them; those that the rules explain,
    by the annotation and by the rules; and the others. `by_rule` is what `tag_names` says of each annotated one."""
    predicted = {"silver": predict(silver), "annotated": predict(annotated)}
    tags = {name: [one["tags"] for one in many] for name, many in predicted.items()}
    kept = [number for number, (_, explained) in enumerate(by_rule) if explained]
    others = [number for number, (_, explained) in enumerate(by_rule) if not explained]
    truth, rules = [example.tags for example in annotated], [tags for tags, _ in by_rule]

    def score(expected: Sequence, guesses: Sequence, chosen: Sequence[int]) -> float:
        return score_entities([list(expected[i]) for i in chosen], [list(guesses[i]) for i in chosen])["f1"]

    return {
        "silver": score([example.tags for example in silver], tags["silver"], range(len(silver))),
        "annotated": score(truth, tags["annotated"], range(len(annotated))),
        "explained, by annotation": score(truth, tags["annotated"], kept),
        "explained, by rules": score(rules, tags["annotated"], kept),
        "not explained": score(truth, tags["annotated"], others),
    }


def score_invented(
    predict: Callable[[Sequence[TaggedSentence]], list[dict]], annotated: Sequence[TaggedSentence], seed: int
) -> dict[str, float]:
    """The share of words that are called names, invented ones and those that they replaced; for names also the share
    with the right type."""
    names, nouns = plant_names(annotated, seed), plant_nouns(annotated, seed)
    original = [prediction["tags"] for prediction in predict(annotated)]

    def get_tags(planted: Sequence[Planted]) -> list[str]:
        return get_planted_tags(planted, predict([one.sentence for one in planted]))

    def share_names(tags: Sequence[str]) -> float:
        return sum(tag != "O" for tag in tags) / len(tags)

    tags = get_tags(names)
    typed = sum(tag[2:] == one.sentence.tags[one.position][2:] for one, tag in zip(names, tags, strict=True))
    return {
        "in place of a name": share_names(tags),
        "with the right type": typed / len(names),
        "in place of a noun": share_names(get_tags(nouns)),
        "in place of a name, shuffled": share_names(get_tags(shuffle_context(names, seed))),
        "in place of a noun, shuffled": share_names(get_tags(shuffle_context(nouns, seed))),
        "the name itself": share_names([original[one.origin][one.replaced] for one in names]),
        "the noun itself": share_names([original[one.origin][one.replaced] for one in nouns]),
    }


def compare_names(seed: int) -> dict[str, dict[str, float]]:
    """A model and a perceptron that have learned from the same silver names, judged on silver and on annotated ones."""
    data, tokenizer = NAMED["names"].load(), WordPiece.load(weights.find_model_folder(MODEL))
    training, silver = draw_sentences("names", data.train, seed), data.dev[::4]
    known = collect_known_names(list_open_articles())
    by_rule = [tag_names(example.words, known) for example in data.test]
    task = Tagging(tokenizer, Tagging.list_labels(data.train), LENGTH)
    model = train_tagger(task, task.make_rows(training), SETTINGS["names"][1], seed)

    def predict(examples: Sequence[TaggedSentence]) -> list[dict]:
        return task.predict(model, examples)

    perceptron = fit_perceptron([example.words for example in training], [example.tags for example in training])

    def predict_with_perceptron(examples: Sequence[TaggedSentence]) -> list[dict]:
        return [{"tags": perceptron.tag(example.words)} for example in examples]

    blind = tag_with_perceptron(lower_words(training), lower_words(data.test))
    by_dictionary = tag_by_dictionary(training, data.test, entities=True)
    truth = [example.tags for example in data.test]
    return {
        "model": score_sides(predict, silver, data.test, by_rule) | score_invented(predict, data.test, seed),
        "perceptron": score_sides(predict_with_perceptron, silver, data.test, by_rule),
        "perceptron, lower case": {"annotated": score_entities(truth, blind)["f1"]},
        "dictionary": {"annotated": score_entities(truth, by_dictionary)["f1"]},
    }


def train_on_few(seed: int) -> dict[str, dict[str, float]]:
    """F1 on the annotated names of our loop and of the Trainer, from as few sentences as notebook 11 gives the loops of
    transformers. The sentences are the same for all seeds."""
    data, tokenizer = NAMED["names"].load(), WordPiece.load(weights.find_model_folder(MODEL))
    task = Tagging(tokenizer, Tagging.list_labels(data.train), LENGTH)
    rows, scores = task.make_rows(draw_sentences("few", data.train, 0)), {}
    for name, train_model in (("model", train_tagger), ("Trainer", train_by_trainer)):
        model = train_model(task, rows, SETTINGS["few"][1], seed)
        scores[name] = {"annotated": task.score(data.test, task.predict(model, data.test))["f1"]}
    return scores


PARTS = {"pos": compare_pieces, "names": compare_names, "few": train_on_few, "all": compare_all_lines}


def append_scores(results: dict[str, dict[str, list[float]]], scores: dict[str, dict[str, float]]) -> None:
    """Add the scores of another seed to the lists of those before."""
    for name, own in scores.items():
        for score, value in own.items():
            results.setdefault(name, {}).setdefault(score, []).append(round(value, 4))


def count_seeds(results: dict[str, dict[str, list[float]]]) -> int:
    """For how many seeds there are scores."""
    return min((len(values) for scores in results.values() for values in scores.values()), default=0)


def main(arguments: list[str]) -> None:
    file = Path(arguments[0])
    results = read_json(file) if file.exists() else {}
    results |= {"command": "python -m bertlab.bench.tagging data/tagging.json", "seeds": list(SEEDS)}
    for part, compare in PARTS.items():
        sentences, rate = SETTINGS[part]
        found = results.setdefault(part, {"sentences": sentences, "learning_rate": rate, "scores": {}})["scores"]
        for seed in SEEDS[count_seeds(found) :]:
            print(f"{part}, seed {seed}", flush=True)
            append_scores(found, compare(seed))
            write_json(file, results)


if __name__ == "__main__":
    main(sys.argv[1:])
